"""From a mission file to what flight software needs for a descent: guidance, the units that see the ground, the ground itself."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.guidance.abort import AbortGuidance
from perilune.fsw.guidance.apollo import ApolloGuidance, ApolloIgnition, ApolloTarget, ApolloThrottle
from perilune.fsw.guidance.approach import ANYWHERE_M, ApproachGuidance
from perilune.fsw.guidance.braking import BrakingGuidance
from perilune.fsw.guidance.gravity_turn import GravityTurn
from perilune.fsw.guidance.guidance import Guidance
from perilune.fsw.guidance.held import AttitudeHold, FreeFall
from perilune.fsw.guidance.vertical import Hover, VerticalGuidance
from perilune.fsw.navigation import belief
from perilune.fsw.navigation.gate import GatePolicy
from perilune.math.vector import vec3, zero_vec3
from perilune.moon.frames import SiteFrame
from perilune.scenario.build_control import braking_thrust, least_share_in, thrust_in
from perilune.scenario.build_world import canted, site_of, velocimeter_beams
from perilune.scenario.schema import LanderFile
from perilune.scenario.schema_flight import Abort, Apollo, Approach, Gate
from perilune.scenario.schema_table import Table

COS_INCIDENCE_MIN = 0.4


NO_VELOCIMETER = belief.VelocimeterBelief((), zero_vec3(), 0.0, 0.0, 0.0, 0.0, COS_INCIDENCE_MIN)


class Relief(NamedTuple):
    """What is believed of the ground along the way, as the filter takes it."""

    terrain_sigma_m: float
    slope_sigma: float
    slope_correlation_m: float
    small_relief_m: float
    small_slope: float


class Modes(NamedTuple):
    """What moves flight software through the modes of a descent."""

    gate_horizontal_speed_m_s: float
    upright_rad: float
    approach_wanted: bool
    vertical_height_m: float
    secure_s: float
    hold_s: float | None = None
    fall_height_m: float | None = None
    aborts: bool = False


class Descent(NamedTuple):
    """All that flight software has for a descent; a spacecraft that never lands has a stand-in (`never_lands`)."""

    site: SiteFrame
    elevation_m: float  # of the site, as believed
    guidance: Guidance
    braking: tuple[float, float]  # thrust [N] and exhaust speed [m/s]
    altimeter: belief.AltimeterBelief
    velocimeter: belief.VelocimeterBelief
    gates: tuple[GatePolicy, GatePolicy]  # of altimeter and velocimeter
    relief: Relief
    modes: Modes
    gate_downrange_m: float


def descent_of(file: LanderFile, scale: float) -> Descent:
    """Of a lander; `scale` is that of the sigmas of its sensors."""
    software, believed = file.flight_software, file.belief
    elevation_m = file.site.elevation_m if believed.site_elevation_m is None else believed.site_elevation_m
    relief = Relief(
        float(believed.terrain_sigma_m),
        float(believed.terrain_slope),
        1e3 * float(believed.slope_correlation_km),
        float(believed.small_relief_m),
        float(believed.small_slope),
    )
    modes = Modes(
        # Apollo's braking ends on its time to go alone.
        float(software.braking.horizontal_m_s) if software.apollo is None else -math.inf,
        math.radians(software.pitch_up.upright_deg),
        bool(software.approach.wanted),
        float(software.approach.end_altitude_m),
        float(software.monitors.secure_s),
        None if software.attitude_hold is None else float(software.attitude_hold.duration_s),
        None if software.free_fall is None else float(software.free_fall.altitude_m),
        software.abort is not None,
    )
    return Descent(
        site=site_of(file),
        elevation_m=float(elevation_m),
        guidance=_guidance(file),
        braking=braking_thrust(file),
        altimeter=_altimeter(file, scale),
        velocimeter=_velocimeter(file, scale),
        gates=(gate_policy(software.gates.altimeter), gate_policy(software.gates.velocimeter)),
        relief=relief,
        modes=modes,
        gate_downrange_m=float(software.braking.gate_downrange_m),
    )


def braking_guidance(file: LanderFile) -> BrakingGuidance:
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


def _guidance(file: LanderFile) -> Guidance:
    software = file.flight_software
    approach, vertical, hold, fall = software.approach, software.vertical_descent, software.attitude_hold, software.free_fall
    return Guidance(
        braking=braking_guidance(file),
        approach=_approach(approach, float(vertical.deceleration_m_s2)),
        vertical=VerticalGuidance(
            touchdown_speed_m_s=float(vertical.touchdown_m_s),
            low_height_m=float(vertical.low_altitude_m),
            deceleration_m_s2=float(vertical.deceleration_m_s2),
            descent_speed_max_m_s=float(vertical.descent_max_m_s),
            vertical_gain_1_s=float(vertical.vertical_gain_hz),
            horizontal_gain_1_s=float(vertical.horizontal_gain_hz),
            tilt_max_rad=math.radians(vertical.tilt_max_deg),
            tilt_low_rad=math.radians(vertical.tilt_low_deg),
            hovers=tuple(Hover(float(h.altitude_m), float(h.duration_s), float(h.descent_max_m_s)) for h in software.hovers),
        ),
        approach_wanted=bool(approach.wanted),
        braking_exhaust_m_s=braking_thrust(file)[1],
        approach_thrust_n=thrust_in(file, "approach")[0],
        approach_least_share=least_share_in(file, "approach"),
        vertical_thrust_n=thrust_in(file, "vertical_descent")[0],
        terrain_correlation_m=1e3 * float(file.belief.terrain_correlation_km),
        hold=None if hold is None else AttitudeHold(math.radians(hold.tilt_deg), float(hold.thrust_share)),
        fall=None if fall is None else FreeFall(math.radians(fall.tilt_deg)),
        apollo=None if software.apollo is None else _apollo(file, software.apollo),
        abort=None if software.abort is None else _abort(software.abort),
    )


def _approach(approach: Approach, deceleration_m_s2: float) -> ApproachGuidance | GravityTurn:
    gravity_m_s2 = GM_MOON_M3_S2 / RADIUS_MOON_M**2
    end_height_m, end_m_s = float(approach.end_altitude_m), -float(approach.end_vertical_m_s)
    tilt_max_rad = math.radians(approach.tilt_max_deg)
    if approach.law == "gravity_turn":
        return GravityTurn(end_height_m, end_m_s, deceleration_m_s2, gravity_m_s2, tilt_max_rad)
    return ApproachGuidance(
        gain=float(approach.gain),
        end_height_m=end_height_m,
        end_vertical_speed_m_s=end_m_s,
        end_accel_up_m_s2=gravity_m_s2 + deceleration_m_s2,
        time_to_go_min_s=3.0,
        tilt_max_rad=tilt_max_rad,
        dive_m_s2=float(approach.dive_m_s2 or 0.0),
        give_way_m=ANYWHERE_M if approach.give_way_m is None else float(approach.give_way_m),
    )


def _abort(abort: Abort) -> AbortGuidance:
    return AbortGuidance(RADIUS_MOON_M + 1e3 * float(abort.altitude_km), float(abort.margin_m_s))


def _apollo(file: LanderFile, laws: Apollo) -> ApolloGuidance:
    """The single engine, and the targets."""
    rated_n = float(file.engines[0].thrust_n) * float(file.belief.thrust_scale or 1.0)
    shares = (laws.trim_share, file.engines[0].throttle_max, laws.throttled_max_share, laws.recover_share, laws.fix_share)
    return ApolloGuidance(
        ignition=ApolloIgnition(**_numbers(laws.ignition)),
        braking=ApolloTarget(**_numbers(laws.braking)),
        approach=ApolloTarget(**_numbers(laws.approach)),
        throttle=ApolloThrottle(float(laws.trim_s), *(rated_n * float(share) for share in shares)),
    )


def _numbers(table: Table) -> dict[str, float]:
    """The numbers of a table whose keys are those of the module that it becomes."""
    return {key: float(value) for key, value in table if isinstance(value, float)}


def _altimeter(file: LanderFile, scale: float) -> belief.AltimeterBelief:
    unit = file.sensors.altimeter
    floor_m = scale * float(unit.noise_floor_m)
    return belief.AltimeterBelief(
        beam_body=vec3(canted(float(unit.cant_deg))),
        antenna_from_imu_body_m=vec3(np.asarray(unit.position_m) - np.asarray(file.sensors.imu.position_m)),
        noise_floor_m=floor_m if file.belief.altimeter_noise_m is None else float(file.belief.altimeter_noise_m),
        noise_slope=scale * 0.01 * math.hypot(unit.noise_percent, unit.scale_percent),
        cos_incidence_min=COS_INCIDENCE_MIN,
        mount_sigma_rad=scale * 1e-3 * float(unit.mount_mrad),
        bias_sigma_m=scale * float(unit.bias_m),
        cos_answered_min=math.cos(math.radians(unit.incidence_max_deg)),
    )


def _velocimeter(file: LanderFile, scale: float) -> belief.VelocimeterBelief:
    unit = file.sensors.velocimeter
    if unit is None:
        return NO_VELOCIMETER
    return belief.VelocimeterBelief(
        beams_body=velocimeter_beams(unit),
        antenna_from_imu_body_m=vec3(np.asarray(unit.position_m) - np.asarray(file.sensors.imu.position_m)),
        speed_floor_m_s=scale * float(unit.speed_floor_m_s),
        speed_slope=scale * 0.01 * float(unit.speed_percent),
        range_floor_m=scale * float(unit.range_floor_m or 0.0),
        range_slope=scale * 0.01 * math.hypot(unit.range_percent or 0.0, unit.scale_percent),
        cos_incidence_min=COS_INCIDENCE_MIN,
        scale_sigma=scale * 0.01 * float(unit.scale_percent),
        mount_sigma_rad=scale * 1e-3 * float(unit.mount_mrad),
    )


def gate_policy(gate: Gate) -> GatePolicy:
    never = math.inf
    return GatePolicy(
        threshold_sigmas=float(gate.sigmas),
        innovation_limit=float(gate.limit_m) if gate.limit_m is not None else never,
        readmit_after=float(gate.count) if gate.policy == "readmit" else never,
        give_up_after=float(gate.count) if gate.policy == "reject_for_good" else never,
    )
