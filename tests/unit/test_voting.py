"""The vote among inertial units: the middle of three, the better of two, and what cannot be told."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.campaign.overlay import with_settings
from perilune.fsw.navigation.belief import StarTrackerBelief
from perilune.fsw.star_check import StarCheck
from perilune.fsw.voting import REPEATS, Voting, VotingState
from perilune.math.random import stream_of_seed
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import Vec3, vec3
from perilune.scenario.build import build
from perilune.scenario.build_watch import voting
from perilune.scenario.build_world import imu_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load
from perilune.sim.channels import _vote
from perilune.sim.recording import CHANNELS
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, StarTrackerReading, VelocimeterReading

CYCLE_S, CONFIRM_S, PUSH_M_S = 0.1, 1.0, 0.3
CYCLES = round(CONFIRM_S / CYCLE_S)
NOISE = np.array([1e-4, 1e-6])  # of an increment
ACCELEROMETERS, GYROS = 0, 1
# 10 and 60 arcsec, about the axis of the push.
HEAD = StarTrackerBelief(vec3((0.0, 0.0, 1.0)), 4.85e-5, 2.9e-4, 0.0)


def voting_of(units: int) -> Voting:
    return Voting(
        bias_per_s=jnp.zeros(2),
        walk_per_sqrt_s=jnp.asarray(NOISE) / CYCLE_S**0.5,
        quantum=jnp.zeros(2),
        scale=jnp.zeros(2),
        tilt_rad=jnp.zeros(2),
        sigmas=6.0,
        confirm_s=CONFIRM_S,
        push_margin=0.12,
        cycle_s=CYCLE_S,
        star_check=StarCheck(6.0),
        units=units,
    )


@eqx.filter_jit
def voted(vote: Voting, told: jax.Array, angles_rad: jax.Array, ordered_m_s: jax.Array):
    """A flight in one program: readings [cycles, units, triads, 3], and the angle about z by the stars, heard every fifth cycle."""
    nothing, yes = jnp.zeros(()), jnp.asarray(True)
    idle = VelocimeterReading(jnp.zeros(0), jnp.zeros(0), jnp.zeros(0, dtype=bool))

    def cycle(state, now):
        number, readings, angle_rad = now
        first, *others = (ImuReading(Vec3(*unit[0]), Vec3(*unit[1]), yes) for unit in readings)
        q_lci_body = from_rotation_vector(Vec3(nothing, nothing, angle_rad), "lci", "body")
        heard = StarTrackerReading(q_lci_body, number % 5 == 0)
        seen = Measurements(nothing, first, heard, RangeReading(nothing, ~yes), idle, jnp.zeros(4, dtype=bool), nothing, tuple(others))
        state, used, doubt_rad = vote.step(state, seen, Vec3(nothing, nothing, ordered_m_s), HEAD)
        return state, (jnp.stack([used.delta_v_body_m_s.array(), used.delta_theta_body_rad.array()]), doubt_rad)

    return jax.lax.scan(cycle, vote.init(), (jnp.arange(len(told)), told, angles_rad))


class Flown(NamedTuple):
    vote: Voting
    state: VotingState
    counted: np.ndarray  # velocity and angle in all
    doubt_rad: float  # most in a cycle


def flown(units: int, cycles: int, told, ordered_m_s: float = PUSH_M_S, turn_rad: float = 0.0) -> Flown:
    """Pushed along z and turning about z; `told` changes the readings [units, triads, 3] of a cycle."""
    vote, chance, rows = voting_of(units), np.random.default_rng(4), []
    for number in range(cycles):
        readings = chance.normal(size=(units, 2, 3)) * NOISE[:, None]
        readings[:, 0, 2] += ordered_m_s
        readings[:, 1, 2] += turn_rad
        rows.append(told(number, readings))
    angles_rad = turn_rad * jnp.arange(1.0, cycles + 1.0)
    state, (used, doubt_rad) = voted(vote, jnp.asarray(np.stack(rows)), angles_rad, jnp.asarray(ordered_m_s))
    return Flown(vote, state, np.asarray(used).sum(axis=0), float(jnp.max(doubt_rad)))


def dead(unit: int, triad: int, since: int = 20):
    def told(cycle, readings):
        if cycle >= since:
            readings[unit, triad] = 0.0
        return readings

    return told


def added(unit: int, triad: int, more: float, since: int = 20):
    def told(cycle, readings):
        if cycle >= since:
            readings[unit, triad, 1] += more
        return readings

    return told


def aside(flight: Flown) -> list[tuple[int, int]]:
    return [(int(unit), int(triad)) for unit, triad in np.argwhere(flight.state.set_aside)]


def undecided(flight: Flown) -> list[bool]:
    return flight.vote.report(flight.state).undecided.tolist()


@pytest.mark.parametrize("units", [2, 3])
def test_sound_units_are_left_alone(units):
    flight = flown(units, 1000, lambda cycle, readings: readings, turn_rad=1e-3)
    assert aside(flight) == [] and not np.any(undecided(flight)) and flight.doubt_rad == 0.0


def test_of_three_the_middle_of_each_axis_is_used():
    told = np.array([[[1.0, 5.0, 3.0], [7.0, 8.0, 9.0]], [[2.0, 4.0, 9.0], [9.0, 7.0, 8.0]], [[3.0, 6.0, 1.0], [8.0, 9.0, 7.0]]])
    assert flown(3, 1, lambda cycle, readings: told).counted.tolist() == [[2.0, 5.0, 3.0], [8.0, 8.0, 8.0]]


@pytest.mark.parametrize("unit", range(3))
@pytest.mark.parametrize("triad", [ACCELEROMETERS, GYROS])
def test_of_three_one_is_outvoted_wherever_it_stands_and_nothing_is_missed(unit, triad):
    flight = flown(3, 200, added(unit, triad, 30.0 * NOISE[triad]))
    assert aside(flight) == [(unit, triad)]
    # Six sigma of two hundred draws; the fault would have added 5,400 of one.
    assert np.all(np.abs(flight.counted - [[0.0, 0.0, 200 * PUSH_M_S], [0.0] * 3]) < 6.0 * 200**0.5 * NOISE[:, None])


@pytest.mark.parametrize("unit", range(2))
def test_of_two_the_accelerometers_that_are_off_their_orders_are_set_aside_and_nothing_is_missed(unit):
    flight = flown(2, 200, dead(unit, ACCELEROMETERS))
    assert aside(flight) == [(unit, ACCELEROMETERS)] and flight.doubt_rad == 0.0
    assert flight.counted[0, 2] == pytest.approx(200 * PUSH_M_S, abs=6.0 * 200**0.5 * NOISE[0])


@pytest.mark.parametrize("unit", range(2))
def test_of_two_the_gyros_that_repeat_themselves_are_set_aside(unit):
    """What was missed while they were used is told as doubt."""
    turn_rad = 1e-3
    flight = flown(2, 200, dead(unit, GYROS), turn_rad=turn_rad)
    assert aside(flight) == [(unit, GYROS)]
    # It must repeat itself, then be suspect for as long as it takes; in the cycle in which it falls the other is used.
    missed_rad = (REPEATS + CYCLES - 1) * turn_rad if unit == 0 else 0.0
    assert flight.counted[1, 2] == pytest.approx(200 * turn_rad - missed_rad, abs=6.0 * 200**0.5 * NOISE[1])
    assert flight.doubt_rad == pytest.approx(missed_rad, abs=6.0 * 40**0.5 * NOISE[1])


@pytest.mark.parametrize("unit", range(2))
def test_of_two_gyros_the_one_that_the_stars_contradict_is_set_aside(unit):
    """1e-4 rad/s, across the boresight: six sigma of two readings, 0.41 mrad, after 4.1 s and the next stars; and the confirmation."""
    flight = flown(2, 200, added(unit, GYROS, 1e-5))
    assert aside(flight) == [(unit, GYROS)]
    used = 45 + CYCLES  # at the most
    assert abs(flight.counted[1, 1]) < (used * 1e-5 if unit == 0 else 0.0) + 6.0 * 200**0.5 * NOISE[1]
    assert flight.doubt_rad == pytest.approx(abs(flight.counted[1, 1]) if unit == 0 else 0.0, abs=6.0 * 200**0.5 * NOISE[1])


@pytest.mark.parametrize("unit", range(2))
def test_of_two_accelerometers_with_a_small_bias_nothing_tells_which_and_the_first_is_kept(unit):
    """0.01 m/s2 of 3: within what is known of the thrust."""
    flight = flown(2, 200, added(unit, ACCELEROMETERS, 1e-3))
    assert aside(flight) == []
    assert undecided(flight) == [True, False]
    assert flight.counted[0, 1] == pytest.approx(180e-3 if unit == 0 else 0.0, abs=6.0 * 200**0.5 * NOISE[0])


def test_without_thrust_silence_is_no_fault():
    """The one that feels pulses is not taken for the one that is off its orders."""
    assert aside(flown(2, 200, dead(0, ACCELEROMETERS), ordered_m_s=0.0)) == []


def test_after_one_of_three_the_two_left_vote_as_two():
    def told(cycle, readings):
        return dead(1, ACCELEROMETERS, since=80)(cycle, dead(0, ACCELEROMETERS)(cycle, readings))

    flight = flown(3, 200, told)
    assert aside(flight) == [(0, ACCELEROMETERS), (1, ACCELEROMETERS)]
    assert flight.counted[0, 2] == pytest.approx(200 * PUSH_M_S, abs=6.0 * 200**0.5 * NOISE[0])


def test_units_that_are_all_silent_agree():
    """One switch, or one lost command, for all of them: no vote helps."""
    flight = flown(3, 100, lambda cycle, readings: 0.0 * readings)
    assert aside(flight) == [] and flight.counted[0, 2] == 0.0


SETTINGS = {"flight_software.voting": {"source": "design", "disagree_sigmas": 6, "confirm_s": 1}}


def test_limits_come_from_the_units_errors():
    """Luna-25's at rest: bias 50 ug, walk 30 ug/sqrt(Hz), counts of 0.3 mm/s."""
    vote = voting(with_settings(load("luna-25"), {"sensors.imu.units": 3, **SETTINGS}))
    assert vote is not None and vote.units == 3
    share = 0.1 / 1.1
    g = 9.80665e-6
    at_rest = (50 * g * 0.1) ** 2 + ((30 * g) ** 2 * 0.1 + 3e-4**2 / 6.0) * share / (2.0 - share)
    assert np.asarray(vote._variance(jnp.zeros((2, 3))))[0] == pytest.approx([at_rest] * 3)


FLEET, TURN_RAD = 4000, 0.01


def test_sound_units_differ_by_what_is_said():
    """Luna-25's, pushed and turned on one axis; no bias walks, so each pair of units is one draw: five standard errors of a variance."""
    file = with_settings(load("luna-25"), {"sensors.imu.units": 2, **SETTINGS})
    vote, unit = voting(file), imu_of(file.sensors)
    assert vote is not None
    share = CYCLE_S / (CONFIRM_S + CYCLE_S)

    def mean_of(stream):
        def cycle(carry, tick):
            states, means = carry
            told = [triad.counted(states[k], motion[k], CYCLE_S, stream.named(names[k]).at(tick)) for k, triad in enumerate(triads)]
            new = jnp.stack([increment.array() for _, increment in told])
            return (tuple(state for state, _ in told), means + (new - means) * share), None

        names, triads = ("accelerometers", "gyros"), (unit.accelerometers, unit.gyros)
        start = tuple(triad.init(stream.named(name)) for name, triad in zip(names, triads, strict=True))
        return jax.lax.scan(cycle, (start, jnp.zeros((2, 3))), jnp.arange(200))[0][1]

    zero = jnp.zeros(())
    motion = (Vec3(zero, zero, jnp.asarray(PUSH_M_S)), Vec3(zero, jnp.asarray(TURN_RAD), zero))
    means = np.asarray(jax.jit(jax.vmap(lambda seed: mean_of(stream_of_seed(seed))))(jnp.arange(FLEET)))
    said = np.asarray(vote._variance(jnp.stack([part.array() for part in motion])))
    share_of_said = np.var(means, axis=0) / said
    # Rounding to counts is no white noise: it takes itself back in the next cycle, and the accelerometers are said to be worse than they are.
    assert np.abs(share_of_said[1] - 1.0).max() < 5.0 * (2.0 / FLEET) ** 0.5
    assert share_of_said[0].min() > 0.7 and share_of_said[0].max() < 1.0 + 5.0 * (2.0 / FLEET) ** 0.5


def test_what_a_vote_reports_has_its_lines_in_a_recording():
    assert set(_vote(voting_of(3).report(voting_of(3).init()))) <= set(CHANNELS)


def shape_of(tree) -> list[str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [f"{jax.tree_util.keystr(path)}: {jnp.result_type(leaf)}{jnp.shape(leaf)}" for path, leaf in leaves]


def test_one_unit_is_what_it_was_without_the_key(luna):
    """The same tree is the same program; a lander that does not vote does not pay."""
    told = build(with_settings(load("luna-25"), {"sensors.imu.units": 1}))
    assert jax.tree.structure(told.mission) == jax.tree.structure(luna.mission)
    assert shape_of(told.mission) == shape_of(luna.mission)
    assert not [path for path in shape_of((luna.mission, luna.mission.fsw.init(jnp.zeros(())))) if "vot" in path or "spare" in path]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sensors.imu.units": 4}, r"sensors.imu.units is 4"),
        (SETTINGS, r"flight_software.voting has one inertial unit to choose from; give sensors.imu.units = 2 or 3"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ScenarioError, match=said):
        with_settings(load("luna-25"), settings)
