"""This flight beside the real one: figures that a mission file's `observed` names, as planned and as flown here."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from perilune.scenario.beside_descent import of_descent
from perilune.scenario.moments import Track
from perilune.scenario.schema_place import ObservedFigure
from perilune.trajectory.flight_desk import OrderedBurn
from perilune.trajectory.flightpath import Orbit
from perilune.trajectory.route import Due
from perilune.wire.telemetry import Mode


class Burn(NamedTuple):
    """The descent-orbit burn as it is planned; mission elapsed time."""

    at_s: float
    delta_v_m_s: float
    duration_s: float
    timer_s: float


class FlownBurn(NamedTuple):
    """A burn as it was planned before launch, as it was ordered, and as it was made. Mission elapsed time."""

    name: str
    engine: str
    planned: Due
    ordered: OrderedBurn | None  # None: too small to make
    planned_met_s: float
    start_s: float
    end_s: float
    orbit_after: Orbit | None


class Flown(NamedTuple):
    """What there is to look at when the flight is over."""

    time_s: np.ndarray
    mode: np.ndarray
    contact: dict[str, Any] | None
    burn: Burn | None
    burns: tuple[FlownBurn, ...] = ()
    from_earth_km: Callable[[datetime], float | None] = lambda _: None
    track: Track | None = None
    farthest_km: float | None = None  # from the Earth, of a flight that began near it


DESCENT_ORBIT = "descent orbit"
BURN = "length of the descent-orbit burn"
FALL = "from ignition to the ground"
PROPELLANT, TO_LAST_BURN = "propellant left", "from separation to the last burn"
FARTHEST = "greatest distance from the Earth"
DAY_S = 86400.0
TOUCHDOWN = "touchdown after the hour that was announced"
LATITUDE, LONGITUDE = "latitude of the impact", "longitude of the impact"


def beside(figure: ObservedFigure, flown: Flown) -> tuple[float | None, float | None]:
    """(planned, flown) of this flight for a figure of the real one, in its unit; None where this flight has no such figure."""
    if figure.utc is not None:
        return None, _of_a_moment(figure.name, figure.utc, flown)
    if figure.name == FARTHEST:
        return None, flown.farthest_km
    if figure.name == PROPELLANT and flown.track is not None:
        return None, float(flown.track.propellant_kg[-1])
    if figure.name == TO_LAST_BURN and flown.burns:
        last = flown.burns[-1]
        return last.planned_met_s / DAY_S, last.start_s / DAY_S if np.isfinite(last.start_s) else None
    for burn in flown.burns:
        if (told := _of_burn(figure.name, burn)) is not None:
            return told
    burnt = _descent_burn(flown)
    crashed = flown.contact if burnt is not None and not np.any(flown.mode == Mode.BRAKING) else None
    if figure.name == BURN:
        return flown.burn.duration_s if flown.burn else None, burnt[1] - burnt[0] if burnt else None
    if figure.name == FALL and crashed and burnt:
        return None, (crashed["met_s"] - burnt[0]) / 60.0
    if figure.name == LATITUDE and crashed:
        return None, crashed["latitude_deg"]
    if figure.name == LONGITUDE and crashed:
        return None, crashed["longitude_deg"]
    return None, of_descent(figure.name, figure.unit, flown.track, flown.contact) if flown.track is not None else None


def _of_a_moment(name: str, utc: datetime, flown: Flown) -> float | None:
    if name.startswith("distance from the Earth"):
        return flown.from_earth_km(utc)
    if name == TOUCHDOWN and flown.contact is not None:
        return (datetime.fromisoformat(flown.contact["utc"]) - utc).total_seconds() / 3600.0
    return None


def _of_burn(name: str, burn: FlownBurn) -> tuple[float | None, float | None] | None:
    """(planned, flown) of a figure that tells of a burn; None if it tells of something else."""
    if name in (f"length of {burn.name}", BURN if burn.name == DESCENT_ORBIT else ""):
        return burn.planned.duration_s, burn.end_s - burn.start_s if np.isfinite(burn.start_s) else None
    for what, number in (("lowest altitude", _lowest_km), ("highest altitude", _highest_km), ("inclination", _inclination_deg)):
        if name == f"{what} after {burn.name}":
            return tuple(None if orbit is None else number(orbit) for orbit in (burn.planned.orbit_after, burn.orbit_after))  # type: ignore[return-value]
    return None


def _lowest_km(orbit: Orbit) -> float:
    return 1e-3 * orbit.periapsis_altitude_m


def _highest_km(orbit: Orbit) -> float | None:
    return 1e-3 * orbit.apoapsis_altitude_m if np.isfinite(orbit.apoapsis_altitude_m) else None


def _inclination_deg(orbit: Orbit) -> float:
    return float(np.degrees(orbit.inclination_rad))


def _descent_burn(flown: Flown) -> tuple[float, float] | None:
    """Start and end of the burn to the descent orbit."""
    if not flown.burns:
        return burn_span_s(flown.time_s, flown.mode)
    spans = [(burn.start_s, burn.end_s) for burn in flown.burns if burn.name == DESCENT_ORBIT and np.isfinite(burn.start_s)]
    return spans[-1] if spans else None


def burn_span_s(time_s: np.ndarray, mode: np.ndarray) -> tuple[float, float] | None:
    """Start and end of the descent-orbit burn, mission elapsed time; None if there was none."""
    burning = np.flatnonzero(mode == Mode.BURN)
    if burning.size == 0:
        return None
    after = min(int(burning[-1]) + 1, len(time_s) - 1)
    return float(time_s[burning[0]]), float(time_s[after])
