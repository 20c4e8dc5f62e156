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
from perilune.fsw.control.attitude import InertiaBelief
from perilune.fsw.lumps import BelievedLumps
from perilune.fsw.modes import ModeLogic
from perilune.fsw.navigation import belief
from perilune.fsw.navigation.filter import NavigationFilter
from perilune.fsw.sequencer import Action, Release, Sequencer, sequence_table
from perilune.math.vector import vec3, zero_vec3
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import q_lfme_lfpa, steady_spin
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.scenario.brought import cut
from perilune.scenario.build_control import allocator, attitude_control, thrust_in
from perilune.scenario.build_descent import Descent, descent_of, gate_policy
from perilune.scenario.build_watch import engine_watch, monitors, voting
from perilune.scenario.build_world import (
    DEG_PER_HOUR_RAD_S,
    DEG_PER_SQRT_HOUR_RAD_SQRT_S,
    G_MICRO_M_S2,
    per_unit,
    thruster_layout,
)
from perilune.scenario.never_lands import no_descent
from perilune.scenario.schema import LanderFile, MissionFile
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


class Moments(NamedTuple):
    """When things are planned to happen, mission elapsed time."""

    orbit_burn_s: float  # infinite for a flight that starts after that burn
    orbit_burn_m_s: float
    ignition_s: float
    more_kg: float = 0.0  # mass at the start, beyond the file's


def build_fsw(file: MissionFile, ephemeris: Ephemeris, moments: Moments) -> FlightSoftware:
    """Flight software as loaded before the descent. Every leaf is its own: shared tables are copied."""
    scale = float(file.belief.sensor_sigma_scale or 1.0)
    descent = descent_of(file, scale) if isinstance(file, LanderFile) else no_descent(file)
    ground = _ground(descent, ephemeris, moments)
    software = FlightSoftware(
        navigation=_navigation(file, ephemeris, (ground, descent), moments),
        guidance=descent.guidance,
        attitude=attitude_control(file),
        allocation=allocator(file),
        modes=_modes(file, descent),
        sequencer=Sequencer(
            sequence_table(_sequence(file), [int(row.priority) for row in file.sequence]),
            jnp.asarray(file.flight_software.arrays == "mixed"),
        ),
        monitors=monitors(file),
        vehicle=_vehicle(file, descent, moments),
        inertia=InertiaBelief(
            jnp.asarray(float(file.vehicle.mass_start_kg)),
            jnp.asarray(float(file.vehicle.mass_dry_kg)),
            vec3(file.vehicle.inertia_full_kg_m2),
            vec3(file.vehicle.inertia_empty_kg_m2),
        ),
        ground=ground,
        gate_downrange_m=jnp.asarray(descent.gate_downrange_m),
        up_body=vec3((0.0, 0.0, 1.0)),
        engine_watch=engine_watch(file),
        voting=voting(file),
        orders=_orders(file, moments),
    )
    return jax.tree.map(jnp.array, software)


def _ground(descent: Descent, ephemeris: Ephemeris, moments: Moments) -> GroundBelief:
    return GroundBelief(
        spin=steady_spin(ephemeris, jnp.asarray(moments.ignition_s)),
        site=descent.site,
        reference_radius_m=jnp.asarray(RADIUS_MOON_M + descent.elevation_m),
    )


def _vehicle(file: MissionFile, descent: Descent, moments: Moments) -> VehicleBelief:
    layout = joined(*(thruster_layout(group) for group in file.thrusters))
    thrust_n, exhaust_m_s = descent.braking
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


def _navigation(file: MissionFile, ephemeris: Ephemeris, below: tuple[GroundBelief, Descent], moments: Moments) -> NavigationFilter:
    (ground, descent), units, scale = below, file.sensors, float(file.belief.sensor_sigma_scale or 1.0)
    field = cut(field_of(lunar_field()), int(file.belief.gravity_degree), "belief.gravity_degree")
    earth = ephemeris.r_earth_lci_m(jnp.asarray(moments.ignition_s))
    lumps = BelievedLumps(field, ground.spin, q_lfme_lfpa().inverse(), earth, jnp.asarray(GM_EARTH_M3_S2))
    omega_lci = ground.spin.q_lfme_lci_0.inverse() @ ground.spin.omega_lfme_rad_s
    return NavigationFilter(
        imu=_imu_belief(file, scale),
        star_tracker=belief.StarTrackerBelief(
            boresight_body=vec3(units.star_tracker.boresight).unit(),
            across_sigma_rad=scale * float(units.star_tracker.across_arcsec) * ARCSEC_RAD,
            about_sigma_rad=scale * float(units.star_tracker.about_arcsec) * ARCSEC_RAD,
            mount_sigma_rad=scale * float(units.star_tracker.mount_arcsec) * ARCSEC_RAD,
        ),
        altimeter=descent.altimeter,
        velocimeter=descent.velocimeter,
        ground=belief.GroundBelief(
            radius_m=ground.reference_radius_m,
            **descent.relief._asdict(),
            omega_lfme_lci_rad_s=omega_lci,
        ),
        gravity=belief.GravityBelief(GM_MOON_M3_S2, lumps, GRAVITY_NOISE_M_S2_SQRT_S),
        gates=belief.GatePolicies(
            star_tracker=gate_policy(file.flight_software.gates.star_tracker),
            altimeter=descent.gates[0],
            velocimeter=descent.gates[1],
            velocimeter_range=descent.gates[0],
        ),
        cycle_s=float(file.flight_software.cycle_s),
        gap_max_s=None if file.flight_software.restart is None else float(file.flight_software.restart.longest_s),
        batch_axis=LANDERS,
    )


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


def _used(groups, key: str) -> np.ndarray:
    """Whether each mode uses each group of units; an abort uses those of braking."""
    names = ["braking" if mode is Mode.ABORT else mode.name.lower() for mode in Mode]
    return np.array([[name in getattr(group, key) for group in groups] for name in names])


def _modes(file: MissionFile, descent: Descent) -> ModeLogic:
    counts = [group.count for group in file.engines]
    axial = [group for group in file.thrusters if group.layout == "axial_ring"]
    attitude = [group for group in file.thrusters if group.layout != "axial_ring"]
    return ModeLogic(
        **descent.modes._asdict(),
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
        timer_s=jnp.asarray(timer_s(file, duration_s, to_descent=True)),
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


def timer_s(file: MissionFile, duration_s: float, *, to_descent: bool) -> float:
    """Back-up timer of a burn of an expected length: of the one to the pre-landing orbit the published one, if there is one."""
    burn = file.flight_software.orbit_burn
    if burn is None:
        return duration_s
    return float(burn.descent_timer_s) if to_descent and burn.descent_timer_s is not None else duration_s * float(burn.timer_factor)


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
