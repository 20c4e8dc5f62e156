"""The fault table and its seams: nothing planned changes nothing, and each fault does what its name says, where and while it says so."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import different_leaves
from perilune.faults.catalogue import CATALOGUE
from perilune.faults.channels import CHANNELS, COMMAND_LINES, Plant, Seam
from perilune.faults.named import Units
from perilune.faults.operations import REMEMBERING
from perilune.faults.plan import FaultRow, FaultState, Trigger, active, fault_plan, watch
from perilune.faults.seams import (
    acting,
    corrupt_commands,
    corrupt_measurements,
    corrupt_uplink,
    degrade,
    no_faults_yet,
    operations_on,
    upset,
)
from perilune.faults.words import fault_rows, rows_of
from perilune.math.random import stream_of_seed
from perilune.math.rotation import identity
from perilune.math.vector import vec3
from perilune.wire.commands import Commands, DevicesOn, UnitArray
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, StarTrackerReading, VelocimeterReading
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import StateVector

CYCLE_S = 0.1
ENGINES, THRUSTERS, BEAMS, PADS = 3, 20, 4, 4
ON = DevicesOn(jnp.asarray(True), jnp.asarray(True), jnp.asarray(True))


class Cycle(NamedTuple):
    """What passes the seams in one cycle."""

    plant: Plant
    measurements: Measurements
    commands: Commands
    memory: dict
    state_vector: StateVector


def some_measurements(range_m: float = 1500.0, touched: bool = False) -> Measurements:
    true = jnp.asarray(True)
    return Measurements(
        clock_s=jnp.asarray(6543.21),
        imu=ImuReading(vec3((1e-4 * range_m + 0.2, -0.32, 0.33)), vec3((1e-7 * range_m, 2e-4, -3e-4)), true),
        star_tracker=StarTrackerReading(identity("lci", "body"), true),
        altimeter=RangeReading(jnp.asarray(range_m), true),
        velocimeter=VelocimeterReading(
            jnp.array([5.0, 6.0, 7.0, 8.0]), jnp.array([900.0, 910.0, 920.0, 930.0]), jnp.ones(BEAMS, dtype=bool)
        ),
        pad_touched=jnp.full(PADS, touched),
        propellant_kg=jnp.asarray(range_m - 1000.0),
    )


def some_commands(throttle: float = 1.0) -> Commands:
    orders = throttle * jnp.array([1.0, 0.5, 0.7])
    return Commands(orders, throttle * jnp.linspace(0.02, 0.1, THRUSTERS), ON, UnitArray(jnp.asarray(1.0), jnp.asarray(2.0)))


def a_memory(first: float = 1.0) -> dict:
    return {
        "first": jnp.asarray(first),
        "mode": jnp.asarray(3),
        "second": jnp.array([10.0, 20.0]),
        "third": jnp.asarray(False),
        "zero": jnp.asarray(-0.0),
    }


def a_state_vector() -> StateVector:
    return StateVector(jnp.asarray(6543.0), vec3((1.8e6, 0.0, 0.0)), vec3((0.0, 1600.0, 0.0)), jnp.eye(6), jnp.asarray(True))


@pytest.fixture(scope="module")
def cycles(luna) -> tuple[Cycle, ...]:
    """Three cycles: on, off, and on again, with other readings each."""
    mission = luna.mission
    init = eqx.filter_jit(lambda world: world.init(mission.start, mission.propellant_kg, stream_of_seed(jnp.asarray(0)), jnp.asarray(0)))
    plant = Plant(mission.world, init(mission.world))
    settings = ((1500.0, False, 1.0), (50.0, True, 0.0), (10.0, True, 0.9))
    return tuple(
        Cycle(plant, some_measurements(range_m, touched), some_commands(throttle), a_memory(range_m), a_state_vector())
        for range_m, touched, throttle in settings
    )


@pytest.fixture(scope="module")
def through(cycles):
    """The same cycles after the seams, for any rows: one program."""
    arrays, rest = eqx.partition(cycles, eqx.is_array)

    @eqx.filter_jit
    def flown(arrays, plan, t_s, mode, altitude_m):
        def one(plan):
            given, after = eqx.combine(arrays, rest), []
            state = no_faults_yet(plan, given[0].plant.world, given[0].commands)
            for number, cycle in enumerate(given):
                now_s = t_s + number * CYCLE_S
                state = watch(plan, state, now_s, mode, altitude_m)
                now = acting(plan, state, now_s, CYCLE_S, stream_of_seed(jnp.asarray(5)).at(number), "landers")
                measurements, readings = corrupt_measurements(now, cycle.measurements)
                commands, orders = corrupt_commands(now, cycle.commands)
                parts = (Plant(*degrade(now, *cycle.plant)), measurements, commands)
                memory, sent = upset(now, a_memory(), cycle.memory), corrupt_uplink(now, cycle.state_vector)
                after.append(eqx.filter(Cycle(*parts, memory, sent), eqx.is_array))
                state = FaultState(state.began_s, readings | orders)
            return tuple(after)

        lone = jax.tree.map(lambda leaf: leaf[None], plan)
        return jax.tree.map(lambda leaf: leaf[0], jax.vmap(one, axis_name="landers")(lone))

    def run(*faults: str | FaultRow, t_s: float = 100.0, mode: Mode = Mode.BRAKING, altitude_m: float = 5e3) -> tuple[Cycle, ...]:
        rows = tuple(row for each in faults for row in (fault_rows(each) if isinstance(each, str) else (each,)))
        return flown(arrays, fault_plan(rows), jnp.asarray(t_s), jnp.asarray(int(mode)), jnp.asarray(altitude_m))

    return run


def changed(before: tuple[Cycle, ...], after: tuple[Cycle, ...]) -> set[str]:
    """Names of the leaves that differ in any cycle."""
    found = {path for b, a in zip(before, after, strict=True) for path in different_leaves(eqx.filter(b, eqx.is_array), a)}
    return {path.strip(".") for path in found}


def places_of(name: str, cycle: Cycle, unit: int) -> set[str]:
    """Names of the leaves of a fault's channels, as the channels themselves find them."""
    paths = jax.tree_util.tree_map_with_path(lambda path, leaf: jax.tree_util.keystr(path).strip("."), cycle)
    trees = {Seam.PLANT: paths.plant, Seam.SENSORS: paths.measurements, Seam.ACTUATORS: paths.commands, Seam.UPLINK: paths.state_vector}
    strikes = CATALOGUE[name].strikes
    strikes = (strikes[unit],) if CATALOGUE[name].units is Units.LINE else strikes
    channels = [c for c in CHANNELS if c.name in {s.channel for s in strikes}]
    memory = {"memory['first']"} if any(c.seam is Seam.MEMORY for c in channels) else set()
    found = {
        leaf for c in channels if c.seam is not Seam.MEMORY for part in (c.where(trees[c.seam]), _good(c, trees[c.seam])) for leaf in part
    }
    return found | memory


def _good(channel: Any, tree: Any) -> tuple:
    return () if channel.good is None else (channel.good(tree),)


def test_the_empty_plan_is_the_identity_leaf_for_leaf(cycles, through):
    assert changed(cycles, through()) == set()


def test_faults_that_are_not_active_yet_or_any_more_are_the_identity_too(cycles, through):
    waits = [f"{name}@met=200" for name in list(CATALOGUE)[:8]]
    assert changed(cycles, through(*waits[:6])) == set()
    assert changed(cycles, through(*(f"{name}@met=50..99" for name in list(CATALOGUE)[:6]))) == set()


def test_a_planted_disturbance_is_seen(cycles, through):
    touched = eqx.tree_at(lambda b: b[1].measurements.propellant_kg, cycles, cycles[1].measurements.propellant_kg + 1e-12)
    assert changed(touched, through()) == {"measurements.propellant_kg"}


# On this lander the engine of number 0 has nothing to throttle.
UNITS = {Units.ENGINE: "1", Units.BEAM: "1", Units.PAD: "2", Units.AXIS: "x", Units.LINE: "1", Units.WORD: "0", Units.THRUSTER: "0"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_touches_what_it_names_and_nothing_else(name, cycles, through):
    unit = UNITS.get(CATALOGUE[name].units, "")
    after = changed(cycles, through(f"{name}.{unit}" if unit else name, t_s=100.5))
    assert after
    assert after <= places_of(name, cycles[0], int(unit) if unit.isdecimal() else 0)


def test_operations_on_a_channel_are_those_of_the_catalogue(through):
    pairs = {(strike.channel, strike.operation) for fault in CATALOGUE.values() for strike in fault.strikes}
    assert {(c.name, o) for c in CHANNELS for o in operations_on(c.name)} == pairs


def test_engine_faults_go_to_their_engine(cycles, through):
    before = cycles[0].plant.world.propulsion.engines
    loss = through("engine.thrust-loss.2:0.25")[0].plant.world.propulsion.engines
    assert loss.thrust_scale.tolist() == [1.0, 1.0, 0.75]
    drop = through("engine.isp-drop.0:0.1")[0].plant.world.propulsion.engines
    assert drop.isp_scale.tolist() == [0.9, 1.0, 1.0]
    stuck = through("engine.stuck.1:0.6")[0].plant.world.propulsion.engines
    assert stuck.valve(jnp.array([1.0, 0.0, 0.0])).tolist() == [1.0, 0.6, 0.0]
    all_high = through("engine.thrust-high.all:0.1")[0].plant.world.propulsion.engines
    assert all_high.thrust_scale.tolist() == [1.1, 1.1, 1.1]
    lost = through("engine.nozzle-lost.1:0.9")[0].plant.world.propulsion.engines
    assert lost.thrust_scale.tolist() == pytest.approx([1.0, 0.1, 1.0])
    assert (lost.push_body - before.push_body)[:, 0].tolist() == pytest.approx([0.0, 0.1, 0.0])


def test_two_rows_add_up_and_an_engine_gives_no_less_than_nothing(through):
    both = through("engine.thrust-loss:0.25", "engine.thrust-loss:0.5")[0].plant.world.propulsion.engines
    assert both.thrust_scale[0] == 0.25
    against = through("engine.thrust-loss:0.25", "engine.thrust-high:0.25")[0].plant.world.propulsion.engines
    assert against.thrust_scale[0] == 1.0
    all_lost = through("engine.thrust-loss:0.7", "engine.thrust-loss:0.7")[0].plant.world.propulsion.engines
    assert all_lost.thrust_scale[0] == 0.0


def test_thruster_faults_open_shut_and_exchange_their_valve(through):
    orders = some_commands().thruster_on_s
    stuck_on = through("thruster.stuck-on.3")[0].plant.world.propulsion.thrusters
    stuck_off = through("thruster.stuck-off.11")[0].plant.world.propulsion.thrusters
    assert stuck_on.on_fraction(0.0 * orders, 0.0, CYCLE_S).tolist() == [float(i == 3) for i in range(THRUSTERS)]
    assert stuck_off.on_fraction(orders, 0.0, CYCLE_S)[11] == 0.0
    leaks = through("thruster.leak.3:0.05", "thruster.stuck-on.3")[0].plant.world.propulsion.thrusters
    assert leaks.open[3] == 1.0
    swapped = through("thruster.swapped.2:7")[0].commands.thruster_on_s
    assert swapped.tolist() == [float(orders[{2: 7, 7: 2}.get(i, i)]) for i in range(THRUSTERS)]


def test_inertial_faults_are_increments_of_one_cycle(through):
    before = some_measurements().imu
    dead = through("accelerometer.dead")[0].measurements.imu
    assert dead.delta_v_body_m_s.array().tolist() == [0.0, 0.0, 0.0]
    assert dead.valid  # the unit itself knows of nothing: that is what lost Luna-25
    biased = through("accelerometer.bias.z:0.5")[0].measurements.imu
    assert biased.delta_v_body_m_s.z == before.delta_v_body_m_s.z + 0.5 * CYCLE_S
    limited = through("accelerometer.saturated.y:2")[0].measurements.imu
    assert limited.delta_v_body_m_s.y == -2.0 * CYCLE_S
    drifting = through("gyro.drift.x:1e-3")[0].measurements.imu
    assert drifting.delta_theta_body_rad.x == before.delta_theta_body_rad.x + 1e-3 * CYCLE_S
    assert through("gyro.saturated.y:1.05")[0].measurements.imu.delta_theta_body_rad.y == 1.05 * CYCLE_S


def test_altimeter_faults(through):
    assert not through("altimeter.dead")[0].measurements.altimeter.valid
    assert through("altimeter.bias:100")[0].measurements.altimeter.range_m == 1600.0
    assert not through("altimeter.late:893")[0].measurements.altimeter.valid
    assert through("altimeter.late:1500.1")[0].measurements.altimeter.valid
    assert [bool(c.measurements.altimeter.valid) for c in through("altimeter.blind-near:50")] == [True, False, False]
    assert [float(c.measurements.altimeter.range_m) for c in through("altimeter.frozen")] == [1500.0, 1500.0, 1500.0]


def test_velocimeter_clock_touchdown_and_memory_faults(through):
    assert not through("velocimeter.dead")[0].measurements.velocimeter.valid.any()
    assert np.isnan(through("velocimeter.no-ranges")[0].measurements.velocimeter.range_m).all()
    assert through("clock.jump:-10")[0].measurements.clock_s == 6543.21 - 10.0
    drift = [float(c.measurements.clock_s) for c in through("clock.drift:0.5@met=90")]
    assert drift == pytest.approx([6543.21 + 0.5 * (CYCLE_S * k) for k in range(3)])  # it begins when it is first looked at
    assert through("touchdown.stuck-on.1")[0].measurements.pad_touched.tolist() == [False, True, False, False]
    assert through("touchdown.stuck-off.1")[1].measurements.pad_touched.tolist() == [True, False, True, True]
    assert through("state.upset.0:5")[0].memory["first"] == 1505.0
    assert through("state.upset.1:5")[0].memory["second"].tolist() == [15.0, 20.0]


def test_two_words_upset_at_once_are_each_struck_by_their_own_and_once(through):
    struck = through("state.upset.0:0.5", "state.upset.1:-3")
    assert [float(c.memory["first"]) for c in struck] == [1500.5, 50.0, 10.0]
    assert struck[0].memory["second"].tolist() == [7.0, 20.0]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_lost_command_reads_as_off(line, through):
    after = through(f"command.lost.{line}")[0].commands
    devices = after.devices_on
    values = (after.throttle, after.thruster_on_s, devices.accelerometers, devices.altimeter, devices.velocimeter)
    assert [not np.any(np.asarray(value)) for value in values] == [name == line for name in COMMAND_LINES]


def throttles(after: tuple[Cycle, ...]) -> list[float]:
    return [float(cycle.commands.throttle[1]) for cycle in after]


def test_orders_that_do_not_arrive_as_they_were_sent(cycles, through):
    assert throttles(cycles) == [0.5, 0.0, 0.45]
    assert throttles(through("engine.wont-stop.1")) == [0.5, 0.5, 0.45]
    assert throttles(through("engine.no-restart.1")) == [0.5, 0.0, 0.0]
    assert throttles(through("engine.no-restart.1", "computer.reset:0.1@met=100.1..100.2")) == [0.5, 0.0, 0.0]
    unseen = through("engine.no-restart.1@met=100.1", "computer.reset:0.1@met=100.1..100.2")  # it is never seen to burn
    assert throttles(unseen) == [0.5, 0.0, 0.45]
    assert throttles(through("engine.no-restart.0")) == [0.5, 0.0, 0.45]
    assert throttles(through("computer.overrun:0.2")) == [0.5, 0.5, 0.45]


def test_a_computer_that_stops_forgets_nothing_and_learns_nothing(through):
    reset, hung = through("computer.reset:0.2"), through("computer.hangs:0.2")
    assert throttles(reset) == [0.0, 0.0, 0.45]
    assert throttles(hung) == [0.5, 0.5, 0.45]
    assert [float(c.memory["first"]) for c in reset] == [1.0, 1.0, 10.0]


def test_a_word_that_nothing_strikes_keeps_the_sign_of_its_zero(through):
    zero = through("state.upset.0:0.5")[0].memory["zero"]
    assert math.copysign(1.0, float(zero)) == -1.0


def test_memory_of_an_operation_ends_with_its_row(through):
    again = through("altimeter.frozen@met=100..100.1", "altimeter.frozen@met=100.2")
    assert [float(c.measurements.altimeter.range_m) for c in again] == [1500.0, 50.0, 10.0]


def test_plant_faults_by_their_numbers(cycles, through):
    before, after = (
        cycles[0].plant.world,
        through("ground.boulder.2:0.4", "ground.slippery:0.2", "mass.shifted.y:0.02", "mass.heavier:20")[0].plant.world,
    )
    heights = [float(a.r_pad_body_m.z - b.r_pad_body_m.z) for a, b in zip(after.gear.legs, before.gear.legs, strict=True)]
    assert heights == [0.0, 0.0, -0.4, 0.0]
    assert after.gear.pad.friction == 0.2
    assert after.mass.com_offset_body_m.y == 0.02
    assert after.mass.dry_kg == before.mass.dry_kg + 20.0
    leak = through("propellant.leak:0.5")[0].plant.state
    assert leak.propellant_kg == cycles[0].plant.state.propellant_kg - 0.5 * CYCLE_S
    faded = through("pressure.lost:0.01@met=90")[2].plant.world.propulsion
    assert faded.engines.thrust_scale.tolist() == pytest.approx([math.exp(-0.01 * 2 * CYCLE_S)] * 3)


def test_the_ground_sends_what_it_should_not(through):
    assert through("state-vector.late:4")[0].state_vector.clock_s == 6547.0
    assert not through("state-vector.missing")[0].state_vector.valid


def active_at(words: str, looks: list[tuple[float, Mode, float]]) -> list[bool]:
    """Whether a fault acts at each look: time, mode, altitude, in order."""
    plan = fault_plan(fault_rows(words))
    state, acts = FaultState(jnp.full(plan.kind.shape, jnp.inf), {}), []
    for t_s, mode, altitude_m in looks:
        state = watch(plan, state, jnp.asarray(t_s), jnp.asarray(int(mode)), jnp.asarray(altitude_m))
        acts.append(bool(active(plan, state, jnp.asarray(t_s), CYCLE_S)[0]))
    return acts


def test_a_time_trigger_acts_from_its_time_for_its_window():
    times = [(0.0, False), (99.9, False), (100.0, True), (149.9, True), (150.0, False), (1e5, False)]
    assert active_at("clock.jump@met=100..150", [(t_s, Mode.COAST, 1e4) for t_s, _ in times]) == [acts for _, acts in times]


def test_a_phase_trigger_acts_from_entering_it_even_when_the_phase_is_over():
    looks = [(0.0, Mode.COAST, 1e4), (10.0, Mode.BRAKING, 1e4), (30.0, Mode.PITCH_UP, 1e3), (40.0, Mode.APPROACH, 1e3)]
    assert active_at("clock.jump@phase=braking+0..30", looks) == [False, True, True, False]
    assert active_at("clock.jump@phase=braking+20", looks) == [False, False, True, True]


def test_an_altitude_trigger_acts_once_below_and_does_not_end_above():
    looks = [(0.0, Mode.APPROACH, 501.0), (1.0, Mode.APPROACH, 500.0), (2.0, Mode.APPROACH, 700.0)]
    assert active_at("clock.jump@altitude=500", looks) == [False, True, True]


def test_what_strikes_once_strikes_in_one_cycle_wherever_it_begins():
    for delay in ("0", "0.03", "0.05", "0.0999", "0.14"):
        looks = [(CYCLE_S * k, Mode.BRAKING, 1e4) for k in range(6)]
        assert sum(active_at(f"state.upset.0@phase=braking+{delay}", looks)) == 1


def test_a_row_without_an_end_goes_on():
    assert active_at("clock.jump", [(0.0, Mode.COAST, 1e5), (1e9, Mode.SURFACE, 0.0)]) == [True, True]


def test_a_table_too_narrow_says_so():
    rows = rows_of(["clock.jump"] * 9)
    with pytest.raises(ValueError, match=r"9 faults were asked for; the table holds 8: fly fewer at once, or widen the plan"):
        fault_plan(rows)
    assert fault_plan(rows, width=9).width == 9


def test_deleting_a_row_is_a_plan_of_the_same_structure(luna):
    full, less = fault_plan(fault_rows("clock.jump")), fault_plan(())
    assert jax.tree.structure(full) == jax.tree.structure(less)
    assert [leaf.shape for leaf in jax.tree.leaves(full)] == [leaf.shape for leaf in jax.tree.leaves(less)]
    state = no_faults_yet(full, luna.mission.world, some_commands())
    assert math.isinf(float(state.began_s[0]))
    assert all(np.isnan(np.asarray(memory)).all() for memory in state.memory.values())
    assert len(state.memory) == sum(o in REMEMBERING for c in CHANNELS for o in operations_on(c.name))


def test_a_fault_of_a_number_that_is_none_is_its_own(through):
    stuck = fault_rows("engine.stuck.1")[0]._replace(size=float("nan"), trigger=Trigger.MET)
    held = through(stuck)[0].plant.world.propulsion.engines.held_throttle
    assert np.isnan(np.asarray(held)).tolist() == [False, True, False]
