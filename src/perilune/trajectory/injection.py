"""From a parking orbit to perilune: the injection burn and the arrival found together, under all forces.

**Model.** Two legs that must meet. One starts in the parking orbit, burns, and runs forwards about the Earth; the other starts at the
perilune wanted (height, inclination and time stand in it, so they are met by construction) and runs backwards about the Moon. Six
controls - node, place and size of the injection; node, place and speed of the perilune - make the six differences of the state vanish
where they meet. Each leg is short enough to be nearly linear, so the two-body guess is inside the basin. A mid-course correction is the
same problem with the velocity there as the first three controls.
**Error.** The legs meet to `MEETING_M` and `MEETING_M_S`.
**Neglects** rise and tail of the upper stage's thrust; steering: it burns along the velocity.
**Reference.** Stoer & Bulirsch, Introduction to Numerical Analysis, for multiple shooting.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import GM_EARTH_M3_S2
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import elements_of, specific_energy_m2_s2
from perilune.dynamics.propagate import PointMass
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.frames import q_lfme_lci
from perilune.trajectory.correct import Corrected, Scaling, corrected, with_jacobian
from perilune.trajectory.legs import Engine, Leg, about_earth, about_moon, coast, difference, flown, following, last, to_moon
from perilune.trajectory.transfer import Approach, Departure, approaches, departures
from perilune.types import Scalar

# Where the legs must meet: far below what a correction burn removes.
MEETING_M = 1e-2
MEETING_M_S = 1e-6
# Burning for nothing: an impulse is the burn of an engine as strong as this.
IMPULSE_N = 1e12


class Parking(eqx.Module):
    """A circular orbit about the Earth, and the stage that leaves it; `t_s` is the middle of its burn."""

    radius_m: Scalar
    inclination_rad: Scalar
    engine: Engine
    mass_kg: Scalar  # of stage, propellant and spacecraft at ignition
    t_s: Scalar


class Perilune(eqx.Module):
    """What is wanted of the arrival: the lowest point of the hyperbola; inclination to the Moon's equator at that time."""

    radius_m: Scalar
    inclination_rad: Scalar
    t_s: Scalar


class Transfer(eqx.Module):
    """The problem: everything that is not solved for."""

    forces: Cislunar
    parking: Parking
    perilune: Perilune
    meeting_s: Scalar


class Injection(NamedTuple):
    """The solution: controls of both legs, radians and m/s."""

    node_rad: float
    latitude_argument_rad: float
    delta_v_m_s: float
    perilune_node_rad: float
    perilune_argument_rad: float
    perilune_speed_m_s: float

    def controls(self) -> Float[np.ndarray, "6"]:
        return np.array(self)


def plane_state(radius_m: Scalar, speed_m_s: Scalar, inclination_rad: Scalar, node_rad: Scalar, argument_rad: Scalar) -> tuple[Vec3, Vec3]:
    """Position and velocity at an apsis or in a circle, in the axes that angles are counted in."""
    cos_node, sin_node = jnp.cos(node_rad), jnp.sin(node_rad)
    cos_i, sin_i = jnp.cos(inclination_rad), jnp.sin(inclination_rad)
    cosine, sine = jnp.cos(argument_rad), jnp.sin(argument_rad)
    node = Vec3(cos_node, sin_node, jnp.zeros_like(cos_node))
    ahead = Vec3(-sin_node * cos_i, cos_node * cos_i, sin_i)
    return (node * cosine + ahead * sine) * radius_m, (ahead * cosine - node * sine) * speed_m_s


def at_ignition(parking: Parking, controls: Float[Array, " n"]) -> tuple[Scalar, Scalar, PointMass]:
    """Time and duration of the injection burn, and the state in the parking orbit when it starts."""
    node_rad, argument_rad, delta_v_m_s = controls[0], controls[1], controls[2]
    duration_s = parking.engine.duration_s(parking.mass_kg, delta_v_m_s)
    speed_m_s = jnp.sqrt(GM_EARTH_M3_S2 / parking.radius_m)
    back_rad = 0.5 * duration_s * speed_m_s / parking.radius_m
    r_m, v_m_s = plane_state(parking.radius_m, speed_m_s, parking.inclination_rad, node_rad, argument_rad - back_rad)
    return parking.t_s - 0.5 * duration_s, duration_s, PointMass(r_m, v_m_s, jnp.asarray(parking.mass_kg, dtype=float))


def at_perilune(forces: Cislunar, perilune: Perilune, controls: Float[Array, " n"], mass_kg: Scalar = 1.0) -> PointMass:
    """The state about the Moon at the lowest point; controls: node, argument of latitude, speed."""
    r_m, v_m_s = plane_state(perilune.radius_m, controls[2], perilune.inclination_rad, controls[0], controls[1])
    q_lci_lfme: Rotation = q_lfme_lci(forces.ephemeris, perilune.t_s).inverse()
    return PointMass(q_lci_lfme @ r_m, q_lci_lfme @ v_m_s, jnp.asarray(mass_kg, dtype=float))


def outbound(parking: Parking, controls: Float[Array, " n"], until_s: Scalar) -> tuple[Scalar, PointMass, tuple[Leg, ...]]:
    """Epoch, state and legs from ignition of the upper stage: its burn, and the coast that follows."""
    t_s, duration_s, start = at_ignition(parking, controls)
    return t_s, start, (following(parking.engine, duration_s, 1.0), coast(until_s - t_s - duration_s))


def _misses(controls: Float[Array, "6"], case: Transfer) -> Float[Array, "6"]:
    forces, until_s = case.forces, case.meeting_s
    t_s, start, legs = outbound(case.parking, controls[:3], until_s)
    from_earth = to_moon(forces, until_s, last(flown(about_earth(forces), start, t_s, legs)))
    lowest = at_perilune(forces, case.perilune, controls[3:])
    to_perilune = last(flown(about_moon(forces), lowest, case.perilune.t_s, (coast(until_s - case.perilune.t_s),)))
    return difference(from_earth, to_perilune)


MEETING_NAMES = tuple(f"{axis} [{unit}] where the legs meet" for unit in ("m", "m/s") for axis in "xyz")
MEETING = (MEETING_M,) * 3 + (MEETING_M_S,) * 3
_INJECTION = Scaling("the translunar injection", (0.2, 0.2, 60.0, 0.3, 0.3, 100.0), MEETING_NAMES, MEETING)
_injection_map = with_jacobian(_misses)


def injection(case: Transfer, guess: Injection) -> tuple[Injection, Corrected]:
    """The controls with which both legs meet. CorrectionError if they do not."""
    found = corrected(_injection_map, guess.controls(), case, _INJECTION)
    return Injection(*(float(control) for control in found.controls)), found


def guesses(case: Transfer) -> tuple[Injection, ...]:
    """Four two-body starts: each plane at the Earth with each plane at the Moon. TransferError if a plane cannot be."""
    t_perilune_s = float(case.perilune.t_s)
    r_moon, v_moon = (np.asarray(each.array()) for each in case.forces.ephemeris.rv_moon_gci(t_perilune_s))
    flight_s = t_perilune_s - float(case.parking.t_s)
    starts = departures(float(case.parking.radius_m), float(case.parking.inclination_rad), r_moon, v_moon, flight_s)
    turn = np.asarray(q_lfme_lci(case.forces.ephemeris, t_perilune_s).dcm())
    radius_m, inclination_rad = float(case.perilune.radius_m), float(case.perilune.inclination_rad)
    gm = float(case.forces.moon_field.gm_m3_s2)
    return tuple(
        _guess(start, end, math.sqrt(end.speed_excess_m_s**2 + 2.0 * gm / radius_m))
        for start in starts
        for end in approaches(turn @ start.v_excess_gci_m_s, radius_m, inclination_rad)
    )


def _guess(start: Departure, end: Approach, speed_m_s: float) -> Injection:
    return Injection(start.node_rad, start.latitude_argument_rad, start.delta_v_m_s, end.node_rad, end.latitude_argument_rad, speed_m_s)


class _Burn(eqx.Module):
    """A burn that should leave the ellipse that an impulse would leave."""

    forces: Cislunar
    parking: Parking
    node_rad: Scalar
    energy_m2_s2: Scalar
    perigee_argument_rad: Scalar


def _burn_misses(controls: Float[Array, "2"], case: _Burn) -> Float[Array, "2"]:
    plane = jnp.stack([jnp.asarray(case.node_rad), controls[0], controls[1]])
    t_s, start, legs = outbound(case.parking, plane, case.parking.t_s)
    end = last(flown(about_earth(case.forces), start, t_s, legs[:1]))
    gm = case.forces.gm_earth_m3_s2
    turn = elements_of(end.r_m, end.v_m_s, gm).periapsis_argument_rad - case.perigee_argument_rad
    return jnp.stack([specific_energy_m2_s2(end.r_m, end.v_m_s, gm) - case.energy_m2_s2, jnp.arctan2(jnp.sin(turn), jnp.cos(turn))])


_BURN = Scaling("the burn of the upper stage", (0.3, 150.0), ("energy [m2/s2]", "line of apsides [rad]"), (10.0, 1e-5))
_burn_map = with_jacobian(_burn_misses)
# Where the search of the burn starts: gravity takes some per cent from a long burn.
LOSS_GUESS = 1.02


def with_burn(case: Transfer, impulse: Injection) -> Injection:
    """A start for the real burn from the solution with an impulse: the same ellipse after cut-off."""
    radius_m, gm = float(case.parking.radius_m), float(case.forces.gm_earth_m3_s2)
    speed_m_s = math.sqrt(gm / radius_m) + impulse.delta_v_m_s
    energy = jnp.asarray(0.5 * speed_m_s**2 - gm / radius_m)
    burn = _Burn(case.forces, case.parking, jnp.asarray(impulse.node_rad), energy, jnp.asarray(impulse.latitude_argument_rad))
    start = np.array([impulse.latitude_argument_rad, LOSS_GUESS * impulse.delta_v_m_s])
    argument_rad, delta_v_m_s = (float(control) for control in corrected(_burn_map, start, burn, _BURN).controls)
    return impulse._replace(latitude_argument_rad=argument_rad, delta_v_m_s=delta_v_m_s)
