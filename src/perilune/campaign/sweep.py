"""A map of survival: one fault at many sizes and times, each over a few seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from perilune.campaign.kept import Kept
from perilune.campaign.runner import Case, cases
from perilune.campaign.statistics import wilson_interval
from perilune.faults.catalogue import CATALOGUE
from perilune.faults.words import rows_of
from perilune.scenario.build import build
from perilune.scenario.errors import ScenarioError
from perilune.scenario.faults import read_faults, refuse_late
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.schema import LanderFile
from perilune.sim.outcome import Outcome

STEPS, STEPS_MAX, SEEDS, WIDTH = 8, 100, 20, 100


@dataclass(frozen=True)
class Span:
    """`A..B` in so many steps, or one value."""

    low: float
    high: float
    steps: int

    def values(self) -> tuple[float, ...]:
        return tuple(float(v) for v in np.linspace(self.low, self.high, self.steps if self.high > self.low else 1))


@dataclass(frozen=True)
class Axis:
    """The times of a sweep: words of a trigger up to the number, and the numbers."""

    words: str  # `met=`, `altitude=`, `phase=braking+`; none for a fault that acts from the start
    span: Span

    def triggers(self) -> tuple[str, ...]:
        return tuple(f"@{self.words}{value:g}" for value in self.span.values()) if self.words else ("",)


def read_span(option: str, words: str) -> Span:
    """`A..B`, `A..B/STEPS` or `A`; ScenarioError for anything else."""
    numbers, slash, steps = words.partition("/")
    first, dots, second = numbers.partition("..")
    try:
        span = Span(float(first), float(second if dots else first), int(steps) if slash else STEPS)
    except ValueError:
        raise ScenarioError(f"{option} {words}: give a number, or two as A..B, or A..B/STEPS") from None
    if not span.low <= span.high < float("inf") or not 2 <= span.steps <= STEPS_MAX:
        raise ScenarioError(f"{option} {words}: the first number must be at most the second, and steps from 2 to {STEPS_MAX}")
    return span


def read_axis(words: str | None) -> Axis:
    """`met=A..B`, `altitude=A..B`, `phase=NAME+A..B`, each with steps or without, or nothing."""
    if words is None:
        return Axis("", Span(0.0, 0.0, 1))
    kind, equals, value = words.partition("=")
    if not equals or kind not in ("met", "phase", "altitude"):
        raise ScenarioError(f"--at {words}: write met=A..B, altitude=A..B or phase=NAME+A..B")
    place, plus, since = value.partition("+")
    if kind == "phase" and not plus:
        return Axis(f"phase={place}+", Span(0.0, 0.0, 1))
    prefix, numbers = (f"phase={place}+", since) if kind == "phase" else (f"{kind}=", value)
    return Axis(prefix, read_span(f"--at {kind}", numbers))


@dataclass(frozen=True)
class Cell:
    """One size at one time."""

    size: float | None
    words: str
    flights: int
    landed: int

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.landed, self.flights)


class Sweep:
    """A fault of the catalogue, with its unit if it has one, over sizes and times."""

    def __init__(self, file: LanderFile, fault: str, sizes: Span | None, axis: Axis):
        named = CATALOGUE.get(fault) or CATALOGUE.get(fault.rpartition(".")[0])
        if sizes is None and named is not None and named.unit:
            sizes = Span(named.size, named.size, 1)
        self.file, self.fault, self.axis = file, fault, axis
        self.sizes: tuple[float | None, ...] = (None,) if sizes is None else sizes.values()
        read_faults(file, [words for _, _, words in self.cells()])

    def cells(self) -> list[tuple[float | None, str, str]]:
        """Size, trigger and words of each, times within sizes."""
        told = {size: "" if size is None else f":{size:g}" for size in self.sizes}
        return [(size, when, f"{self.fault}{told[size]}{when}") for size in self.sizes for when in self.axis.triggers()]

    def fly(self, seeds: int, kept: Kept, watch: Callable[[str, float], None]) -> list[Cell]:
        """Every cell over the same seeds; cells share batches, for a batch is one program whatever its faults."""
        plan = build(self.file)
        words = [each for _, _, each in self.cells()]
        refuse_late(plan, words)
        jobs = [(seed, rows) for rows in map(rows_of, ([each] for each in words)) for seed in range(seeds)]
        kinds = frozenset(row.kind for _, rows in jobs for row in rows)
        flown, call = list[Case](), in_lanes(shelf_beside_jax())
        for first in range(0, len(jobs), WIDTH):
            name, batch = f"{first // WIDTH:04d}", jobs[first : first + WIDTH]
            rows = kept.find(name)
            if rows is None:
                telling = partial(self._told, watch, (first / len(jobs), len(batch) / len(jobs)))
                rows = list(cases(plan, [seed for seed, _ in batch], WIDTH, telling, [each for _, each in batch], call, kinds))
                kept.put(name, rows)
            flown += rows
        watch(self.fault, 1.0)
        return [self._cell(number, flown[number * seeds : (number + 1) * seeds]) for number in range(len(words))]

    def _told(self, watch: Callable[[str, float], None], done_and_part: tuple[float, float], share: float) -> None:
        done, part = done_and_part
        watch(self.fault, done + share * part)

    def _cell(self, number: int, rows: Sequence[Case]) -> Cell:
        size, _, words = self.cells()[number]
        return Cell(size, words, len(rows), sum(row.outcome is Outcome.LANDED for row in rows))

    def result(self, cells: Sequence[Cell], seeds: int) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "schema": 1,
            "mission": self.file.name,
            "fault": self.fault,
            "unit": (CATALOGUE.get(self.fault) or CATALOGUE[self.fault.rpartition(".")[0]]).unit,
            "seeds": seeds,
            "sizes": list(self.sizes),
            "trigger": self.axis.words,
            "times": list(self.axis.span.values()),
            "cells": [
                {"words": c.words, "flights": c.flights, "landed": c.landed, "interval": list(c.interval), "size": c.size} for c in cells
            ],
        }
