"""What each flight draws for itself of the world: from the seed, and from nothing else.

Only leaves of the world change; flight software keeps its belief. Sensors and tracking draw their own errors in the world.
"""

import functools
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from perilune.math.random import Given, Stream, stream_of_seed
from perilune.math.vector import Vec3
from perilune.moon.relief import draw_offset
from perilune.moon.terrain import seen_at, with_site_elevation
from perilune.scenario.programs import DIRECT, Programs, lander
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.sim.fly import Fleet
from perilune.sim.mission import Mission
from perilune.types import Scalar


class Spread(eqx.Module):
    """1 sigma of each draw; friction is drawn evenly between its bounds."""

    thrust: Scalar
    isp: Scalar
    misalignment_rad: Scalar  # about each of two axes
    lag: Scalar
    thruster: Scalar
    mass_dry: Scalar
    propellant: Scalar
    com_m: Scalar
    inertia: Scalar
    friction_low: Scalar
    friction_high: Scalar
    site_elevation_m: Scalar  # of the ground about the site, known from maps


def spread_of(file: MissionFile) -> Spread:
    d, ground = file.dispersions, (0.0, 0.0, 0.0)
    if isinstance(file, LanderFile):
        friction = file.terrain.friction
        ground = friction.low, friction.high, float(file.site.elevation_m)
    numbers = dict(
        thrust=0.01 * d.thrust_percent,
        isp=0.01 * d.isp_percent,
        misalignment_rad=math.radians(d.misalignment_deg),
        lag=0.01 * d.lag_percent,
        thruster=0.01 * d.thruster_percent,
        mass_dry=0.01 * d.mass_dry_percent,
        propellant=0.01 * d.propellant_percent,
        com_m=1e-3 * d.com_mm,
        inertia=0.01 * d.inertia_percent,
        friction_low=ground[0],
        friction_high=ground[1],
        site_elevation_m=ground[2],
    )
    return Spread(**{name: jnp.asarray(float(number)) for name, number in numbers.items()})


def _drawn(mission: Mission, relief: bool) -> tuple:
    """Every leaf that a flight draws, in the order of `dispersed`; smooth ground has no relief whose place is drawn."""
    world = mission.world
    engines = world.propulsion.engines
    offset = (world.terrain.relief.offset,) if relief and world.terrain.relief is not None else ()
    return (
        engines.thrust_scale,
        engines.isp_scale,
        engines.push_body,
        engines.rise_tau_s,
        engines.fall_tau_s,
        world.propulsion.thrusters.thrust_scale,
        world.mass.dry_kg,
        world.mass.com_offset_body_m,
        world.mass.inertia_full_kg_m2,
        world.mass.inertia_empty_kg_m2,
        mission.propellant_kg,
        world.gear.pad.friction,
        world.terrain.shift_m,
        *offset,
    )


def dispersed(mission: Mission, spread: Spread, seed: Int[Array, ""], given: Given | None = None) -> Mission:
    """The same mission with this flight's world."""
    stream = stream_of_seed(seed, given).named("dispersions")
    world = mission.world
    engines, thrusters, mass = world.propulsion.engines, world.propulsion.thrusters, world.mass
    terrain = world.terrain
    if terrain.relief is not None:
        terrain = seen_at(terrain, draw_offset(stream.named("relief")))
    site = world.site.r_origin_lfme_m.unit()
    terrain = with_site_elevation(terrain, site, spread.site_elevation_m)
    lag = 1.0 + spread.lag * _normals(stream.named("lag"), engines.rise_tau_s)
    inertia = stream.named("inertia").normal_vec3() * spread.inertia + Vec3(1.0, 1.0, 1.0)
    friction = spread.friction_low + (spread.friction_high - spread.friction_low) * stream.named("friction").uniform()
    draws = (
        engines.thrust_scale * (1.0 + spread.thrust * _normals(stream.named("thrust"), engines.thrust_scale)),
        engines.isp_scale * (1.0 + spread.isp * _normals(stream.named("isp"), engines.isp_scale)),
        _tilted(engines.push_body, spread.misalignment_rad, stream.named("misalignment")),
        engines.rise_tau_s * lag,
        engines.fall_tau_s * lag,
        thrusters.thrust_scale * (1.0 + spread.thruster * _normals(stream.named("thruster"), thrusters.thrust_scale)),
        mass.dry_kg * (1.0 + spread.mass_dry * stream.named("dry mass").normal()),
        mass.com_offset_body_m + stream.named("centre of mass").normal_vec3() * spread.com_m,
        mass.inertia_full_kg_m2.scaled_by(inertia),
        mass.inertia_empty_kg_m2.scaled_by(inertia),
        mission.propellant_kg * (1.0 + spread.propellant * stream.named("propellant").normal()),
        friction,
        terrain.shift_m,
        *(() if terrain.relief is None else (terrain.relief.offset,)),
    )
    return eqx.tree_at(_leaves_of(mission), mission, draws)


def _leaves_of(mission: Mission) -> Callable[[Mission], tuple]:
    """`_drawn` for missions on the ground of this one."""
    return functools.partial(_drawn, relief=mission.world.terrain.relief is not None)


def _normals(stream: Stream, like: Float[Array, " n"]) -> Float[Array, " n"]:
    return jnp.stack([stream.normal(i) for i in range(like.shape[-1])])


def _tilted(push_body: Float[Array, "n 3"], sigma_rad: Scalar, stream: Stream) -> Float[Array, "n 3"]:
    """Turned by a small angle about each of the two axes across the push, which is nearly +z."""
    rows = []
    for i in range(push_body.shape[0]):
        x, y = sigma_rad * stream.normal(2 * i), sigma_rad * stream.normal(2 * i + 1)
        push = push_body[i] + jnp.stack([x, y, jnp.zeros_like(x)])
        rows.append(push / jnp.sqrt(jnp.sum(push**2)))
    return jnp.stack(rows)


@eqx.filter_jit
def _own_leaves(mission: Mission, spread: Spread, seeds: Int[Array, " landers"], given: Given | None = None) -> tuple:
    return jax.vmap(lambda seed, given: _leaves_of(mission)(dispersed(mission, spread, seed, given)))(seeds, given)


def fleet_of(
    mission: Mission, spread: Spread, seeds: Int[Array, " landers"], programs: Programs = DIRECT, given: Given | None = None
) -> Fleet:
    """A batch of flights: one mission shared, and of each flight only what it drew, or was given (a row of values each)."""
    leaves, empty = _leaves_of(mission), jax.tree.map(lambda _: None, mission)
    mask = eqx.tree_at(leaves, jax.tree.map(lambda _: False, mission), jax.tree.map(lambda _: True, leaves(mission)))
    own = eqx.tree_at(leaves, empty, programs(_own_leaves, mission, spread, seeds, given), is_leaf=lambda leaf: leaf is None)
    return Fleet(shared=eqx.filter(mission, mask, inverse=True), own=own, seeds=seeds, given=given)


def lander_of(fleet: Fleet) -> Mission:
    """The mission of the first lander, dispersed as it is."""
    return eqx.combine(lander(eqx.filter(fleet.own, eqx.is_array)), fleet.shared)
