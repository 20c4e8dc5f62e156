"""Legs of a plan as arcs, one after another, and the lines of the burn table that belong to them."""

import jax.numpy as jnp

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.moon.time import Epoch
from perilune.trajectory.flightpath import Arc, PlannedBurn, planned_burn
from perilune.trajectory.legs import Leg, about_earth, about_moon, compiled, flown, last
from perilune.trajectory.order import Thruster
from perilune.types import Scalar, Vector


@compiled
def flown_earth(forces: Cislunar, start: PointMass, t_s: Scalar, legs: tuple[Leg, ...]) -> tuple[Vector, PointMass]:
    """Time and state at the end of every leg about the Earth."""
    return flown(about_earth(forces), start, t_s, legs)


@compiled
def flown_moon(forces: Cislunar, start: PointMass, t_s: Scalar, legs: tuple[Leg, ...]) -> tuple[Vector, PointMass]:
    """The same about the Moon."""
    return flown(about_moon(forces), start, t_s, legs)


def end_of(forces: Cislunar, arc: Arc) -> PointMass:
    """The state that an arc leads to."""
    fly = flown_earth if arc.centre == "earth" else flown_moon
    return last(fly(forces, arc.start, jnp.asarray(arc.t_s), (arc.leg,)))


def arcs_of(forces: Cislunar, centre: str, names: tuple[str, ...], start: PointMass, t_s: float, legs: tuple[Leg, ...]) -> list[Arc]:
    """Legs one after another, each with the state it starts from."""
    arcs = []
    for name, leg in zip(names, legs, strict=True):
        arcs.append(Arc(name, centre, t_s, start, leg))
        t_s, start = t_s + float(leg.duration_s), end_of(forces, arcs[-1])
    return arcs


def burns_of(forces: Cislunar, epoch: Epoch, arcs: list[Arc], engines: dict[str, Thruster]) -> list[PlannedBurn]:
    """The lines of the table for those arcs that have an engine."""
    return [planned_burn(forces, epoch, arc, engines[arc.name], end_of(forces, arc)) for arc in arcs if arc.name in engines]
