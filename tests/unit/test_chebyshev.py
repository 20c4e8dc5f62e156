"""Chebyshev series against NumPy's own, and records that join, shared under a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import chebyshev as numpy_chebyshev

from perilune.math.chebyshev import ChebyshevRecords, chebyshev_fit, chebyshev_value, chebyshev_value_and_slope

# Relative to the sum of the coefficients' sizes: two dozen roundings of Clenshaw's recurrence.
ROUNDING = 1e-14


@pytest.mark.parametrize("count", [1, 2, 3, 13])
@pytest.mark.parametrize("x", [-1.0, -0.3, 0.0, 0.77, 1.0])
def test_value_and_slope_are_numpys(count, x):
    coefficients = np.random.default_rng(count).normal(size=(count, 3))
    value, slope = jax.jit(chebyshev_value_and_slope)(coefficients, x)
    scale = np.abs(coefficients).sum() * count**2
    np.testing.assert_allclose(value, numpy_chebyshev.chebval(x, coefficients), rtol=0, atol=ROUNDING * scale)
    expected = numpy_chebyshev.chebval(x, numpy_chebyshev.chebder(coefficients)) if count > 1 else np.zeros(3)
    np.testing.assert_allclose(slope, expected, rtol=0, atol=ROUNDING * scale)


def test_scalar_series_and_its_value():
    assert float(chebyshev_value(np.array([1.0, 2.0, 3.0]), 0.5)) == 1.0 + 2.0 * 0.5 + 3.0 * (2.0 * 0.25 - 1.0)


def test_fit_recovers_a_polynomial_and_converges_on_a_sine():
    cubic = chebyshev_fit(lambda t: np.array([t**3, 1.0]), -1.0, 1.0, 5)
    np.testing.assert_allclose(cubic, [[0, 1], [0.75, 0], [0, 0], [0.25, 0], [0, 0]], atol=ROUNDING)
    sine = chebyshev_fit(np.sin, 0.0, 3.0, 16)
    for t in np.linspace(0.0, 3.0, 11):
        assert abs(float(chebyshev_value(sine, 2.0 * t / 3.0 - 1.0)) - np.sin(t)) < ROUNDING * 10.0


def sine_records() -> ChebyshevRecords:
    """Three records of 2 s from t = -1 s, of sin and cos."""
    pieces = [chebyshev_fit(lambda t: np.array([np.sin(t), np.cos(t)]), start, start + 2.0, 16) for start in (-1.0, 1.0, 3.0)]
    return ChebyshevRecords(jnp.asarray(np.stack(pieces)), jnp.asarray(-1.0), jnp.asarray(2.0))


@pytest.mark.parametrize("t_s", [-1.0, -0.2, 1.0, 1.0 - 1e-12, 2.9999, 3.0, 5.0])
def test_records_pick_the_piece_and_scale_the_rate(t_s):
    value, rate = sine_records().value_and_rate(t_s)
    np.testing.assert_allclose(value, [np.sin(t_s), np.cos(t_s)], atol=1e-13)
    np.testing.assert_allclose(rate, [np.cos(t_s), -np.sin(t_s)], atol=1e-12)


@pytest.mark.parametrize("t_s", [-1.001, 5.001, float("nan")])
def test_outside_the_records_is_nan(t_s):
    assert np.isnan(sine_records().value(t_s)).all()


def test_a_shared_time_stays_one_slice_under_vmap():
    records = sine_records()

    def lander(offset, t_s):
        return offset + records.value(t_s)

    batched = jax.vmap(lander, in_axes=(0, None))
    text = jax.jit(batched).lower(jnp.zeros(8), jnp.asarray(0.5)).as_text()
    assert "dynamic_slice" in text
    assert "stablehlo.gather" not in text
