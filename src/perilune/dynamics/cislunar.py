"""Everything that acts on a point mass between the Earth and the Moon, about either centre.

The Moon's field, the Earth's field, the Sun and planets as point masses, and the push of sunlight. Two centres, because the Moon of an
ephemeris does not move quite as these forces would move it: 0.5 m in the first day, 3.5 m without the Earth's figure. Integrate about the
body that is near.

**Error.** Each term to rounding; what matters is what is left out.
**Invalid when** inside the Earth or the Moon, or outside the ephemeris' window (NaN).
**Neglects** relativity (1e-9 m/s2 in a low Earth orbit, 1e-10 m/s2 in a low lunar one), tides of the Earth and the Moon, drag, the pull of
the Moon's figure on the Earth (2e-13 m/s2) and of the Earth on the Moon's figure (2e-11 m/s2, felt about the Moon only).
**Reference.** Montenbruck & Gill, Satellite Orbits (2000), chapter 3.
"""

import equinox as eqx
import jax

from perilune.constants import GM_EARTH_M3_S2, GM_SUN_M3_S2
from perilune.dynamics.gravity import third_body_accel_m_s2
from perilune.dynamics.radiation import Cannonball
from perilune.math.vector import Vec3, zero_vec3
from perilune.moon.earth import EarthOrientation
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import gci_from_lci, lci_from_gci, q_lfpa_lci
from perilune.moon.gravity import SphericalHarmonicField, point_mass_accel_m_s2
from perilune.moon.planets import Planets
from perilune.types import Scalar


class EarthFigure(eqx.Module):
    """The Earth's field beyond its central term (whose GM is that of `Cislunar`), and how the Earth is turned."""

    orientation: EarthOrientation
    field: SphericalHarmonicField

    def accel_gci_m_s2(self, t_s: Scalar, r_gci_m: Vec3) -> Vec3:
        q = self.orientation.q_itrf_gci(t_s)
        return q.inverse() @ self.field.perturbation_accel_lfpa_m_s2(q @ r_gci_m)


class Cislunar(eqx.Module):
    """The forces, per unit mass. `t_s` is TDB seconds from the ephemeris' epoch; the parts that are None do not act."""

    ephemeris: Ephemeris
    moon_field: SphericalHarmonicField
    earth_figure: EarthFigure | None = None
    planets: Planets | None = None
    radiation: Cannonball | None = None
    gm_earth_m3_s2: Scalar = GM_EARTH_M3_S2
    gm_sun_m3_s2: Scalar = GM_SUN_M3_S2

    @jax.jit
    def accel_gci_m_s2(self, t_s: Scalar, r_gci_m: Vec3) -> Vec3:
        """Acceleration [m/s2] at a place [m] seen from the Earth's centre, relative to that centre."""
        r_moon_gci_m = self.ephemeris.r_moon_gci_m(t_s)
        earth = point_mass_accel_m_s2(r_gci_m, self.gm_earth_m3_s2)
        moon = third_body_accel_m_s2(r_gci_m, r_moon_gci_m, self.moon_field.gm_m3_s2)
        figures = self._moon_figure_m_s2(t_s, r_gci_m - r_moon_gci_m) + self._earth_figure_m_s2(t_s, r_gci_m)
        return earth + moon + figures + self._far_m_s2(t_s, r_gci_m, zero_vec3())

    @jax.jit
    def accel_lci_m_s2(self, t_s: Scalar, r_lci_m: Vec3) -> Vec3:
        """Acceleration [m/s2] at a place [m] seen from the Moon's centre, relative to that centre."""
        r_earth_lci_m = self.ephemeris.r_earth_lci_m(t_s)
        moon = point_mass_accel_m_s2(r_lci_m, self.moon_field.gm_m3_s2) + self._moon_figure_m_s2(t_s, r_lci_m)
        earth = third_body_accel_m_s2(r_lci_m, r_earth_lci_m, self.gm_earth_m3_s2)
        # The Earth's figure pulls the Moon's centre as well.
        figure = self._earth_figure_m_s2(t_s, r_lci_m - r_earth_lci_m) - self._earth_figure_m_s2(t_s, -r_earth_lci_m)
        return moon + earth + figure + self._far_m_s2(t_s, r_lci_m, r_earth_lci_m)

    def lci_of_gci(self, t_s: Scalar, r_gci_m: Vec3, v_gci_m_s: Vec3) -> tuple[Vec3, Vec3]:
        """A state seen from the Moon instead of the Earth."""
        return lci_from_gci(self.ephemeris, t_s, r_gci_m, v_gci_m_s)

    def gci_of_lci(self, t_s: Scalar, r_lci_m: Vec3, v_lci_m_s: Vec3) -> tuple[Vec3, Vec3]:
        """A state seen from the Earth instead of the Moon."""
        return gci_from_lci(self.ephemeris, t_s, r_lci_m, v_lci_m_s)

    def _moon_figure_m_s2(self, t_s: Scalar, r_lci_m: Vec3) -> Vec3:
        if self.moon_field.degree == 0:
            return zero_vec3()
        q = q_lfpa_lci(self.ephemeris, t_s)
        return q.inverse() @ self.moon_field.perturbation_accel_lfpa_m_s2(q @ r_lci_m)

    def _earth_figure_m_s2(self, t_s: Scalar, r_gci_m: Vec3) -> Vec3:
        return zero_vec3() if self.earth_figure is None else self.earth_figure.accel_gci_m_s2(t_s, r_gci_m)

    def _far_m_s2(self, t_s: Scalar, r_m: Vec3, r_earth_m: Vec3) -> Vec3:
        """Sun, planets and sunlight, at a place and with the Earth's place, both seen from the centre of integration."""
        r_sun_m = self.ephemeris.r_sun_gci_m(t_s) + r_earth_m
        total = third_body_accel_m_s2(r_m, r_sun_m, self.gm_sun_m3_s2)
        if self.planets is not None:
            for i, r_planet_gci_m in enumerate(self.planets.r_gci_m(self.ephemeris, t_s)):
                total = total + third_body_accel_m_s2(r_m, r_planet_gci_m + r_earth_m, self.planets.gm_m3_s2[i])
        if self.radiation is not None:
            r_moon_m = self.ephemeris.r_moon_gci_m(t_s) + r_earth_m
            total = total + self.radiation.accel_m_s2(r_sun_m - r_m, r_earth_m - r_m, r_moon_m - r_m)
        return total
