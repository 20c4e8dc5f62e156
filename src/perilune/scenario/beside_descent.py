"""Figures of a powered descent that a mission file's `observed` names, as this flight flew them."""

import re
from typing import Any, NamedTuple

import numpy as np

from perilune.wire.telemetry import Mode

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
METRES = {"m": 1.0, "km": 1e3}
AT_TOUCHDOWN = {"speed down at touchdown": "vertical_speed_m_s", "level speed at touchdown": "horizontal_speed_m_s"}
AT_A_MOMENT = re.compile(r"(height|speed|speed down|level speed) at (?:the (beginning|end) of )?([a-z ]+)")
LENGTH = re.compile(r"(?:length of|from) ([a-z -]+?)(?: to ([a-z]+))?")


class Track(NamedTuple):
    """The powered descent, from the truth."""

    time_s: np.ndarray
    mode: np.ndarray
    height_m: np.ndarray  # over the ground
    down_m_s: np.ndarray
    level_m_s: np.ndarray

    def span(self, words: str) -> tuple[int, int] | None:
        """First row of a mode, and the first after it; ignition is the beginning of braking, and lasts no time."""
        mode = Mode.__members__.get({"ignition": "BRAKING", "the descent-orbit burn": "BURN"}.get(words, words.replace(" ", "_").upper()))
        rows = np.flatnonzero(self.mode == mode) if mode is not None else np.zeros(0, dtype=int)
        if rows.size == 0:
            return None
        after = min(int(rows[-1]) + 1, len(self.time_s) - 1)
        return int(rows[0]), int(rows[0]) if words == "ignition" else after


def of_descent(name: str, unit: str, track: Track, contact: dict[str, Any] | None) -> float | None:
    """The figure in its unit; None if the name tells of something else, or this flight did not come so far."""
    if contact is not None and name in AT_TOUCHDOWN:
        return contact[AT_TOUCHDOWN[name]]
    if contact is not None and name == "distance from the target":
        return contact["miss_m"] / METRES.get(unit, np.nan)
    if (told := AT_A_MOMENT.fullmatch(name)) is not None:
        return _at(track, told[1], unit, track.span(told[3]), -1 if told[2] == "end" else 0)
    if (told := LENGTH.fullmatch(name)) is not None and unit in SECONDS:
        return _lasted(track, told[1], told[2], contact, SECONDS[unit])
    return None


def _at(track: Track, what: str, unit: str, span: tuple[int, int] | None, end: int) -> float | None:
    if span is None:
        return None
    row = span[end]
    down_m_s, level_m_s = float(track.down_m_s[row]), float(track.level_m_s[row])
    if what == "height":
        return float(track.height_m[row]) / METRES.get(unit, np.nan)
    return {"speed": float(np.hypot(down_m_s, level_m_s)), "speed down": down_m_s, "level speed": level_m_s}[what]


def _lasted(track: Track, since: str, until: str | None, contact: dict[str, Any] | None, unit_s: float) -> float | None:
    span = track.span(since.removeprefix("the end of "))
    if span is None or (until not in (None, "touchdown")) or (until is not None and contact is None):
        return None
    start_s = float(track.time_s[span[1] if since.startswith("the end of ") else span[0]])
    end_s = float(track.time_s[span[1]]) if contact is None or until is None else contact["met_s"]
    return (end_s - start_s) / unit_s
