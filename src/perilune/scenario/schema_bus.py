"""What keeps the lander alive and heard: power, temperature, radio and the stations on the ground."""

from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from perilune.scenario.schema_quantity import complain
from perilune.scenario.schema_table import (
    AcuteAngle,
    Direction,
    Latitude,
    Longitude,
    NonNegative,
    Number,
    Percent,
    Positive,
    Share,
    Table,
    Within,
)

Decibels: TypeAlias = Annotated[Number, Within(-100, 100, "decibels")]
Loss: TypeAlias = Annotated[Number, Within(0, 100, "decibels lost")]
Temperature: TypeAlias = Annotated[Number, Within(3, 1000, "kelvin")]
Height: TypeAlias = Annotated[Number, Within(-500, 6000, "metres over the WGS84 ellipsoid")]


class Panel(Table):
    """A solar panel fixed to the structure."""

    normal: Direction = Field(description="out of the cells")
    area_m2: Positive = Field(description="of cells")


class Power(Table):
    """Solar panels, battery, and what draws from them."""

    panels: tuple[Panel, ...] = Field(min_length=1)
    efficiency_percent: Percent = Field(description="of sunlight to the bus, wiring and control included")
    sun_axis: Direction = Field(description="turned to the Sun in a coast for which no attitude is given")
    isotope_w: NonNegative = Field(description="electric power of a radioisotope generator")
    battery_wh: Positive = Field(description="energy when full")
    floor_percent: Percent = Field(description="charge at which the battery is cut off")
    start_percent: Percent = Field(description="charge at the start")
    charge_efficiency_percent: Annotated[Number, Within(0, 100, "percent", above=True)]
    charge_max_w: Positive
    base_w: Positive = Field(description="drawn always: computer, receiver, star tracker, inertial unit")
    heater_w: NonNegative
    transmitter_w: NonNegative = Field(description="drawn while it transmits")
    devices_w: NonNegative = Field(description="drawn by the sensors of the descent")
    valves_w: NonNegative = Field(description="drawn while engines or thrusters burn")

    @model_validator(mode="after")
    def _starts_charged(self) -> "Power":
        if self.start_percent < self.floor_percent:
            raise complain(("start_percent", f"is {self.start_percent:g}; it must be at least floor_percent, {self.floor_percent:g}"))
        return self


class Thermal(Table):
    """The equipment inside as one node, and its thermostat."""

    absorptivity: Share = Field(description="of sunlight")
    emissivity: Annotated[Number, Within(0, 1, "a share of the whole", above=True)]
    sunward_m2: NonNegative = Field(description="area towards the Sun, all attitudes alike")
    surface_m2: Positive = Field(description="area that radiates")
    heat_capacity_kj_k: Positive
    isotope_w: NonNegative = Field(description="heat of radioisotopes")
    start_k: Temperature
    heater_on_below_k: Temperature
    heater_off_above_k: Temperature

    @model_validator(mode="after")
    def _thermostat_has_a_band(self) -> "Thermal":
        if self.heater_on_below_k >= self.heater_off_above_k:
            allowed = f"below heater_off_above_k, {self.heater_off_above_k:g}"
            raise complain(("heater_on_below_k", f"is {self.heater_on_below_k:g}; it must be {allowed}"))
        return self


class Antenna(Table):
    """An antenna of the lander, fixed to the structure."""

    axis: Direction


class Station(Table):
    """A dish on the Earth that listens."""

    name: str
    latitude_deg: Latitude = Field(description="geodetic, WGS84")
    longitude_deg: Longitude
    height_m: Height
    elevation_min_deg: AcuteAngle
    diameter_m: Positive
    efficiency_percent: Percent = Field(description="of the aperture")
    noise_k: Positive = Field(description="of the system, looking at the sky")


class Radio(Table):
    """The way down."""

    frequency_mhz: Positive
    power_w: Positive = Field(description="radiated")
    line_loss_db: Loss = Field(description="from the transmitter to its antenna")
    peak_dbi: Decibels = Field(description="gain of an antenna on its axis")
    cosine_power: NonNegative = Field(description="the gain off the axis goes with this power of the cosine")
    floor_dbi: Decibels = Field(description="gain below which no direction falls")
    losses_db: Loss = Field(description="all but free space and the line: polarisation, pointing, air, carrier, demodulator")
    rate_bit_s: Positive = Field(description="of information, before coding")
    required_eb_n0_db: Decibels
    antennas: tuple[Antenna, ...] = Field(min_length=1)
    stations: tuple[Station, ...] = Field(min_length=1)
