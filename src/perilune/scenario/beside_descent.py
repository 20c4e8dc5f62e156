"""Figures of a powered descent that a mission file's `observed` names, as this flight flew them."""

import re

from perilune.scenario.moments import METRES, Contact, Track, of_moment

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
SCALES = {**SECONDS, **METRES, "m/s": 1.0, "deg": 1.0}
AT_TOUCHDOWN = {
    "speed down at touchdown": "vertical_speed_m_s",
    "level speed at touchdown": "horizontal_speed_m_s",
    "tilt at touchdown": "tilt_deg",
    "distance from the target": "miss_m",
}
AT_A_MOMENT = re.compile(r"(height|speed|speed down|level speed|tilt|distance from the target) at (?:the (beginning|end) of )?([a-z ]+)")
LENGTH = re.compile(r"(?:length of|from) ([a-z -]+?)(?: to ([a-z]+))?")


def of_descent(name: str, unit: str, track: Track, contact: Contact) -> float | None:
    """The figure in its unit; None if the name tells of something else, or this flight did not come so far."""
    if unit not in SCALES:
        return None
    value = _of_descent(name, track, contact)
    return None if value is None else value / SCALES[unit]


def _of_descent(name: str, track: Track, contact: Contact) -> float | None:
    """In SI units, or in degrees."""
    if (told := of_moment(name, track, contact)) is not None:
        return told
    if contact is not None and name in AT_TOUCHDOWN:
        return contact[AT_TOUCHDOWN[name]]
    if (told := AT_A_MOMENT.fullmatch(name)) is not None:
        span = track.span(told[3])
        return None if span is None else track.at(told[1], span[-1 if told[2] == "end" else 0])
    if (told := LENGTH.fullmatch(name)) is not None:
        return _lasted(track, told[1], told[2], contact)
    return None


def _lasted(track: Track, since: str, until: str | None, contact: Contact) -> float | None:
    span = track.span(since.removeprefix("the end of "))
    if span is None or (until not in (None, "touchdown")) or (until is not None and contact is None):
        return None
    start_s = float(track.time_s[span[1] if since.startswith("the end of ") else span[0]])
    end_s = float(track.time_s[span[1]]) if contact is None or until is None else contact["met_s"]
    return end_s - start_s
