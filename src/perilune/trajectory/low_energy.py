"""Low-energy transfers: months by way of the Sun's pull, arriving at the Moon with almost no excess speed.

**Model.** A grid of arrivals - node, place and energy of the perilune wanted - is flown backwards, all at once. Where the Sun has taken the
angular momentum out, the orbit about the Earth has its perigee low and at about the right time. Around these the grid is made finer, and
from the best the departure wanted - perigee, inclination and time - is found by Newton's method, for many starts at once (`backwards`). What
is left is a handful of flights: with a site, those whose plane passes over it, the nearest to the middle of the time allowed; else the
cheapest. The corrector of direct flights makes it exact, with the legs meeting on the way out.
**Error.** That of `injection`. The search need not find every flight there is: where it is chaotic the grid is too coarse.
**Invalid when** no arrival of the grid comes from a low perigee: then `TransferError`.
**Neglects** in the search, the figures of the Moon and the Earth.
**Reference.** Belbruno & Miller, Journal of Guidance, Control, and Dynamics 16 (1993), for the way by the Sun.
"""

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from perilune.constants import GM_EARTH_M3_S2
from perilune.trajectory.backwards import DAY_S, Arrivals, Backwards, Ways
from perilune.trajectory.injection import Injection, Transfer, injection, with_burn
from perilune.trajectory.refusal import CorrectionError, TransferError

# Flights longer than this are looked for among low-energy ones.
SHORTEST_S = 50.0 * DAY_S
# The grid: nodes (all around, or over the arc that passes), arguments of the perilune, and twice the energy there.
NODES, ARGUMENTS = 36, 72
C3_M2_S2 = tuple(-0.18e6 + 0.03e6 * number for number in range(12))
# An arc of nodes is looked for in steps of this.
ARC_STEPS = 360
# A cell is halved so often; of each grid so many cells are kept, and so many starts in the end, for either way of the parking orbit.
HALVINGS, CELLS_KEPT, STARTS_TRIED = 4, 96, 64
# A start reaches beyond the Moon and closes (or almost) about the Earth; a perigee of so many days from the departure is worth the angular momentum
# of the parking orbit.
AXIS_MIN_M, ECCENTRICITY_MAX, DAYS = 4.5e8, 1.2, 5.0
# Of the finer places so many times the cells kept are looked through for those that are no neighbours.
NEIGHBOURS_LOOKED_AT = 8
# Departures nearer than this in node and argument are one.
SAME_RAD = 0.01
# The legs meet at this share of the flight, on the way out.
MEETING_SHARE = 0.35
# Stages on the way from an impulse to the real one, by their thrust.
STRONGER = (30.0, 10.0, 5.0, 3.0, 2.0, 1.5, 1.2, 1.0)


# How far from wanted a plane passes over the site, in seconds; infinite where it does not in time.
Passing: TypeAlias = Callable[[Injection], float]


class Cells(NamedTuple):
    """Places of the grid, the way of the parking orbit for each, and how far each departure is from the one wanted."""

    places: Arrivals
    way: Ways
    off: Float[np.ndarray, " arrivals"]

    def best(self, count: int) -> "Cells":
        """So many for either way."""
        order = np.argsort(self.off, kind="stable")
        chosen = np.concatenate([order[self.way[order] == way][:count] for way in (0, 1)])
        return self.of(chosen[np.isfinite(self.off[chosen])])

    def of(self, chosen: np.ndarray) -> "Cells":
        return Cells(*(each[chosen] for each in self))


def low_energy(case: Transfer, passing: Passing | None = None) -> tuple[Transfer, Injection]:
    """The transfer with an impulse, and the flight. TransferError if there is none.

    `passing` says of an arrival how well its plane passes over the site; without it the cheapest is taken.
    """
    flight_s = case.perilune.t_s - case.parking.t_s
    case = eqx.tree_at(lambda each: each.meeting_s, case, case.parking.t_s + MEETING_SHARE * flight_s)
    found = flights(case, passing)
    for guess in found:
        with contextlib.suppress(CorrectionError):
            return case, injection(case, guess)[0]
    raise TransferError(
        f"no low-energy transfer of {float(flight_s) / DAY_S:.1f} days was found: of {len(found)} starts none converges "
        f"to the parking orbit{'' if passing is None else ' and passes over the site in time'}; "
        f"move the departure or the arrival{'' if passing is None else ' or the landing'} by a few days"
    )


def flights(case: Transfer, passing: Passing | None = None) -> list[Injection]:
    """Flights between the times of the case, best first, without the figures of the Moon and the Earth."""
    nodes, width_rad = _nodes(passing)
    back = Backwards(case)
    places = np.array(list(itertools.product(nodes, _ring(ARGUMENTS), C3_M2_S2))).reshape(-1, 3)
    sides = np.array([width_rad, 2.0 * math.pi / ARGUMENTS, C3_M2_S2[1] - C3_M2_S2[0]])
    starts = _starts(back, places, sides)
    arrivals = _unique(back.corrected(starts.places, starts.way))
    found = [_flight(case, *each) for each in zip(arrivals, back.departures(arrivals).orbit, strict=True)]

    def cost(flight: Injection) -> float:
        return flight.delta_v_m_s + flight.perilune_speed_m_s if passing is None else passing(flight)

    return sorted((flight for flight in found if math.isfinite(cost(flight))), key=cost)


def _ring(count: int) -> Float[np.ndarray, " angles"]:
    return np.linspace(0.0, 2.0 * math.pi, count, endpoint=False)


def _nodes(passing: Passing | None) -> tuple[Float[np.ndarray, " nodes"], float]:
    """Nodes of the grid, and how far apart: all around, or over the arc that passes over the site in time."""
    if passing is None:
        return _ring(NODES), 2.0 * math.pi / NODES
    around = _ring(ARC_STEPS)
    good = np.array([math.isfinite(passing(Injection(0.0, 0.0, 0.0, float(node), 0.0, 1.0))) for node in around])
    begins = np.flatnonzero(good & ~np.roll(good, 1))
    if not np.any(good) or not len(begins):
        return (_ring(NODES) if np.any(good) else np.zeros(0)), 2.0 * math.pi / NODES
    width_rad = 2.0 * math.pi / ARC_STEPS * int(np.sum(good)) / NODES
    return around[begins[0]] + width_rad * np.arange(NODES), width_rad


def _starts(back: Backwards, places: Arrivals, sides: Float[np.ndarray, "3"]) -> Cells:
    """The most promising places of ever finer grids."""
    cells = _cells(back, places).best(CELLS_KEPT)
    around = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))
    for _ in range(HALVINGS):
        sides = 0.5 * sides
        finer = (cells.places[:, None] + around * sides).reshape(-1, 3)
        cells = _apart(_cells(back, np.unique(np.round(finer / sides, 3), axis=0) * sides), sides).best(CELLS_KEPT)
    return cells.best(STARTS_TRIED)


def _cells(back: Backwards, places: Arrivals) -> Cells:
    """Every place, for either way of the parking orbit; infinitely far off where it is no flight from the Earth."""
    told = back.departures(places)
    off = np.sqrt(told.north**2 + told.aside.T**2 + (told.late_days / DAYS) ** 2)
    off = np.where(_reaches(told.orbit) & np.isfinite(off), off, np.inf)
    return Cells(np.tile(places, (2, 1)), np.repeat([0, 1], len(places)), off.ravel())


def _reaches(orbits: Float[np.ndarray, "arrivals 6"]) -> Bool[np.ndarray, " arrivals"]:
    """Beyond the Moon, and closed or almost."""
    perigee_m, axis_m = orbits[:, 0], orbits[:, 5]
    return np.all(np.isfinite(orbits), axis=1) & (axis_m > AXIS_MIN_M) & (1.0 - perigee_m / axis_m < ECCENTRICITY_MAX)


def _apart(cells: Cells, sides: Float[np.ndarray, "3"]) -> Cells:
    """Without the neighbours of a better one, as far as the best are concerned."""
    order = np.argsort(cells.off, kind="stable")[: NEIGHBOURS_LOOKED_AT * CELLS_KEPT]
    kept: list[int] = []
    for one in order:
        same = [other for other in kept if cells.way[other] == cells.way[one]]
        if not np.any(np.max(np.abs(cells.places[same] - cells.places[one]) / sides, axis=1) < 1.01):
            kept.append(int(one))
    return cells.of(np.array(kept, int))


def _unique(arrivals: Arrivals) -> Float[np.ndarray, "unique 3"]:
    """Each only once."""
    kept: list[np.ndarray] = []
    for one in arrivals:
        if not any(np.all(np.abs(np.angle(np.exp(1j * (one - other)[:2]))) < SAME_RAD) for other in kept):
            kept.append(one)
    return np.array(kept).reshape(-1, 3)


def _flight(case: Transfer, arrival: Float[np.ndarray, "3"], orbit: Float[np.ndarray, "6"]) -> Injection:
    """The start of the corrector: from the parking orbit into the ellipse that the arrival comes from."""
    node_rad, argument_rad, axis_m = (float(each) for each in orbit[3:])
    parking_m, gm = float(case.parking.radius_m), float(case.forces.moon_field.gm_m3_s2)
    delta_v_m_s = math.sqrt(GM_EARTH_M3_S2 * (2.0 / parking_m - 1.0 / axis_m)) - math.sqrt(GM_EARTH_M3_S2 / parking_m)
    speed_m_s = math.sqrt(arrival[2] + 2.0 * gm / float(case.perilune.radius_m))
    return Injection(node_rad, argument_rad, delta_v_m_s, float(arrival[0]), float(arrival[1]), speed_m_s)


def with_real_burn(case: Transfer, impulse: Injection) -> Injection:
    """From the solution with an impulse to that with the upper stage of the case: at once, or through ever weaker stages where a long flight takes
    no such step."""
    try:
        return injection(case, with_burn(case, impulse))[0]
    except CorrectionError:
        return _through_stages(case, impulse)


def _through_stages(case: Transfer, impulse: Injection) -> Injection:
    guess, before = impulse, impulse
    for factor in STRONGER:
        thrust_n = case.parking.engine.thrust_n * factor
        there = eqx.tree_at(lambda each: each.parking.engine.thrust_n, case, thrust_n)
        burn = with_burn(there, impulse)
        guess = Injection(*(found + new - old for found, new, old in zip(guess, burn, before, strict=True)))
        guess, before = injection(there, guess)[0], burn
    return guess
