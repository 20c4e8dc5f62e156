"""From a mission file to what flight software watches itself with."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from perilune.fsw.engine_watch import EngineWatch
from perilune.fsw.fdir import Monitor, Monitors
from perilune.fsw.star_check import StarCheck
from perilune.fsw.voting import Voting
from perilune.scenario.build_world import engine_places, imu_of, per_unit
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_flight import LandingMonitors

# Torque that the observer of disturbances follows: enough for landers of one or two tonnes, six sigma of an engine of 3 kN that pushes askew.
DISTURBANCE_MAX_N_M = 100.0
# Engines so near to each other's circle, or to the place across, stand there.
NEAR_M = 0.05
# Of monitors, where the file says nothing.
BURN_TIME_FACTOR = 1.15
GROUND_MARGIN_M = 50.0
# Chance that a run of equal readings of a sound accelerometer is so long that it counts as frozen: 1e-3 in 1,000 flights of 1e4 runs each.
FROZEN_CHANCE = 1e-10
# By so many sigmas the gauge may read long.
GAUGE_SIGMAS = 2.0


def disturbance_max_n_m(file: MissionFile) -> float:
    return float(file.flight_software.attitude.disturbance_max_n_m or DISTURBANCE_MAX_N_M)


def engine_watch(file: MissionFile) -> EngineWatch | None:
    settings = file.flight_software.engine_out
    if settings is None:
        return None
    abort = getattr(file.flight_software, "abort", None)
    place_m = np.concatenate([engine_places(group) for group in file.engines])
    return EngineWatch(
        thrust_n=jnp.asarray(per_unit(file.engines, "thrust_n") * float(file.belief.thrust_scale or 1.0)),
        x_m=jnp.asarray(place_m[:, 0]),
        y_m=jnp.asarray(place_m[:, 1]),
        opposite=jnp.asarray(_opposite(file, place_m[:, :2])),
        torque_max_n_m=disturbance_max_n_m(file),
        confirm_s=float(settings.confirm_s),
        acts=jnp.asarray(bool(settings.act)),
        calls_abort=jnp.asarray(abort is not None and "engine_lost" in abort.monitors),
    )


def _opposite(file: MissionFile, place_m: Float[np.ndarray, "engines 2"]) -> Float[np.ndarray, "engines engines"]:
    """In a ring of four or more, of one group or of several that burn alike, each engine has one across from it."""
    of_modes = [frozenset(group.used_in) for group in file.engines for _ in range(group.count)]
    alike = np.array([[one == other for other in of_modes] for one in of_modes])
    off_axis_m = np.linalg.norm(place_m, axis=1)
    same_ring = alike & (np.abs(off_axis_m[:, None] - off_axis_m[None, :]) < NEAR_M) & (off_axis_m[:, None] > NEAR_M)
    across = same_ring & (np.linalg.norm(place_m[:, None, :] + place_m[None, :, :], axis=2) < NEAR_M)
    return np.where(across & (np.sum(same_ring, axis=1) >= 4)[:, None], 1.0, 0.0)


def voting(file: MissionFile) -> Voting | None:
    settings, software = file.flight_software.voting, file.flight_software
    if settings is None:
        return None
    imu, scale = imu_of(file.sensors), float(file.belief.sensor_sigma_scale or 1.0)

    def sizes(of: str) -> Float[np.ndarray, " triads"]:
        return scale * np.array([float(getattr(triad, of)) for triad in (imu.accelerometers, imu.gyros)])

    return Voting(
        bias_per_s=jnp.asarray(sizes("bias_sigma_per_s")),
        walk_per_sqrt_s=jnp.asarray(sizes("random_walk_per_sqrt_s")),
        quantum=jnp.asarray(sizes("quantum")),
        scale=jnp.asarray(sizes("scale_sigma")),
        tilt_rad=jnp.asarray(sizes("tilt_sigma_rad")),
        sigmas=float(settings.disagree_sigmas),
        confirm_s=float(settings.confirm_s),
        push_margin=1.0 - float(software.monitors.accel_share_min),
        cycle_s=float(software.cycle_s),
        star_check=StarCheck(float(settings.disagree_sigmas)),
        units=int(file.sensors.imu.units),
    )


def monitors(file: MissionFile) -> Monitors:
    settings = file.flight_software.monitors
    confirm = np.full(len(Monitor), float(settings.other_cycles))
    pads_needed, margin_m, abort = 1, None, None
    gauge_share, gauge_sigma_kg = _gauge(file)
    if isinstance(settings, LandingMonitors):
        confirm[Monitor.TOUCHDOWN] = float(settings.touchdown_cycles)
        abort = getattr(file.flight_software, "abort", None)
        pads_needed, margin_m = settings.pads_needed, settings.ground_margin_m
    return Monitors(
        confirm_cycles=jnp.asarray(confirm),
        acts=jnp.asarray([monitor.name.lower() in ("touchdown", *settings.act) for monitor in Monitor]),
        pads_needed=float(pads_needed),
        burn_time_factor=float(settings.burn_time_factor or BURN_TIME_FACTOR),
        ground_margin_m=float(margin_m or GROUND_MARGIN_M),
        attitude_error_max_rad=math.radians(settings.attitude_error_deg),
        turn_max_rad_s=math.radians(file.flight_software.attitude.turn_max_deg_s),
        cycle_s=float(file.flight_software.cycle_s),
        propellant_min_kg=float(settings.propellant_min_kg),
        aborting=None if abort is None else jnp.asarray([monitor.name.lower() in abort.monitors for monitor in Monitor]),
        gauge_share=gauge_share,
        gauge_margin_kg=GAUGE_SIGMAS * gauge_sigma_kg,
        accel_share_min=float(settings.accel_share_min),
        repeats_max=repeats_max(file),
    )


def repeats_max(file: MissionFile) -> float:
    """Cycles for which a sound accelerometer may read the same.

    **Model.** What is left over each count walks by the noise of a cycle, and the reading stays the same while that walk stays within the
    width of a count: at the slowest, without drift, `exp(-pi^2 s^2 / (2 w^2))` of the runs last another cycle, s the noise and w the width,
    made wider at either end by the 0.583 s by which a walk in steps overshoots.
    **Reference.** Siegmund, "Corrected Diffusion Approximations in Certain Random Walk Problems", Adv. Appl. Prob. 11 (1979), has the 0.583.
    """
    triad = imu_of(file.sensors).accelerometers
    noise = float(triad.random_walk_per_sqrt_s) * math.sqrt(float(file.flight_software.cycle_s)) / float(triad.quantum)
    noise *= float(file.belief.sensor_sigma_scale or 1.0)
    if noise == 0.0:
        return math.inf
    width = 1.0 + 2.0 * 0.583 * noise
    return -math.log(FROZEN_CHANCE) * 2.0 * (width / (math.pi * noise)) ** 2


def _gauge(file: MissionFile) -> tuple[float, float]:
    """A gauge and a load, each with its sigma: of the difference at the first reading the share that is the gauge's, and the sigma left [kg].

    **Reference.** Gelb (ed.), Applied Optimal Estimation (1974): two measurements of one number, weighed by their variances.
    """
    gauge_kg = 0.01 * float(file.sensors.gauge.bias_percent) * float(file.vehicle.tank_full_kg)
    load_kg = 0.01 * float(file.dispersions.propellant_percent) * float(file.vehicle.propellant_kg)
    both_kg = math.hypot(gauge_kg, load_kg)
    if both_kg == 0.0:
        return 0.0, 0.0
    return (gauge_kg / both_kg) ** 2, gauge_kg * load_kg / both_kg
