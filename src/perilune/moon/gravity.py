"""The Moon's gravity: spherical harmonics in its principal axes.

**Error.** Acceleration against the gradient of the potential: 1e-15 of the central term. What the truncation leaves out is told
by the field (`lunar_field`). Cost in a 512-wide batch on one core: 58 ns a lander at degree 10, 0.9 s to compile.
**Invalid when** inside the sphere that holds all mass (the series need not converge below the reference radius), at the centre,
and above a degree of about 1,400, where the recursion leaves the range of float64 near the poles.
**Neglects** solid tides, and any part of the field that varies in time.
**Reference.** Pines, AIAA Journal 11 (1973); Montenbruck & Gill, Satellite Orbits (2000), chapter 3.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.math.vector import Vec3
from perilune.moon.gravity_files import HarmonicCoefficients
from perilune.moon.harmonics import HarmonicSums, harmonic_sums
from perilune.types import Scalar


def point_mass_accel_m_s2(r_m: Vec3, gm_m3_s2: Scalar) -> Vec3:
    """Newton's attraction [m/s2] at a position [m] from the centre, in whatever axes the position has."""
    square = r_m.norm_squared()
    return r_m * (-gm_m3_s2 / (square * jnp.sqrt(square)))


class SphericalHarmonicField(eqx.Module):
    """A field in `lfpa`: GM, reference radius and fully normalised coefficients indexed `[n, m]`."""

    gm_m3_s2: Scalar
    radius_m: Scalar
    c: Float[Array, "n n"]
    s: Float[Array, "n n"]

    @property
    def degree(self) -> int:
        return self.c.shape[0] - 1

    def truncated(self, degree: int) -> "SphericalHarmonicField":
        """The same field to a lower degree and order."""
        if not 0 <= degree <= self.degree:
            raise ValueError(f"degree {degree} was asked of a field of degree {self.degree}; ask for 0 to {self.degree}")
        return SphericalHarmonicField(self.gm_m3_s2, self.radius_m, self.c[: degree + 1, : degree + 1], self.s[: degree + 1, : degree + 1])

    def potential_m2_s2(self, r_lfpa_m: Vec3) -> Scalar:
        """Positive near the mass [m2/s2], so that its gradient is the acceleration."""
        sums, inverse_m, _ = self._sums(r_lfpa_m, degree_min=1)
        return self.gm_m3_s2 * inverse_m * (1.0 + sums.value)

    def point_mass_accel_lfpa_m_s2(self, r_lfpa_m: Vec3) -> Vec3:
        """The central term alone."""
        return point_mass_accel_m_s2(r_lfpa_m, self.gm_m3_s2)

    @jax.jit
    def perturbation_accel_lfpa_m_s2(self, r_lfpa_m: Vec3) -> Vec3:
        """The field without its central term, summed by itself: no digits are lost to the central term."""
        sums, inverse_m, direction = self._sums(r_lfpa_m, degree_min=1)
        slope = Vec3(sums.slope_xi, sums.slope_eta, sums.slope_u)
        radial = sums.decay + direction.z * sums.slope_u
        return (slope - direction * radial) * (self.gm_m3_s2 * inverse_m * inverse_m)

    def accel_lfpa_m_s2(self, r_lfpa_m: Vec3) -> Vec3:
        return self.point_mass_accel_lfpa_m_s2(r_lfpa_m) + self.perturbation_accel_lfpa_m_s2(r_lfpa_m)

    def _sums(self, r_lfpa_m: Vec3, degree_min: int) -> tuple[HarmonicSums, Scalar, Vec3]:
        inverse_m = 1.0 / r_lfpa_m.norm()
        direction = r_lfpa_m * inverse_m
        return harmonic_sums(direction, self.radius_m * inverse_m, self.c, self.s, degree_min), inverse_m, direction


def field_of(coefficients: HarmonicCoefficients) -> SphericalHarmonicField:
    """The field of coefficients that were read or embedded."""
    numbers = (coefficients.gm_m3_s2, coefficients.radius_m, coefficients.c, coefficients.s)
    return SphericalHarmonicField(*(jnp.asarray(number, dtype=float) for number in numbers))
