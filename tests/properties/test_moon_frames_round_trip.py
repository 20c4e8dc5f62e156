"""Places and velocities survive the way through each frame and back."""

import math

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import Selenographic, lci_from_lfme, lfme_from_lci, moon_orientation, q_lci_rac, selenographic, site_frame
from perilune.moon.time import DAY_S, epoch_from_utc

EPHEMERIS = load_ephemeris(epoch_from_utc("2024-02-22T23:24:00"), 10.0 * DAY_S)
# A few ulp of 1e7 m and of 3 km/s, through two rotations.
POSITION_M, SPEED_M_S = 3e-8, 3e-12
# A few ulp of 1.74e6 m.
PLACE_M = 3e-9

latitudes = st.floats(-math.pi / 2, math.pi / 2)
longitudes = st.floats(-math.pi, math.pi)
places = st.builds(Selenographic, latitudes, longitudes, st.floats(-9e3, 2e5))
positions = st.tuples(*[st.floats(-1e7, 1e7)] * 3).map(vec3)
velocities = st.tuples(*[st.floats(-3e3, 3e3)] * 3).map(vec3)


# The first example pays for the compilation, so there is no deadline on one example.
few = settings(max_examples=50, deadline=None)


@jax.jit
def there_and_back(t_s, r_lci_m, v_lci_m_s):
    orientation = moon_orientation(EPHEMERIS, t_s)
    return lci_from_lfme(orientation, *lfme_from_lci(orientation, r_lci_m, v_lci_m_s))


@given(st.floats(0.0, 10.0 * DAY_S), positions, velocities)
@few
def test_lci_to_lfme_and_back(t_s, r_lci_m, v_lci_m_s):
    r_m, v_m_s = there_and_back(t_s, r_lci_m, v_lci_m_s)
    assert float((r_m - r_lci_m).norm()) < POSITION_M
    assert float((v_m_s - v_lci_m_s).norm()) < SPEED_M_S


@given(places)
@few
def test_place_to_position_and_back(place):
    back = selenographic(place.r_lfme_m())
    assert float((back.r_lfme_m() - place.r_lfme_m()).norm()) < PLACE_M
    assert float(back.elevation_m) == pytest.approx(place.elevation_m, abs=PLACE_M)


@given(places, st.tuples(*[st.floats(-5e4, 5e4)] * 3).map(vec3))
@few
def test_site_and_back(place, r_site_m):
    frame = site_frame(place)
    assert float((frame.r_site_m(frame.r_lfme_m(r_site_m)) - r_site_m).norm()) < PLACE_M
    assert float((frame.v_site_m_s(frame.v_lfme_in_lfme_m_s(r_site_m)) - r_site_m).norm()) < PLACE_M


@given(positions, velocities)
@few
def test_rac_axes_hold_the_orbit(r_lci_m, v_lci_m_s):
    area = float(r_lci_m.cross(v_lci_m_s).norm())
    size = float(r_lci_m.norm() * v_lci_m_s.norm())
    if area <= 1e-3 * size:
        return  # near the line there is no plane to speak of
    r_rac_m = q_lci_rac(r_lci_m, v_lci_m_s).inverse() @ r_lci_m
    v_rac_m_s = q_lci_rac(r_lci_m, v_lci_m_s).inverse() @ v_lci_m_s
    scale_m, scale_m_s = float(r_lci_m.norm()), float(v_lci_m_s.norm())
    # The plane of nearly parallel vectors loses a factor of size / area <= 1000.
    assert abs(float(r_rac_m.y)) + abs(float(r_rac_m.z)) < 1e-12 * scale_m
    assert abs(float(v_rac_m_s.z)) < 1e-12 * scale_m_s
    assert float(r_rac_m.x) > 0.0
    assert float(v_rac_m_s.y) > 0.0
