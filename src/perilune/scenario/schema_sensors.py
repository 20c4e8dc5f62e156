"""The units that flight software sees by; sizes are 1 sigma."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import AcuteAngle, Direction, NonNegative, Number, Percent, Position, Positive, Table, Within

Cant: TypeAlias = Annotated[Number, Within(0, 120, "degrees from straight down, -z, toward +x")]
Rate: TypeAlias = Annotated[
    Number, Within(0, 10, "hertz; flight software takes at most two readings a second, and the nearest rate that fits in", above=True)
]


class Imu(Table):
    """Accelerometers and gyros."""

    units: Annotated[int, Field(ge=1, le=3, description="of this kind; each draws its own errors")] = 1
    position_m: Position
    accel_bias_ug: NonNegative
    accel_scale_ppm: NonNegative
    accel_misalignment_mrad: NonNegative
    accel_walk_ug_sqrt_hz: NonNegative
    accel_quantum_mm_s: Positive
    accel_max_g: Positive
    gyro_bias_deg_h: NonNegative
    gyro_scale_ppm: NonNegative
    gyro_misalignment_mrad: NonNegative
    gyro_walk_deg_sqrt_h: NonNegative
    gyro_quantum_urad: Positive
    gyro_max_deg_s: Positive
    mixed_array_loss_percent: Percent | None = Field(default=None, description="a command is lost in an array with one of higher priority")


class StarTracker(Table):
    """One head."""

    boresight: Direction
    across_arcsec: Positive
    about_arcsec: Positive
    mount_arcsec: NonNegative
    rate_hz: Rate
    turn_max_deg_s: Positive
    exclusion_deg: AcuteAngle


class Ranging(Table):
    """What hears the ground between two distances."""

    range_min_m: NonNegative
    range_max_km: Positive

    @model_validator(mode="after")
    def _hears_somewhere(self) -> "Ranging":
        if self.range_min_m >= 1e3 * self.range_max_km:
            raise complain(("range_min_m", f"is {self.range_min_m:g} m; it must lie below range_max_km, {self.range_max_km:g} km"))
        return self


class Altimeter(Ranging):
    """One beam."""

    kind: Literal["radar", "laser"]
    position_m: Position
    cant_deg: Cant
    beam_half_deg: NonNegative
    incidence_max_deg: AcuteAngle
    noise_floor_m: NonNegative
    noise_percent: Percent
    bias_m: NonNegative
    scale_percent: Percent
    mount_mrad: NonNegative
    dropout_percent: Percent
    rate_hz: Rate


class Velocimeter(Ranging):
    """Doppler beams on a cone."""

    kind: Literal["radar", "laser", "optical"]
    position_m: Position
    cant_deg: Cant
    beams: Annotated[int, Field(ge=3, le=8)]
    cone_deg: AcuteAngle
    incidence_max_deg: AcuteAngle
    speed_floor_m_s: NonNegative
    speed_percent: Percent
    range_floor_m: NonNegative | None = Field(default=None, description="without it the unit tells speeds alone")
    range_percent: Percent | None = None
    scale_percent: Percent
    mount_mrad: NonNegative
    dropout_percent: Percent
    rate_hz: Rate

    @model_validator(mode="after")
    def _tells_ranges_or_not(self) -> "Velocimeter":
        if (self.range_floor_m is None) != (self.range_percent is None):
            raise complain(("range_floor_m", "and range_percent go together; give both, or neither for a unit that tells speeds alone"))
        return self


class Touchdown(Table):
    """One switch a pad."""

    miss_percent: Percent


class Clock(Table):
    """Onboard clock, set at the uplink."""

    offset_ms: NonNegative
    drift_ppm: NonNegative


class Gauge(Table):
    """Propellant gauge."""

    bias_percent: Percent = Field(description="of full tanks")
    noise_percent: Percent = Field(description="of full tanks")


class Sensors(Table):
    """The units that every spacecraft has."""

    imu: Imu
    star_tracker: StarTracker
    clock: Clock
    gauge: Gauge


class LandingSensors(Sensors):
    """Every unit aboard a lander."""

    altimeter: Altimeter
    velocimeter: Velocimeter | None = None
    touchdown: Touchdown
