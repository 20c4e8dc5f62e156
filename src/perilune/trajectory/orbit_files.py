"""A planned path as other tools read it: rows for a CCSDS orbit ephemeris message (OEM) or an SPK kernel, and the text of the message.

**Model.** One segment for each arc, so that no reader interpolates across the start of a burn; steps follow the time scale of the motion,
radius over speed about the centre, so that Hermite interpolation of degree 7 between rows is as good as the integrator between its own steps.
**Error.** Interpolated between rows 5e-2 m at most (tests); printed to 1 mm and 1 micrometre a second. Time is TDB to a microsecond: UTC in
milliseconds would be worth 1.6 m in a low orbit.
**Neglects** the mass: neither format carries it.
**Reference.** CCSDS 502.0-B-2, Orbit Data Messages (2009), keyword = value form.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from perilune.trajectory.flightpath import Arc, MissionPlan, calendar_tdb

# Rows in one time scale of the motion, and the longest step.
ROWS_A_SCALE, STEP_MAX_S = 24.0, 3600.0
# Points from which the time scale is read off.
COARSE = 512
# Rows in an arc at least, for interpolation of degree 7.
ROWS_MIN = 9
HERMITE_DEGREE = 7
CENTRES = {"earth": "EARTH", "moon": "MOON"}


class Segment(NamedTuple):
    """One arc in rows: TDB seconds past J2000, positions and velocities about its centre in ICRF axes."""

    name: str
    centre: str
    tdb_s: Float[np.ndarray, " rows"]
    r_m: Float[np.ndarray, "rows 3"]
    v_m_s: Float[np.ndarray, "rows 3"]


def segments(plan: MissionPlan) -> list[Segment]:
    """Every arc in order of time."""
    return [_segment(plan, arc) for arc in sorted(plan.arcs, key=lambda arc: arc.span_s)]


def _segment(plan: MissionPlan, arc: Arc) -> Segment:
    only = plan._replace(arcs=(arc,))
    times_s = _times(only, arc)
    path = only.states(times_s)
    rows = (path.r_gci_m, path.v_gci_m_s) if arc.centre == "earth" else (path.r_lci_m, path.v_lci_m_s)
    return Segment(arc.name, arc.centre, plan.epoch.tdb_s() + times_s, *rows)


def _times(only: MissionPlan, arc: Arc) -> np.ndarray:
    begin_s, end_s = arc.span_s
    coarse_s = np.linspace(begin_s, end_s, COARSE)
    path = only.states(coarse_s)
    r, v = (path.r_gci_m, path.v_gci_m_s) if arc.centre == "earth" else (path.r_lci_m, path.v_lci_m_s)
    scale_s = np.linalg.norm(r, axis=1) / np.linalg.norm(v, axis=1)
    pace = 1.0 / np.minimum(scale_s / ROWS_A_SCALE, STEP_MAX_S)
    counted = np.concatenate([[0.0], np.cumsum(0.5 * (pace[1:] + pace[:-1]) * np.diff(coarse_s))])
    return np.interp(np.linspace(0.0, counted[-1], max(int(counted[-1]) + 2, ROWS_MIN)), counted, coarse_s)


def oem_text(name: str, rows: list[Segment], created: datetime, originator: str = "PERILUNE") -> str:
    """An OEM of a mission in keyword = value form; `created` in UTC stands in its head."""
    head = ["CCSDS_OEM_VERS = 2.0", f"CREATION_DATE = {created:%Y-%m-%dT%H:%M:%S}", f"ORIGINATOR = {originator}", ""]
    return "\n".join(head + [line for segment in rows for line in _lines(name, segment)]) + "\n"


def _lines(name: str, segment: Segment) -> Iterator[str]:
    yield from (
        "META_START",
        f"COMMENT {segment.name}",
        f"OBJECT_NAME = {name.upper()}",
        f"OBJECT_ID = {name.upper()}",
        f"CENTER_NAME = {CENTRES[segment.centre]}",
        "REF_FRAME = ICRF",
        "TIME_SYSTEM = TDB",
        f"START_TIME = {calendar_tdb(segment.tdb_s[0])}",
        f"STOP_TIME = {calendar_tdb(segment.tdb_s[-1])}",
        "INTERPOLATION = HERMITE",
        f"INTERPOLATION_DEGREE = {HERMITE_DEGREE}",
        "META_STOP",
        "",
    )
    for tdb_s, r_m, v_m_s in zip(segment.tdb_s, segment.r_m, segment.v_m_s, strict=True):
        yield f"{calendar_tdb(tdb_s)} " + " ".join([f"{x * 1e-3:.6f}" for x in r_m] + [f"{x * 1e-3:.9f}" for x in v_m_s])
    yield ""
