"""Statistical relief: two periodic tiles of heights, shared by every lander of a batch, each seen at the flight's own offset.

**Model** isotropic Gaussian relief with a power-law spectrum (Hurst exponent), plus craters by size and number. Waves longer than 300 to
600 m lie in the regional tile, shorter ones in the local tile, out of one spectrum; its amplitude is set so that the median slope of
the finished ground, craters included, is the wanted one. Beyond 8 to 16 km the amplitude is that of the map LDEM_4 about the site.
**Invalid when** slopes below 1 m matter (bilinear between nodes 1 m apart): no rocks, no boulders.
**Neglects** that the real Moon is rougher here and smoother there: statistics are the same everywhere. The pattern repeats after
65.5 km (regional) and 1,024 m (local), at different phases.
**Reference** Rosenburg et al. 2011 for Hurst exponents and the deviogram; crater numbers in `craters.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import Stream
from perilune.math.vector import Vec3, vec3
from perilune.moon.craters import stamp_population
from perilune.types import Scalar

CELLS = 1024
LOCAL_SPACING_M = 1.0
REGIONAL_SPACING_M = 64.0
# One tile hands over to the other between these wavelengths: five regional nodes, and half of the local tile.
HANDOVER_M = (300.0, 600.0)
# Beyond these wavelengths a map tells the amplitude, not the slope at the lander's scale.
MAP_WAVES_M = (8_000.0, 16_000.0)
MAP_CELL_M = 7_580.0
ENDLESS_M = (1e9, 2e9)
# Diameters: from four local nodes; up to what fits the local tile with its ejecta; from eight regional nodes; the largest simple crater.
LOCAL_CRATERS_M = (4.0, 330.0)
REGIONAL_CRATERS_M = (500.0, 15_000.0)
# Points at which the slope of the finished ground is measured: the median of so many is good to 0.3 %.
SLOPE_SAMPLES = 2**17


@dataclass(frozen=True)
class ReliefLaw:
    """The kind of ground, by numbers."""

    hurst: float  # roughness exponent in (0, 1): height differences grow with distance to this power
    slope_median_rad: float  # median slope over the baseline, craters included
    slope_baseline_m: float  # baseline of that slope
    map_relief_m: float  # rms height difference over 7.58 km, the cell of the map LDEM_4; craters come on top
    surface_age_ga: float  # age for crater numbers
    small_crater_share: float = 0.5  # part of the short-wave slope variance that craters below 330 m carry

    def __post_init__(self):
        allowed = {
            "hurst": (0.0, 1.0),
            "slope_median_rad": (0.0, 0.6),
            "slope_baseline_m": (LOCAL_SPACING_M, 100.0),
            "map_relief_m": (0.0, 2000.0),
            "surface_age_ga": (0.1, 4.5),
            "small_crater_share": (0.0, 1.0),
        }
        for name, (low, high) in allowed.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"relief {name} is {getattr(self, name)}; it must lie in [{low}, {high}]")


class Tile(eqx.Module):
    """A periodic square of heights on a regular grid, bilinear between the nodes; the number of nodes a side is a power of two.

    The four corners of a cell stand in one word (16 bits each: west and east of the south side, then of the north side), because what
    a look-up costs is cache lines: one instead of two or three, 19 ns for both tiles instead of 34.
    """

    corners: Int[Array, "n n"]  # [north, east]
    quantum_m: Scalar
    spacing_m: Scalar

    def height_m(self, east_m: Scalar, north_m: Scalar) -> Scalar:
        """Height at any point of the plane, in m."""
        n = self.corners.shape[0]
        per_m = 1.0 / self.spacing_m
        x, y = east_m * per_m, north_m * per_m
        west, south = jnp.floor(x), jnp.floor(y)
        i, j = west.astype(jnp.int32) & (n - 1), south.astype(jnp.int32) & (n - 1)
        u, v = (x - west).astype(jnp.float32), (y - south).astype(jnp.float32)
        word = self.corners.reshape(-1).at[j * n + i].get(mode="promise_in_bounds")
        low, high = word.astype(jnp.int32), (word >> 32).astype(jnp.int32)
        sw, se, nw, ne = (corner.astype(jnp.float32) for corner in ((low << 16) >> 16, low >> 16, (high << 16) >> 16, high >> 16))
        return (sw + (se - sw) * u + (nw - sw) * v + (sw - se - nw + ne) * (u * v)).astype(float) * self.quantum_m

    def heights_m(self) -> Float[np.ndarray, "n n"]:
        """The nodes, unpacked; for figures and checks."""
        return np.asarray(self.corners).astype(np.int16) * float(self.quantum_m)


class ReliefTiles(eqx.Module):
    """The ground of one kind; carries no batch axis."""

    regional: Tile
    local: Tile


class ReliefOffset(eqx.Module):
    """Where and how turned this flight sees the tiles; the only leaves of the relief that differ between flights."""

    east_m: Scalar
    north_m: Scalar
    cos_turn: Scalar
    sin_turn: Scalar


class Relief(eqx.Module):
    """Tiles laid out about a site by stereographic projection (scale true at the site, 3 % long at 600 km)."""

    tiles: ReliefTiles
    east_lfme: Vec3
    north_lfme: Vec3
    up_lfme: Vec3
    offset: ReliefOffset

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        """What relief adds to the elevation along a unit direction; not defined at the antipode of the site."""
        scale = 2.0 * RADIUS_MOON_M / (1.0 + direction_lfme.dot(self.up_lfme))
        east_m, north_m = direction_lfme.dot(self.east_lfme) * scale, direction_lfme.dot(self.north_lfme) * scale
        x_m = self.offset.cos_turn * east_m - self.offset.sin_turn * north_m + self.offset.east_m
        y_m = self.offset.sin_turn * east_m + self.offset.cos_turn * north_m + self.offset.north_m
        return self.tiles.regional.height_m(x_m, y_m) + self.tiles.local.height_m(x_m, y_m)


def relief_at(latitude_rad: float, longitude_rad: float, tiles: ReliefTiles) -> Relief:
    """Relief about a site in `lfme`, at zero offset; see `draw_offset`."""
    sin_lat, cos_lat, sin_lon, cos_lon = (f(a) for a in (latitude_rad, longitude_rad) for f in (np.sin, np.cos))
    east, north = vec3((-sin_lon, cos_lon, 0.0)), vec3((-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat))
    up = vec3((cos_lat * cos_lon, cos_lat * sin_lon, sin_lat))
    return Relief(tiles, east, north, up, ReliefOffset(*(jnp.asarray(v) for v in (0.0, 0.0, 1.0, 0.0))))


def draw_offset(stream: Stream) -> ReliefOffset:
    """A flight's view of the tiles: anywhere, any way round."""
    period_m = CELLS * REGIONAL_SPACING_M
    turn_rad = 2.0 * jnp.pi * stream.uniform(2)
    return ReliefOffset(period_m * stream.uniform(0), period_m * stream.uniform(1), jnp.cos(turn_rad), jnp.sin(turn_rad))


@lru_cache(maxsize=8)
def make_relief(law: ReliefLaw, seed: int) -> ReliefTiles:
    """The tiles of one kind of ground: reproducible from the seed, about a second of host time, 16 MB."""
    rng = np.random.default_rng([seed, 0x7E55E])
    waves_local = _waves(rng, LOCAL_SPACING_M, law.hurst, (0.0, 0.0), HANDOVER_M)
    waves_regional = _waves(rng, REGIONAL_SPACING_M, law.hurst, HANDOVER_M, MAP_WAVES_M)
    waves_map = _waves(rng, REGIONAL_SPACING_M, law.hurst, MAP_WAVES_M, ENDLESS_M)
    bowls_local = stamp_population(rng, CELLS, LOCAL_SPACING_M, LOCAL_CRATERS_M, law.surface_age_ga)
    bowls_regional = stamp_population(rng, CELLS, REGIONAL_SPACING_M, REGIONAL_CRATERS_M, law.surface_age_ga)

    def slopes(heights_m: Float[np.ndarray, "n n"], spacing_m: float) -> Float[np.ndarray, "2 m"]:
        return _slopes(heights_m, spacing_m, law.slope_baseline_m, np.random.default_rng([seed, 1, round(spacing_m)]))

    # Small craters are as worn as it takes for them to carry their share of the slope; larger ones stand at their own depth.
    ratio = np.std(slopes(waves_local, LOCAL_SPACING_M)) / np.std(slopes(bowls_local, LOCAL_SPACING_M))
    share = law.small_crater_share
    shape_local = np.sqrt(1.0 - share) * waves_local + np.sqrt(share) * ratio * bowls_local

    slope_waves = slopes(shape_local, LOCAL_SPACING_M) + slopes(waves_regional, REGIONAL_SPACING_M)
    slope_map, slope_bowls = slopes(waves_map, REGIONAL_SPACING_M), slopes(bowls_regional, REGIONAL_SPACING_M)
    difference, difference_map = _map_difference(waves_regional), _map_difference(waves_map)

    def map_amplitude(amplitude: float) -> float:
        return np.sqrt(max(0.0, law.map_relief_m**2 - (amplitude * difference) ** 2)) / difference_map

    def median(amplitude: float) -> float:
        east, north = amplitude * slope_waves + map_amplitude(amplitude) * slope_map + slope_bowls
        return float(np.sqrt(np.median(east * east + north * north)))

    amplitude = _solved(median, np.tan(law.slope_median_rad), np.tan(law.slope_median_rad) / float(np.std(slope_waves)))
    regional_m = amplitude * waves_regional + map_amplitude(amplitude) * waves_map + bowls_regional
    return ReliefTiles(_tile(regional_m, REGIONAL_SPACING_M), _tile(amplitude * shape_local, LOCAL_SPACING_M))


def _waves(
    rng: np.random.Generator, spacing_m: float, hurst: float, longer_than_m: tuple[float, float], shorter_than_m: tuple[float, float]
) -> Float[np.ndarray, "n n"]:
    """Gaussian relief in a band of wavelengths, of unit spectral constant: bands with the same edge join to one spectrum."""
    wave_number = np.hypot(np.fft.fftfreq(CELLS, spacing_m)[:, None], np.fft.rfftfreq(CELLS, spacing_m)[None, :])
    wave_number[0, 0] = np.inf  # no mean
    wavelength_m = 1.0 / wave_number
    band = np.sin(_quarter_turn(wavelength_m, longer_than_m)) * np.cos(_quarter_turn(wavelength_m, shorter_than_m))
    filtered = np.fft.rfft2(rng.standard_normal((CELLS, CELLS))) * band * wave_number ** -(hurst + 1.0) / spacing_m
    return np.fft.irfft2(filtered, s=(CELLS, CELLS))


def _quarter_turn(wavelength_m: Float[np.ndarray, "n m"], edge_m: tuple[float, float]) -> Float[np.ndarray, "n m"]:
    """0 below an edge, a quarter turn above it: by its sine and cosine one band takes on, in variance, what the other gives up."""
    low, high = edge_m
    if high == 0.0:
        return np.full_like(wavelength_m, 0.5 * np.pi)
    fraction = np.log(np.maximum(wavelength_m, 1e-3) / low) / np.log(high / low)
    return 0.5 * np.pi * np.clip(fraction, 0.0, 1.0)


def _map_difference(heights_m: Float[np.ndarray, "n n"]) -> float:
    nodes = round(MAP_CELL_M / REGIONAL_SPACING_M)
    differences = [np.roll(heights_m, -nodes, axis=axis) - heights_m for axis in (0, 1)]
    return float(np.sqrt(np.mean(np.square(differences))))


def _slopes(heights_m: Float[np.ndarray, "n n"], spacing_m: float, baseline_m: float, rng: np.random.Generator) -> Float[np.ndarray, "2 m"]:
    """Slopes east and north over a baseline, as tangents, at random points of a tile."""
    east_m, north_m = rng.uniform(0.0, CELLS * spacing_m, (2, SLOPE_SAMPLES))

    def at(x_m: Float[np.ndarray, " m"], y_m: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        points = np.stack([y_m, x_m]) / spacing_m
        (j, i), (v, u) = np.floor(points).astype(int) % CELLS, points % 1.0
        rows = (heights_m[row, i] * (1.0 - u) + heights_m[row, (i + 1) % CELLS] * u for row in (j, (j + 1) % CELLS))
        south, north = rows
        return south * (1.0 - v) + north * v

    here = at(east_m, north_m)
    return np.stack([at(east_m + baseline_m, north_m) - here, at(east_m, north_m + baseline_m) - here]) / baseline_m


def _solved(median: Callable[[float], float], target: float, high: float) -> float:
    """The amplitude at which the median slope meets the target, by bisection."""
    if not median(0.0) < target < median(high):
        raise ValueError(
            f"the long relief and the craters alone make the median slope {np.degrees(np.arctan(median(0.0))):.2f} deg, more than the wanted "
            f"{np.degrees(np.arctan(target)):.2f} deg: choose a smaller map_relief_m, a younger surface or a larger slope_median_rad"
        )
    low = 0.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if median(middle) < target else (low, middle)
    return 0.5 * (low + high)


def _tile(heights_m: Float[np.ndarray, "n n"], spacing_m: float) -> Tile:
    quantum_m = float(np.abs(heights_m).max()) / (2**15 - 1)
    nodes = np.round(heights_m / quantum_m).astype(np.int64)
    north = np.roll(nodes, -1, axis=0)
    corners = (nodes, np.roll(nodes, -1, axis=1), north, np.roll(north, -1, axis=1))
    words = sum((corner & 0xFFFF) << (16 * place) for place, corner in enumerate(corners))
    return Tile(jnp.asarray(words), jnp.asarray(quantum_m), jnp.asarray(spacing_m))
