"""The ground as the report draws it: heights on a square about a point near the site, and their shading."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3
from perilune.types import Scalar

# Light from the north-west, as maps have it; heights are drawn steeper where the ground is smooth.
LIGHT_AZIMUTH_RAD = np.radians(315.0)
LIGHT_ELEVATION_RAD = np.radians(30.0)
SLOPE_SHOWN_RAD = np.radians(14.0)
CELLS = 300


@runtime_checkable
class Ground(Protocol):
    def height_m(self, direction_lfme: Vec3) -> Scalar: ...


@dataclass(frozen=True)
class ReliefMap:
    """Heights [north, east] (m) over the sphere of 1737.4 km; the square's centre is given east and north of the site."""

    height_m: np.ndarray
    centre_m: tuple[float, float]
    half_width_m: float

    @property
    def extent_m(self) -> tuple[float, float, float, float]:
        """West, east, south, north edge."""
        east, north = self.centre_m
        half = self.half_width_m
        return east - half, east + half, north - half, north + half


def relief_about(ground: Ground, site_deg: tuple[float, float], centre_m: tuple[float, float], half_width_m: float) -> ReliefMap:
    """Heights about a point (east, north of the site; latitude and longitude of the site in degrees, lfme)."""
    up, east, north = _axes(*np.radians(site_deg))
    offset = np.linspace(-half_width_m, half_width_m, CELLS) / RADIUS_MOON_M
    along_east, along_north = np.meshgrid(offset + centre_m[0] / RADIUS_MOON_M, offset + centre_m[1] / RADIUS_MOON_M)
    pointing = up + along_east[..., None] * east + along_north[..., None] * north
    pointing /= np.linalg.norm(pointing, axis=-1, keepdims=True)
    heights = _heights(ground, jnp.asarray(pointing.reshape(-1, 3)))
    return ReliefMap(np.asarray(heights).reshape(CELLS, CELLS), centre_m, half_width_m)


@eqx.filter_jit
def _heights(ground: Ground, pointing_lfme: Float[Array, "points 3"]) -> Float[Array, " points"]:
    return jax.vmap(lambda d: jnp.asarray(ground.height_m(Vec3(d[0], d[1], d[2]))))(pointing_lfme)


def shade(relief: ReliefMap) -> np.ndarray:
    """Brightness [north, east] in 0 to 1."""
    step_m = 2.0 * relief.half_width_m / (relief.height_m.shape[0] - 1)
    toward_north, toward_east = np.gradient(relief.height_m, step_m)
    steepness = np.tan(SLOPE_SHOWN_RAD) / max(float(np.hypot(toward_north, toward_east).mean()), 1e-6)
    gain = float(np.clip(steepness, 0.3, 30.0))
    light = np.array([np.sin(LIGHT_AZIMUTH_RAD), np.cos(LIGHT_AZIMUTH_RAD)]) * np.cos(LIGHT_ELEVATION_RAD)
    facing = np.sin(LIGHT_ELEVATION_RAD) - gain * (toward_east * light[0] + toward_north * light[1])
    return np.clip(0.9 * facing / np.sqrt(1.0 + gain**2 * (toward_east**2 + toward_north**2)), 0.0, 1.0)


def _axes(latitude_rad: float, longitude_rad: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors up, east, north at the site, lfme."""
    sin_lat, cos_lat, sin_lon, cos_lon = np.sin(latitude_rad), np.cos(latitude_rad), np.sin(longitude_rad), np.cos(longitude_rad)
    up = np.array([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    east = np.array([-sin_lon, cos_lon, 0.0])
    return up, east, np.cross(up, east)
