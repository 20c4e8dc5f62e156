"""Rows of finished batches, on disk: what a killed run has flown is not flown again."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perilune.campaign.runner import Case
from perilune.scenario.errors import ScenarioError
from perilune.sim.outcome import Outcome

ASKED, RESULT = "asked.json", "result.json"


class Kept:
    """A folder of batches by name. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def find(self, name: str) -> list[Case] | None:
        """The rows of a batch that was finished."""
        if self.folder is None or not (path := self._path(name)).is_file():
            return None
        return [Case(**{**row, "outcome": Outcome(row["outcome"])}) for row in json.loads(path.read_text(encoding="utf-8"))]

    def put(self, name: str, rows: Sequence[Case]) -> None:
        if self.folder is None:
            return
        self._path(name).parent.mkdir(exist_ok=True)
        written(self._path(name), json.dumps([asdict(row) for row in rows]))

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / "batches" / f"{name}.json"


def written(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def opened(wanted: Path | None, shelf: Path, stem: str, asked: dict[str, Any]) -> Kept:
    """A new folder, or an unfinished one in which the very same was asked: it is gone on with.

    The folder wanted, or the next free number on a shelf; ScenarioError for a folder that holds anything else.
    """
    text = json.dumps(asked, indent=2)
    places: Iterable[Path] = (shelf / f"{stem}-{number:03d}" for number in range(1, 100_000)) if wanted is None else (wanted,)
    for folder in places:
        if not folder.exists():
            folder.mkdir(parents=True)
            written(folder / ASKED, text)
            return Kept(folder)
        if _unfinished(folder, text):
            return Kept(folder)
    raise ScenarioError(f"--out {wanted} exists already; name a folder that does not (nothing is ever overwritten)")


def _unfinished(folder: Path, asked: str) -> bool:
    there = folder / ASKED
    return there.is_file() and there.read_text(encoding="utf-8") == asked and not (folder / RESULT).exists()
