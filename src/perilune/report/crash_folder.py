"""Crash tests and sweeps from a mission to a folder: progress, batches that are kept, result and page."""

import json
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from perilune.campaign import crash_test as campaign
from perilune.campaign.failures import FAILURES
from perilune.campaign.kept import RESULT, Kept, opened, written
from perilune.campaign.sweep import SEEDS, Sweep, read_axis, read_span
from perilune.report import crash_page, sweep_page
from perilune.report.told import Told
from perilune.scenario.schema import LanderFile

SHELF = Path("crash-tests")


class Swept(NamedTuple):
    """A sweep as asked for."""

    fault: str
    size: str | None
    at: str | None
    seeds: int | None


class Board:
    """A line for each batch on a terminal; elsewhere a line when it is done."""

    def __init__(self, console: Console, names: Sequence[str]):
        self._console, self._lock, self._done = console, Lock(), set()
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks = {name: self._progress.add_task(name, total=1.0, start=False) for name in names}

    def __enter__(self) -> "Board":
        self._progress.start()
        if not self._console.is_terminal:
            self._console.print("preparing the flights (compiling, the first time)")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, name: str, share: float) -> None:
        """How much of a batch has come to its end."""
        with self._lock:
            task = self._tasks[name]
            if not self._progress.tasks[task].started:
                self._progress.start_task(task)
            self._progress.update(task, completed=share)
            if share >= 1.0 and name not in self._done:
                self._done.add(name)
                if not self._console.is_terminal:
                    self._console.print(f"{name}: flown ({len(self._done)} of {len(self._tasks)})")


def crash_tested(file: LanderFile, seeds: int | None, out: Path | None, console: Console) -> Told:
    """Every failure of history; a folder with `result.json` and `report.html`."""
    seeds = seeds or campaign.SEEDS
    asked = {"crash test": file.name, "mission_sha256": file.sha256, "seeds": seeds, "failures": _translations(file)}
    kept, trials = opened(out, SHELF, file.name, asked), []
    names = [campaign.HEALTHY, *(f.name for f in FAILURES if isinstance(f.translated(file), campaign.Translation))]
    with _left_if_empty(kept), Board(console, names) as board:
        trials = list(campaign.crash_test(file, seeds, kept, lambda name, share: board(name, share) if name in names else None))
    result = campaign.result_of(file, trials, seeds)
    files = _written(kept, result, crash_page.page(result, file.mission.title))
    verdicts = [campaign.verdict_of(trial) for trial in result["trials"]]
    return Told(result, (crash_page.table(result), "", *verdicts, "", crash_page.overall(result)), files)


def swept(file: LanderFile, asked: Swept, out: Path | None, console: Console) -> Told:
    """One fault over sizes and times; a folder likewise."""
    seeds = asked.seeds or SEEDS
    sizes = None if asked.size is None else read_span("--size", asked.size)
    sweep = Sweep(file, asked.fault, sizes, read_axis(asked.at))
    words = {"sweep": file.name, "mission_sha256": file.sha256, "seeds": seeds, "cells": [each for _, _, each in sweep.cells()]}
    kept = opened(out, SHELF, f"{file.name}-{asked.fault}", words)
    with _left_if_empty(kept), Board(console, [asked.fault]) as board:
        cells = sweep.fly(seeds, kept, board)
    result = sweep.result(cells, seeds)
    files = _written(kept, result, sweep_page.page(result, file.mission.title))
    return Told(result, (sweep_page.table(result),), files)


def _translations(file: LanderFile) -> dict[str, Any]:
    return {failure.name: list(failure.translated(file)) for failure in FAILURES}


def _written(kept: Kept, result: dict[str, Any], page: str) -> dict[str, str]:
    assert kept.folder is not None
    written(kept.folder / "report.html", page)
    written(kept.folder / RESULT, json.dumps(result, indent=2) + "\n")
    return {"report": str(kept.folder / "report.html"), "result": str(kept.folder / RESULT)}


@contextmanager
def _left_if_empty(kept: Kept):
    """A folder in which nothing was flown is taken away again."""
    try:
        yield
    except BaseException:
        if kept.folder is not None and not (kept.folder / "batches").exists():
            for file in kept.folder.iterdir():
                file.unlink()
            kept.folder.rmdir()
        raise
