"""Fixed-step Runge-Kutta over any state that is a tree of arrays.

**Reference.** Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), chapter II.
"""

from collections.abc import Callable
from typing import TypeVar

import jax

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
    """Fourth order, four evaluations."""
    k1 = rates(t_s, state)
    k2 = rates(t_s + 0.5 * dt_s, _moved(state, k1, 0.5 * dt_s))
    k3 = rates(t_s + 0.5 * dt_s, _moved(state, k2, 0.5 * dt_s))
    k4 = rates(t_s + dt_s, _moved(state, k3, dt_s))
    mean = jax.tree.map(lambda a, b, c, d: (a + 2.0 * b + 2.0 * c + d) / 6.0, k1, k2, k3, k4)
    return _moved(state, mean, dt_s)
