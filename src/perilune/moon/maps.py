"""Elevation of the ground at the scale of maps: one level, or a grid that the user brings."""

import re
from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3
from perilune.types import Index, Scalar

# PDS3 sample types of terrain images, as numpy dtype letters; bits and bytes follow from SAMPLE_BITS.
SAMPLE_TYPES = {"LSB_INTEGER": "<i", "MSB_INTEGER": ">i", "LSB_UNSIGNED_INTEGER": "<u", "PC_REAL": "<f", "IEEE_REAL": ">f"}
# By kind of sample: integer, unsigned, real.
SAMPLE_BITS = {"i": (8, 16, 32), "u": (8, 16, 32), "f": (32, 64)}
UNITS_M = {"METER": 1.0, "METERS": 1.0, "KILOMETER": 1e3, "KM": 1e3, "M": 1.0}
# The radius of the body in a coordinate system's text.
ELLIPSOID = re.compile(r'(?:SPHEROID|ELLIPSOID)\["[^"]*",\s*([\d.]+)')
# No ground of the Moon lies further from the sphere.
HEIGHT_MAX_M = 12_000.0
# A reference radius further than this from the project's is another body or another convention.
RADIUS_TOLERANCE_M = 100.0


class AbstractElevation(eqx.Module):
    """Elevation over the 1,737.4 km sphere along a unit direction."""

    @abstractmethod
    def height_m(self, direction_lfme: Vec3) -> Scalar:
        raise NotImplementedError


class LevelGround(AbstractElevation):
    """A sphere: the same elevation everywhere."""

    elevation_m: Scalar

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        return jnp.asarray(self.elevation_m, dtype=float)


class HeightMap(AbstractElevation):
    """Elevations on a regular grid of latitude and longitude, bilinear between the centres of the cells.

    **Error** what lies between the cells is lost: bring relief on top of it, or a finer map.
    **Neglects** the poles: within half a cell of them the last row stands for all; beyond the edge of a map that does not go round the
    Moon its last cell goes on.
    """

    heights_m: Float[Array, "rows columns"]
    latitude_first_rad: Scalar  # of the centres of the first row
    longitude_first_rad: Scalar  # of the centres of the first column
    latitude_step_rad: Scalar  # negative when the first row is the northern one
    longitude_step_rad: Scalar
    goes_round: bool = eqx.field(static=True)

    def holds(self, latitude_rad: float, longitude_rad: float) -> bool:
        """Whether a place lies on it."""
        rows, columns = self.heights_m.shape
        row = (latitude_rad - float(self.latitude_first_rad)) / float(self.latitude_step_rad)
        east_rad = (longitude_rad - float(self.longitude_first_rad)) % (2.0 * np.pi)
        step_rad = float(self.longitude_step_rad)
        # The outer half of the outermost cells is on the map too.
        across = (east_rad + 0.5 * step_rad) % (2.0 * np.pi) <= columns * step_rad
        return bool(-0.5 <= row <= rows - 0.5 and (self.goes_round or across))

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        rows, columns = self.heights_m.shape
        x, y, z = direction_lfme.components()
        latitude_rad, longitude_rad = jnp.arctan2(z, jnp.sqrt(x * x + y * y)), jnp.arctan2(y, x)
        row = jnp.clip((latitude_rad - self.latitude_first_rad) / self.latitude_step_rad, 0.0, rows - 1.0)
        east_rad = jnp.mod(longitude_rad - self.longitude_first_rad + jnp.pi, 2.0 * jnp.pi) - jnp.pi
        if self.goes_round:
            column = jnp.mod(east_rad / self.longitude_step_rad, columns)
        else:
            # Longitudes west of the first column come out negative, or a turn too large when the map is wider than half the Moon.
            wide_rad = (columns - 1.0) * self.longitude_step_rad
            east_rad = jnp.where(east_rad < 0.5 * wide_rad - jnp.pi, east_rad + 2.0 * jnp.pi, east_rad)
            column = jnp.clip(east_rad / self.longitude_step_rad, 0.0, columns - 1.0)
        return _between(self.heights_m, row, column, self.goes_round)


class PolarMap(AbstractElevation):
    """Elevations on a square grid of the polar stereographic plane of a sphere, true at the pole, bilinear between the centres of the cells.

    Longitude 90 deg east lies to the right; longitude 0 lies up on a map of the south, and down on one of the north.

    **Error** what lies between the cells is lost: bring relief on top of it, or a finer map.
    **Neglects** what lies beyond the edge: the last cell goes on.
    **Reference.** LOLA's DSMAP_POLAR.CAT (NASA PDS, LRO-L-LOLA-4-GDR-V1.0).
    """

    heights_m: Float[Array, "rows columns"]  # the first row is the upper one
    pole_row: Scalar  # of the cell whose centre is the pole, counted from 0
    pole_column: Scalar
    step_m: Scalar
    south: bool = eqx.field(static=True)

    def holds(self, latitude_rad: float, longitude_rad: float) -> bool:
        """Whether a place lies on it."""
        z, level = np.sin(latitude_rad), np.cos(latitude_rad)
        if (z > 0.0) == self.south:
            return False
        direction = Vec3(*(jnp.asarray(part) for part in (level * np.cos(longitude_rad), level * np.sin(longitude_rad), z)))
        row, column = (float(place) for place in self._place(direction))
        rows, columns = self.heights_m.shape
        return -0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        rows, columns = self.heights_m.shape
        row, column = self._place(direction_lfme)
        return _between(self.heights_m, jnp.clip(row, 0.0, rows - 1.0), jnp.clip(column, 0.0, columns - 1.0), wraps=False)

    def _place(self, direction_lfme: Vec3) -> tuple[Scalar, Scalar]:
        """Row and column of a direction. On the other side of the Moon the plane runs away to infinity."""
        x, y, z = direction_lfme.components()
        toward = -1.0 if self.south else 1.0
        scale = 2.0 * RADIUS_MOON_M / (jnp.maximum(1.0 + toward * z, 1e-3) * self.step_m)
        return self.pole_row + toward * x * scale, self.pole_column + y * scale


def _between(heights_m: Float[Array, "rows columns"], row: Scalar, column: Scalar, wraps: bool) -> Scalar:
    """Bilinear; the columns may go round."""
    rows, columns = heights_m.shape
    j, i = jnp.floor(row).astype(int), jnp.floor(column).astype(int) % columns
    j_next = jnp.minimum(j + 1, rows - 1)
    i_next = (i + 1) % columns if wraps else jnp.minimum(i + 1, columns - 1)
    v, u = row - jnp.floor(row), column - jnp.floor(column)
    cells = heights_m.reshape(-1)

    def at(row: Index, column: Index) -> Scalar:
        return cells.at[row * columns + column].get(mode="promise_in_bounds").astype(float)

    first = at(j, i) * (1.0 - u) + at(j, i_next) * u
    return first * (1.0 - v) + (at(j_next, i) * (1.0 - u) + at(j_next, i_next) * u) * v


def height_map(heights_m: Float[np.ndarray, "rows columns"], corner_deg: tuple[float, float], step_deg: tuple[float, float]) -> HeightMap:
    """From a grid whose first cell has its outer corner at `corner_deg` (latitude, longitude) and its next at one `step_deg` from it."""
    _check_heights(heights_m)
    first = [np.radians(corner + 0.5 * step) for corner, step in zip(corner_deg, step_deg, strict=True)]
    steps = [np.radians(step) for step in step_deg]
    goes_round = abs(abs(step_deg[1]) * heights_m.shape[1] - 360.0) < 0.01 * abs(step_deg[1])
    return HeightMap(jnp.asarray(heights_m, dtype=jnp.float32), *(jnp.asarray(v) for v in first + steps), goes_round=goes_round)


def polar_map(heights_m: Float[np.ndarray, "rows columns"], pole: tuple[float, float], step_m: float, south: bool) -> PolarMap:
    """From a grid whose cell `pole` (row, column, counted from 0, halves allowed) has the pole in its centre."""
    _check_heights(heights_m)
    return PolarMap(jnp.asarray(heights_m, dtype=jnp.float32), *(jnp.asarray(float(v)) for v in (*pole, step_m)), south=south)


def _check_heights(heights_m: Float[np.ndarray, "rows columns"]) -> None:
    if not np.isfinite(heights_m).all():
        raise ValueError(f"the map has {np.count_nonzero(~np.isfinite(heights_m))} cells without a height; fill or crop them first")
    if np.abs(heights_m).max() > HEIGHT_MAX_M:
        raise ValueError(
            f"the map goes to {np.abs(heights_m).max():.0f} m; heights must count from the sphere of {RADIUS_MOON_M:.0f} m, not from the centre"
        )


def read_pds(label: bytes, image: bytes) -> HeightMap | PolarMap:
    """A LOLA gridded map from its `.LBL` and `.IMG` bytes; layout, scaling and placing are taken from the label."""
    text = label.decode("ascii", errors="replace")
    projection = _entry(text, "MAP_PROJECTION_TYPE")
    if projection not in ("SIMPLE CYLINDRICAL", "POLAR STEREOGRAPHIC"):
        raise ValueError(f"MAP_PROJECTION_TYPE is {projection}; only SIMPLE CYLINDRICAL and POLAR STEREOGRAPHIC maps can be read")
    heights_m = _samples_m(text, image)
    if projection == "POLAR STEREOGRAPHIC":
        return _polar(text, heights_m)
    rows, columns = heights_m.shape
    north, south, west, east = (
        _number(text, key) for key in ("MAXIMUM_LATITUDE", "MINIMUM_LATITUDE", "WESTERNMOST_LONGITUDE", "EASTERNMOST_LONGITUDE")
    )
    return height_map(heights_m, (north, west), ((south - north) / rows, (east - west) / columns))


def _polar(text: str, heights_m: Float[np.ndarray, "rows columns"]) -> PolarMap:
    latitude_deg = _number(text, "CENTER_LATITUDE")
    if abs(latitude_deg) != 90.0 or _number(text, "CENTER_LONGITUDE") != 0.0:
        raise ValueError("CENTER_LATITUDE and CENTER_LONGITUDE of a polar map must be 90 or -90, and 0")
    # Metres a pixel, except where the unit says kilometres.
    step_m = _number(text, "MAP_SCALE") * (1e3 if "<KM" in _entry(text, "MAP_SCALE").upper() else 1.0)
    if step_m <= 0.0:
        raise ValueError(f"MAP_SCALE is {_entry(text, 'MAP_SCALE')}; it must be above 0 metres a pixel")
    pole = _number(text, "LINE_PROJECTION_OFFSET"), _number(text, "SAMPLE_PROJECTION_OFFSET")
    return polar_map(heights_m, pole, step_m, latitude_deg < 0.0)


def _samples_m(text: str, image: bytes) -> Float[np.ndarray, "rows columns"]:
    """Heights over the sphere, as the label says that they are stored."""
    rows, columns, bits = (int(_number(text, key)) for key in ("LINES", "LINE_SAMPLES", "SAMPLE_BITS"))
    kind = _entry(text, "SAMPLE_TYPE")
    if kind not in SAMPLE_TYPES:
        raise ValueError(f"SAMPLE_TYPE is {kind}; allowed: {', '.join(SAMPLE_TYPES)}")
    if rows < 2 or columns < 2 or bits not in SAMPLE_BITS[SAMPLE_TYPES[kind][1]]:
        raise ValueError(
            f"the label asks for {rows} x {columns} samples of {bits} bits; a map has two rows and columns at least, of {kind} samples"
        )
    if len(image) != rows * columns * bits // 8:
        raise ValueError(
            f"the image has {len(image)} bytes where the label asks for {rows} x {columns} x {bits} bits = {rows * columns * bits // 8}: "
            "do the .IMG and .LBL belong together, and is the download complete?"
        )
    unit = _entry(text, "UNIT")
    if unit not in UNITS_M:
        raise ValueError(f"UNIT is {unit}; allowed: {', '.join(UNITS_M)}")
    unit_m = UNITS_M[unit]
    _check_radius(_number(text, "OFFSET") * unit_m)
    samples = np.frombuffer(image, dtype=np.dtype(f"{SAMPLE_TYPES[kind]}{bits // 8}")).reshape(rows, columns)
    return samples.astype(np.float32) * np.float32(_number(text, "SCALING_FACTOR") * unit_m)


def read_geotiff(content: bytes) -> HeightMap | PolarMap:
    """A GeoTIFF of elevations in metres over the 1,737.4 km sphere, on longitude and latitude, equidistant cylindrical, or polar stereographic.

    Needs `rasterio`.
    """
    from rasterio.io import MemoryFile

    with MemoryFile(content) as memory, memory.open() as source:
        transform, crs = source.transform, source.crs
        if transform.b != 0.0 or transform.d != 0.0 or crs is None:
            raise ValueError("the GeoTIFF must be north up and say its coordinate system; run `gdalwarp -t_srs '+proj=longlat +R=1737400'`")
        heights_m = source.read(1, masked=True).astype(np.float32).filled(np.nan) * source.scales[0] + source.offsets[0]
        terms = {} if crs.is_geographic else crs.to_dict()
        if terms.get("proj") == "stere":
            return _polar_geotiff(terms, transform, heights_m)
        degrees, longitude_deg, latitude_deg = _degrees_per_unit(crs)
    corner_deg = (latitude_deg + transform.f * degrees, longitude_deg + transform.c * degrees)
    return height_map(heights_m, corner_deg, (transform.e * degrees, transform.a * degrees))


def _polar_geotiff(terms: dict, transform, heights_m: Float[np.ndarray, "rows columns"]) -> PolarMap:
    """The usual polar stereographic plane: true at the pole, its longitude 0 up in the south and down in the north."""
    latitude_deg, true_deg = float(terms.get("lat_0", 0.0)), float(terms.get("lat_ts", terms.get("lat_0", 0.0)))
    offset = [float(terms.get(key, 0.0)) for key in ("lon_0", "x_0", "y_0")]
    square = abs(transform.a + transform.e) < 1e-9 * abs(transform.a) and transform.a > 0.0
    if abs(latitude_deg) != 90.0 or true_deg != latitude_deg or any(offset) or float(terms.get("k", 1.0)) != 1.0 or not square:
        raise ValueError(
            "the GeoTIFF is polar stereographic, but not with its pole at 0, 0, true at the pole, longitude 0 along its y axis and square cells: "
            "run `gdalwarp -t_srs '+proj=stere +lat_0=-90 +lon_0=0 +k=1 +R=1737400'` (lat_0=90 in the north)"
        )
    _check_radius(float(terms.get("R", terms.get("a", 0.0))))
    return polar_map(heights_m, (transform.f / transform.a - 0.5, -transform.c / transform.a - 0.5), transform.a, latitude_deg < 0.0)


def _degrees_per_unit(crs) -> tuple[float, float, float]:
    """Degrees per unit of the grid, and longitude and latitude of its origin."""
    if crs.is_geographic:
        _check_radius(float(ELLIPSOID.search(crs.to_wkt())[1]))  # type: ignore[index]
        return 1.0, 0.0, 0.0
    terms = crs.to_dict()
    radius_m = float(terms.get("R", terms.get("a", 0.0)))
    if terms.get("proj") != "eqc" or float(terms.get("lat_ts", 0.0)) != 0.0 or terms.get("units", "m") != "m":
        raise ValueError(
            f"the GeoTIFF is in {crs.to_string()[:80]}; allowed: longitude and latitude in degrees, or equidistant cylindrical (eqc) in "
            "metres with lat_ts 0; run `gdalwarp -t_srs '+proj=longlat +R=1737400'`"
        )
    _check_radius(radius_m)
    return float(np.degrees(1.0 / radius_m)), float(terms.get("lon_0", 0.0)), float(terms.get("lat_0", 0.0))


def _check_radius(radius_m: float) -> None:
    if abs(radius_m - RADIUS_MOON_M) > RADIUS_TOLERANCE_M:
        raise ValueError(f"the map refers to a sphere of {radius_m:.0f} m; heights must count from {RADIUS_MOON_M:.0f} m (the Moon, LOLA)")


def _entry(text: str, key: str) -> str:
    found = re.search(rf'^\s*{key}\s*=\s*"?([^"\r\n]*?)"?\s*$', text, flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"the label has no {key}; is it the PDS3 label of a LOLA map?")
    return found.group(1).strip()


def _number(text: str, key: str) -> float:
    entry = _entry(text, key)
    digits = re.match(r"[-+0-9.eE]+", entry)
    if digits is None:
        raise ValueError(f"{key} in the label is {entry!r}; it must be a number")
    return float(digits.group())
