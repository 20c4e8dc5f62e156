"""Where Earth, Moon and Sun are, from JPL's DE421 as the `de421` package ships it.

**Error.** Against DE440, 2000-2030: Moon from Earth 4.5 m and 0.013 mm/s, Sun 0.22 km (1.5 nanoradians seen from the Moon).
**Invalid when** the date lies outside 1899-2200, or `t_s` outside the window that was loaded (NaN then).
**Neglects** light time and aberration: positions are geometric.
**Reference.** Folkner, Williams & Boggs, The Planetary and Lunar Ephemeris DE 421, IPN Progress Report 42-178 (2009).
"""

from typing import Any, TypeAlias

import de421
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from jplephem.ephem import Ephemeris as De421

from perilune.math.chebyshev import ChebyshevRecords
from perilune.math.vector import Vec3, vec3
from perilune.moon.time import DAY_S, JD_J2000, Epoch
from perilune.types import Scalar

# Room at both ends of the window, for a sensor that looks a little into the past and an integrator that overshoots.
MARGIN_S = 3600.0

M_PER_KM = 1000.0
DAYS_PER_YEAR = 365.25

# jplephem sets the attributes of its object from a file of constants, so they have no declared types.
Source: TypeAlias = Any

# JPL's order: record, axis, term.
Series = Float[np.ndarray, "records 3 n"]


class EphemerisRangeError(ValueError):
    """A window that DE421 does not cover."""


class Ephemeris(eqx.Module):
    """Earth, Moon and Sun, and the Moon's libration angles, over one window. Time is TDB seconds from the window's epoch.

    `r_<body>_lci_m` is seen from the Moon, `r_<body>_gci_m` from the Earth; both have ICRF axes. Each pair of functions
    (`r_` alone, `rv_` with the velocity) is cheapest with a time that a batch shares.
    """

    moon_from_earth_m: ChebyshevRecords
    sun_from_barycentre_m: ChebyshevRecords
    libration_rad: ChebyshevRecords
    moon_mass_share: Scalar

    def rv_moon_gci(self, t_s: Scalar) -> tuple[Vec3, Vec3]:
        """Moon from Earth: position (m) and velocity (m/s)."""
        return _vectors(*self.moon_from_earth_m.value_and_rate(t_s))

    def rv_earth_lci(self, t_s: Scalar) -> tuple[Vec3, Vec3]:
        """Earth from Moon: position (m) and velocity (m/s)."""
        r_m, v_m_s = self.rv_moon_gci(t_s)
        return -r_m, -v_m_s

    def rv_sun_lci(self, t_s: Scalar) -> tuple[Vec3, Vec3]:
        """Sun from Moon: position (m) and velocity (m/s)."""
        return self._rv_sun(t_s, self.moon_mass_share - 1.0)

    def rv_sun_gci(self, t_s: Scalar) -> tuple[Vec3, Vec3]:
        """Sun from Earth: position (m) and velocity (m/s)."""
        return self._rv_sun(t_s, self.moon_mass_share)

    def r_moon_gci_m(self, t_s: Scalar) -> Vec3:
        return self.rv_moon_gci(t_s)[0]

    def r_earth_lci_m(self, t_s: Scalar) -> Vec3:
        return self.rv_earth_lci(t_s)[0]

    def r_sun_lci_m(self, t_s: Scalar) -> Vec3:
        return self.rv_sun_lci(t_s)[0]

    def r_sun_gci_m(self, t_s: Scalar) -> Vec3:
        return self.rv_sun_gci(t_s)[0]

    def _rv_sun(self, t_s: Scalar, moon_share: Scalar) -> tuple[Vec3, Vec3]:
        """The barycentre lies on the line Earth-Moon at the Moon's share of the mass."""
        r_sun_m, v_sun_m_s = _vectors(*self.sun_from_barycentre_m.value_and_rate(t_s))
        r_moon_m, v_moon_m_s = self.rv_moon_gci(t_s)
        return r_sun_m + r_moon_m * moon_share, v_sun_m_s + v_moon_m_s * moon_share


def load_ephemeris(epoch: Epoch, duration_s: float) -> Ephemeris:
    """Cut DE421 for the window [epoch, epoch + duration]. Host only; a four-month cruise keeps 20 kB.

    DE421 is a TDB ephemeris, and so is the time of the result.
    """
    source = de421_source()
    refuse_outside(source, epoch, duration_s)
    return Ephemeris(
        moon_from_earth_m=_cut(source, source.load("moon") * M_PER_KM, epoch, duration_s),
        sun_from_barycentre_m=_cut(source, _sun_from_barycentre_km(source) * M_PER_KM, epoch, duration_s),
        libration_rad=_cut(source, source.load("librations"), epoch, duration_s),
        moon_mass_share=jnp.asarray(1.0 / (1.0 + source.EMRAT), dtype=float),
    )


def de421_source() -> Source:
    return De421(de421)


def _sun_from_barycentre_km(source: Source) -> Series:
    """Both series have the same records; the Sun's has fewer terms."""
    sun, barycentre = source.load("sun"), source.load("earthmoon")
    missing = barycentre.shape[2] - sun.shape[2]
    return np.pad(sun, ((0, 0), (0, 0), (0, missing))) - barycentre


def _cut(source: Source, series: Series, epoch: Epoch, duration_s: float) -> ChebyshevRecords:
    """The records that cover the window, degree first, and the time of their start in seconds from the epoch."""
    span_s = (source.jomega - source.jalpha) / len(series) * DAY_S
    from_start_s = seconds_from_start(source, epoch)
    # As many as such a window can touch on any date: the number of records is structure, and dates are values.
    count = min(int((duration_s + 2.0 * MARGIN_S) // span_s) + 2, len(series))
    first = min(max(int((from_start_s - MARGIN_S) // span_s), 0), len(series) - count)
    return ChebyshevRecords(
        coefficients=jnp.asarray(np.moveaxis(series[first : first + count], 2, 1)),
        t_start_s=jnp.asarray(first * span_s - from_start_s, dtype=float),
        span_s=jnp.asarray(span_s, dtype=float),
    )


def seconds_from_start(source: Source, epoch: Epoch) -> float:
    return (epoch.day - (source.jalpha - JD_J2000)) * DAY_S + epoch.second_s


def refuse_outside(source: Source, epoch: Epoch, duration_s: float) -> None:
    if duration_s < 0.0:
        raise EphemerisRangeError(f"duration_s is {duration_s}; it must not be negative: start the window at the earlier epoch")
    start_s = seconds_from_start(source, epoch)
    if start_s < 0.0 or start_s + duration_s > (source.jomega - source.jalpha) * DAY_S:
        raise EphemerisRangeError(
            f"the window starts {epoch.day / DAYS_PER_YEAR:+.1f} years from J2000 and lasts {duration_s / DAY_S:.1f} days; "
            f"DE421 covers {(source.jalpha - JD_J2000) / DAYS_PER_YEAR:+.1f} to {(source.jomega - JD_J2000) / DAYS_PER_YEAR:+.1f} years"
        )


def _vectors(r_m: Float[Array, "3"], v_m_s: Float[Array, "3"]) -> tuple[Vec3, Vec3]:
    return vec3(r_m), vec3(v_m_s)
