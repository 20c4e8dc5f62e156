"""The mission file as a whole."""

import hashlib
from abc import abstractmethod
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr, TypeAdapter, model_validator

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.scenario.schema_bus import Power, Radio, Thermal
from perilune.scenario.schema_flight import AsFlown, Belief, FlightSoftware, LandingBelief, LandingSoftware, Phase, SequenceRow
from perilune.scenario.schema_place import Gravity, Mapping, Mission, Observed, Orbit, Site, Terrain, Tracking
from perilune.scenario.schema_plan import Plan
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_sensors import LandingSensors, Sensors
from perilune.scenario.schema_table import Table
from perilune.scenario.schema_vehicle import Dispersions, Engines, Legs, Limits, ModeName, Slosh, Thrusters, Vehicle

FILE_FORMAT = 1
# The statistical relief stays within this many times its rms difference of height over a cell of the map.
RELIEF_SIGMAS = 4.0
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
    _origin: str = PrivateAttr("")
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
    def origin(self) -> str:
        """What stands before a complaint: the file, as it was asked for."""
        return self._origin or self.name

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

    @model_validator(mode="after")
    def _groups_have_names_of_their_own(self) -> "MissionFile":
        names = [group.name for group in (*self.engines, *self.thrusters)]
        for name in {name for name in names if names.count(name) > 1}:
            raise complain(("engines", f"and thrusters have '{name}' twice; the plan and the flight software call them by name"))
        return self

    @model_validator(mode="after")
    def _has_room_for_its_propellant(self) -> "MissionFile":
        if self.plan is not None:
            loaded_kg = self.plan.separation_kg - self.vehicle.mass_dry_kg
            if loaded_kg > self.vehicle.tank_full_kg:
                room = f"the tanks hold {self.vehicle.tank_full_kg:g} kg (vehicle.tank_full_kg)"
                given = f"is {self.plan.separation_kg:g} kg, {loaded_kg:g} kg of it propellant (less vehicle.mass_dry_kg)"
                raise complain(("plan.separation_kg", f"{given}; {room}"))
        return self

    @model_validator(mode="after")
    def _votes_among_several(self) -> "MissionFile":
        if self.flight_software.voting is not None and self.sensors.imu.units == 1:
            raise complain(
                ("flight_software.voting", "has one inertial unit to choose from; give sensors.imu.units = 2 or 3, or take it out")
            )
        return self

    @model_validator(mode="after")
    def _impact_has_a_place(self) -> "MissionFile":
        if self.as_flown is not None and self.as_flown.impact is not None:
            missing = [f"observed.{key}" for key in ("latitude_deg", "longitude_deg") if getattr(self.observed, key, None) is None]
            if missing:
                raise complain(*((key, "is missing; as_flown.impact is held against it") for key in missing))
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
            raise complain(("phases", f"end with '{last.name}', until '{last.until}'; the last phase must be powered, until 'rest'"))
        if not self.entries:
            raise complain(("phases", "have no entry; name one, so that a flight can start there"))
        burns = any(phase.until == "descent_orbit_burn" for phase in self.phases)
        if burns and (self.orbit.descent is None or self.flight_software.orbit_burn is None):
            raise complain(("phases", "wait for a descent-orbit burn; give orbit.descent and flight_software.orbit_burn too"))
        if sum(phase.entry is not None for phase in self.phases) > 1 and (
            self.orbit.descent is None or self.orbit.descent.start_before_burn_orbits is None
        ):
            raise complain(("orbit.descent", "has no start_before_burn_orbits; give it, for the entry before the descent-orbit burn"))
        for name in [engines.name for engines in self.engines if not engines.used_in]:
            raise complain(("engines", f"have '{name}', which no mode uses; name modes in used_in"))
        return self

    @model_validator(mode="after")
    def _could_land(self) -> "LanderFile":
        for mode in self._modes_under_thrust():
            most_n, least_n = self._thrust_n(mode)
            if most_n == 0.0:
                raise complain(("engines", f"have none for {mode}; name it in used_in of an engine, or in thrust_in of thrusters"))
            if most_n <= self._weight_n:
                given = f"give {most_n:.0f} N in {mode}, and with empty tanks the lander weighs {self._weight_n:.0f} N on the Moon"
                raise complain(("engines", f"{given}; they must give more"))
            if mode == "vertical_descent" and least_n >= self._weight_n:
                given = (
                    f"give {least_n:.0f} N at least in {mode}, and with empty tanks the lander weighs {self._weight_n:.0f} N on the Moon"
                )
                raise complain(("engines", f"{given}; they must be able to give less, or be relit"))
        return self

    @model_validator(mode="after")
    def _flies_over_the_ground(self) -> "LanderFile":
        low_m, ground = 1e3 * self.orbit.at_ignition_km[0], self.terrain
        highest_m = float(ground.elevation_m) + RELIEF_SIGMAS * float(ground.map_relief_m)
        where = "orbit.periapsis_altitude_km" if self.orbit.descent is None else "orbit.descent.periapsis_altitude_km"
        if ground.map is None and low_m <= highest_m:
            raise complain(
                (where, f"is {1e-3 * low_m:g}; the relief about the site goes up to some {1e-3 * highest_m:.1f} km, stay above it")
            )
        gate_m = float(self.site.elevation_m) + float(self.flight_software.braking.gate_altitude_m)
        if low_m <= gate_m:
            raise complain((where, f"is {1e-3 * low_m:g}; braking ends at {1e-3 * gate_m:.1f} km, and must begin above it"))
        return self

    @model_validator(mode="after")
    def _orders_what_it_has(self) -> "LanderFile":
        if self.sensors.velocimeter is None and any(row.command == "velocimeter_on" for row in self.sequence):
            raise complain(("sequence", "switches on a velocimeter, and sensors has none; give one, or take the command out"))
        return self

    @property
    def _weight_n(self) -> float:
        """With empty tanks, on the Moon."""
        return float(self.vehicle.mass_dry_kg) * GM_MOON_M3_S2 / RADIUS_MOON_M**2

    def _modes_under_thrust(self) -> tuple[ModeName, ...]:
        return (
            ("braking", "vertical_descent")
            if self.flight_software.attitude_hold is None
            else ("braking", "attitude_hold", "vertical_descent")
        )

    def _thrust_n(self, mode: ModeName) -> tuple[float, float]:
        """Full thrust in a mode, and the least of what then burns all the time."""
        engines = [group for group in self.engines if mode in group.used_in]
        most_n = sum(group.count * float(group.thrust_n) * float(group.throttle_max) for group in engines)
        most_n += sum(group.count * float(group.thrust_n) for group in self.thrusters if mode in group.thrust_in)
        least_n = sum(group.count * float(group.thrust_n) * float(group.throttle_min) for group in engines if not group.relit)
        return float(most_n), float(least_n)


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
