"""What the ground knows of the orbit: a state vector drawn about the truth."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.math.random import Stream
from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.wire.uplink import StateVector


class GroundTracking(eqx.Module):
    """Orbit determination from radio tracking, before the descent.

    **Error.** Gaussian, in radial, along and cross axes of the true orbit (inertial velocity, seen in `lci`). The radial velocity
    goes with the along-track position and the radial position with the along-track velocity, for the period of an orbit is known
    far better than the place on it: two correlations, nothing else off the diagonal.
    **Invalid when.** A correlation is not inside (-1, 1): the covariance is then not positive definite; the orbit is a straight
    line through the centre (no cross axis).
    **Neglects.** The turn of the axes between true and stated orbit (position error over radius, 3e-4 rad), gross errors of
    tracking, error of the time tag; the stated covariance is the one drawn from.
    """

    sigma_r_radial_m: Scalar
    sigma_r_along_m: Scalar
    sigma_r_cross_m: Scalar
    sigma_v_radial_m_s: Scalar
    sigma_v_along_m_s: Scalar
    sigma_v_cross_m_s: Scalar
    correlation_v_radial_r_along: Scalar
    correlation_r_radial_v_along: Scalar

    def covariance_rac(self) -> Float[Array, "6 6"]:
        """Order: position radial, along, cross (m), velocity radial, along, cross (m/s)."""
        sigma = jnp.asarray(
            [
                *(self.sigma_r_radial_m, self.sigma_r_along_m, self.sigma_r_cross_m),
                *(self.sigma_v_radial_m_s, self.sigma_v_along_m_s, self.sigma_v_cross_m_s),
            ]
        )
        correlation = jnp.eye(6)
        correlation = correlation.at[(1, 3), (3, 1)].set(self.correlation_v_radial_r_along)
        correlation = correlation.at[(0, 4), (4, 0)].set(self.correlation_r_radial_v_along)
        return correlation * (sigma[:, None] * sigma[None, :])

    def state_vector(self, r_lci_m: Vec3, v_lci_m_s: Vec3, t_s: Scalar, stream: Stream) -> StateVector:
        """The state that goes up: true state in, at the time that the ground reads; errors as in `covariance_rac`."""
        r_error_rac_m, v_error_rac_m_s = self._errors(stream)
        axes = _radial_along_cross(r_lci_m, v_lci_m_s)
        return StateVector(
            clock_s=t_s,
            r_lci_m=r_lci_m + _in_lci(axes, r_error_rac_m),
            v_lci_m_s=v_lci_m_s + _in_lci(axes, v_error_rac_m_s),
            covariance_rac=self.covariance_rac(),
            valid=jnp.asarray(True),
        )

    def _errors(self, stream: Stream) -> tuple[Vec3, Vec3]:
        # The two correlated pairs share nothing, so each is its own 2 x 2 Cholesky factor.
        r, v = stream.normal_vec3(0), stream.normal_vec3(3)
        v_radial = _joined(r.y, v.x, self.correlation_v_radial_r_along)
        v_along = _joined(r.x, v.y, self.correlation_r_radial_v_along)
        r_sigma_m = Vec3(self.sigma_r_radial_m, self.sigma_r_along_m, self.sigma_r_cross_m)
        v_sigma_m_s = Vec3(self.sigma_v_radial_m_s, self.sigma_v_along_m_s, self.sigma_v_cross_m_s)
        return r.scaled_by(r_sigma_m), Vec3(v_radial, v_along, v.z).scaled_by(v_sigma_m_s)


def _joined(first: Scalar, second: Scalar, correlation: Scalar) -> Scalar:
    return correlation * first + jnp.sqrt(1.0 - correlation**2) * second


def _radial_along_cross(r_lci_m: Vec3, v_lci_m_s: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    radial, cross = r_lci_m.unit(), r_lci_m.cross(v_lci_m_s).unit()
    return radial, cross.cross(radial), cross


def _in_lci(axes: tuple[Vec3, Vec3, Vec3], parts_rac: Vec3) -> Vec3:
    radial, along, cross = axes
    return radial * parts_rac.x + along * parts_rac.y + cross * parts_rac.z
