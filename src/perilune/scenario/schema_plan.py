"""The `[plan]` of a mission: what the flight-dynamics desk is asked for. Engines are those of the mission file, by name."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import AwareDatetime, Field, field_validator, model_validator

from perilune.scenario.schema_place import AnOrbit, in_utc
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import Angle, NonNegative, Number, Percent, Positive, Table, Within

# Of a flight whose arrival is left to the desk.
FLIGHT_MAX = timedelta(days=7)


class ParkingOrbit(Table):
    """Circular, about the Earth; its node is free, which is to say the hour of the launch is."""

    altitude_km: Positive
    inclination_deg: Angle


class Stage(Table):
    """What leaves the parking orbit; mass at ignition, spacecraft included."""

    name: str
    thrust_n: Positive
    isp_s: Positive
    mass_kg: Positive


class CorrectionRow(Table):
    """A mid-course correction."""

    utc: AwareDatetime

    _utc = field_validator("utc")(in_utc)


class Errors(Table):
    """One standard deviation, by which the corrections are sized."""

    position_m: NonNegative
    velocity_m_s: NonNegative
    execution_percent: Percent


class EngineUse(Table):
    """An engine or thruster group of the mission file; those that burn later state how long."""

    name: str
    burn_s: float | None = Field(
        default=None, gt=0, description="for the second engine and later ones; the first burns as long as it takes"
    )


class ArrivalPlan(AnOrbit):
    """The orbit about the Moon; without `ignition_utc` the cheapest flight is taken."""

    ignition_utc: AwareDatetime | None = None
    engines: tuple[EngineUse, ...] = Field(min_length=1)


class LoweringRow(Table):
    """A burn about the Moon: at periapsis when it names a height of the apoapsis, at apoapsis when it names one of the periapsis."""

    utc: AwareDatetime = Field(description="it is centred on the apsis nearest to this time")
    apoapsis_altitude_km: Positive | None = None
    periapsis_altitude_km: Positive | None = None
    engine: str = Field(description="an engine or thruster group of the mission file")

    _utc = field_validator("utc")(in_utc)

    @model_validator(mode="after")
    def _names_one_apsis(self) -> "LoweringRow":
        if (self.apoapsis_altitude_km is None) == (self.periapsis_altitude_km is None):
            raise complain(("", "must name either apoapsis_altitude_km or periapsis_altitude_km"))
        return self


class LandingPlan(Table):
    """When to leave the orbit, and when the plane may pass over the site."""

    trim_utc: AwareDatetime
    descent_orbit_utc: AwareDatetime | None = Field(default=None, description="without it, half an orbit before braking")
    earliest_utc: AwareDatetime
    latest_utc: AwareDatetime

    @field_validator("trim_utc", "descent_orbit_utc", "earliest_utc", "latest_utc")
    @classmethod
    def _utc(cls, moment: datetime | None) -> datetime | None:
        return None if moment is None else in_utc(moment)


class FlightOfPlan(Table):
    """How the ground flies each burn of the plan."""

    tracked_before_s: Positive = Field(description="the orbit on which a burn is based is that of so long before it")
    lead_s: Positive = Field(description="flight software wakes so long before a burn: it turns, and its filter settles")
    linger_s: NonNegative = Field(description="and stays awake so long after it: it turns to where it rests")

    @model_validator(mode="after")
    def _is_tracked_before_it_wakes(self) -> "FlightOfPlan":
        if self.lead_s > self.tracked_before_s:
            allowed = (
                f"at most tracked_before_s, {self.tracked_before_s:g}: the burn is found and sent up before flight software wakes for it"
            )
            raise complain(("lead_s", f"is {self.lead_s:g}; it must be {allowed}"))
        return self


class CruiseTracking(Table):
    """1 sigma of an orbit determination between the Earth and the Moon, in each component."""

    position_m: Positive
    velocity_mm_s: Positive


class Sunlight(Table):
    """What the light of the Sun pushes on."""

    area_m2: NonNegative
    reflectivity: Annotated[Number, Within(0, 2, "1 absorbs all, 2 sends all back")]


class Plan(Table):
    """From the parking orbit to the ignition of the descent."""

    injection_utc: AwareDatetime = Field(description="middle of the burn that leaves the parking orbit")
    separation_kg: Positive
    parking: ParkingOrbit
    stage: Stage
    corrections: tuple[CorrectionRow, ...] = ()
    errors: Errors | None = None
    arrival: ArrivalPlan
    small_engine: EngineUse
    lowering: tuple[LoweringRow, ...] = ()
    landing: LandingPlan | None = None
    flight: FlightOfPlan | None = Field(default=None, description="without it the plan is not flown")
    tracking: CruiseTracking | None = None
    sunlight: Sunlight | None = None

    @property
    def flies(self) -> bool:
        """Whether a flight can start at separation."""
        return None not in (self.flight, self.tracking)

    @property
    def last_burn_utc(self) -> datetime:
        """Of the way to the orbit; without an insertion's date, the longest flight that is looked for."""
        arrival = self.arrival.ignition_utc or self.injection_utc + FLIGHT_MAX
        return self.lowering[-1].utc if self.lowering else arrival

    _utc = field_validator("injection_utc")(in_utc)

    @model_validator(mode="after")
    def _follows_the_calendar(self) -> "Plan":
        dates = [("injection_utc", self.injection_utc)]
        dates += [(f"corrections[{number}].utc", row.utc) for number, row in enumerate(self.corrections)]
        dates += [("arrival.ignition_utc", self.arrival.ignition_utc)] if self.arrival.ignition_utc is not None else []
        dates += [(f"lowering[{number}].utc", row.utc) for number, row in enumerate(self.lowering)]
        if (landing := self.landing) is not None:
            dates += [("landing.trim_utc", landing.trim_utc)]
            dates += [("landing.descent_orbit_utc", landing.descent_orbit_utc)] if landing.descent_orbit_utc is not None else []
            dates += [("landing.latest_utc", landing.latest_utc)]
        late = [(after, now, before, then) for (before, then), (after, now) in pairwise(dates) if not then < now]
        if landing is not None and not landing.earliest_utc < landing.latest_utc:
            late.append(("landing.latest_utc", landing.latest_utc, "landing.earliest_utc", landing.earliest_utc))
        if late:
            raise complain(
                *(
                    (after, f"is {now:%Y-%m-%d %H:%M:%S}; it must come after {before}, {then:%Y-%m-%d %H:%M:%S}")
                    for after, now, before, then in late
                )
            )
        return self
