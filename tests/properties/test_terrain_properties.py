"""Laws that the ground obeys for any input."""

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.moon.craters import crater_profile_m
from perilune.moon.maps import height_map
from perilune.moon.terrain import spherical_terrain

finite = st.floats(min_value=0.0, max_value=1.0)
# Ranges along the local vertical: a few ulp of the Moon's radius (2e-10 m), times eight steps.
RANGE_TOLERANCE_M = 1e-8
CELLS_M = np.random.default_rng(0).uniform(-3000.0, 5000.0, (6, 12))
MAP_HEIGHT_M = jax.jit(lambda u: height_map(CELLS_M, (90.0, 0.0), (-30.0, 30.0)).height_m(vec3(u)))
STRAIGHT_DOWN = jax.jit(lambda up, elevation, altitude: _straight_down(vec3(up).unit(), elevation, altitude))


def _straight_down(up, elevation_m, altitude_m):
    return spherical_terrain(elevation_m).raycast(up * (RADIUS_MOON_M + elevation_m + altitude_m), -up)


@given(depth=st.floats(1.0, 5000.0), rim=finite, floor=st.floats(0.0, 0.9), near=finite, far=finite)
@settings(max_examples=60, deadline=None)
def test_crater_rises_to_its_crest_and_falls_beyond(depth, rim, floor, near, far):
    low, high = sorted((near, far))
    rim_m = rim * depth
    crest = 1.0 - 1e-12  # just inside: at 1 the profile is the rim's own
    inside = [crater_profile_m(min(q, crest), depth, rim_m, floor, np) for q in (low**2, high**2, crest)]
    assert inside[0] <= inside[1] + 1e-9 <= inside[2] + 2e-9
    outside = [crater_profile_m((1.0 + 3.0 * x) ** 2, depth, rim_m, floor, np) for x in (0.0, low, high, 1.0)]
    assert outside[0] >= outside[1] - 1e-9 >= outside[2] - 2e-9 and outside[3] == 0.0
    assert abs(inside[2] - outside[0]) < 1e-6 * depth  # no cliff at the crest


@given(x=st.floats(-1.0, 1.0), y=st.floats(-1.0, 1.0), altitude=st.floats(0.1, 30_000.0), elevation=st.floats(-5000.0, 5000.0))
@settings(max_examples=30, deadline=None)
def test_straight_down_is_the_altitude(x, y, altitude, elevation):
    hit = STRAIGHT_DOWN(np.array([x, y, 0.7]), elevation, altitude)
    assert bool(hit.hit) and abs(float(hit.range_m) - altitude) < RANGE_TOLERANCE_M


@given(latitude=st.floats(-90.0, 90.0), longitude=st.floats(-360.0, 360.0))
@settings(max_examples=60, deadline=None)
def test_map_never_leaves_the_range_of_its_cells_and_turns_with_the_moon(latitude, longitude):
    a, b = np.radians(latitude), np.radians(longitude)

    def at(angle):
        return float(MAP_HEIGHT_M(np.array([np.cos(a) * np.cos(angle), np.cos(a) * np.sin(angle), np.sin(a)])))

    assert CELLS_M.min() - 1e-3 <= at(b) <= CELLS_M.max() + 1e-3
    assert abs(at(b) - at(b + 2.0 * np.pi)) < 1e-3  # 8 km over a cell of 30 deg, times the round-off of an angle
