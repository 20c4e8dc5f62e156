"""The ground: its height, its slope, and where a beam meets it."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3, any_normal_to
from perilune.moon.craters import Crater
from perilune.moon.maps import AbstractElevation, LevelGround
from perilune.moon.relief import Relief, ReliefOffset
from perilune.types import Flag, Index, Scalar

# How a beam is followed. Cautious steps assume ground that rises towards the beam by this tangent (a steep crater wall rises 0.6), so
# they stop short of the first ground; secants then close the rest.
MARCH_STEPS = 5
SECANT_STEPS = 2
STEEPNESS = 0.5
# A beam counts as having met the ground when it ends this close to it: a fraction of the range, and a floor in m.
HIT_FRACTION, HIT_FLOOR_M = 1e-3, 0.05
FOOTPRINT_M = 3.0


class RayHit(eqx.Module):
    """Where a beam meets the ground; `range_m` and `cos_incidence` mean nothing where `hit` is false."""

    range_m: Scalar
    cos_incidence: Scalar  # between the beam and the normal of the ground
    hit: Flag


class GroundPlane(eqx.Module):
    """The plane through the ground under a point."""

    height_m: Scalar
    normal_lfme: Vec3


class _March(eqx.Module):
    """The last look along a beam, and where the next will be."""

    range_m: Scalar
    clearance_m: Scalar
    next_m: Scalar


class Terrain(eqx.Module):
    """Elevation over the 1,737.4 km sphere: a base level or map, craters with names, and statistical relief.

    **Error** the ground is exact by definition (the world's own); against the Moon, see `relief.py`, `craters.py` and `maps.py`.
    **Invalid when** overhangs, caves or rocks matter: one height per direction.
    **Neglects** the footprint of a beam: a ray is a line.
    """

    base: AbstractElevation
    craters: tuple[Crater, ...]
    relief: Relief | None
    shift_m: Scalar  # added everywhere; see `with_site_elevation`

    def height_m(self, direction_lfme: Vec3) -> Scalar:
        """Elevation along a unit direction, in m."""
        height_m = self.base.height_m(direction_lfme) + self.shift_m
        for crater in self.craters:
            height_m = height_m + crater.height_m(direction_lfme)
        if self.relief is not None:
            height_m = height_m + self.relief.height_m(direction_lfme)
        return height_m

    def normal_lfme(self, direction_lfme: Vec3) -> Vec3:
        """Unit normal of the interpolated ground at a point (scale of its finest nodes, 1 m)."""
        return self._height_and_normal(direction_lfme)[1]

    def _height_and_normal(self, direction_lfme: Vec3) -> tuple[Scalar, Vec3]:
        east, north = _axes_about(direction_lfme)
        # Height gained per radian, twice; the height itself comes with it.
        height_m, rise_east_m = jax.jvp(self.height_m, (direction_lfme,), (east,))
        _, rise_north_m = jax.jvp(self.height_m, (direction_lfme,), (north,))
        per_m = 1.0 / (RADIUS_MOON_M + height_m)
        return height_m, (direction_lfme - east * (rise_east_m * per_m) - north * (rise_north_m * per_m)).unit()

    def raycast(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> RayHit:
        """First ground along a beam from a point above it; `direction_lfme` is a unit vector.

        **Model** a fixed number of steps by the clearance left, then secants.
        **Error** and missed crossings: measured against a fine march in `tests/verification/test_terrain_raycast.py`.
        **Invalid when** the beam grazes the ground (beyond some 70 deg of incidence) or starts below it.
        """
        range_m = self._march(r_lfme_m, direction_lfme)
        point = r_lfme_m + direction_lfme * range_m
        radius_m = point.norm()
        height_m, normal_lfme = self._height_and_normal(point * (1.0 / radius_m))
        clearance_m, cos_incidence = radius_m - RADIUS_MOON_M - height_m, -direction_lfme.dot(normal_lfme)
        near = jnp.abs(clearance_m) < HIT_FLOOR_M + HIT_FRACTION * range_m
        return RayHit(range_m, cos_incidence, near & (range_m > 0.0) & (cos_incidence > 0.0))

    def plane_under(self, r_lfme_m: Vec3, footprint_m: Scalar = FOOTPRINT_M) -> GroundPlane:
        """Plane through the ground at the four points half a footprint east, west, north and south of a point."""
        up = r_lfme_m.unit()
        east, north = _axes_about(up)
        half = 0.5 * footprint_m / RADIUS_MOON_M
        ends = _joined([up + axis * (sign * half) for axis in (east, north) for sign in (1.0, -1.0)])
        # One program for the four ends, not four.
        heights_m = jnp.asarray(jax.vmap(self.height_m)(ends))
        rises = ((heights_m[0] - heights_m[1]) / footprint_m, (heights_m[2] - heights_m[3]) / footprint_m)
        return GroundPlane(jnp.mean(heights_m), (up - east * rises[0] - north * rises[1]).unit())

    def mean_slope_at(self, r_lfme_m: Vec3, footprint_m: Scalar = FOOTPRINT_M) -> Scalar:
        """Angle between the plane under a point and the horizontal, in rad."""
        up, normal = r_lfme_m.unit(), self.plane_under(r_lfme_m, footprint_m).normal_lfme
        return jnp.arctan2(up.cross(normal).norm(), up.dot(normal))

    def _clearance(self, r_lfme_m: Vec3, direction_lfme: Vec3, range_m: Scalar) -> tuple[Scalar, Vec3]:
        """Height over the ground of a point on the beam, and the local up."""
        point = r_lfme_m + direction_lfme * range_m
        radius_m = point.norm()
        up = point * (1.0 / radius_m)
        return radius_m - RADIUS_MOON_M - self.height_m(up), up

    def _march(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> Scalar:
        """Range at which the ground is expected after the last look. One loop, so that the ground is compiled once."""

        def look(number: Index, now: "_March") -> _March:
            clearance_m, up = self._clearance(r_lfme_m, direction_lfme, now.next_m)
            closing = -direction_lfme.dot(up)
            across = jnp.sqrt(jnp.maximum(1.0 - closing * closing, 0.0))
            cautious_m = clearance_m / jnp.maximum(closing + STEEPNESS * across, 0.1)
            rate = (now.clearance_m - clearance_m) / jnp.where(now.next_m == now.range_m, 1.0, now.next_m - now.range_m)
            secant_m = jnp.where(rate > 0.05, clearance_m / jnp.maximum(rate, 0.05), clearance_m)
            step_m = jnp.where(number < MARCH_STEPS, cautious_m, secant_m)
            return _March(now.next_m, clearance_m, now.next_m + step_m)

        zero = jnp.zeros_like(r_lfme_m.x)
        return jax.lax.fori_loop(0, MARCH_STEPS + SECANT_STEPS, look, _March(zero, zero, zero)).next_m


def spherical_terrain(elevation_m: Scalar = 0.0) -> Terrain:
    """Smooth ground at one elevation."""
    return level_terrain(elevation_m)


def level_terrain(elevation_m: Scalar, craters: tuple[Crater, ...] = (), relief: Relief | None = None) -> Terrain:
    """A base level with craters and relief on it."""
    return Terrain(LevelGround(jnp.asarray(elevation_m, dtype=float)), craters, relief, jnp.zeros(()))


def seen_at(terrain: Terrain, offset: ReliefOffset) -> Terrain:
    """The same ground with its relief where this flight sees it; terrain without relief stays as it is."""
    if terrain.relief is None:
        return terrain
    return eqx.tree_at(lambda t: t.relief.offset, terrain, offset)


def with_site_elevation(terrain: Terrain, direction_lfme: Vec3, elevation_m: Scalar, footprint_m: Scalar = 1000.0) -> Terrain:
    """The whole ground shifted so that its mean about a site is as mapped: a chance offset must not lift a site whose height is known."""
    mean_m = terrain.plane_under(direction_lfme * RADIUS_MOON_M, footprint_m).height_m
    return eqx.tree_at(lambda t: t.shift_m, terrain, terrain.shift_m + elevation_m - mean_m)


def _joined(vectors: list[Vec3]) -> Vec3:
    """Several vectors along a new first axis."""
    return jax.tree.map(lambda *parts: jnp.stack(parts), *vectors)


def _axes_about(up: Vec3) -> tuple[Vec3, Vec3]:
    """Two horizontal unit vectors, square to each other."""
    first = any_normal_to(up)
    return first, up.cross(first)
