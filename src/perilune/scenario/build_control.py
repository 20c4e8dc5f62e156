"""From a mission file to what flight software believes of its engines and thrusters, and how it steers with them."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from perilune.constants import G0_M_S2
from perilune.dynamics.thruster_layout import joined
from perilune.fsw.control.allocation import Allocator, Relight
from perilune.fsw.control.attitude import AttitudeControl
from perilune.fsw.control.geometry import EngineBelief, ThrusterBelief, allocation_from_geometry
from perilune.scenario.build_watch import disturbance_max_n_m
from perilune.scenario.build_world import per_unit, thruster_layout
from perilune.scenario.schema import MissionFile


def thrust_in(file: MissionFile, mode: str) -> tuple[float, float]:
    """Full thrust of everything that burns in a mode (N), and its exhaust speed (m/s), as believed."""
    burning = [(g.count * float(g.thrust_n) * float(g.throttle_max), float(g.isp_s)) for g in file.engines if mode in g.used_in]
    burning += [(g.count * float(g.thrust_n), float(g.isp_s)) for g in file.thrusters if mode in g.thrust_in]
    thrust_n = sum(n for n, _ in burning)
    flow_kg_s = sum(n / (isp_s * G0_M_S2) for n, isp_s in burning)
    exhaust_m_s = thrust_n / flow_kg_s if flow_kg_s > 0.0 else 0.0
    return thrust_n * float(file.belief.thrust_scale or 1.0), exhaust_m_s * float(file.belief.isp_scale or 1.0)


def least_share_in(file: MissionFile, mode: str) -> float:
    """Of the full thrust in a mode, with engines at their least; those that are shut and lit again, and thrusters, need give none."""
    burning = [g for g in file.engines if mode in g.used_in and not g.relit]
    least_n = sum((g.count * float(g.thrust_n) * float(g.throttle_min) for g in burning), 0.0) * float(file.belief.thrust_scale or 1.0)
    full_n, _ = thrust_in(file, mode)
    return least_n / full_n if full_n > 0.0 else 0.0


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


def attitude_control(file: MissionFile) -> AttitudeControl:
    settings = file.flight_software.attitude
    turn_rad_s = math.radians(settings.turn_max_deg_s)
    return AttitudeControl(
        frequency_rad_s=float(settings.frequency_rad_s),
        damping=float(settings.damping),
        rate_max_rad_s=turn_rad_s,
        decel_max_rad_s2=0.25 * turn_rad_s,
        observer_tau_s=1.0,
        disturbance_max_n_m=disturbance_max_n_m(file),
        request_tau_s=0.5,
        request_rate_max_rad_s=turn_rad_s,
        quiet_error_rad=math.radians(settings.dead_band_deg),
        quiet_lead_s=3.0,
    )


def allocator(file: MissionFile) -> Allocator:
    layout = joined(*(thruster_layout(group) for group in file.thrusters))
    vehicle = file.vehicle
    com_m = np.array([0.0, 0.0, 0.5 * (float(vehicle.com_full_m) + float(vehicle.com_empty_m))])
    engines = EngineBelief(*(per_unit(file.engines, key) for key in ("thrust_n", "throttle_min", "throttle_max")))
    axial = np.concatenate([np.full(group.count, group.layout == "axial_ring") for group in file.thrusters])
    small = ThrusterBelief(
        layout.position_body_m, layout.push_body, per_unit(file.thrusters, "thrust_n"), per_unit(file.thrusters, "shortest_pulse_s"), axial
    )
    shared_out = allocation_from_geometry(engines, small, com_m, float(file.flight_software.cycle_s))
    return eqx.tree_at(lambda a: a.relight, shared_out, _relight(file), is_leaf=lambda leaf: leaf is None)


def _relight(file: MissionFile) -> Relight | None:
    relit = [group for group in file.engines if group.relit]
    if not relit:
        return None
    thrusters_n = sum((group.count * float(group.thrust_n) for group in file.thrusters if "vertical_descent" in group.thrust_in), 0.0)
    least_n = sum(group.count * float(group.thrust_n) * float(group.throttle_min) for group in relit)
    engines = np.repeat([group.relit for group in file.engines], [group.count for group in file.engines])
    return Relight(jnp.asarray(engines), jnp.asarray(least_n), jnp.asarray(thrusters_n))
