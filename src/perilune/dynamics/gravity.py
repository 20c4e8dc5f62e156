"""The sum of gravity on a lander: the Moon's field, and the tides of the Earth and the Sun.

**Error.** Each term to a few units in the last place of itself; the tide is not the difference of two large numbers.
Multirate use: the central term at every substep, and `perturbation_lci_m_s2` every so often, at the place expected at the middle of
the time for which it is held. A time of h then misses h^3/24 of the perturbation's second derivative in velocity, which telescopes to
h^2/24 of the change of its first. Measured over 600 s at 15 km altitude, degree 10, h = 0.1 s: 1.1e-6 m and 2.4e-9 m/s (11 mm and
5e-5 m/s if it is evaluated at the start of the time instead); at h = 0.5 s, 25 times as much.
**Invalid when** inside the sphere that holds the Moon's mass.
**Neglects** the planets (2e-11 m/s2 at most, from Venus), the figure of the Earth, relativity (1e-10 m/s2), solid tides.
**Reference.** Battin, An Introduction to the Mathematics and Methods of Astrodynamics, revised ed. (1999), disturbing function.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import GM_EARTH_M3_S2, GM_SUN_M3_S2
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.gravity import SphericalHarmonicField, point_mass_accel_m_s2
from perilune.types import Scalar


def third_body_accel_m_s2(r_m: Vec3, r_third_m: Vec3, gm_third_m3_s2: Scalar) -> Vec3:
    """What a distant body adds to motion about the centre [m/s2], positions [m] from that centre in the same inertial axes.

    Its pull on the lander less its pull on the centre, in Battin's form, which keeps every digit however far the body is.
    """
    from_third_m = r_m - r_third_m
    square = from_third_m.norm_squared()
    q = r_m.dot(r_m - r_third_m * 2.0) / r_third_m.norm_squared()
    f = q * (3.0 + 3.0 * q + q * q) / (1.0 + (1.0 + q) * jnp.sqrt(1.0 + q))
    return (r_m + r_third_m * f) * (-gm_third_m3_s2 / (square * jnp.sqrt(square)))


class Sky(eqx.Module):
    """Where things are at an instant, seen from the Moon's centre."""

    q_lfpa_lci: Rotation
    r_earth_lci_m: Vec3
    r_sun_lci_m: Vec3


class Gravity(eqx.Module):
    """The Moon's field with the Earth and the Sun as point masses."""

    field: SphericalHarmonicField
    gm_earth_m3_s2: Scalar = GM_EARTH_M3_S2
    gm_sun_m3_s2: Scalar = GM_SUN_M3_S2

    def central_lci_m_s2(self, r_lci_m: Vec3) -> Vec3:
        """The Moon as a point mass."""
        return point_mass_accel_m_s2(r_lci_m, self.field.gm_m3_s2)

    @jax.jit
    def perturbation_lci_m_s2(self, r_lci_m: Vec3, sky: Sky) -> Vec3:
        """Everything but the central term."""
        field_lfpa_m_s2 = self.field.perturbation_accel_lfpa_m_s2(sky.q_lfpa_lci @ r_lci_m)
        earth = third_body_accel_m_s2(r_lci_m, sky.r_earth_lci_m, self.gm_earth_m3_s2)
        sun = third_body_accel_m_s2(r_lci_m, sky.r_sun_lci_m, self.gm_sun_m3_s2)
        return sky.q_lfpa_lci.inverse() @ field_lfpa_m_s2 + earth + sun

    def accel_lci_m_s2(self, r_lci_m: Vec3, sky: Sky) -> Vec3:
        return self.central_lci_m_s2(r_lci_m) + self.perturbation_lci_m_s2(r_lci_m, sky)
