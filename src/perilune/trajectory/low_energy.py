"""Low-energy transfers: months by way of the Sun's pull, arriving at the Moon with almost no excess speed.

**Model.** A grid of arrivals - node, place and energy of the perilune wanted - is flown backwards, all at once, to a few days after the
departure. Where the Sun has taken the angular momentum out, the orbit about the Earth there has its perigee low and at about the right time: a
start for the same corrector as of direct flights, with the legs meeting on the way out. The start has an inclination of its own; it is walked
from there to that of the parking orbit.
**Error.** That of `injection`. The scan sees a perigee to some ten thousand kilometres, which is near enough.
**Invalid when** no arrival of the grid comes from a low perigee: then `TransferError`.
**Neglects** in the scan, the figure of the Moon.
**Reference.** Belbruno & Miller, Journal of Guidance, Control, and Dynamics 16 (1993), for the way by the Sun.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import GM_EARTH_M3_S2
from perilune.dynamics.orbit import elements_of, time_to_anomaly_s
from perilune.dynamics.propagate import LOOSE, coast_rates, propagated
from perilune.trajectory.injection import Injection, Transfer, at_perilune, injection, with_burn
from perilune.trajectory.legs import compiled
from perilune.trajectory.refusal import CorrectionError, TransferError

DAY_S = 86400.0
# Flights longer than this are looked for among low-energy ones.
SHORTEST_S = 50.0 * DAY_S
# The grid: nodes and arguments of the perilune, and twice the energy there.
ANGLES = 36
C3_M2_S2 = (-0.12e6, -0.08e6, -0.04e6, 0.0, 0.04e6)
# The orbit about the Earth is read off so long after departure, before the Sun has worked on it.
READ_AFTER_S = 3.0 * DAY_S
# A start reaches beyond the Moon, closes (or almost) about the Earth, and is worth a factor e in perigee as much as so many days in time.
AXIS_MIN_M, ECCENTRICITY_MAX, DAYS_A_FACTOR = 4.5e8, 1.2, 3.0
STARTS_TRIED = 40
SOLUTIONS_WANTED = 2
# The legs meet at this share of the flight, on the way out; inclinations are walked in steps of this.
MEETING_SHARE, STEP_RAD = 0.35, 0.1
# Stages on the way from an impulse to the real one, by their thrust.
STRONGER = (30.0, 10.0, 5.0, 3.0, 2.0, 1.5, 1.2, 1.0)


class Start(NamedTuple):
    """An arrival that comes from a low perigee, and the inclination it left in."""

    guess: Injection
    inclination_rad: float
    cost: float


@compiled
def _departures(case: Transfer, arrivals: Float[Array, "grid 3"]) -> Float[Array, "grid 6"]:
    """Backwards from arrivals (node, argument, c3): perigee radius, inclination, time of perigee, node, argument, semi-major axis."""
    forces, perilune, until_s = case.forces, case.perilune, case.parking.t_s + READ_AFTER_S
    points = eqx.tree_at(lambda each: each.moon_field, forces, forces.moon_field.truncated(1))

    def one(arrival: Float[Array, "3"]) -> Float[Array, "6"]:
        speed_m_s = jnp.sqrt(arrival[2] + 2.0 * forces.moon_field.gm_m3_s2 / perilune.radius_m)
        lowest = at_perilune(forces, perilune, jnp.stack([arrival[0], arrival[1], speed_m_s]))
        state = propagated(coast_rates(points.accel_lci_m_s2), lowest, perilune.t_s, until_s, tolerance=LOOSE)
        found = elements_of(*forces.gci_of_lci(until_s, state.r_m, state.v_m_s), GM_EARTH_M3_S2)
        ahead_s = time_to_anomaly_s(found, 0.0, GM_EARTH_M3_S2)
        period_s = 2.0 * jnp.pi * jnp.sqrt(jnp.abs(found.semi_major_axis_m) ** 3 / GM_EARTH_M3_S2)
        since_s = jnp.where(found.eccentricity < 1.0, jnp.minimum(ahead_s, ahead_s - period_s), ahead_s)
        numbers = (found.periapsis_radius_m, found.inclination_rad, until_s + since_s)
        return jnp.stack([*numbers, found.node_rad, found.periapsis_argument_rad, found.semi_major_axis_m])

    return jax.vmap(one)(arrivals)


def starts(case: Transfer) -> list[Start]:
    """The most promising arrivals of the grid, best first."""
    angles = np.linspace(0.0, 2.0 * math.pi, ANGLES, endpoint=False)
    found = []
    for c3 in C3_M2_S2:
        arrivals = np.array([(node, argument, c3) for node in angles for argument in angles])
        rows = np.asarray(_departures(case, arrivals))
        found += [_start(case, arrival, row) for arrival, row in zip(arrivals, rows, strict=True) if _reaches(row)]
    return sorted(found, key=lambda start: start.cost)[:STARTS_TRIED]


def _reaches(row: np.ndarray) -> bool:
    eccentricity = 1.0 - row[0] / row[5]
    return bool(np.all(np.isfinite(row)) and row[5] > AXIS_MIN_M and eccentricity < ECCENTRICITY_MAX)


def _start(case: Transfer, arrival: np.ndarray, row: np.ndarray) -> Start:
    perigee_m, inclination_rad, perigee_s, node_rad, argument_rad, axis_m = (float(each) for each in row)
    parking_m, gm = float(case.parking.radius_m), float(case.forces.moon_field.gm_m3_s2)
    delta_v_m_s = math.sqrt(GM_EARTH_M3_S2 * (2.0 / parking_m - 1.0 / axis_m)) - math.sqrt(GM_EARTH_M3_S2 / parking_m)
    speed_m_s = math.sqrt(arrival[2] + 2.0 * gm / float(case.perilune.radius_m))
    off = abs(math.log10(perigee_m / parking_m)) + abs(perigee_s - float(case.parking.t_s)) / (DAYS_A_FACTOR * DAY_S)
    return Start(Injection(node_rad, argument_rad, delta_v_m_s, float(arrival[0]), float(arrival[1]), speed_m_s), inclination_rad, off)


def low_energy(case: Transfer) -> tuple[Transfer, Injection]:
    """The transfer, and of the first few solutions the one that arrives slowest. TransferError if there is none."""
    flight_s = case.perilune.t_s - case.parking.t_s
    case = eqx.tree_at(lambda each: each.meeting_s, case, case.parking.t_s + MEETING_SHARE * flight_s)
    tried, found = starts(case), []
    for start in tried:
        try:
            found.append(_walked(case, start))
        except CorrectionError:
            continue
        if len(found) == SOLUTIONS_WANTED:
            break
    if not found:
        raise TransferError(
            f"no low-energy transfer of {float(flight_s) / DAY_S:.1f} days was found: {len(tried)} starts were tried, none converges "
            "to the parking orbit; move the departure or the arrival by a few days"
        )
    return case, min(found, key=lambda each: each.delta_v_m_s + each.perilune_speed_m_s)


def _walked(case: Transfer, start: Start) -> Injection:
    """From the start's own inclination to that of the parking orbit."""
    wanted_rad, inclination_rad, found = float(case.parking.inclination_rad), start.inclination_rad, start.guess
    steps = max(math.ceil(abs(wanted_rad - inclination_rad) / STEP_RAD), 1)
    for share in np.linspace(0.0, 1.0, steps + 1):
        there_rad = jnp.asarray((1.0 - share) * inclination_rad + share * wanted_rad)
        found, _ = injection(eqx.tree_at(lambda each: each.parking.inclination_rad, case, there_rad), found)
    return found


def with_real_burn(case: Transfer, impulse: Injection) -> Injection:
    """From the solution with an impulse to that with the upper stage of the case, through ever weaker stages: a long flight takes no big step."""
    guess, before = impulse, impulse
    for factor in STRONGER:
        thrust_n = case.parking.engine.thrust_n * factor
        there = eqx.tree_at(lambda each: each.parking.engine.thrust_n, case, thrust_n)
        burn = with_burn(there, impulse)
        guess = Injection(*(found + new - old for found, new, old in zip(guess, burn, before, strict=True)))
        guess, before = injection(there, guess)[0], burn
    return guess
