"""Maps: labels, scaling, placing, the seam in longitude, and errors that teach."""

import numpy as np
import pytest

from perilune.math.vector import vec3
from perilune.moon.maps import HeightMap, LevelGround, height_map, read_geotiff, read_pds

# float32 cells at kilometre heights.
CELL_TOLERANCE_M = 1e-3

LABEL = """PDS_VERSION_ID = "PDS3"
  OBJECT = IMAGE
    LINES = 4
    LINE_SAMPLES = 8
    SAMPLE_TYPE = {kind}
    SAMPLE_BITS = {bits}
    UNIT = {unit}
    SCALING_FACTOR = {factor}
    OFFSET = {radius}
  END_OBJECT = IMAGE
 MAP_PROJECTION_TYPE = "{projection}"
 MAXIMUM_LATITUDE = 90 <deg>
 MINIMUM_LATITUDE = -90 <deg>
 WESTERNMOST_LONGITUDE = 0 <deg>
 EASTERNMOST_LONGITUDE = 360 <deg>
"""
LOLA = dict(kind="LSB_INTEGER", bits=16, unit="METER", factor=0.5, radius="1737400.", projection="SIMPLE CYLINDRICAL")
COUNTS = np.arange(32).reshape(4, 8) * 100 - 1500


def label(**changes) -> bytes:
    return LABEL.format(**(LOLA | changes)).encode()


def at(ground: HeightMap, latitude_deg: float, longitude_deg: float) -> float:
    a, b = np.radians(latitude_deg), np.radians(longitude_deg)
    return float(ground.height_m(vec3((np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)))))


def test_level_ground_is_level():
    assert float(LevelGround(-1234.5).height_m(vec3((0.0, 0.6, 0.8)))) == -1234.5


@pytest.mark.parametrize("kind,dtype,bits", [("LSB_INTEGER", "<i2", 16), ("MSB_INTEGER", ">i2", 16), ("PC_REAL", "<f4", 32)])
def test_pds_layout_comes_from_the_label(kind, dtype, bits):
    ground = read_pds(label(kind=kind, bits=bits), COUNTS.astype(dtype).tobytes())
    assert at(ground, 67.5, 22.5) == pytest.approx(0.5 * COUNTS[0, 0], abs=CELL_TOLERANCE_M)
    assert at(ground, -22.5, 180.0 + 22.5) == pytest.approx(0.5 * COUNTS[2, 4], abs=CELL_TOLERANCE_M)
    assert ground.goes_round


def test_pds_in_kilometres():
    ground = read_pds(label(kind="PC_REAL", bits=32, unit="KILOMETER", factor=1.0, radius="1737.4"), (COUNTS / 1e3).astype("<f4").tobytes())
    assert at(ground, 67.5, 22.5) == pytest.approx(COUNTS[0, 0], abs=CELL_TOLERANCE_M)


def test_map_is_bilinear_and_wraps_in_longitude():
    ground = read_pds(label(), COUNTS.astype("<i2").tobytes())
    heights = 0.5 * COUNTS
    assert at(ground, 45.0, 45.0) == pytest.approx(heights[:2, :2].mean(), abs=CELL_TOLERANCE_M)
    assert at(ground, 67.5, 0.0) == pytest.approx(0.5 * (heights[0, 0] + heights[0, 7]), abs=CELL_TOLERANCE_M)


def test_regional_map_holds_its_edge():
    ground = height_map(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), (50.0, 350.0), (-1.0, 1.0))
    assert not ground.goes_round
    assert at(ground, 49.5, -9.5) == pytest.approx(1.0, abs=CELL_TOLERANCE_M)
    assert at(ground, 48.5, -7.5) == pytest.approx(6.0, abs=CELL_TOLERANCE_M)
    assert at(ground, 49.5, -40.0) == pytest.approx(1.0, abs=CELL_TOLERANCE_M)
    assert at(ground, 49.5, 40.0) == pytest.approx(3.0, abs=CELL_TOLERANCE_M)


@pytest.mark.parametrize(
    "changes,message",
    [
        (dict(projection="SINUSOIDAL"), "only SIMPLE CYLINDRICAL and POLAR STEREOGRAPHIC"),
        (dict(projection="POLAR STEREOGRAPHIC"), "the label has no CENTER_LATITUDE"),
        (dict(kind="VAX_REAL"), "SAMPLE_TYPE is VAX_REAL; allowed"),
        (dict(bits=32), "do the .IMG and .LBL belong together"),
        (dict(radius="3396190."), "heights must count from 1737400 m"),
        (dict(unit="FOOT"), "UNIT is FOOT; allowed: METER"),
        (dict(bits=24), "samples of 24 bits"),
        (dict(factor="1000."), "heights must count from the sphere"),
        (dict(factor="n/a"), "SCALING_FACTOR in the label is 'n/a'"),
    ],
)
def test_wrong_labels_are_explained(changes, message):
    with pytest.raises(ValueError, match=message):
        read_pds(label(**changes), COUNTS.astype("<i2").tobytes())


def test_missing_entry_and_missing_heights_are_explained():
    with pytest.raises(ValueError, match="the label has no LINES"):
        read_pds(label().replace(b"LINES =", b"ROWS ="), b"")
    with pytest.raises(ValueError, match="1 cells without a height"):
        height_map(np.array([[1.0, np.nan]]), (1.0, 0.0), (-1.0, 1.0))


def geotiff(crs: str, corner: tuple[float, float], step: float) -> bytes:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    heights = (np.arange(20).reshape(4, 5) * 10.0).astype(np.float32)
    with MemoryFile() as memory:
        profile = dict(driver="GTiff", height=4, width=5, count=1, dtype="float32", crs=rasterio.crs.CRS.from_string(crs))
        with memory.open(**profile, transform=from_origin(corner[1], corner[0], step, step)) as out:
            out.write(heights, 1)
        return memory.read()


METRES_PER_DEGREE = np.radians(1.0) * 1_737_400.0


@pytest.mark.parametrize(
    "crs,scale",
    [("+proj=longlat +R=1737400 +no_defs", 1.0), ("+proj=eqc +R=1737400 +lat_ts=0 +lon_0=0 +units=m +no_defs", METRES_PER_DEGREE)],
)
def test_geotiff_round_trip(crs, scale):
    ground = read_geotiff(geotiff(crs, (48.0 * scale, 44.0 * scale), 0.1 * scale))
    assert at(ground, 47.95, 44.05) == pytest.approx(0.0, abs=CELL_TOLERANCE_M)
    assert at(ground, 47.65, 44.45) == pytest.approx(190.0, abs=CELL_TOLERANCE_M)
    assert at(ground, 47.90, 44.10) == pytest.approx(30.0, abs=CELL_TOLERANCE_M)


def test_geotiff_in_another_projection_is_explained():
    with pytest.raises(ValueError, match="gdalwarp"):
        read_geotiff(geotiff("+proj=sinu +R=1737400 +units=m +no_defs", (0.0, 0.0), 100.0))


POLAR = """ CENTER_LATITUDE = {latitude} <deg>
 CENTER_LONGITUDE = 0 <deg>
 MAP_SCALE = {scale}
 LINE_PROJECTION_OFFSET = 1.5 <pix>
 SAMPLE_PROJECTION_OFFSET = 3.5 <pix>
"""


@pytest.mark.parametrize("south", [True, False])
@pytest.mark.parametrize("scale", ["20000 <METERS/PIXEL>", "20 <KM/PIXEL>"])
def test_a_polar_map_lies_as_its_label_says(south, scale):
    """Longitude 90 lies to the right; longitude 0 up in the south and down in the north (LOLA, DSMAP_POLAR.CAT)."""
    sign = -1.0 if south else 1.0
    polar = POLAR.format(latitude=90.0 * sign, scale=scale)
    ground = read_pds(label(projection="POLAR STEREOGRAPHIC") + polar.encode(), COUNTS.astype("<i2").tobytes())
    heights = 0.5 * COUNTS
    # The pole lies between the four cells in the middle.
    assert at(ground, 90.0 * sign, 0.0) == pytest.approx(heights[1:3, 3:5].mean(), abs=CELL_TOLERANCE_M)
    # 30 km from the pole, along x and y at once in the middle of a cell: r = 2 R tan(colatitude / 2).
    aside_deg = np.degrees(2.0 * np.arctan(0.5 * np.hypot(30e3, 30e3) / 1_737_400.0))
    row = 0 if south else 3
    assert at(ground, (90.0 - aside_deg) * sign, 45.0) == pytest.approx(heights[row, 5], abs=CELL_TOLERANCE_M)
    assert at(ground, (90.0 - aside_deg) * sign, -45.0) == pytest.approx(heights[row, 2], abs=CELL_TOLERANCE_M)
    assert ground.holds(np.radians(89.0 * sign), 0.3) and not ground.holds(np.radians(80.0 * sign), 0.3)
    assert not ground.holds(np.radians(-89.0 * sign), 0.3)


@pytest.mark.parametrize("latitude_deg", [-90.0, 90.0])
def test_a_polar_geotiff_lies_where_proj_puts_it(latitude_deg):
    warp = pytest.importorskip("rasterio.warp")
    crs = f"+proj=stere +lat_0={latitude_deg:g} +lon_0=0 +k=1 +R=1737400 +units=m +no_defs"
    ground = read_geotiff(geotiff(crs, (60e3, -70e3), 20e3))
    longitude, latitude = warp.transform(crs, "+proj=longlat +R=1737400 +no_defs", [-60e3, 0.0, 20e3], [50e3, 30e3, -10e3])
    told = [at(ground, *place) for place in zip(latitude, longitude, strict=True)]
    assert told == pytest.approx([0.0, 80.0, 190.0], abs=CELL_TOLERANCE_M)


def test_a_polar_geotiff_that_is_turned_is_refused():
    with pytest.raises(ValueError, match="longitude 0 along its y axis"):
        read_geotiff(geotiff("+proj=stere +lat_0=90 +lon_0=30 +R=1737400 +units=m +no_defs", (0.0, 0.0), 100.0))


def test_a_geotiff_of_the_earth_is_refused():
    with pytest.raises(ValueError, match="sphere of 6378137 m"):
        read_geotiff(geotiff("EPSG:4326", (48.0, 44.0), 0.1))


@pytest.mark.parametrize(
    ("latitude_deg", "longitude_deg", "there"), [(47.9, 44.2, True), (47.9, 44.7, False), (-69.5, 44.2, False), (47.9, 404.2, True)]
)
def test_a_map_says_what_it_holds(latitude_deg, longitude_deg, there):
    ground = height_map(np.zeros((4, 5)), (48.0, 44.0), (-0.1, 0.1))
    assert ground.holds(np.radians(latitude_deg), np.radians(longitude_deg)) is there
