"""Does the plant move a lander as the equations say? Free flight against the orbit integrator; a burn against the rocket equation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import G0_M_S2
from perilune.sim.coast import Orbit, coasted_orbit
from perilune.world.plant import LANDERS

TICKS = 600
# The midpoint rule at 25 ms against RK4 at 10 s: (omega dt)^2 / 24 of the way of 100 km is 2e-6 m; the rest is round-off of 1.8e6 m.
FREE_FLIGHT_LIMIT_M = 1e-4
# Thrust is integrated exactly over its lag, mass is held over a tick: half a tick of flow, (0.05 s * 1.5 kg/s) / 1300 kg of the velocity.
BURN_LIMIT = 1e-4


@pytest.fixture(scope="module")
def flown(luna):
    """A minute of free flight and a minute of the main engine, in one batch of two."""
    mission = luna.mission
    quiet = mission.fsw.init(0.0).commands
    burn = eqx.tree_at(lambda c: c.throttle, quiet, jnp.asarray([1.0, 0.0, 0.0]))
    commands = jax.tree.map(lambda a, b: jnp.stack([a, b]), quiet, burn)

    @eqx.filter_jit
    def fly(mission, commands):
        def one(mine):
            from perilune.math.random import stream_of_seed

            start = mission.world.init(mission.start, mission.propellant_kg, stream_of_seed(0), 0)

            def tick(state, number):
                return mission.world.advance(state, mine, stream_of_seed(0), number), None

            return start, jax.lax.scan(tick, start, jnp.arange(TICKS))[0]

        return jax.vmap(one, axis_name=LANDERS)(commands)

    return fly(mission, commands)


def test_free_flight_is_the_orbit(luna, flown):
    _, end = flown
    mission = luna.mission
    start = Orbit(mission.start.r_lci_m, mission.start.v_lci_m_s)
    expected = eqx.filter_jit(coasted_orbit)(mission.world, start, jnp.asarray(0.0), jnp.asarray(TICKS * 0.1))
    pairs = zip(jax.tree.leaves(end.body.r_lci_m), jax.tree.leaves(expected.r_lci_m), strict=True)
    error_m = np.sqrt(sum(float(a[0] - b) ** 2 for a, b in pairs))
    assert error_m < FREE_FLIGHT_LIMIT_M


def test_free_flight_feels_nothing(flown):
    _, end = flown
    assert max(abs(float(c[0])) for c in jax.tree.leaves(end.increments.delta_v_body_m_s)) == 0.0


def test_a_burn_gains_what_the_rocket_equation_says(luna, flown):
    """Felt along the body over the last tick: thrust over mass; and the propellant gone is the flow times the time, less the start-up."""
    start, end = flown
    engines = luna.mission.world.propulsion.engines
    thrust_n, isp_s = float(engines.thrust_max_n[0]), float(engines.isp_s[0])
    flow_kg_s = thrust_n / (isp_s * G0_M_S2)
    burnt_kg = float(start.propellant_kg[1] - end.propellant_kg[1])
    assert burnt_kg == pytest.approx(flow_kg_s * (TICKS * 0.1 - float(engines.rise_tau_s[0])), rel=1e-6)
    mass_kg = float(luna.mission.world.mass.dry_kg + end.propellant_kg[1])
    gained_m_s = float(end.increments.delta_v_body_m_s.z[1])
    assert gained_m_s == pytest.approx(thrust_n / (mass_kg + 0.05 * flow_kg_s) * 0.1, rel=BURN_LIMIT)
