"""The clock of the approach: never less time to go than the engines, between their least and their most, can bring the end about in."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilune.fsw.guidance.approach import ApproachGuidance, ApproachState, ThrustBand
from perilune.fsw.guidance.limits import upward_first
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3, vec3
from perilune.scenario.build_control import least_share_in
from perilune.scenario.load import load_lander
from perilune.types import Scalar

GRAVITY_M_S2 = 1.62
CYCLE_S = 0.1
UP = vec3((0.0, 0.0, 1.0))
# Chandrayaan-2 in approach: four engines of 800 N, at 40 to 95 %, on 740 kg; its targets.
BAND = ThrustBand(jnp.asarray(1280.0 / 740.0), jnp.asarray(0.95 * 3200.0 / 740.0))
END_HEIGHT_M, END_SINK_M_S, TILT_MAX_RAD, HELD_S = 450.0, 10.0, np.radians(50.0), 3.0
VIKRAM = ApproachGuidance(
    *(jnp.asarray(number) for number in (6.0, END_HEIGHT_M, -END_SINK_M_S, GRAVITY_M_S2 + 0.5, HELD_S, TILT_MAX_RAD)), dive_m_s2=1.3
)
# Ground that rises before the gate has had braking hold itself up (seed 400), and the gate as it was meant (seed 0).
HIGH_M, HIGH_M_S = (-2500.0, 0.0, 5900.0), (62.0, 0.0, -27.0)
SOON_S = 0.0
PLANNED_M, PLANNED_M_S = (-2900.0, 0.0, 5100.0), (66.0, 0.0, -57.5)


@jax.jit
def kept_s(time_to_go_s, height_m, sink_m_s, least_m_s2, most_m_s2):
    r, v = Vec3(0.0 * height_m, 0.0 * height_m, height_m), Vec3(0.0 * sink_m_s, 0.0 * sink_m_s, -sink_m_s)
    return VIKRAM.kept_in_reach(
        ApproachState(time_to_go_s, time_to_go_s), r, v, GRAVITY_M_S2, ThrustBand(least_m_s2, most_m_s2)
    ).time_to_go_s


@eqx.filter_jit
def flown(start_m, start_m_s, kept: bool) -> tuple[Scalar, Scalar, Scalar]:
    """Height, speed down and clock, every cycle: flat ground, even gravity, a lander that turns at once and keeps its mass."""

    def cycle(now, _):
        r, v, state = now
        if kept:
            state = VIKRAM.kept_in_reach(state, r, v, jnp.asarray(GRAVITY_M_S2), BAND)
        asked, _ = VIKRAM.request(state, r, v, jnp.asarray(GRAVITY_M_S2))
        asked = upward_first(asked, UP, BAND.most_m_s2)
        pushed = asked.unit() * jnp.maximum(asked.norm(), BAND.least_m_s2) + UP * -GRAVITY_M_S2
        r, v = rk4_step(lambda _, s: (s[1], pushed + s[1] * 0.0), 0.0, (r, v), CYCLE_S)
        left_s = state.laid_out_s - CYCLE_S
        return (r, v, ApproachState(left_s, left_s)), (r.z, -v.z, state.time_to_go_s)

    r, v = vec3(start_m), vec3(start_m_s)
    return jax.lax.scan(cycle, (r, v, VIKRAM.started(r, v)), None, length=2500)[1]


def at_the_end(history) -> tuple[float, float]:
    """Height and speed down where approach gives over: at its height, or when its time is over."""
    height_m, sink_m_s, clock_s = (np.asarray(each) for each in history)
    last = int(np.argmax((height_m <= END_HEIGHT_M) | (clock_s <= 0.0)))
    assert last > 0
    return float(height_m[last]), float(sink_m_s[last])


def test_an_approach_that_begins_slow_and_high_ends_with_its_speed_taken_out():
    """Left to itself the clock ran out at full speed: the least thrust carries the weight, and nothing sped the fall up as laid out."""
    _, sink_m_s = at_the_end(flown(HIGH_M, HIGH_M_S, False))
    assert sink_m_s > 3.0 * END_SINK_M_S
    # The last three seconds, in which the gains would be held, are vertical descent's.
    height_m, sink_m_s = at_the_end(flown(HIGH_M, HIGH_M_S, True))
    late_m_s = END_SINK_M_S + HELD_S * (float(BAND.most_m_s2) - GRAVITY_M_S2)
    assert sink_m_s < late_m_s
    assert height_m - END_HEIGHT_M < 0.5 * (END_SINK_M_S + late_m_s) * HELD_S


def test_an_approach_as_it_was_meant_is_left_alone():
    for free, kept in zip(flown(PLANNED_M, PLANNED_M_S, False), flown(PLANNED_M, PLANNED_M_S, True), strict=True):
        np.testing.assert_array_equal(free, kept)


@given(st.floats(600.0, 8000.0), st.floats(1.0, 80.0), st.floats(0.0, 1.6), st.floats(2.0, 4.0))
def test_the_quickest_way_down_falls_on_the_least_thrust_and_stops_on_the_most(height_m, sink_m_s, least_m_s2, most_m_s2):
    """Played through by its two accelerations, it ends at the height and at the speed; one too fast to stop is given the time of its stop."""
    total_s = float(kept_s(SOON_S, height_m, sink_m_s, least_m_s2, most_m_s2))
    faster_m_s2, slower_m_s2 = GRAVITY_M_S2 - least_m_s2 * np.cos(TILT_MAX_RAD), most_m_s2 - GRAVITY_M_S2
    fall_m, stop_s = height_m - END_HEIGHT_M, (sink_m_s - END_SINK_M_S) / slower_m_s2
    if sink_m_s <= END_SINK_M_S or total_s == SOON_S:
        return
    if 0.5 * (sink_m_s + END_SINK_M_S) * stop_s >= fall_m:
        assert total_s == pytest.approx(stop_s, rel=1e-9)
        return
    falling_s = (total_s - stop_s) * slower_m_s2 / (faster_m_s2 + slower_m_s2)
    top_m_s, braking_s = sink_m_s + faster_m_s2 * falling_s, total_s - falling_s
    flown_m = 0.5 * (sink_m_s + top_m_s) * falling_s + 0.5 * (top_m_s + END_SINK_M_S) * braking_s
    np.testing.assert_allclose(flown_m, fall_m, rtol=1e-9, atol=1e-6)


def test_one_that_is_no_faster_than_it_is_to_be_is_left_alone():
    """It hangs where vertical descent is to take over: kept waiting on engines whose least is above the weight, it rose until it was dry."""
    assert float(kept_s(5.0, 800.0, END_SINK_M_S, 1.75, 4.1)) == 5.0
    assert float(kept_s(5.0, 800.0, -3.0, 1.75, 4.1)) == 5.0
    assert float(kept_s(5.0, 800.0, 12.0, 1.75, 4.1)) > 20.0


def test_a_moment_in_which_the_ground_seems_lower_costs_no_time():
    """The clock runs on meanwhile: once the height is believed as before, so is the time."""
    assert float(kept_s(20.0, 1200.0, 45.0, 1.7, 4.1)) > 20.0
    r, v = (vec3((0.0, 0.0, z)) for z in (1200.0, -45.0))
    kept = VIKRAM.kept_in_reach(ApproachState(jnp.asarray(20.0), jnp.asarray(20.0)), r, v, jnp.asarray(GRAVITY_M_S2), BAND)
    assert float(kept.time_to_go_s) > float(kept.laid_out_s) == 20.0
    again = VIKRAM.kept_in_reach(kept, vec3((0.0, 0.0, 900.0)), v, jnp.asarray(GRAVITY_M_S2), BAND)
    assert float(again.time_to_go_s) == 20.0


def test_the_clock_runs_free_where_the_gains_are_held():
    assert float(kept_s(1.0, 460.0, 12.0, 1.7, 4.1)) == 1.0


@pytest.mark.parametrize(("name", "share"), [("chandrayaan-2", 0.4), ("im-2", 0.25), ("beresheet", 0.0)])
def test_what_engines_give_at_the_least_comes_from_the_file(name, share):
    assert least_share_in(load_lander(name), "approach") == pytest.approx(share, rel=1e-12)


def test_engines_that_give_no_more_than_the_weight_leave_no_division_by_nought():
    assert np.isfinite(float(kept_s(10.0, 3000.0, 11.0, 1.62, 1.62)))
