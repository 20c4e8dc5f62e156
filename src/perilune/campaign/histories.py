"""Time histories of chosen cases: each is flown again with everything recorded, into one Zarr store with a group a case."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from perilune.campaign.asked import Asked
from perilune.campaign.replay import Replay, replays
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable
from perilune.scenario.errors import ScenarioError

HISTORIES = "histories.zarr"
# The second format: texts have no place in the third one's specification yet.
ZARR_FORMAT = 2


def refuse_without_zarr(asked: Asked) -> None:
    if asked.histories:
        _zarr()


def kept_histories(squadron: Squadron, folder: Path, tell: Callable[[str], None] = lambda line: None) -> list[int]:
    """Record what was chosen and is not there yet; returns all cases of the store. A case is in it whole or not at all."""
    table, store = CaseTable(folder), folder / HISTORIES
    there = recorded_cases(folder)
    missing = [case for case in chosen(squadron.asked, table) if case not in there]
    for done, each in enumerate(replays(squadron, table, missing) if missing else ()):
        _put(each, store)
        tell(f"case {each.result['case']} is recorded, {done + 1} of {len(missing)}: {each.flight.outcome['outcome']}")
    if missing:
        _zarr().consolidate_metadata(store, zarr_format=ZARR_FORMAT)
    return recorded_cases(folder)


def chosen(asked: Asked, table: CaseTable) -> list[int]:
    """Numbers of the cases whose histories are wanted, of those that were flown."""
    if not asked.histories:
        return []
    rows, wanted = table.read(("case", "landed")), asked.chosen
    failed = rows["case"][~rows["landed"].astype(bool)][: wanted.failed]
    return [int(case) for case in (*np.intersect1d(wanted.cases, rows["case"]), *failed)]


def recorded_cases(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("case-")) for path in (folder / HISTORIES).glob("case-*"))


def _put(replay: Replay, store: Path) -> None:
    """Written beside the store, and then moved into it."""
    name, part = f"case-{replay.result['case']:06d}", store.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    _zarr().open_group(store, mode="a", zarr_format=ZARR_FORMAT)
    for node in replay.flight.dataset().subtree:
        group = node.to_dataset(inherit=False)
        if node.path == "/":
            group.attrs |= _about(replay.result)
        group.to_zarr(part, group=name + node.path.rstrip("/"), mode="w", zarr_format=ZARR_FORMAT, consolidated=False)
    os.replace(part / name, store / name)
    shutil.rmtree(part)


def _about(result: dict[str, Any]) -> dict[str, Any]:
    """What tells a case from others, and whether it came out as it was."""
    row, record = result["row"], result["record"]
    return {
        "case": result["case"],
        "seed": row["seed"],
        "reason": str(row["reason"]),
        "same_as_the_row": int(result["same"]),
        "apart_at_most_m": record["apart_m"],
    }


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise ScenarioError("--histories needs Zarr: pip install 'perilune[histories]'") from None
    return zarr
