"""A path that was flown, kept at the solver's own steps: its state at any time, and every event on it.

**Model.** Between nodes, the polynomial of degree eleven that meets position and velocity at the six nearest.
**Error.** Steps taken at `propagate.TIGHT` leave less than 1e-6 m and 1e-8 m/s between the nodes in a low lunar orbit, a transfer and a
perigee of 185 km (tests).
**Invalid when** an acceleration jumps between two nodes: light at the edge of a shadow does, by 1e-7 m/s2.
**Neglects** events that begin and end between two samples of a search.
**Reference.** Hermite interpolation in Lagrange's form (Hildebrand, Introduction to Numerical Analysis, 2nd ed. 1974).
"""

import operator
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.events import Body, Event, Surface, seen
from perilune.dynamics.propagate import PointMass, Steps, Tolerance, coast_rates, stepped
from perilune.math.calling import call
from perilune.math.vector import Vec3, vec3
from perilune.types import Flag, Index, Scalar, Vector

# Steps that one call of the compiled program takes: five hours in a low Earth orbit, ten in a low lunar one, weeks in between.
CHUNK = 256
# Nodes that each state is read from.
STENCIL = 6
# Shorter paths are filled up to so many: one program reads the transfers of days and of months.
NODES_MIN = 256
# The first step asked for, as a share of radius over speed: a tenth of what a tight tolerance takes, and never longer than this.
FIRST_SHARE, FIRST_MAX_S = 0.02, 600.0
# A last step shorter than this share of the one before swallows its beginning: nodes too close spoil the interpolation.
SHORT_STEP = 0.1
# Halvings of a gap between samples that leave less than a nanosecond of a month.
BISECTIONS = 52
# An event so near the start of a path is the place where it began, not a crossing.
START_S = 1e-6
# However short the span.
SAMPLES_MIN = 16


class Path(eqx.Module):
    """Position and velocity about one centre at times that rise or (flown back) fall; the last node is repeated to fill the arrays."""

    times_s: Float[Array, " nodes"]
    r_m: Float[Array, "nodes 3"]
    v_m_s: Float[Array, "nodes 3"]
    count: Index  # nodes that are not filling

    def state(self, t_s: Scalar) -> tuple[Vec3, Vec3]:
        """Position and velocity at a time; NaN outside the path."""
        backward = self.times_s[1] < self.times_s[0]
        ahead = jnp.where(backward, self.times_s >= t_s, self.times_s <= t_s)
        first = jnp.clip(jnp.sum(ahead) - STENCIL // 2, 0, jnp.maximum(self.count - STENCIL, 0))
        nodes_s, r_m, v_m_s = (lax.dynamic_slice_in_dim(each, first, STENCIL) for each in (self.times_s, self.r_m, self.v_m_s))
        start_s, end_s = self.times_s[0], self.times_s[-1]
        inside = (jnp.minimum(start_s, end_s) <= t_s) & (t_s <= jnp.maximum(start_s, end_s))
        # Shares of the stencil's length, so that the numbers of the basis are of the order of one.
        length_s = nodes_s[-1] - nodes_s[0]
        share, nodes = (t_s - nodes_s[0]) / length_s, (nodes_s - nodes_s[0]) / length_s
        r_now_m, rise_m = jax.jvp(lambda x: _hermite(nodes, r_m, v_m_s * length_s, x), (share,), (jnp.ones_like(share),))
        return vec3(jnp.where(inside, r_now_m, jnp.nan)), vec3(jnp.where(inside, rise_m / length_s, jnp.nan))


def _hermite(nodes: Float[Array, " k"], values: Float[Array, "k 3"], slopes: Float[Array, "k 3"], x: Scalar) -> Float[Array, "3"]:
    """The polynomial that meets values and slopes at the nodes, about the nearest value so that few digits are lost."""
    count = len(values)
    self_pair = np.eye(count, dtype=bool)
    gaps = jnp.where(self_pair, 1.0, nodes[:, None] - nodes[None, :])
    # Quotients, which are one at the node itself to the last bit: there the value is met exactly.
    factors = jnp.where(self_pair, 1.0, (x - nodes[None, :]) / gaps)
    basis = reduce(operator.mul, (factors[:, k] for k in range(count)))
    from_node, tilt = x - nodes, 2.0 * jnp.sum(jnp.where(self_pair, 0.0, 1.0 / gaps), axis=1)
    origin = values[count // 2]
    parts = (values - origin) * (1.0 - tilt * from_node)[:, None] + slopes * from_node[:, None]
    return origin + jnp.sum(parts * (basis * basis)[:, None], axis=0)


class Crossing(NamedTuple):
    """When an event happened [s], and whether its measure rose as time ran."""

    t_s: float
    rising: bool


def flown(
    forces: Cislunar, centre: Body, start: PointMass, span_s: tuple[float, float], tolerance: Tolerance, ground_m: float
) -> Iterator[Path]:
    """A coast about a centre, longer with every item: to the end of the span, or one step below `ground_m` above either sphere. Host only.

    The caller may stop asking when it has seen enough. A coast that cannot go on ends with what there is.
    """
    # Enough nodes for the stencil, however short the coast.
    step_max_s = abs(span_s[1] - span_s[0]) / (STENCIL + 2)
    first_s = min(FIRST_MAX_S, step_max_s, FIRST_SHARE * float(start.r_m.norm() / start.v_m_s.norm()))
    limits = Limits(
        jnp.asarray(span_s), jnp.asarray(np.copysign(first_s, span_s[1] - span_s[0])), jnp.asarray(step_max_s), jnp.asarray(ground_m)
    )
    nodes = np.concatenate([[span_s[0]], *(np.asarray(part.array()) for part in (start.r_m, start.v_m_s))])[None]
    while True:
        steps = call(_chunk, forces, centre, start, limits, tolerance)
        rows = np.column_stack([steps.times_s, steps.rows[:, :6]])
        nodes = _merged(np.concatenate([nodes, rows[1 : int(steps.count)]]))
        if 1 < len(nodes) < STENCIL:
            # The ground came before enough nodes did: again, by shorter steps to where that ended.
            yield from flown(forces, centre, start, (span_s[0], float(nodes[-1, 0])), tolerance, ground_m)
            return
        yield _filled(nodes)
        if bool(steps.finished) or int(steps.count) == 1:
            return
        start = PointMass(vec3(nodes[-1, 1:4]), vec3(nodes[-1, 4:7]), start.mass_kg)
        span_s = (float(nodes[-1, 0]), span_s[1])
        limits = Limits(jnp.asarray(span_s), jnp.asarray(nodes[-1, 0] - nodes[-2, 0]), limits.step_max_s, limits.ground_m)


class Limits(NamedTuple):
    """What bounds a chunk: the span, the first and the longest step (both at most), and the height of the ground."""

    span_s: Float[Array, "2"]
    step_first_s: Scalar
    step_max_s: Scalar
    ground_m: Scalar


@eqx.filter_jit
def _chunk(forces: Cislunar, centre: Body, start: PointMass, limits: Limits, tolerance: Tolerance) -> Steps:
    accel_m_s2 = forces.accel_gci_m_s2 if centre == "earth" else forces.accel_lci_m_s2

    ground = Surface(name="ground", rising=False, height_m=limits.ground_m)

    def grounded(t_s: Scalar, state: PointMass) -> Flag:
        return ground.measure(seen(forces, centre, t_s, state.r_m, state.v_m_s)) < 0.0

    return stepped(coast_rates(accel_m_s2), start, limits.span_s, (limits.step_first_s, limits.step_max_s), grounded, tolerance, CHUNK)


def _merged(nodes: Float[np.ndarray, "nodes 7"]) -> Float[np.ndarray, "kept 7"]:
    """Without the last node but one if it is too near the last."""
    if len(nodes) <= STENCIL or abs(nodes[-1, 0] - nodes[-2, 0]) > SHORT_STEP * abs(nodes[-2, 0] - nodes[-3, 0]):
        return nodes
    return np.delete(nodes, -2, axis=0)


def _filled(nodes: Float[np.ndarray, "nodes 7"]) -> Path:
    size = _rounded_up(max(len(nodes), NODES_MIN))
    filled = np.concatenate([nodes, np.repeat(nodes[-1:], size - len(nodes), axis=0)])
    times_s, r_m, v_m_s = (jnp.asarray(part) for part in np.split(filled, [1, 4], axis=1))
    return Path(times_s[:, 0], r_m, v_m_s, jnp.asarray(len(nodes)))


def _rounded_up(count: int) -> int:
    """A power of two: few sizes, few programs."""
    return 1 << (count - 1).bit_length()


def crossings(
    path: Path, forces: Cislunar, centre: Body, events: Sequence[Event], span_s: tuple[float, float], sample_s: float
) -> list[list[Crossing]]:
    """For each event its crossings within a span of the path, in the order of flight, found between samples at most `sample_s` apart.

    Host only. A path that begins on an event, to a microsecond, has not crossed it.
    """
    events = tuple(events)
    samples = _rounded_up(max(int(np.ceil(abs(span_s[1] - span_s[0]) / sample_s)), SAMPLES_MIN)) + 1
    times_s = jnp.linspace(*span_s, samples)
    sampled = _at(times_s, path, forces, centre, events)
    found = [_gaps_crossed(np.asarray(values), event.rising, span_s) for values, event in zip(sampled, events, strict=True)]
    width = _rounded_up(max(1, *(len(gaps) for gaps, _ in found)))
    padded = jnp.asarray(np.array([np.pad(gaps, (0, width - len(gaps))) for gaps, _ in found]))
    refined_s = np.asarray(_refined(times_s, padded, path, forces, centre, events))
    first_s = float(path.times_s[0])
    return [
        [Crossing(t_s, up) for t_s, up in zip(row[: len(rising)].tolist(), rising.tolist(), strict=True) if abs(t_s - first_s) > START_S]
        for row, (_, rising) in zip(refined_s, found, strict=True)
    ]


def _gaps_crossed(values: Float[np.ndarray, " samples"], wanted: bool | None, span_s: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Gaps between samples that hold a crossing, by their first sample, and whether the measure rises there as time runs."""
    before, after = values[:-1], values[1:]
    gaps = np.flatnonzero((before * after < 0.0) | ((after == 0.0) & (before != 0.0)))
    rising = (before[gaps] < 0.0) != (span_s[1] < span_s[0])
    kept = np.ones(len(gaps), dtype=bool) if wanted is None else rising == wanted
    return gaps[kept], rising[kept]


@eqx.filter_jit
def _at(times_s: Vector, path: Path, forces: Cislunar, centre: Body, events: tuple[Event, ...]) -> tuple[Vector, ...]:
    at = jax.vmap(lambda t_s: seen(forces, centre, t_s, *path.state(t_s)))(times_s)
    return tuple(jnp.asarray(jax.vmap(event.measure)(at)) for event in events)


@eqx.filter_jit
def _refined(
    times_s: Vector, gaps: Int[Array, "events found"], path: Path, forces: Cislunar, centre: Body, events: tuple[Event, ...]
) -> Float[Array, "events found"]:
    """Times of the crossings within gaps, by halving."""

    def one(event: Event, gap: Int[Array, ""]) -> Array:
        def sign(t_s: Scalar) -> Array:
            return jnp.sign(event.measure(seen(forces, centre, t_s, *path.state(t_s))))

        sign_end = sign(times_s[gap + 1])

        def halved(_, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low_s, high_s = ends
            middle_s = 0.5 * (low_s + high_s)
            past = sign(middle_s) == sign_end
            return jnp.where(past, low_s, middle_s), jnp.where(past, middle_s, high_s)

        low_s, high_s = lax.fori_loop(0, BISECTIONS, halved, (times_s[gap], times_s[gap + 1]))
        return 0.5 * (low_s + high_s)

    return jnp.stack([jax.vmap(lambda gap, event=event: one(event, gap))(row) for event, row in zip(events, gaps, strict=True)])
