"""From a mission file to the world: degrees become radians, kilometres metres, names arrays."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from perilune.constants import ARCSEC_RAD, G0_M_S2
from perilune.dynamics.gravity import Gravity
from perilune.dynamics.thruster_layout import Layout, axial_ring, couples_on_three_axes, eight_on_three_axes, joined
from perilune.fsw.app import FILTER_EVERY
from perilune.math.vector import Vec3, vec3
from perilune.moon.craters import Crater, crater_at
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import Selenographic, SiteFrame, site_frame
from perilune.moon.relief import Relief, ReliefLaw, make_relief, relief_at
from perilune.moon.terrain import Terrain, level_terrain
from perilune.scenario.brought import brought_files, lunar_field_of, map_at
from perilune.scenario.errors import ScenarioError
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.scenario.schema_sensors import LandingSensors
from perilune.scenario.schema_sensors import Sensors as SensorsFile
from perilune.scenario.schema_sensors import Velocimeter as VelocimeterFile
from perilune.scenario.schema_vehicle import Engines as EnginesFile
from perilune.scenario.schema_vehicle import Thrusters as ThrustersFile
from perilune.world.devices import InertialUnitControl
from perilune.world.landing_gear import GearNumbers, LandingGear, LegLayout, bell_and_roof, gear_from_numbers, leg_along
from perilune.world.mass_properties import MassProperties
from perilune.world.plant import World
from perilune.world.propulsion import Engines, Propulsion
from perilune.world.sensors import Sensors
from perilune.world.sensors.altimeter import Altimeter
from perilune.world.sensors.beam import footprint_rays
from perilune.world.sensors.clock import Clock
from perilune.world.sensors.gauge import PropellantGauge
from perilune.world.sensors.imu import Imu, InertialTriad
from perilune.world.sensors.star_tracker import StarTracker
from perilune.world.sensors.touchdown import TouchdownSwitches
from perilune.world.sensors.velocimeter import Velocimeter
from perilune.world.slosh import Slosh
from perilune.world.thrusters import thrusters
from perilune.world.tracking import GroundTracking

G_MICRO_M_S2 = 1e-6 * G0_M_S2
DEG_PER_HOUR_RAD_S = math.radians(1.0) / 3600.0
DEG_PER_SQRT_HOUR_RAD_SQRT_S = math.radians(1.0) / 60.0
# Below this height of the centre of mass, legs are computed: longer than any lander's legs on the slopes it may meet.
CONTACT_HEIGHT_M = 4.0
FREQUENCY_FLOOR_RAD_S = 0.2
# A radar's spot is stood for by this many rays.
SPOT_RAYS = 3
# Assumed: half of a 20 degree field of view.
STAR_FIELD_HALF_RAD = math.radians(10.0)


def engine_places(file: EnginesFile) -> np.ndarray:
    """Positions on their ring, structure axes [m]."""
    angle = math.radians(file.ring_azimuth_deg) + 2.0 * math.pi * np.arange(file.count) / file.count
    ring = file.ring_radius_m
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), np.full(file.count, float(file.height_m))], axis=1)


def thruster_layout(file: ThrustersFile) -> Layout:
    if file.layout == "axial_ring":
        return axial_ring(file.count, file.arm_m, file.height_m, math.radians(file.ring_azimuth_deg or 0.0))
    layouts = {"couples_on_three_axes": couples_on_three_axes, "eight_on_three_axes": eight_on_three_axes}
    return layouts[file.layout](file.arm_m, file.height_m)


def per_unit(groups, key: str) -> np.ndarray:
    """One number a unit, group after group: the order of the commands."""
    return np.concatenate([np.full(group.count, float(getattr(group, key))) for group in groups])


def canted(cant_deg: float) -> np.ndarray:
    """A direction turned from straight down, -z, towards +x."""
    cant = math.radians(cant_deg)
    return np.array([math.sin(cant), 0.0, -math.cos(cant)])


def beams_on_cone(cant_deg: float, cone_deg: float, beams: int) -> tuple[np.ndarray, ...]:
    """Unit vectors evenly on a cone about a canted axis."""
    axis, cone = canted(cant_deg), math.radians(cone_deg)
    first = np.array([math.cos(math.radians(cant_deg)), 0.0, math.sin(math.radians(cant_deg))])
    second = np.cross(axis, first)
    angles = math.pi / beams + 2.0 * math.pi * np.arange(beams) / beams
    return tuple(math.cos(cone) * axis + math.sin(cone) * (math.cos(a) * first + math.sin(a) * second) for a in angles)


def period_ticks(rate_hz: float, cycle_s: float) -> int:
    """Cycles from one reading to the next: the number nearest to the unit's rate at which the filter looks.

    Flight software takes readings in those cycles alone; what it does not take is not computed.
    """
    return FILTER_EVERY * max(1, round(1.0 / (rate_hz * cycle_s * FILTER_EVERY)))


def site_of(file: LanderFile) -> SiteFrame:
    place = Selenographic(math.radians(file.site.latitude_deg), math.radians(file.site.longitude_deg), float(file.site.elevation_m))
    return site_frame(place)


class Landing(NamedTuple):
    """What of a world only a landing needs; a spacecraft that never lands has a stand-in (`never_lands`)."""

    site: SiteFrame
    gear: LandingGear
    terrain: Terrain
    altimeter: Altimeter
    velocimeter: Velocimeter | None
    touchdown: TouchdownSwitches


def landing_of(file: LanderFile) -> Landing:
    cycle_s = float(file.flight_software.cycle_s)
    return Landing(
        site=site_of(file),
        gear=landing_gear_of(file),
        terrain=build_terrain(file),
        altimeter=_altimeter(file.sensors, cycle_s),
        velocimeter=None if file.sensors.velocimeter is None else _velocimeter(file.sensors.velocimeter, cycle_s),
        touchdown=TouchdownSwitches(jnp.full(file.legs.count, 0.01 * float(file.sensors.touchdown.miss_percent))),
    )


def world_of(file: MissionFile, landing: Landing, ephemeris: Ephemeris) -> World:
    """The nominal world of a mission; dispersions are drawn from the seed later."""
    return World(
        propulsion=_propulsion(file),
        mass=_mass(file),
        slosh=_slosh(file),
        gear=landing.gear,
        sensors=_sensors(file, landing),
        terrain=landing.terrain,
        gravity=Gravity(lunar_field_of(file)),
        ephemeris=ephemeris,
        site=landing.site,
        tracking=_tracking(file),
        r_imu_body_m=vec3(file.sensors.imu.position_m),
        inertial_unit=InertialUnitControl(jnp.asarray(0.01 * float(file.sensors.imu.mixed_array_loss_percent or 0.0))),
        contact_height_m=jnp.asarray(CONTACT_HEIGHT_M),
        tick_s=jnp.asarray(float(file.flight_software.cycle_s)),
    )


def _propulsion(file: MissionFile) -> Propulsion:
    ones = jnp.ones(sum(group.count for group in file.engines))
    count = len(ones)
    main = Engines(
        thrust_max_n=jnp.asarray(per_unit(file.engines, "thrust_n")),
        isp_s=jnp.asarray(per_unit(file.engines, "isp_s")),
        throttle_min=jnp.asarray(per_unit(file.engines, "throttle_min")),
        throttle_max=jnp.asarray(per_unit(file.engines, "throttle_max")),
        throttle_quantum=jnp.zeros(count),
        rise_tau_s=jnp.asarray(per_unit(file.engines, "rise_tau_s")),
        fall_tau_s=jnp.asarray(per_unit(file.engines, "fall_tau_s")),
        position_body_m=jnp.asarray(np.concatenate([engine_places(group) for group in file.engines])),
        push_body=jnp.asarray(np.tile([0.0, 0.0, 1.0], (count, 1))),
        thrust_scale=ones,
        isp_scale=ones,
        held=jnp.zeros(count),
        held_throttle=jnp.zeros(count),
    )
    layout = joined(*(thruster_layout(group) for group in file.thrusters))
    small = thrusters(
        layout.position_body_m,
        layout.push_body,
        per_unit(file.thrusters, "thrust_n"),
        per_unit(file.thrusters, "isp_s"),
        per_unit(file.thrusters, "shortest_pulse_s"),
    )
    return Propulsion(main, small)


def _mass(file: MissionFile) -> MassProperties:
    vehicle = file.vehicle
    return MassProperties(
        dry_kg=jnp.asarray(float(vehicle.mass_dry_kg)),
        propellant_full_kg=jnp.asarray(float(vehicle.propellant_kg)),
        com_full_body_m=vec3((0.0, 0.0, float(vehicle.com_full_m))),
        com_empty_body_m=vec3((0.0, 0.0, float(vehicle.com_empty_m))),
        inertia_full_kg_m2=vec3(vehicle.inertia_full_kg_m2),
        inertia_empty_kg_m2=vec3(vehicle.inertia_empty_kg_m2),
        com_offset_body_m=vec3((0.0, 0.0, 0.0)),
    )


def _slosh(file: MissionFile) -> Slosh:
    slosh = file.slosh
    numbers = (slosh.liquid_share, slosh.length_m, slosh.hinge_height_m, slosh.damping, FREQUENCY_FLOOR_RAD_S, slosh.offset_max_m)
    return Slosh(*(jnp.asarray(float(number)) for number in numbers))


def landing_gear_of(file: LanderFile) -> LandingGear:
    legs, hull = file.legs, file.vehicle.hull
    numbers = GearNumbers(
        pad_circle_m=float(legs.pad_circle_m),
        crush_load_n=float(legs.crush_n),
        stroke_m=float(legs.stroke_m),
        touchdown_mass_kg=1.1 * float(file.vehicle.mass_dry_kg),
        friction=float(file.terrain.friction),
        pad_area_m2=math.pi * float(legs.pad_radius_m) ** 2,
        bearing_pa_m=1e3 * float(file.terrain.bearing_kpa_m),
        n_legs=legs.count,
    )
    corners = bell_and_roof(float(hull.base_m), float(hull.radius_m), float(hull.top_m))
    layout = LegLayout(azimuth_rad=math.radians(legs.azimuth_deg))
    own = tuple(leg_along(np.array(pad.position_m), np.array(pad.crushes_along), layout) for pad in legs.pads)
    return gear_from_numbers(numbers, corners, layout, own)


def _tracking(file: MissionFile) -> GroundTracking:
    t = file.tracking
    sigmas = (t.radial_m, t.along_m, t.cross_m, t.radial_m_s, t.along_m_s, t.cross_m_s)
    pairs = (t.radial_speed_with_along_place, t.along_speed_with_radial_place)
    return GroundTracking(*(jnp.asarray(float(number)) for number in (*sigmas, *pairs)))


def _sensors(file: MissionFile, landing: Landing) -> Sensors:
    units, gauge_full_kg = file.sensors, float(file.vehicle.tank_full_kg)
    return Sensors(
        imu=imu_of(units),
        star_tracker=_star_tracker(units, float(file.flight_software.cycle_s)),
        altimeter=landing.altimeter,
        velocimeter=landing.velocimeter,
        touchdown=landing.touchdown,
        clock=Clock(jnp.asarray(0.0), jnp.asarray(1e-3 * float(units.clock.offset_ms)), jnp.asarray(1e-6 * float(units.clock.drift_ppm))),
        gauge=PropellantGauge(
            jnp.asarray(0.01 * float(units.gauge.bias_percent) * gauge_full_kg),
            jnp.asarray(0.01 * float(units.gauge.noise_percent) * gauge_full_kg),
        ),
        spare_imus=tuple(imu_of(units) for _ in range(units.imu.units - 1)),
    )


def imu_of(file: SensorsFile) -> Imu:
    imu = file.imu
    accelerometers = InertialTriad(
        bias_sigma_per_s=jnp.asarray(float(imu.accel_bias_ug) * G_MICRO_M_S2),
        scale_sigma=jnp.asarray(1e-6 * float(imu.accel_scale_ppm)),
        tilt_sigma_rad=jnp.asarray(1e-3 * float(imu.accel_misalignment_mrad)),
        random_walk_per_sqrt_s=jnp.asarray(float(imu.accel_walk_ug_sqrt_hz) * G_MICRO_M_S2),
        quantum=jnp.asarray(1e-3 * float(imu.accel_quantum_mm_s)),
        range_per_s=jnp.asarray(float(imu.accel_max_g) * G0_M_S2),
    )
    gyros = InertialTriad(
        bias_sigma_per_s=jnp.asarray(float(imu.gyro_bias_deg_h) * DEG_PER_HOUR_RAD_S),
        scale_sigma=jnp.asarray(1e-6 * float(imu.gyro_scale_ppm)),
        tilt_sigma_rad=jnp.asarray(1e-3 * float(imu.gyro_misalignment_mrad)),
        random_walk_per_sqrt_s=jnp.asarray(float(imu.gyro_walk_deg_sqrt_h) * DEG_PER_SQRT_HOUR_RAD_SQRT_S),
        quantum=jnp.asarray(1e-6 * float(imu.gyro_quantum_urad)),
        range_per_s=jnp.asarray(math.radians(imu.gyro_max_deg_s)),
    )
    return Imu(vec3(imu.position_m), accelerometers, gyros)


def _star_tracker(file: SensorsFile, cycle_s: float) -> StarTracker:
    head = file.star_tracker
    return StarTracker(
        boresight_body=vec3(head.boresight).unit(),
        sigma_across_rad=jnp.asarray(float(head.across_arcsec) * ARCSEC_RAD),
        sigma_about_rad=jnp.asarray(float(head.about_arcsec) * ARCSEC_RAD),
        mount_sigma_rad=jnp.asarray(float(head.mount_arcsec) * ARCSEC_RAD),
        rate_max_rad_s=jnp.asarray(math.radians(head.turn_max_deg_s)),
        exclusion_rad=jnp.asarray(math.radians(head.exclusion_deg)),
        field_half_rad=jnp.asarray(STAR_FIELD_HALF_RAD),
        period_ticks=jnp.asarray(period_ticks(float(head.rate_hz), cycle_s)),
    )


def _altimeter(file: LandingSensors, cycle_s: float) -> Altimeter:
    unit = file.altimeter
    axis = vec3(canted(float(unit.cant_deg)))
    return Altimeter(
        r_antenna_body_m=vec3(unit.position_m),
        axis_body=axis,
        rays_body=footprint_rays(axis, math.radians(unit.beam_half_deg), SPOT_RAYS if unit.beam_half_deg > 0.0 else 1),
        range_min_m=jnp.asarray(float(unit.range_min_m)),
        range_max_m=jnp.asarray(1e3 * float(unit.range_max_km)),
        incidence_max_rad=jnp.asarray(math.radians(unit.incidence_max_deg)),
        bias_sigma_m=jnp.asarray(float(unit.bias_m)),
        scale_sigma=jnp.asarray(0.01 * float(unit.scale_percent)),
        mount_sigma_rad=jnp.asarray(1e-3 * float(unit.mount_mrad)),
        noise_floor_m=jnp.asarray(float(unit.noise_floor_m)),
        noise_slope=jnp.asarray(0.01 * float(unit.noise_percent)),
        dropout_probability=jnp.asarray(0.01 * float(unit.dropout_percent)),
        period_ticks=jnp.asarray(period_ticks(float(unit.rate_hz), cycle_s)),
    )


def _velocimeter(unit: VelocimeterFile, cycle_s: float) -> Velocimeter:
    return Velocimeter(
        r_antenna_body_m=vec3(unit.position_m),
        beams_body=velocimeter_beams(unit),
        range_min_m=jnp.asarray(float(unit.range_min_m)),
        range_max_m=jnp.asarray(1e3 * float(unit.range_max_km)),
        incidence_max_rad=jnp.asarray(math.radians(unit.incidence_max_deg)),
        speed_noise_floor_m_s=jnp.asarray(float(unit.speed_floor_m_s)),
        speed_noise_slope=jnp.asarray(0.01 * float(unit.speed_percent)),
        speed_scale_sigma=jnp.asarray(0.01 * float(unit.scale_percent)),
        range_noise_floor_m=jnp.asarray(float(unit.range_floor_m or 0.0)),
        range_noise_slope=jnp.asarray(0.01 * float(unit.range_percent or 0.0)),
        range_scale_sigma=jnp.asarray(0.01 * float(unit.scale_percent)),
        mount_sigma_rad=jnp.asarray(1e-3 * float(unit.mount_mrad)),
        dropout_probability=jnp.asarray(0.01 * float(unit.dropout_percent)),
        period_ticks=jnp.asarray(period_ticks(float(unit.rate_hz), cycle_s)),
        ranges_told=jnp.asarray(unit.range_floor_m is not None),
    )


def velocimeter_beams(unit: VelocimeterFile) -> tuple[Vec3, ...]:
    return tuple(vec3(beam) for beam in beams_on_cone(float(unit.cant_deg), float(unit.cone_deg), unit.beams))


def build_terrain(file: LanderFile) -> Terrain:
    """The ground of a mission, with its relief at no offset: each flight is shifted to its own."""
    ground, relief = file.terrain, _relief(file)
    if ground.map is not None:
        brought = map_at(brought_files(file)["terrain.map"])
        if not brought.holds(math.radians(file.site.latitude_deg), math.radians(file.site.longitude_deg)):
            place = f"{float(file.site.latitude_deg):g} deg, {float(file.site.longitude_deg):g} deg east"
            raise ScenarioError(f"terrain.map: '{ground.map}' does not hold the site ({place}); bring a map about it")
        return Terrain(brought, (), relief, jnp.zeros(()))
    return level_terrain(float(ground.elevation_m), tuple(_crater(crater) for crater in ground.craters), relief)


def _relief(file: LanderFile) -> Relief:
    ground = file.terrain
    law = ReliefLaw(
        hurst=float(ground.hurst),
        slope_median_rad=math.radians(ground.slope_median_deg),
        slope_baseline_m=float(ground.slope_baseline_m),
        map_relief_m=float(ground.map_relief_m),
        surface_age_ga=float(ground.surface_age_ga),
        small_crater_share=float(ground.small_crater_share),
    )
    try:
        made = make_relief(law, ground.seed)
    except ValueError as error:
        raise ScenarioError(f"terrain: {error}") from None
    return relief_at(math.radians(file.site.latitude_deg), math.radians(file.site.longitude_deg), made)


def _crater(crater) -> Crater:
    return crater_at(
        math.radians(crater.latitude_deg),
        math.radians(crater.longitude_deg),
        1e3 * float(crater.diameter_km),
        float(crater.depth_m),
        float(crater.rim_m),
        float(crater.floor_share),
    )
