"""What navigation believes of its sensors, of gravity and of the ground; flown values, not the world's."""

from collections.abc import Callable

import equinox as eqx

from perilune.fsw.navigation.gate import GatePolicy
from perilune.math.vector import Vec3
from perilune.types import Scalar

# Position (lci, m) and onboard clock (s) to the acceleration that the central term leaves out (lci, m/s2); an equinox module.
Perturbation = Callable[[Vec3, Scalar], Vec3]


class ImuBelief(eqx.Module):
    """Noise of the inertial unit, 1 sigma.

    **Model.** Scale and misalignment errors are constant and not estimated. They are covered by white noise of variance
    `scale_sigma**2 * scale_span_m_s` per m/s of sensed velocity gain, which adds up to what they do over a burn of `scale_span_m_s`; and in
    the same way for the gyros, over a turn of `gyro_scale_span_rad`.
    """

    velocity_walk_m_s_sqrt_s: Scalar
    angle_walk_rad_sqrt_s: Scalar
    scale_sigma: Scalar
    scale_span_m_s: Scalar
    bias_accel_sigma_m_s2: Scalar
    bias_accel_walk_m_s2_sqrt_s: Scalar
    bias_gyro_sigma_rad_s: Scalar
    bias_gyro_walk_rad_s_sqrt_s: Scalar
    gyro_scale_sigma: Scalar = 0.0  # scale and misalignment together
    gyro_scale_span_rad: Scalar = 1.0  # turn over which they act


class StarTrackerBelief(eqx.Module):
    """Noise of a reading, and how the head may sit askew.

    **Model.** The mounting error is constant and not estimated; readings must not average it away. Each reading comes with so much doubt of
    the attitude that its variance settles no lower than that of the mounting: `(2 mount**2 / across)**2`.
    """

    boresight_body: Vec3
    across_sigma_rad: Scalar  # about the two axes across the boresight
    about_sigma_rad: Scalar  # about the boresight
    mount_sigma_rad: Scalar = 0.0

    def doubt_rad2(self) -> Scalar:
        """Variance that comes with each reading."""
        return (2.0 * self.mount_sigma_rad**2 / self.across_sigma_rad) ** 2


class AltimeterBelief(eqx.Module):
    """One beam. Noise is `noise_floor_m + noise_slope * range`, 1 sigma."""

    beam_body: Vec3
    antenna_from_imu_body_m: Vec3
    noise_floor_m: Scalar
    noise_slope: Scalar
    cos_incidence_min: Scalar  # on the reference sphere; beyond it a reading is not used


class VelocimeterBelief(eqx.Module):
    """Doppler beams from one antenna; noise per beam, 1 sigma, grows with closing speed and with range."""

    beams_body: tuple[Vec3, ...]
    antenna_from_imu_body_m: Vec3
    speed_floor_m_s: Scalar
    speed_slope: Scalar
    range_floor_m: Scalar
    range_slope: Scalar
    cos_incidence_min: Scalar


class GroundBelief(eqx.Module):
    """The ground as a sphere with relief.

    **Model.** Height over the sphere is a first-order Gauss-Markov process of the distance flown over the ground. Heights a distance
    apart differ with variance `2 sigma**2 (1 - exp(-distance / correlation))`; where a beam lands beside the point below, that
    variance times `relief_factor` stands in its noise. The factor is for readings that follow each other over the same relief.
    """

    radius_m: Scalar
    terrain_sigma_m: Scalar
    terrain_correlation_m: Scalar
    relief_factor: Scalar
    omega_lfme_lci_rad_s: Vec3  # spin of the Moon, lci axes


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
