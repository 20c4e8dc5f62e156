"""Mid-course corrections: what to burn on the way, when it is known how wrong the injection was.

**Model.** The problem of `injection` again: from the erring state a coast to the correction, the burn (any direction, held), a coast to the
meeting; backwards from the perilune, of which height, inclination and time are kept and node, argument and speed are free. Before anything
is known a correction is sized by the derivative of that solution: the root mean square over errors of a stated size.
**Invalid when** the correction comes after the meeting of the legs, or when the error is so large that the flight must be planned anew.
**Neglects** rise and tail of thrust.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import Vec3
from perilune.trajectory.correct import Corrected, Scaling, by_way_of, corrected, with_jacobian
from perilune.trajectory.injection import MEETING, MEETING_NAMES, Injection, Perilune, at_perilune
from perilune.trajectory.legs import Engine, Leg, about_earth, about_moon, coast, compiled, difference, flown, held, last, to_moon
from perilune.types import Scalar

# The meeting lies so far along from the correction to perilune.
MEETING_SHARE = 0.6


class Correction(eqx.Module):
    """The problem: a state (gci), when to burn, what with, and the perilune to keep."""

    forces: Cislunar
    start: PointMass
    t_start_s: Scalar
    burn_s: Scalar  # ignition
    engine: Engine
    perilune: Perilune

    @property
    def meeting_s(self) -> Scalar:
        return self.burn_s + MEETING_SHARE * (self.perilune.t_s - self.burn_s)


class CorrectionBurn(NamedTuple):
    """The solution: velocity in radial, along and cross axes about the Earth at ignition, and the arrival it leads to."""

    delta_v_rac_m_s: tuple[float, float, float]
    perilune_node_rad: float
    perilune_argument_rad: float
    perilune_speed_m_s: float

    @property
    def size_m_s(self) -> float:
        return math.hypot(*self.delta_v_rac_m_s)


def correction_legs(case: Correction, delta_v_rac_m_s: Vec3) -> tuple[Leg, ...]:
    """Coast, burn, coast to the meeting."""
    burn = held(case.engine, case.start.mass_kg, delta_v_rac_m_s)
    return coast(case.burn_s - case.t_start_s), burn, coast(case.meeting_s - case.burn_s - burn.duration_s)


def _misses(controls: Float[Array, "6"], case: Correction) -> Float[Array, "6"]:
    forces, meeting_s = case.forces, case.meeting_s
    legs = correction_legs(case, Vec3(*(controls[i] for i in range(3))))
    from_earth = to_moon(forces, meeting_s, last(flown(about_earth(forces), case.start, case.t_start_s, legs)))
    lowest = at_perilune(forces, case.perilune, controls[3:])
    to_perilune = last(flown(about_moon(forces), lowest, case.perilune.t_s, (coast(meeting_s - case.perilune.t_s),)))
    return difference(from_earth, to_perilune)


_CORRECTION = Scaling("the mid-course correction", (20.0, 20.0, 20.0, 0.3, 0.3, 100.0), MEETING_NAMES, MEETING)
correction_map = with_jacobian(_misses)


def correction(case: Correction, aim: Injection, on_course: Callable[[], PointMass] | None = None) -> tuple[CorrectionBurn, Corrected]:
    """The burn that restores the perilune of `aim`, starting from its arrival. CorrectionError if there is none.

    `on_course` is the state (gci) at the start of who needs no correction. Over months an error of the start grows until one search does not
    lead from no burn to the right one: then the error is taken in shares.
    """
    start = np.array([0.0, 0.0, 0.0, *aim.controls()[3:]])
    right = cache(on_course or (lambda: case.start))

    def with_share(share: float, controls: np.ndarray) -> Corrected:
        mine = case if share == 1.0 else eqx.tree_at(lambda c: c.start, case, _between(right(), case.start, share))
        return corrected(correction_map, controls, mine, _CORRECTION)

    found = with_share(1.0, start) if on_course is None else by_way_of(with_share, start)
    x, y, z, node_rad, argument_rad, speed_m_s = (float(control) for control in found.controls)
    return CorrectionBurn((x, y, z), node_rad, argument_rad, speed_m_s), found


def _between(one: PointMass, other: PointMass, share: float) -> PointMass:
    return PointMass(one.r_m + (other.r_m - one.r_m) * share, one.v_m_s + (other.v_m_s - one.v_m_s) * share, other.mass_kg)


def _moved(state: PointMass, error: Float[Array, "6"]) -> PointMass:
    shift, kick = (Vec3(*(error[first + i] for i in range(3))) for first in (0, 3))
    return PointMass(state.r_m + shift, state.v_m_s + kick, state.mass_kg)


@compiled
def _by_error(case: Correction, controls: Float[Array, "6"]) -> Float[Array, "6 6"]:
    """Derivative of the misses by an error of the state at the start."""

    def misses(error: Float[Array, "6"]) -> Float[Array, "6"]:
        return _misses(controls, eqx.tree_at(lambda c: c.start, case, _moved(case.start, error)))

    return jax.lax.map(lambda tangent: jax.jvp(misses, (jnp.zeros(6),), (tangent,))[1], jnp.eye(6)).T


def expected_m_s(case: Correction, aim: Injection, position_sigma_m: float, velocity_sigma_m_s: float) -> float:
    """Root mean square of the correction for errors of the state at the start, of that size in each component, about the planned one."""
    controls = jnp.asarray([0.0, 0.0, 0.0, *aim.controls()[3:]])
    _, by_controls = correction_map(controls, case, float(controls.size))
    response = np.linalg.solve(np.asarray(by_controls), np.asarray(_by_error(case, controls)))[:3]
    sigmas = np.repeat([position_sigma_m, velocity_sigma_m_s], 3)
    return float(np.linalg.norm(response * sigmas))
