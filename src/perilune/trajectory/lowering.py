"""Burns about the Moon that bring one apsis to a height by burning at the other: from a wide ellipse down to a low circle, step by step.

**Model.** A finite burn along or against the velocity. Two controls - ignition and length - give the apsis opposite to the burn its height
and leave the line of apsides where it was at ignition. Heights are read off along that line, so that an orbit that becomes a circle, or turns
round through one, has derivatives all the way.
**Error.** The height to `APSIS_M`, the line of apsides to `ECCENTRICITY` across it; osculating at cut-off.
**Invalid when** the orbit before the burn is so round that it has no line of apsides: nothing then says where to burn.
**Neglects** rise and tail of thrust; the apsis that burns moves by what a burn of that length loses.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import elements_of, period_s, time_to_anomaly_s
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import zero_vec3
from perilune.trajectory.correct import Scaling, corrected, with_jacobian
from perilune.trajectory.insertion import ECCENTRICITY, eccentricity_vector
from perilune.trajectory.legs import Engine, Leg, about_moon, coast, compiled, flown, last
from perilune.trajectory.order import Lowering
from perilune.types import Scalar

APSIS_M = 1.0
# A burn does not begin sooner than this after the state it is worked out from: the lander wakes, and turns.
SOONEST_S = 1800.0


class ApsisChange(eqx.Module):
    """The problem: everything that is not solved for."""

    forces: Cislunar
    engine: Engine
    start: PointMass
    t_start_s: Scalar
    side: Scalar  # 1: burns at periapsis, for the apoapsis; -1: at apoapsis, for the periapsis
    radius_m: Scalar  # wanted of the apsis opposite to the burn


class ApsisBurn(NamedTuple):
    """The solution."""

    ignition_s: float
    duration_s: float
    sense: float  # thrust along (1) or against (-1) the velocity

    def solved(self) -> tuple[Float[Array, "2"], Scalar]:
        """As `apsis_legs` takes it."""
        return jnp.asarray([self.ignition_s, self.duration_s]), jnp.asarray(self.sense)


def apsis_change(forces: Cislunar, start: PointMass, t_start_s: float, row: Lowering) -> ApsisChange:
    """The problem that a row of the order is, from a state about the Moon."""
    numbers = (t_start_s, 1.0 if row.at_periapsis else -1.0, RADIUS_MOON_M + row.altitude_m)
    return ApsisChange(forces, row.engine.engine(), start, *(jnp.asarray(float(number)) for number in numbers))


def apsis_legs(case: ApsisChange, controls: Float[Array, "2"], sense: Scalar) -> tuple[Leg, ...]:
    """Coast and burn. Controls: ignition, duration."""
    burn = Leg(controls[1], case.engine, jnp.asarray(sense), zero_vec3())
    return coast(controls[0] - case.t_start_s), burn


def _misses(controls: Float[Array, "2"], problem: tuple[ApsisChange, Scalar]) -> Float[Array, "2"]:
    case, sense = problem
    gm = case.forces.moon_field.gm_m3_s2
    legs = apsis_legs(case, controls, sense)
    states = flown(about_moon(case.forces), case.start, case.t_start_s, legs)
    before, end = last(states, 0), last(states)
    towards = eccentricity_vector(before.r_m, before.v_m_s, gm).unit()
    across = before.r_m.cross(before.v_m_s).unit().cross(towards)
    e = eccentricity_vector(end.r_m, end.v_m_s, gm)
    axis_m = 1.0 / (2.0 / end.r_m.norm() - end.v_m_s.norm_squared() / gm)
    return jnp.stack([axis_m * (1.0 + case.side * e.dot(towards)) - case.radius_m, e.dot(across)])


_NAMES = ("height of the apsis [m]", "eccentricity across the line of apsides")
_SCALING = Scaling("the burn at an apsis", (300.0, 100.0), _NAMES, (APSIS_M, ECCENTRICITY))
apsis_map = with_jacobian(_misses)


@compiled
def _near(case: ApsisChange, about_s: Scalar) -> Float[Array, "4"]:
    """Time of the apsis that is nearest to a time, its radius, the speed there and the period, of the orbit osculating at that time."""
    gm = case.forces.moon_field.gm_m3_s2
    there = last(flown(about_moon(case.forces), case.start, case.t_start_s, (coast(about_s - case.t_start_s),)))
    found = elements_of(there.r_m, there.v_m_s, gm)
    ahead_s, turn_s = time_to_anomaly_s(found, jnp.where(case.side > 0.0, 0.0, jnp.pi), gm), period_s(found.semi_major_axis_m, gm)
    radius_m = found.semi_major_axis_m * (1.0 - case.side * found.eccentricity)
    speed_m_s = jnp.sqrt(gm * (2.0 / radius_m - 1.0 / found.semi_major_axis_m))
    return jnp.stack([about_s + jnp.where(ahead_s > 0.5 * turn_s, ahead_s - turn_s, ahead_s), radius_m, speed_m_s, turn_s])


def first_guess(case: ApsisChange, about_s: float) -> ApsisBurn:
    """Centred on the apsis nearest to a time, or on the next one, as long as an impulse there would take."""
    at_s, radius_m, speed_m_s, turn_s = (float(each) for each in _near(case, jnp.asarray(about_s)))
    gm = float(case.forces.moon_field.gm_m3_s2)
    change_m_s = math.sqrt(2.0 * gm * (1.0 / radius_m - 1.0 / (radius_m + float(case.radius_m)))) - speed_m_s
    length_s = float(case.engine.duration_s(case.start.mass_kg, jnp.asarray(abs(change_m_s))))
    ignition_s = at_s - 0.5 * length_s
    if ignition_s < float(case.t_start_s) + SOONEST_S:
        ignition_s += turn_s
    return ApsisBurn(ignition_s, length_s, math.copysign(1.0, change_m_s))


def apsis_burn(case: ApsisChange, about_s: float) -> ApsisBurn:
    """The burn at the apsis nearest to a time. CorrectionError if it is not found."""
    guess = first_guess(case, about_s)
    problem = case, jnp.asarray(guess.sense)
    ignition_s, duration_s = corrected(apsis_map, np.array(guess[:2]), problem, _SCALING).controls
    return ApsisBurn(float(ignition_s), float(duration_s), guess.sense)
