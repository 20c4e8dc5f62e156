"""One case of a campaign, flown again with everything recorded, and shown to be the same case.

It flies in its chunk, by the very program of the campaign: every number of its row must come out bit for bit. That program records nothing, so
XLA's flies beside it to record, and starts each hundred ticks from the state that the campaign's program has there: what the two round differently
has no more than ten seconds to grow, and how far it grew is told.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import jax
import numpy as np

from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable, Columns
from perilune.math.calling import Call
from perilune.scenario.errors import ScenarioError
from perilune.scenario.flight import Flight, recorded
from perilune.sim import fly as sim
from perilune.sim.mission import MissionState


@dataclass(frozen=True)
class Replay:
    """A case with its record, and what was compared."""

    flight: Flight
    result: dict[str, Any]


def replay(squadron: Squadron, table: CaseTable, case: int, progress: Any = lambda _: None) -> Replay:
    """Fly a case of a table again; ScenarioError for one that is not in it."""
    return next(replays(squadron, table, (case,), progress))


def replays(squadron: Squadron, table: CaseTable, cases: Sequence[int], progress: Any = lambda _: None) -> Iterator[Replay]:
    """Several, in order: a chunk flies once for all that it holds of them."""
    chunks = [(number, list(some)) for number, some in groupby(sorted(set(cases)), lambda case: case // squadron.asked.width)]
    before = {number: _on_disk(squadron, table, number, some) for number, some in chunks}
    squadron.prepare()
    for number, some in chunks:
        yield from _of_chunk(squadron, (number, before[number]), some, progress)


def _on_disk(squadron: Squadron, table: CaseTable, number: int, cases: list[int]) -> Columns:
    """The rows of a chunk that has these cases; ScenarioError if it has not."""
    first, _ = squadron.asked.chunk(number)
    rows = table.chunk(number)
    strange = [case for case in cases if rows is None or not 0 <= case - first < len(rows["case"])]
    if rows is None or strange:
        raise ScenarioError(f"--case {strange[0]}: the campaign has no such case on disk")
    return rows


def _of_chunk(squadron: Squadron, there: tuple[int, Columns], cases: list[int], progress: Any) -> Iterator[Replay]:
    number, before = there
    first, count = squadron.asked.chunk(number)
    seeds = {case: int(before["seed"][case - first]) for case in cases}
    noting = Noting(squadron.lanes, seeds.values())
    again = squadron.fly_by(noting, first, count)
    fleet = squadron.fleet(first, count)[0]
    for case, seed in seeds.items():
        place = case - first
        beside = Following(noting.states[seed], squadron.programs)
        flight = recorded(squadron.plan, alone(fleet, place), told_of(squadron, seed), squadron.programs, progress, beside)
        yield Replay(flight, _result(case, before, unequal(before, again, place), (place, beside.apart)))


class Noting:
    """Calls programs of a batch, and keeps what they make of some of its landers, by their seeds: few of a batch may be called alone."""

    def __init__(self, call: Call, seeds: Iterable[int]):
        self._call = call
        self.states: dict[int, list[MissionState]] = {seed: [] for seed in seeds}

    def __call__(self, function: Callable[..., Any], fleet: sim.Fleet, *arguments: Any) -> Any:
        given = self._call(function, fleet, *arguments)
        states, aboard = given[0] if function is sim.fly_chunk else given, np.asarray(fleet.seeds)
        for seed, noted in self.states.items():
            noted += [row(states, int(place)) for place in np.flatnonzero(aboard == seed)[:1]]
        return given


class Following:
    """Flies one lander along the states that were noted of it: the same programs are called in the same order, and XLA's only records."""

    def __init__(self, states: Sequence[MissionState], call: Call):
        self._states, self._call = iter(states), call
        self.apart: list[tuple[float, float]] = []  # at the end of each hundred ticks: m and m/s

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        there = next(self._states)
        if function is not sim.fly_chunk:
            return there
        own, record = self._call(function, *arguments)
        ours, theirs = own.world.body, there.world.body
        self.apart.append((_distance(ours.r_lci_m, theirs.r_lci_m), _distance(ours.v_lci_m_s, theirs.v_lci_m_s)))
        return there, record


def row(batch: Any, place: int) -> Any:
    """One lander of a batch, as a batch of one: the same numbers, bit for bit."""
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)[place : place + 1]), batch)


def alone(fleet: sim.Fleet, place: int) -> sim.Fleet:
    return sim.Fleet(shared=fleet.shared, own=row(fleet.own, place), seeds=row(fleet.seeds, place), given=row(fleet.given, place))


def _distance(one: Any, other: Any) -> float:
    return float(np.linalg.norm([np.asarray(a) - np.asarray(b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)]))


def told_of(squadron: Squadron, seed: int) -> dict[str, Any]:
    """What the flight was asked to be."""
    asked = squadron.asked
    start = asked.from_phase or squadron.file.entries[-1]
    return {"variant": asked.variant, "seed": seed, "from": start, "faults": list(asked.faults)}


def unequal(before: Columns, again: Columns, place: int) -> list[str]:
    """Columns whose value of a case is another, in any bit."""
    return [name for name in before if not _same(before[name][place], again[name][place])]


def _same(one: Any, other: Any) -> bool:
    return np.float64(one).tobytes() == np.float64(other).tobytes() if isinstance(one, np.floating) else bool(one == other)


def _result(case: int, before: Columns, columns_apart: list[str], followed: tuple[int, list[tuple[float, float]]]) -> dict[str, Any]:
    place, apart = followed
    return {
        "schema": 1,
        "case": case,
        "row": {name: column[place].item() if hasattr(column[place], "item") else column[place] for name, column in before.items()},
        "same": not columns_apart,
        "columns_compared": len(before),
        "columns_apart": columns_apart,
        "record": {
            "ticks_between_states": sim.CHUNK_TICKS,
            "apart_m": max(r for r, _ in apart),
            "apart_median_m": float(np.median([r for r, _ in apart])),
            "apart_m_s": max(v for _, v in apart),
        },
    }
