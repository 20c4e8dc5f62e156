"""How far flights were from failing, as the share of a limit that was left: what subset simulation climbs down."""

from collections.abc import Mapping, Sequence

import numpy as np

from perilune.campaign.runner import OUTSIDE, Case
from perilune.scenario.schema import LanderFile

ANY = "any"
# Each with the column that is held against it, and its limit in the mission file; the ellipse has a distance in half axes.
LIMITS = {"down": "vertical_m_s", "sideways": "horizontal_m_s", "tilt": "tilt_deg", "rest": "rest_tilt_deg"}
ELLIPSE = "ellipse"
MARGINS = (ELLIPSE, *LIMITS, ANY)
COLUMNS = (*LIMITS.values(), "along_m", "across_m", "met_s")


def margins(file: LanderFile, half_axes_m: tuple[float, float] | None, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of rows of a table (`COLUMNS` and `reason`), by name [case]: 1 with all of a limit left, 0 at the limit.

    A flight that never touched the ground has all of each left, and one that failed of something else all of the ellipse. `any` is the
    smallest, and not positive for a flight that failed, whatever it was that it failed of.
    """
    used = {name: rows[column] / float(getattr(file.limits, column)) for name, column in LIMITS.items()}
    if half_axes_m is not None:
        apart = np.hypot(rows["along_m"] / half_axes_m[0], rows["across_m"] / half_axes_m[1])
        used[ELLIPSE] = np.where(np.isin(rows["reason"], ("", OUTSIDE)), apart, 0.0)
    touched = rows["met_s"] > 0.0
    left = {name: np.where(touched & np.isfinite(share), 1.0 - share, 1.0) for name, share in used.items()}
    smallest = np.min(list(left.values()), axis=0)
    return {**left, ANY: np.where(rows["reason"] == "", smallest, np.minimum(smallest, 0.0))}


def columns_of(rows: Sequence[Case], reasons: Sequence[str]) -> dict[str, np.ndarray]:
    """What `margins` looks at, of cases that are in no table."""
    return {"reason": np.array(reasons, dtype=object), **{name: np.array([getattr(row, name) for row in rows]) for name in COLUMNS}}
