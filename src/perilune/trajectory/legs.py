"""Legs of a flight, coasts and burns one after another, under all forces; differentiable in start, epoch and lengths.

**Model.** The equations of `dynamics` on a clock that runs from 0 to 1 in each leg, so that its length is a number like any other and has an
exact derivative. A coast is a burn without thrust: all legs are one compiled loop. Thrust is constant, along or against the velocity, or
held in inertial space along a direction given in radial, along and cross axes at ignition.
**Error.** That of `dynamics.propagate` at the tolerance given; derivatives by `jax.jacfwd` are those of the numbers themselves.
**Neglects** rise and tail of thrust, attitude errors.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.constants import G0_M_S2
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import along_axes
from perilune.dynamics.propagate import TIGHT, Acceleration, PointMass, burn_rates, propagated
from perilune.math.calling import call
from perilune.math.integrate import Rates
from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Scalar, Vector

# Below this a change of velocity is no burn [m/s]: rounds the size at zero, so that a burn that is not needed has a derivative.
NO_BURN_M_S = 1e-4
# The third degree of the Moon's field at 30,000 km from it is worth 1e-12 m/s2.
FAR_DEGREE = 2


Returned = TypeVar("Returned")


def compiled(function: Callable[..., Returned]) -> Callable[..., Returned]:
    """`jax.jit` for numbers alone, all of them float64 of settled type: a Python float and an array would be two programs."""
    program = jax.jit(function)

    @functools.wraps(function)
    def called(*arguments: Any) -> Returned:
        return call(program, *jax.tree.map(lambda number: jnp.asarray(number, dtype=float), arguments))

    return called


class Engine(eqx.Module):
    """What thrusts, as the desk believes it."""

    thrust_n: Scalar
    isp_s: Scalar

    @property
    def exhaust_m_s(self) -> Scalar:
        return self.isp_s * G0_M_S2

    def duration_s(self, mass_kg: Scalar, delta_v_m_s: Scalar) -> Scalar:
        """Length of a burn that starts with a mass (rocket equation)."""
        return mass_kg * self.exhaust_m_s / self.thrust_n * -jnp.expm1(-delta_v_m_s / self.exhaust_m_s)

    def delta_v_m_s(self, mass_kg: Scalar, duration_s: Scalar) -> Scalar:
        """The inverse of `duration_s`."""
        return -self.exhaust_m_s * jnp.log1p(-duration_s * self.thrust_n / (mass_kg * self.exhaust_m_s))

    def mass_after_kg(self, mass_kg: Scalar, duration_s: Scalar) -> Scalar:
        """What is left after a burn."""
        return mass_kg - self.thrust_n / self.exhaust_m_s * duration_s


class Leg(eqx.Module):
    """One coast or burn. `follow`: thrust along (1) or against (-1) the velocity, or held along `held_rac` (0)."""

    duration_s: Scalar
    engine: Engine
    follow: Scalar
    held_rac: Vec3


def coast(duration_s: Scalar) -> Leg:
    """A leg without thrust, of any sign."""
    return Leg(jnp.asarray(duration_s), Engine(jnp.asarray(0.0), jnp.asarray(1.0)), jnp.asarray(0.0), zero_vec3())


def following(engine: Engine, duration_s: Scalar, sense: float) -> Leg:
    """A burn along (1.0) or against (-1.0) the velocity."""
    return Leg(jnp.asarray(duration_s), engine, jnp.asarray(sense), zero_vec3())


def held(engine: Engine, mass_kg: Scalar, delta_v_rac_m_s: Vec3) -> Leg:
    """A burn of a velocity given in radial, along and cross axes at ignition, held in inertial space; `mass_kg` at ignition."""
    size_m_s = jnp.sqrt(delta_v_rac_m_s.norm_squared() + NO_BURN_M_S**2)
    return Leg(engine.duration_s(mass_kg, size_m_s), engine, jnp.asarray(0.0), delta_v_rac_m_s / size_m_s)


def radial_axes(state: PointMass) -> tuple[Vec3, Vec3, Vec3]:
    """Outwards, along the motion, along the orbit normal."""
    radial, cross = state.r_m.unit(), state.r_m.cross(state.v_m_s).unit()
    return radial, cross.cross(radial), cross


def leg_rates(accel_m_s2: Acceleration, leg: Leg, start: PointMass) -> Rates:
    """Equations of motion of a leg that starts in a state."""
    held_direction = along_axes(leg.held_rac, radial_axes(start))

    def direction(t_s: Scalar, state: PointMass) -> Vec3:
        return state.v_m_s.unit() * leg.follow + held_direction

    return burn_rates(accel_m_s2, leg.engine.thrust_n, leg.engine.isp_s, direction)


def _on_unit_clock(rates: Rates, t_s: Scalar, duration_s: Scalar) -> Rates:
    def unit_rates(share: Scalar, state: PointMass) -> PointMass:
        return jax.tree.map(lambda rate: rate * duration_s, rates(t_s + share * duration_s, state))

    return unit_rates


def flown(accel_m_s2: Acceleration, start: PointMass, t_s: Scalar, legs: tuple[Leg, ...]) -> tuple[Vector, PointMass]:
    """Time and state at the end of every leg (leading axis)."""

    def fly(carry: tuple[Scalar, PointMass], leg: Leg) -> tuple[tuple[Scalar, PointMass], tuple[Scalar, PointMass]]:
        t_s, state = carry
        rates = _on_unit_clock(leg_rates(accel_m_s2, leg, state), t_s, leg.duration_s)
        after = propagated(rates, state, jnp.asarray(0.0), jnp.asarray(1.0), tolerance=TIGHT)
        return (t_s + leg.duration_s, after), (t_s + leg.duration_s, after)

    stacked = jax.tree.map(lambda *each: jnp.stack([jnp.asarray(one, dtype=float) for one in each]), *legs)
    begin = jax.tree.map(lambda number: jnp.asarray(number, dtype=float), (t_s, start))
    times_s, states = jax.lax.scan(fly, begin, stacked)[1]
    return jnp.asarray(times_s), states


def last(states: tuple[Vector, PointMass], index: int = -1) -> PointMass:
    """One of the states that `flown` gives; the last unless told."""
    return jax.tree.map(lambda rows: rows[index], states[1])


def sampled(accel_m_s2: Acceleration, leg: Leg, start: PointMass, t_s: Scalar, shares: Vector) -> PointMass:
    """States (leading axis) at shares of a leg, from 0 to 1."""
    rates = _on_unit_clock(leg_rates(accel_m_s2, leg, start), t_s, leg.duration_s)
    return propagated(rates, start, jnp.asarray(0.0), jnp.asarray(1.0), save_at_s=shares, tolerance=TIGHT)


def to_moon(forces: Cislunar, t_s: Scalar, state: PointMass) -> PointMass:
    """The same state seen from the Moon."""
    return PointMass(*forces.lci_of_gci(t_s, state.r_m, state.v_m_s), state.mass_kg)


def to_earth(forces: Cislunar, t_s: Scalar, state: PointMass) -> PointMass:
    """The same state seen from the Earth."""
    return PointMass(*forces.gci_of_lci(t_s, state.r_m, state.v_m_s), state.mass_kg)


def about_earth(forces: Cislunar) -> Acceleration:
    """Acceleration in legs about the Earth, which keep far from the Moon: of its field they need, and compile, only the lowest degrees."""
    near = forces.moon_field
    return eqx.tree_at(lambda each: each.moon_field, forces, near.truncated(min(FAR_DEGREE, near.degree))).accel_gci_m_s2


def about_moon(forces: Cislunar) -> Acceleration:
    """Acceleration in legs about the Moon; the Earth's flattening, 1e-11 m/s2 there, is left out."""
    return replace(forces, earth_figure=None).accel_lci_m_s2


def difference(one: PointMass, other: PointMass) -> Float[Array, "6"]:
    """Of position (m) and velocity (m/s)."""
    return jnp.concatenate([(one.r_m - other.r_m).array(), (one.v_m_s - other.v_m_s).array()])
