"""Telling moments of a descent that went wrong, as figures that a mission file's `observed` names."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from perilune.constants import RADIUS_MOON_M
from perilune.wire.telemetry import Mode

# Below this much propellant the tanks count as empty.
EMPTY_KG = 0.5
AT_HEIGHT = re.compile(r"^(speed|speed down|level speed|tilt|distance from the target) at ([\d.]+) (m|km)\b")
METRES = {"m": 1.0, "km": 1e3}

# Channels of a record that a track is made of, in its order.
CHANNELS = (
    "downlink/mode",
    "truth/altitude_m",
    "truth/vertical_speed_m_s",
    "truth/horizontal_speed_m_s",
    "truth/propellant_kg",
    "truth/tilt_deg",
    "truth/r_site_m",
    "downlink/altitude_m",
    "downlink/altimeter_fresh",
)

Contact = Mapping[str, Any] | None


class Track(NamedTuple):
    """The powered descent of one lander, a row a tick: the truth, and the height that flight software believed."""

    time_s: np.ndarray
    mode: np.ndarray
    height_m: np.ndarray  # over the ground
    down_m_s: np.ndarray
    level_m_s: np.ndarray
    propellant_kg: np.ndarray
    tilt_deg: np.ndarray
    r_site_m: np.ndarray  # east, north, up
    believed_m: np.ndarray
    ranged: np.ndarray  # whether a range was heard

    @property
    def descending(self) -> np.ndarray:
        """Rows from the start of braking to the touch."""
        return (self.mode >= Mode.BRAKING) & (self.mode < Mode.TOUCHDOWN)

    def first(self, rows: np.ndarray) -> int | None:
        """First of the rows of the descent."""
        rows = rows & self.descending
        return int(np.argmax(rows)) if np.any(rows) else None

    def span(self, words: str) -> tuple[int, int] | None:
        """First row of a mode, and the first after it; ignition is the beginning of braking, and lasts no time."""
        mode = Mode.__members__.get({"ignition": "BRAKING", "the descent-orbit burn": "BURN"}.get(words, words.replace(" ", "_").upper()))
        rows = np.flatnonzero(self.mode == mode) if mode is not None else np.zeros(0, dtype=int)
        if rows.size == 0:
            return None
        after = min(int(rows[-1]) + 1, len(self.time_s) - 1)
        return int(rows[0]), int(rows[0]) if words == "ignition" else after

    def at(self, what: str, row: int | None) -> float | None:
        return None if row is None else AT_A_ROW[what](self, row)


def track_of(time_s: np.ndarray, channels: Mapping[str, np.ndarray]) -> Track | None:
    """From a flight's record; None where the record lacks what a track needs."""
    return Track(time_s, *(channels[name] for name in CHANNELS)) if all(name in channels for name in CHANNELS) else None


def of_moment(name: str, track: Track, contact: Contact) -> float | None:
    """The figure in SI units, or in degrees; None if the name tells of something else, or this flight did not come so far."""
    if told := AT_HEIGHT.match(name):
        return track.at(told[1], track.first(track.height_m <= float(told[2]) * METRES[told[3]]))
    return FIGURES[name](track, contact) if name in FIGURES else None


AT_A_ROW: dict[str, Callable[[Track, int], float]] = {
    "height": lambda track, row: float(track.height_m[row]),
    "speed": lambda track, row: float(np.hypot(track.down_m_s[row], track.level_m_s[row])),
    "speed down": lambda track, row: float(track.down_m_s[row]),
    "level speed": lambda track, row: float(track.level_m_s[row]),
    "tilt": lambda track, row: float(track.tilt_deg[row]),
    "distance from the target": lambda track, row: _along_the_ground_m(*track.r_site_m[row]),
}


def _along_the_ground_m(east_m: float, north_m: float, up_m: float) -> float:
    return RADIUS_MOON_M * float(np.arctan2(np.hypot(east_m, north_m), RADIUS_MOON_M + up_m))


def _held_for_zero(track: Track) -> int | None:
    """Where flight software first believes itself on the ground."""
    return track.first(track.believed_m <= 0.0)


def _first_range(track: Track) -> int | None:
    return track.first(track.ranged > 0.0)


def _empty_s(track: Track) -> float | None:
    row = track.first(track.propellant_kg <= EMPTY_KG)
    return None if row is None else float(track.time_s[row])


def _from_zero_to_empty(track: Track, contact: Contact) -> float | None:
    row, empty_s = _held_for_zero(track), _empty_s(track)
    return None if row is None or empty_s is None else empty_s - float(track.time_s[row])


def _from_empty_to_ground(track: Track, contact: Contact) -> float | None:
    empty_s = _empty_s(track)
    return None if empty_s is None or contact is None else contact["met_s"] - empty_s


def _impact_speed(track: Track, contact: Contact) -> float | None:
    return None if contact is None else float(np.hypot(contact["vertical_speed_m_s"], contact["horizontal_speed_m_s"]))


FIGURES: dict[str, Callable[[Track, Contact], float | None]] = {
    "height of the first valid range": lambda track, _: track.at("height", _first_range(track)),
    "speed at the first valid range": lambda track, _: track.at("speed", _first_range(track)),
    "true height when the software held it for zero": lambda track, _: track.at("height", _held_for_zero(track)),
    "from that moment to empty tanks": _from_zero_to_empty,
    "from empty tanks to the ground": _from_empty_to_ground,
    "distance of the impact from the target": lambda _, contact: None if contact is None else contact["miss_m"],
    "speed of the impact": _impact_speed,
}
