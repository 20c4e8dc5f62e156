"""Launch windows: what injection and insertion cost over departure and arrival dates. Patched conics, whole grids at once.

**Model.** `transfer`: both planes through the Moon's place at arrival, the cheaper one counts.
**Error.** Injection 10 m/s, insertion 30 m/s against flights under all forces (tests); long burns cost some per cent more.
**Invalid when** the flight is shorter than a parabola's, or the parking orbit's plane cannot hold the Moon's place: NaN there.
**Neglects** the inclination wanted at the Moon: any can be had by aiming, to first order at no cost.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import GM_EARTH_M3_S2
from perilune.moon.ephemeris import Ephemeris
from perilune.trajectory.legs import compiled
from perilune.trajectory.refusal import TransferError
from perilune.trajectory.transfer import Conic, Numbers, conic_to_radius, injection_m_s, insertion_m_s
from perilune.types import Vector

DAY_S = 86400.0
# Times of flight that are looked at when none is given, and how fine.
FLIGHT_MIN_S, FLIGHT_MAX_S, FLIGHT_STEP_S = 2.5 * DAY_S, 7.0 * DAY_S, 0.05 * DAY_S


class Costs(NamedTuple):
    """Velocity changes of impulses [m/s]; axes departure, arrival."""

    injection_m_s: Numbers
    insertion_m_s: Numbers

    @property
    def total_m_s(self) -> Numbers:
        return self.injection_m_s + self.insertion_m_s


class OrbitPair(NamedTuple):
    """Circular parking orbit and the ellipse about the Moon, by radii."""

    parking_m: float
    inclination_rad: float
    perilune_m: float
    apolune_m: float


@compiled
def _moon(ephemeris: Ephemeris, t_s: Vector) -> Float[Array, "times 2 3"]:
    return jax.vmap(lambda t: jnp.stack([each.array() for each in ephemeris.rv_moon_gci(t)]))(t_s)


def costs(ephemeris: Ephemeris, departures_s: np.ndarray, arrivals_s: np.ndarray, orbits: OrbitPair) -> Costs:
    """Injection and insertion for departures and arrivals that broadcast against each other; times from the ephemeris' epoch."""
    departures_s, arrivals_s = np.broadcast_arrays(departures_s, arrivals_s)
    moon = np.asarray(_moon(ephemeris, arrivals_s.ravel())).reshape(*arrivals_s.shape, 2, 3)
    r_m, v_m_s = moon[..., 0, :], moon[..., 1, :]
    radius_m = np.linalg.norm(r_m, axis=-1)
    conic = conic_to_radius(orbits.parking_m, radius_m, arrivals_s - departures_s)
    excess_m_s = np.fmin(*(_excess_m_s(conic, r_m / radius_m[..., None], v_m_s, orbits, sign) for sign in (1.0, -1.0)))
    injection = np.where(np.isfinite(excess_m_s), injection_m_s(orbits.parking_m, conic), np.nan)
    return Costs(injection, insertion_m_s(excess_m_s, orbits.perilune_m, orbits.apolune_m))


def _excess_m_s(conic: Conic, towards: np.ndarray, v_moon_m_s: np.ndarray, orbits: OrbitPair, sign: float) -> np.ndarray:
    """Speed relative to the Moon; NaN where the plane does not hold it."""
    level = np.sqrt(1.0 - towards[..., 2] ** 2)
    share = math.cos(orbits.inclination_rad) / level
    with np.errstate(invalid="ignore"):
        rest = np.sqrt(1.0 - share**2)
    east = np.stack([-towards[..., 1], towards[..., 0], np.zeros(level.shape)], axis=-1) / level[..., None]
    sideways = share[..., None] * east + sign * rest[..., None] * np.cross(towards, east)
    speed_m_s = np.sqrt(GM_EARTH_M3_S2 / (orbits.parking_m * (1.0 + conic.eccentricity)))
    outwards = (speed_m_s * conic.eccentricity * np.sin(conic.true_anomaly_rad))[..., None] * towards
    around = (speed_m_s * (1.0 + conic.eccentricity * np.cos(conic.true_anomaly_rad)))[..., None] * sideways
    return np.linalg.norm(outwards + around - v_moon_m_s, axis=-1)


def cheapest_flight_s(ephemeris: Ephemeris, departure_s: float, orbits: OrbitPair) -> float:
    """The time of flight with the least sum of injection and insertion. TransferError if none is possible."""
    flights_s = np.arange(FLIGHT_MIN_S, FLIGHT_MAX_S, FLIGHT_STEP_S)
    total = costs(ephemeris, np.asarray(departure_s), departure_s + flights_s, orbits).total_m_s
    if not np.any(np.isfinite(total)):
        raise TransferError(
            f"a parking orbit inclined by {math.degrees(orbits.inclination_rad):.2f} deg cannot reach the Moon at any time of flight "
            f"between {FLIGHT_MIN_S / DAY_S:.1f} and {FLIGHT_MAX_S / DAY_S:.1f} days from this date; choose a steeper one or another date"
        )
    return float(flights_s[np.nanargmin(total)])
