"""Is the filter honest? 256 descents whose truth is its own model: errors and innovations must be as large as it says.

Bounds: two-sided 99.9 % of chi-square for the sum over the runs, at each of the instants and for each block tested.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from navigation_case import (
    CYCLE_S,
    CYCLES,
    CYCLES_PER_UPDATE,
    first_ground,
    flown_descent,
    mistaken_start,
    navigation_filter,
    next_ground,
    read_imu,
    readings,
)
from scipy.stats import chi2

from perilune.constants import ARCSEC_RAD
from perilune.fsw.navigation.state import ATTITUDE, VELOCITY, whole
from perilune.math.random import stream_of_seed

RUNS = 256
INSTANTS = 9
PROBABILITY = 0.999
BLOCKS = {
    "position": range(0, 3),
    "velocity": range(3, 6),
    "attitude": range(6, 9),
    "accelerometer bias": range(9, 12),
    "gyro bias": range(12, 15),
    "ground": range(15, 17),
    "total": range(0, 17),
}


def bounds(freedoms: int) -> tuple[float, float]:
    """Of a mean normalised square, from the number of squares in it."""
    tail = 0.5 * (1.0 - PROBABILITY)
    return chi2.ppf(tail, freedoms) / freedoms, chi2.ppf(1.0 - tail, freedoms) / freedoms


def error_of(state, truth, biases, ground):
    nav = state.nav
    tilt = (truth.q_lci_body @ nav.q_lci_body.inverse()).rotation_vector_rad()
    parts = (
        truth.r_lci_m - nav.r_lci_m,
        truth.v_lci_m_s - nav.v_lci_m_s,
        tilt,
        biases[0] - nav.bias_accel_m_s2,
        biases[1] - nav.bias_gyro_rad_s,
    )
    below = jnp.stack([ground.height_m - nav.sounded_m, ground.slope - nav.slope])
    return jnp.concatenate([*(one.array() for one in parts), below])


def one_run(nav_filter, start, cycles, seed):
    """Errors and covariances at the end of each segment; normalised innovations of each update."""
    stream = stream_of_seed(seed)
    biases = (
        stream.named("accel").normal_vec3(0) * nav_filter.imu.bias_accel_sigma_m_s2,
        stream.named("gyro").normal_vec3(0) * nav_filter.imu.bias_gyro_sigma_rad_s,
    )

    def cycle(state, row):
        truth, tick = row
        imu = read_imu(nav_filter.imu, truth, biases, stream.at(tick))
        return nav_filter.propagate(state, imu, (tick + 1) * CYCLE_S, jnp.asarray(True)), truth

    def update(carry, rows):
        state, ground = carry
        state, truths = jax.lax.scan(cycle, state, rows)
        truth, tick = jax.tree.map(lambda leaf: leaf[-1], truths), rows[1][-1]
        ground = next_ground(nav_filter, state, truth, ground, stream.at(tick))
        state = nav_filter.update(state, readings(nav_filter, truth, ground, state.clock_s, stream.at(tick)))
        told = (state.reports.star_tracker, state.reports.altimeter, state.reports.velocimeter, state.reports.velocimeter_range)
        squares = jnp.stack([jnp.where(one.fresh, (one.innovation / jnp.where(one.fresh, one.sigma, 1.0)) ** 2, jnp.nan) for one in told])
        return (state, ground), (squares, truth)

    def segment(carry, rows):
        carry, (squares, truths) = jax.lax.scan(update, carry, rows)
        truth = jax.tree.map(lambda leaf: leaf[-1], truths)
        return carry, (error_of(carry[0], truth, biases, carry[1]), whole(carry[0].P, carry[0].border), squares)

    state = mistaken_start(nav_filter, start, stream)
    return jax.lax.scan(segment, (state, first_ground(nav_filter, start, stream)), cycles)[1]


@pytest.fixture(scope="module")
def flights():
    nav_filter = navigation_filter()
    start, flown = flown_descent()
    rows = (flown, jnp.arange(CYCLES))
    shape = (INSTANTS, CYCLES // CYCLES_PER_UPDATE // INSTANTS, CYCLES_PER_UPDATE)
    rows = jax.tree.map(lambda leaf: leaf.reshape(shape), rows)
    batch = jax.jit(jax.vmap(one_run, in_axes=(None, None, None, 0)))
    errors, P, squares = (np.asarray(one) for one in batch(nav_filter, start, rows, jnp.arange(RUNS)))
    up = np.array([flown.r_lci_m.x[-1], flown.r_lci_m.y[-1], flown.r_lci_m.z[-1]])
    return errors, P, squares.reshape(RUNS, -1, 4), up / np.linalg.norm(up)


@pytest.mark.parametrize("block", BLOCKS)
def test_errors_are_as_large_as_the_covariance_says(flights, block):
    errors, P, _, _ = flights
    index = np.array(BLOCKS[block])
    e, part_of_P = errors[..., index], P[..., index[:, None], index[None, :]]
    nees = np.einsum("rti,rti->rt", e, np.linalg.solve(part_of_P, e[..., None])[..., 0]).mean(axis=0) / len(index)
    low, high = bounds(RUNS * len(index))
    assert np.all((low < nees) & (nees < high)), f"{block}: {nees} not all in [{low:.3f}, {high:.3f}]"


@pytest.mark.parametrize(
    ("column", "channel", "scalars"), [(0, "star tracker", 3), (1, "altimeter", 1), (2, "velocimeter", 4), (3, "velocimeter range", 1)]
)
def test_innovations_are_as_large_as_predicted(flights, column, channel, scalars):
    squares = flights[2][:, :, column]
    heard = np.isfinite(squares)
    mean = squares[heard].mean()
    low, high = bounds(int(heard.sum()) * scalars)
    assert heard.sum() > RUNS * 100
    assert low < mean < high, f"{channel}: {mean:.5f} not in [{low:.5f}, {high:.5f}]"


# Root mean squares over the runs at the end of the descent. Velocity: the velocimeter's 0.1 m/s over four beams at 2 Hz, smoothed over
# some ten seconds. Clearance: its ranges' 1 m likewise, with the relief beside the beams. Attitude: 10 and 60 arcsec, smoothed by the gyros.
VELOCITY_LEFT_M_S = 0.1
CLEARANCE_LEFT_M = 10.0
ATTITUDE_LEFT_RAD = 10.0 * ARCSEC_RAD


def test_the_filter_ends_near_the_truth(flights):
    """A filter that ignored its sensors could be honest too."""
    errors, _, _, _ = flights
    rms = np.sqrt((errors[:, -1] ** 2).mean(axis=0))
    clearance = errors[:, -1, 0:3] @ flights[3] - errors[:, -1, 15]
    assert rms[list(VELOCITY)].max() < VELOCITY_LEFT_M_S
    assert rms[list(ATTITUDE)].max() < ATTITUDE_LEFT_RAD
    assert np.sqrt((clearance**2).mean()) < CLEARANCE_LEFT_M


def test_covariance_stays_symmetric_and_positive(flights):
    P = flights[1]
    scale = np.sqrt(np.einsum("rtii->rti", P))
    correlation = P / scale[..., :, None] / scale[..., None, :]
    assert np.array_equal(P, np.swapaxes(P, -1, -2))
    assert np.linalg.eigvalsh(correlation).min() > 0.0
