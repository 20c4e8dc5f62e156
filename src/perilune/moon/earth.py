"""How the Earth is turned, and places on it: for its gravity field and for stations that see a spacecraft.

**Model.** Pole of date by the IAU 2006 precession and 2000A nutation; Earth rotation angle with UT1 taken as UTC. Axes `itrf` are
fixed to the Earth, z along the pole of date, x in the prime meridian.
**Error.** UT1 differs from UTC by up to 0.9 s: 0.0038 deg about the axis, 420 m at the equator, a second in the rise of a star.
The pole: 1e-11 rad of fit, the 1e-9 rad of free core nutation, and 5e-8 rad of the intermediate origin (0.3 m at the equator).
**Invalid when** `t_s` lies outside the window that was loaded (NaN).
**Neglects** motion of the pole in the crust (0.3 arcsec, 10 m), refraction, light time.
**Reference.** IERS Conventions (2010), chapter 5; IAU SOFA/ERFA routines `xy06`, `era00`, `gd2gc`.
"""

import warnings

import equinox as eqx
import erfa
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from perilune.math.chebyshev import ChebyshevRecords
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, vec3
from perilune.moon.ephemeris import MARGIN_S
from perilune.moon.series import fitted_records, records_needed
from perilune.moon.time import DAY_S, Epoch
from perilune.types import Scalar

# Rate of the Earth rotation angle (IAU 2000, definition of UT1): turns a day of UT1, in rad/s.
EARTH_SPIN_RAD_S = 2.0 * np.pi * 1.00273781191135448 / DAY_S

# The nutation has terms of 5 days and more: four-day records of ten terms follow them to 1e-11 rad.
POLE_SPAN_S = 4.0 * DAY_S
POLE_TERMS = 10


class EarthOrientation(eqx.Module):
    """The Earth's attitude over one window. `t_s` is TDB seconds from the window's epoch."""

    pole_xy: ChebyshevRecords  # x and y of the pole of date in gci axes
    angle_epoch_rad: Scalar

    def q_itrf_gci(self, t_s: Scalar) -> Rotation:
        return self._q_spin(t_s) @ self._q_pole(t_s)

    def _q_pole(self, t_s: Scalar) -> Rotation:
        """The shortest turn that takes the pole of date to z."""
        x, y = self.pole_xy.value(t_s)
        z = jnp.sqrt(1.0 - x * x - y * y)
        twice_w = jnp.sqrt(2.0 * (1.0 + z))
        return Rotation(0.5 * twice_w, Vec3(y, -x, jnp.zeros_like(x)) / twice_w, "cirs", "gci")

    def _q_spin(self, t_s: Scalar) -> Rotation:
        half_rad = 0.5 * (self.angle_epoch_rad + EARTH_SPIN_RAD_S * t_s)
        zero = jnp.zeros_like(half_rad)
        return Rotation(jnp.cos(half_rad), Vec3(zero, zero, -jnp.sin(half_rad)), "itrf", "cirs")


class Place(eqx.Module):
    """A place on the Earth and its vertical (the normal of the WGS84 ellipsoid), turning with the Earth."""

    orientation: EarthOrientation
    r_itrf_m: Vec3
    up_itrf: Vec3

    def r_gci_m(self, t_s: Scalar) -> Vec3:
        return self.orientation.q_itrf_gci(t_s).inverse() @ self.r_itrf_m

    def elevation_sine(self, t_s: Scalar, r_gci_m: Vec3) -> Scalar:
        """Sine of the elevation at which a position [m] is seen from here."""
        return self.up_itrf.dot((self.orientation.q_itrf_gci(t_s) @ r_gci_m - self.r_itrf_m).unit())


def load_earth_orientation(epoch: Epoch, duration_s: float) -> EarthOrientation:
    """For the window [epoch, epoch + duration]. Host only."""

    def pole_xy(times_s: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times 2"]:
        whole, fraction = epoch.jd_tt()
        return np.stack(erfa.xy06(whole, fraction + times_s / DAY_S), axis=-1)

    records = fitted_records(pole_xy, -MARGIN_S, POLE_SPAN_S, records_needed(duration_s, MARGIN_S, POLE_SPAN_S), POLE_TERMS)
    with warnings.catch_warnings():
        # Past the table of leap seconds UTC keeps the last one known, which the stated error of UT1 grows by.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        utc = erfa.taiutc(*erfa.tttai(*epoch.jd_tt()))
    return EarthOrientation(records, jnp.asarray(erfa.era00(*utc), dtype=float))


def place_on_earth(orientation: EarthOrientation, latitude_rad: float, longitude_rad: float, height_m: float) -> Place:
    """From geodetic coordinates on the WGS84 ellipsoid. Host only."""
    level = np.cos(latitude_rad)
    up = (level * np.cos(longitude_rad), level * np.sin(longitude_rad), np.sin(latitude_rad))
    return Place(orientation, vec3(erfa.gd2gc(1, longitude_rad, latitude_rad, height_m)), vec3(up))
