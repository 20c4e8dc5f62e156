"""Coasts: the orbit while flight software sleeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import alone, side_by_side_awake
from perilune.dynamics.rigid_body import RigidBody
from perilune.moon.frames import lfme_from_lci, moon_orientation
from perilune.moon.terrain import spherical_terrain
from perilune.sim import fly as sim
from perilune.sim.coast import Orbit, coasted_orbit, fallen_orbit, height_m, trail
from perilune.sim.outcome import Outcome

# RK4 in steps of 10 s over one orbit of 6,500 s, there and back: twice the step error of 1e-4 m that the model states.
THERE_AND_BACK_M = 2e-4
# The part of a step that is left over at the end of a coast is of another length; the error is that of a step.
SPLIT_M = 2e-4
# Energy about the point mass is not kept: what the field beside it (degree 2: 3e-4 of it) exchanges over an orbit.
ENERGY_SHARE = 1e-3
ROUNDING_M = 1e-6
# Where the bisection stops: a tenth of a second halved twelve times, 4 cm along the way and a centimetre of height.
ON_THE_GROUND_M = 0.05
# The orbit is led to the ground by steps of two lengths: the step error of THERE_AND_BACK_M, and 25 us at 1.7 km/s.
SAME_PLACE_M = 0.1
# Enough velocity taken out to bring the orbit's lowest point (18 km) below any ground.
FALL_M_S = 30.0


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


def test_a_coast_moves_the_orbit_and_nothing_else(luna, coasted, programs):
    """Attitude held against the stars, no rates, nothing felt, no propellant."""
    ticks = 20_000
    fleet = alone(luna, 0, (), programs)
    states = programs(sim.start, fleet, jnp.asarray(0))
    before, after = (each.world for each in (states, programs(sim.sleep, fleet, states, jnp.asarray(0), jnp.asarray(ticks))))
    first, came = (jax.tree.map(lambda leaf: leaf[0], Orbit(each.body.r_lci_m, each.body.v_lci_m_s)) for each in (before, after))
    # Another program of the same steps: rounding.
    assert apart_m(came, coasted(first, 0.0, ticks * float(luna.mission.tick_s))) < ROUNDING_M
    same = ("propellant_kg", "propulsion", "slosh", "gear", "sensors", "devices_on", "touch")
    assert all(eqx.tree_equal(getattr(before, name), getattr(after, name)) for name in same)
    assert eqx.tree_equal(before.body.q_lci_body, after.body.q_lci_body)
    still = jax.tree.leaves((after.body.omega_body_lci_rad_s, after.increments.delta_v_body_m_s, after.increments.delta_theta_body_rad))
    assert not np.any(np.asarray(still))
    # What sensors will see is of the new place and time.
    assert eqx.tree_equal(after.seen.r_lci_m, after.body.r_lci_m)
    assert np.all(np.asarray(after.altitude_m) != np.asarray(before.altitude_m))


@pytest.fixture(scope="module")
def falling(coasted, orbit) -> Orbit:
    """From half an orbit away, where it is highest, on a way that meets the ground."""
    high = coasted(orbit, 0.0, 3400.0)
    return Orbit(high.r_lci_m, high.v_lci_m_s * (1.0 - FALL_M_S / float(high.v_lci_m_s.norm())))


@pytest.fixture(scope="module")
def side_by_side(world, falling, orbit):
    """One batch, two orbits: one that meets the ground and one that does not."""
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), falling, Orbit(orbit.r_lci_m, orbit.v_lci_m_s))
    program = eqx.filter_jit(eqx.filter_vmap(fallen_orbit, in_axes=(None, 0, None, None)))
    return program(world, both, jnp.asarray(3400.0), jnp.asarray(20_000.0))


@pytest.fixture(scope="module")
def fallen(side_by_side):
    return jax.tree.map(lambda leaf: leaf[0], side_by_side)


def test_who_stays_aloft_beside_one_that_falls_coasts_as_alone(side_by_side, orbit, coasted):
    other, passed_s, struck = jax.tree.map(lambda leaf: leaf[1], side_by_side)
    assert not bool(struck)
    assert float(passed_s) == 20_000.0
    assert apart_m(other, coasted(orbit, 3400.0, 20_000.0)) < SAME_PLACE_M


def test_a_coast_ends_on_the_ground(world, falling, fallen, coasted):
    ground, passed_s, struck = fallen
    assert bool(struck)
    assert 1000.0 < float(passed_s) < 3400.0
    assert abs(float(height_m(world, 3400.0 + passed_s, ground))) < ON_THE_GROUND_M
    assert apart_m(coasted(falling, 3400.0, float(passed_s)), ground) < SAME_PLACE_M


def test_it_was_above_the_ground_until_then(world, falling, fallen):
    """Looked at every minute, by the record's own trail."""
    end_s = 3400.0 + float(fallen[1])
    _, rows = eqx.filter_jit(trail)(world, falling, jnp.asarray(3400.0), jnp.asarray(end_s))
    assert np.all(np.asarray(rows["altitude_m"])[np.asarray(rows["met_s"]) < end_s] > 0.0)
    assert abs(float(rows["altitude_m"][-1])) < SAME_PLACE_M
    assert float(rows["met_s"][-1]) == end_s


def test_ground_is_met_in_the_middle_of_a_step(world):
    """Straight down onto a sphere: the time of a fall in uniform gravity, to a share that gravity's growth over 100 m explains."""
    plain = eqx.tree_at(lambda w: (w.terrain, w.gravity.field), world, (spherical_terrain(0.0), world.gravity.field.truncated(2)))
    q_lci_lfme = moon_orientation(plain.ephemeris, jnp.asarray(0.0)).q_lfme_lci.inverse()
    up = q_lci_lfme @ world.site.r_origin_lfme_m.unit()
    above = Orbit(up * (1_737_400.0 + 100.0), up * -20.0)
    ground, passed_s, struck = eqx.filter_jit(fallen_orbit)(plain, above, jnp.asarray(0.0), jnp.asarray(60.0))
    gravity_m_s2 = 4.9028e12 / 1_737_450.0**2
    expected_s = (-20.0 + (20.0**2 + 2.0 * gravity_m_s2 * 100.0) ** 0.5) / gravity_m_s2
    assert bool(struck)
    assert float(passed_s) == pytest.approx(expected_s, rel=1e-3)
    assert float(ground.r_lci_m.norm()) == pytest.approx(1_737_400.0, abs=ON_THE_GROUND_M)


def test_a_lander_that_falls_has_its_verdict_and_another_flies_on(luna, world, falling, orbit, fallen, programs):
    """By the program of a single flight."""
    ticks = 200_000
    fleet = alone(luna, 0, (), programs)
    first = jnp.asarray(34_000)
    start = programs(sim.start, fleet, first)

    def slept(way: Orbit):
        placed = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], way)
        body = RigidBody(placed.r_lci_m, placed.v_lci_m_s, start.world.body.q_lci_body, start.world.body.omega_body_lci_rad_s)
        return programs(sim.sleep, fleet, eqx.tree_at(lambda s: s.world.body, start, body), first, first + ticks)

    after, aloft = slept(falling), slept(orbit)
    verdict = jax.tree.map(np.asarray, after.verdict)
    assert [Outcome(int(each.verdict.outcome[0])) for each in (after, aloft)] == [Outcome.CRASHED, Outcome.FLYING]
    assert [bool(each.verdict.touched[0]) for each in (after, aloft)] == [True, False]
    assert sim.all_over(after) and not sim.all_over(aloft)
    # Its own ground (the seed draws relief), but within the minute that a kilometre of relief makes.
    assert verdict.contact.met_s[0] == pytest.approx(3400.0 + float(fallen[1]), abs=60.0)
    assert verdict.end_met_s[0] == verdict.contact.met_s[0]
    assert abs(float(after.world.altitude_m[0])) < 1.0
    r, v = jax.tree.map(lambda a: a[0], (after.world.body.r_lci_m, after.world.body.v_lci_m_s))
    _, over_ground = lfme_from_lci(moon_orientation(world.ephemeris, jnp.asarray(verdict.contact.met_s[0])), r, v)
    speed = np.hypot(verdict.contact.vertical_m_s[0], verdict.contact.horizontal_m_s[0])
    assert speed == pytest.approx(float(over_ground.norm()), rel=1e-9)
    assert 10.0 < verdict.contact.vertical_m_s[0] < 100.0
    # A second coast does not move what lies on the ground.
    again = programs(sim.sleep, fleet, after, first + ticks, first + 2 * ticks)
    lying = jax.tree.map(lambda a, b: np.array_equal(a[0], b[0], equal_nan=True), after.world, again.world)
    assert all(jax.tree.leaves(lying))


def test_who_is_aloft_at_the_end_falls_few_at_a_time(luna, programs, monkeypatch):
    """Each with its own; who has a verdict is left alone."""
    monkeypatch.setattr(sim, "FEW", 2)
    woken = side_by_side_awake(luna, [5, 6, 7, 8], {}, programs)
    fleet, states = woken.fleet, woken.awake
    outcomes = jnp.asarray([Outcome.FLYING, Outcome.LANDED, Outcome.FLYING, Outcome.FLYING])
    states = eqx.tree_at(lambda s: s.verdict.outcome, states, outcomes.astype(states.verdict.outcome.dtype))
    asked = []

    def call(function, few, some, first, last):
        assert function is sim.sleep and (int(first), int(last)) == (luna.phases[-1].start_tick, luna.phases[-1].end_tick)
        asked.append(few.seeds.tolist())
        return eqx.tree_at(lambda s: s.world.altitude_m, some, some.world.altitude_m + few.seeds)

    after = sim.fallen(fleet, states, luna.phases[-1], call)
    assert asked == [[5, 7], [8, 8]]
    assert (after.world.altitude_m - states.world.altitude_m).tolist() == [5.0, 0.0, 7.0, 8.0]
