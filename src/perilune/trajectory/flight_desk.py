"""The desk while the mission flies: from the orbit that tracking finds, the burns that are left, one after another.

**Model.** Each burn is found anew before it is made, from where the spacecraft is believed to be: a correction keeps the planned perilune; the
insertion gives the orbit wanted its size, and its lowest point the place of the approach's; a lowering is made at its apsis again; trim and descent-orbit burn lead to the ignition
of the descent as in `lunar_orbit`, the second of them alone once the trim is made.
**Error.** That of the desk's forces and of the state it is given.
**Neglects** rise of thrust: the thrust of a burn is its nominal one from ignition to cut-off.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.events import Body
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import vec3
from perilune.trajectory.arcs import flown_earth, flown_moon
from perilune.trajectory.correct import Scaling, corrected, with_jacobian
from perilune.trajectory.corrections import Correction, correction
from perilune.trajectory.injection import Injection, Perilune, at_perilune
from perilune.trajectory.insertion import AXIS_M, ECCENTRICITY, Braking, eccentricity_vector
from perilune.trajectory.legs import Leg, about_moon, coast, compiled, flown, following, held, last, radial_axes
from perilune.trajectory.lowering import apsis_burn, apsis_change
from perilune.trajectory.lunar_orbit import Approaching, OrbitBurns, descent, descent_legs
from perilune.trajectory.order import Lowering, Thruster
from perilune.types import Scalar

CORRECTION_MIN_M_S = 0.02  # a smaller one is not worth a burn


class Known(NamedTuple):
    """An orbit as the ground has it: seconds of the desk's clock, and the state about the Moon."""

    t_s: float
    r_lci_m: np.ndarray
    v_lci_m_s: np.ndarray
    mass_kg: float

    def about_moon(self) -> PointMass:
        return PointMass(vec3(self.r_lci_m), vec3(self.v_lci_m_s), jnp.asarray(self.mass_kg))


class Aim(NamedTuple):
    """The perilune that the corrections keep: when, how high over the centre, how inclined, and the arrival that led there when it was planned."""

    t_s: float
    radius_m: float
    inclination_rad: float
    node_rad: float
    argument_rad: float
    speed_m_s: float

    def perilune(self) -> Perilune:
        return Perilune(*(jnp.asarray(number) for number in (self.radius_m, self.inclination_rad, self.t_s)))


class OrderedBurn(NamedTuple):
    """One burn of the table that goes up. `direction` is a unit vector in inertial axes at ignition; `follow` as in `Leg`."""

    engine: Thruster
    ignition_s: float
    duration_s: float
    delta_v_m_s: float
    follow: float
    direction: np.ndarray


class Wanted(NamedTuple):
    """The orbit about the Moon (radii), and the engines that enter it, in order, the later ones with their seconds."""

    periapsis_m: float
    apoapsis_m: float
    engines: tuple[Thruster, ...]
    later_s: tuple[float, ...]


@compiled
def seen_from_earth(forces: Cislunar, t_s: Scalar, state: PointMass) -> PointMass:
    return PointMass(*forces.gci_of_lci(t_s, state.r_m, state.v_m_s), state.mass_kg)


def moved(forces: Cislunar, centre: Body, t_s: float, state: PointMass, duration_s: float) -> PointMass:
    """A state after a coast about a centre, forward or back."""
    fly = flown_earth if centre == "earth" else flown_moon
    return last(fly(forces, state, jnp.asarray(t_s), (coast(duration_s),)))


def _burn(thruster: Thruster, leg: Leg, ignition_s: float, at: PointMass) -> OrderedBurn:
    """The line of the table for a leg that burns from a state."""
    axes = np.stack([np.asarray(axis.array()) for axis in radial_axes(at)])
    direction = axes.T @ np.asarray(leg.held_rac.array())
    size = max(float(np.linalg.norm(direction)), 1e-12)
    delta_v_m_s = float(leg.engine.delta_v_m_s(at.mass_kg, leg.duration_s))
    return OrderedBurn(thruster, ignition_s, float(leg.duration_s), delta_v_m_s, 0.0, direction / size)


def corrected_course(forces: Cislunar, known: Known, burn_s: float, thruster: Thruster, aim: Aim) -> tuple[OrderedBurn | None, Aim]:
    """The mid-course correction that keeps the perilune, and the arrival that it leads to; None where it is too small to make."""
    start = seen_from_earth(forces, jnp.asarray(known.t_s), known.about_moon())
    numbers = (jnp.asarray(known.t_s), jnp.asarray(burn_s))
    case = Correction(forces, start, *numbers, thruster.engine(), aim.perilune())
    kept = Injection(0.0, 0.0, 0.0, aim.node_rad, aim.argument_rad, aim.speed_m_s)
    found, _ = correction(case, kept, lambda: _on_course(case, kept))
    arrival = aim._replace(node_rad=found.perilune_node_rad, argument_rad=found.perilune_argument_rad, speed_m_s=found.perilune_speed_m_s)
    if found.size_m_s < CORRECTION_MIN_M_S:
        return None, aim
    at = moved(forces, "earth", known.t_s, start, burn_s - known.t_s)
    leg = held(case.engine, at.mass_kg, vec3(found.delta_v_rac_m_s))
    return _burn(thruster, leg, burn_s, at), arrival


def _on_course(case: Correction, aim: Injection) -> PointMass:
    """The state (gci) at the start from which the aim is met without a burn: back from the perilune."""
    forces, meeting_s, perilune_s = case.forces, case.meeting_s, case.perilune.t_s
    lowest = at_perilune(forces, case.perilune, jnp.asarray(aim.controls()[3:]))
    meeting = seen_from_earth(forces, meeting_s, moved(forces, "moon", float(perilune_s), lowest, float(meeting_s - perilune_s)))
    return moved(forces, "earth", float(meeting_s), meeting, float(case.t_start_s - meeting_s))


class Arriving(eqx.Module):
    """The insertion from a state on the way in."""

    forces: Cislunar
    braking: Braking
    start: PointMass
    t_start_s: Scalar
    periapsis_m: Scalar
    apoapsis_m: Scalar


def _insertion_legs(case: Arriving, controls: Float[Array, "2"]) -> tuple[Leg, ...]:
    durations_s = case.braking.durations_s(controls[1])
    burns = tuple(following(*each, -1.0) for each in zip(case.braking.engines, durations_s, strict=True))
    return coast(controls[0] - case.t_start_s), *burns


def _insertion_misses(controls: Float[Array, "2"], case: Arriving) -> Float[Array, "2"]:
    gm = case.forces.moon_field.gm_m3_s2
    times, states = flown(about_moon(case.forces), case.start, case.t_start_s, _insertion_legs(case, controls))
    before, end = last((times, states), 0), last((times, states))
    towards = eccentricity_vector(before.r_m, before.v_m_s, gm).unit()
    along = before.r_m.cross(before.v_m_s).unit().cross(towards)
    axis_m = 0.5 * (case.periapsis_m + case.apoapsis_m)
    found_m = 1.0 / (2.0 / end.r_m.norm() - end.v_m_s.norm_squared() / gm)
    return jnp.stack([axis_m * (axis_m / found_m - 1.0), eccentricity_vector(end.r_m, end.v_m_s, gm).dot(along)])


_INSERTION = Scaling(
    "the insertion", (300.0, 100.0), ("semi-major axis [m]", "eccentricity across the line of apsides"), (AXIS_M, ECCENTRICITY)
)
insertion_map = with_jacobian(_insertion_misses)


def insertion_burns(forces: Cislunar, known: Known, wanted: Wanted, guess: tuple[float, float]) -> tuple[OrderedBurn, ...]:
    """The insertion, engine by engine. The guess: ignition (s) and length of the first engine's burn (s)."""
    engines = tuple(each.engine() for each in wanted.engines)
    braking = Braking(engines, tuple(jnp.asarray(each) for each in wanted.later_s), jnp.asarray(known.mass_kg))
    radii = (jnp.asarray(wanted.periapsis_m), jnp.asarray(wanted.apoapsis_m))
    case = Arriving(forces, braking, known.about_moon(), jnp.asarray(known.t_s), *radii)
    controls = corrected(insertion_map, np.array(guess), case, _INSERTION).controls
    burns, t_s, mass_kg = [], float(controls[0]), known.mass_kg
    for thruster, leg in zip(wanted.engines, _insertion_legs(case, jnp.asarray(controls))[1:], strict=True):
        seconds = float(leg.duration_s)
        delta_v_m_s = float(leg.engine.delta_v_m_s(jnp.asarray(mass_kg), leg.duration_s))
        burns.append(OrderedBurn(thruster, t_s, seconds, delta_v_m_s, -1.0, np.zeros(3)))
        t_s, mass_kg = t_s + seconds, float(leg.engine.mass_after_kg(jnp.asarray(mass_kg), seconds))
    return tuple(burns)


def lowering_burn(forces: Cislunar, known: Known, row: Lowering, about_s: float) -> OrderedBurn:
    """The line of the table for a burn at the apsis nearest to a time."""
    case = apsis_change(forces, known.about_moon(), known.t_s, row)
    found = apsis_burn(case, about_s)
    delta_v_m_s = float(case.engine.delta_v_m_s(jnp.asarray(known.mass_kg), jnp.asarray(found.duration_s)))
    return OrderedBurn(row.engine, found.ignition_s, found.duration_s, delta_v_m_s, found.sense, np.zeros(3))


def trim_burn(case: Approaching, burns: OrbitBurns, thruster: Thruster) -> OrderedBurn | None:
    """The line of the table for the trim; None where it is too small to make."""
    leg = held(case.engine, case.start.mass_kg, vec3(burns.trim_m_s))
    if math.hypot(*burns.trim_m_s) < CORRECTION_MIN_M_S:
        return None
    return _held_burn(case, leg, burns.trim_s - 0.5 * float(leg.duration_s), thruster)


def descent_burn(case: Approaching, guess: OrbitBurns, thruster: Thruster) -> tuple[OrderedBurn, float]:
    """The line of the table for the descent-orbit burn, and the ignition of the descent."""
    controls = jnp.asarray(descent(case, guess))
    before, leg, _ = descent_legs(case, controls)
    return _held_burn(case, leg, float(case.t_start_s + before.duration_s), thruster), float(controls[3])


def _held_burn(case: Approaching, leg: Leg, ignition_s: float, thruster: Thruster) -> OrderedBurn:
    at = moved(case.forces, "moon", float(case.t_start_s), case.start, ignition_s - float(case.t_start_s))
    return _burn(thruster, leg, ignition_s, at)
