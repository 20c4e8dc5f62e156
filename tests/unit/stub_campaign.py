"""Flights that cost nothing: rows of a campaign from the case alone, for tests of all that is around the flying.

As a script it flies a campaign of them slowly, to be killed: `stub_campaign.py FOLDER CASES`.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from perilune.campaign.asked import Asked, asked
from perilune.campaign.run import Crew, Standing, run
from perilune.campaign.table import CaseTable, Columns

LANDS = 0.9
WIDTH = 8


def rows(first: int, count: int, pause_s: float = 0.0) -> Columns:
    """Each row from its case. The input `x` decides; one case in fifty is not a number, and one in a hundred never touches the ground."""
    time.sleep(pause_s)
    case = np.arange(first, first + count)
    x, noise = np.stack([np.random.default_rng(int(number)).normal(size=2) for number in case], axis=1)
    share = np.array([np.random.default_rng([int(number), 1]).uniform() for number in case])
    numerical, lost = case % 50 == 49, case % 100 == 7
    landed = (share < LANDS) & ~numerical & ~lost
    outcome = np.select([numerical, lost, landed], ["numerical", "lost", "landed"], "crashed")
    speed = np.where(numerical, np.nan, 1.5 + 0.1 * x + 0.02 * noise)
    return {
        "case": case,
        "seed": case,
        "outcome": outcome,
        "landed": landed,
        "reason": np.select([numerical, lost, landed], ["numerical", "lost", ""], "crashed: hull struck"),
        "vertical_m_s": speed,
        "horizontal_m_s": np.abs(noise),
        "tilt_deg": np.abs(0.3 * noise),
        "rest_tilt_deg": np.abs(noise),
        "slope_deg": 5.0 + 0.0 * noise,
        "propellant_kg": 40.0 + 3.0 * x,
        "met_s": np.where(lost, 0.0, 7000.0),
        "along_m": 300.0 * noise,
        "across_m": 100.0 * x,
        "east_m": 300.0 * noise,
        "north_m": 100.0 * x,
        "x_sigma": x,
        "y_sigma": np.random.default_rng([first, 2]).normal(size=count),
    }


def wanted(cases: int, **changes) -> Asked:
    return asked({"mission": "luna-25", "cases": cases, "width": WIDTH, **changes})


def flown(folder: Path, cases: int, workers: int = 1, pause_s: float = 0.0, **changes) -> Standing:
    """A campaign of them into a folder."""
    with ThreadPoolExecutor(max_workers=workers) as threads:
        crew = Crew(threads, partial(rows, pause_s=pause_s), workers)
        return run(wanted(cases, **changes), CaseTable(folder), crew)


if __name__ == "__main__":
    flown(Path(sys.argv[1]), int(sys.argv[2]), workers=2, pause_s=0.03)
