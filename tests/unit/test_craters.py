"""Craters: shape of the profile, numbers by size and age, entries refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.moon.craters import Crater, crater_at, craters_per_km2, draw_diameters_m, stamp_population

# Atlas (design figures: 87 km across, 46.7 N 44.4 E; rim to floor 2 to 3 km).
ATLAS = dict(
    latitude_rad=np.radians(46.7), longitude_rad=np.radians(44.4), diameter_m=87e3, depth_m=2700.0, rim_m=700.0, floor_fraction=0.6
)
# Round-off of a height through unit vectors: 1e-16 of the Moon's radius, amplified by the slope of the wall.
HEIGHT_TOLERANCE_M = 1e-6


def height_m(crater: Crater, latitude_deg: float, longitude_deg: float) -> float:
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    direction = (np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude))
    return float(crater.height_m(vec3(direction)))


def test_floor_lies_one_depth_under_the_crest():
    atlas = crater_at(**ATLAS)
    assert height_m(atlas, 46.7, 44.4) == pytest.approx(700.0 - 2700.0, abs=HEIGHT_TOLERANCE_M)
    crest_deg = np.degrees(2.0 * np.arcsin(0.5 * 43.5e3 / RADIUS_MOON_M))
    for north in (crest_deg, -crest_deg):
        assert height_m(atlas, 46.7 + north, 44.4) == pytest.approx(700.0, abs=1e-3)  # the crest is a kink; 1 mm is 5 mm of radius


def test_crest_is_the_highest_point_and_ejecta_end():
    atlas = crater_at(**ATLAS)
    latitudes = np.linspace(46.7, 52.0, 4001)
    heights = _along_meridian(atlas, latitudes)
    crest = latitudes[np.argmax(heights)]
    assert np.radians(crest - 46.7) * RADIUS_MOON_M == pytest.approx(43.5e3, abs=50.0)  # two samples of 40 m
    beyond = np.radians(latitudes - 46.7) * RADIUS_MOON_M > 3.0 * 43.5e3 + 100.0
    assert beyond.any() and np.all(heights[beyond] == 0.0)


def _along_meridian(crater: Crater, latitudes_deg: np.ndarray) -> np.ndarray:
    latitude, longitude = np.radians(latitudes_deg), np.radians(44.4)
    direction = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1)
    return np.asarray(jax.vmap(lambda d: crater.height_m(vec3(d)))(jnp.asarray(direction)))


def test_target_of_hakuto_r_lies_on_the_floor_of_atlas():
    assert height_m(crater_at(**ATLAS), 47.5, 44.4) == pytest.approx(-2000.0, abs=HEIGHT_TOLERANCE_M)


def test_bowl_is_a_parabola():
    bowl = crater_at(0.0, 0.0, 1000.0, 200.0, 36.0)
    half_way_deg = np.degrees(250.0 / RADIUS_MOON_M)
    assert height_m(bowl, half_way_deg, 0.0) == pytest.approx(36.0 - 200.0 * 0.75, abs=HEIGHT_TOLERANCE_M)


@pytest.mark.parametrize("wrong", [dict(floor_fraction=1.0), dict(diameter_m=-5.0), dict(depth_m=100.0, rim_m=300.0)])
def test_impossible_craters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        crater_at(**(ATLAS | wrong))


def test_production_reaches_the_published_number_at_one_kilometre():
    # reference: N(>= 1 km; 1 Ga) = 8.38e-4 + 5.6e-11 per km2 (Neukum chronology), printed to three figures
    assert craters_per_km2(np.array([1.0]), 1.0)[0] == pytest.approx(8.38e-4, rel=1e-6)


def test_small_craters_are_held_at_equilibrium():
    sizes = np.array([0.004, 0.01, 0.05])
    assert np.allclose(craters_per_km2(sizes, 3.5), 10.0**-1.1 / sizes**2, rtol=1e-12)
    assert craters_per_km2(np.array([1.0]), 3.5)[0] < 10.0**-1.1


def test_drawn_diameters_follow_the_cumulative_number():
    diameters = draw_diameters_m(np.random.default_rng(0), 1e10, (100.0, 10_000.0), 3.9)
    for size_m in (100.0, 200.0, 1000.0):
        expected = 1e4 * float(craters_per_km2(np.array([size_m / 1e3]), 3.9)[0] - craters_per_km2(np.array([10.0]), 3.9)[0])
        assert abs(np.sum(diameters >= size_m) - expected) < 4.0 * np.sqrt(expected)  # 4 sigma of a Poisson count


def test_population_is_seeded_and_has_no_mean():
    first, again, other = (stamp_population(np.random.default_rng(s), 128, 4.0, (16.0, 160.0), 3.5) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert abs(first.mean()) < 1e-12 and first.min() < -1.0
