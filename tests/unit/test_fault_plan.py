"""The fault table and its seams: nothing planned changes nothing, and each row does what its kind says, where and while it says so."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import different_leaves
from perilune.dynamics.thruster_layout import couples_on_three_axes
from perilune.faults.effects import COMMAND_LINES, effects_now, no_effects
from perilune.faults.plan import FaultRow, Kind, Trigger, active, fault_plan, no_faults_yet, watch
from perilune.faults.seams import corrupt_commands, corrupt_measurements, degrade, upset
from perilune.math.rotation import identity
from perilune.math.vector import vec3
from perilune.wire.commands import Commands, DevicesOn, UnitArray
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, StarTrackerReading, VelocimeterReading
from perilune.wire.telemetry import Mode
from perilune.world.propulsion import Propulsion, engines
from perilune.world.thrusters import thrusters

CYCLE_S = 0.1
ENGINES, THRUSTERS = 3, 12
QUIET = no_effects(ENGINES, THRUSTERS)


def a_propulsion() -> Propulsion:
    ones = np.ones(ENGINES)
    main = engines(400.0 * ones, 310.0 * ones, (0.4 * ones, ones), (np.zeros((ENGINES, 3)), np.tile([0.0, 0.0, 1.0], (ENGINES, 1))))
    layout = couples_on_three_axes(1.2, 1.0)
    each = np.ones(THRUSTERS)
    return Propulsion(main, thrusters(layout.position_body_m, layout.push_body, 6.0 * each, 280.0 * each, 0.02 * each))


def some_measurements() -> Measurements:
    true = jnp.asarray(True)
    return Measurements(
        clock_s=jnp.asarray(6543.21),
        imu=ImuReading(vec3((0.01, -0.02, 0.33)), vec3((1e-4, 2e-4, -3e-4)), true),
        star_tracker=StarTrackerReading(identity("lci", "body"), true),
        altimeter=RangeReading(jnp.asarray(1500.0), true),
        velocimeter=VelocimeterReading(jnp.array([5.0, 6.0, 7.0, 8.0]), jnp.array([900.0, 910.0, 920.0, 930.0]), jnp.ones(4, dtype=bool)),
        pad_touched=jnp.zeros(4, dtype=bool),
        propellant_kg=jnp.asarray(321.0),
    )


def some_commands() -> Commands:
    on = DevicesOn(jnp.asarray(True), jnp.asarray(True), jnp.asarray(True))
    return Commands(jnp.array([1.0, 0.5, 0.7]), jnp.linspace(0.02, 0.1, THRUSTERS), on, UnitArray(jnp.asarray(1.0), jnp.asarray(2.0)))


def a_memory() -> dict:
    return {"first": jnp.asarray(1.0), "mode": jnp.asarray(3), "second": jnp.array([10.0, 20.0]), "third": jnp.asarray(False)}


BEFORE = (a_propulsion(), some_measurements(), some_commands(), a_memory())


@eqx.filter_jit
def _through_seams(plan, began, t_s, mode, altitude_m):
    def one(plan, began):
        state = watch(plan, began, t_s, mode, altitude_m)
        effects, anyone = effects_now(plan, state, t_s, QUIET, "landers")
        propulsion, measurements, commands, memory = BEFORE
        after = (
            degrade(effects, propulsion),
            corrupt_measurements(effects, measurements, jnp.asarray(CYCLE_S)),
            corrupt_commands(effects, commands),
            upset(effects, anyone, memory),
        )
        return after, state

    lone = jax.tree.map(lambda leaf: leaf[None], (plan, began))
    return jax.tree.map(lambda leaf: leaf[0], jax.vmap(one, axis_name="landers")(*lone))


def through_seams(*rows: FaultRow, t_s: float = 100.0, mode: Mode = Mode.BRAKING, altitude_m: float = 5e3):
    """Propulsion, measurements, commands and memory after one cycle of a fresh lander with these rows."""
    plan = fault_plan(rows)
    return _through_seams(plan, no_faults_yet(plan), jnp.asarray(t_s), jnp.asarray(int(mode)), jnp.asarray(altitude_m))[0]


def changed(after) -> set[str]:
    """Names of the leaves that a row changed."""
    return {path.split("]", 1)[1].strip(".").replace("['", "").replace("']", "") for path in different_leaves(BEFORE, after)}


def test_the_empty_plan_is_the_identity_leaf_for_leaf():
    assert different_leaves(BEFORE, through_seams()) == []


def test_rows_that_are_not_active_yet_or_any_more_are_the_identity_too():
    waits = tuple(FaultRow(kind, at=200.0, size=0.5) for kind in list(Kind)[1:8])
    assert different_leaves(BEFORE, through_seams(*waits)) == []


def test_a_planted_disturbance_is_seen():
    touched = eqx.tree_at(lambda b: b[1].propellant_kg, BEFORE, BEFORE[1].propellant_kg + 1e-13)
    assert different_leaves(BEFORE, touched) == ["[1].propellant_kg"]


# What each kind changes, of all that it could change.
TOUCHES = {
    Kind.ENGINE_THRUST_LOSS: {"engines.thrust_scale"},
    Kind.ENGINE_STUCK: {"engines.held", "engines.held_throttle"},
    Kind.ENGINE_ISP_DROP: {"engines.isp_scale"},
    Kind.THRUSTER_STUCK_ON: {"thrusters.open"},
    Kind.THRUSTER_STUCK_OFF: {"thrusters.shut"},
    Kind.ACCELEROMETER_DEAD: {"imu.delta_v_body_m_s.x", "imu.delta_v_body_m_s.y", "imu.delta_v_body_m_s.z"},
    Kind.ACCELEROMETER_BIAS: {"imu.delta_v_body_m_s.y"},
    Kind.GYRO_DRIFT: {"imu.delta_theta_body_rad.y"},
    Kind.ALTIMETER_DEAD: {"altimeter.valid"},
    Kind.ALTIMETER_BIAS: {"altimeter.range_m"},
    Kind.ALTIMETER_LATE: {"altimeter.valid"},
    Kind.VELOCIMETER_DEAD: {"velocimeter.valid"},
    Kind.CLOCK_JUMP: {"clock_s"},
    Kind.STATE_UPSET: {"second"},
    Kind.COMMAND_LOST: {"thruster_on_s"},
}


def test_every_kind_is_here():
    assert set(TOUCHES) == set(Kind) - {Kind.NONE}


@pytest.mark.parametrize("kind", TOUCHES, ids=lambda kind: kind.name)
def test_a_kind_touches_what_it_names_and_nothing_else(kind):
    assert changed(through_seams(FaultRow(kind, unit=1, size=0.25))) == TOUCHES[kind]


def test_engine_rows_go_to_their_engine():
    loss = through_seams(FaultRow(Kind.ENGINE_THRUST_LOSS, unit=2, size=0.25))[0].engines
    assert loss.thrust_scale.tolist() == [1.0, 1.0, 0.75]
    drop = through_seams(FaultRow(Kind.ENGINE_ISP_DROP, unit=0, size=0.1))[0].engines
    assert drop.isp_scale.tolist() == [0.9, 1.0, 1.0]
    stuck = through_seams(FaultRow(Kind.ENGINE_STUCK, unit=1, size=0.6))[0].engines
    assert stuck.valve(jnp.array([1.0, 0.0, 0.0])).tolist() == [1.0, 0.6, 0.0]


def test_two_rows_add_up_and_an_engine_gives_no_less_than_nothing():
    both = through_seams(FaultRow(Kind.ENGINE_THRUST_LOSS, size=0.25), FaultRow(Kind.ENGINE_THRUST_LOSS, size=0.5))[0].engines
    assert both.thrust_scale[0] == 0.25
    all_lost = through_seams(FaultRow(Kind.ENGINE_THRUST_LOSS, size=0.7), FaultRow(Kind.ENGINE_THRUST_LOSS, size=0.7))[0].engines
    assert all_lost.thrust_scale[0] == 0.0


def test_thruster_rows_open_and_shut_their_valve():
    commands = some_commands()
    stuck_on = through_seams(FaultRow(Kind.THRUSTER_STUCK_ON, unit=3, size=1.0))[0].thrusters
    stuck_off = through_seams(FaultRow(Kind.THRUSTER_STUCK_OFF, unit=11, size=1.0))[0].thrusters
    assert stuck_on.on_fraction(0.0 * commands.thruster_on_s, 0.0, CYCLE_S).tolist() == [float(i == 3) for i in range(THRUSTERS)]
    assert stuck_off.on_fraction(commands.thruster_on_s, 0.0, CYCLE_S)[11] == 0.0


def test_inertial_rows_are_increments_of_one_cycle():
    before = some_measurements().imu
    dead = through_seams(FaultRow(Kind.ACCELEROMETER_DEAD))[1].imu
    assert dead.delta_v_body_m_s.array().tolist() == [0.0, 0.0, 0.0]
    assert dead.valid  # the unit itself knows of nothing: that is what lost Luna-25
    biased = through_seams(FaultRow(Kind.ACCELEROMETER_BIAS, unit=2, size=0.5))[1].imu
    assert biased.delta_v_body_m_s.z == before.delta_v_body_m_s.z + 0.5 * CYCLE_S
    drifting = through_seams(FaultRow(Kind.GYRO_DRIFT, unit=0, size=1e-3))[1].imu
    assert drifting.delta_theta_body_rad.x == before.delta_theta_body_rad.x + 1e-3 * CYCLE_S


def test_altimeter_rows():
    assert not through_seams(FaultRow(Kind.ALTIMETER_DEAD))[1].altimeter.valid
    assert through_seams(FaultRow(Kind.ALTIMETER_BIAS, size=100.0))[1].altimeter.range_m == 1600.0
    assert not through_seams(FaultRow(Kind.ALTIMETER_LATE, size=893.0))[1].altimeter.valid
    assert through_seams(FaultRow(Kind.ALTIMETER_LATE, size=1500.1))[1].altimeter.valid


def test_velocimeter_clock_and_memory_rows():
    assert not through_seams(FaultRow(Kind.VELOCIMETER_DEAD))[1].velocimeter.valid.any()
    assert through_seams(FaultRow(Kind.CLOCK_JUMP, size=-10.0))[1].clock_s == 6543.21 - 10.0
    assert through_seams(FaultRow(Kind.STATE_UPSET, unit=0, size=5.0))[3]["first"] == 6.0
    assert through_seams(FaultRow(Kind.STATE_UPSET, unit=1, size=5.0))[3]["second"].tolist() == [15.0, 20.0]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_lost_command_reads_as_off(line):
    after = through_seams(FaultRow(Kind.COMMAND_LOST, unit=COMMAND_LINES.index(line)))[2]
    devices = after.devices_on
    values = (after.throttle, after.thruster_on_s, devices.accelerometers, devices.altimeter, devices.velocimeter)
    assert [not np.any(np.asarray(value)) for value in values] == [name == line for name in COMMAND_LINES]


def active_at(row: FaultRow, looks: list[tuple[float, Mode, float]]) -> list[bool]:
    """Whether the row acts at each look: time, mode, altitude, in order."""
    plan = fault_plan((row,))
    state, acts = no_faults_yet(plan), []
    for t_s, mode, altitude_m in looks:
        state = watch(plan, state, jnp.asarray(t_s), jnp.asarray(int(mode)), jnp.asarray(altitude_m))
        acts.append(bool(active(plan, state, jnp.asarray(t_s))[0]))
    return acts


def test_a_time_trigger_acts_from_its_time_for_its_duration():
    row = FaultRow(Kind.CLOCK_JUMP, trigger=Trigger.MET, at=100.0, duration_s=50.0)
    times = [(0.0, False), (99.9, False), (100.0, True), (149.9, True), (150.0, False), (1e5, False)]
    assert active_at(row, [(t_s, Mode.COAST, 1e4) for t_s, _ in times]) == [acts for _, acts in times]


def test_a_phase_trigger_acts_from_entering_it_even_when_the_phase_is_over():
    row = FaultRow(Kind.CLOCK_JUMP, trigger=Trigger.PHASE, at=float(Mode.BRAKING), duration_s=30.0)
    looks = [(0.0, Mode.COAST, 1e4), (10.0, Mode.BRAKING, 1e4), (30.0, Mode.PITCH_UP, 1e3), (40.0, Mode.APPROACH, 1e3)]
    assert active_at(row, looks) == [False, True, True, False]


def test_an_altitude_trigger_acts_once_below_and_does_not_end_above():
    row = FaultRow(Kind.CLOCK_JUMP, trigger=Trigger.ALTITUDE, at=500.0)
    looks = [(0.0, Mode.APPROACH, 501.0), (1.0, Mode.APPROACH, 500.0), (2.0, Mode.APPROACH, 700.0)]
    assert active_at(row, looks) == [False, True, True]


def test_a_row_without_an_end_goes_on():
    assert active_at(FaultRow(Kind.CLOCK_JUMP), [(0.0, Mode.COAST, 1e5), (1e9, Mode.SURFACE, 0.0)]) == [True, True]


def test_a_table_too_narrow_says_so():
    rows = tuple(FaultRow(Kind.CLOCK_JUMP, size=1.0) for _ in range(9))
    with pytest.raises(ValueError, match=r"9 faults were asked for; the table holds 8: fly fewer at once, or widen the plan"):
        fault_plan(rows)
    assert fault_plan(rows, width=9).width == 9


def test_deleting_a_row_is_a_plan_of_the_same_structure():
    full, less = fault_plan((FaultRow(Kind.CLOCK_JUMP, size=1.0),)), fault_plan(())
    assert jax.tree.structure(full) == jax.tree.structure(less)
    assert [leaf.shape for leaf in jax.tree.leaves(full)] == [leaf.shape for leaf in jax.tree.leaves(less)]
    assert math.isinf(float(no_faults_yet(full).began_s[0]))


def test_two_words_upset_at_once_are_each_struck_by_their_own():
    _, _, _, memory = through_seams(FaultRow(Kind.STATE_UPSET, unit=0, size=0.5), FaultRow(Kind.STATE_UPSET, unit=1, size=-3.0))
    assert memory["first"] == 1.5
    assert memory["second"].tolist() == [7.0, 20.0]
