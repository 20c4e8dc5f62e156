"""What the record says of a burn that ended on its timer and led to the ground, where on the orbit it began being unknown."""

from itertools import pairwise

from pydantic import AwareDatetime, Field, field_validator, model_validator

from perilune.scenario.schema_place import AnOrbit, in_utc
from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import Elevation, Longitude, NonNegative, Positive

# About half an orbit, in which such a burn leads to the ground; and how loosely a time of ignition may be told.
WATCHED_MAX_S, WITHIN_MAX_S = 4200.0, 3600.0


class ImpactBand(AnOrbit):
    """Published orbit and burn, from which follows where the ground can have been met. Altitudes over the sphere of 1,737.4 km."""

    orbit_utc: AwareDatetime = Field(description="when the orbit was so")
    node_deg: Longitude = Field(description="of the ascending node, mean Earth / rotation axis frame at `orbit_utc`")
    mass_kg: Positive = Field(description="at ignition")
    isp_s: Positive
    ignition_utc: AwareDatetime
    ignition_within_s: NonNegative = Field(description="to which the time of ignition was told")
    planned_s: Positive = Field(description="length of the burn that was planned")
    planned_periapsis_altitude_km: Positive = Field(description="where that burn was to lead")
    flown_s: Positive = Field(description="length of the burn that was made")
    contact_lost_utc: AwareDatetime = Field(description="until then the Earth was in view")
    impact_utc: AwareDatetime
    ground_elevation_m: Elevation = Field(description="of the ground where `observed` has the impact")

    _utc = field_validator("orbit_utc", "ignition_utc", "contact_lost_utc", "impact_utc")(in_utc)

    @model_validator(mode="after")
    def _is_in_order(self) -> "ImpactBand":
        moments = ("orbit_utc", "ignition_utc", "contact_lost_utc", "impact_utc")
        for before, after in pairwise(moments):
            if getattr(self, before) > getattr(self, after):
                raise complain(
                    (after, f"is {getattr(self, after).isoformat()}; it must not be before {before}, {getattr(self, before).isoformat()}")
                )
        if self.planned_periapsis_altitude_km >= self.periapsis_altitude_km:
            allowed = f"below periapsis_altitude_km, {self.periapsis_altitude_km:g}"
            raise complain(("planned_periapsis_altitude_km", f"is {self.planned_periapsis_altitude_km:g}; it must be {allowed}"))
        watched_s = (self.contact_lost_utc - self.ignition_utc).total_seconds()
        if not self.planned_s < self.flown_s < watched_s <= WATCHED_MAX_S:
            allowed = f"more than planned_s, {self.planned_s:g}, and less than the {watched_s:g} s from ignition_utc to contact_lost_utc"
            raise complain(("flown_s", f"is {self.flown_s:g}; it must be {allowed}, which may be {WATCHED_MAX_S:g} at most"))
        if self.ignition_within_s > WITHIN_MAX_S:
            raise complain(("ignition_within_s", f"is {self.ignition_within_s:g}; it must be at most {WITHIN_MAX_S:g}"))
        return self
