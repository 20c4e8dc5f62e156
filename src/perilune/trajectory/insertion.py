"""Lunar orbit insertion: finite burns of several engines one after another, from the hyperbola into the orbit wanted.

**Model.** The thrust turns at a steady rate, against the velocity at perilune. Three controls - height of the perilune to aim at, length of
the first engine's burn, ignition - give the orbit after cut-off its semi-major axis and its eccentricity vector, with the lowest point at
the perilune of the approach. The eccentricity vector and not the two apsides: near a circle these have no derivative.
**Error.** Semi-major axis to `AXIS_M`, apsides to `ECCENTRICITY` times it; osculating at cut-off.
**Invalid when** the burn is so long that no perilune above the ground gives the orbit: CorrectionError tells what misses.
**Neglects** rise and tail of thrust.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import Vec3
from perilune.trajectory.correct import Corrected, Scaling, corrected, with_jacobian
from perilune.trajectory.injection import Injection, Perilune, at_perilune
from perilune.trajectory.legs import Engine, Leg, about_moon, coast, flown, following, last
from perilune.types import Scalar

AXIS_M = 1.0
ECCENTRICITY = 1e-6


class Braking(eqx.Module):
    """Engines in the order they burn. The first burns as long as it takes, the others as long as `later_s` says."""

    engines: tuple[Engine, ...]
    later_s: tuple[Scalar, ...]
    mass_kg: Scalar  # at ignition

    def durations_s(self, first_s: Scalar) -> tuple[Scalar, ...]:
        return (first_s, *self.later_s)


class Insertion(eqx.Module):
    """The problem: everything that is not solved for. The arrival is that of the transfer, but for the height of its perilune."""

    forces: Cislunar
    braking: Braking
    perilune: Perilune
    node_rad: Scalar
    argument_rad: Scalar
    c3_m2_s2: Scalar
    periapsis_m: Scalar  # radii of the orbit wanted
    apoapsis_m: Scalar


class InsertionBurn(NamedTuple):
    """The solution."""

    perilune_m: float  # radius to aim the transfer at
    first_s: float
    ignition_from_perilune_s: float
    delta_v_m_s: float


def arrival_c3_m2_s2(forces: Cislunar, perilune: Perilune, found: Injection) -> float:
    """Twice the energy about the Moon."""
    return found.perilune_speed_m_s**2 - 2.0 * float(forces.moon_field.gm_m3_s2) / float(perilune.radius_m)


def centroid_s(braking: Braking, durations_s: tuple[Scalar, ...]) -> tuple[Scalar, Scalar]:
    """Seconds from ignition to the middle of the velocity given, and that velocity [m/s]."""
    mass_kg, begun_s = jnp.asarray(braking.mass_kg), jnp.asarray(0.0)
    total_m_s, moment = jnp.asarray(0.0), jnp.asarray(0.0)
    for engine, duration_s in zip(braking.engines, durations_s, strict=True):
        delta_v_m_s = engine.delta_v_m_s(mass_kg, duration_s)
        moment += delta_v_m_s * (begun_s + 0.5 * duration_s)
        total_m_s += delta_v_m_s
        begun_s += duration_s
        mass_kg -= engine.thrust_n / engine.exhaust_m_s * duration_s
    return moment / total_m_s, total_m_s


def laid_out(case: Insertion, controls: Float[Array, "3"]) -> tuple[PointMass, tuple[Leg, ...]]:
    """State at the perilune, and the legs from there: back to ignition, then engine by engine.

    Controls: perilune's radius, first engine's duration, how much later than centred on perilune to ignite.
    """
    radius_m, first_s, later_s = controls[0], controls[1], controls[2]
    speed_m_s = jnp.sqrt(case.c3_m2_s2 + 2.0 * case.forces.moon_field.gm_m3_s2 / radius_m)
    perilune = Perilune(radius_m, case.perilune.inclination_rad, case.perilune.t_s)
    plane = jnp.stack([jnp.asarray(case.node_rad), jnp.asarray(case.argument_rad), speed_m_s])
    durations_s = case.braking.durations_s(first_s)
    back_s = later_s - centroid_s(case.braking, durations_s)[0]
    burns = tuple(following(*each, -1.0) for each in zip(case.braking.engines, durations_s, strict=True))
    return at_perilune(case.forces, perilune, plane, case.braking.mass_kg), (coast(back_s), *burns)


def eccentricity_vector(r_m: Vec3, v_m_s: Vec3, gm_m3_s2: Scalar) -> Vec3:
    """Towards the lowest point, as long as the eccentricity."""
    return v_m_s.cross(r_m.cross(v_m_s)) / gm_m3_s2 - r_m.unit()


def _misses(controls: Float[Array, "3"], case: Insertion) -> Float[Array, "3"]:
    gm = case.forces.moon_field.gm_m3_s2
    lowest, legs = laid_out(case, controls)
    end = last(flown(about_moon(case.forces), lowest, case.perilune.t_s, legs))
    axis_m = 0.5 * (case.periapsis_m + case.apoapsis_m)
    found_m = 1.0 / (2.0 / end.r_m.norm() - end.v_m_s.norm_squared() / gm)
    e = eccentricity_vector(end.r_m, end.v_m_s, gm)
    wanted = (case.apoapsis_m - case.periapsis_m) / (2.0 * axis_m)
    # The reciprocal is linear in energy, and finite while the orbit is still open.
    return jnp.stack([axis_m * (axis_m / found_m - 1.0), e.dot(lowest.r_m.unit()) - wanted, e.dot(lowest.v_m_s.unit())])


_NAMES = ("semi-major axis [m]", "eccentricity along the line of apsides", "eccentricity across it")
_SCALING = Scaling("the insertion", (100e3, 150.0, 200.0), _NAMES, (AXIS_M, ECCENTRICITY, ECCENTRICITY))
_insertion_map = with_jacobian(_misses)


def first_guess_s(case: Insertion) -> float:
    """Length of the first engine's burn if all burnt at perilune at once."""
    gm, radius_m = float(case.forces.moon_field.gm_m3_s2), float(case.periapsis_m)
    fast_m_s = np.sqrt(float(case.c3_m2_s2) + 2.0 * gm / radius_m)
    slow_m_s = np.sqrt(gm * (2.0 / radius_m - 2.0 / (radius_m + float(case.apoapsis_m))))
    engine, later = case.braking.engines[0], zip(case.braking.engines[1:], case.braking.later_s, strict=True)
    pushed_n_s = sum(float(each.thrust_n) * float(seconds) for each, seconds in later)
    after_kg = float(case.braking.mass_kg) * float(np.exp(-(fast_m_s - slow_m_s) / float(engine.exhaust_m_s)))
    return float(engine.duration_s(case.braking.mass_kg, fast_m_s - slow_m_s - pushed_n_s / after_kg))


def insertion(case: Insertion, guess: InsertionBurn | None = None) -> tuple[InsertionBurn, Corrected]:
    """The burn that ends in the orbit wanted, and the perilune to aim at for it. CorrectionError if there is none."""
    start = (float(case.periapsis_m), first_guess_s(case), 0.0) if guess is None else solved_controls(case, guess)
    found = corrected(_insertion_map, np.array(start), case, _SCALING)
    perilune_m, first_s, later_s = (float(control) for control in found.controls)
    middle_s, delta_v_m_s = centroid_s(case.braking, case.braking.durations_s(jnp.asarray(first_s)))
    return InsertionBurn(perilune_m, first_s, later_s - float(middle_s), float(delta_v_m_s)), found


def solved_controls(case: Insertion, burn: InsertionBurn) -> Float[np.ndarray, "3"]:
    """The controls of `laid_out` that a burn was."""
    middle_s, _ = centroid_s(case.braking, case.braking.durations_s(jnp.asarray(burn.first_s)))
    return np.array([burn.perilune_m, burn.first_s, burn.ignition_from_perilune_s + float(middle_s)])
