"""Beams against closed forms on a sphere and a tilted plane, and against a fine march on rough ground with a crater wall."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.vector import Vec3, vec3
from perilune.moon.craters import crater_at
from perilune.moon.maps import AbstractElevation
from perilune.moon.relief import ReliefLaw, draw_offset, make_relief, relief_at
from perilune.moon.terrain import Terrain, level_terrain, seen_at, spherical_terrain
from perilune.types import Scalar

HIGHLAND = ReliefLaw(hurst=0.95, slope_median_rad=np.radians(6.0), slope_baseline_m=3.0, map_relief_m=480.0, surface_age_ga=3.9)
# What remains after five cautious steps and two secants on smooth ground, per metre of height over it.
SMOOTH_TOLERANCE = 1e-4


def beam_from(altitude_m: float, off_nadir_deg: float) -> tuple[Vec3, Vec3]:
    angle = np.radians(off_nadir_deg)
    return vec3((0.0, 0.0, RADIUS_MOON_M + altitude_m)), vec3((np.sin(angle), 0.0, -np.cos(angle)))


@pytest.mark.parametrize("altitude_m", [2.0, 500.0, 20_000.0])
@pytest.mark.parametrize("off_nadir_deg", [0.0, 20.0, 45.0, 60.0])
def test_sphere_in_closed_form(altitude_m, off_nadir_deg):
    r, d = beam_from(altitude_m, off_nadir_deg)
    hit = spherical_terrain(0.0).raycast(r, d)
    b = float(r.dot(d))
    exact = -b - np.sqrt(b * b - (altitude_m * (2.0 * RADIUS_MOON_M + altitude_m)))
    assert bool(hit.hit) and float(hit.range_m) == pytest.approx(exact, abs=SMOOTH_TOLERANCE * altitude_m)
    point = (r + d * exact).unit()
    assert float(hit.cos_incidence) == pytest.approx(-float(d.dot(point)), abs=1e-5)


class TiltedPlane(AbstractElevation):
    """The plane normal . r = distance."""

    normal: Vec3
    distance_m: Scalar

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        return self.distance_m / self.normal.dot(direction_lfme) - RADIUS_MOON_M


@pytest.mark.parametrize("tilt_deg", [-25.0, -10.0, 10.0, 25.0])
@pytest.mark.parametrize("off_nadir_deg", [0.0, 30.0])
def test_tilted_plane_in_closed_form(tilt_deg, off_nadir_deg):
    tilt = np.radians(tilt_deg)
    normal = vec3((np.sin(tilt), 0.0, np.cos(tilt)))
    plane = Terrain(TiltedPlane(normal, RADIUS_MOON_M * jnp.cos(tilt)), (), None, jnp.zeros(()))
    r, d = beam_from(800.0, off_nadir_deg)
    hit = plane.raycast(r, d)
    exact = (RADIUS_MOON_M * np.cos(tilt) - float(normal.dot(r))) / float(normal.dot(d))
    assert bool(hit.hit) and float(hit.range_m) == pytest.approx(exact, abs=SMOOTH_TOLERANCE * 800.0)
    assert float(hit.cos_incidence) == pytest.approx(-float(normal.dot(d)), abs=1e-9)


def test_beams_that_miss_do_not_hit():
    sphere = spherical_terrain(0.0)
    r, _ = beam_from(1000.0, 0.0)
    for direction in (vec3((0.0, 0.0, 1.0)), vec3((1.0, 0.0, 0.0)), vec3((1.0, 0.0, 0.1)).unit()):
        assert not bool(sphere.raycast(r, direction).hit)


def rough_ground(seed: int) -> Terrain:
    site = (np.radians(47.5), np.radians(44.4))
    atlas = crater_at(np.radians(46.7), np.radians(44.4), 87e3, 3000.0, 800.0, 0.6)
    terrain = level_terrain(-900.0, (atlas,), relief_at(*site, make_relief(HIGHLAND, 1)))
    return seen_at(terrain, draw_offset(stream_of_seed(seed)))


def beams(ground: Terrain, count: int, altitude_m: float, off_nadir_deg: float):
    """Starts over floor, wall and rim of the crater, at one height over the ground, in all directions."""
    rng = np.random.default_rng(5)
    relief = ground.relief
    east, north, top = (np.array([float(c) for c in v.components()]) for v in (relief.east_lfme, relief.north_lfme, relief.up_lfme))
    place = RADIUS_MOON_M * top + rng.uniform(-2e4, 2e4, (count, 1)) * east + rng.uniform(-4e4, 4e4, (count, 1)) * north
    up = place / np.linalg.norm(place, axis=1, keepdims=True)
    ahead = np.cross(up, rng.standard_normal((count, 3)))
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    angle = np.radians(off_nadir_deg)
    height = np.asarray(eqx.filter_jit(lambda g, u: jax.vmap(lambda a: g.height_m(vec3(a)))(u))(ground, jnp.asarray(up)))
    return jnp.asarray(up * (RADIUS_MOON_M + height + altitude_m)[:, None]), jnp.asarray(np.sin(angle) * ahead - np.cos(angle) * up)


MARCH_STEPS = 6000


@eqx.filter_jit
def cast(ground: Terrain, r, d):
    return jax.vmap(lambda a, b: ground.raycast(vec3(a), vec3(b)))(r, d)


@eqx.filter_jit
def first_crossings_m(ground: Terrain, r, d, range_max_m):
    """Brute force: the first step of a fine march that ends under the ground, then bisection."""
    step_m = range_max_m / MARCH_STEPS

    def under(a, b, range_m):
        point = vec3(a) + vec3(b) * range_m
        return point.norm() - RADIUS_MOON_M < ground.height_m(point.unit())

    def one(beam):
        found = jax.vmap(lambda k: under(*beam, k * step_m))(jnp.arange(1, MARCH_STEPS + 1))
        high = (jnp.argmax(found) + 1) * step_m

        def halve(_, ends):
            middle = 0.5 * (ends[0] + ends[1])
            inside = under(*beam, middle)
            return jnp.where(inside, ends[0], middle), jnp.where(inside, middle, ends[1])

        return jnp.where(jnp.any(found), jax.lax.fori_loop(0, 30, halve, (high - step_m, high))[1], jnp.inf)

    return jax.lax.map(one, (r, d))


# (altitude m, off nadir deg, share of beams that may fail, median error m, error of 95 % in m): about twice what 300 beams a setting
# showed. A failed beam says "no hit" though there is ground, or is off by more than 1 % of the range. To 45 deg none of 300 failed in
# any of 27 settings; at 60 deg, where relief hides ground, up to 1 % (10 km, highland) said "no hit" and none was off by 1 %.
CASES = [
    (50.0, 20.0, 0.0, 0.001, 0.01),
    (1000.0, 45.0, 0.0, 0.01, 0.3),
    (10_000.0, 20.0, 0.0, 0.01, 0.05),
    (10_000.0, 60.0, 0.05, 2.0, 30.0),
]


@pytest.mark.parametrize("altitude_m,off_nadir_deg,fail_share,median_m,most_m", CASES)
def test_rough_ground_by_brute_force(altitude_m, off_nadir_deg, fail_share, median_m, most_m):
    ground, count = rough_ground(4), 100
    r, d = beams(ground, count, altitude_m, off_nadir_deg)
    hits = cast(ground, r, d)
    exact = np.asarray(first_crossings_m(ground, r, d, jnp.asarray(3.0 * altitude_m / np.cos(np.radians(off_nadir_deg)))))
    met = np.isfinite(exact)
    error = np.abs(np.asarray(hits.range_m) - exact)
    failed = met & (~np.asarray(hits.hit) | (error > 0.01 * exact))
    assert met.sum() > 0.9 * count
    assert failed.sum() <= fail_share * count
    good = error[met & ~failed]
    assert np.median(good) < median_m and np.percentile(good, 95) < most_m
