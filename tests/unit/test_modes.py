"""Modes: what moves flight software from one to the next, and what does not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.modes import ModeLogic, ModeState, ModeView
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import burn_table, no_burn

MODES = len(Mode)
ONLY_BRAKING = np.array([[mode == Mode.BRAKING, mode > Mode.BRAKING] for mode in Mode])
LOGIC = ModeLogic(
    gate_horizontal_speed_m_s=jnp.asarray(12.0),
    upright_rad=jnp.asarray(0.2),
    approach_wanted=jnp.asarray(True),
    vertical_height_m=jnp.asarray(500.0),
    secure_s=jnp.asarray(5.0),
    engines=jnp.asarray(ONLY_BRAKING),
    axial_thrusters=jnp.zeros(MODES, dtype=bool),
    axial_torque=jnp.ones(MODES, dtype=bool),
    attitude_thrusters=jnp.asarray([mode != Mode.SURFACE for mode in Mode]),
)
# A lander that holds its attitude after braking for 10 s, and cuts its engines 5 m up.
HOLDING = eqx.tree_at(
    lambda m: (m.hold_s, m.fall_height_m), LOGIC, (jnp.asarray(10.0), jnp.asarray(5.0)), is_leaf=lambda leaf: leaf is None
)
DIRECT = eqx.tree_at(lambda m: m.approach_wanted, LOGIC, jnp.asarray(False))
# Both engines and no thruster, against the velocity.
BURN = eqx.tree_at(
    lambda row: (row.delta_v_m_s, row.timer_s, row.follow, row.engines),
    no_burn(2),
    (jnp.asarray(20.0), jnp.asarray(127.0), jnp.asarray(-1.0), jnp.ones(2, dtype=bool)),
)
DUE = eqx.tree_at(lambda row: row.start_s, BURN, jnp.asarray(1000.0))
# Nothing is asked for, everything is far.
QUIET = ModeView(
    clock_s=jnp.asarray(1000.0),
    burn=BURN,
    braking_armed=jnp.asarray(False),
    range_to_ignite_m=jnp.asarray(1e5),
    time_to_go_s=jnp.asarray(300.0),
    forward_speed_m_s=jnp.asarray(1600.0),
    height_m=jnp.asarray(18e3),
    thrust_tilt_rad=jnp.asarray(1.5),
    overdue=jnp.asarray(False),
    sparing=jnp.asarray(False),
    touched=jnp.asarray(False),
)


def in_mode(mode: Mode, since_s: float = 990.0, burned_m_s: float = 0.0) -> ModeState:
    return ModeState(jnp.asarray(int(mode)), jnp.asarray(since_s), jnp.asarray(burned_m_s), jnp.asarray(0))


def after(state: ModeState, counted_m_s: float = 0.0, logic: ModeLogic = LOGIC, **seen) -> ModeState:
    view = (
        eqx.tree_at(lambda v: tuple(getattr(v, name) for name in seen), QUIET, tuple(jax.tree.map(jnp.asarray, x) for x in seen.values()))
        if seen
        else QUIET
    )
    return logic.step(state, view, jnp.asarray(counted_m_s))


def next_mode(mode: Mode, **given) -> Mode:
    return Mode(int(after(in_mode(mode), **given).mode))


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.TOUCHDOWN])
def test_without_a_reason_a_mode_stays(mode):
    assert next_mode(mode, logic=DIRECT) is mode


@pytest.mark.parametrize(
    ("mode", "seen", "expected"),
    [
        (Mode.COAST, {"burn": DUE}, Mode.BURN),
        (Mode.COAST, {"braking_armed": True, "range_to_ignite_m": 0.0}, Mode.BRAKING),
        (Mode.COAST, {"braking_armed": False, "range_to_ignite_m": -1.0}, Mode.COAST),
        (Mode.COAST, {"braking_armed": True, "range_to_ignite_m": 1.0}, Mode.COAST),
        (Mode.BRAKING, {"forward_speed_m_s": 12.0}, Mode.PITCH_UP),
        (Mode.BRAKING, {"time_to_go_s": 0.04}, Mode.PITCH_UP),
        (Mode.PITCH_UP, {}, Mode.PITCH_UP),
        (Mode.APPROACH, {"height_m": 499.0}, Mode.VERTICAL_DESCENT),
        (Mode.APPROACH, {"time_to_go_s": 0.0}, Mode.VERTICAL_DESCENT),
        (Mode.PITCH_UP, {"touched": True}, Mode.TOUCHDOWN),
        (Mode.APPROACH, {"touched": True}, Mode.TOUCHDOWN),
        (Mode.VERTICAL_DESCENT, {"touched": True}, Mode.TOUCHDOWN),
        (Mode.BRAKING, {"touched": True}, Mode.BRAKING),  # a switch that fails in flight does not cut the braking
        (Mode.COAST, {"touched": True}, Mode.COAST),
        (Mode.TOUCHDOWN, {"clock_s": 994.9}, Mode.TOUCHDOWN),
        (Mode.TOUCHDOWN, {"clock_s": 995.0}, Mode.SURFACE),
        (Mode.SURFACE, {"braking_armed": True, "range_to_ignite_m": -1.0, "burn": DUE}, Mode.SURFACE),
    ],
)
def test_transitions(mode, seen, expected):
    logic = DIRECT if mode is Mode.PITCH_UP else LOGIC
    assert next_mode(mode, logic=logic, **seen) is expected


def test_pitch_up_leads_to_the_approach_where_one_is_wanted_or_else_straight_down_once_upright():
    assert next_mode(Mode.PITCH_UP) is Mode.APPROACH
    assert next_mode(Mode.PITCH_UP, logic=DIRECT, thrust_tilt_rad=0.19) is Mode.VERTICAL_DESCENT
    assert next_mode(Mode.PITCH_UP, logic=DIRECT, thrust_tilt_rad=0.21) is Mode.PITCH_UP


@pytest.mark.parametrize(
    ("mode", "seen", "expected"),
    [
        (Mode.BRAKING, {"forward_speed_m_s": 12.0}, Mode.ATTITUDE_HOLD),
        (Mode.ATTITUDE_HOLD, {"clock_s": 999.9}, Mode.ATTITUDE_HOLD),
        (Mode.ATTITUDE_HOLD, {"clock_s": 1000.0}, Mode.PITCH_UP),
        (Mode.VERTICAL_DESCENT, {"height_m": 5.1}, Mode.VERTICAL_DESCENT),
        (Mode.VERTICAL_DESCENT, {"height_m": 5.0}, Mode.FREE_FALL),
        (Mode.FREE_FALL, {"height_m": 1.0}, Mode.FREE_FALL),
        (Mode.FREE_FALL, {"touched": True}, Mode.TOUCHDOWN),
    ],
)
def test_a_hold_follows_braking_and_a_fall_vertical_descent_where_the_lander_has_them(mode, seen, expected):
    assert next_mode(mode, logic=HOLDING, **seen) is expected


def test_a_burn_ends_on_counted_velocity():
    going = after(in_mode(Mode.BURN, burned_m_s=19.9), counted_m_s=0.05)
    assert Mode(int(going.mode)) is Mode.BURN
    ended = after(in_mode(Mode.BURN, burned_m_s=19.96), counted_m_s=0.05)
    assert Mode(int(ended.mode)) is Mode.COAST
    assert int(ended.burns_over) == 1


def test_a_burn_that_counts_nothing_ends_on_its_timer():
    """Luna-25, 19 August 2023: 127 s instead of 84 s."""
    deaf = in_mode(Mode.BURN, since_s=900.0)
    assert Mode(int(after(deaf, clock_s=1026.9).mode)) is Mode.BURN
    assert Mode(int(after(deaf, clock_s=1027.0).mode)) is Mode.COAST


def test_the_rows_of_a_table_follow_one_another_and_none_is_begun_again():
    table = burn_table([DUE, eqx.tree_at(lambda row: row.delta_v_m_s, DUE, jnp.asarray(5.0))])
    assert [float(table.row(jnp.asarray(number)).delta_v_m_s) for number in range(3)] == [20.0, 5.0, 0.0]
    assert np.isinf(float(table.row(jnp.asarray(2)).start_s))
    assert table.row(jnp.asarray(2)).engines.tolist() == [False, False]


def test_a_change_restarts_the_count_and_the_age():
    changed = after(in_mode(Mode.COAST, burned_m_s=3.0), braking_armed=True, range_to_ignite_m=-5.0)
    assert (float(changed.since_s), float(changed.burned_m_s)) == (1000.0, 0.0)
    kept = after(in_mode(Mode.COAST, burned_m_s=3.0), counted_m_s=0.5)
    assert (float(kept.since_s), float(kept.burned_m_s)) == (990.0, 3.5)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.ABORT])  # this lander has none
def test_each_mode_uses_its_own_row_of_actuators(mode):
    use = HOLDING.use(jnp.asarray(int(mode)), BURN)
    assert use.engines.tolist() == ([True, True] if mode is Mode.BURN else ONLY_BRAKING[mode].tolist())
    assert not bool(use.axial_thrusters)
    assert bool(use.axial_torque)
    assert bool(use.attitude_thrusters) == (mode is not Mode.SURFACE)
