"""Fixed-step Runge-Kutta over any state that is a tree of arrays.

**Reference.** Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), chapter II.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from perilune.types import Scalar

State = TypeVar("State")
Rates = Callable[[Scalar, State], State]


def _moved(state: State, rate: State, dt_s: Scalar) -> State:
    return jax.tree.map(lambda value, slope: value + dt_s * slope, state, rate)


def midpoint_step(rates: Rates, t_s: Scalar, state: State, dt_s: Scalar) -> State:
    """Second order, two evaluations."""
    half = _moved(state, rates(t_s, state), 0.5 * dt_s)
    return _moved(state, rates(t_s + 0.5 * dt_s, half), dt_s)


def rk4_step(rates: Rates, t_s: Scalar, state: State, dt_s: Scalar) -> State:
    """Fourth order, four evaluations.

    Each stage needs only the one before, so they are one loop: the rates are compiled once, not four times.
    """

    def stage(carry: tuple[State, State], numbers: tuple[Scalar, Scalar]) -> tuple[tuple[State, State], None]:
        reach, weight = numbers
        last, total = carry
        rate = rates(t_s + reach * dt_s, _moved(state, last, reach * dt_s))
        return (rate, _moved(total, rate, weight)), None

    nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(rates, t_s, state))
    stages = (jnp.array([0.0, 0.5, 0.5, 1.0]), jnp.array([1.0, 2.0, 2.0, 1.0]) / 6.0)
    (_, mean), _ = jax.lax.scan(stage, (nothing, nothing), stages)
    return _moved(state, mean, dt_s)
