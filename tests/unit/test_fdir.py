"""Monitors: what confirms, what acts, and what silent accelerometers are replaced by."""

import math

import equinox as eqx
import jax.numpy as jnp
import pytest

from perilune.fsw.fdir import Monitor, Monitors, MonitorState, MonitorView
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.wire.measurements import ImuReading

CONFIRM = 4
MONITORS = Monitors(
    confirm_cycles=jnp.full(len(Monitor), float(CONFIRM)),
    acts=jnp.ones(len(Monitor), dtype=bool),
    pads_needed=jnp.asarray(2.0),
    attitude_error_max_rad=jnp.asarray(0.3),
    turn_max_rad_s=jnp.asarray(0.2),
    cycle_s=jnp.asarray(0.1),
    propellant_min_kg=jnp.asarray(10.0),
    gauge_share=jnp.asarray(0.5),
    gauge_margin_kg=jnp.asarray(5.0),
    accel_share_min=jnp.asarray(0.5),
    repeats_max=jnp.asarray(30.0),
    burn_time_factor=jnp.asarray(1.2),
    ground_margin_m=jnp.asarray(50.0),
)


def askew(angle_rad: float) -> Vec3:
    return vec3((math.sin(angle_rad), 0.0, math.cos(angle_rad)))


step = eqx.filter_jit(MONITORS.step)


FLAG, NO = jnp.asarray(True), jnp.asarray(False)


def number(value: float):
    return jnp.asarray(value)


WELL = MonitorView(
    pads=number(0.0),
    axis_lci=askew(0.0),
    aim_lci=askew(0.0),
    flying=FLAG,
    propellant_kg=number(100.0),
    loaded_kg=number(100.0),
    high=FLAG,
    hovering_kg=number(30.0),
    accel_ordered_m_s2=number(2.0),
    accel_counted_m_s2=number(2.0),
    delta_v_body_m_s=zero_vec3(),
    burning=NO,
    burn_age_s=number(50.0),
    burn_expected_s=number(84.0),
    height_m=number(500.0),
    sink_m_s=number(1.5),
    descending=FLAG,
)
ILL = {
    Monitor.TOUCHDOWN: {"pads": number(2.0)},
    Monitor.ATTITUDE_DIVERGED: {"axis_lci": askew(0.4)},
    Monitor.PROPELLANT_LOW: {"propellant_kg": number(14.0)},
    Monitor.WEAK_THRUST: {"accel_counted_m_s2": number(0.9)},
    Monitor.BURN_TOO_LONG: {"burning": FLAG, "burn_age_s": number(101.0)},
}
SPARED = {
    Monitor.PROPELLANT_LOW: {"propellant_kg": number(8.0), "high": NO, "hovering_kg": number(4.0)},
    Monitor.ATTITUDE_DIVERGED: {"axis_lci": askew(0.4), "flying": NO},
    Monitor.TOUCHDOWN: {"pads": number(1.0)},  # one pad alone has no majority
    Monitor.WEAK_THRUST: {"accel_ordered_m_s2": number(0.01), "accel_counted_m_s2": number(0.0)},
    Monitor.BURN_TOO_LONG: {"burning": NO, "burn_age_s": number(101.0)},
    Monitor.GROUND_MISSING: {"height_m": number(-51.0), "sink_m_s": number(900.0), "descending": NO},
}


def stepped(cycles: int, alike: bool = False, **seen) -> MonitorState:
    """After a cycle in which all is well, a few of one view; velocities that differ a little, as real ones do, unless they are to be alike."""
    state = step(MONITORS.init(), WELL)
    for cycle in range(cycles):
        delta_v = vec3((0.0, 0.0, 0.2 if alike else 0.2 + 1e-3 * cycle))
        view = eqx.tree_at(lambda v: tuple(getattr(v, key) for key in ("delta_v_body_m_s", *seen)), WELL, (delta_v, *seen.values()))
        state = step(state, view)
    return state


@pytest.mark.parametrize("monitor", ILL, ids=lambda m: m.name)
def test_a_condition_counts_when_it_has_held_long_enough(monitor):
    assert not bool(stepped(CONFIRM - 1, **ILL[monitor]).raised[monitor])
    state = stepped(CONFIRM, **ILL[monitor])
    assert [m for m in Monitor if bool(state.raised[m])] == [monitor]
    assert bool(MONITORS.acting(state, monitor))


@pytest.mark.parametrize("monitor", SPARED, ids=lambda m: m.name)
def test_what_only_looks_alike_does_not_count(monitor):
    assert not bool(jnp.any(stepped(2 * CONFIRM, **SPARED[monitor]).raised))


def test_one_good_cycle_starts_the_count_anew():
    state = step(stepped(CONFIRM - 1, **ILL[Monitor.PROPELLANT_LOW]), WELL)
    assert float(state.count[Monitor.PROPELLANT_LOW]) == 0.0


def test_a_monitor_that_only_reports_does_not_act():
    reporting = eqx.tree_at(lambda m: m.acts, MONITORS, jnp.zeros(len(Monitor), dtype=bool))
    state = stepped(CONFIRM, **ILL[Monitor.PROPELLANT_LOW])
    assert bool(state.raised[Monitor.PROPELLANT_LOW]) and not bool(reporting.acting(state, Monitor.PROPELLANT_LOW))


def test_it_strikes_once_for_every_confirmation():
    struck = [bool(MONITORS.strikes(stepped(n, **ILL[Monitor.PROPELLANT_LOW]), Monitor.PROPELLANT_LOW, 1)) for n in range(2 * CONFIRM + 1)]
    assert [n for n, flag in enumerate(struck) if flag] == [CONFIRM, 2 * CONFIRM]


@pytest.mark.parametrize("reading_m_s", [0.0, 0.2], ids=["zero", "frozen"])
def test_the_velocity_counted_in_place_of_silence_is_what_was_ordered_in_all(reading_m_s):
    """Over confirmation and after: as if the accelerometers had told the ordered thrust all along."""
    ordered, given = vec3((0.0, 0.0, 0.2)), vec3((0.0, 0.0, reading_m_s))
    state, counted = MONITORS.init(), 0.0
    state = eqx.tree_at(lambda s: s.delta_v_body_m_s, state, given)
    for _ in range(CONFIRM + 3):
        believed = MONITORS.believed(state, ImuReading(given, zero_vec3(), FLAG), ordered)
        counted += float(believed.delta_v_body_m_s.z)
        state = step(state, eqx.tree_at(lambda v: v.delta_v_body_m_s, WELL, given))
    assert counted == pytest.approx(0.2 * (CONFIRM + 3))


def one_frozen(cycles: int) -> tuple[MonitorState, ImuReading]:
    """The accelerometer along the thrust repeats itself, the others do not."""
    state = MONITORS.init()
    for cycle in range(cycles + 1):
        reading = ImuReading(vec3((1e-3 * cycle, -1e-3 * cycle, 0.1)), zero_vec3(), FLAG)
        state = step(state, eqx.tree_at(lambda v: v.delta_v_body_m_s, WELL, reading.delta_v_body_m_s))
    return state, reading


def test_one_frozen_accelerometer_is_told_by_more_repeats_than_noise_allows():
    assert not bool(one_frozen(30 + CONFIRM - 1)[0].raised[Monitor.SILENT_ACCELEROMETERS])
    assert bool(one_frozen(30 + CONFIRM)[0].raised[Monitor.SILENT_ACCELEROMETERS])


def test_of_one_frozen_accelerometer_alone_the_ordered_velocity_is_counted():
    """With what was missed since it froze, at once; the others are still believed."""
    state, reading = one_frozen(30 + CONFIRM)
    believed = MONITORS.believed(state, reading, vec3((0.0, 0.0, 0.2))).delta_v_body_m_s
    assert (believed.x, believed.y) == (reading.delta_v_body_m_s.x, reading.delta_v_body_m_s.y)
    assert float(believed.z) == pytest.approx(0.2 + 0.1 * (30 + CONFIRM))


def test_accelerometers_that_speak_are_believed():
    state = stepped(3 * CONFIRM)
    reading = ImuReading(Vec3(number(0.1), number(0.2), number(0.3)), zero_vec3(), FLAG)
    believed = MONITORS.believed(state, reading, vec3((0.0, 0.0, 9.0)))
    assert [float(c) for c in believed.delta_v_body_m_s.components()] == [0.1, 0.2, 0.3]


def turning(rate_rad_s: float, cycles: int, angle_rad: float = 1.5) -> MonitorState:
    """The aim jumps by a large angle, and the axis follows at a rate."""
    state = step(MONITORS.init(), WELL)
    for cycle in range(cycles):
        axis = askew(min(rate_rad_s * 0.1 * cycle, angle_rad))
        state = step(state, eqx.tree_at(lambda v: (v.axis_lci, v.aim_lci), WELL, (axis, askew(angle_rad))))
    return state


def test_a_lander_that_turns_as_it_can_has_not_diverged():
    """An aim that jumps by 1.5 rad is five times the limit; a quarter of the fastest rate reaches it in 30 s."""
    assert not bool(turning(0.05, 350).raised[Monitor.ATTITUDE_DIVERGED])


def test_a_lander_that_does_not_follow_its_aim_has_diverged():
    """It is due to have turned by the limit after 6 s; the count goes on from there."""
    assert not bool(turning(0.0, 60 + CONFIRM - 2).raised[Monitor.ATTITUDE_DIVERGED])
    assert bool(turning(0.0, 60 + CONFIRM + 2).raised[Monitor.ATTITUDE_DIVERGED])


def test_an_aim_that_comes_back_while_the_axis_follows_is_no_divergence():
    """Out by 1.5 rad and, when the axis is half-way there, back: the axis turns about and follows."""
    state = step(MONITORS.init(), WELL)
    for cycle in range(160):
        axis = 0.1 * 0.1 * min(cycle, 160 - cycle)
        aim = askew(1.5 if cycle < 80 else 0.0)
        state = step(state, eqx.tree_at(lambda v: (v.axis_lci, v.aim_lci), WELL, (askew(axis), aim)))
    assert not bool(state.raised[Monitor.ATTITUDE_DIVERGED])


def test_an_aim_that_trembles_excuses_nothing():
    state = MONITORS.init()
    for cycle in range(200):
        aim = askew(0.02 * (-1) ** cycle)
        state = step(state, eqx.tree_at(lambda v: (v.axis_lci, v.aim_lci), WELL, (askew(0.5), aim)))
    assert bool(state.raised[Monitor.ATTITUDE_DIVERGED])


def sinking(start_m: float, least_m: float, cycles: int) -> MonitorState:
    """At 15 m/s from a height; what is believed of it ends somewhere."""
    state = MONITORS.init()
    for cycle in range(cycles):
        height = number(max(start_m - 1.5 * cycle, least_m))
        state = step(state, eqx.tree_at(lambda v: (v.height_m, v.sink_m_s), WELL, (height, number(15.0))))
    return state


@pytest.mark.parametrize("least_m", [0.0, -math.inf], ids=["the altimeter reads zero", "below the ground"])
def test_the_ground_is_missing_once_the_lander_has_sunk_on_by_the_margin(least_m):
    """60 m from the beginning of the last ten: 41 cycles of 1.5 m, and the confirmation."""
    assert not bool(sinking(40.0, least_m, 21 + 40 + CONFIRM - 1).raised[Monitor.GROUND_MISSING])
    assert bool(sinking(40.0, least_m, 21 + 40 + CONFIRM + 1).raised[Monitor.GROUND_MISSING])


@pytest.mark.parametrize("long_kg, low", [(20.0, True), (-20.0, False)], ids=["long", "short"])
def test_a_gauge_that_read_wrong_from_the_start_is_set_right_by_its_share(long_kg: float, low: bool):
    """100 kg were loaded; the limit is 15 kg, and half of what the first reading was off is the gauge's: 25 kg stand for 15 and for 35."""
    state = step(MONITORS.init(), eqx.tree_at(lambda v: v.propellant_kg, WELL, number(100.0 + long_kg)))
    for _ in range(CONFIRM):
        state = step(state, eqx.tree_at(lambda v: v.propellant_kg, WELL, number(24.9)))
    assert bool(state.raised[Monitor.PROPELLANT_LOW]) == low
