"""From a mission file to flight software: what it believes, and how it is set. Nothing here is an array of the world."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import ARCSEC_RAD, G0_M_S2, GM_EARTH_M3_S2, GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.dynamics.thruster_layout import joined
from perilune.fsw.app import FlightSoftware
from perilune.fsw.belief import GroundBelief, VehicleBelief
from perilune.fsw.control.attitude import AttitudeControl, InertiaBelief
from perilune.fsw.control.geometry import EngineBelief, ThrusterBelief, allocation_from_geometry
from perilune.fsw.fdir import Monitor, Monitors
from perilune.fsw.guidance.approach import ApproachGuidance
from perilune.fsw.guidance.braking import BrakingGuidance
from perilune.fsw.guidance.guidance import Guidance
from perilune.fsw.guidance.vertical import VerticalGuidance
from perilune.fsw.lumps import BelievedLumps
from perilune.fsw.modes import ModeLogic
from perilune.fsw.navigation import belief
from perilune.fsw.navigation.filter import NavigationFilter
from perilune.fsw.navigation.gate import GatePolicy
from perilune.fsw.sequencer import Action, Release, Sequencer, sequence_table
from perilune.math.vector import vec3, zero_vec3
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import q_lfme_lfpa, steady_spin
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.scenario.brought import cut
from perilune.scenario.build_world import (
    DEG_PER_HOUR_RAD_S,
    DEG_PER_SQRT_HOUR_RAD_SQRT_S,
    G_MICRO_M_S2,
    canted,
    per_unit,
    site_of,
    thruster_layout,
    velocimeter_beams,
)
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_flight import Gate
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import BurnRow, FlightOrders, burn_table
from perilune.world.plant import LANDERS

# Scale and misalignment of accelerometers act over a whole braking; biases hardly move within a descent.
SCALE_SPAN_M_S = 1800.0
# Turns act through the scale of the gyros as long as a braking lasts.
TURN_MEMORY_S = 300.0
BIAS_ACCEL_WALK_M_S2_SQRT_S = 1e-7
BIAS_GYRO_WALK_RAD_S_SQRT_S = 1e-10
# White noise that covers the believed field's own error, a few mGal over tens of kilometres.
GRAVITY_NOISE_M_S2_SQRT_S = 2e-4
COS_INCIDENCE_MIN = 0.4
# Of monitors, where the file says nothing.
BURN_TIME_FACTOR = 1.15
GROUND_MARGIN_M = 100.0


class Moments(NamedTuple):
    """When things are planned to happen, mission elapsed time."""

    orbit_burn_s: float  # infinite for a flight that starts after that burn
    orbit_burn_m_s: float
    ignition_s: float
    more_kg: float = 0.0  # mass at the start, beyond the file's


def braking_guidance(file: MissionFile) -> BrakingGuidance:
    braking = file.flight_software.braking
    return BrakingGuidance(
        gate_radius_m=jnp.asarray(RADIUS_MOON_M + float(file.site.elevation_m) + float(braking.gate_altitude_m)),
        gate_vertical_speed_m_s=jnp.asarray(-float(braking.vertical_m_s)),
        gate_horizontal_speed_m_s=jnp.asarray(float(braking.horizontal_m_s)),
        throttle_nominal=jnp.asarray(float(braking.throttle_nominal)),
        throttle_min=jnp.asarray(float(braking.throttle_min)),
        throttle_max=jnp.asarray(float(braking.throttle_max)),
        freeze_s=jnp.asarray(float(braking.freeze_s)),
    )


def thrust_in(file: MissionFile, mode: str) -> tuple[float, float]:
    """Full thrust of everything that burns in a mode (N), and its exhaust speed (m/s), as believed."""
    burning = [(g.count * float(g.thrust_n) * float(g.throttle_max), float(g.isp_s)) for g in file.engines if mode in g.used_in]
    burning += [(g.count * float(g.thrust_n), float(g.isp_s)) for g in file.thrusters if mode in g.thrust_in]
    thrust_n = sum(n for n, _ in burning)
    flow_kg_s = sum(n / (isp_s * G0_M_S2) for n, isp_s in burning)
    exhaust_m_s = thrust_n / flow_kg_s if flow_kg_s > 0.0 else 0.0
    return thrust_n * float(file.belief.thrust_scale or 1.0), exhaust_m_s * float(file.belief.isp_scale or 1.0)


def braking_thrust(file: MissionFile) -> tuple[float, float]:
    """The same in braking, with what axial thrusters give beside their torque while they hold a main engine that pushes askew."""
    thrust_n, exhaust_m_s = thrust_in(file, "braking")
    return thrust_n + _held_askew_n(file), exhaust_m_s


def _held_askew_n(file: MissionFile) -> float:
    """Expected thrust of thrusters that only push, from the tolerances of the engine's alignment and of the balance."""
    holding = [g for g in file.thrusters if g.layout == "axial_ring" and "braking" in g.torque_in and "braking" not in g.thrust_in]
    if not holding:
        return 0.0
    com_m = 0.5 * (float(file.vehicle.com_full_m) + float(file.vehicle.com_empty_m))
    single = [g for g in file.engines if "braking" in g.used_in]
    askew_n_m = sum(
        g.count
        * float(g.thrust_n)
        * math.hypot((com_m - g.height_m) * math.radians(file.dispersions.misalignment_deg), 1e-3 * file.dispersions.com_mm)
        for g in single
    )
    # A ring that can only push spends twice the torque over its arm; the mean size of a torque that is normal on two axes is sqrt(pi / 2) sigma.
    return 2.0 * math.sqrt(0.5 * math.pi) * askew_n_m / float(holding[0].arm_m)


def build_fsw(file: MissionFile, ephemeris: Ephemeris, moments: Moments) -> FlightSoftware:
    """Flight software as loaded before the descent. Every leaf is its own: shared tables are copied."""
    ground = _ground(file, ephemeris, moments)
    software = FlightSoftware(
        navigation=_navigation(file, ephemeris, ground, moments),
        guidance=_guidance(file),
        attitude=_attitude(file),
        allocation=_allocation(file),
        modes=_modes(file),
        sequencer=Sequencer(
            sequence_table(_sequence(file), [int(row.priority) for row in file.sequence]),
            jnp.asarray(file.flight_software.arrays == "mixed"),
        ),
        monitors=_monitors(file),
        vehicle=_vehicle(file, moments),
        inertia=InertiaBelief(
            jnp.asarray(float(file.vehicle.mass_start_kg)),
            jnp.asarray(float(file.vehicle.mass_dry_kg)),
            vec3(file.vehicle.inertia_full_kg_m2),
            vec3(file.vehicle.inertia_empty_kg_m2),
        ),
        ground=ground,
        gate_downrange_m=jnp.asarray(float(file.flight_software.braking.gate_downrange_m)),
        up_body=vec3((0.0, 0.0, 1.0)),
        orders=_orders(file, moments),
    )
    return jax.tree.map(jnp.array, software)


def _ground(file: MissionFile, ephemeris: Ephemeris, moments: Moments) -> GroundBelief:
    elevation_m = float(file.belief.site_elevation_m if file.belief.site_elevation_m is not None else file.site.elevation_m)
    return GroundBelief(
        spin=steady_spin(ephemeris, jnp.asarray(moments.ignition_s)),
        site=site_of(file),
        reference_radius_m=jnp.asarray(RADIUS_MOON_M + elevation_m),
    )


def _vehicle(file: MissionFile, moments: Moments) -> VehicleBelief:
    layout = joined(*(thruster_layout(group) for group in file.thrusters))
    thrust_n, exhaust_m_s = braking_thrust(file)
    engine_thrust = per_unit(file.engines, "thrust_n") * float(file.belief.thrust_scale or 1.0)
    engine_isp = per_unit(file.engines, "isp_s") * float(file.belief.isp_scale or 1.0)
    return VehicleBelief(
        mass_start_kg=jnp.asarray(float(file.belief.mass_start_kg or file.vehicle.mass_start_kg) + moments.more_kg),
        mass_dry_kg=jnp.asarray(float(file.belief.mass_dry_kg or file.vehicle.mass_dry_kg)),
        engine_thrust_n=jnp.asarray(engine_thrust),
        engine_flow_kg_s=jnp.asarray(engine_thrust / (engine_isp * G0_M_S2)),
        thruster_flow_kg_s=jnp.asarray(per_unit(file.thrusters, "thrust_n") / (per_unit(file.thrusters, "isp_s") * G0_M_S2)),
        thruster_push_n=jnp.asarray(layout.push_body[:, 2] * per_unit(file.thrusters, "thrust_n")),
        braking_thrust_n=jnp.asarray(thrust_n),
        braking_exhaust_m_s=jnp.asarray(exhaust_m_s),
        cycle_s=jnp.asarray(float(file.flight_software.cycle_s)),
    )


def _navigation(file: MissionFile, ephemeris: Ephemeris, ground: GroundBelief, moments: Moments) -> NavigationFilter:
    units, scale = file.sensors, float(file.belief.sensor_sigma_scale or 1.0)
    r_imu = np.asarray(units.imu.position_m)
    field = cut(field_of(lunar_field()), int(file.belief.gravity_degree), "belief.gravity_degree")
    earth = ephemeris.r_earth_lci_m(jnp.asarray(moments.ignition_s))
    lumps = BelievedLumps(field, ground.spin, q_lfme_lfpa().inverse(), earth, jnp.asarray(GM_EARTH_M3_S2))
    gates = file.flight_software.gates
    omega_lci = ground.spin.q_lfme_lci_0.inverse() @ ground.spin.omega_lfme_rad_s
    return NavigationFilter(
        imu=_imu_belief(file, scale),
        star_tracker=belief.StarTrackerBelief(
            boresight_body=vec3(units.star_tracker.boresight).unit(),
            across_sigma_rad=scale * float(units.star_tracker.across_arcsec) * ARCSEC_RAD,
            about_sigma_rad=scale * float(units.star_tracker.about_arcsec) * ARCSEC_RAD,
            mount_sigma_rad=scale * float(units.star_tracker.mount_arcsec) * ARCSEC_RAD,
        ),
        altimeter=belief.AltimeterBelief(
            beam_body=vec3(canted(float(units.altimeter.cant_deg))),
            antenna_from_imu_body_m=vec3(np.asarray(units.altimeter.position_m) - r_imu),
            noise_floor_m=_altimeter_noise_m(file, scale),
            noise_slope=scale * 0.01 * math.hypot(units.altimeter.noise_percent, units.altimeter.scale_percent),
            cos_incidence_min=COS_INCIDENCE_MIN,
            mount_sigma_rad=scale * 1e-3 * float(units.altimeter.mount_mrad),
        ),
        velocimeter=belief.VelocimeterBelief(
            beams_body=velocimeter_beams(units),
            antenna_from_imu_body_m=vec3(np.asarray(units.velocimeter.position_m) - r_imu),
            speed_floor_m_s=scale * float(units.velocimeter.speed_floor_m_s),
            speed_slope=scale * 0.01 * float(units.velocimeter.speed_percent),
            range_floor_m=scale * float(units.velocimeter.range_floor_m or 0.0),
            range_slope=scale * 0.01 * math.hypot(units.velocimeter.range_percent or 0.0, units.velocimeter.scale_percent),
            cos_incidence_min=COS_INCIDENCE_MIN,
            scale_sigma=scale * 0.01 * float(units.velocimeter.scale_percent),
            mount_sigma_rad=scale * 1e-3 * float(units.velocimeter.mount_mrad),
        ),
        ground=belief.GroundBelief(
            radius_m=ground.reference_radius_m,
            terrain_sigma_m=float(file.belief.terrain_sigma_m),
            slope_sigma=float(file.belief.terrain_slope),
            slope_correlation_m=1e3 * float(file.belief.slope_correlation_km),
            small_relief_m=float(file.belief.small_relief_m),
            small_slope=float(file.belief.small_slope),
            omega_lfme_lci_rad_s=omega_lci,
        ),
        gravity=belief.GravityBelief(GM_MOON_M3_S2, lumps, GRAVITY_NOISE_M_S2_SQRT_S),
        gates=belief.GatePolicies(
            star_tracker=_gate(gates.star_tracker),
            altimeter=_gate(gates.altimeter),
            velocimeter=_gate(gates.velocimeter),
            velocimeter_range=_gate(gates.altimeter),
        ),
        cycle_s=float(file.flight_software.cycle_s),
        batch_axis=LANDERS,
    )


def _altimeter_noise_m(file: MissionFile, scale: float) -> float:
    if file.belief.altimeter_noise_m is not None:
        return float(file.belief.altimeter_noise_m)
    return scale * math.hypot(file.sensors.altimeter.noise_floor_m, file.sensors.altimeter.bias_m)


def _imu_belief(file: MissionFile, scale: float) -> belief.ImuBelief:
    imu = file.sensors.imu
    return belief.ImuBelief(
        velocity_walk_m_s_sqrt_s=scale * float(imu.accel_walk_ug_sqrt_hz) * G_MICRO_M_S2,
        angle_walk_rad_sqrt_s=scale * float(imu.gyro_walk_deg_sqrt_h) * DEG_PER_SQRT_HOUR_RAD_SQRT_S,
        scale_sigma=scale * _along_and_across(1e-6 * float(imu.accel_scale_ppm), 1e-3 * float(imu.accel_misalignment_mrad)),
        scale_span_m_s=SCALE_SPAN_M_S,
        bias_accel_sigma_m_s2=scale * float(imu.accel_bias_ug) * G_MICRO_M_S2,
        bias_accel_walk_m_s2_sqrt_s=BIAS_ACCEL_WALK_M_S2_SQRT_S,
        bias_gyro_sigma_rad_s=scale * float(imu.gyro_bias_deg_h) * DEG_PER_HOUR_RAD_S,
        bias_gyro_walk_rad_s_sqrt_s=BIAS_GYRO_WALK_RAD_S_SQRT_S,
        gyro_scale_sigma=scale * _along_and_across(1e-6 * float(imu.gyro_scale_ppm), 1e-3 * float(imu.gyro_misalignment_mrad)),
        turn_memory_s=TURN_MEMORY_S,
    )


def _along_and_across(scale: float, misalignment: float) -> float:
    """Mean over three axes of what an input along one does: by its scale along it, by the misalignments across it."""
    return math.sqrt((scale**2 + 2.0 * misalignment**2) / 3.0)


def _gate(gate: Gate) -> GatePolicy:
    never = math.inf
    return GatePolicy(
        threshold_sigmas=float(gate.sigmas),
        innovation_limit=float(gate.limit_m) if gate.limit_m is not None else never,
        readmit_after=float(gate.count) if gate.policy == "readmit" else never,
        give_up_after=float(gate.count) if gate.policy == "reject_for_good" else never,
    )


def _guidance(file: MissionFile) -> Guidance:
    approach, vertical = file.flight_software.approach, file.flight_software.vertical_descent
    return Guidance(
        braking=braking_guidance(file),
        approach=ApproachGuidance(
            gain=float(approach.gain),
            end_height_m=float(approach.end_altitude_m),
            end_vertical_speed_m_s=-float(approach.end_vertical_m_s),
            end_accel_up_m_s2=GM_MOON_M3_S2 / RADIUS_MOON_M**2 + float(vertical.deceleration_m_s2),
            time_to_go_min_s=3.0,
            tilt_max_rad=math.radians(approach.tilt_max_deg),
        ),
        vertical=VerticalGuidance(
            touchdown_speed_m_s=float(vertical.touchdown_m_s),
            low_height_m=float(vertical.low_altitude_m),
            deceleration_m_s2=float(vertical.deceleration_m_s2),
            descent_speed_max_m_s=float(vertical.descent_max_m_s),
            vertical_gain_1_s=float(vertical.vertical_gain_hz),
            horizontal_gain_1_s=float(vertical.horizontal_gain_hz),
            tilt_max_rad=math.radians(vertical.tilt_max_deg),
            tilt_low_rad=math.radians(vertical.tilt_low_deg),
        ),
        approach_wanted=bool(approach.wanted),
        braking_exhaust_m_s=braking_thrust(file)[1],
        approach_thrust_n=thrust_in(file, "approach")[0],
        vertical_thrust_n=thrust_in(file, "vertical_descent")[0],
        terrain_correlation_m=1e3 * float(file.belief.terrain_correlation_km),
    )


def _attitude(file: MissionFile) -> AttitudeControl:
    settings = file.flight_software.attitude
    turn_rad_s = math.radians(settings.turn_max_deg_s)
    return AttitudeControl(
        frequency_rad_s=float(settings.frequency_rad_s),
        damping=float(settings.damping),
        rate_max_rad_s=turn_rad_s,
        decel_max_rad_s2=0.25 * turn_rad_s,
        observer_tau_s=1.0,
        disturbance_max_n_m=100.0,
        request_tau_s=0.5,
        request_rate_max_rad_s=turn_rad_s,
        quiet_error_rad=math.radians(settings.dead_band_deg),
        quiet_lead_s=3.0,
    )


def _allocation(file: MissionFile):
    layout = joined(*(thruster_layout(group) for group in file.thrusters))
    vehicle = file.vehicle
    com_m = np.array([0.0, 0.0, 0.5 * (float(vehicle.com_full_m) + float(vehicle.com_empty_m))])
    engines = EngineBelief(*(per_unit(file.engines, key) for key in ("thrust_n", "throttle_min", "throttle_max")))
    axial = np.concatenate([np.full(group.count, group.layout == "axial_ring") for group in file.thrusters])
    small = ThrusterBelief(
        layout.position_body_m, layout.push_body, per_unit(file.thrusters, "thrust_n"), per_unit(file.thrusters, "shortest_pulse_s"), axial
    )
    return allocation_from_geometry(engines, small, com_m, float(file.flight_software.cycle_s))


def _used(groups, key: str) -> np.ndarray:
    """Whether each mode uses each group of units."""
    return np.array([[mode.name.lower() in getattr(group, key) for group in groups] for mode in Mode])


def _modes(file: MissionFile) -> ModeLogic:
    software = file.flight_software
    counts = [group.count for group in file.engines]
    axial = [group for group in file.thrusters if group.layout == "axial_ring"]
    attitude = [group for group in file.thrusters if group.layout != "axial_ring"]
    return ModeLogic(
        gate_horizontal_speed_m_s=float(software.braking.horizontal_m_s),
        upright_rad=math.radians(software.pitch_up.upright_deg),
        approach_wanted=bool(software.approach.wanted),
        vertical_height_m=float(software.approach.end_altitude_m),
        secure_s=float(software.monitors.secure_s),
        # What burns in a burn stands in the burn table.
        engines=jnp.asarray(np.repeat(_used(file.engines, "used_in"), counts, axis=1)).at[Mode.BURN].set(False),
        axial_thrusters=jnp.asarray(_used(axial, "thrust_in").any(axis=1)).at[Mode.BURN].set(False),
        axial_torque=jnp.asarray(_used(axial, "torque_in").any(axis=1)),
        attitude_thrusters=jnp.asarray(_used(attitude, "torque_in").any(axis=1)),
    )


def _orders(file: MissionFile, moments: Moments) -> FlightOrders:
    """The descent-orbit burn, against the velocity, by what the file burns in burns."""
    duration_s = orbit_burn_duration_s(file, moments.orbit_burn_m_s, moments.more_kg)
    engines = np.repeat([("burn" in group.used_in) for group in file.engines], [group.count for group in file.engines])
    only = BurnRow(
        start_s=jnp.asarray(moments.orbit_burn_s),
        delta_v_m_s=jnp.asarray(moments.orbit_burn_m_s),
        timer_s=jnp.asarray(duration_s * timer_factor(file)),
        follow=jnp.asarray(-1.0),
        held_lci=zero_vec3(),
        engines=jnp.asarray(engines),
        axial_thrusters=jnp.asarray(any("burn" in group.thrust_in for group in file.thrusters)),
    )
    return FlightOrders(burn_table([only]), jnp.asarray(moments.ignition_s), zero_vec3(), zero_vec3(), jnp.asarray(True))


def orbit_burn_duration_s(file: MissionFile, delta_v_m_s: float, more_kg: float = 0.0) -> float:
    """Expected length of the descent-orbit burn, at the mass with which it begins."""
    thrust_n = thrust_in(file, "burn")[0]
    return delta_v_m_s * (float(file.vehicle.mass_start_kg) + more_kg) / thrust_n if thrust_n > 0.0 else 0.0


def timer_factor(file: MissionFile) -> float:
    """Back-up timer of the descent-orbit burn over its expected length."""
    burn = file.flight_software.orbit_burn
    return float(burn.timer_factor) if burn is not None else 1.0


def _sequence(file: MissionFile) -> list[tuple[Action, Release, float]]:
    """Rows of the table."""
    rows = []
    for row in file.sequence:
        action = Action[row.command.upper()]
        if row.met_s is not None:
            rows.append((action, Release.CLOCK, float(row.met_s)))
        elif row.before_ignition_s is not None:
            rows.append((action, Release.BEFORE_IGNITION, float(row.before_ignition_s)))
        elif row.before_burn_s is not None:
            rows.append((action, Release.BEFORE_BURN, float(row.before_burn_s)))
        elif row.mode is not None:
            rows.append((action, Release.MODE, float(Mode[row.mode.upper()])))
        else:
            rows.append((action, Release.BELOW, float(row.below_altitude_m or 0.0)))
    return rows


def _monitors(file: MissionFile) -> Monitors:
    monitors = file.flight_software.monitors
    confirm = np.full(len(Monitor), float(monitors.other_cycles))
    confirm[Monitor.TOUCHDOWN] = float(monitors.touchdown_cycles)
    return Monitors(
        confirm_cycles=jnp.asarray(confirm),
        acts=jnp.asarray([monitor.name.lower() in ("touchdown", *monitors.act) for monitor in Monitor]),
        pads_needed=float(monitors.pads_needed),
        burn_time_factor=float(monitors.burn_time_factor or BURN_TIME_FACTOR),
        ground_margin_m=float(monitors.ground_margin_m or GROUND_MARGIN_M),
        attitude_error_max_rad=math.radians(monitors.attitude_error_deg),
        propellant_min_kg=float(monitors.propellant_min_kg),
        accel_share_min=float(monitors.accel_share_min),
    )
