"""Where and when: mission, site, orbit, ground, tracking, and what history saw."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field, Strict, field_validator, model_validator

from perilune.moon.time import Epoch, EpochError, epoch_from_utc
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import (
    Angle,
    Correlation,
    Elevation,
    Latitude,
    Longitude,
    NonNegative,
    Number,
    Positive,
    Share,
    Table,
    Within,
)

# DE421 with its librations covers 1900 to 2050; a margin keeps every flight inside.
YEARS = (1901, 2049)

Hurst: TypeAlias = Annotated[Number, Within(0.01, 0.99, "roughness exponent")]
MapRelief: TypeAlias = Annotated[Number, Within(0, 2000, "metres")]
SlopeMedian: TypeAlias = Annotated[Number, Within(0, 30, "degrees")]
SlopeBaseline: TypeAlias = Annotated[Number, Within(1, 100, "metres")]
Age: TypeAlias = Annotated[Number, Within(0.1, 4.5, "thousand million years")]


def in_utc(moment: datetime) -> datetime:
    """The same moment, if it is told in UTC, and ephemeris and leap seconds cover it."""
    if moment.utcoffset() != timedelta(0):
        raise complain(("", f"is {moment.isoformat()}; it must be in UTC (end it with Z)"))
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise complain(("", f"is {moment.isoformat()}; the ephemeris covers {YEARS[0]} to {YEARS[1]}"))
    try:
        epoch_of(moment)
    except EpochError as error:
        raise complain(("", f"is {moment.isoformat()}: {error}")) from None
    return moment


def epoch_of(moment: datetime) -> Epoch:
    """A date of a mission file. EpochError where no leap seconds are known."""
    return epoch_from_utc(moment.strftime("%Y-%m-%dT%H:%M:%S"))


class Mission(Table):
    """Name and story."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="as typed on the command line")
    title: str
    operator: str
    summary: str = Field(description="one sentence: what it was to do")


class Ellipse(Table):
    """Published landing ellipse; full axes."""

    major_km: Positive
    minor_km: Positive
    azimuth_deg: Angle = Field(description="of the major axis, clockwise from north")


class Site(Table):
    """Where it is to land; mean Earth / rotation axis coordinates."""

    latitude_deg: Latitude
    longitude_deg: Longitude
    elevation_m: Elevation
    ellipse: Ellipse | None = None


class DescentOrbit(Table):
    """Orbit after a descent-orbit burn that the flight itself makes."""

    periapsis_altitude_km: Positive
    apoapsis_altitude_km: Positive | None = Field(default=None, description="as before the burn, where it is not given")
    burn_before_ignition_orbits: Positive = Field(description="middle of the burn, in orbits of this ellipse")
    start_before_burn_orbits: Positive | None = Field(
        default=None, description="how long before the burn a flight starts whose entry lies before it and is not the last one"
    )


class AnOrbit(Table):
    """What every orbit about the Moon has; altitudes over the sphere of 1,737.4 km."""

    periapsis_altitude_km: Positive
    apoapsis_altitude_km: Positive
    inclination_deg: Angle

    @model_validator(mode="after")
    def _rises_from_its_lowest_point(self) -> "AnOrbit":
        if self.periapsis_altitude_km > self.apoapsis_altitude_km:
            allowed = f"at most apoapsis_altitude_km, {self.apoapsis_altitude_km:g}"
            raise complain(("periapsis_altitude_km", f"is {self.periapsis_altitude_km:g}; it must be {allowed}"))
        return self


class Orbit(AnOrbit):
    """The orbit, before a descent-orbit burn if there is one; altitudes over the sphere of 1,737.4 km. Its plane holds the site at `landing_utc`."""

    landing_utc: AwareDatetime
    landing_earliest_utc: AwareDatetime
    landing_latest_utc: AwareDatetime
    direction: Literal["southbound", "northbound"] = Field(description="way of flight over the site")
    periapsis: Literal["at_ignition"] = Field(default="at_ignition", description="where the lowest point lies")
    ignition_altitude_km: Positive | None = Field(
        default=None,
        description="of the orbit where braking begins, on the way down to its lowest point; that point itself, if it is not given",
    )
    start_before_ignition_orbits: Positive = Field(description="how long before ignition a flight from the last entry starts")
    descent: DescentOrbit | None = None

    _utc = field_validator("landing_utc", "landing_earliest_utc", "landing_latest_utc")(in_utc)

    @property
    def at_ignition_km(self) -> tuple[float, float]:
        """Lowest and highest altitude of the orbit from which the lander brakes."""
        if self.descent is None:
            return float(self.periapsis_altitude_km), float(self.apoapsis_altitude_km)
        return float(self.descent.periapsis_altitude_km), float(self.descent.apoapsis_altitude_km or self.apoapsis_altitude_km)

    @model_validator(mode="after")
    def _is_possible(self) -> "Orbit":
        low_km, high_km = self.at_ignition_km
        if low_km > high_km:
            raise complain(("descent.periapsis_altitude_km", f"is {low_km:g}; it must be at most the highest altitude, {high_km:g}"))
        if self.ignition_altitude_km is not None and not low_km <= self.ignition_altitude_km <= high_km:
            allowed = f"between the lowest and the highest altitude, {low_km:g} and {high_km:g}"
            raise complain(("ignition_altitude_km", f"is {self.ignition_altitude_km:g}; it must lie {allowed}"))
        if self.landing_earliest_utc > self.landing_latest_utc:
            ends = f"{self.landing_earliest_utc.isoformat()}; it must not be later than landing_latest_utc, {self.landing_latest_utc.isoformat()}"
            raise complain(("landing_earliest_utc", f"is {ends}"))
        if not self.landing_earliest_utc <= self.landing_utc <= self.landing_latest_utc:
            allowed = f"between {self.landing_earliest_utc.isoformat()} and {self.landing_latest_utc.isoformat()}"
            raise complain(("landing_utc", f"is {self.landing_utc.isoformat()}; it must lie {allowed}"))
        return self


class Mapping(AnOrbit):
    """The orbit in which an orbiter works; altitudes over the sphere of 1,737.4 km. It has to keep to it while it is watched."""

    altitude_within_km: Positive = Field(description="by which its height may leave the two altitudes")
    inclination_within_deg: Positive
    watched_days: Positive = Field(description="how long the flight goes on after the last burn")


class Crater(Table):
    """A crater with a name."""

    name: str
    latitude_deg: Latitude
    longitude_deg: Longitude
    diameter_km: Positive
    depth_m: Positive = Field(description="from the crest of the rim to the floor")
    rim_m: NonNegative = Field(description="from the surrounding plain to the crest")
    floor_share: Share = Field(description="radius of the flat floor over the radius of the crest; 0 is a bowl")

    @model_validator(mode="after")
    def _is_a_hole(self) -> "Crater":
        if self.rim_m > self.depth_m:
            raise complain(
                ("rim_m", f"is {self.rim_m:g}; it must be at most depth_m, {self.depth_m:g} (depth counts from the rim's crest)")
            )
        return self


class Terrain(Table):
    """The ground: a plain, statistical relief, craters with a name, or a map that the user brings."""

    elevation_m: Elevation = Field(description="of the plain around, over the sphere of 1,737.4 km, craters aside")
    hurst: Hurst
    slope_median_deg: SlopeMedian
    slope_baseline_m: SlopeBaseline
    map_relief_m: MapRelief = Field(description="rms height difference over 7.58 km, the cell of the map LDEM_4; named craters come on top")
    surface_age_ga: Age
    small_crater_share: Share = Field(description="of the short-wave slope variance, carried by small craters")
    seed: int = Field(ge=0, lt=2**32, description="of the relief tiles; each flight sees them at its own offset")
    friction: Positive
    bearing_kpa_m: Positive = Field(description="growth of the ground's bearing pressure with depth")
    craters: tuple[Crater, ...] = ()
    map: str | None = Field(
        default=None, description="a PDS .LBL or .IMG, or a GeoTIFF, beside the mission file; it replaces plain and craters"
    )


class Tracking(Table):
    """1 sigma of the state vector that the ground sends up before the descent, in radial, along and cross axes."""

    radial_m: Positive
    along_m: Positive
    cross_m: Positive
    radial_m_s: Positive
    along_m_s: Positive
    cross_m_s: Positive
    radial_speed_with_along_place: Correlation
    along_speed_with_radial_place: Correlation


class Gravity(Table):
    """The Moon's field, to some degree and order: the one in the package, to 10, or that of a file."""

    degree: Annotated[int, Field(ge=1, le=1200)] = 10
    file: str | None = Field(default=None, description="beside the mission file: .sha or .tab (PDS), .gfc (ICGEM), .cof (GMAT)")


class ObservedEvent(Table):
    """Something that history saw, and when."""

    utc: AwareDatetime | Annotated[date, Strict()] = Field(description="a date alone where the hour is not told")
    name: str

    @field_validator("utc")
    @classmethod
    def _in_utc(cls, moment: datetime | date) -> datetime | date:
        return in_utc(moment) if isinstance(moment, datetime) else moment

    @property
    def begins(self) -> datetime:
        """The moment, or the beginning of its day."""
        return self.utc if isinstance(self.utc, datetime) else datetime.combine(self.utc, time.min, UTC)


# What begins so is told in this unit by the desk and by the flight; other figures are turned into the unit that is given.
TOLD_IN = {
    **dict.fromkeys(("distance from the Earth", "greatest distance from the Earth", "height over the Moon"), "km"),
    **dict.fromkeys(("lowest altitude after", "highest altitude after"), "km"),
    **dict.fromkeys(("length of correction", "length of lunar orbit insertion", "length of lowering", "length of trim"), "s"),
    **dict.fromkeys(("length of the descent-orbit burn", "period after"), "s"),
    "inclination after": "deg",
}


class ObservedFigure(Table):
    """A figure of the flight, as it was planned and as it was flown."""

    name: str
    unit: Literal["s", "min", "h", "days", "m", "km", "m/s", "kg", "deg"]
    utc: AwareDatetime | None = Field(default=None, description="when it was so, for a figure of a moment")
    planned: float | None = None
    flown: float | None = None

    @model_validator(mode="after")
    def _is_told_in_its_unit(self) -> "ObservedFigure":
        for begins, unit in TOLD_IN.items():
            if self.name.startswith(begins) and self.unit != unit:
                raise complain(("unit", f"is {self.unit}; what begins with '{begins}' is told in {unit}"))
        return self


class Observed(Table):
    """How the real flight ended, and the figures that history left."""

    outcome: Literal["landed", "tipped_over", "crashed", "lost", "in_orbit", "never_flown"]
    cause: str
    latitude_deg: Latitude | None = None
    longitude_deg: Longitude | None = None
    events: tuple[ObservedEvent, ...] = ()
    figures: tuple[ObservedFigure, ...] = ()
