"""Figures of a descent at its telling moments: what a mission file's `observed` names, out of a flight's record."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from perilune.wire.telemetry import Mode

# Channels of a record that the figures need.
CHANNELS = (
    "truth/altitude_m",
    "truth/vertical_speed_m_s",
    "truth/horizontal_speed_m_s",
    "truth/propellant_kg",
    "downlink/mode",
    "downlink/altitude_m",
    "downlink/altimeter_fresh",
)

# Below this much propellant the tanks count as empty.
EMPTY_KG = 0.5
SCALES = {"m": 1.0, "km": 1e3, "m/s": 1.0, "s": 1.0, "min": 60.0}
AT_HEIGHT = re.compile(r"^speed at ([\d.]+) (m|km)\b")

Record = Mapping[str, np.ndarray]


def of_descent(name: str, unit: str, time_s: np.ndarray, record: Record, contact: Mapping[str, Any] | None) -> float | None:
    """The figure of one lander in its unit; None where the name means nothing here, or the flight never came to it.

    `record` holds CHANNELS, one row a tick, `time_s` the mission elapsed time of the rows.
    """
    if unit not in SCALES:
        return None
    descent = _descent(record)
    if height := AT_HEIGHT.match(name):
        value = _speed_m_s(record, _first(descent & (record["truth/altitude_m"] <= float(height[1]) * SCALES[height[2]])))
    elif name in FIGURES:
        value = FIGURES[name](time_s, record, descent, contact)
    else:
        return None
    return None if value is None else value / SCALES[unit]


def _descent(record: Record) -> np.ndarray:
    """Rows from the start of braking to the touch."""
    mode = record["downlink/mode"]
    return (mode >= Mode.BRAKING) & (mode <= Mode.VERTICAL_DESCENT)


def _first(rows: np.ndarray) -> int | None:
    return int(np.argmax(rows)) if np.any(rows) else None


def _speed_m_s(record: Record, row: int | None) -> float | None:
    if row is None:
        return None
    return float(np.hypot(record["truth/vertical_speed_m_s"][row], record["truth/horizontal_speed_m_s"][row]))


def _height_m(record: Record, row: int | None) -> float | None:
    return None if row is None else float(record["truth/altitude_m"][row])


def _held_for_zero(record: Record, descent: np.ndarray) -> int | None:
    """Where flight software first believes itself on the ground."""
    return _first(descent & (record["downlink/altitude_m"] <= 0.0))


def _empty_s(time_s: np.ndarray, record: Record, descent: np.ndarray) -> float | None:
    row = _first(descent & (record["truth/propellant_kg"] <= EMPTY_KG))
    return None if row is None else float(time_s[row])


def _from_zero_to_empty(time_s: np.ndarray, record: Record, descent: np.ndarray, contact: Mapping[str, Any] | None) -> float | None:
    row, empty_s = _held_for_zero(record, descent), _empty_s(time_s, record, descent)
    return None if row is None or empty_s is None else empty_s - float(time_s[row])


def _from_empty_to_ground(time_s: np.ndarray, record: Record, descent: np.ndarray, contact: Mapping[str, Any] | None) -> float | None:
    empty_s = _empty_s(time_s, record, descent)
    return None if empty_s is None or contact is None else contact["met_s"] - empty_s


def _of_contact(key: str) -> Callable:
    return lambda time_s, record, descent, contact: None if contact is None else contact[key]


def _impact_speed(time_s: np.ndarray, record: Record, descent: np.ndarray, contact: Mapping[str, Any] | None) -> float | None:
    return None if contact is None else float(np.hypot(contact["vertical_speed_m_s"], contact["horizontal_speed_m_s"]))


FIGURES: dict[str, Callable] = {
    "height of the first valid range": lambda t, r, d, c: _height_m(r, _first(d & (r["downlink/altimeter_fresh"] > 0.0))),
    "speed at the first valid range": lambda t, r, d, c: _speed_m_s(r, _first(d & (r["downlink/altimeter_fresh"] > 0.0))),
    "true height when the software held it for zero": lambda t, r, d, c: _height_m(r, _held_for_zero(r, d)),
    "from that moment to empty tanks": _from_zero_to_empty,
    "from empty tanks to the ground": _from_empty_to_ground,
    "distance of the impact from the target": _of_contact("miss_m"),
    "speed of the impact": _impact_speed,
    "sideways speed of the impact": _of_contact("horizontal_speed_m_s"),
    "downward speed of the impact": _of_contact("vertical_speed_m_s"),
}
