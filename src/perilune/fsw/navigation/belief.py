"""What navigation believes of its sensors, of gravity and of the ground; flown values, not the world's."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.navigation.gate import GatePolicy
from perilune.math.vector import Vec3
from perilune.types import Scalar

# Position (lci, m) and onboard clock (s) to the acceleration that the central term leaves out (lci, m/s2); an equinox module.
Perturbation = Callable[[Vec3, Scalar], Vec3]


# However near the ground, a slope holds on for so long.
HOLDS_ALWAYS_M = 1.0


class ImuBelief(eqx.Module):
    """Noise of the inertial unit, 1 sigma.

    **Model.** Scale and misalignment errors are constant and not estimated. They are covered by white noise of variance
    `scale_sigma**2 * scale_span_m_s` per m/s of sensed velocity gain, which adds up to what they do over a burn of `scale_span_m_s`; for
    the gyros by `gyro_scale_sigma**2` times the growth of the square of the turn of the last `turn_memory_s`.
    """

    velocity_walk_m_s_sqrt_s: Scalar
    angle_walk_rad_sqrt_s: Scalar
    scale_sigma: Scalar
    scale_span_m_s: Scalar
    bias_accel_sigma_m_s2: Scalar
    bias_accel_walk_m_s2_sqrt_s: Scalar
    bias_gyro_sigma_rad_s: Scalar
    bias_gyro_walk_rad_s_sqrt_s: Scalar
    gyro_scale_sigma: Scalar = 0.0  # scale and misalignment, mean of the three axes
    turn_memory_s: Scalar = 300.0


class StarTrackerBelief(eqx.Module):
    """Noise of a reading, and how the head may sit askew.

    **Model.** The mounting error is constant and not estimated: the filter's attitude is that of the head's axes, and readings do not
    average the mounting away because it is no part of what they are compared with. What is told of the body's attitude has it added.
    """

    boresight_body: Vec3
    across_sigma_rad: Scalar  # about the two axes across the boresight
    about_sigma_rad: Scalar  # about the boresight
    mount_sigma_rad: Scalar = 0.0  # about each axis


class AltimeterBelief(eqx.Module):
    """One beam. Noise is `noise_floor_m + noise_slope * range`, 1 sigma; bias and mounting error are common to all readings."""

    beam_body: Vec3
    antenna_from_imu_body_m: Vec3
    noise_floor_m: Scalar
    noise_slope: Scalar
    cos_incidence_min: Scalar  # on the reference sphere; beyond it a reading is not used
    mount_sigma_rad: Scalar = 0.0
    bias_sigma_m: Scalar = 0.0
    cos_answered_min: Scalar = 0.0  # of its data sheet; beyond it no answer is waited for


class VelocimeterBelief(eqx.Module):
    """Doppler beams from one antenna; noise per beam, 1 sigma, grows with closing speed and with range.

    **Model.** Scale errors of the beams and the mounting are constant and not estimated; readings must not average them away. Each cycle
    of readings comes with so much doubt of the velocity that its variance settles no lower than theirs.
    """

    beams_body: tuple[Vec3, ...]
    antenna_from_imu_body_m: Vec3
    speed_floor_m_s: Scalar
    speed_slope: Scalar
    range_floor_m: Scalar
    range_slope: Scalar
    cos_incidence_min: Scalar
    scale_sigma: Scalar = 0.0
    mount_sigma_rad: Scalar = 0.0


class GroundBelief(eqx.Module):
    """The ground as a sphere with relief.

    **Model.** Height over the sphere is a second-order Gauss-Markov process of the distance flown over the ground, with a slope: heights
    close together differ in proportion to their distance, as on smooth ground. Its variance is `terrain_sigma_m**2`, that of its slope
    `slope_sigma**2`; the slope is forgotten over `slope_correlation_m`, the height over `slope_correlation_m (terrain_sigma_m /
    (slope_correlation_m slope_sigma))**2`. The Moon's relief has hills of every size (self-affine, Hurst exponent near one), which one
    correlation is not: below a height of `slope_correlation_m` the height itself stands for it (`from_height`). Relief too small for it,
    of `small_relief_m` with slopes of `small_slope`, comes to the height as noise, as much as is new since the last reading.
    **Invalid when** `slope_correlation_m * slope_sigma` is not well below `terrain_sigma_m`.
    **Reference.** Gelb (ed.), Applied Optimal Estimation (1974), on Gauss-Markov processes; Rosenburg et al., JGR 116
    (2011), E02001, on the Moon's relief.
    """

    radius_m: Scalar
    terrain_sigma_m: Scalar
    slope_sigma: Scalar  # tangent, along the way
    slope_correlation_m: Scalar
    small_relief_m: Scalar
    small_slope: Scalar
    omega_lfme_lci_rad_s: Vec3  # spin of the Moon, lci axes

    def from_height(self, height_m: Scalar) -> "GroundBelief":
        """As it matters from a height (m) over it: hills stand on hills, and a slope told from there holds on no farther than that."""
        holds_m = jnp.minimum(self.slope_correlation_m, jnp.maximum(height_m, HOLDS_ALWAYS_M))
        return eqx.tree_at(lambda ground: ground.slope_correlation_m, self, holds_m)

    def rates_1_m(self) -> tuple[Scalar, Scalar]:
        """At which height and slope are forgotten: the roots of the process, slow and fast."""
        fast = 1.0 / self.slope_correlation_m
        return (self.slope_sigma / self.terrain_sigma_m) ** 2 / fast, fast


class GravityBelief(eqx.Module):
    """Central term, what is beside it, and the white noise that covers the field's own error."""

    gm_m3_s2: Scalar
    perturbation: Perturbation
    noise_m_s2_sqrt_s: Scalar


class GatePolicies(eqx.Module):
    star_tracker: GatePolicy  # rad
    altimeter: GatePolicy  # m
    velocimeter: GatePolicy  # m/s
    velocimeter_range: GatePolicy  # m
