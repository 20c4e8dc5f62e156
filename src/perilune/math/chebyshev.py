"""Chebyshev series: evaluation that traces, fits made once on the host.

**Reference.** Clenshaw, Mathematical Tables and Other Aids to Computation 9 (1955), for the recurrence.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.types import Scalar

Coefficients = Float[Array | np.ndarray, "n *axes"]


def chebyshev_value(coefficients: Coefficients, x: Scalar) -> Float[Array, "*axes"]:
    """Sum of c_k T_k(x), x in [-1, 1]; the first axis of the coefficients is the degree."""
    return chebyshev_value_and_slope(coefficients, x)[0]


def chebyshev_value_and_slope(coefficients: Coefficients, x: Scalar) -> tuple[Float[Array, "*axes"], Float[Array, "*axes"]]:
    """Sum of c_k T_k(x) and its derivative by x, in one pass of Clenshaw's recurrence.

    Unrolled in Python: the degree is a structure, and a loop of a dozen fused multiplications costs a tick nothing.
    """
    c = jnp.asarray(coefficients, dtype=float)
    b1 = b2 = d1 = d2 = jnp.zeros_like(c[0])
    for k in range(c.shape[0] - 1, 0, -1):
        d1, d2 = 2.0 * b1 + 2.0 * x * d1 - d2, d1
        b1, b2 = c[k] + 2.0 * x * b1 - b2, b1
    return c[0] + x * b1 - b2, b1 + x * d1 - d2


def chebyshev_fit(function: Callable[[float], np.ndarray | float], start: float, stop: float, count: int) -> Float[np.ndarray, "n *axes"]:
    """The `count` coefficients that interpolate a function on [start, stop] at the Chebyshev nodes. Host only."""
    angle = np.pi * (np.arange(count) + 0.5) / count
    nodes = 0.5 * (start + stop) + 0.5 * (stop - start) * np.cos(angle)
    samples = np.stack([np.asarray(function(float(node)), dtype=float) for node in nodes])
    basis = np.cos(np.outer(np.arange(count), angle)) * (2.0 / count)
    basis[0] *= 0.5
    return np.tensordot(basis, samples, axes=1)


class ChebyshevRecords(eqx.Module):
    """Consecutive Chebyshev records of equal span, as JPL ephemerides are stored.

    Outside the records a series grows without bound, so the answer there is NaN: wrong silently is worse.
    """

    coefficients: Float[Array, "records n *axes"]
    t_start_s: Scalar
    span_s: Scalar

    def value(self, t_s: Scalar) -> Float[Array, "*axes"]:
        return self.value_and_rate(t_s)[0]

    @jax.jit
    def value_and_rate(self, t_s: Scalar) -> tuple[Float[Array, "*axes"], Float[Array, "*axes"]]:
        """Value, and its derivative per second.

        Keep the time shared: then the choice of the record is one slice for a whole batch, not a gather.
        """
        count = self.coefficients.shape[0]
        position = (t_s - self.t_start_s) / self.span_s
        index = jnp.clip(jnp.floor(position), 0, count - 1)
        record = jax.lax.dynamic_index_in_dim(self.coefficients, index.astype(int), keepdims=False)
        x = jnp.where((position >= 0.0) & (position <= count), 2.0 * (position - index) - 1.0, jnp.nan)
        value, slope = chebyshev_value_and_slope(record, x)
        return value, slope * (2.0 / self.span_s)
