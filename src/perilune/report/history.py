"""The real flight beside this one: what was planned, what was flown, and what this flight did."""

import re
from typing import Any

import numpy as np

from perilune.report.record import Record
from perilune.wire.telemetry import Mode

# Figures of mission files that a recording can answer, by the words of their names.
SPEED_AT_HEIGHT = re.compile(r"^speed at (?P<height>[\d.]+) (?P<unit>km|m)\b")
METRES = {"m": 1.0, "km": 1000.0}


def answered(name: str, unit: str, result: dict[str, Any], record: Record) -> str:
    """What this flight did where a mission file's figure tells of the real one; a dash where a recording cannot tell."""
    if (here := _told(name, result)) is not None:
        return here
    value = _value(name.lower(), result, record)
    return "–" if value is None else f"{value / METRES.get(unit, 1.0):.3g} {unit}"


def _told(name: str, result: dict[str, Any]) -> str | None:
    """What the result itself says of a figure: as planned here, and as flown."""
    rows = (row for row in result.get("observed", {}).get("figures", ()) if row["name"] == name)
    row = next(rows, {})
    told = [(row.get("flown_here"), ""), (row.get("planned_here"), " planned")]
    words = [f"{value:.4g} {row['unit']}{which}" for value, which in told if value is not None]
    return ", ".join(words) or None


def braking_utc(result: dict[str, Any], event: str) -> str:
    """When this flight began to brake, beside the event that says so of the real one."""
    if not event.lower().startswith("braking burn starts"):
        return ""
    return next((str(each["utc"]) for each in result.get("events", ()) if each["name"] == "braking"), "")


def _value(name: str, result: dict[str, Any], record: Record) -> float | None:
    contact = result.get("contact")
    heard = record.all_of("downlink/altimeter_fresh") > 0 if record.has("downlink/altimeter_fresh") else np.zeros(0)
    if (found := SPEED_AT_HEIGHT.match(name)) and record.has("truth/altitude_m"):
        return _speed_at(record, record.all_of("truth/altitude_m") <= float(found["height"]) * METRES[found["unit"]])
    if name == "height at ignition":
        return _at(record, "truth/altitude_m", record.mode == Mode.BRAKING)
    if name == "height of the first valid range":
        return _at(record, "truth/altitude_m", heard)
    if name == "speed at that height":
        return _speed_at(record, heard)
    if contact and name.startswith("vertical speed at touchdown"):
        return float(contact["vertical_speed_m_s"])
    if contact and name.startswith("distance of the impact"):
        return float(contact["miss_m"])
    return None


def _speed_at(record: Record, when: np.ndarray) -> float | None:
    down, level = (_at(record, f"truth/{which}_speed_m_s", when) for which in ("vertical", "horizontal"))
    return None if down is None or level is None else float(np.hypot(down, level))


def _at(record: Record, name: str, when: np.ndarray) -> float | None:
    """A channel where something is first so."""
    first = np.flatnonzero(when)
    return float(record.all_of(name)[first[0]]) if first.size and record.has(name) else None
