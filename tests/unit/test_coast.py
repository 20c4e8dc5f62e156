"""Coasts: the orbit while flight software sleeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.sim.coast import Orbit, coast, coasted_orbit

# RK4 in steps of 10 s over one orbit of 6,500 s, there and back: twice the step error of 1e-4 m that the model states.
THERE_AND_BACK_M = 2e-4
# The part of a step that is left over at the end of a coast is of another length; the error is that of a step.
SPLIT_M = 2e-4
# Energy about the point mass is not kept: what the field beside it (degree 2: 3e-4 of it) exchanges over an orbit.
ENERGY_SHARE = 1e-3


@pytest.fixture(scope="module")
def world(luna):
    return luna.mission.world


@pytest.fixture(scope="module")
def coasted(world):
    program = eqx.filter_jit(lambda orbit, start_s, duration_s: coasted_orbit(world, orbit, start_s, duration_s))
    return lambda orbit, start_s, duration_s: program(orbit, jnp.asarray(start_s), jnp.asarray(duration_s))


@pytest.fixture(scope="module")
def orbit(luna) -> Orbit:
    return Orbit(luna.mission.start.r_lci_m, luna.mission.start.v_lci_m_s)


def apart_m(one: Orbit, other: Orbit) -> float:
    return float((one.r_lci_m - other.r_lci_m).norm())


def test_there_and_back(coasted, orbit):
    there = coasted(orbit, 0.0, 6500.0)
    assert apart_m(there, orbit) > 1e3
    assert apart_m(coasted(there, 6500.0, -6500.0), orbit) < THERE_AND_BACK_M


def test_two_coasts_are_one(coasted, orbit):
    half = coasted(orbit, 0.0, 1234.5)
    assert apart_m(coasted(half, 1234.5, 765.5), coasted(orbit, 0.0, 2000.0)) < SPLIT_M


def test_no_time_is_no_way(coasted, orbit):
    assert apart_m(coasted(orbit, 0.0, 0.0), orbit) == 0.0


def test_energy_is_kept_but_for_the_lumps(coasted, orbit, world):
    def energy_m2_s2(now: Orbit) -> float:
        return float(0.5 * now.v_lci_m_s.norm_squared() - world.gravity.field.gm_m3_s2 / now.r_lci_m.norm())

    start = energy_m2_s2(orbit)
    assert energy_m2_s2(coasted(orbit, 0.0, 3250.0)) == pytest.approx(start, rel=ENERGY_SHARE)


def test_a_coast_moves_the_orbit_and_nothing_else(luna, world, coasted, orbit):
    """Attitude held against the stars, no rates, nothing felt, no propellant."""
    from perilune.math.random import stream_of_seed

    ticks = 20_000
    mission = luna.mission
    before = eqx.filter_jit(world.init)(mission.start, mission.propellant_kg, stream_of_seed(0), jnp.asarray(0))
    after = eqx.filter_jit(lambda state: coast(world, state, jnp.asarray(0), jnp.asarray(ticks)))(before)
    expected = coasted(orbit, 0.0, ticks * float(mission.tick_s))
    assert apart_m(Orbit(after.body.r_lci_m, after.body.v_lci_m_s), expected) == 0.0
    same = ("propellant_kg", "propulsion", "slosh", "gear", "sensors", "devices_on", "touch")
    assert all(eqx.tree_equal(getattr(before, name), getattr(after, name)) for name in same)
    assert eqx.tree_equal(before.body.q_lci_body, after.body.q_lci_body)
    still = jax.tree.leaves((after.body.omega_body_lci_rad_s, after.increments.delta_v_body_m_s, after.increments.delta_theta_body_rad))
    assert not np.any(np.asarray(still))
    # What sensors will see is of the new place and time.
    assert float((after.seen.r_lci_m - after.body.r_lci_m).norm()) == 0.0
    assert float(after.altitude_m) != float(before.altitude_m)
