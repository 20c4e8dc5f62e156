"""The start of a powered phase: an orbit carried from the last state known, an attitude from the stars."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.fsw.navigation.belief import GravityBelief, GroundBelief, ImuBelief, StarTrackerBelief
from perilune.fsw.navigation.propagation import central_accel_m_s2
from perilune.fsw.navigation.state import (
    AXES_OF_ATTITUDE,
    AXES_OF_BIASES,
    AXES_OF_ORBIT,
    STATES,
    TERRAIN,
    Border,
    FilterState,
    NavState,
)
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, select, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import StarTrackerReading
from perilune.wire.uplink import StateVector

# Classical Runge-Kutta, written as four equal stages so that gravity is compiled once. 120 steps of a whole orbit of two hours keep
# the error of the sum under 10 m and that of an hour under 1 m, against the 100 m of an orbit determination.
STEPS = 120
STAGE_AT = np.tile([0.0, 0.5, 0.5, 1.0], STEPS)
STAGE_WEIGHT = np.tile([1.0, 2.0, 2.0, 1.0], STEPS) / 6.0
STAGE_LAST = np.tile([False, False, False, True], STEPS)

Covariance6 = Float[Array, "6 6"]


class Orbit(eqx.Module):
    """A state and how it depends on where it began: rows of position, rows of velocity."""

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    transition_r: Float[Array, "3 6"]
    transition_v: Float[Array, "3 6"]


class Carried(eqx.Module):
    """An orbit now: state, transition from its start, the covariance at its start, and the noise since."""

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    transition: Covariance6
    P_start: Covariance6
    noise: Covariance6
    uplinked: Flag


def nav_at(r_lci_m: Vec3, v_lci_m_s: Vec3, q_lci_body: Rotation) -> NavState:
    zero, level = zero_vec3(), jnp.zeros(())
    return NavState(r_lci_m, v_lci_m_s, q_lci_body, zero, zero, level, level, level, zero, zero)


def initial_covariance(P_rv_lci: Covariance6, attitude_sigma_rad: Scalar, imu: ImuBelief, ground: GroundBelief) -> Float[Array, "16 16"]:
    """Blocks without correlation between them."""
    sigmas = (attitude_sigma_rad,) * 3 + (imu.bias_accel_sigma_m_s2,) * 3 + (imu.bias_gyro_sigma_rad_s,) * 3
    sigmas = (*sigmas, ground.terrain_sigma_m)
    rest = jnp.stack([jnp.asarray(sigma, dtype=float) ** 2 for sigma in sigmas])
    return jnp.zeros((STATES, STATES)).at[:6, :6].set(P_rv_lci).at[6:, 6:].set(jnp.diag(rest))


def unknown_slope(ground: GroundBelief) -> Border:
    return Border(jnp.zeros(STATES), jnp.asarray(ground.slope_sigma, dtype=float) ** 2)


def _rates(orbit: Orbit, gravity: GravityBelief, clock_s: Scalar) -> Orbit:
    """**Neglects** the gradient of the non-central field in the transition."""
    accel = central_accel_m_s2(orbit.r_lci_m, gravity.gm_m3_s2) + gravity.perturbation(orbit.r_lci_m, clock_s)
    square = orbit.r_lci_m.norm_squared()
    r = orbit.r_lci_m.array()
    gradient = (3.0 * r[:, None] * r[None, :] / square - jnp.eye(3)) * (gravity.gm_m3_s2 / (square * jnp.sqrt(square)))
    return Orbit(orbit.v_lci_m_s, accel, orbit.transition_v, gradient @ orbit.transition_r)


def carried(orbit: Orbit, gravity: GravityBelief, clock_s: Scalar, span_s: Scalar) -> Orbit:
    """The orbit `span_s` later (earlier if negative), by gravity alone.

    **Error.** Fourth order in a `STEPS`-th of the span.
    """
    step_s = span_s / STEPS

    def stage(carry: tuple[Orbit, Orbit, Orbit, Scalar], coefficients):
        start, slope, total, start_s = carry
        at, weight, last = coefficients
        here = jax.tree.map(lambda value, rate: value + at * step_s * rate, start, slope)
        slope = _rates(here, gravity, start_s + at * step_s)
        total = jax.tree.map(lambda value, rate: value + weight * step_s * rate, total, slope)
        start = jax.tree.map(lambda new, old: jnp.where(last, new, old), total, start)
        return (start, slope, total, start_s + jnp.where(last, step_s, 0.0)), None

    still = jax.tree.map(jnp.zeros_like, orbit)
    first = (orbit, still, orbit, jnp.asarray(clock_s, dtype=float))
    coefficients = (jnp.asarray(STAGE_AT), jnp.asarray(STAGE_WEIGHT), jnp.asarray(STAGE_LAST))
    return jax.lax.scan(stage, first, coefficients)[0][0]


def rac_to_lci(P_rac: Covariance6, r_lci_m: Vec3, v_lci_m_s: Vec3) -> Covariance6:
    """From radial, along, cross axes of the orbit to lci."""
    radial = r_lci_m.unit()
    cross = r_lci_m.cross(v_lci_m_s).unit()
    turn = jnp.stack([radial.array(), cross.cross(radial).array(), cross.array()], axis=-1)
    both = jnp.zeros((6, 6)).at[:3, :3].set(turn).at[3:, 3:].set(turn)
    return both @ P_rac @ both.T


def _drift_noise(sigma_m_s2_sqrt_s: Scalar, span_s: Scalar) -> Covariance6:
    """White acceleration over a span, as along a straight line."""
    span_s, one = jnp.abs(span_s), np.eye(3)
    blocks = np.kron([[1.0, 0.0], [0.0, 0.0]], one), np.kron([[0.0, 1.0], [1.0, 0.0]], one), np.kron([[0.0, 0.0], [0.0, 1.0]], one)
    return jnp.asarray(sigma_m_s2_sqrt_s**2) * (blocks[0] * span_s**3 / 3.0 + blocks[1] * span_s**2 / 2.0 + blocks[2] * span_s)


def carried_orbit(state: FilterState, vector: StateVector, gravity: GravityBelief, clock_s: Scalar) -> Carried:
    """The uplinked orbit if it is valid, else the filter's own, at `clock_s`."""
    r = select(vector.valid, vector.r_lci_m, state.nav.r_lci_m)
    v = select(vector.valid, vector.v_lci_m_s, state.nav.v_lci_m_s)
    uplinked = rac_to_lci(vector.covariance_rac, r, v)
    P = jnp.where(vector.valid, 0.5 * (uplinked + uplinked.T), state.P[:6, :6])
    start_s = jnp.where(vector.valid, vector.clock_s, state.clock_s)
    begin = jnp.eye(6)
    orbit = carried(Orbit(r, v, begin[:3], begin[3:]), gravity, start_s, clock_s - start_s)
    transition = jnp.concatenate([orbit.transition_r, orbit.transition_v])
    noise = _drift_noise(gravity.noise_m_s2_sqrt_s, clock_s - start_s)
    return Carried(orbit.r_lci_m, orbit.v_lci_m_s, transition, P, noise, vector.valid)


def _attitude_covariance(q_lci_body: Rotation, belief: StarTrackerBelief) -> Float[Array, "3 3"]:
    axis = (q_lci_body @ belief.boresight_body).array()
    along = axis[:, None] * axis[None, :]
    return belief.across_sigma_rad**2 * (jnp.eye(3) - along) + belief.about_sigma_rad**2 * along


def woken(
    state: FilterState, orbit: Carried, stars: StarTrackerReading, belief: StarTrackerBelief, ground: GroundBelief
) -> tuple[NavState, Float[Array, "16 16"]]:
    """Estimate and covariance at the start of a powered phase; biases are kept, terrain starts anew.

    What is replaced loses its correlation with the rest; an own orbit, carried on, keeps its correlation with the biases.
    """
    seen = jax.tree.map(lambda new, old: jnp.where(stars.valid, new, old), stars.q_lci_body, state.nav.q_lci_body)
    nav = nav_at(orbit.r_lci_m, orbit.v_lci_m_s, seen)
    nav = eqx.tree_at(lambda n: (n.bias_accel_m_s2, n.bias_gyro_rad_s), nav, (state.nav.bias_accel_m_s2, state.nav.bias_gyro_rad_s))

    one = jnp.ones(())
    kept = jnp.where(orbit.uplinked, 0.0, one) * AXES_OF_ORBIT + jnp.where(stars.valid, 0.0, one) * AXES_OF_ATTITUDE + AXES_OF_BIASES
    P = state.P * kept[:, None] * kept[None, :]
    P = P.at[:6, :6].set(orbit.P_start)
    whole = jnp.eye(STATES).at[:6, :6].set(orbit.transition)
    P = whole @ P @ whole.T
    P = P.at[:6, :6].add(orbit.noise)
    attitude = _attitude_covariance(seen, belief)
    P = P.at[6:9, 6:9].set(jnp.where(stars.valid, attitude, P[6:9, 6:9]))
    P = P.at[TERRAIN, TERRAIN].set(ground.terrain_sigma_m**2)
    return nav, 0.5 * (P + P.T)
