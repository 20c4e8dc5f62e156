"""Low-energy transfers: months by way of the Sun's pull, arriving at the Moon with almost no excess speed.

**Model.** A grid of arrivals - node, place and energy of the perilune wanted - is flown backwards, all at once, to a few days after the
departure. Where the Sun has taken the angular momentum out, the orbit about the Earth there has its perigee low and at about the right time: a
start for the same corrector as of direct flights, with the legs meeting on the way out. The start has an inclination of its own; it is walked
from there to that of the parking orbit.
**Error.** That of `injection`. The scan sees a perigee to some ten thousand kilometres, which is near enough.
**Invalid when** no arrival of the grid comes from a low perigee: then `TransferError`.
**Neglects** in the scan, the figures of the Moon and the Earth.
**Reference.** Belbruno & Miller, Journal of Guidance, Control, and Dynamics 16 (1993), for the way by the Sun.
"""

import contextlib
import functools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import GM_EARTH_M3_S2
from perilune.dynamics.orbit import Elements, elements_of, state_of, time_to_anomaly_s
from perilune.dynamics.propagate import LOOSE, coast_rates, propagated
from perilune.math.vector import Vec3
from perilune.trajectory.correct import Scaling, corrected, with_jacobian
from perilune.trajectory.injection import Injection, Transfer, at_perilune, injection, with_burn
from perilune.trajectory.legs import compiled
from perilune.trajectory.refusal import CorrectionError, TransferError
from perilune.types import Scalar

DAY_S = 86400.0
# Flights longer than this are looked for among low-energy ones.
SHORTEST_S = 50.0 * DAY_S
# The grid: nodes and arguments of the perilune, and twice the energy there.
ANGLES = 36
FINE_NODES, FINE_ARGUMENTS = 120, 144
C3_M2_S2 = (-0.14e6, -0.1e6, -0.06e6, -0.02e6, 0.02e6, 0.06e6)
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


# Whether the plane of an arrival passes where and when it should.
Passing: TypeAlias = Callable[[Injection], bool]


class Start(NamedTuple):
    """An arrival that comes from a low perigee, and the inclination it left in."""

    guess: Injection
    inclination_rad: float
    cost: float


def _departure(case: Transfer, arrival: Float[Array, "3"]) -> tuple[Elements, Vec3, Scalar]:
    """Backwards from an arrival (node, argument, c3): the orbit about the Earth, its angular momentum, and the time of its perigee."""
    forces, perilune, until_s = case.forces, case.perilune, case.parking.t_s + READ_AFTER_S
    bare = (forces.moon_field.truncated(1), None)
    points = eqx.tree_at(lambda each: (each.moon_field, each.earth_figure), forces, bare, is_leaf=lambda leaf: leaf is None)
    speed_m_s = jnp.sqrt(arrival[2] + 2.0 * forces.moon_field.gm_m3_s2 / perilune.radius_m)
    lowest = at_perilune(forces, perilune, jnp.stack([arrival[0], arrival[1], speed_m_s]))
    state = propagated(coast_rates(points.accel_lci_m_s2), lowest, perilune.t_s, until_s, tolerance=LOOSE)
    r_m, v_m_s = forces.gci_of_lci(until_s, state.r_m, state.v_m_s)
    found = elements_of(r_m, v_m_s, GM_EARTH_M3_S2)
    ahead_s = time_to_anomaly_s(found, 0.0, GM_EARTH_M3_S2)
    turn_s = 2.0 * jnp.pi * jnp.sqrt(jnp.abs(found.semi_major_axis_m) ** 3 / GM_EARTH_M3_S2)
    since_s = jnp.where(found.eccentricity < 1.0, jnp.minimum(ahead_s, ahead_s - turn_s), ahead_s)
    return found, r_m.cross(v_m_s), until_s + since_s


@compiled
def _departures(case: Transfer, arrivals: Float[Array, "grid 3"]) -> Float[Array, "grid 6"]:
    """Of many arrivals: perigee radius, inclination, time of perigee, node, argument, semi-major axis."""

    def one(arrival: Float[Array, "3"]) -> Float[Array, "6"]:
        found, _, perigee_s = _departure(case, arrival)
        numbers = (found.periapsis_radius_m, found.inclination_rad, perigee_s)
        return jnp.stack([*numbers, found.node_rad, found.periapsis_argument_rad, found.semi_major_axis_m])

    return jax.vmap(one)(arrivals)


def _departure_misses(arrival: Float[Array, "3"], problem: tuple[Transfer, Scalar]) -> Float[Array, "3"]:
    """Of the angular momentum, across the way to the apogee, and of the time of perigee. The momentum goes through zero where the perigee
    does, and is nearly linear there; perigee and inclination are not."""
    case, northbound = problem
    found, momentum, perigee_s = _departure(case, arrival)
    state = state_of(eqx.tree_at(lambda each: each.true_anomaly_rad, found, jnp.pi), GM_EARTH_M3_S2)
    outwards = state[0].unit()
    level = jnp.sqrt(1.0 - outwards.z**2)
    zero = jnp.zeros(())
    north = (Vec3(zero, zero, jnp.ones(())) - outwards * outwards.z) / level
    radius_m = case.parking.radius_m
    size = jnp.sqrt(GM_EARTH_M3_S2 * radius_m * (2.0 - radius_m / found.semi_major_axis_m))
    share = jnp.clip(jnp.cos(case.parking.inclination_rad) / level, -1.0, 1.0)
    aside = northbound * jnp.sqrt(jnp.maximum(1.0 - share**2, 0.0))
    misses = (momentum.dot(north) / size - share, momentum.dot(outwards.cross(north)) / size - aside)
    return jnp.stack([*misses, (perigee_s - case.parking.t_s) / DAY_S])


_DEPARTURE = Scaling(
    "the departure of a low-energy transfer",
    (0.03, 0.03, 1.5e4),
    ("angular momentum", "its part aside", "time of perigee [d]"),
    (1e-2, 1e-2, 1e-3),
)
_departure_map = with_jacobian(_departure_misses)


def _ring(count: int) -> Float[np.ndarray, " angles"]:
    return np.linspace(0.0, 2.0 * math.pi, count, endpoint=False)


def starts(case: Transfer, passing: Passing | None = None) -> list[Start]:
    """The most promising arrivals of the grid, best first; where the plane is to pass over a site, of a finer one over the nodes that do."""
    nodes, arguments = _ring(ANGLES), _ring(ANGLES)
    if passing is not None:
        nodes = [node for node in _ring(FINE_NODES) if passing(Injection(0.0, 0.0, 0.0, float(node), 0.0, 1.0))]
        arguments = _ring(FINE_ARGUMENTS)
    arrivals = np.array([(node, argument, c3) for node in nodes for argument in arguments for c3 in C3_M2_S2]).reshape(-1, 3)
    batch = ANGLES**2  # of one size, so that all are one compiled program
    padded = np.concatenate([arrivals, np.zeros((-len(arrivals) % batch, 3))]).reshape(-1, batch, 3)
    rows = np.concatenate([np.asarray(_departures(case, some)) for some in padded])[: len(arrivals)] if len(arrivals) else arrivals
    found = [_start(case, arrival, row) for arrival, row in zip(arrivals, rows, strict=True) if _reaches(row)]
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


def low_energy(case: Transfer, passing: Passing | None = None) -> tuple[Transfer, Injection]:
    """The transfer, and of the first few solutions the one that arrives slowest. TransferError if there is none.

    `passing` says of an arrival whether its plane passes over the site in time; without it any plane will do.
    """
    flight_s = case.perilune.t_s - case.parking.t_s
    case = eqx.tree_at(lambda each: each.meeting_s, case, case.parking.t_s + MEETING_SHARE * flight_s)
    tried, found = starts(case, passing), []
    for start in tried:
        found += [each for each in _solved(case, start, passing is None) if passing is None or passing(each)]
        if len(found) >= SOLUTIONS_WANTED:
            break
    if not found:
        raise TransferError(
            f"no low-energy transfer of {float(flight_s) / DAY_S:.1f} days was found: {len(tried)} starts were tried, none converges "
            f"to the parking orbit{'' if passing is None else ' and passes over the site in time'}; "
            f"move the departure or the arrival{'' if passing is None else ' or the landing'} by a few days"
        )
    return case, min(found, key=lambda each: each.delta_v_m_s + each.perilune_speed_m_s)


def _solved(case: Transfer, start: Start, walking: bool) -> list[Injection]:
    """What a start leads to: by way of the departures it should have had; without any, if wanted, from its own inclination in steps."""
    ways = [functools.partial(_from, case, guess) for guess in _refined(case, start)]
    ways += [functools.partial(_walked, case, start)] if walking and not ways else []
    found = []
    for way in ways:
        with contextlib.suppress(CorrectionError):
            found.append(way())
    return found


def _from(case: Transfer, guess: Injection) -> Injection:
    return injection(case, guess)[0]


def _refined(case: Transfer, start: Start) -> list[Injection]:
    """Arrivals near one of the grid that come from the parking orbit itself, at its inclination: one from either branch of it, if there is."""
    gm, radius_m = float(case.forces.moon_field.gm_m3_s2), float(case.perilune.radius_m)
    guess, found = start.guess, []
    arrival = np.array([guess.perilune_node_rad, guess.perilune_argument_rad, guess.perilune_speed_m_s**2 - 2.0 * gm / radius_m])
    for northbound in (1.0, -1.0):
        try:
            there = corrected(_departure_map, arrival, (case, jnp.asarray(northbound)), _DEPARTURE).controls
        except CorrectionError:
            continue
        found.append(_start(case, there, np.asarray(_departures(case, there[None]))[0]).guess)
    return found


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
