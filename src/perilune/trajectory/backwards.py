"""Arrivals at the Moon flown backwards by the thousand: where about the Earth each comes from.

**Model.** Earth, Moon and Sun as points; fourth-order steps on one grid of times for all, short near the perilune that all start from. So the
places of the bodies are worked out once for the whole batch: 0.1 ms for a hundred days.
**Error.** A tenth of the angular momentum of the parking orbit, for an arrival that comes from it (tests). One that passes a body again on the
way is worth less: whatever is found must be found again with the real integrator.
**Neglects** the figures of the Moon and the Earth.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from perilune.constants import GM_EARTH_M3_S2
from perilune.dynamics.orbit import Elements, elements_of, state_of, time_to_anomaly_s
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3
from perilune.trajectory.injection import Transfer, at_perilune
from perilune.trajectory.legs import compiled
from perilune.types import Scalar, Vector

DAY_S = 86400.0
# The orbit about the Earth is read off so long after departure, before the Sun has worked on it.
READ_AFTER_S = 3.0 * DAY_S
# A step is this share of the time in which the motion turns by a radian, and no longer than this. On a parabola that time is 2.12 of what has
# passed since the lowest point.
STEP_RAD, PARABOLA, STEP_MAX_S = 0.1, 2.12, 0.125 * DAY_S
# Numbers of steps and of arrivals are structure: whole multiples of these, so that flights of about a length share one program.
STEPS_A_LOT, BATCH = 128, 256
# The largest step of a correction in each number, its shorter trials, and how often it is corrected.
STEP_AT_MOST, SHORTER, CORRECTIONS = (0.06, 0.06, 3e4), (1.0, 0.3, 0.09), 28
# What a departure may miss by: two components of the angular momentum, in units of the parking orbit's, and the time of perigee in days.
TOLERANCES = (1e-2, 1e-2, 1e-3)

# Node and argument of the perilune, and twice the energy there.
Arrivals: TypeAlias = Float[np.ndarray, "arrivals 3"]
# Which way the parking orbit is to go at the apogee, of each: 0 north, 1 south.
Ways: TypeAlias = Int[np.ndarray, " arrivals"]


def times_s(case: Transfer) -> Float[np.ndarray, " times"]:
    """The grid, from perilune back to when the orbit about the Earth is read off."""
    whole_s = float(case.perilune.t_s - case.parking.t_s) - READ_AFTER_S
    lowest_s = math.sqrt(float(case.perilune.radius_m) ** 3 / float(case.forces.moon_field.gm_m3_s2))
    since = [0.0]
    while since[-1] < whole_s:
        since.append(min(whole_s, since[-1] + min(STEP_RAD * max(lowest_s, PARABOLA * since[-1]), STEP_MAX_S)))
    since += [whole_s] * (-len(since) % STEPS_A_LOT)
    return float(case.perilune.t_s) - np.array(since)


def _departure(case: Transfer, grid_s: Vector, arrival: Float[Array, "3"]) -> tuple[Elements, Vec3, Scalar]:
    """Of an arrival: the orbit about the Earth that it comes from, its angular momentum, and the time of its perigee."""
    forces, perilune = case.forces, case.perilune
    bare = (forces.moon_field.truncated(1), None)
    points = eqx.tree_at(lambda each: (each.moon_field, each.earth_figure), forces, bare, is_leaf=lambda leaf: leaf is None)
    speed_m_s = jnp.sqrt(arrival[2] + 2.0 * forces.moon_field.gm_m3_s2 / perilune.radius_m)
    lowest = at_perilune(forces, perilune, jnp.stack([arrival[0], arrival[1], speed_m_s]))

    def rates(t_s: Scalar, state: tuple[Vec3, Vec3]) -> tuple[Vec3, Vec3]:
        return state[1], points.accel_lci_m_s2(t_s, state[0])

    def step(state: tuple[Vec3, Vec3], span_s: Vector) -> tuple[tuple[Vec3, Vec3], None]:
        return rk4_step(rates, span_s[0], state, span_s[1] - span_s[0]), None

    state, _ = jax.lax.scan(step, (lowest.r_m, lowest.v_m_s), jnp.stack([grid_s[:-1], grid_s[1:]], axis=1))
    r_m, v_m_s = forces.gci_of_lci(grid_s[-1], *state)
    found = elements_of(r_m, v_m_s, GM_EARTH_M3_S2)
    ahead_s = time_to_anomaly_s(found, 0.0, GM_EARTH_M3_S2)
    turn_s = 2.0 * jnp.pi * jnp.sqrt(jnp.abs(found.semi_major_axis_m) ** 3 / GM_EARTH_M3_S2)
    since_s = jnp.where(found.eccentricity < 1.0, jnp.minimum(ahead_s, ahead_s - turn_s), ahead_s)
    return found, r_m.cross(v_m_s), grid_s[-1] + since_s


def _told(case: Transfer, grid_s: Vector, arrival: Float[Array, "3"]) -> Float[Array, "10"]:
    """A row of `Departures`. The momentum goes through zero where the perigee does, and is nearly linear there; perigee and inclination are not."""
    found, momentum, perigee_s = _departure(case, grid_s, arrival)
    outwards = state_of(eqx.tree_at(lambda each: each.true_anomaly_rad, found, jnp.pi), GM_EARTH_M3_S2)[0].unit()
    level = jnp.sqrt(1.0 - outwards.z**2)
    zero = jnp.zeros(())
    north = (Vec3(zero, zero, jnp.ones(())) - outwards * outwards.z) / level
    radius_m = case.parking.radius_m
    size = jnp.sqrt(GM_EARTH_M3_S2 * radius_m * (2.0 - radius_m / found.semi_major_axis_m))
    share = jnp.clip(jnp.cos(case.parking.inclination_rad) / level, -1.0, 1.0)
    # Of a parking orbit that cannot reach this far north nothing is left, whatever the arrival: a root would have no derivative there.
    left = 1.0 - share**2
    rest = jnp.where(left > 0.0, jnp.sqrt(jnp.where(left > 0.0, left, 1.0)), 0.0)
    aside = momentum.dot(outwards.cross(north)) / size
    misses = (momentum.dot(north) / size - share, aside - rest, aside + rest, (perigee_s - case.parking.t_s) / DAY_S)
    orbit = (found.periapsis_radius_m, found.inclination_rad, perigee_s, found.node_rad, found.periapsis_argument_rad)
    return jnp.stack([*misses, *orbit, found.semi_major_axis_m])


@compiled
def _all_told(case: Transfer, grid_s: Vector, arrivals: Float[Array, "arrivals 3"]) -> Float[Array, "arrivals 10"]:
    return jax.vmap(functools.partial(_told, case, grid_s))(arrivals)


@compiled
def _all_sloped(case: Transfer, grid_s: Vector, arrivals: Float[Array, "arrivals 3"]) -> Float[Array, "4 arrivals 10"]:
    """The same, and its exact derivative by each of the three numbers. One after another, as `correct.with_jacobian` has it."""
    told = jax.vmap(functools.partial(_told, case, grid_s))

    def by(number: Float[Array, "3"]) -> tuple[Float[Array, "arrivals 10"], Float[Array, "arrivals 10"]]:
        return jax.jvp(told, (arrivals,), (jnp.broadcast_to(number, arrivals.shape),))

    values, slopes = jax.lax.map(by, jnp.eye(3))
    return jnp.concatenate([values[:1], slopes])


class Departures(NamedTuple):
    """Of many arrivals: angular momentum to the north and aside, less that of the parking orbit, in units of it - aside for one that goes
    north at the apogee, and for one that goes south; time of perigee after the departure [d]; and the orbit about the Earth: perigee
    radius, inclination, time of perigee, node, argument, semi-major axis."""

    north: Float[np.ndarray, " arrivals"]
    aside: Float[np.ndarray, "arrivals 2"]
    late_days: Float[np.ndarray, " arrivals"]
    orbit: Float[np.ndarray, "arrivals 6"]


class Backwards:
    """Departures of the arrivals of one transfer."""

    def __init__(self, case: Transfer):
        self._case, self._grid_s = case, jnp.asarray(times_s(case))

    def departures(self, arrivals: Arrivals) -> Departures:
        rows = self._rows(_all_told, arrivals) if len(arrivals) else np.zeros((0, 10))
        return Departures(rows[:, 0], rows[:, 1:3], rows[:, 3], rows[:, 4:])

    def _rows(self, program: Callable[..., Array], arrivals: Arrivals) -> Float[np.ndarray, "*slopes arrivals 10"]:
        """In batches of one size, so that all are one compiled program."""
        padded = np.concatenate([arrivals, np.zeros((-len(arrivals) % BATCH, 3))]).reshape(-1, BATCH, 3)
        told = [np.asarray(program(self._case, self._grid_s, some)) for some in padded]
        return np.concatenate(told, axis=-2)[..., : len(arrivals), :]

    def corrected(self, arrivals: Arrivals, way: Ways) -> Float[np.ndarray, "found 3"]:
        """Those that starts lead to whose departure is the one wanted. Newton, all at once."""
        found = [np.zeros((0, 3))]
        for _ in range(CORRECTIONS):
            if not len(arrivals):
                break
            arrivals, size = self._nearer(arrivals, way)
            found.append(arrivals[size < 1.0])
            on = np.isfinite(size) & (size >= 1.0)
            arrivals, way = arrivals[on], way[on]
        return np.concatenate(found)

    def misses_and_slope(self, arrivals: Arrivals, way: Ways) -> tuple[Float[np.ndarray, "arrivals 3"], Float[np.ndarray, "arrivals 3 3"]]:
        """In tolerances; and how each miss changes with each number of the arrival."""
        here, *slopes = (_misses(rows, way) for rows in self._rows(_all_sloped, arrivals))
        return here, np.stack(slopes, axis=2)

    def _nearer(self, arrivals: Arrivals, way: Ways) -> tuple[Arrivals, Float[np.ndarray, " arrivals"]]:
        """One step each, the best of some lengths, and the miss there. It may grow: a start in a fold would never leave it otherwise."""
        here, slope = self.misses_and_slope(arrivals, way)
        step = _solved(slope * np.array(STEP_AT_MOST), -here)
        step /= np.maximum(1.0, np.max(np.abs(step), axis=1, keepdims=True))
        trials = arrivals + np.array(SHORTER)[:, None, None] * step * np.array(STEP_AT_MOST)
        rows = self._rows(_all_told, trials.reshape(-1, 3))
        misses = _misses(rows, np.tile(way, len(SHORTER))).reshape(len(SHORTER), -1, 3)
        size = np.nan_to_num(np.max(np.abs(misses), axis=2), nan=np.inf)
        best, column = np.argmin(size, axis=0), np.arange(len(arrivals))
        return trials[best, column], size[best, column]


def _misses(rows: Float[np.ndarray, "arrivals 10"], way: Ways) -> Float[np.ndarray, "arrivals 3"]:
    """Of rows of `_all_told`, or of their derivative, in tolerances."""
    return np.stack([rows[:, 0], rows[np.arange(len(way)), 1 + way], rows[:, 3]], axis=1) / np.array(TOLERANCES)


def _solved(slope: Float[np.ndarray, "arrivals 3 3"], wanted: Float[np.ndarray, "arrivals 3"]) -> Float[np.ndarray, "arrivals 3"]:
    """Of each linear equation the solution; NaN where it has none."""
    good = np.all(np.isfinite(slope), axis=(1, 2)) & np.all(np.isfinite(wanted), axis=1)
    good[good] = np.abs(np.linalg.det(slope[good])) > 0.0
    found = np.full(wanted.shape, np.nan)
    found[good] = np.linalg.solve(slope[good], wanted[good][:, :, None])[:, :, 0]
    return found
