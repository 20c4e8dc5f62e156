"""Relief: reproducible, periodic, seen by each flight at its own offset."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.vector import Vec3
from perilune.moon.relief import CELLS, LOCAL_SPACING_M, REGIONAL_SPACING_M, ReliefLaw, Tile, draw_offset, make_relief, relief_at

MARE = ReliefLaw(hurst=0.76, slope_median_rad=np.radians(3.0), slope_baseline_m=3.0, map_relief_m=75.0, surface_age_ga=3.5)
# float32 inside a cell, at heights below 500 m.
FLOAT32_M = 1e-4


@pytest.fixture(scope="module")
def tiles():
    return make_relief(MARE, 1)


def test_same_seed_same_ground_other_seed_other_ground(tiles):
    make_again = make_relief.__wrapped__
    assert np.array_equal(make_again(MARE, 1).local.corners, tiles.local.corners)
    assert not np.array_equal(make_again(MARE, 2).local.corners, tiles.local.corners)


@pytest.mark.parametrize("name,spacing_m", [("local", LOCAL_SPACING_M), ("regional", REGIONAL_SPACING_M)])
def test_tile_gives_its_nodes_and_the_mean_of_a_cell(tiles, name, spacing_m):
    tile: Tile = getattr(tiles, name)
    nodes = tile.heights_m()
    for i, j in ((0, 0), (5, 900), (CELLS - 1, CELLS - 1)):
        here = float(tile.height_m(i * spacing_m, j * spacing_m))
        assert here == pytest.approx(nodes[j, i], abs=FLOAT32_M)
        corners = [nodes[(j + b) % CELLS, (i + a) % CELLS] for a in (0, 1) for b in (0, 1)]
        assert float(tile.height_m((i + 0.5) * spacing_m, (j + 0.5) * spacing_m)) == pytest.approx(np.mean(corners), abs=FLOAT32_M)


def test_tile_repeats_and_is_continuous_across_its_edge(tiles):
    period_m = CELLS * LOCAL_SPACING_M
    for north_m in (0.0, 17.3, 1023.9):
        here = float(tiles.local.height_m(3.7, north_m))
        assert float(tiles.local.height_m(3.7 - 5.0 * period_m, north_m + 2.0 * period_m)) == pytest.approx(here, abs=FLOAT32_M)
        step = float(tiles.local.height_m(1e-4, north_m)) - float(tiles.local.height_m(-1e-4, north_m))
        assert abs(step) < 4e-4  # ground steeper than 60 deg would be needed to exceed it


def test_offset_changes_the_ground_and_is_all_that_a_flight_carries(tiles):
    relief = relief_at(np.radians(60.5), np.radians(-4.6), tiles)
    offsets = jax.vmap(lambda seed: draw_offset(stream_of_seed(seed)))(jnp.arange(64))
    axes = eqx.tree_at(
        lambda r: r.offset, jax.tree.map(lambda _: None, relief), jax.tree.map(lambda _: 0, offsets), is_leaf=lambda x: x is None
    )
    batch = eqx.tree_at(lambda r: r.offset, relief, offsets)
    heights = eqx.filter_vmap(lambda r: r.height_m(r.up_lfme), in_axes=(axes,))(batch)
    assert np.unique(np.asarray(heights)).size == 64
    assert np.allclose(np.asarray(offsets.cos_turn) ** 2 + np.asarray(offsets.sin_turn) ** 2, 1.0, atol=1e-12)


def test_distances_are_true_at_the_site(tiles):
    relief = relief_at(np.radians(60.5), np.radians(-4.6), tiles)
    ahead = (relief.up_lfme * RADIUS_MOON_M + relief.east_lfme * 300.25 + relief.north_lfme * 40.5).unit()
    flat = tiles.regional.height_m(300.25, 40.5) + tiles.local.height_m(300.25, 40.5)
    # stereographic against tangent plane: 1e-5 m at 300 m, times slopes well under 1
    assert float(relief.height_m(ahead)) == pytest.approx(float(flat), abs=FLOAT32_M)


def test_far_side_of_the_site_is_finite(tiles):
    relief = relief_at(0.3, 1.0, tiles)
    nearly_antipode = (relief.up_lfme * -1.0 + relief.east_lfme * 1e-3).unit()
    assert bool(jnp.isfinite(relief.height_m(nearly_antipode)))
    assert isinstance(relief.east_lfme, Vec3)


@pytest.mark.parametrize("name,value", [("hurst", 1.4), ("slope_median_rad", -0.1), ("slope_baseline_m", 0.2), ("surface_age_ga", 9.0)])
def test_impossible_laws_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"relief {name} is {value}"):
        ReliefLaw(**{**MARE.__dict__, name: value})


def test_ground_that_cannot_be_that_smooth_is_refused():
    with pytest.raises(ValueError, match="choose a smaller map_relief_m"):
        make_relief(ReliefLaw(0.9, np.radians(0.5), 3.0, 1500.0, 3.5), 1)
