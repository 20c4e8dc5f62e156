"""Terrain: parts add up, normals and planes agree with the heights, a site keeps its mapped elevation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.vector import Vec3, vec3
from perilune.moon.craters import crater_at
from perilune.moon.relief import ReliefLaw, draw_offset, make_relief, relief_at
from perilune.moon.terrain import level_terrain, seen_at, spherical_terrain, with_site_elevation

MARE = ReliefLaw(hurst=0.76, slope_median_rad=np.radians(3.0), slope_baseline_m=3.0, map_relief_m=75.0, surface_age_ga=3.5)
SITE = (np.radians(47.5), np.radians(44.4))
# Round-off of a slope: 1e-10 m of height over centimetres.
SLOPE_TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def ground():
    relief = relief_at(*SITE, make_relief(MARE, 1))
    atlas = crater_at(np.radians(46.7), np.radians(44.4), 87e3, 2700.0, 700.0, 0.6)
    return seen_at(level_terrain(-900.0, (atlas,), relief), draw_offset(stream_of_seed(4)))


def up_at(ground, east_m: float, north_m: float) -> Vec3:
    relief = ground.relief
    return (relief.up_lfme * RADIUS_MOON_M + relief.east_lfme * east_m + relief.north_lfme * north_m).unit()


def test_parts_add_up(ground):
    up = up_at(ground, 120.0, -45.0)
    parts = -900.0 + ground.craters[0].height_m(up) + ground.relief.height_m(up)
    assert float(ground.height_m(up)) == pytest.approx(float(parts), abs=1e-9)


def test_sphere_is_the_same_everywhere_with_radial_normal():
    sphere, up = spherical_terrain(250.0), vec3((0.48, 0.6, 0.64))
    assert float(sphere.height_m(up)) == 250.0
    assert float(sphere.normal_lfme(up).dot(up)) == pytest.approx(1.0, abs=1e-15)
    assert float(sphere.mean_slope_at(up * RADIUS_MOON_M)) == pytest.approx(0.0, abs=SLOPE_TOLERANCE)


def test_normal_is_square_to_the_ground(ground):
    up = up_at(ground, 33.4, 71.7)
    normal = ground.normal_lfme(up)
    for axis in (ground.relief.east_lfme, ground.relief.north_lfme):
        ends = [(up + axis * (s * 0.05 / RADIUS_MOON_M)).unit() for s in (-1.0, 1.0)]
        points = [end * (RADIUS_MOON_M + ground.height_m(end)) for end in ends]
        along = points[1] - points[0]
        # Inside a cell heights are float32: an ulp of 430 m, 3e-5 m, over the 0.1 m between the ends.
        assert abs(float(along.dot(normal) / along.norm())) < 3e-4


def test_plane_under_follows_a_crater_wall():
    # Half way up a bowl 200 m deep and 1 km across the wall rises 2 * 200 * 0.5 / 500 = 0.4; the parabola has no error at the centre.
    bowl = level_terrain(0.0, (crater_at(0.0, 0.0, 1000.0, 200.0, 36.0),))
    r_m = vec3((1.0, 0.0, 250.0 / RADIUS_MOON_M)).unit() * RADIUS_MOON_M
    assert float(bowl.mean_slope_at(r_m)) == pytest.approx(np.arctan(0.4), abs=1e-6)
    plane = bowl.plane_under(r_m, 3.0)
    # Mean of four points 1.5 m off on a bowl of curvature 2 * 200 / 500^2: half of 1.6e-3 * 1.5^2 above the centre.
    assert float(plane.height_m) == pytest.approx(36.0 - 150.0 + 0.5 * 1.6e-3 * 1.5**2, abs=1e-4)
    assert float(plane.normal_lfme.z) < 0.0


def test_site_keeps_its_mapped_elevation_at_any_offset(ground):
    site = ground.relief.up_lfme
    for seed in range(3):
        shifted = with_site_elevation(seen_at(ground, draw_offset(stream_of_seed(seed))), site, -2965.5)
        assert float(shifted.plane_under(site * RADIUS_MOON_M, 1000.0).height_m) == pytest.approx(-2965.5, abs=1e-6)


def test_terrain_without_relief_ignores_offsets():
    sphere = spherical_terrain(0.0)
    assert seen_at(sphere, draw_offset(stream_of_seed(1))) is sphere


def test_lander_does_not_move_with_its_batch_mates(ground):
    r_m = jnp.stack([up_at(ground, 100.0 * k, 3.0).array() * (RADIUS_MOON_M + 500.0) for k in range(4)])
    cast = eqx.filter_jit(lambda g, batch: jax.vmap(lambda r: g.raycast(vec3(r), -vec3(r).unit()).range_m)(batch))
    other = jnp.concatenate([r_m[:1], r_m[1:] * 1.001])
    assert float(cast(ground, r_m)[0]) == float(cast(ground, other)[0])
