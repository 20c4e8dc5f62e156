"""Is the state vector that goes up drawn from the covariance that goes with it?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.random import stream_of_seed
from perilune.math.vector import vec3
from perilune.world.tracking import GroundTracking

COUNT = 40_000
# An element of a sample covariance, in units of the sigmas of its two rows, has a standard error of at most sqrt(2 / n).
COVARIANCE_LIMIT = 4.5 * np.sqrt(2.0 / COUNT)
MEAN_LIMIT = 4.5 / np.sqrt(COUNT)

R_LCI_M = vec3((1.2e6, -0.9e6, 1.0e6))
V_LCI_M_S = vec3((700.0, 1400.0, 450.0))
SIGMA = np.asarray([100.0, 500.0, 200.0, 0.4, 0.1, 0.2])


def tracking() -> GroundTracking:
    return GroundTracking(100.0, 500.0, 200.0, 0.4, 0.1, 0.2, -0.9, -0.9)


def errors_rac() -> np.ndarray:
    """Errors of many state vectors, [draw, 6], in axes built here from the true orbit."""

    def drawn(seed):
        vector = tracking().state_vector(R_LCI_M, V_LCI_M_S, 10.0, stream_of_seed(seed).named("tracking"))
        return vector.r_lci_m.array(), vector.v_lci_m_s.array()

    r_drawn_m, v_drawn_m_s = jax.vmap(drawn)(jnp.arange(COUNT))
    r, v = np.asarray(R_LCI_M.array()), np.asarray(V_LCI_M_S.array())
    radial, cross = r / np.linalg.norm(r), np.cross(r, v) / np.linalg.norm(np.cross(r, v))
    axes = np.asarray([radial, np.cross(cross, radial), cross])
    return np.concatenate([(r_drawn_m - r) @ axes.T, (v_drawn_m_s - v) @ axes.T], axis=1)


def test_sample_covariance_is_the_stated_one():
    errors, stated = errors_rac(), np.asarray(tracking().covariance_rac())
    scale = np.outer(SIGMA, SIGMA)
    assert np.abs((np.cov(errors.T) - stated) / scale).max() < COVARIANCE_LIMIT
    assert np.abs(errors.mean(axis=0) / SIGMA).max() < MEAN_LIMIT


def test_covariance_is_positive_definite_with_the_stated_correlations():
    covariance = np.asarray(tracking().covariance_rac())
    correlation = covariance / np.outer(SIGMA, SIGMA)
    np.testing.assert_array_equal(covariance, covariance.T)
    np.testing.assert_allclose(correlation[1, 3], -0.9, rtol=1e-12)
    np.testing.assert_allclose(correlation[0, 4], -0.9, rtol=1e-12)
    # Two pairs of correlation 0.9: the smallest eigenvalue of the correlation matrix is 1 - 0.9.
    assert np.linalg.eigvalsh(correlation).min() == pytest.approx(0.1, abs=1e-12)


def test_same_stream_same_state_vector():
    one, two = (tracking().state_vector(R_LCI_M, V_LCI_M_S, 10.0, stream_of_seed(3)) for _ in range(2))
    assert float(one.r_lci_m.x) == float(two.r_lci_m.x)
    assert float(one.clock_s) == 10.0
    assert bool(one.valid)
