"""Chebyshev records of a window of time, fitted on the host to any function of time."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from perilune.math.chebyshev import ChebyshevRecords

FunctionOfTime = Callable[[Float[np.ndarray, " times"]], Float[np.ndarray, "times *axes"]]


def fitted_records(function: FunctionOfTime, t_start_s: float, span_s: float, records: int, terms: int) -> ChebyshevRecords:
    """Interpolates at the Chebyshev nodes of every record: exact for a polynomial of fewer than `terms` terms within each."""
    angle = np.pi * (np.arange(terms) + 0.5) / terms
    middles_s = t_start_s + span_s * (np.arange(records) + 0.5)
    times_s = middles_s[:, None] + 0.5 * span_s * np.cos(angle)
    values = np.asarray(function(times_s.ravel()), dtype=float)
    basis = np.cos(np.outer(np.arange(terms), angle)) * (2.0 / terms)
    basis[0] *= 0.5
    coefficients = np.einsum("kj,rj...->rk...", basis, values.reshape(records, terms, *values.shape[1:]))
    return ChebyshevRecords(jnp.asarray(coefficients), jnp.asarray(t_start_s, dtype=float), jnp.asarray(span_s, dtype=float))


def records_needed(duration_s: float, margin_s: float, span_s: float) -> int:
    """A number of records that covers the window wherever it begins: it depends on the duration alone, so that dates share a program."""
    return int((duration_s + 2.0 * margin_s) // span_s) + 2
