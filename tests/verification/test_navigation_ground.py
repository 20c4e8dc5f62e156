"""The believed ground: its process against its correlation function in closed form, and what it tells of the point below."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.navigation.belief import GroundBelief
from perilune.fsw.navigation.ground import below, no_sounding, seen_from, shifted
from perilune.math.vector import vec3, zero_vec3

SIGMA_M, SLOPE_SIGMA, CORRELATION_M = 800.0, 0.1, 2100.0
AHEAD = vec3((1.0, 0.0, 0.0))
ROUNDING = 1e-9  # share of a stationary variance; steps of metres leave differences of 1e-16 of it


def ground() -> GroundBelief:
    numbers = (1.7e6, SIGMA_M, SLOPE_SIGMA, CORRELATION_M, 5.0, 0.02)
    return GroundBelief(*(jnp.asarray(number) for number in numbers), zero_vec3())


def step(*way_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrix of the step and the noise of it."""
    one = shifted(ground(), vec3(way_m), AHEAD)
    F = np.array([[one.height_height, one.height_slope], [one.slope_height, one.slope_slope]])
    return F, np.array([[one.noise_height, one.noise_both], [one.noise_both, one.noise_slope]])


STATIONARY = np.diag([SIGMA_M**2, SLOPE_SIGMA**2])
SCALE = np.sqrt(np.outer(np.diag(STATIONARY), np.diag(STATIONARY)))


@pytest.mark.parametrize("way_m", [1.0, 300.0, 5e3, 2e5])
def test_variances_stay_as_they_are(way_m):
    F, Q = step(way_m, 0.0, 0.0)
    assert np.abs((F @ STATIONARY @ F.T + Q - STATIONARY) / SCALE).max() < ROUNDING
    assert np.all(np.linalg.eigvalsh(Q / SCALE) >= -ROUNDING)


def test_two_steps_are_one():
    (F1, Q1), (F2, Q2), (F, Q) = step(700.0, 0.0, 0.0), step(1900.0, 0.0, 0.0), step(2600.0, 0.0, 0.0)
    assert np.abs((F2 @ F1 - F) * np.sqrt(np.diag(STATIONARY)) / np.sqrt(np.diag(STATIONARY))[:, None]).max() < ROUNDING
    assert np.abs((F2 @ Q1 @ F2.T + Q2 - Q) / SCALE).max() < ROUNDING


def test_the_way_back_undoes_the_mean_for_small_steps():
    """Smooth ground: forth and back over 1 m leaves the height, and of the slope all but what it forgets over 2 m."""
    there, back = step(1.0, 0.0, 0.0)[0], step(-1.0, 0.0, 0.0)[0]
    left = (back @ there - np.eye(2)) * np.sqrt(np.diag(STATIONARY)) / np.sqrt(np.diag(STATIONARY))[:, None]
    slow = (SLOPE_SIGMA / SIGMA_M) ** 2 * CORRELATION_M
    assert np.abs(left).max() < 2.0 * (1.0 / CORRELATION_M + slow) * (1.0 + ROUNDING)


# Between the resolution of the relief and its outer scale heights differ in proportion to distance: slope times distance, less what the
# slope forgets on the way (a third of distance over its correlation).
@pytest.mark.parametrize("way_m", [10.0, 50.0, 200.0])
def test_heights_close_together_differ_by_the_slope(way_m):
    F, _ = step(way_m, 0.0, 0.0)
    difference_m = np.sqrt(2.0 * SIGMA_M**2 * (1.0 - F[0, 0]))
    assert difference_m == pytest.approx(SLOPE_SIGMA * way_m, rel=way_m / CORRELATION_M)


def test_across_the_way_the_slope_is_unknown():
    """Its share of the height is noise there: as much variance as along the way, and none of it known."""
    along, across = step(500.0, 0.0, 0.0), step(0.0, 500.0, 0.0)
    assert across[0][0, 1] == across[0][1, 0] == 0.0
    assert across[1][0, 0] == pytest.approx(along[1][0, 0] + (along[0][0, 1] * SLOPE_SIGMA) ** 2, rel=1e-9)


def test_the_ground_below_from_a_spot_ahead():
    """A spot 300 m ahead on ground that rises by 0.1: below it is lower by 30 m, less what the process forgets (a tenth)."""
    at = no_sounding(AHEAD)
    ahead = seen_from(
        at.__class__(AHEAD * 150.0, jnp.zeros(()), AHEAD, jnp.asarray(True), jnp.asarray(4.0)), jnp.asarray(50.0), jnp.asarray(100.0)
    )
    assert float(ahead.offset_lci_m.x) == pytest.approx(300.0)
    told = below(ground(), ahead)
    assert float(told.terrain_m(jnp.asarray(70.0), jnp.asarray(0.1))) == pytest.approx(40.0, abs=3.0)
    assert float(told.variance_m2) > 4.0 + step(300.0, 0.0, 0.0)[1][0, 0]
    assert float(below(ground(), at).terrain_m(jnp.asarray(70.0), jnp.asarray(0.1))) == pytest.approx(70.0)


@pytest.mark.parametrize(
    ("height_m", "holds_m"), [(10e3, CORRELATION_M), (CORRELATION_M, CORRELATION_M), (50.0, 50.0), (0.2, 1.0), (-3.0, 1.0)]
)
def test_near_the_ground_a_slope_holds_on_for_the_height(height_m, holds_m):
    near = ground().from_height(jnp.asarray(height_m))
    assert [float(rate) for rate in near.rates_1_m()] == pytest.approx([(SLOPE_SIGMA / SIGMA_M) ** 2 * holds_m, 1.0 / holds_m])
