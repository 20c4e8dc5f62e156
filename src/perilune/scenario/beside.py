"""This flight beside the real one: figures that a mission file's `observed` names, as planned and as flown here."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from perilune.scenario.beside_descent import of_descent
from perilune.scenario.beside_plan import BURN, DESCENT_ORBIT, FARTHEST, of_burn, of_place, of_plan
from perilune.scenario.moments import Track
from perilune.scenario.schema_place import ObservedFigure
from perilune.trajectory.flight_desk import OrderedBurn
from perilune.trajectory.flightpath import MissionPlan, Orbit
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

    @property
    def made(self) -> bool:
        return bool(np.isfinite(self.start_s))


class Place(NamedTuple):
    """From the centres of Earth and Moon."""

    r_gci_m: np.ndarray
    r_lci_m: np.ndarray


class Farthest(NamedTuple):
    """From the Earth's centre, and when; mission elapsed time."""

    met_s: float
    distance_km: float


class Flown(NamedTuple):
    """What there is to look at when the flight is over."""

    time_s: np.ndarray
    mode: np.ndarray
    contact: dict[str, Any] | None
    burn: Burn | None
    burns: tuple[FlownBurn, ...] = ()
    place: Callable[[datetime], Place | None] = lambda _: None
    track: Track | None = None
    farthest: Farthest | None = None  # of a flight that began near the Earth
    desk: MissionPlan | None = None  # of a whole mission
    rest: dict[str, Any] | None = None


FALL = "from ignition to the ground"
PROPELLANT, TO_LAST_BURN = "propellant left", "from separation to the last burn"
AT_REST = "tilt at rest"
DAY_S = 86400.0
TOUCHDOWN = "touchdown after the hour that was announced"
LATITUDE, LONGITUDE = "latitude of the impact", "longitude of the impact"


def beside(figure: ObservedFigure, flown: Flown) -> tuple[float | None, float | None]:
    """(planned, flown) of this flight for a figure of the real one, in its unit; None where this flight has no such figure."""
    planned = None if flown.desk is None else of_plan(figure, flown.desk)
    if figure.name == TO_LAST_BURN and flown.burns:
        planned = flown.burns[-1].planned_met_s / DAY_S
    if figure.name == BURN and flown.burn is not None:
        planned = flown.burn.duration_s
    return planned, _flown(figure, flown)


def _flown(figure: ObservedFigure, flown: Flown) -> float | None:
    if figure.utc is not None:
        return _of_a_moment(figure.name, figure.utc, flown)
    if figure.name == FARTHEST:
        return None if flown.farthest is None else flown.farthest.distance_km
    if figure.name == AT_REST:
        return None if flown.rest is None else flown.rest["tilt_deg"]
    if figure.name == PROPELLANT and flown.track is not None:
        return float(flown.track.propellant_kg[-1])
    if figure.name == TO_LAST_BURN and flown.burns:
        return flown.burns[-1].start_s / DAY_S if flown.burns[-1].made else None
    for burn in flown.burns:
        if (told := of_burn(figure.name, burn.name, burn.end_s - burn.start_s if burn.made else None, burn.orbit_after)) is not None:
            return told
    return _of_the_fall(figure, flown)


def _of_the_fall(figure: ObservedFigure, flown: Flown) -> float | None:
    """Of the last burn and what follows it."""
    burnt = _descent_burn(flown)
    if figure.name == BURN:
        return burnt[1] - burnt[0] if burnt else None
    crashed = flown.contact if burnt is not None and not np.any(flown.mode == Mode.BRAKING) else None
    if figure.name == FALL and crashed and burnt:
        return (crashed["met_s"] - burnt[0]) / 60.0
    if figure.name == LATITUDE and crashed:
        return crashed["latitude_deg"]
    if figure.name == LONGITUDE and crashed:
        return crashed["longitude_deg"]
    return of_descent(figure.name, figure.unit, flown.track, flown.contact) if flown.track is not None else None


def _of_a_moment(name: str, utc: datetime, flown: Flown) -> float | None:
    if name == TOUCHDOWN and flown.contact is not None:
        return (datetime.fromisoformat(flown.contact["utc"]) - utc).total_seconds() / 3600.0
    place = flown.place(utc)
    return None if place is None else of_place(name, *place)


def _descent_burn(flown: Flown) -> tuple[float, float] | None:
    """Start and end of the burn to the descent orbit."""
    if not flown.burns:
        return burn_span_s(flown.time_s, flown.mode)
    spans = [(burn.start_s, burn.end_s) for burn in flown.burns if burn.name == DESCENT_ORBIT and burn.made]
    return spans[-1] if spans else None


def burn_span_s(time_s: np.ndarray, mode: np.ndarray) -> tuple[float, float] | None:
    """Start and end of the descent-orbit burn, mission elapsed time; None if there was none."""
    burning = np.flatnonzero(mode == Mode.BURN)
    if burning.size == 0:
        return None
    after = min(int(burning[-1]) + 1, len(time_s) - 1)
    return float(time_s[burning[0]]), float(time_s[after])
