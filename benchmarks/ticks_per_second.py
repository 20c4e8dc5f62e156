"""How fast the closed loop flies: nanoseconds of processor time per lander-tick of a wide batch on one core, phase by phase.

    taskset -c 0 env XLA_FLAGS=--xla_cpu_multi_thread_eigen=false python benchmarks/ticks_per_second.py luna-25 --profile

A tick is 0.1 s of one lander: truth, sensors, flight software. Flown ticks are all that the batch computed, until its last lander has a verdict;
useful ones are those up to each lander's own verdict. In lanes
nothing is flown in a chunk that begins after a lander's verdict. Compiling is left out: every program is called once before. The clock is the
processor time of this process, so that others on the machine count little.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.faults.plan import FaultState, watch
from perilune.faults.seams import acting, corrupt_commands, corrupt_measurements, degrade, upset
from perilune.fsw.app import FILTER_EVERY
from perilune.math.calling import Call, at_once
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.sim import fly as sim
from perilune.sim.mission import Mission, MissionState, PhaseKind
from perilune.sim.step import LANDERS, step
from perilune.types import Index
from perilune.wire.commands import Commands
from perilune.wire.measurements import Measurements
from perilune.world.plant import SUBSTEPS

PROFILE_TICKS = 200


@dataclass
class Flown:
    """Processor seconds of each chunk by what the batch was at, and the batch as it stood at the first chunk of each."""

    spent_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stood: dict[str, tuple[MissionState, int]] = field(default_factory=dict)
    ticks: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    useful: int = 0

    @property
    def chunks(self) -> int:
        return sum(len(spent) for spent in self.spent_s.values())

    @property
    def flown(self) -> int:
        return sum(sum(ticks) for ticks in self.ticks.values())

    @property
    def total_s(self) -> float:
        return sum(sum(spent) for spent in self.spent_s.values())


def what(states: MissionState) -> str:
    """The dearest thing that any lander of the batch asks for."""
    if np.any(states.world.touch.ever):
        return "contact"
    if np.any(states.world.devices_on.velocimeter):
        return "velocimeter"
    return "braking" if np.median(states.mode) >= 2 else "coast"


def flown(plan: Flightplan, fleet: sim.Fleet, call: Call) -> Flown:
    """The powered phases; the coast before them is one call, not ticks."""
    result = Flown()
    states = sim.start(fleet, jnp.asarray(plan.phases[0].start_tick))
    for phase in plan.phases:
        first, last = jnp.asarray(phase.start_tick), jnp.asarray(phase.end_tick)
        if phase.kind is PhaseKind.COAST:
            states = sim.sleep(fleet, states, first, last)
            continue
        states = sim.wake(fleet, states, first, jnp.asarray(phase.uplink_at_start), sim.nothing_new(fleet))
        jax.block_until_ready(call(sim.fly_chunk, fleet, states, first, sim.no_record))  # compiled here, its result thrown away
        ticks = range(phase.start_tick, phase.end_tick, sim.CHUNK_TICKS)
        states = _phase_flown((call, fleet), states, ticks, result, float(plan.mission.tick_s))
    return result


def _phase_flown(flying: tuple[Call, sim.Fleet], states: MissionState, ticks: range, result: Flown, tick_s: float) -> MissionState:
    call, fleet = flying
    for tick in ticks:
        # Each chunk is counted to what it started as, but the one of the first touch to contact.
        before, started = states, time.process_time()
        states, _ = call(sim.fly_chunk, fleet, states, jnp.asarray(tick), sim.no_record)
        jax.block_until_ready(states)
        spent_s = time.process_time() - started
        at = what(states)
        result.spent_s[at].append(spent_s)
        aloft = int(np.sum(~np.asarray(before.verdict.over())))
        result.ticks[at].append(sim.CHUNK_TICKS * (fleet.width if call is at_once else aloft))
        result.stood.setdefault(at, (before if at != "contact" else states, tick))
        over = np.asarray(states.verdict.over())
        ended = np.asarray(states.verdict.end_met_s) / tick_s
        result.useful += int(np.sum(np.clip(np.where(over, ended - tick, sim.CHUNK_TICKS), 0, sim.CHUNK_TICKS)))
        if over.all():
            break
    return states


def tell(result: Flown, width: int) -> None:
    print(f"{width} landers, load of the machine {os.getloadavg()[0]:.1f}, cores allowed {len(os.sched_getaffinity(0))}")
    print(f"{'phase':<14}{'chunks':>8}{'ns a lander-tick':>20}{'fastest':>10}{'slowest':>10}")
    for name, spent_s in result.spent_s.items():
        ns = 1e9 * np.array(spent_s) / np.array(result.ticks[name])
        print(f"{name:<14}{len(ns):>8}{1e9 * sum(spent_s) / sum(result.ticks[name]):>20.0f}{ns.min():>10.0f}{ns.max():>10.0f}")
    ticks = result.flown
    print(f"whole flight: {result.total_s:.2f} s for {ticks} ticks flown, {result.useful} of them useful")
    print(f"  flown   {1e9 * result.total_s / ticks:8.0f} ns a tick, {1e-3 * ticks / result.total_s:8.0f} thousand ticks a second")
    print(
        f"  useful  {1e9 * result.total_s / result.useful:8.0f} ns a tick, {1e-3 * result.useful / result.total_s:8.0f} thousand ticks a second"
    )


class Bench(eqx.Module):
    """What goes from tick to tick while one part is timed; each part changes only what it computes."""

    state: MissionState
    measurements: Measurements
    commands: Commands


Part = Callable[[Mission, Bench, Index], Bench]


def parts() -> dict[str, Part]:
    return {
        "step (all)": _step,
        "measure": _measure,
        "flight software": _software,
        "  filter: propagate": _propagate,
        "  filter: update": _update,
        "  guidance": _guide,
        "  attitude, allocation": _steer,
        "advance": _advance,
        "  propulsion": _propulsion,
        "  gravity and sky": _gravity,
        "  height of ground": _height,
        "verdict": _verdict,
        "faults": _faults,
    }


def _step(mission: Mission, now: Bench, tick: Index) -> Bench:
    return eqx.tree_at(lambda b: b.state, now, step(mission, now.state, sim.silence(mission), tick)[0])


def _measure(mission: Mission, now: Bench, tick: Index) -> Bench:
    measured = mission.world.measure(now.state.world, now.state.stream.named("sensors"), tick)
    return eqx.tree_at(lambda b: (b.state.world, b.measurements), now, measured)


def _read(mission: Mission, now: Bench, tick: Index) -> Measurements:
    return eqx.tree_at(lambda m: m.clock_s, now.measurements, tick * mission.tick_s)


def _software(mission: Mission, now: Bench, tick: Index) -> Bench:
    fsw, commands, _ = mission.fsw.step(now.state.fsw, _read(mission, now, tick), sim.silence(mission), tick)
    return eqx.tree_at(lambda b: (b.state.fsw, b.commands), now, (fsw, commands))


def _propagate(mission: Mission, now: Bench, tick: Index) -> Bench:
    filtered = mission.fsw.navigation.propagate(now.state.fsw.filter, now.measurements.imu, tick * mission.tick_s, jnp.asarray(True))
    return eqx.tree_at(lambda b: b.state.fsw.filter, now, filtered)


def _update(mission: Mission, now: Bench, tick: Index) -> Bench:
    def updated():
        return mission.fsw.navigation.update(now.state.fsw.filter, _read(mission, now, tick))

    filtered = jax.lax.cond(tick % FILTER_EVERY == 0, updated, lambda: now.state.fsw.filter)
    return eqx.tree_at(lambda b: b.state.fsw.filter, now, filtered)


def _guide(mission: Mission, now: Bench, tick: Index) -> Bench:
    software, state = mission.fsw, now.state.fsw
    view = software._view(state, state.filter, _read(mission, now, tick))
    guidance = software._guide(state, view, tick)
    request = software.guidance.request(guidance, view.guidance, state.modes.mode)
    told = state.mass_kg + 0.0 * (request.direction_lci.norm() + request.accel_m_s2)
    return eqx.tree_at(lambda b: (b.state.fsw.guidance, b.state.fsw.mass_kg), now, (guidance, told))


def _steer(mission: Mission, now: Bench, tick: Index) -> Bench:
    software, state = mission.fsw, now.state.fsw
    view = software._view(state, state.filter, now.measurements)
    request = software.guidance.request(state.guidance, view.guidance, state.modes.mode)
    tasks = (state.guidance, state.modes, state.sequencer)
    attitude, allocation, commands = software._steer(state, state.filter, tasks, request, _read(mission, now, tick), view.burn)
    return eqx.tree_at(lambda b: (b.state.fsw.attitude, b.state.fsw.allocation, b.commands), now, (attitude, allocation, commands))


def _advance(mission: Mission, now: Bench, tick: Index) -> Bench:
    return eqx.tree_at(lambda b: b.state.world, now, mission.world.advance(now.state.world, now.commands, now.state.stream, tick))


def _propulsion(mission: Mission, now: Bench, tick: Index) -> Bench:
    units, world, dt_s = mission.world.propulsion, now.state.world, mission.tick_s / SUBSTEPS
    orders = units.ordered(world.propulsion, now.commands, (0.0, mission.tick_s), dt_s)

    def substep(carry, _):
        state, propellant_kg = carry
        state, thrust, flow_kg_s = units.burn(state, orders, propellant_kg, dt_s)
        # The wrench has to go somewhere, or it is not computed.
        return (state, propellant_kg - flow_kg_s * dt_s + 0.0 * thrust.torque_about(world.seen.com_body_m).norm()), None

    state, propellant_kg = jax.lax.scan(substep, (world.propulsion, world.propellant_kg), None, length=SUBSTEPS)[0]
    return eqx.tree_at(lambda b: (b.state.world.propulsion, b.state.world.propellant_kg), now, (state, propellant_kg))


def _gravity(mission: Mission, now: Bench, tick: Index) -> Bench:
    state = now.state.world
    pull = mission.world._held_perturbation(state, tick)
    ahead_m = state.body.r_lci_m + pull * mission.tick_s**2
    return eqx.tree_at(lambda b: (b.state.world.body.r_lci_m, b.state.world.perturbation_lci_m_s2), now, (ahead_m, pull))


def _height(mission: Mission, now: Bench, tick: Index) -> Bench:
    seen = now.state.world.seen
    ahead_m = seen.r_lfme_m + seen.v_lfme_in_lfme_m_s * mission.tick_s
    height_m = mission.world.terrain.height_m(ahead_m.unit())
    return eqx.tree_at(lambda b: (b.state.world.seen.r_lfme_m, b.state.world.altitude_m), now, (ahead_m, height_m))


def _verdict(mission: Mission, now: Bench, tick: Index) -> Bench:
    judge, world = (mission.world.terrain, mission.limits), now.state.world
    return eqx.tree_at(lambda b: b.state.verdict, now, now.state.verdict.latched(world, world, judge, tick * mission.tick_s))


def _faults(mission: Mission, now: Bench, tick: Index) -> Bench:
    state, t_s = now.state, tick * mission.tick_s
    faults = watch(mission.faults, state.faults, t_s, state.mode, state.world.altitude_m)
    now_acting = acting(mission.faults, faults, t_s, mission.tick_s, state.stream.named("faults").at(tick), LANDERS)
    world, truth = degrade(now_acting, mission.world, state.world)
    measurements, readings = corrupt_measurements(now_acting, _read(mission, now, tick))
    fsw = upset(now_acting, state.fsw, state.fsw)
    commands, orders = corrupt_commands(now_acting, now.commands)
    struck = [leaf for leaf in jax.tree.leaves(world.propulsion) if jnp.ndim(leaf) == 1]
    truth = eqx.tree_at(lambda t: t.altitude_m, truth, truth.altitude_m + 0.0 * sum(leaf[0] for leaf in struck))
    parts = (FaultState(faults.began_s, readings | orders), truth, fsw, measurements, commands)
    return eqx.tree_at(lambda b: (b.state.faults, b.state.world, b.state.fsw, b.measurements, b.commands), now, parts)


def profiled(fleet: sim.Fleet, stood: dict[str, tuple[MissionState, int]]) -> None:
    """Each part alone, over and over from the batch as it stood; parts overlap in what they share, so they need not add up to the step."""
    names = list(stood)
    print(f"\n{'ns a lander-tick':<24}" + "".join(f"{name:>14}" for name in names))
    benches = {name: (_ready(fleet, states, jnp.asarray(tick)), tick) for name, (states, tick) in stood.items()}
    for part, function in parts().items():
        spent = [_timed(function, fleet, bench, tick) for bench, tick in benches.values()]
        print(f"{part:<24}" + "".join(f"{ns:>14.0f}" for ns in spent), flush=True)


@eqx.filter_jit
def _ready(fleet: sim.Fleet, states: MissionState, tick: Index) -> Bench:
    def one(own: Mission, state: MissionState) -> Bench:
        mission = eqx.combine(own, fleet.shared)
        _, measurements = mission.world.measure(state.world, state.stream.named("sensors"), tick)
        return Bench(state, measurements, state.fsw.commands)

    return jax.vmap(one, axis_name=LANDERS)(fleet.own, states)


@eqx.filter_jit
def _over_and_over(function: Part, fleet: sim.Fleet, bench: Bench, first_tick: Index) -> Bench:
    def everyone(now: Bench, tick: Index) -> tuple[Bench, None]:
        one = lambda own, mine: function(eqx.combine(own, fleet.shared), mine, tick)  # noqa: E731
        return jax.vmap(one, axis_name=LANDERS)(fleet.own, now), None

    return jax.lax.scan(everyone, bench, first_tick + jnp.arange(PROFILE_TICKS))[0]


def _timed(function: Part, fleet: sim.Fleet, bench: Bench, tick: int) -> float:
    """The faster of two runs after the one that compiles."""
    first = jnp.asarray(tick)
    jax.block_until_ready(_over_and_over(function, fleet, bench, first))
    spent_s = []
    for _ in range(2):
        started = time.process_time()
        jax.block_until_ready(_over_and_over(function, fleet, bench, first))
        spent_s.append(time.process_time() - started)
    return 1e9 * min(spent_s) / (PROFILE_TICKS * fleet.width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mission", nargs="?", default="luna-25")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--profile", action="store_true", help="the cost of the parts as well")
    parser.add_argument("--by", choices=("lanes", "xla"), default="lanes", help="the program in C, or XLA's")
    parser.add_argument("--json", action="store_true", help="only the means, as one line of JSON")
    asked = parser.parse_args()
    plan = build(load(asked.mission))
    fleet = fleet_of(plan.mission, plan.spread, jnp.arange(asked.width))
    result = flown(plan, fleet, at_once if asked.by == "xla" else in_lanes(shelf_beside_jax()))
    if asked.json:
        print(json.dumps({"flown_ns": 1e9 * result.total_s / result.flown, "useful_ns": 1e9 * result.total_s / result.useful}))
        return
    tell(result, asked.width)
    if asked.profile:
        profiled(fleet, result.stood)


if __name__ == "__main__":
    main()
