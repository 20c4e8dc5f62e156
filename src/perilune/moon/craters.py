"""Craters: those with a name, one by one, and the populations that cover the ground between them."""

from types import ModuleType
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3, vec3
from perilune.types import Scalar

# The blanket of ejecta is taken to end here, in crater radii; a finite reach lets populations be stamped as patches.
EJECTA_REACH_RADII = 3.0

# Fresh simple craters: depth 0.2 and rim 0.036 diameters (Pike 1977), so the rim stands 0.18 depths above the plain.
FRESH_DEPTH_TO_DIAMETER = 0.2
RIM_TO_DEPTH = 0.18
# Wear: depths are spread evenly in the logarithm from fresh down to exp(-3) = 5 % of it (assumed).
WEAR_SPAN = 3.0

# Neukum, Ivanov & Hartmann 2001: log10 of craters >= D per km2 = sum a_i (log10 D_km)^i, 0.01 to 100 km; a_0 belongs to 1 Ga.
PRODUCTION = (-3.0768, -3.557528, 0.781027, 1.021521, -0.156012, -0.444058, 0.019977, 0.086850, -0.005874, -0.006809, 8.25e-4, 5.54e-5)
PRODUCTION_SMALLEST_KM = 0.01


def crater_profile_m(square_radii: Any, depth_m: Any, rim_m: Any, floor_fraction: Any, xp: ModuleType = jnp) -> Any:
    """Height over the surrounding plain at (distance / crater radius)^2, by `jax.numpy` or `numpy` (`xp`).

    A parabolic bowl when `floor_fraction` is 0, else a flat floor out to that fraction of the radius and a wall that steepens to the
    crest; outside, the rim falls with the cube of the distance and ends at three radii.
    """
    floor = floor_fraction * floor_fraction
    x = xp.clip((square_radii - floor) / (1.0 - floor), 0.0, 1.0)
    wall = xp.where(floor > 0.0, x * x * (2.0 - x), x)
    out = xp.clip(square_radii, 1.0, EJECTA_REACH_RADII**2)
    end = EJECTA_REACH_RADII**-3
    ejecta = (1.0 / (out * xp.sqrt(out)) - end) / (1.0 - end)
    return depth_m * (wall - 1.0) * (square_radii < 1.0) + rim_m * ejecta


class Crater(eqx.Module):
    """A crater with a name: place, size, depth and rim.

    **Model** radially symmetric: bowl or flat floor, wall, sharp crest, ejecta falling with the cube of the distance out to three radii.
    **Neglects** terraces, central peaks, breaches and later craters; those under it add their height.
    **Invalid when** the crater is wider than a tenth of the Moon's circumference: distances are chords.
    **Reference** McGetchin, Settle & Head 1973: ejecta thickness falls with the cube of the distance.
    """

    centre_lfme: Vec3
    radius_m: Scalar
    depth_m: Scalar  # from the crest of the rim to the floor
    rim_m: Scalar  # from the surrounding plain to the crest
    floor_fraction: Scalar  # radius of the flat floor over radius of the crest

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        """What the crater adds to the elevation along a unit direction."""
        chord = (direction_lfme - self.centre_lfme) * (RADIUS_MOON_M / self.radius_m)
        return crater_profile_m(chord.norm_squared(), self.depth_m, self.rim_m, self.floor_fraction)


def crater_at(
    latitude_rad: Scalar, longitude_rad: Scalar, diameter_m: Scalar, depth_m: Scalar, rim_m: Scalar, floor_fraction: Scalar = 0.0
) -> Crater:
    """A crater from its catalogue entry; angles in `lfme`, east positive; diameter from crest to crest."""
    if not 0.0 <= float(floor_fraction) < 1.0:
        raise ValueError(f"floor_fraction is {floor_fraction}; it must lie in [0, 1): 0 is a bowl, 0.6 a typical large flat-floored crater")
    if not (float(diameter_m) > 0.0 and float(depth_m) >= float(rim_m) >= 0.0):
        raise ValueError(
            f"diameter_m {diameter_m}, depth_m {depth_m}, rim_m {rim_m}: need diameter > 0 and depth >= rim >= 0 "
            "(depth counts from the crest of the rim down to the floor)"
        )
    cos_latitude = np.cos(latitude_rad)
    centre = vec3((cos_latitude * np.cos(longitude_rad), cos_latitude * np.sin(longitude_rad), np.sin(latitude_rad)))
    sizes = (jnp.asarray(v, dtype=float) for v in (0.5 * diameter_m, depth_m, rim_m, floor_fraction))
    return Crater(centre, *sizes)


def craters_per_km2(diameter_km: Float[np.ndarray, " n"], age_ga: float) -> Float[np.ndarray, " n"]:
    """Cumulative number of craters of at least this diameter on ground of this age: production, but never above equilibrium.

    **Reference** production: Neukum, Ivanov & Hartmann 2001; chronology: Neukum 1983; equilibrium: Trask 1966, 10^-1.1 D^-2.
    Below 10 m, where the production function ends, equilibrium has long been reached on any ground older than 0.1 Ga.
    """
    log_diameter = np.log10(np.maximum(diameter_km, PRODUCTION_SMALLEST_KM))
    shape = sum(a * log_diameter**i for i, a in enumerate(PRODUCTION) if i > 0)
    one_km = 5.44e-14 * np.expm1(6.93 * age_ga) + 8.38e-4 * age_ga
    equilibrium = 10.0**-1.1 * diameter_km**-2.0
    return np.where(diameter_km < PRODUCTION_SMALLEST_KM, equilibrium, np.minimum(one_km * 10.0**shape, equilibrium))


def draw_diameters_m(rng: np.random.Generator, area_m2: float, span_m: tuple[float, float], age_ga: float) -> Float[np.ndarray, " n"]:
    """Diameters of the craters on an area: Poisson in number, distributed as `craters_per_km2` between the two sizes."""
    grid_km = np.geomspace(span_m[0] / 1e3, span_m[1] / 1e3, 400)
    number = craters_per_km2(grid_km, age_ga) * (area_m2 / 1e6)
    ranks = rng.uniform(number[-1], number[0], rng.poisson(number[0] - number[-1]))
    return np.exp(np.interp(-ranks, -number, np.log(grid_km))) * 1e3


def stamp_population(
    rng: np.random.Generator, cells: int, spacing_m: float, span_m: tuple[float, float], age_ga: float
) -> Float[np.ndarray, "n n"]:
    """Heights of a periodic square covered by bowl craters of all ages, mean zero."""
    heights = np.zeros((cells, cells))
    for diameter_m in draw_diameters_m(rng, (cells * spacing_m) ** 2, span_m, age_ga):
        depth_m = FRESH_DEPTH_TO_DIAMETER * diameter_m * np.exp(-WEAR_SPAN * rng.uniform())
        centre = rng.uniform(0.0, cells, 2)
        radius = 0.5 * diameter_m / spacing_m
        reach = int(np.ceil(EJECTA_REACH_RADII * radius))
        row, column = (np.arange(int(c) - reach, int(c) + reach + 2) for c in centre)
        square_radii = ((row - centre[0])[:, None] ** 2 + (column - centre[1])[None, :] ** 2) / radius**2
        patch = crater_profile_m(square_radii, depth_m, RIM_TO_DEPTH * depth_m, 0.0, np)
        heights[np.ix_(row % cells, column % cells)] += patch
    return heights - heights.mean()
