"""Does the plant move a lander as the equations say? Free flight against the orbit integrator; a burn against the rocket equation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import G0_M_S2
from perilune.math.random import stream_of_seed
from perilune.math.vector import zero_vec3
from perilune.sim.coast import Orbit, coasted_orbit
from perilune.world import plant
from perilune.world.plant import LANDERS

TICKS = 600
# The midpoint rule at 50 ms against RK4 at 10 s: (omega dt)^2 / 24 of the way of 100 km is 8e-6 m; the rest is round-off of 1.8e6 m.
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


# Against substeps of 3 ms, after a minute of the main engine with two thrusters pulsed in turn: 1.4e-7 rad, 2.6e-6 m/s felt, 1.7e-4 m/s;
# the limits are about twice that. Under the commands of 512 closed loops, braking: 9e-6 rad, 4e-5 m/s felt and 2e-3 m/s (medians), where
# the star tracker is good to 5e-5 rad and the accelerometers' noise makes 2e-3 m/s.
ATTITUDE_LIMIT_RAD, FELT_LIMIT_M_S, SPEED_LIMIT_M_S = 3e-7, 6e-6, 4e-4
FINE_SUBSTEPS = 32
# Errors of second order fall to a quarter; what the next order adds, and what the fine steps themselves are off, is less than 15 %.
ORDER_BAND = (3.4, 4.6)


def rocked(mission, substeps: int):
    """A minute of free motion in so many substeps a tick: the body at its end, and the velocity felt on the way."""
    world = mission.world
    quiet = mission.fsw.init(0.0).commands
    burn = eqx.tree_at(lambda c: c.throttle, quiet, jnp.asarray([1.0, 0.0, 0.0]))
    start = world.init(mission.start, mission.propellant_kg, stream_of_seed(0), 0)

    def tick(carry, number):
        state, felt = carry
        # Two thrusters in turn, a second each, 2 s apart: it rocks without winding up.
        first, second = (0.02 * ((number // 10) % 4 == turn) for turn in (0, 2))
        commands = eqx.tree_at(lambda c: c.thruster_on_s, burn, burn.thruster_on_s.at[0].set(first).at[1].set(second))
        held = world._held(state, world._perturbation(state.body, number * world.tick_s))
        motion = plant._Motion(state.body, state.propellant_kg, state.propulsion, state.slosh, felt, zero_vec3())
        orders = world.propulsion.ordered(state.propulsion, commands, (0.0, world.tick_s), world.tick_s / substeps)
        end = world._free_tick(motion, orders, held)
        state = eqx.tree_at(
            lambda s: (s.body, s.propellant_kg, s.propulsion, s.slosh), state, (end.body, end.propellant_kg, end.propulsion, end.slosh)
        )
        return (state, end.delta_v_body_m_s), None

    state, felt = jax.lax.scan(tick, (start, zero_vec3()), jnp.arange(TICKS))[0]
    return state.body, felt


def apart(a, b) -> float:
    return float(np.sqrt(sum(float(x - y) ** 2 for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))))


def test_substeps_are_fine_enough_and_of_second_order(luna, monkeypatch):
    ends = {}
    for substeps in (plant.SUBSTEPS, 2 * plant.SUBSTEPS, FINE_SUBSTEPS):
        monkeypatch.setattr(plant, "SUBSTEPS", substeps)
        ends[substeps] = eqx.filter_jit(lambda mission, n=substeps: rocked(mission, n))(luna.mission)
    monkeypatch.undo()
    fine, felt_fine = ends[FINE_SUBSTEPS]
    body, felt = ends[plant.SUBSTEPS]
    turned = [2.0 * apart(ends[n][0].q_lci_body, fine.q_lci_body) for n in (plant.SUBSTEPS, 2 * plant.SUBSTEPS)]
    assert float(fine.omega_body_lci_rad_s.norm()) > 0.01  # it does rock
    assert turned[0] < ATTITUDE_LIMIT_RAD and ORDER_BAND[0] < turned[0] / turned[1] < ORDER_BAND[1]
    assert apart(felt, felt_fine) < FELT_LIMIT_M_S
    assert apart(body.v_lci_m_s, fine.v_lci_m_s) < SPEED_LIMIT_M_S
