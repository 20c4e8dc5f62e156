"""Between updates: the estimate by the inertial unit's increments each cycle, the covariance in one step at each update."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.fsw.navigation.belief import GravityBelief, GroundBelief, ImuBelief
from perilune.fsw.navigation.ground import Shift, Sounding
from perilune.fsw.navigation.state import (
    AXES_OF_ATTITUDE,
    AXES_OF_BIAS_ACCEL,
    AXES_OF_BIAS_GYRO,
    AXES_OF_TERRAIN,
    AXES_OF_VELOCITY,
    IDENTITY,
    STATES,
    TERRAIN,
    Border,
    NavState,
    SinceUpdate,
)
from perilune.math.batching import computed_once
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import Vec3, select, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading

Covariance = Float[Array, "16 16"]
Row = Float[Array, "16"]
Block = Float[Array, "3 3"]

EYE = np.eye(3)
KEPT = np.diag([1.0] * TERRAIN + [0.0])
KEPT_TERRAIN = np.eye(STATES) - KEPT

# Longest believable cycle: five nominal ones. Beyond it the clock has jumped, and the nominal cycle is used.
CYCLE_MAX_S = 0.5
GAP_STEPS = 8


def believable_cycle_s(elapsed_s: Scalar, cycle_s: Scalar) -> Scalar:
    """Time since the last cycle by the onboard clock, or the nominal cycle if the clock has jumped."""
    return jnp.where((elapsed_s > 0.0) & (elapsed_s <= CYCLE_MAX_S), elapsed_s, cycle_s)


def central_accel_m_s2(r_m: Vec3, gm_m3_s2: Scalar) -> Vec3:
    square = r_m.norm_squared()
    return r_m * (-gm_m3_s2 / (square * jnp.sqrt(square)))


def mechanised(nav: NavState, imu: ImuReading, other_accel_lci_m_s2: Vec3, gm_m3_s2: Scalar, dt_s: Scalar, thrusting: Flag) -> NavState:
    """The estimate one cycle on.

    **Model.** Increments less bias; the velocity gain is turned by the attitude at mid-cycle, gravity is the central term at the
    mid-cycle position plus `other_accel_lci_m_s2`; position by the trapezoid. While not thrusting the accelerometers are not
    integrated: their bias alone would come to kilometres in half an orbit. Without a valid reading the last rate and force are held.
    **Error.** Third order in the cycle: for rate w and specific force f, `(w dt)**2 / 24` of the velocity gain when both are steady.
    **Neglects** coning and sculling inside the cycle, which the sums of the unit do not show.
    """
    rate = select(imu.valid, imu.delta_theta_body_rad / dt_s - nav.bias_gyro_rad_s, nav.omega_body_lci_rad_s)
    force = select(imu.valid, imu.delta_v_body_m_s / dt_s - nav.bias_accel_m_s2, nav.specific_force_body_m_s2)
    force = select(thrusting, force, zero_vec3())
    half_turn = from_rotation_vector(rate * (0.5 * dt_s), "body", "body")
    q_mid = nav.q_lci_body @ half_turn
    gravity = central_accel_m_s2(nav.r_lci_m + nav.v_lci_m_s * (0.5 * dt_s), gm_m3_s2) + other_accel_lci_m_s2
    v_lci_m_s = nav.v_lci_m_s + (q_mid @ force + gravity) * dt_s
    return NavState(
        r_lci_m=nav.r_lci_m + (nav.v_lci_m_s + v_lci_m_s) * (0.5 * dt_s),
        v_lci_m_s=v_lci_m_s,
        q_lci_body=(q_mid @ half_turn).normalised(),
        bias_accel_m_s2=nav.bias_accel_m_s2,
        bias_gyro_rad_s=nav.bias_gyro_rad_s,
        sounded_m=nav.sounded_m,
        slope=nav.slope,
        terrain_m=nav.terrain_m,
        omega_body_lci_rad_s=rate,
        specific_force_body_m_s2=force,
    )


def coasted(nav: NavState, other_accel_lci_m_s2: Vec3, gm_m3_s2: Scalar, gap_s: Scalar) -> NavState:
    """The estimate after a time in which nothing was heard and nothing pushed.

    **Model.** Gravity as above, by Störmer-Verlet in eight steps; the body turns on at the last rate.
    **Error.** Second order in the step: 0.01 m after 10 s, 2 m after a minute, low over the Moon.
    **Neglects** the tail of engines that burned until then.
    """
    r_m, v_m_s, step_s = nav.r_lci_m, nav.v_lci_m_s, gap_s / GAP_STEPS
    for _ in range(GAP_STEPS):
        middle_m = r_m + v_m_s * (0.5 * step_s)
        v_m_s = v_m_s + (central_accel_m_s2(middle_m, gm_m3_s2) + other_accel_lci_m_s2) * step_s
        r_m = middle_m + v_m_s * (0.5 * step_s)
    turned = (nav.q_lci_body @ from_rotation_vector(nav.omega_body_lci_rad_s * gap_s, "body", "body")).normalised()
    return eqx.tree_at(lambda n: (n.r_lci_m, n.v_lci_m_s, n.q_lci_body), nav, (r_m, v_m_s, turned))


def extended(since: SinceUpdate, dt_s: Scalar, thrusting: Flag) -> SinceUpdate:
    """The interval with one cycle more."""
    integrated_s = since.integrated_s + jnp.where(thrusting, dt_s, 0.0)
    return SinceUpdate(since.interval_s + dt_s, integrated_s, since.v_start_lci_m_s)


def sensed_delta_v_lci_m_s(nav: NavState, since: SinceUpdate, gravity_lci_m_s2: Vec3) -> Vec3:
    """Velocity that the accelerometers, not gravity, have given since the last update."""
    return nav.v_lci_m_s - since.v_start_lci_m_s - gravity_lci_m_s2 * since.interval_s


def way_of_spot_lci_m(nav: NavState, since: SinceUpdate, ground: GroundBelief, last: Sounding, now: Sounding) -> Vec3:
    """How far the spot of the ground that the ranges tell has moved since the last update, over the turning ground."""
    v_level_m_s = level_velocity_m_s(nav, ground)
    return v_level_m_s * (since.interval_s * ground.radius_m / nav.r_lci_m.norm()) + now.offset_lci_m - last.offset_lci_m


def level_velocity_m_s(nav: NavState, ground: GroundBelief) -> Vec3:
    """Over the turning ground, without its vertical part; lci axes."""
    up = nav.r_lci_m.unit()
    v_ground_m_s = nav.v_lci_m_s - ground.omega_lfme_lci_rad_s.cross(nav.r_lci_m)
    return v_ground_m_s - up * up.dot(v_ground_m_s)


def process_noise(imu: ImuBelief, gravity: GravityBelief, since: SinceUpdate, delta_v_lci_m_s: Vec3) -> Row:
    """Variance that the interval adds to each state, the ground apart."""
    span = since.interval_s
    scale = imu.scale_sigma**2 * imu.scale_span_m_s * delta_v_lci_m_s.norm()
    velocity = imu.velocity_walk_m_s_sqrt_s**2 * since.integrated_s + gravity.noise_m_s2_sqrt_s**2 * span + scale
    return (
        velocity * AXES_OF_VELOCITY
        + imu.angle_walk_rad_sqrt_s**2 * span * AXES_OF_ATTITUDE
        + imu.bias_accel_walk_m_s2_sqrt_s**2 * span * AXES_OF_BIAS_ACCEL
        + imu.bias_gyro_walk_rad_s_sqrt_s**2 * span * AXES_OF_BIAS_GYRO
    )


def gravity_gradient_s2(r_lci_m: Vec3, gm_m3_s2: Scalar) -> Block:
    """Of the central field."""
    square = r_lci_m.norm_squared()
    r = r_lci_m.array()
    return (3.0 / square * r[:, None] * r[None, :] - EYE) * (gm_m3_s2 / (square * jnp.sqrt(square)))


def cross_matrix(vector: Vec3) -> Block:
    """The matrix that takes the cross product of `vector` with what it multiplies."""
    x, y, z = vector.components()
    zero = jnp.zeros_like(x)
    return jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)


def transition(nav: NavState, since: SinceUpdate, delta_v_lci_m_s: Vec3, gm_m3_s2: Scalar, shift: Shift) -> Covariance:
    """The error's step over the interval since the last update.

    **Model.** d(r)/dt = v; d(v)/dt = G r + phi x f - C b_accel; d(phi)/dt = -C b_gyro; biases constant; the ground as in `shifted`. G is the
    central field's gradient, C the body's axes in lci, f the mean specific force.
    **Error.** Third order in the interval; C is taken at its end, so a turn of 1 degree within it misdirects a bias by as much.
    **Neglects** the gradient of the non-central field: about 1 % of G.
    """
    span_s, half_s = since.interval_s, 0.5 * since.interval_s
    G = gravity_gradient_s2(nav.r_lci_m, gm_m3_s2)
    C, lean = nav.q_lci_body.dcm(), -cross_matrix(delta_v_lci_m_s)
    x, y, z = (delta_v_lci_m_s.cross(axis) for axis in nav.q_lci_body.axes())
    bend = half_s * jnp.stack([x.array(), y.array(), z.array()], axis=-1)
    here = EYE + (half_s * span_s) * G
    push = -since.integrated_s * C
    G, here, lean, push, bend, turn = computed_once((G, here, lean, push, bend, -span_s * C))
    none = jnp.zeros((3, 3))
    upper = jnp.concatenate(
        [
            jnp.concatenate([here, span_s * EYE, half_s * lean, half_s * push, none], axis=1),
            jnp.concatenate([span_s * G, here, lean, push, bend], axis=1),
            jnp.concatenate([none, none, jnp.asarray(EYE), none, turn], axis=1),
        ]
    )
    upper = jnp.concatenate([upper, jnp.zeros((9, 1))], axis=1)
    return jnp.concatenate([upper, (KEPT + shift.height_height * KEPT_TERRAIN)[9:]])


def with_slope(P: Covariance, moved: Covariance, F: Covariance, border: Border, shift: Shift) -> tuple[Covariance, Border]:
    """The step's covariance with what the slope does to the height, and the slope's own.

    `P` is the covariance before the step and `moved` that after it without the slope.
    """
    tied, height = border.ties, shift.slope_height * P[TERRAIN] + shift.slope_slope * border.ties
    lift = F @ (shift.height_slope * tied)
    corner = computed_once(shift.height_slope**2 * border.variance + shift.noise_height)
    moved = moved + lift[:, None] * AXES_OF_TERRAIN[None, :] + AXES_OF_TERRAIN[:, None] * lift[None, :] + corner * KEPT_TERRAIN
    along = shift.slope_height * tied[TERRAIN] + shift.slope_slope * border.variance
    ties = F @ height + (shift.height_slope * along + shift.noise_both) * AXES_OF_TERRAIN
    variance = shift.slope_height * height[TERRAIN] + shift.slope_slope * along + shift.noise_slope
    return moved, Border(ties, variance)


def covariance_after(P: Covariance, F: Covariance, noise: Row) -> Covariance:
    """The covariance after the interval; half of the noise acts before the step and half after it, and symmetry is restored.

    Dense products: at this size they cost less than sparse rows, each of which the compiler would compute again where it is used.
    """
    half = IDENTITY * (0.5 * noise)[None, :]
    moved = F @ (P + half) @ F.T
    return 0.5 * (moved + moved.T) + half
