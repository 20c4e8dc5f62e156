"""A campaign, flown: chunks over workers, each on disk before it is counted, until there are enough."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from perilune.campaign.asked import Asked
from perilune.campaign.statistics import wilson_interval
from perilune.campaign.table import CaseTable, Columns

FlyChunk = Callable[[int, int], Columns]  # first case and count


@dataclass(frozen=True)
class Standing:
    """How far a campaign is: cases in a row from the first, how many landed, and how fast it goes."""

    cases: int
    landed: int
    wanted: int
    flown: int = 0  # by this run
    seconds: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        return wilson_interval(self.landed, self.cases)

    @property
    def rate(self) -> float:
        """Cases a second."""
        return self.flown / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def left_s(self) -> float:
        return (self.wanted - self.cases) / self.rate if self.rate > 0.0 else float("inf")


Watch = Callable[[Standing], None]


class Crew(NamedTuple):
    """Who flies: an executor, what it is given to do, and how many chunks it has at a time."""

    executor: Executor
    fly: FlyChunk
    chunks: int


class _Count:
    """What is on disk, counted from the first chunk on without a gap."""

    def __init__(self, asked: Asked):
        self._asked, self._landed, self.next = asked, dict[int, int](), 0
        self.cases, self.landed = 0, 0

    def add(self, number: int, columns: Columns) -> None:
        self._landed[number] = int(np.sum(columns["landed"]))
        while self.next in self._landed and not self.enough():
            self.landed += self._landed[self.next]
            self.cases += self._asked.chunk(self.next)[1]
            self.next += 1

    def enough(self) -> bool:
        """All of them, or an interval as narrow as was asked for: decided at the ends of chunks, in order, whoever flew them."""
        if self.next >= self._asked.chunks:
            return True
        low, high = wilson_interval(self.landed, self.cases)
        return self._asked.until_width is not None and self.cases > 0 and high - low <= self._asked.until_width


def run(asked: Asked, table: CaseTable, crew: Crew, watch: Watch = lambda standing: None) -> Standing:
    """Fly what is not there yet. The table is the same however often it was interrupted and whoever flew."""
    count, flown, began = _Count(asked), 0, time.perf_counter()
    numbers = _missing(asked, table, count)

    def standing() -> Standing:
        return Standing(count.cases, count.landed, asked.cases, flown, time.perf_counter() - began)

    watch(standing())
    aloft: dict[Future[Columns], int] = {}
    try:
        while not count.enough():
            while len(aloft) < crew.chunks and (number := next(numbers, None)) is not None:
                aloft[crew.executor.submit(crew.fly, *asked.chunk(number))] = number
            done, _ = wait(aloft, return_when=FIRST_COMPLETED)
            for future in done:
                number, columns = aloft.pop(future), future.result()
                table.put(number, columns)
                flown += len(columns["landed"])
                count.add(number, columns)
            watch(standing())
    finally:
        for future in aloft:
            future.cancel()
    table.keep(count.next)
    return standing()


def _missing(asked: Asked, table: CaseTable, count: _Count) -> Iterator[int]:
    """Chunks that must be flown, in order. Those that are there are counted as they are come by."""
    for number in range(asked.chunks):
        found = table.found(number, asked.chunk(number)[1])
        if found is None:
            yield number
        else:
            count.add(number, found)
