"""The first guess of a flight to the Moon: two bodies at a time, no numbers by hand. Host side.

**Model.** Patched conics. From the perigee of a parking orbit an ellipse about the Earth runs to where the Moon's centre will be; there
the Moon's velocity is taken off, and what is left is the excess speed of a hyperbola about the Moon that has the perilune wanted.
Perigee, time of flight and plane leave one unknown, the eccentricity, and the time is monotonic in it on either side of apogee.
**Error.** The speed of injection to 10 m/s, the excess speed to 50 m/s, the place at the Moon to some thousand kilometres (tests): a start
for the corrector and a map of costs, no more.
**Invalid when** the flight is faster than a parabola (about two days).
**Neglects** the pull of the Moon on the way, the Sun, the length of the burns.
**Reference.** Battin, An Introduction to the Mathematics and Methods of Astrodynamics, revised ed. (1999): patched conics, Kepler's equation.
"""

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from perilune.constants import GM_EARTH_M3_S2, GM_MOON_M3_S2
from perilune.trajectory.refusal import TransferError

Array3 = Float[np.ndarray, "3"]
# One number or a grid of them: arithmetic on an array without axes gives a plain float.
Numbers: TypeAlias = Float[np.ndarray, "..."] | float

# Halvings of a bracket that spans nine decades of 1 - e: to rounding.
BISECTIONS = 90
SMALLEST_SHARE = 1e-9
DAY_S = 86400.0


class Conic(NamedTuple):
    """An ellipse from perigee to a radius: eccentricity and true anomaly at the end; numbers or arrays."""

    eccentricity: Numbers
    true_anomaly_rad: Numbers


class Departure(NamedTuple):
    """A transfer about the Earth, aimed at the Moon's centre; `gci` axes."""

    node_rad: float
    latitude_argument_rad: float  # of the perigee
    delta_v_m_s: float  # from a circular orbit of the perigee's radius
    v_excess_gci_m_s: Array3  # at the Moon, relative to it


class Approach(NamedTuple):
    """A hyperbola about the Moon, by its perilune; axes of the pole that was given."""

    node_rad: float
    latitude_argument_rad: float
    speed_excess_m_s: float


def conic_to_radius(perigee_m: float, radius_m: Numbers, flight_s: Numbers) -> Conic:
    """The ellipse that needs `flight_s` from perigee to `radius_m`; past apogee when that is longer than to an apogee there. NaN if faster than a parabola."""
    radius_m, flight_s = np.broadcast_arrays(np.asarray(radius_m, float), np.asarray(flight_s, float))
    flattest = 2.0 * perigee_m / (radius_m + perigee_m)  # 1 - e of the ellipse that just reaches the radius
    late = flight_s > _seconds_to_radius(perigee_m, radius_m, flattest, np.zeros(radius_m.shape, bool))
    low, high = np.full(radius_m.shape, math.log(SMALLEST_SHARE)), np.zeros(radius_m.shape)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        too_long = _seconds_to_radius(perigee_m, radius_m, flattest * np.exp(middle), late) > flight_s
        # A rounder ellipse takes longer on the way out and less long on the way back.
        up = too_long == late
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    eccentricity = 1.0 - flattest * np.exp(0.5 * (low + high))
    cosine = np.clip((perigee_m * (1.0 + eccentricity) / radius_m - 1.0) / eccentricity, -1.0, 1.0)
    anomaly = np.where(late, 2.0 * math.pi - np.arccos(cosine), np.arccos(cosine))
    possible = flight_s > shortest_flight_s(perigee_m, radius_m)
    return Conic(np.where(possible, eccentricity, np.nan), np.where(possible, anomaly, np.nan))


def _seconds_to_radius(perigee_m, radius_m, one_less_e, late):
    """Kepler's equation from perigee to a radius, on the way out or on the way back."""
    semi_major_m = perigee_m / one_less_e
    e = 1.0 - one_less_e
    eccentric = np.arccos(np.clip((1.0 - radius_m / semi_major_m) / e, -1.0, 1.0))
    eccentric = np.where(late, 2.0 * math.pi - eccentric, eccentric)
    # E - e sin E, kept exact where e is close to one.
    mean = (eccentric - np.sin(eccentric)) + one_less_e * np.sin(eccentric)
    return mean * np.sqrt(semi_major_m**3 / GM_EARTH_M3_S2)


def shortest_flight_s(perigee_m: float, radius_m: Numbers) -> Numbers:
    """On the parabola with that perigee: Barker's equation."""
    tangent = np.sqrt(np.asarray(radius_m) / perigee_m - 1.0)
    return np.sqrt(2.0 * perigee_m**3 / GM_EARTH_M3_S2) * (tangent + tangent**3 / 3.0)


def plane_normals(through: Array3, pole: Array3, inclination_rad: float, what: str) -> tuple[Array3, Array3]:
    """Unit normals of the two planes of an inclination that hold a direction: northbound there, then southbound. TransferError if none does."""
    sine = float(through @ pole)
    cosine = math.sqrt(max(0.0, 1.0 - sine**2))
    share = math.cos(inclination_rad) / max(cosine, 1e-12)
    if abs(share) > 1.0:
        reach_deg, least_deg = math.degrees(inclination_rad), math.degrees(math.asin(min(abs(sine), 1.0)))
        raise TransferError(
            f"a plane inclined by {reach_deg:.2f} deg never holds {what} at latitude {math.degrees(math.asin(sine)):.2f} deg; "
            f"choose an inclination between {least_deg:.2f} and {180.0 - least_deg:.2f} deg, or another date"
        )
    towards_pole = (pole - sine * through) / cosine
    east = np.cross(pole, through) / cosine
    rest = math.sqrt(1.0 - share**2)
    # The velocity there is normal x direction: to the north when the normal leans to the west.
    return share * towards_pole - rest * east, share * towards_pole + rest * east


def node_and_argument(normal: Array3, direction: Array3) -> tuple[float, float]:
    """Longitude of the ascending node, and argument of latitude of a direction in the plane; the equator is that of the axes."""
    node = math.atan2(normal[0], -normal[1])
    towards_node = np.array([math.cos(node), math.sin(node), 0.0])
    return node, math.atan2(float(direction @ np.cross(normal, towards_node)), float(direction @ towards_node))


def departures(
    perigee_m: float, inclination_rad: float, r_moon_gci_m: Array3, v_moon_gci_m_s: Array3, flight_s: float
) -> tuple[Departure, Departure]:
    """Both transfers, northbound and southbound at the Moon, that meet the Moon's place `flight_s` after perigee."""
    radius_m = float(np.linalg.norm(r_moon_gci_m))
    _refuse_flight_time(perigee_m, radius_m, flight_s)
    conic = conic_to_radius(perigee_m, np.asarray(radius_m), np.asarray(flight_s))
    towards_moon = r_moon_gci_m / radius_m
    normals = plane_normals(towards_moon, np.array([0.0, 0.0, 1.0]), inclination_rad, "the Moon")
    north, south = (_departure(perigee_m, conic, normal, towards_moon, v_moon_gci_m_s) for normal in normals)
    return north, south


def _refuse_flight_time(perigee_m: float, radius_m: float, flight_s: float) -> None:
    shortest_s = float(shortest_flight_s(perigee_m, np.asarray(radius_m)))
    longest_s = 2.0 * math.pi * math.sqrt((0.5 * (perigee_m + 1.5 * radius_m)) ** 3 / GM_EARTH_M3_S2)
    if not shortest_s < flight_s < longest_s:
        raise TransferError(
            f"the flight to the Moon is {flight_s / DAY_S:.2f} days; direct ones take from {shortest_s / DAY_S:.2f} days (a parabola) "
            f"to {longest_s / DAY_S:.1f}, and cost least near {math.pi * math.sqrt((0.5 * (perigee_m + radius_m)) ** 3 / GM_EARTH_M3_S2) / DAY_S:.1f}: "
            "change the departure or the arrival (from 50 days on, the way by the Sun is looked for)"
        )


def _departure(perigee_m: float, conic: Conic, normal: Array3, towards_moon: Array3, v_moon_gci_m_s: Array3) -> Departure:
    e, anomaly = float(conic.eccentricity), float(conic.true_anomaly_rad)
    sideways = np.cross(normal, towards_moon)
    perigee = math.cos(anomaly) * towards_moon - math.sin(anomaly) * sideways
    ahead = np.cross(normal, perigee)
    circular_m_s = math.sqrt(GM_EARTH_M3_S2 / perigee_m)
    speed_m_s = circular_m_s / math.sqrt(1.0 + e)
    v_m_s = speed_m_s * (ahead * (e + math.cos(anomaly)) - perigee * math.sin(anomaly))
    node, argument = node_and_argument(normal, perigee)
    return Departure(node, argument, circular_m_s * (math.sqrt(1.0 + e) - 1.0), v_m_s - v_moon_gci_m_s)


def approaches(v_excess_m_s: Array3, perilune_m: float, inclination_rad: float) -> tuple[Approach, Approach]:
    """Both hyperbolas of an inclination with that excess velocity and perilune; z is the pole."""
    speed_m_s = float(np.linalg.norm(v_excess_m_s))
    towards = v_excess_m_s / speed_m_s
    normals = plane_normals(towards, np.array([0.0, 0.0, 1.0]), inclination_rad, "the direction of arrival")
    north, south = (_approach(normal, towards, speed_m_s, perilune_m) for normal in normals)
    return north, south


def _approach(normal: Array3, towards: Array3, speed_m_s: float, perilune_m: float) -> Approach:
    cosine = 1.0 / (1.0 + perilune_m * speed_m_s**2 / GM_MOON_M3_S2)  # 1 / e: the perilune's angle from the incoming asymptote
    perilune = cosine * towards - math.sqrt(1.0 - cosine**2) * np.cross(normal, towards)
    return Approach(*node_and_argument(normal, perilune), speed_m_s)


def injection_m_s(perigee_m: float, conic: Conic) -> Numbers:
    """Velocity that a tangential impulse adds in a circular orbit of the perigee's radius."""
    return math.sqrt(GM_EARTH_M3_S2 / perigee_m) * (np.sqrt(1.0 + conic.eccentricity) - 1.0)


def insertion_m_s(speed_excess_m_s: Numbers, perilune_m: float, apolune_m: float) -> Numbers:
    """Velocity that an impulse at perilune takes out, from the hyperbola into an ellipse."""
    fast = np.sqrt(np.asarray(speed_excess_m_s) ** 2 + 2.0 * GM_MOON_M3_S2 / perilune_m)
    return fast - math.sqrt(2.0 * GM_MOON_M3_S2 * apolune_m / (perilune_m * (perilune_m + apolune_m)))
