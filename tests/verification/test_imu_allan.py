"""Are the noises of the inertial unit those it states? Allan variance of what it counts.

Allan variance of the counted rate over tau: N^2 / tau for a random walk N of the sum, K^2 tau / 3 for a walk K of the bias, 3 Q^2 / tau^2
for quantisation with Q = quantum / sqrt(12) (IEEE Std 952-1997, annex C).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.random import stream_of_seed
from perilune.math.vector import vec3
from perilune.world.sensors.imu import InertialTriad, TriadState

DT_S = 0.1
LANDERS, TICKS = 64, 16_000
ROWS = 3 * LANDERS  # independent axes

VELOCITY_RANDOM_WALK_M_S_SQRT_S = 30e-6 * 9.80665
QUANTUM_M_S = 0.3e-3
# Gyro: 0.01 degree a root hour.
ANGLE_RANDOM_WALK_RAD_SQRT_S = np.radians(0.01) / 60.0
QUANTUM_RAD = 0.2e-6

# Four standard errors of the mean over rows and clusters, see `limit`; a wrong power of tau moves the ratio by a factor of 10 a decade.
SIGMAS = 4.0


def counted_sums(triad: InertialTriad) -> np.ndarray:
    """Sum of readings after each tick, [tick, row], of units that feel a constant motion only."""

    def lander(seed):
        stream = stream_of_seed(seed)
        # Half a count and a bit a tick: the phase within a count wanders, as it does in any real flight.
        motion = vec3((0.57 * triad.quantum,) * 3)

        def cycle(state: TriadState, tick):
            state, counted = triad.counted(state, motion, DT_S, stream.at(tick))
            return state, (counted - motion).components()

        return jax.lax.scan(cycle, triad.init(stream.named("constants")), jnp.arange(TICKS))[1]

    rows = np.concatenate([np.asarray(part) for part in jax.jit(jax.vmap(lander))(jnp.arange(LANDERS))], axis=0)
    return np.cumsum(rows, axis=1).T


def allan_variance(sums: np.ndarray, every: int) -> float:
    """Of the rate, clusters side by side, averaged over rows."""
    second = np.diff(sums[::every], n=2, axis=0)
    return float(np.mean(second**2)) / (2.0 * (every * DT_S) ** 2)


def limit(every: int) -> float:
    """Relative: a mean of m squares of neighbours correlated as second differences has a standard error below sqrt(4 / m)."""
    return SIGMAS * np.sqrt(4.0 / (ROWS * (TICKS // every - 2)))


@pytest.mark.parametrize(
    ("walk_per_sqrt_s", "quantum"),
    [(VELOCITY_RANDOM_WALK_M_S_SQRT_S, QUANTUM_M_S), (ANGLE_RANDOM_WALK_RAD_SQRT_S, QUANTUM_RAD)],
    ids=["accelerometers", "gyros"],
)
def test_random_walk_and_quantisation_stand_at_their_levels(walk_per_sqrt_s, quantum):
    sums = counted_sums(InertialTriad(0.0, 0.0, 0.0, walk_per_sqrt_s, quantum, 1e9))
    for every in (10, 30, 100, 300, 1000):
        tau_s = every * DT_S
        expected = walk_per_sqrt_s**2 / tau_s + 3.0 * (quantum**2 / 12.0) / tau_s**2
        assert allan_variance(sums, every) / expected == pytest.approx(1.0, abs=limit(every)), tau_s


def test_walk_of_the_bias_rises_with_time():
    bias_walk = 1e-5
    sums = counted_sums(InertialTriad(0.0, 0.0, 0.0, 0.0, 1e-12, 1e9, bias_walk))
    for every in (30, 100, 300):
        tau_s = every * DT_S
        # The bias steps once a tick: the sum over n ticks falls short of the continuous walk by a part of order 1 / n^2.
        assert allan_variance(sums, every) / (bias_walk**2 * tau_s / 3.0) == pytest.approx(1.0, abs=limit(every) + 2.0 / every**2), tau_s


def test_a_constant_bias_does_not_show_but_is_in_the_mean():
    sigma = 4.9e-4
    triad = InertialTriad(sigma, 0.0, 0.0, 0.0, 1e-12, 1e9)
    sums = counted_sums(triad)
    assert allan_variance(sums, 100) < 1e-12 * sigma**2
    bias = sums[-1] / (TICKS * DT_S)
    assert np.std(bias) == pytest.approx(sigma, rel=SIGMAS / np.sqrt(2.0 * ROWS))
