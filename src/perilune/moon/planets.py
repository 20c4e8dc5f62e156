"""Where the planets are, from JPL's DE421, and how strongly they pull.

**Error.** Against DE421 itself: rounding. The giant planets stand for their systems, moons included.
**Invalid when** the date lies outside 1899-2200, or `t_s` outside the window that was loaded (NaN then).
**Neglects** light time.
**Reference.** Folkner, Williams & Boggs, The Planetary and Lunar Ephemeris DE 421, IPN Progress Report 42-178 (2009).
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.math.chebyshev import ChebyshevRecords
from perilune.math.vector import Vec3, vec3
from perilune.moon.ephemeris import M_PER_KM, MARGIN_S, Ephemeris, Series, Source, de421_source, refuse_outside, seconds_from_start
from perilune.moon.series import fitted_records, records_needed
from perilune.moon.time import DAY_S, Epoch
from perilune.types import Scalar

# NAIF kernel gm_de440.tpc (Park et al. 2021, DE440): GM of each planet's system.
GM_PLANETS_M3_S2 = {
    "mercury": 22031.868551400003e9,
    "venus": 324858.592e9,
    "mars": 42828.375815756102e9,
    "jupiter": 126712764.09999998e9,
    "saturn": 37940584.841799997e9,
    "uranus": 5794556.3999999985e9,
    "neptune": 6836527.1005803989e9,
    "pluto": 975.5e9,
}
# Those whose tide near the Earth and the Moon exceeds 1e-12 m/s2.
PLANETS_THAT_MATTER = ("venus", "jupiter")

# The shortest records of DE421 last 8 days and the longest have 14 terms: nothing is lost between them.
SPAN_S = 8.0 * DAY_S
TERMS = 14


class Planets(eqx.Module):
    """Planets as point masses, over one window. `t_s` is TDB seconds from the window's epoch."""

    from_barycentre_m: ChebyshevRecords  # [records, terms, planets, 3], seen from the barycentre of Earth and Moon, ICRF axes
    gm_m3_s2: Float[Array, " planets"]

    def r_gci_m(self, ephemeris: Ephemeris, t_s: Scalar) -> tuple[Vec3, ...]:
        """Each planet seen from the Earth's centre [m]."""
        earth_to_barycentre_m = ephemeris.r_moon_gci_m(t_s) * ephemeris.moon_mass_share
        places_m = self.from_barycentre_m.value(t_s)
        return tuple(vec3(places_m[i]) + earth_to_barycentre_m for i in range(self.gm_m3_s2.shape[0]))


def load_planets(epoch: Epoch, duration_s: float, names: Sequence[str] = PLANETS_THAT_MATTER) -> Planets:
    """Planets by name for the window [epoch, epoch + duration]. Host only."""
    unknown = sorted(set(names) - set(GM_PLANETS_M3_S2))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not a planet of DE421; it has {', '.join(GM_PLANETS_M3_S2)}")
    source = de421_source()
    refuse_outside(source, epoch, duration_s)
    from_start_s = seconds_from_start(source, epoch)
    first_s = ((from_start_s - MARGIN_S) // SPAN_S) * SPAN_S
    series = [source.load(name) for name in names]
    barycentre = source.load("earthmoon")

    def places_m(times_s: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times planets 3"]:
        middle_km = _value_km(source, barycentre, times_s)
        return np.stack([_value_km(source, each, times_s) - middle_km for each in series], axis=1) * M_PER_KM

    fitted = fitted_records(places_m, first_s, SPAN_S, records_needed(duration_s, MARGIN_S, SPAN_S), TERMS)
    records = ChebyshevRecords(fitted.coefficients, jnp.asarray(first_s - from_start_s), fitted.span_s)
    return Planets(records, jnp.asarray([GM_PLANETS_M3_S2[name] for name in names]))


def _value_km(source: Source, series: Series, times_s: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times 3"]:
    """A series of DE421 at seconds from its start."""
    position = times_s / ((source.jomega - source.jalpha) * DAY_S / len(series))
    index = np.clip(position.astype(int), 0, len(series) - 1)
    angle = np.arccos(np.clip(2.0 * (position - index) - 1.0, -1.0, 1.0))
    return np.einsum("tk,tak->ta", np.cos(np.outer(angle, np.arange(series.shape[2]))), series[index])
