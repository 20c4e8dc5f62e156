"""`perilune.propagate`: the path of any state near the Earth or the Moon."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.dynamics import events
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.events import Body, Event, seen, surface
from perilune.dynamics.path import Path, crossings, flown
from perilune.dynamics.propagate import TIGHT, PointMass, Tolerance
from perilune.math.vector import Vec3, vec3
from perilune.moon.earth import EarthOrientation, Place, load_earth_orientation, place_on_earth
from perilune.moon.frames import lci_from_lfme, lfme_from_lci, moon_orientation, q_lfme_lfpa
from perilune.moon.time import DAY_S, Epoch, EpochError, epoch_from_utc
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.forces import Forces
from perilune.types import Matrix, Scalar, Vector

# What is of another type is refused in words, also where annotations are checked as the program runs.
if TYPE_CHECKING:
    State: TypeAlias = Sequence[float] | np.ndarray | Mapping[str, Sequence[float]]
    Instant: TypeAlias = str | datetime | Epoch
    End: TypeAlias = float | Instant | Event | "StationEvent"
    Frame: TypeAlias = str
    Number: TypeAlias = float
    Wanted: TypeAlias = "Event | StationEvent"
    Acting: TypeAlias = Forces | None
    Searching: TypeAlias = "Search | None"
    Tight: TypeAlias = Tolerance
else:
    State = Instant = End = Frame = Number = Wanted = Acting = Searching = Tight = object

STATE_WORDS = "it must be six finite numbers: position [m], then velocity [m/s]; or a mapping with three of each, r_km and v_km_s"
EPOCH_WORDS = "it must be UTC in words, as '2023-08-21T11:00:00', a datetime with a zone, or an Epoch"
UNTIL_WORDS = "it must be a duration in seconds, an epoch (UTC in words, a datetime with a zone, an Epoch), or an event"

FRAMES = ("gci", "lci", "lfpa", "lfme")
CENTRES: dict[str, Body] = {"gci": "earth", "lci": "moon", "lfpa": "moon", "lfme": "moon"}
BODIES = ("earth", "moon")

# The shortest stretch of ephemerides that is loaded.
WINDOW_S = 16.0 * DAY_S
# Coasts for which an end is only known by its event are searched this long.
LATEST_S = 30.0 * DAY_S
# Samples between which events are looked for: nothing that lasts a minute is missed.
SAMPLE_S = 60.0
# An end that was given as a date is met to rounding.
END_S = 1e-6


@dataclass(frozen=True)
class Station:
    """A place on the Earth: geodetic coordinates on the WGS84 ellipsoid, longitude east positive."""

    latitude_deg: Number
    longitude_deg: Number
    height_m: Number = 0.0

    def __post_init__(self):
        for key in ("latitude_deg", "longitude_deg", "height_m"):
            _refuse_no_number(f"station.{key}", getattr(self, key))
        if not (abs(self.latitude_deg) <= 90.0 and abs(self.longitude_deg) <= 360.0):
            raise ScenarioError(
                f"station at latitude_deg {self.latitude_deg}, longitude_deg {self.longitude_deg}; "
                "they must lie in [-90, 90] (north positive) and [-360, 360] (east positive)"
            )

    def place(self, orientation: EarthOrientation) -> Place:
        return place_on_earth(orientation, math.radians(self.latitude_deg), math.radians(self.longitude_deg), self.height_m)


class StationEvent(NamedTuple):
    """An event seen from a station, which waits to be told how the Earth turns."""

    station: Station
    event: Callable[[Place], Event]


def rise(station: Station, elevation_deg: float = 0.0, rising: bool | None = None) -> StationEvent:
    """The spacecraft rises above (or sets below) an elevation at a station."""
    if not -90.0 <= elevation_deg <= 90.0:
        raise ScenarioError(f"elevation_deg is {elevation_deg}; it must lie in [-90, 90]")
    return StationEvent(station, lambda place: events.station(place, math.radians(elevation_deg), rising))


def hidden(station: Station, rising: bool | None = None) -> StationEvent:
    """The Moon begins (falling) or ceases (rising) to hide the spacecraft from a station."""
    return StationEvent(station, lambda place: events.occultation(place, rising))


class Window(NamedTuple):
    """The stretch of time for which forces were made; their time counts from its epoch."""

    epoch: Epoch
    duration_s: float

    def event(self, wanted: Wanted) -> Event:
        if isinstance(wanted, Event):
            return wanted
        if not isinstance(wanted, StationEvent):
            raise ScenarioError(
                f"{wanted!r} is no event; `perilune.dynamics.events` makes them, as periapsis('moon'), and so do `rise` and `hidden`"
            )
        return wanted.event(wanted.station.place(load_earth_orientation(self.epoch, self.duration_s)))


class Happening(NamedTuple):
    """An event that took place."""

    t_s: float
    utc: str
    name: str
    rising: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """How a coast is integrated and watched.

    `centre` of integration, if not the frame's; `tolerance` (`perilune.dynamics.propagate`: TIGHT or LOOSE); how long an event is looked for
    (`latest_s`; negative: back in time), in samples how far apart; and the height at which a coast meets the ground.
    """

    centre: Body | None = None
    tolerance: Tight = TIGHT
    latest_s: Number = LATEST_S
    sample_s: Number = SAMPLE_S
    ground_m: Number = 0.0

    def __post_init__(self):
        if self.centre is not None:
            _refuse_unknown("search.centre", self.centre, BODIES)
        if not isinstance(self.tolerance, Tolerance):
            raise ScenarioError(
                f"search.tolerance is {self.tolerance!r}; it must be TIGHT or LOOSE of `perilune.dynamics.propagate`, or a Tolerance"
            )
        for key in ("latest_s", "sample_s", "ground_m"):
            _refuse_no_number(f"search.{key}", getattr(self, key))
        if not self.sample_s > 0.0:
            raise ScenarioError(f"search.sample_s is {self.sample_s}; it must be above zero (seconds)")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A coast that was flown. Times count TDB seconds from `epoch`, the instant of the state that was given; before it they are negative.

    `stopped_by` names the event that ended it, or is None when it lasted as long as it was asked to.
    """

    epoch: Epoch
    forces: Cislunar
    centre: Body
    path: Path
    window: Window
    end_s: float
    stopped_by: str | None

    @property
    def from_window_s(self) -> float:
        """The time of `epoch` as the forces count it."""
        return self.epoch.seconds_since(self.window.epoch)

    @property
    def times_s(self) -> Float[np.ndarray, " nodes"]:
        """The solver's own steps, in the order of flight, and the end."""
        times_s = np.asarray(self.path.times_s)[: int(self.path.count)] - self.from_window_s
        return np.append(times_s[np.abs(times_s) < abs(self.end_s)], self.end_s)

    def utc(self, t_s: float) -> str:
        return self.epoch.after(t_s).utc()

    def at(self, times_s: float | Sequence[float] | np.ndarray, frame: str = "gci") -> tuple[np.ndarray, np.ndarray]:
        """Position [m] and velocity [m/s] in a frame, `[3]` for one time and `[times, 3]` for many; NaN outside the path.

        In `lfpa` and `lfme`, which turn, the velocity is the one seen there.
        """
        _refuse_unknown("frame", frame, FRAMES)
        asked_s = np.atleast_1d(np.asarray(times_s, dtype=float))
        first_s, last_s = min(self.end_s, 0.0), max(self.end_s, 0.0)
        at_an_end = (asked_s > first_s - END_S) & (asked_s < last_s + END_S)
        asked_s = np.where(at_an_end, np.clip(asked_s, first_s, last_s), asked_s) + self.from_window_s
        r_m, v_m_s = _sampled(self.path, self.forces, self.centre, jnp.asarray(asked_s), frame)
        shape = (*np.shape(times_s), 3)
        return np.asarray(r_m).reshape(shape), np.asarray(v_m_s).reshape(shape)

    def events(self, *wanted: Wanted, sample_s: float = SAMPLE_S) -> list[Happening]:
        """Every crossing of the events asked for, in order of time; what begins and ends between two samples is not seen."""
        asked, start_s = [self.window.event(each) for each in wanted], self.from_window_s
        found = crossings(self.path, self.forces, self.centre, asked, (start_s, start_s + self.end_s), sample_s)
        rows = [(each.t_s - start_s, event.name, each.rising) for event, some in zip(asked, found, strict=True) for each in some]
        return [Happening(t_s, self.utc(t_s), name, rising) for t_s, name, rising in sorted(rows)]


def propagate(
    state: State,
    epoch: Instant,
    until: End,
    frame: Frame = "lci",
    forces: Acting = None,
    search: Searching = None,
) -> Trajectory:
    """Flies a state near the Earth or the Moon, forward or back, and returns its path.

    `state`: six numbers, position [m] and velocity [m/s], or a mapping with `r_km` and `v_km_s`.
    `epoch`: UTC, as `2023-08-21T11:00:00`, a datetime with a zone, or an `Epoch`.
    `until`: a duration [s] (negative: back in time), an epoch of the same kinds, or an event (`perilune.dynamics.events`, `rise`, `hidden`).
    `frame`: of the state. `gci` and `lci` are centred at Earth and Moon with ICRF axes; `lfpa` and `lfme` turn with the Moon (principal
    axes; mean-Earth axes of maps), and the velocity in them is the one seen there. The coast is integrated about the frame's centre.
    `forces`: what acts (`Forces`). `search`: the other centre, a looser tolerance, how long to look for an event (`Search`).

    A coast ends where it meets the sphere of the Earth or the Moon. Raises `ScenarioError` for input that cannot be flown.
    """
    forces, search = Forces() if forces is None else forces, Search() if search is None else search
    for key, given, kind in (("forces", forces, Forces), ("search", search, Search)):
        if not isinstance(given, kind):
            raise ScenarioError(f"{key} is {given!r}; it must be a `{kind.__module__}.{kind.__name__}`, or None")
    _refuse_unknown("frame", frame, FRAMES)
    start = _epoch("epoch", epoch, EPOCH_WORDS)
    duration_s = search.latest_s if isinstance(until, Event | StationEvent) else _duration_s(start, until)
    if not math.isfinite(duration_s) or duration_s == 0.0:
        raise ScenarioError(f"until asks for {duration_s} s; a coast lasts some time, forward or (negative) back")
    window = Window(start.after(min(duration_s, 0.0)), _window_s(abs(duration_s)))
    acting = forces.over(*window)
    centre, start_s = search.centre or CENTRES[frame], start.seconds_since(window.epoch)
    flight = _Flight(acting, centre, _started(acting, centre, start_s, _six(state), frame), start_s, search)
    path, end_s, stopped_by = flight.flown(duration_s, window.event(until) if isinstance(until, Event | StationEvent) else None)
    return Trajectory(start, acting, centre, path, window, end_s - start_s, stopped_by)


@dataclass(frozen=True, eq=False)
class _Flight:
    forces: Cislunar
    centre: Body
    start: PointMass
    start_s: float
    search: Search

    def flown(self, duration_s: float, event: Event | None) -> tuple[Path, float, str | None]:
        """The path, when it ends (the event, the ground or the duration, whichever comes first), and what ended it."""
        span_s = (self.start_s, self.start_s + duration_s)
        searched_s, stops, path = self.start_s, [], None
        for path in flown(self.forces, self.centre, self.start, span_s, self.search.tolerance, self.search.ground_m):
            reached_s = float(path.times_s[-1])
            stops = self._first(path, event, (searched_s, reached_s)) if event is not None and reached_s != searched_s else []
            if stops:
                break
            searched_s = reached_s
        # A coast goes on until one step ends below the ground: only the last can hold the crossing.
        if path is None:
            raise ScenarioError("the coast cannot be finished: it has no first step")
        if int(path.count) > 1:
            stops = stops + self._first(path, surface(self.search.ground_m), (float(path.times_s[path.count - 2]), float(path.times_s[-1])))
        if stops:
            end_s, name = min(stops, key=lambda stop: abs(stop[0] - self.start_s))
            return path, end_s, name
        if searched_s != span_s[1]:
            raise ScenarioError("the coast cannot be finished: it starts below the ground, or the forces have no value where it goes")
        if event is not None:
            raise ScenarioError(f"the event '{event.name}' does not happen within {duration_s:.0f} s; raise search.latest_s")
        return path, span_s[1], None

    def _first(self, path: Path, event: Event, span_s: tuple[float, float]) -> list[tuple[float, str]]:
        """When an event first happens within a span, if it does."""
        (found,) = crossings(path, self.forces, self.centre, [event], span_s, self.search.sample_s)
        return [(each.t_s, event.name) for each in found[:1]]


def _started(forces: Cislunar, centre: Body, t_s: float, state: Float[np.ndarray, "6"], frame: str) -> PointMass:
    r_m, v_m_s = vec3(state[:3]), vec3(state[3:])
    if frame in ("lfpa", "lfme"):
        r_m, v_m_s = _from_ground(forces, t_s, r_m, v_m_s, frame)
    if CENTRES[frame] != centre:
        other = forces.lci_of_gci if centre == "moon" else forces.gci_of_lci
        r_m, v_m_s = other(t_s, r_m, v_m_s)
    return PointMass(r_m, v_m_s, jnp.asarray(1.0))


def _from_ground(forces: Cislunar, t_s: float, r_m: Vec3, v_m_s: Vec3, frame: str) -> tuple[Vec3, Vec3]:
    if frame == "lfpa":
        r_m, v_m_s = q_lfme_lfpa() @ r_m, q_lfme_lfpa() @ v_m_s
    return lci_from_lfme(moon_orientation(forces.ephemeris, t_s), r_m, v_m_s)


@eqx.filter_jit
def _sampled(path: Path, forces: Cislunar, centre: Body, times_s: Vector, frame: str) -> tuple[Matrix, Matrix]:
    """States of a path in a frame, a row for each time."""

    def one(t_s: Scalar) -> tuple[Array, Array]:
        at = seen(forces, centre, t_s, *path.state(t_s))
        if frame in ("gci", "lci"):
            r_m, v_m_s = at.state(CENTRES[frame])
            return r_m.array(), v_m_s.array()
        r_m, v_m_s = lfme_from_lci(moon_orientation(forces.ephemeris, t_s), *at.state("moon"))
        if frame == "lfpa":
            r_m, v_m_s = q_lfme_lfpa().inverse() @ r_m, q_lfme_lfpa().inverse() @ v_m_s
        return r_m.array(), v_m_s.array()

    return jax.vmap(one)(times_s)


def _six(state: State) -> Float[np.ndarray, "6"]:
    """The state in SI, whichever way it was given."""
    if isinstance(state, Mapping):
        if set(state) != {"r_km", "v_km_s"}:
            raise ScenarioError(f"state has the keys {', '.join(sorted(map(str, state)))}; {STATE_WORDS}")
        return 1e3 * np.concatenate([_numbers(f"state[{key!r}]", state[key], 3) for key in ("r_km", "v_km_s")])
    return _numbers("state", state, 6)


def _refuse_no_number(key: str, given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float | np.integer | np.floating) or not math.isfinite(given):
        raise ScenarioError(f"{key} is {given!r}; it must be a finite number")


def _numbers(key: str, given: object, count: int) -> Float[np.ndarray, " count"]:
    try:
        numbers = np.asarray(given)
    except (TypeError, ValueError):  # rows of different lengths
        raise ScenarioError(f"{key} is {given!r}; {STATE_WORDS}") from None
    if numbers.dtype.kind not in "iuf" or numbers.shape != (count,) or not np.all(np.isfinite(numbers)):
        raise ScenarioError(f"{key} is {given!r}; {STATE_WORDS}")
    return numbers.astype(float)


def _epoch(key: str, given: Instant, allowed: str) -> Epoch:
    if isinstance(given, Epoch):
        return given
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise ScenarioError(f"{key} is a datetime without a zone ({given}); give it one, as tzinfo=datetime.UTC")
        given = given.astimezone(UTC).replace(tzinfo=None).isoformat()
    if not isinstance(given, str):
        raise ScenarioError(f"{key} is {given!r}; {allowed}")
    try:
        return epoch_from_utc(given)
    except EpochError as error:
        raise ScenarioError(f"{key}: {error}") from None


def _duration_s(start: Epoch, until: End) -> float:
    number = np.asarray(until) if isinstance(until, int | float | np.ndarray | np.number | jax.Array) else np.asarray("")
    if number.dtype.kind in "iuf" and number.shape == ():
        return float(number)
    return _epoch("until", until, UNTIL_WORDS).seconds_since(start)  # type: ignore[arg-type]


def _window_s(duration_s: float) -> float:
    """Sixteen days or a power of two of that, so that few durations ask for a new program."""
    return WINDOW_S * 2.0 ** max(math.ceil(math.log2(duration_s / WINDOW_S)), 0)


def _refuse_unknown(key: str, given: object, allowed: Iterable[str]) -> None:
    if not isinstance(given, str) or given not in allowed:
        raise ScenarioError(f"{key} is {given!r}; {nearest(str(given), allowed)}")
