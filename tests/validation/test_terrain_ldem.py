"""The map reader against LOLA's own numbers, and the statistical relief against the map about three landing sites."""

import os
from pathlib import Path

import numpy as np
import pytest

from perilune.math.vector import vec3
from perilune.moon.maps import read_pds
from perilune.moon.relief import ReliefLaw, make_relief

FOLDER = os.environ.get("PERILUNE_REFERENCE_DATA")
needs_map = pytest.mark.skipif(not FOLDER, reason="PERILUNE_REFERENCE_DATA is not set: LDEM_4 is not at hand")

# Cells of LDEM_4 (PDS, LRO-L-LOLA-4-GDR-V1.0): latitude, longitude, elevation in m.
LANDING_SITES = {
    "Apollo 11": (0.674, 23.473, -1883.0), "Apollo 15": (26.132, 3.634, -1924.5), "Apollo 17": (20.191, 30.772, -2662.0),
    "Chang'e-3": (44.121, -19.512, -2625.0), "Chandrayaan-3": (-69.373, 32.319, 544.5),
}  # fmt: skip
# Core height differences (median of their size / 0.6745) over 1, 2 and 4 cells of 7.58 km north-south, within 150 km of the sites.
CELL_M = 7580.84
CORE_M = {"highland": (-69.5, 43.5, (480.0, 902.0, 1396.0)), "mare": (60.5, -4.6, (67.0, 120.0, 202.0))}
LAWS = {
    "highland": ReliefLaw(hurst=0.95, slope_median_rad=np.radians(6.0), slope_baseline_m=3.0, map_relief_m=480.0, surface_age_ga=3.9),
    "mare": ReliefLaw(hurst=0.76, slope_median_rad=np.radians(3.0), slope_baseline_m=3.0, map_relief_m=75.0, surface_age_ga=3.5),
}
# The first lag is what the law was given; the others are its prediction. The cores themselves change by 20 % between 100 and 300 km
# about a site, and the tile ends all growth at half its period (32 km).
RELIEF_TOLERANCE = 0.30


@pytest.fixture(scope="module")
def ldem():
    folder = Path(str(FOLDER)) / "terrain"
    return read_pds((folder / "LDEM_4.LBL").read_bytes(), (folder / "LDEM_4.IMG").read_bytes())


@needs_map
def test_extremes_and_moments(ldem):
    heights = np.asarray(ldem.heights_m, dtype=float)
    latitude = np.radians(89.875 - 0.25 * np.arange(720))
    weight = np.repeat(np.cos(latitude)[:, None], 1440, axis=1)
    mean = np.average(heights, weights=weight)
    assert heights.min() == -8878.5 and heights.max() == 10504.0
    assert mean == pytest.approx(-248.28, abs=0.01)
    assert np.sqrt(np.average((heights - mean) ** 2, weights=weight)) == pytest.approx(2326.73, abs=0.01)


@needs_map
@pytest.mark.parametrize("name", LANDING_SITES)
def test_landing_site_cells(ldem, name):
    latitude_deg, longitude_deg, elevation_m = LANDING_SITES[name]
    centre = [np.radians((np.floor(angle * 4.0) + 0.5) / 4.0) for angle in (latitude_deg, longitude_deg)]
    direction = (np.cos(centre[0]) * np.cos(centre[1]), np.cos(centre[0]) * np.sin(centre[1]), np.sin(centre[0]))
    # At the centre of a cell the look-up gives the cell; float64 angles and float32 cells leave micrometres.
    assert float(ldem.height_m(vec3(direction))) == pytest.approx(elevation_m, abs=1e-3)


@needs_map
@pytest.mark.parametrize("name", CORE_M)
def test_core_differences_are_those_of_the_map(ldem, name):
    latitude_deg, longitude_deg, core_m = CORE_M[name]
    row, column = int((90.0 - latitude_deg) * 4.0), int((longitude_deg % 360.0) * 4.0)
    half_rows, half_columns = int(150.0 / 7.58), int(150.0 / 7.58 / np.cos(np.radians(latitude_deg)))
    columns = np.arange(column - half_columns, column + half_columns + 1) % 1440
    window = np.asarray(ldem.heights_m)[row - half_rows : row + half_rows + 1, columns]
    for lag, expected in zip((1, 2, 4), core_m, strict=True):
        assert np.median(np.abs(window[lag:] - window[:-lag])) / 0.6745 == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("name", CORE_M)
def test_relief_has_the_long_waves_of_the_moon(name):
    tile = make_relief(LAWS[name], 1).regional
    heights = tile.heights_m()
    for lag, expected in zip((1, 2, 4), CORE_M[name][2], strict=True):
        nodes = round(lag * CELL_M / float(tile.spacing_m))
        core = [np.median(np.abs(np.roll(heights, -nodes, axis=axis) - heights)) / 0.6745 for axis in (0, 1)]
        assert np.mean(core) == pytest.approx(expected, rel=RELIEF_TOLERANCE)
