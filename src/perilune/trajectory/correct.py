"""Differential correction: numbers that make other numbers zero, by Gauss and Newton with exact derivatives. Host loop, compiled maps.

**Model.** Each step solves the linear equations for the smallest change in scaled controls (least squares where there are more targets
than controls, least norm where there are fewer) and is shortened until the miss gets smaller. A step that misses more than before is first
corrected, by the same derivative, for how far it ended from where it should have (second-order correction): over weeks in orbit the arc bends
with the square of a burn, and shorter steps alone follow that bend for ever. Between exact
derivatives, which cost as much as there are controls, each step mends the last one by what it met (Broyden's update). Scales are given: what one
unit of each control and of each miss is worth.
**Error.** Stops when every scaled miss is below one, so a scale of a miss is its tolerance times `SLACK`.
**Invalid when** the start is not in the basin of the solution: then `CorrectionError` says what missed by how much.
**Reference.** Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), chapters 10 and 11; Broyden, Mathematics of Computation 19 (1965).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.trajectory.legs import compiled
from perilune.trajectory.refusal import CorrectionError
from perilune.types import Scalar

STEPS_MAX = 40
SHORTENINGS_MAX = 8
# A step is taken if the miss falls at least by this share.
PROMISE_KEPT = 1e-3
SHORTER = 0.35
# The derivative is taken anew when a step ends farther than this share of the miss from where it should have: two such steps cost less.
ASTRAY = 0.3
# On the way from a problem that is solved to one that is not, the smallest step that is tried.
SHARE_STEP_MIN = 1.0 / 64.0

# Raw misses and controls, as functions of the controls and of whatever else the map needs.
Misses = Callable[[Float[Array, " n"], Any], Float[Array, " m"]]


class Scaling(NamedTuple):
    """Names and worths: the largest step of each control, the tolerance and the unit of each miss."""

    what: str
    step_max: tuple[float, ...]
    miss_names: tuple[str, ...]
    tolerances: tuple[float, ...]


class Corrected(NamedTuple):
    """Controls at the solution, the miss left in tolerances, and how many steps it took."""

    controls: Float[np.ndarray, " n"]
    miss: float
    steps: int


def with_jacobian(misses: Misses) -> Callable[[Any, Any, float], tuple[Array, Array]]:
    """Compiled value, and as many columns of the exact derivative as are asked for (one at least). Each call of this compiles anew.

    One tangent after another, in a loop: as a batch of tangents (`jax.jacfwd`) XLA on CPU no longer fuses the scalars of an integrator's
    step, which ran 20 times slower and compiled 6 times longer for two days about the Moon. Two threads take half of the columns each.
    """

    def both(controls: Float[Array, " n"], case: Any, columns: tuple[Scalar, Scalar]) -> tuple[Array, Array]:
        def at_case(x: Float[Array, " n"]) -> Float[Array, " m"]:
            return misses(x, case)

        def column(k: Array, kept: tuple[Array, Array]) -> tuple[Array, Array]:
            value, slope = jax.jvp(at_case, (controls,), (jnp.eye(controls.shape[0])[k],))
            return value, kept[1].at[:, k].set(slope)

        m = jax.eval_shape(at_case, controls).shape[0]
        first, last = (jnp.asarray(end).astype(int) for end in columns)
        return jax.lax.fori_loop(first, last, column, (jnp.zeros(m), jnp.zeros((m, controls.shape[0]))))

    # It holds nothing but the misses, so it may bear their name.
    both.__module__, both.__qualname__ = misses.__module__, f"{misses.__qualname__}_with_jacobian"
    program = compiled(both)

    def solve(controls: Any, case: Any, columns: float) -> tuple[Array, Array]:
        if columns < 2:
            return program(controls, case, (0.0, columns))
        middle = columns // 2
        with ThreadPoolExecutor(max_workers=1) as beside:
            second = beside.submit(copy_context().run, program, controls, case, (middle, columns))
            value, first_columns = program(controls, case, (0.0, middle))
            return value, first_columns + second.result()[1]

    return solve


def corrected(solve: Callable, start: np.ndarray, case: Any, scaling: Scaling) -> Corrected:
    """Controls that bring every miss below its tolerance. CorrectionError if they are not found.

    A derivative is kept, and mended, for as long as it brings the miss down fast.
    """
    controls, tolerances = np.asarray(start, float), np.asarray(scaling.tolerances)
    miss, slope = _scaled(solve, controls, case, scaling, whole=True)
    fresh = True
    for steps in range(STEPS_MAX):
        if np.all(np.abs(miss) < 1.0):
            return Corrected(controls, float(np.max(np.abs(miss))), steps)
        found = _shortened(solve, controls, case, scaling, (miss, slope))
        if found is None and fresh:
            break
        spent = found is None or bool(np.linalg.norm(found.off) > ASTRAY * np.linalg.norm(miss))
        if found is not None:
            (controls, miss, slope, _), fresh = found, False
        if spent and np.any(np.abs(miss) >= 1.0):
            miss, slope = _scaled(solve, controls, case, scaling, whole=True)
            fresh = True
    left = miss * tolerances
    raise CorrectionError(_what_missed(scaling, left), tuple(float(each) for each in left))


def by_way_of(solve: Callable[[float, np.ndarray], Corrected], start: np.ndarray) -> Corrected:
    """What `solve` finds of the whole problem (share 1): at once, or by way of smaller shares of it, each from the solution before.

    Of a share of nothing `start` is the solution. CorrectionError, of the last that was tried, where even small steps do not lead on.
    """
    done, step, controls = 0.0, 1.0, start
    while True:
        share = min(done + step, 1.0)
        try:
            found = solve(share, controls)
        except CorrectionError:
            step = 0.5 * (share - done)
            if step < SHARE_STEP_MIN:
                raise
            continue
        if share == 1.0:
            return found
        done, step, controls = share, 2.0 * step, found.controls


def _scaled(solve: Callable, controls: np.ndarray, case: Any, scaling: Scaling, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    miss, slope = solve(controls, case, float(controls.size) if whole else 1.0)
    tolerances = np.asarray(scaling.tolerances)
    return np.asarray(miss) / tolerances, np.asarray(slope) / tolerances[:, None] * np.asarray(scaling.step_max)


class _Step(NamedTuple):
    """Where a step led: controls, miss, the derivative mended by it, and how far off that is from where the derivative said."""

    controls: np.ndarray
    miss: np.ndarray
    slope: np.ndarray
    off: np.ndarray


def _shortened(solve, controls, case, scaling, linear) -> _Step | None:
    """The first of ever shorter steps that makes the miss smaller, as it is or corrected; None if there is none."""
    miss, slope = linear
    if not (np.all(np.isfinite(miss)) and np.all(np.isfinite(slope))):
        return None
    step = _least(slope, miss)
    step /= max(1.0, float(np.max(np.abs(step))))
    for _ in range(SHORTENINGS_MAX):
        tried = _tried(solve, controls, case, scaling, linear, step)
        if not _smaller(tried, miss):
            correction = _least(slope, tried.off)
            if np.linalg.norm(correction) < np.linalg.norm(step):
                tried = _tried(solve, controls, case, scaling, linear, step + correction)
        if _smaller(tried, miss):
            return tried
        step = SHORTER * step
    return None


def _tried(solve, controls, case, scaling, linear, step) -> _Step:
    miss, slope = linear
    there = controls + step * np.asarray(scaling.step_max)
    after, _ = _scaled(solve, there, case, scaling, whole=False)
    off = after - miss - slope @ step
    return _Step(there, after, slope + np.outer(off, step) / (step @ step), off)


def _smaller(tried: _Step, miss: np.ndarray) -> bool:
    return float(np.linalg.norm(tried.miss)) < (1.0 - PROMISE_KEPT) * float(np.linalg.norm(miss))


def _least(slope: np.ndarray, miss: np.ndarray) -> np.ndarray:
    """The smallest change that takes a miss away, if all were linear."""
    return -np.linalg.lstsq(slope, miss, rcond=1e-12)[0]


def _what_missed(scaling: Scaling, miss: np.ndarray) -> str:
    parts = (f"{name} by {value:.6g}" for name, value in zip(scaling.miss_names, miss, strict=True))
    return f"{scaling.what} does not converge; it misses {', '.join(parts)}"
