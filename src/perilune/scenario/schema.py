"""The mission file as a whole."""

import hashlib
from abc import abstractmethod
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr, TypeAdapter, model_validator

from perilune.scenario.schema_bus import Power, Radio, Thermal
from perilune.scenario.schema_flight import AsFlown, Belief, FlightSoftware, LandingBelief, LandingSoftware, Phase, SequenceRow
from perilune.scenario.schema_place import Gravity, Mapping, Mission, Observed, Orbit, Site, Terrain, Tracking
from perilune.scenario.schema_plan import Plan
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_sensors import LandingSensors, Sensors
from perilune.scenario.schema_table import Table
from perilune.scenario.schema_vehicle import Dispersions, Engines, Legs, Limits, Slosh, Thrusters, Vehicle

FILE_FORMAT = 1
# The word for a start where the upper stage lets go.
SEPARATION = "separation"


class MissionFile(Table):
    """What every mission has: a spacecraft, its flight software, its way to the Moon, and what history observed.

    Every number is a float that carries its `provenance` (bounds and source). Units stand in the keys: degrees and kilometres here,
    radians and metres once the builder has been over it.
    """

    format: Literal[1] = Field(description="version of this format")
    mission: Mission
    vehicle: Vehicle
    engines: tuple[Engines, ...] = Field(min_length=1)
    thrusters: tuple[Thrusters, ...] = Field(min_length=1)
    slosh: Slosh
    sensors: Sensors
    gravity: Gravity = Gravity(source="design")
    belief: Belief
    flight_software: FlightSoftware
    sequence: tuple[SequenceRow, ...] = Field(min_length=1)
    tracking: Tracking
    power: Power | None = None
    thermal: Thermal | None = None
    radio: Radio | None = None
    dispersions: Dispersions
    as_flown: AsFlown | None = None
    observed: Observed | None = None
    plan: Plan | None = None

    _text: str = PrivateAttr("")
    _folder: Path | None = PrivateAttr(None)
    _variants: dict[str, "MissionFile"] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        return self.mission.name

    @property
    def text(self) -> str:
        """The file as it was read."""
        return self._text

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def folder(self) -> Path | None:
        """Where the file lies, for the map that it names; none for the catalogue."""
        return self._folder

    @property
    def variants(self) -> dict[str, "MissionFile"]:
        """The file with the settings of the real flight, and with those that would have saved it; for files that tell of them."""
        return self._variants

    @property
    def entries(self) -> tuple[str, ...]:
        """Words by which `--from` may start a flight, in order of flight."""
        return (SEPARATION,) if self.plan is not None and self.plan.flies else ()

    @property
    def maps(self) -> dict[str, str | None]:
        """Files that it brings, by key."""
        return {"gravity.file": self.gravity.file}

    @property
    @abstractmethod
    def when(self) -> datetime:
        """When it is where it is to go."""

    @property
    @abstractmethod
    def ends_utc(self) -> datetime:
        """When it is over at the latest."""

    @model_validator(mode="after")
    def _bus_is_whole(self) -> "MissionFile":
        given = {name: getattr(self, name) is not None for name in ("power", "thermal", "radio")}
        missing = [name for name, there in given.items() if not there]
        if missing and any(given.values()):
            raise complain(*((name, "is missing; power, thermal and radio stand together, or none of them") for name in missing))
        return self


class LanderFile(MissionFile):
    """A mission that lands: the site, the orbit before the descent, legs, ground, and the phases to it."""

    site: Site
    orbit: Orbit
    legs: Legs
    limits: Limits
    sensors: LandingSensors
    terrain: Terrain
    belief: LandingBelief
    flight_software: LandingSoftware
    phases: tuple[Phase, ...] = Field(min_length=1)

    @property
    def entries(self) -> tuple[str, ...]:
        """The way to the Moon, if it leads to a landing; and the phases that name one."""
        first = super().entries if self.plan is not None and self.plan.landing is not None else ()
        return (*first, *(phase.entry for phase in self.phases if phase.entry is not None))

    @property
    def maps(self) -> dict[str, str | None]:
        """The same, with the map of the ground."""
        return {"terrain.map": self.terrain.map, **super().maps}

    @property
    def when(self) -> datetime:
        """When it lands."""
        return self.orbit.landing_utc

    @property
    def ends_utc(self) -> datetime:
        """The latest landing of its plan, if it has one."""
        return self.orbit.landing_latest_utc if self.plan is None or self.plan.landing is None else self.plan.landing.latest_utc

    def phases_from(self, entry: str) -> tuple[Phase, ...]:
        """The phases of a flight that starts there."""
        first = next(number for number, phase in enumerate(self.phases) if phase.entry == entry)
        return self.phases[first:]

    @property
    def descent_entry(self) -> str:
        """The word for a start in the pre-landing orbit."""
        return self.entries[-1]

    def burns_from(self, entry: str) -> bool:
        """Whether a flight that starts there makes the descent-orbit burn itself."""
        return any(phase.until == "descent_orbit_burn" for phase in self.phases_from(entry))

    @model_validator(mode="after")
    def _ends_on_the_ground(self) -> "LanderFile":
        last = self.phases[-1]
        if last.until != "rest":
            raise complain(("phases", f"ends with '{last.name}', until '{last.until}'; the last phase must be powered, until 'rest'"))
        if not self.entries:
            raise complain(("phases", "has no entry; name one, so that a flight can start there"))
        burns = any(phase.until == "descent_orbit_burn" for phase in self.phases)
        if burns and (self.orbit.descent is None or self.flight_software.orbit_burn is None):
            raise complain(("phases", "waits for a descent-orbit burn; give orbit.descent and flight_software.orbit_burn too"))
        if sum(phase.entry is not None for phase in self.phases) > 1 and (
            self.orbit.descent is None or self.orbit.descent.start_before_burn_orbits is None
        ):
            raise complain(("orbit.descent", "has no start_before_burn_orbits; give it, for the entry before the descent-orbit burn"))
        for name in [engines.name for engines in self.engines if not engines.used_in]:
            raise complain(("engines", f"has '{name}', which no mode uses; name modes in used_in"))
        for mode in ("braking", "vertical_descent"):
            if not any(mode in group.used_in for group in self.engines) and not any(mode in group.thrust_in for group in self.thrusters):
                raise complain(("engines", f"has none for {mode}; name it in used_in of an engine, or in thrust_in of thrusters"))
        return self


class OrbiterFile(MissionFile):
    """A mission that stays about the Moon: the orbit that it works in, and the plan that leads there."""

    mapping: Mapping
    plan: Plan  # type: ignore[assignment]

    @property
    def when(self) -> datetime:
        """When it is in its orbit."""
        return self.plan.last_burn_utc

    @property
    def ends_utc(self) -> datetime:
        """After it was watched."""
        return self.plan.last_burn_utc + timedelta(days=float(self.mapping.watched_days))

    @model_validator(mode="after")
    def _stays_up(self) -> "OrbiterFile":
        if self.plan.landing is not None:
            raise complain(("plan.landing", "stands in the file of an orbiter; take it out, or [mapping]"))
        if not self.plan.flies:
            raise complain(("plan", "must say how it is flown and tracked (flight, tracking): an orbiter has no other start"))
        return self


AnyMission: TypeAlias = LanderFile | OrbiterFile


def of_tables(tables: dict[str, Any]) -> AnyMission:
    """The mission that tables tell of: an orbiter where there is `mapping`."""
    return (OrbiterFile if "mapping" in tables else LanderFile).model_validate(tables)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a mission file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **TypeAdapter(AnyMission).json_schema()}
