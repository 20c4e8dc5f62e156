"""Two campaigns on the same seeds: did the change help?"""

from pathlib import Path
from typing import Any

import numpy as np

from perilune.campaign.campaign import of_folder
from perilune.campaign.statistics import paired, quantile
from perilune.campaign.table import CaseTable, Columns
from perilune.scenario.errors import ScenarioError

# Of pairs that both came to the ground: how much the second is above the first.
MEASURED = ("propellant_kg", "vertical_m_s", "horizontal_m_s", "tilt_deg")


def compared(first: Path, second: Path) -> dict[str, Any]:
    """Pairs by seed; ScenarioError for campaigns that share none, or whose flights of a seed drew different inputs."""
    (one, told), (other, also) = (of_folder(folder) for folder in (first, second))
    ways = [{each["column"]: each["way"] for each in each_told["inputs"]} for each_told in (told, also)]
    shared = [name for name in ways[0] if name in ways[1]]
    ours, theirs = _joined(
        *(CaseTable(folder).read(("case", "seed", "landed", "reason", "met_s", *MEASURED, *shared)) for folder in (first, second))
    )
    apart = [name for name in shared if not np.array_equal(ours[name], theirs[name], equal_nan=True)]
    odds = paired(ours["landed"], theirs["landed"])
    return {
        "schema": 1,
        "first": {"folder": str(first), "mission": one.mission, "landed": int(np.sum(ours["landed"]))},
        "second": {"folder": str(second), "mission": other.mission, "landed": int(np.sum(theirs["landed"]))},
        "pairs": len(ours["seed"]),
        **odds._asdict(),
        "inputs_apart": apart,
        "moved": _moved(ours, theirs),
        "lost": _switched(ours, theirs),
        "won": _switched(theirs, ours),
    }


def _joined(ours: Columns, theirs: Columns) -> tuple[Columns, Columns]:
    _, mine, yours = np.intersect1d(ours["seed"], theirs["seed"], return_indices=True)
    if not len(mine):
        raise ScenarioError("the two campaigns have no seed in common; fly both with the same --seed")
    return {name: column[mine] for name, column in ours.items()}, {name: column[yours] for name, column in theirs.items()}


def _moved(ours: Columns, theirs: Columns) -> dict[str, Any]:
    """Medians of what changed from pair to pair, with their intervals."""
    both = (ours["met_s"] > 0.0) & (theirs["met_s"] > 0.0)
    if not both.any():
        return {}
    return {name: quantile(np.sort((theirs[name] - ours[name])[both]), 0.5)._asdict() for name in MEASURED}


def _switched(ours: Columns, theirs: Columns) -> list[dict[str, Any]]:
    """Flights that landed in the one and not in the other, by why."""
    switched = ours["landed"].astype(bool) & ~theirs["landed"].astype(bool)
    whys, counts = np.unique(theirs["reason"][switched].astype(str), return_counts=True)
    order = np.argsort(-counts)
    return [{"reason": str(whys[place]), "cases": int(counts[place])} for place in order]
