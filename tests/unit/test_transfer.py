"""Patched conics: times of flight, planes and hyperbolas against closed forms."""

import math

import numpy as np
import pytest

from perilune.constants import GM_EARTH_M3_S2, GM_MOON_M3_S2
from perilune.dynamics.orbit import elements_of
from perilune.trajectory.injection import plane_state
from perilune.trajectory.refusal import TransferError
from perilune.trajectory.transfer import (
    approaches,
    conic_to_radius,
    departures,
    insertion_m_s,
    plane_normals,
    shortest_flight_s,
)

DAY_S = 86400.0
PERIGEE_M, MOON_M = 6.578e6, 3.844e8
R_MOON_M = MOON_M * np.array([math.cos(0.4) * math.cos(0.3), math.sin(0.4) * math.cos(0.3), math.sin(0.3)])
V_MOON_M_S = 1022.0 * np.array([-math.sin(0.4), math.cos(0.4), 0.0])
# Bisection ends at rounding of the eccentricity, of which the time near apogee is the square root.
TIME_S = 1e-2
ANGLE_RAD = 1e-12


def half_period_s(perigee_m, apogee_m):
    return math.pi * math.sqrt((0.5 * (perigee_m + apogee_m)) ** 3 / GM_EARTH_M3_S2)


def seconds_on(conic):
    """Kepler's equation written another way: through the true anomaly."""
    e, nu = float(conic.eccentricity), float(conic.true_anomaly_rad)
    eccentric = 2.0 * math.atan2(math.sqrt(1 - e) * math.sin(nu / 2), math.sqrt(1 + e) * math.cos(nu / 2)) % (2 * math.pi)
    return (eccentric - e * math.sin(eccentric)) * math.sqrt((PERIGEE_M / (1 - e)) ** 3 / GM_EARTH_M3_S2)


@pytest.mark.parametrize("days", [2.2, 3.0, 4.0, 4.9, 5.5, 7.0])
def test_the_ellipse_takes_the_time_asked_for(days):
    conic = conic_to_radius(PERIGEE_M, np.asarray(MOON_M), np.asarray(days * DAY_S))
    radius_m = PERIGEE_M * (1 + conic.eccentricity) / (1 + conic.eccentricity * np.cos(conic.true_anomaly_rad))
    assert seconds_on(conic) == pytest.approx(days * DAY_S, abs=TIME_S)
    assert float(radius_m) == pytest.approx(MOON_M, rel=1e-9)


def test_past_the_apogee_when_the_flight_is_longer_than_to_one_there():
    limit_s = half_period_s(PERIGEE_M, MOON_M)
    conic = conic_to_radius(PERIGEE_M, np.asarray(MOON_M), np.array([limit_s - 3600.0, limit_s + 3600.0]))
    assert conic.true_anomaly_rad[0] < math.pi < conic.true_anomaly_rad[1]


def test_faster_than_a_parabola_is_refused_with_what_is_possible():
    fastest_s = float(shortest_flight_s(PERIGEE_M, np.asarray(MOON_M)))
    assert np.isnan(conic_to_radius(PERIGEE_M, np.asarray(MOON_M), np.asarray(0.99 * fastest_s)).eccentricity)
    with pytest.raises(TransferError, match=r"is 1\.50 days; direct ones take from 2\.\d+ days"):
        departures(PERIGEE_M, 0.9, R_MOON_M, V_MOON_M_S, 1.5 * DAY_S)
    with pytest.raises(TransferError, match=r"is 40\.00 days"):
        departures(PERIGEE_M, 0.9, R_MOON_M, V_MOON_M_S, 40.0 * DAY_S)


def test_both_departures_arrive_at_the_moon():
    inclination = math.radians(51.6)
    for start in departures(PERIGEE_M, inclination, R_MOON_M, V_MOON_M_S, 4.5 * DAY_S):
        speed = math.sqrt(GM_EARTH_M3_S2 / PERIGEE_M) + start.delta_v_m_s
        r_m, v_m_s = plane_state(PERIGEE_M, speed, inclination, start.node_rad, start.latitude_argument_rad)
        elements = elements_of(r_m, v_m_s, GM_EARTH_M3_S2)
        conic = conic_to_radius(PERIGEE_M, np.asarray(MOON_M), np.asarray(4.5 * DAY_S))
        assert float(elements.eccentricity) == pytest.approx(float(conic.eccentricity), abs=1e-9)
        normal = np.asarray(r_m.cross(v_m_s).unit().array())
        assert float(normal @ R_MOON_M) / MOON_M == pytest.approx(0.0, abs=ANGLE_RAD)


def test_a_flat_parking_orbit_that_never_holds_the_moon_is_refused():
    with pytest.raises(
        TransferError, match=r"inclined by 10\.00 deg never holds the Moon at latitude 17\.19 deg; choose an inclination between 17\.19"
    ):
        departures(PERIGEE_M, math.radians(10.0), R_MOON_M, V_MOON_M_S, 4.5 * DAY_S)


def test_northbound_comes_before_southbound():
    direction, pole = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    north, south = plane_normals(direction, pole, 1.0, "it")
    assert np.cross(north, direction)[2] > 0.0 > np.cross(south, direction)[2]


@pytest.mark.parametrize("inclination_deg", [60.0, 90.0, 120.0])
def test_the_hyperbola_comes_in_along_the_asymptote(inclination_deg):
    v_excess, perilune_m = np.array([700.0, -300.0, 200.0]), 1.8374e6
    speed = float(np.linalg.norm(v_excess))
    for end in approaches(v_excess, perilune_m, math.radians(inclination_deg)):
        fast = math.sqrt(speed**2 + 2.0 * GM_MOON_M3_S2 / perilune_m)
        r_m, v_m_s = plane_state(perilune_m, fast, math.radians(inclination_deg), end.node_rad, end.latitude_argument_rad)
        e = 1.0 + perilune_m * speed**2 / GM_MOON_M3_S2
        # The asymptote: cos nu = -1 / e, before perilune.
        towards = np.asarray(r_m.unit().array()) / e + math.sqrt(1 - 1 / e**2) * np.asarray(v_m_s.unit().array())
        assert towards @ v_excess / speed == pytest.approx(1.0, abs=1e-12)
        assert float(elements_of(r_m, v_m_s, GM_MOON_M3_S2).inclination_rad) == pytest.approx(math.radians(inclination_deg), abs=1e-9)


def test_insertion_into_a_circle_is_the_difference_of_the_speeds():
    radius_m = 1.8374e6
    circle, fast = math.sqrt(GM_MOON_M3_S2 / radius_m), math.sqrt(800.0**2 + 2 * GM_MOON_M3_S2 / radius_m)
    assert float(insertion_m_s(np.asarray(800.0), radius_m, radius_m)) == pytest.approx(fast - circle, rel=1e-12)
