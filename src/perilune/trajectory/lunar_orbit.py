"""From the orbit after insertion to the ignition of the descent: when the plane passes over the site, and the burns that lead there.

**Model.** The Moon turns under the plane: the pass is the moment when the plane, moved by all forces, holds the site. A trim burn (any
direction, held) and the descent-orbit burn (against the motion, held) with free moments bring the lander to the lowest point of the
pre-landing orbit, at a given arc before the site, with the site in its plane when it gets there. Five conditions, seven numbers: the
change of least norm is taken, in the worths of `STEPS`.
**Error.** Heights to 1 m, site from plane and arc to 2 m.
**Invalid when** no pass lies in the time allowed: then `PassError` tells when they are.
**Neglects** rise and tail of thrust; the descent itself, of which arc and duration are given.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import Vec3, vec3
from perilune.moon.frames import q_lfme_lci
from perilune.trajectory.arcs import flown_moon
from perilune.trajectory.correct import Corrected, Scaling, corrected, with_jacobian
from perilune.trajectory.injection import Injection, Transfer, at_perilune
from perilune.trajectory.legs import Engine, Leg, about_moon, coast, compiled, flown, held, last, radial_axes, sampled
from perilune.types import Scalar, Vector

# Points of a window that is searched by interpolation.
WINDOW_POINTS = 129


class Landing(eqx.Module):
    """What the descent asks of the orbit."""

    site_lfme: Vec3  # unit vector
    arc_rad: Scalar  # from ignition to the site
    braking_s: Scalar  # from ignition to the site
    periapsis_m: Scalar  # radii at ignition
    apoapsis_m: Scalar


class Approaching(eqx.Module):
    """The problem: everything that is not solved for."""

    forces: Cislunar
    engine: Engine
    start: PointMass
    t_start_s: Scalar
    landing: Landing


class OrbitBurns(NamedTuple):
    """The solution: moments of the middle of each burn, velocities in radial, along and cross axes there."""

    trim_m_s: tuple[float, float, float]
    trim_s: float
    descent_m_s: float
    descent_s: float
    ignition_s: float

    def controls(self) -> Float[np.ndarray, "7"]:
        return np.array([*self.trim_m_s, self.trim_s, self.descent_m_s, self.descent_s, self.ignition_s])


def orbit_burns(controls: Float[np.ndarray, "7"]) -> OrbitBurns:
    x, y, z, trim_s, descent_m_s, descent_s, ignition_s = (float(control) for control in controls)
    return OrbitBurns((x, y, z), trim_s, descent_m_s, descent_s, ignition_s)


def chain(case: Approaching, controls: Float[Array, "7"]) -> tuple[Leg, ...]:
    """Coast, trim burn, coast, descent-orbit burn, coast to the ignition of the descent."""
    x, y, z, trim_s, descent_m_s, descent_s, ignition_s = (controls[i] for i in range(7))
    zero = jnp.zeros(())
    trim = held(case.engine, case.start.mass_kg, Vec3(x, y, z))
    trim_from_s = trim_s - 0.5 * trim.duration_s
    mass_kg = case.engine.mass_after_kg(case.start.mass_kg, trim.duration_s)
    descent = held(case.engine, mass_kg, Vec3(zero, descent_m_s, zero))
    descent_from_s = descent_s - 0.5 * descent.duration_s
    between_s = descent_from_s - trim_from_s - trim.duration_s
    return (coast(trim_from_s - case.t_start_s), trim, coast(between_s), descent, coast(ignition_s - descent_from_s - descent.duration_s))


def site_lci(forces: Cislunar, site_lfme: Vec3, t_s: Scalar) -> Vec3:
    """Direction of the site."""
    return q_lfme_lci(forces.ephemeris, t_s).inverse() @ site_lfme


def arc_to(state: PointMass, direction: Vec3) -> tuple[Scalar, Scalar]:
    """Angle along the motion to the projection of a direction, and its angle out of the plane (radians)."""
    radial, along, cross = radial_axes(state)
    return jnp.arctan2(direction.dot(along), direction.dot(radial)), jnp.arcsin(direction.dot(cross))


def _arrival(case: Approaching, end: PointMass, ignition_s: Scalar) -> Float[Array, "5"]:
    """What misses at the ignition of the descent."""
    landing, gm = case.landing, case.forces.moon_field.gm_m3_s2
    ahead, aside = arc_to(end, site_lci(case.forces, landing.site_lfme, ignition_s + landing.braking_s))
    radius_m = end.r_m.norm()
    apses_m = 2.0 / (2.0 / radius_m - end.v_m_s.norm_squared() / gm)
    late = jnp.mod(ahead - landing.arc_rad + jnp.pi, 2.0 * jnp.pi) - jnp.pi
    rise_m_s = end.r_m.dot(end.v_m_s) / radius_m
    return jnp.stack([radius_m - landing.periapsis_m, rise_m_s, apses_m - landing.periapsis_m - landing.apoapsis_m, late, aside])


def _misses(controls: Float[Array, "7"], case: Approaching) -> Float[Array, "5"]:
    end = last(flown(about_moon(case.forces), case.start, case.t_start_s, chain(case, controls)))
    return _arrival(case, end, controls[6])


_NAMES = (
    "height at ignition [m]",
    "vertical speed there [m/s]",
    "sum of the apsides [m]",
    "arc to the site [rad]",
    "site from the plane [rad]",
)
_STEPS = (8.0, 8.0, 8.0, 400.0, 8.0, 400.0, 400.0)
_SCALING = Scaling("the way down to the pre-landing orbit", _STEPS, _NAMES, (1.0, 1e-3, 1.0, 1e-6, 1e-6))
approach_map = with_jacobian(_misses)


def approach(case: Approaching, guess: OrbitBurns) -> tuple[OrbitBurns, Corrected]:
    """The burns that lead to the ignition. CorrectionError if they are not found."""
    found = corrected(approach_map, guess.controls(), case, _SCALING)
    return orbit_burns(found.controls), found


def descent_legs(case: Approaching, controls: Float[Array, "4"]) -> tuple[Leg, ...]:
    """Coast, descent-orbit burn in the plane of the orbit, coast to the ignition. Controls: radial, along, its middle, ignition of the descent."""
    burn = held(case.engine, case.start.mass_kg, Vec3(controls[0], controls[1], jnp.zeros(())))
    from_s = controls[2] - 0.5 * burn.duration_s
    return coast(from_s - case.t_start_s), burn, coast(controls[3] - from_s - burn.duration_s)


# When the trim is made the site comes to the plane when it comes, and the highest point lies where the burn is: it may be higher than wanted.
_LEFT = (0, 1, 3)


def _descent_misses(controls: Float[Array, "4"], case: Approaching) -> Float[Array, "3"]:
    end = last(flown(about_moon(case.forces), case.start, case.t_start_s, descent_legs(case, controls)))
    return _arrival(case, end, controls[3])[jnp.array(_LEFT)]


_DESCENT = Scaling(
    "the descent orbit", (8.0, 8.0, 400.0, 400.0), tuple(_NAMES[i] for i in _LEFT), tuple(_SCALING.tolerances[i] for i in _LEFT)
)
descent_map = with_jacobian(_descent_misses)


def descent(case: Approaching, guess: OrbitBurns) -> Float[np.ndarray, "4"]:
    """The controls of `descent_legs` when the trim is made. CorrectionError if they are not found."""
    start = np.array([0.0, guess.descent_m_s, guess.descent_s, guess.ignition_s])
    return corrected(descent_map, start, case, _DESCENT).controls


def ignition_s(case: Approaching, about_s: float) -> float:
    """When braking should begin on an orbit as it is: the site lies the arc of the braking ahead, at a time near to one expected."""
    over = Pass(about_s + float(case.landing.braking_s), False)
    return _when(case, case.start, float(case.t_start_s), about_s, over, float(case.landing.arc_rad), 1.0)


def _coasted(forces: Cislunar, start: PointMass, t_s: Scalar, duration_s: Scalar) -> PointMass:
    return last(flown_moon(forces, start, t_s, (coast(duration_s),)))


@compiled
def _window(forces: Cislunar, start: PointMass, t_s: Scalar, length_s: Scalar) -> tuple[Vector, PointMass]:
    """States on a window that begins with a state."""
    shares = jnp.linspace(0.0, 1.0, WINDOW_POINTS)
    return t_s + shares * length_s, sampled(about_moon(forces), coast(length_s), start, t_s, shares)


class Pass(NamedTuple):
    """The plane holds the site."""

    t_s: float
    southbound: bool


def passes(case: Approaching, latest_s: float) -> list[Pass]:
    """When the plane of the coasting orbit holds the site, until a time."""
    return _crossings(_aside(case, jnp.asarray(latest_s)))


def _crossings(grid: tuple[Vector, Vector, Vector]) -> list[Pass]:
    times, aside, south = (np.asarray(each) for each in grid)
    at = np.flatnonzero(aside[:-1] * aside[1:] <= 0.0)
    share = aside[at] / (aside[at] - aside[at + 1])
    moments = times[at] + share * (times[at + 1] - times[at])
    return [Pass(float(t_s), bool(south[k] > 0.0)) for t_s, k in zip(moments, at, strict=True)]


def _aside(case: Approaching, latest_s: Scalar) -> tuple[Vector, Vector, Vector]:
    """Sine of the site's angle from the plane, and how much a lander over the site would fly south, on a grid of times."""
    t_s, states = _window(case.forces, case.start, case.t_start_s, latest_s - case.t_start_s)
    return _aside_of_states(case.forces, case.landing.site_lfme, t_s, states)


@compiled
def _aside_of_states(forces: Cislunar, site_lfme: Vec3, t_s: Vector, states: PointMass) -> tuple[Vector, Vector, Vector]:
    normals = jax.vmap(lambda state: state.r_m.cross(state.v_m_s).unit())(states)
    return _aside_of(forces, site_lfme, t_s, normals)


def _aside_of(forces: Cislunar, site_lfme: Vec3, t_s: Vector, normals: Vec3) -> tuple[Vector, Vector, Vector]:
    def one(t_s: Scalar, normal: Vec3) -> tuple[Scalar, Scalar]:
        site, pole = site_lci(forces, site_lfme, t_s), site_lci(forces, vec3((0.0, 0.0, 1.0)), t_s)
        return site.dot(normal), -normal.cross(site).dot(pole)

    sines, southwards = jax.vmap(one)(t_s, normals)
    return t_s, jnp.asarray(sines), jnp.asarray(southwards)


def passes_of_plane(transfer: Transfer, start: Injection, site_lfme: Vec3, from_s: float, latest_s: float) -> list[Pass]:
    """The same for the plane of an arrival, taken to stand still."""
    plane = jnp.array([start.perilune_node_rad, start.perilune_argument_rad, start.perilune_speed_m_s])
    return _crossings(_aside_still(transfer, plane, site_lfme, jnp.array([from_s, latest_s])))


@compiled
def _aside_still(transfer: Transfer, plane: Float[Array, "3"], site_lfme: Vec3, span_s: Float[Array, "2"]) -> tuple[Vector, Vector, Vector]:
    lowest = at_perilune(transfer.forces, transfer.perilune, plane)
    t_s = jnp.linspace(span_s[0], span_s[1], WINDOW_POINTS)
    normal = lowest.r_m.cross(lowest.v_m_s).unit()
    return _aside_of(transfer.forces, site_lfme, t_s, jax.tree.map(lambda c: jnp.broadcast_to(c, t_s.shape), normal))


def first_guess(case: Approaching, over: Pass, trim_s: float, descent_s: float | None) -> OrbitBurns:
    """Burns to start from: no trim, at a quarter turn from the site; the descent burn opposite to the ignition, without a time the last such place."""
    landing, gm = case.landing, float(case.forces.moon_field.gm_m3_s2)
    if descent_s is None:
        descent_s = over.t_s - float(landing.braking_s) - 0.5 * orbit_period_s(case.start, gm)
    trim_at_s = _when(case, case.start, float(case.t_start_s), trim_s, over, 0.5 * math.pi, 0.5)
    descent_at_s = _when(case, case.start, float(case.t_start_s), descent_s, over, math.pi + float(landing.arc_rad), 1.0)
    state = _coasted(case.forces, case.start, case.t_start_s, jnp.asarray(descent_at_s - float(case.t_start_s)))
    radius_m, speed_m_s = float(state.r_m.norm()), float(state.v_m_s.norm())
    slower_m_s = math.sqrt(gm * (2.0 / radius_m - 2.0 / (radius_m + float(landing.periapsis_m)))) - speed_m_s
    after = PointMass(state.r_m, state.v_m_s + radial_axes(state)[1] * slower_m_s, state.mass_kg)
    ignition_s = _when(case, after, descent_at_s, over.t_s - float(landing.braking_s), over, float(landing.arc_rad), 1.0)
    return OrbitBurns((0.0, 0.0, 0.0), trim_at_s, slower_m_s, descent_at_s, ignition_s)


def _when(case: Approaching, start: PointMass, t_s: float, about_s: float, over: Pass, arc_rad: float, turns: float) -> float:
    """The moment nearest to `about_s` when the site of the pass lies an arc ahead, counted modulo a number of turns."""
    period_s = orbit_period_s(start, float(case.forces.moon_field.gm_m3_s2))
    begin_s = max(about_s - 0.75 * turns * period_s, t_s)
    there = _coasted(case.forces, start, jnp.asarray(t_s), jnp.asarray(begin_s - t_s))
    times, states = _window(case.forces, there, jnp.asarray(begin_s), jnp.asarray(1.5 * turns * period_s))
    ahead: np.ndarray = np.unwrap(np.asarray(_arcs(states, site_lci(case.forces, case.landing.site_lfme, jnp.asarray(over.t_s)))))
    lag = (ahead - arc_rad) / (2.0 * math.pi * turns)
    zeros = np.arange(math.ceil(lag.min()), math.floor(lag.max()) + 1)
    moments = np.interp(-zeros.astype(float), -lag, np.asarray(times))
    return float(moments[np.argmin(np.abs(moments - about_s))])


@compiled
def _arcs(states: PointMass, site: Vec3) -> Vector:
    return jnp.asarray(jax.vmap(lambda state: arc_to(state, site)[0])(states))


def orbit_period_s(state: PointMass, gm_m3_s2: float) -> float:
    """Of the osculating ellipse."""
    axis_m = 1.0 / (2.0 / float(state.r_m.norm()) - float(state.v_m_s.norm_squared()) / gm_m3_s2)
    return 2.0 * math.pi * math.sqrt(axis_m**3 / gm_m3_s2)
