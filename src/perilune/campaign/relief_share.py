"""What the heights of the ground add: ranges that the relief makes shorter or longer, and the ground that is met at the event itself.

**Model.** A ray that meets level ground at an angle i from its normal is shorter by the height there over cos i; what is told moves by its derivative
to that range, which is that to the range's noise over the noise's sigma. Heights are those of the mission's own relief, seen from places drawn
as flights draw them, at the spots of the nominal flight: a sample, for heights are alike over kilometres.
**Neglects** that a flight off the nominal one meets other ground than this, that slopes turn which pad touches first, and which echoes are lost.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.campaign.nominal import NAMES
from perilune.math.vector import Vec3
from perilune.scenario.build import Flightplan
from perilune.scenario.disperse import dispersed
from perilune.sim.mission import Mission
from perilune.world.kinematics import Kinematics

SAMPLES, FIRST_SEED = 512, 1_000_000
ROWS = 64  # of the sample at a time


class _Spots(NamedTuple):
    """Where rays meet the ground [spots, 3], and what a metre of height there does to what is told [asked, spots]."""

    direction_lfme: np.ndarray
    owed: np.ndarray


def relief_share(
    plan: Flightplan, mission: Mission, history: Any, names: tuple[str, ...], owed: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Covariance [asked, asked]; `owed` is the derivative to draws [ticks, asked, draws] and to the numbers told [ticks, asked, numbers]."""
    to_draws, asked = owed
    spots = [_below(history, asked), *_of_beams(mission, history, names, to_draws)]
    directions, weights = np.concatenate([s.direction_lfme for s in spots]), np.concatenate([s.owed for s in spots], axis=1)
    told = np.concatenate([heights_m(plan, directions, first) @ weights.T for first in range(FIRST_SEED, FIRST_SEED + SAMPLES, ROWS)])
    return np.cov(told, rowvar=False)


def heights_m(plan: Flightplan, directions: np.ndarray, first: int) -> np.ndarray:
    """Of the ground over the level at some directions, for the flights of some seeds [seeds, directions]."""
    level_m = float(plan.lander.terrain.elevation_m)
    return np.asarray(_heights(plan.mission, plan.spread, jnp.arange(first, first + ROWS), jnp.asarray(directions))) - level_m


@eqx.filter_jit
def _heights(mission: Mission, spread: Any, seeds: Array, directions: Float[Array, "spots 3"]) -> Float[Array, "seeds spots"]:
    def of_seed(seed: Array) -> Array:
        terrain = dispersed(mission, spread, seed).world.terrain
        return jnp.asarray(jax.vmap(lambda d: terrain.height_m(Vec3(d[0], d[1], d[2])))(directions))

    return jax.lax.map(of_seed, seeds)


def _below(history: Any, asked: np.ndarray) -> _Spots:
    """Higher ground below: less height, and a believed height that is too large."""
    ticks = np.flatnonzero(np.abs(asked).sum(axis=(1, 2)))
    height, believed = (asked[ticks][:, :, NAMES.index(name)] for name in ("height_m", "nav_height_m"))
    seen = history.states.world.seen.r_lfme_m
    place_m = np.stack([seen.x, seen.y, seen.z], axis=-1)[ticks]
    return _Spots(place_m / np.linalg.norm(place_m, axis=-1, keepdims=True), (believed - height).T)


def _of_beams(mission: Mission, history: Any, names: tuple[str, ...], to_draws: np.ndarray) -> list[_Spots]:
    sensors = mission.world.sensors
    units = [(sensors.altimeter.rays_body, sensors.altimeter.r_antenna_body_m, sensors.altimeter.axis_body, "sensors/altimeter/0")]
    noises = [(sensors.altimeter.noise_floor_m, sensors.altimeter.noise_slope)]
    if sensors.velocimeter is not None:
        meter = sensors.velocimeter
        for number, beam in enumerate(meter.beams_body):
            units.append(((beam,), meter.r_antenna_body_m, beam, f"sensors/velocimeter/beam {number}/1"))
            noises.append((meter.range_noise_floor_m, meter.range_noise_slope))
    spots = []
    for (rays, antenna, axis, way), (floor_m, slope) in zip(units, noises, strict=True):
        owed = to_draws[:, :, names.index(way)]
        ticks = np.flatnonzero(np.abs(owed).sum(axis=1))
        if len(ticks) == 0:
            continue
        seen = jax.tree.map(lambda leaf, ticks=ticks: jnp.asarray(leaf[ticks]), history.states.world.seen)
        met = [jax.tree.map(np.asarray, _met(mission, seen, antenna, ray, axis)) for ray in rays]
        range_m = np.mean([on_axis_m for _, on_axis_m, _ in met], axis=0)
        per_m = owed[ticks] / (float(floor_m) + float(slope) * range_m)[:, None] / len(rays)
        spots += [_Spots(direction, -(per_m * shortened[:, None]).T) for direction, _, shortened in met]
    return spots


@eqx.filter_jit
def _met(mission: Mission, seen: Kinematics, antenna: Vec3, ray: Vec3, axis: Vec3) -> tuple[Array, Array, Array]:
    """Of each tick: direction of the spot, range on the axis, and how much of that a metre of height takes."""

    def one(seen: Kinematics) -> tuple[Array, Array, Array]:
        origin_m, way = seen.point_lfme_m(antenna), seen.q_lfme_body @ ray
        hit = mission.world.terrain.raycast(origin_m, way)
        on_axis = ray.dot(axis)
        place = (origin_m + way * hit.range_m).unit().array()
        return place, jnp.asarray(hit.range_m * on_axis), jnp.asarray(on_axis / hit.cos_incidence)

    return jax.vmap(one)(seen)
