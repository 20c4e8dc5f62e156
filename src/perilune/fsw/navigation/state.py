"""What the filter carries: its estimate, the covariance of its error, and what happened since the last update.

The error is truth minus estimate; for attitude it is the rotation vector phi in lci axes with `R_true = exp([phi x]) R_est`.
Order: position lci (m), velocity lci (m/s), attitude lci (rad), accelerometer bias body (m/s2), gyro bias body (rad/s),
height of the ground that the ranges tell over the reference sphere (m). A seventeenth state, the slope of that ground along the way
(tangent), is measured by nothing but the height; its covariance stands beside the matrix as a border, because products of sixteen by
sixteen cost half of those of seventeen.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.fsw.navigation.gate import GateMemory, open_memory
from perilune.fsw.navigation.ground import Sounding
from perilune.math.rotation import Rotation, from_rotation_vector
from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.wire.telemetry import GateReport

POSITION = (0, 1, 2)
VELOCITY = (3, 4, 5)
ATTITUDE = (6, 7, 8)
BIAS_ACCEL = (9, 10, 11)
BIAS_GYRO = (12, 13, 14)
TERRAIN = 15
STATES = 16

# A constant array, not `jnp.eye`: it folds into the loops that use it.
IDENTITY = np.eye(STATES)
AXES_OF_ORBIT = IDENTITY[0:6].sum(axis=0)
AXES_OF_VELOCITY = IDENTITY[3:6].sum(axis=0)
AXES_OF_ATTITUDE = IDENTITY[6:9].sum(axis=0)
AXES_OF_BIAS_ACCEL = IDENTITY[9:12].sum(axis=0)
AXES_OF_BIAS_GYRO = IDENTITY[12:15].sum(axis=0)
AXES_OF_BIASES = AXES_OF_BIAS_ACCEL + AXES_OF_BIAS_GYRO
AXES_OF_TERRAIN = IDENTITY[TERRAIN]


class NavState(eqx.Module):
    """The estimate. Position and velocity are those of the inertial measurement unit."""

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    q_lci_body: Rotation
    bias_accel_m_s2: Vec3  # body axes
    bias_gyro_rad_s: Vec3  # body axes
    sounded_m: Scalar  # height of the ground where the ranges meet it
    slope: Scalar  # of the ground there, rising along the way
    terrain_m: Scalar  # height of the ground below, as follows from the two
    omega_body_lci_rad_s: Vec3  # body axes, mean of the last cycle, bias taken off
    specific_force_body_m_s2: Vec3  # mean of the last cycle, bias taken off; zero while coasting


class SinceUpdate(eqx.Module):
    """What the next covariance step needs of the cycles since the last update."""

    interval_s: Scalar
    integrated_s: Scalar  # the part of it in which the accelerometers were integrated
    v_start_lci_m_s: Vec3


class Border(eqx.Module):
    """What the covariance has of the slope: with each of the other states, and of itself."""

    ties: Float[Array, "16"]
    variance: Scalar


class Turn(eqx.Module):
    """Through which errors of the gyros' scale and alignment act: a sum that fades; body axes."""

    late_body_rad: Vec3
    at_stars_body_rad: Vec3  # what it was when the stars were last heard, faded alike


class Channels(eqx.Module):
    """One gate's memory and last report for each kind of reading."""

    star_tracker: GateMemory
    altimeter: GateMemory
    velocimeter: GateMemory
    velocimeter_range: GateMemory


class Reports(eqx.Module):
    """Last verdict on each kind of reading; a channel of several scalars is told by its root mean square."""

    star_tracker: GateReport
    altimeter: GateReport
    velocimeter: GateReport
    velocimeter_range: GateReport


class FilterState(eqx.Module):
    nav: NavState
    P: Float[Array, "16 16"]
    border: Border
    clock_s: Scalar
    since: SinceUpdate
    turn: Turn
    sounding: Sounding
    perturbation_lci_m_s2: Vec3  # non-central gravity, held between evaluations
    memories: Channels
    reports: Reports


def nothing_since(nav: NavState) -> SinceUpdate:
    return SinceUpdate(interval_s=jnp.zeros(()), integrated_s=jnp.zeros(()), v_start_lci_m_s=nav.v_lci_m_s)


def quiet_report() -> GateReport:
    return GateReport(innovation=jnp.zeros(()), sigma=jnp.zeros(()), used=jnp.asarray(False), fresh=jnp.asarray(False))


def quiet_reports() -> Reports:
    return Reports(quiet_report(), quiet_report(), quiet_report(), quiet_report())


def open_channels() -> Channels:
    return Channels(open_memory(), open_memory(), open_memory(), open_memory())


def whole(P: Float[Array, "16 16"], border: Border) -> Float[Array, "17 17"]:
    """The covariance of all states, the slope last."""
    side = border.ties[:, None]
    return jnp.block([[P, side], [side.T, jnp.reshape(border.variance, (1, 1))]])


def part(error: Float[Array, "16"], indices: tuple[int, int, int]) -> Vec3:
    return Vec3(*(error[i] for i in indices))


def injected(nav: NavState, error: Float[Array, "16"], slope_error: Scalar) -> NavState:
    """The estimate with the estimated error put in.

    **Neglects** the turn of the attitude covariance by half the correction (the reset's Jacobian): 5e-5 of it for 20 arcsec.
    """
    turn = from_rotation_vector(part(error, ATTITUDE), "lci", "lci")
    return NavState(
        r_lci_m=nav.r_lci_m + part(error, POSITION),
        v_lci_m_s=nav.v_lci_m_s + part(error, VELOCITY),
        q_lci_body=(turn @ nav.q_lci_body).normalised(),
        bias_accel_m_s2=nav.bias_accel_m_s2 + part(error, BIAS_ACCEL),
        bias_gyro_rad_s=nav.bias_gyro_rad_s + part(error, BIAS_GYRO),
        sounded_m=nav.sounded_m + error[TERRAIN],
        slope=nav.slope + slope_error,
        terrain_m=nav.terrain_m + error[TERRAIN],
        omega_body_lci_rad_s=nav.omega_body_lci_rad_s - part(error, BIAS_GYRO),
        specific_force_body_m_s2=nav.specific_force_body_m_s2,
    )
