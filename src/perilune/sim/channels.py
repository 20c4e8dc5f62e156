"""The channels of a recorded flight, one tick of one lander at a time; units and names stand in `recording.CHANNELS`."""

from typing import Any

import jax.numpy as jnp

from perilune.constants import RADIUS_MOON_M
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.frames import selenographic
from perilune.sim.mission import Frame, Mission
from perilune.wire.telemetry import GateReport, Telemetry, VoteReport


def all_channels(mission: Mission, frame: Frame) -> dict[str, Any]:
    """Everything that the report and the recording show."""
    return {**_truth(mission, frame), **_downlink(frame.downlink)}


def _truth(mission: Mission, frame: Frame) -> dict[str, Any]:
    truth, seen = frame.truth, frame.truth.seen
    body, site = truth.body, mission.world.site
    mass_kg, com_body_m, _ = mission.world.mass.at(truth.propellant_kg)
    arm_m = mission.world.r_imu_body_m - com_body_m
    up = seen.r_lfme_m.unit()
    v_m_s = seen.v_lfme_in_lfme_m_s
    down_m_s = -v_m_s.dot(up)
    place = selenographic(seen.r_lfme_m)
    axis = seen.q_lfme_body @ Vec3(0.0, 0.0, 1.0)
    imu = truth.sensors.imu
    felt_m_s = truth.increments.delta_v_body_m_s.z
    return {
        "truth/altitude_m": truth.altitude_m,
        "truth/ground_elevation_m": seen.r_lfme_m.norm() - RADIUS_MOON_M - truth.altitude_m,
        "truth/latitude_deg": jnp.degrees(place.latitude_rad),
        "truth/longitude_deg": jnp.degrees(place.longitude_rad),
        "truth/vertical_speed_m_s": down_m_s,
        "truth/horizontal_speed_m_s": (v_m_s + up * down_m_s).norm(),
        "truth/tilt_deg": jnp.degrees(jnp.arccos(jnp.clip(axis.dot(up), -1.0, 1.0))),
        "truth/mass_kg": mass_kg,
        "truth/propellant_kg": truth.propellant_kg,
        "truth/r_lci_m": _xyz(body.r_lci_m),
        "truth/v_lci_m_s": _xyz(body.v_lci_m_s),
        "truth/r_imu_lci_m": _xyz(body.r_lci_m + body.q_lci_body @ arm_m),
        "truth/v_imu_lci_m_s": _xyz(body.v_lci_m_s + body.q_lci_body @ body.omega_body_lci_rad_s.cross(arm_m)),
        "truth/r_lfme_m": _xyz(seen.r_lfme_m),
        "truth/r_site_m": _xyz(site.r_site_m(seen.r_lfme_m)),
        "truth/v_site_m_s": _xyz(site.v_site_m_s(v_m_s)),
        "truth/q_lci_body": _wxyz(body.q_lci_body),
        "truth/omega_body_lci_rad_s": _xyz(body.omega_body_lci_rad_s),
        "truth/throttle": truth.propulsion.throttle,
        "truth/thruster_on_s": frame.downlink.commands.thruster_on_s,
        "truth/thrust_n": felt_m_s / truth.increments.dt_s * mass_kg,
        "truth/pads_touching": truth.touch.pads,
        "truth/bias_accel_m_s2": _xyz(imu.accelerometers.bias_per_s),
        "truth/bias_gyro_rad_s": _xyz(imu.gyros.bias_per_s),
    }


def _downlink(telemetry: Telemetry) -> dict[str, Any]:
    nav = telemetry.nav
    return {
        "downlink/clock_s": telemetry.clock_s,
        "downlink/mode": telemetry.mode,
        "downlink/altitude_m": telemetry.altitude_m,
        "downlink/vertical_speed_m_s": telemetry.vertical_speed_m_s,
        "downlink/horizontal_speed_m_s": telemetry.horizontal_speed_m_s,
        "downlink/mass_kg": telemetry.mass_kg,
        "downlink/time_to_go_s": telemetry.time_to_go_s,
        "downlink/accel_cmd_m_s2": telemetry.accel_cmd_m_s2,
        "downlink/thrust_direction_cmd_lci": _xyz(telemetry.thrust_direction_cmd_lci),
        "downlink/throttle_cmd": telemetry.commands.throttle,
        "downlink/nav_r_lci_m": _xyz(nav.r_lci_m),
        "downlink/nav_v_lci_m_s": _xyz(nav.v_lci_m_s),
        "downlink/nav_q_lci_body": _wxyz(nav.q_lci_body),
        "downlink/nav_bias_accel_m_s2": _xyz(nav.bias_accel_m_s2),
        "downlink/nav_bias_gyro_rad_s": _xyz(nav.bias_gyro_rad_s),
        "downlink/nav_terrain_m": nav.terrain_m,
        "downlink/nav_sigma": nav.sigma,
        "downlink/monitors": telemetry.monitors,
        **_vote(telemetry.vote),
        **_gate("altimeter", nav.altimeter),
        **_gate("velocimeter", nav.velocimeter),
        **_gate("star_tracker", nav.star_tracker),
    }


def _vote(report: VoteReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    return {
        "downlink/accelerometers_set_aside": report.set_aside[:, 0],
        "downlink/gyros_set_aside": report.set_aside[:, 1],
        "downlink/units_undecided": report.undecided,
    }


def _gate(name: str, report: GateReport) -> dict[str, Any]:
    return {
        f"downlink/{name}_innovation": report.innovation,
        f"downlink/{name}_innovation_sigma": report.sigma,
        f"downlink/{name}_used": report.used,
        f"downlink/{name}_fresh": report.fresh,
    }


def _xyz(vector: Vec3):
    return vector.array()


def _wxyz(rotation: Rotation):
    return jnp.stack([rotation.w, *rotation.v.components()])
