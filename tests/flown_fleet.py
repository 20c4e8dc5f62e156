"""Luna-25, flown for all tests that need the whole loop: each lander alone, by the programs that the main job has left, or four in a batch.

Faults of a batch are batched, so that a flight with them and one without are the same program.
"""

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.runner import with_faults
from perilune.faults.plan import FaultRow, fault_plan
from perilune.math.calling import Call, at_once
from perilune.scenario.build import Flightplan
from perilune.scenario.disperse import fleet_of
from perilune.scenario.programs import Programs
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.mission import MissionState, PhaseKind
from perilune.sim.outcome import Outcome

WIDTH = 4
TRACES: list[str] = []  # a word each time the tick is traced


def counting_recorder(mission, frame):
    """Keeps next to nothing; that it runs at all tells of a trace."""
    TRACES.append("tick")
    return {"altitude_m": frame.truth.altitude_m, "mode": frame.downlink.mode, "throttle": frame.downlink.commands.throttle}


def fleet_with(plan: Flightplan, seeds: list[int], rows: dict[int, tuple[FaultRow, ...]]) -> sim.Fleet:
    """A batch in which each lander has its own fault table; `rows` by place in the batch."""
    return with_faults(fleet_of(plan.mission, plan.spread, jnp.asarray(seeds)), [rows.get(place, ()) for place in range(len(seeds))])


@dataclass
class Descent:
    """States at the end of each chunk, on the host, and the record joined."""

    fleet: sim.Fleet
    first_tick: int
    awake: MissionState
    states: list[MissionState] = field(default_factory=list)
    records: list[dict] = field(default_factory=list)

    @property
    def last(self) -> MissionState:
        return self.states[-1]

    def record(self, name: str) -> np.ndarray:
        return np.concatenate([each[name] for each in self.records])

    def tick_after(self, number: int) -> int:
        return self.first_tick + (number + 1) * sim.CHUNK_TICKS


def awake(plan: Flightplan, fleet: sim.Fleet, call: Call = at_once) -> tuple[MissionState, int, int]:
    """Just woken at the start of the powered descent, with its first and last tick."""
    coast, powered, _ = plan.phases
    assert (coast.kind, powered.kind) == (PhaseKind.COAST, PhaseKind.POWERED)
    with strictly():
        states = call(sim.start, fleet, jnp.asarray(coast.start_tick))
        states = call(sim.sleep, fleet, states, jnp.asarray(coast.start_tick), jnp.asarray(coast.end_tick))
        woken = call(sim.wake, fleet, states, jnp.asarray(powered.start_tick), jnp.asarray(True), sim.nothing_new(fleet))
    return woken, powered.start_tick, powered.end_tick


def strictly():
    """Arrays of different rank never meet in the package by accident."""
    return jax.numpy_rank_promotion("raise")


def chunk(fleet: sim.Fleet, states: MissionState, tick: int, recorder: sim.Recorder = counting_recorder, call: Call = at_once):
    with strictly():
        return call(sim.fly_chunk, fleet, states, jnp.asarray(tick), recorder)


def descend(plan: Flightplan, fleet: sim.Fleet, recorder: sim.Recorder = counting_recorder, call: Call = at_once) -> Descent:
    """Until every lander has a verdict."""
    states, first, end = awake(plan, fleet, call)
    flown = Descent(fleet, first, jax.tree.map(np.asarray, states))
    for tick in range(first, end, sim.CHUNK_TICKS):
        states, record = chunk(fleet, states, tick, recorder, call)
        flown.states.append(jax.tree.map(np.asarray, states))
        flown.records.append(jax.tree.map(np.asarray, record))
        if np.all(flown.last.verdict.outcome != Outcome.FLYING):
            break
    return flown


def alone(plan: Flightplan, seed: int, rows: tuple[FaultRow, ...], programs: Programs) -> sim.Fleet:
    """One lander, as the command line flies it."""
    mission = eqx.tree_at(lambda m: m.faults, plan.mission, fault_plan(rows))
    return fleet_of(mission, plan.spread, jnp.asarray([seed]), programs)


def side_by_side(plan: Flightplan, seeds: list[int], rows: dict[int, tuple[FaultRow, ...]], programs: Programs) -> Descent:
    """A batch, each lander of which was flown alone; who is down waits for the others."""
    flights = [descend(plan, alone(plan, seed, rows.get(place, ()), programs), all_channels, programs) for place, seed in enumerate(seeds)]
    chunks = max(len(flight.states) for flight in flights)
    waiting = [flight.states + [flight.last] * (chunks - len(flight.states)) for flight in flights]
    states = [_stacked(*each) for each in zip(*waiting, strict=True)]
    return Descent(fleet_with(plan, seeds, rows), flights[0].first_tick, _stacked(*(flight.awake for flight in flights)), states)


def side_by_side_awake(plan: Flightplan, seeds: list[int], rows: dict[int, tuple[FaultRow, ...]], programs: Programs) -> Descent:
    """The same, just woken and not flown."""
    woken = [awake(plan, alone(plan, seed, rows.get(place, ()), programs), programs) for place, seed in enumerate(seeds)]
    return Descent(fleet_with(plan, seeds, rows), woken[0][1], _stacked(*(states for states, _, _ in woken)))


def _stacked(*states: MissionState) -> MissionState:
    return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *states)


def lander(states: MissionState, place: int) -> MissionState:
    """One row of a batch."""
    return jax.tree.map(lambda leaf: leaf[place], states)


def different_leaves(one, other) -> list[str]:
    """Paths of the leaves whose bits differ; a NaN equals itself."""
    ours, theirs = jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(other)
    assert len(ours) == len(theirs)
    return [jax.tree_util.keystr(path) for (path, a), b in zip(ours, theirs, strict=True) if not same_bits(a, b)]


def same_bits(one, other) -> bool:
    a, b = canonical(one), canonical(other)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def canonical(leaf) -> np.ndarray:
    """One NaN for all, and one zero: sign and payload of a NaN depend on the lane of the processor, and the sign of a limit of nought
    on which of its two zeros the processor keeps."""
    numbers = np.ascontiguousarray(np.asarray(leaf))
    return np.where(np.isnan(numbers), np.nan, numbers) + 0.0 if np.issubdtype(numbers.dtype, np.floating) else numbers


def fly_phases(plan: Flightplan, fleet: sim.Fleet, call: Call) -> Descent:
    """Every phase, coasts with them, until every lander has a verdict; the record is of the powered phases."""
    start = plan.phases[0].start_tick
    flown = Descent(fleet, start, jax.tree.map(np.asarray, call(sim.start, fleet, jnp.asarray(start))))
    with strictly():
        for part in sim.fly(fleet, plan.phases, all_channels, call):
            flown.states.append(jax.tree.map(np.asarray, part.states))
            if part.record is not None:
                ticks = {"tick": part.first_tick + np.arange(sim.CHUNK_TICKS)}
                flown.records.append(jax.tree.map(np.asarray, part.record) | ticks)
    return flown
