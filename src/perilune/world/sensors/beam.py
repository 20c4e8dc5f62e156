"""Beams toward the ground: their geometry, and what they meet."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3, any_normal_to
from perilune.types import Flag, Scalar
from perilune.world.kinematics import Kinematics
from perilune.world.sensors.sensor import Seen

# No ground stands higher: LROC gives 10,786 m over the 1737.4 km sphere for the highest point of the Moon.
HEIGHT_MAX_M = 11_000.0


class Echo(eqx.Module):
    """One ray's return; `range_m` is zero where nothing was met."""

    range_m: Scalar
    cos_incidence: Scalar
    hit: Flag


def echoes(seen: Seen, r_antenna_body_m: Vec3, beams_body: tuple[Vec3, ...]) -> list[Echo]:
    """Cast rays from a place on the structure along directions of unit length, all in body axes.

    The rays go through one program: the ground is the dearest thing to compile. One after the other: side by side they would be the
    innermost axis of a batch, three or four long, which fills no vector register (1.7 times slower).
    """
    truth = seen.truth
    origin_lfme_m = truth.point_lfme_m(r_antenna_body_m)
    directions = jax.tree.map(lambda *parts: jnp.stack(parts), *(truth.q_lfme_body @ beam for beam in beams_body))
    found = jax.lax.map(lambda direction: seen.terrain.raycast(origin_lfme_m, direction), directions)
    # A miss may come with any range, infinity included; it must not reach arithmetic.
    hit = jnp.asarray(found.hit)
    range_m, cosine = jnp.where(hit, found.range_m, 0.0), jnp.where(hit, found.cos_incidence, 0.0)
    return [Echo(range_m[k], cosine[k], hit[k]) for k in range(len(beams_body))]


def in_reach(truth: Kinematics, range_max_m: Scalar) -> Flag:
    """Whether ground as high as the Moon's highest could be within range: never false for a beam that would meet some."""
    return truth.r_lfme_m.norm() < RADIUS_MOON_M + HEIGHT_MAX_M + range_max_m


def turned(direction_body: Vec3, mount_body_rad: Vec3) -> Vec3:
    """A direction turned by a small angle, kept at unit length."""
    return (direction_body + mount_body_rad.cross(direction_body)).unit()


def cone_beams(axis_body: Vec3, half_angle_rad: float, count: int) -> tuple[Vec3, ...]:
    """`count` unit vectors evenly spaced on a cone about a unit axis; the first lies toward `any_normal_to(axis)`."""
    first = any_normal_to(axis_body)
    second = axis_body.cross(first)
    turns_rad = [2.0 * math.pi * k / count for k in range(count)]
    side = math.sin(half_angle_rad)
    return tuple(
        axis_body * math.cos(half_angle_rad) + first * (side * math.cos(turn)) + second * (side * math.sin(turn)) for turn in turns_rad
    )


def footprint_rays(axis_body: Vec3, half_angle_rad: float, count: int) -> tuple[Vec3, ...]:
    """Rays that stand for an evenly lit spot of this half angle: a ring with the spot's second moment; one ray is the axis itself."""
    if count == 1:
        return (axis_body,)
    return cone_beams(axis_body, half_angle_rad / math.sqrt(2.0), count)
