"""From a mission file to power, temperature and radio: watt-hours become joules, degrees radians, decibels stay."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.moon.earth import EarthOrientation, place_on_earth
from perilune.scenario.errors import ScenarioError
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_bus import Power as PowerFile
from perilune.scenario.schema_bus import Radio as RadioFile
from perilune.scenario.schema_bus import Station as StationFile
from perilune.scenario.schema_bus import Thermal as ThermalFile
from perilune.scenario.schema_quantity import Triplet
from perilune.world.bus import Bus
from perilune.world.power import Battery, Loads, Panels, Power
from perilune.world.radio import Antennas, Link, Radio, Station
from perilune.world.thermal import Thermal

J_PER_WH = 3600.0


def bus_of(file: MissionFile, orientation: EarthOrientation) -> Bus:
    """The bus of a mission; the stations turn with `orientation`, whose window must hold the flight."""
    if file.power is None or file.thermal is None or file.radio is None:
        raise ScenarioError(f"{file.name}: the mission file has no tables [power], [thermal] and [radio]")
    return Bus(
        power=power_of(file.power),
        thermal=thermal_of(file.thermal),
        radio=radio_of(file.radio, orientation),
        start_charge_share=_number(0.01 * file.power.start_percent),
        start_temperature_k=_number(file.thermal.start_k),
    )


def power_of(file: PowerFile) -> Power:
    panels = Panels(
        area_m2=jnp.asarray([float(panel.area_m2) for panel in file.panels]),
        normal_body=unit_rows([panel.normal for panel in file.panels]),
        efficiency=_number(0.01 * file.efficiency_percent),
    )
    loads = Loads(*(_number(each) for each in (file.base_w, file.heater_w, file.transmitter_w, file.devices_w, file.valves_w)))
    battery = Battery(
        capacity_j=_number(J_PER_WH * file.battery_wh),
        floor_share=_number(0.01 * file.floor_percent),
        charge_efficiency=_number(0.01 * file.charge_efficiency_percent),
        charge_max_w=_number(file.charge_max_w),
    )
    return Power(panels, loads, battery, _number(file.isotope_w))


def thermal_of(file: ThermalFile) -> Thermal:
    return Thermal(
        absorptivity=_number(file.absorptivity),
        emissivity=_number(file.emissivity),
        sunward_m2=_number(file.sunward_m2),
        surface_m2=_number(file.surface_m2),
        heat_capacity_j_k=_number(1e3 * file.heat_capacity_kj_k),
        isotope_w=_number(file.isotope_w),
        heater_on_below_k=_number(file.heater_on_below_k),
        heater_off_above_k=_number(file.heater_off_above_k),
    )


def radio_of(file: RadioFile, orientation: EarthOrientation) -> Radio:
    antennas = Antennas(
        axis_body=unit_rows([antenna.axis for antenna in file.antennas]),
        peak_dbi=_number(file.peak_dbi),
        cosine_power=_number(file.cosine_power),
        floor_dbi=_number(file.floor_dbi),
    )
    link = Link(
        antennas=antennas,
        frequency_hz=_number(1e6 * file.frequency_mhz),
        power_w=_number(file.power_w),
        line_loss_db=_number(file.line_loss_db),
        losses_db=_number(file.losses_db),
        rate_bit_s=_number(file.rate_bit_s),
        required_eb_n0_db=_number(file.required_eb_n0_db),
    )
    return Radio(link, tuple(station_of(station, orientation) for station in file.stations))


def station_of(file: StationFile, orientation: EarthOrientation) -> Station:
    return Station(
        place=place_on_earth(orientation, math.radians(file.latitude_deg), math.radians(file.longitude_deg), float(file.height_m)),
        elevation_min_rad=_number(math.radians(file.elevation_min_deg)),
        diameter_m=_number(file.diameter_m),
        efficiency=_number(0.01 * file.efficiency_percent),
        noise_k=_number(file.noise_k),
    )


def unit_rows(directions: list[Triplet]) -> Float[Array, "n 3"]:
    """Directions of a file as exact unit vectors."""
    rows = np.asarray(directions, dtype=float)
    return jnp.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _number(value: float) -> Float[Array, ""]:
    return jnp.asarray(float(value))
