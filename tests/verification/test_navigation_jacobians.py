"""The filter's matrices against derivatives of its own models, and its covariance after many updates."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.navigation.gate import open_memory
from perilune.fsw.navigation.ground import shifted
from perilune.fsw.navigation.propagation import covariance_after, transition, with_slope
from perilune.fsw.navigation.sensors import altimeter_row, star_tracker_rows, velocimeter_height_row, velocimeter_rows
from perilune.fsw.navigation.state import BIAS_GYRO, IDENTITY, POSITION, Border, SinceUpdate, injected, whole
from perilune.fsw.navigation.updates import Channel, Estimate, absorbed
from perilune.math.random import stream_of_seed
from perilune.math.vector import vec3, zero_vec3
from perilune.wire.measurements import ImuReading

sys.path.append(str(Path(__file__).parents[1] / "consistency"))
from navigation_case import (
    CYCLE_S,
    CYCLES_PER_UPDATE,
    MICRO_G,
    flown_descent,
    level_ground,
    navigation_filter,
    open_gate,
    readings,
    slant_m,
    tracking_covariance_rac,
    value,
)

SPAN_S = CYCLE_S * CYCLES_PER_UPDATE


@pytest.fixture(scope="module")
def case():
    nav_filter = navigation_filter()
    truth = jax.tree.map(lambda leaf: leaf[3600], flown_descent()[1])
    state = nav_filter.init(truth.r_lci_m, truth.v_lci_m_s, truth.q_lci_body, tracking_covariance_rac(), value(1e-4), value(0.0))
    nav = eqx.tree_at(lambda n: (n.omega_body_lci_rad_s, n.sounded_m), state.nav, (vec3((0.01, -0.02, 0.005)), value(40.0)))
    seen = readings(nav_filter, truth, level_ground(40.0), value(0.0), stream_of_seed(5))
    sphere_m, arm = nav_filter.ground.radius_m + nav.sounded_m, nav_filter.velocimeter.antenna_from_imu_body_m
    ranges_m = jnp.stack([slant_m(truth, arm, beam, sphere_m)[0] for beam in nav_filter.velocimeter.beams_body])
    exact = eqx.tree_at(lambda m: (m.star_tracker.q_lci_body, m.velocimeter.range_m), seen, (nav.q_lci_body, ranges_m))
    return nav_filter, nav, exact


def rows_of(kind, nav_filter, nav, seen):
    ground = nav_filter.ground
    return {
        "stars": lambda: star_tracker_rows(nav, seen.star_tracker, nav_filter.star_tracker),
        "altimeter": lambda: [altimeter_row(nav, seen.altimeter, nav_filter.altimeter, ground)],
        "velocimeter": lambda: velocimeter_rows(nav, seen.velocimeter, nav_filter.velocimeter, ground),
        "height": lambda: [velocimeter_height_row(nav, seen.velocimeter, nav_filter.velocimeter, ground)],
    }[kind]()


# Shares of the largest slope of a row. Rounding of derivatives at 1.7e6 m; the velocimeter's spin times lever arm (3e-6 m/s) beside 100 m/s;
# the height row is a plane tilted at the mean of its spots, up to a reach of 5 km over the Moon's radius (3e-3).
SLOPE_TOLERANCE = {"stars": 1e-9, "altimeter": 1e-9, "velocimeter": 1e-7, "height": 3e-3}
# The velocimeter leaves out the spin of the Moon with position (rad/s) and its lever arm with the gyro bias (m).
LEFT_OUT = {"velocimeter": {POSITION: 3e-6, BIAS_GYRO: 1.2}}


@pytest.mark.parametrize("kind", ["stars", "altimeter", "velocimeter", "height"])
def test_measurement_slopes(case, kind):
    nav_filter, nav, seen = case

    def innovations(error):
        return jnp.stack([row.innovation for row in rows_of(kind, nav_filter, injected(nav, error, jnp.zeros(())), seen)])

    H = np.array(
        [sum(s * IDENTITY[c] for c, s in zip(row.columns, row.slopes, strict=True)) for row in rows_of(kind, nav_filter, nav, seen)]
    )
    derivative = -np.asarray(jax.jacfwd(innovations)(jnp.zeros(16)))
    for columns, limit in LEFT_OUT.get(kind, {}).items():
        assert np.abs(derivative[:, list(columns)]).max() < limit
        derivative[:, list(columns)] = 0.0
    scale = np.abs(derivative).max(axis=1, keepdims=True)
    assert np.abs((H - derivative) / scale).max() < SLOPE_TOLERANCE[kind]


def flown_error(nav_filter, nav, imu):
    """Error after one interval as a function of the error before it, by the full mechanisation."""

    def fly(error):
        state = nav_filter.init(nav.r_lci_m, nav.v_lci_m_s, nav.q_lci_body, tracking_covariance_rac(), value(1e-4), value(0.0))
        state = eqx.tree_at(lambda s: s.nav, state, injected(nav, error, jnp.zeros(())))
        for i in range(CYCLES_PER_UPDATE):
            state = nav_filter.propagate(state, imu, value((i + 1) * CYCLE_S), jnp.asarray(True))
        return state.nav

    still = fly(jnp.zeros(16))

    def after(error):
        end = fly(error)
        tilt = (end.q_lci_body @ still.q_lci_body.inverse()).rotation_vector_rad()
        parts = (end.r_lci_m - still.r_lci_m, end.v_lci_m_s - still.v_lci_m_s, tilt, end.bias_accel_m_s2, end.bias_gyro_rad_s)
        return jnp.concatenate([*(one.array() for one in parts), jnp.stack([end.sounded_m])])

    return after, still


@pytest.mark.parametrize(("rate_rad_s", "turn_tolerance"), [(0.0, 2e-7), (0.02, 2e-5)])
def test_transition_matrix(case, rate_rad_s, turn_tolerance):
    """Steady attitude: third order in the interval. Turning at 0.02 rad/s: biases, which do 2e-4 of a sigma, misdirected by 0.01 rad or less."""
    nav_filter, nav, _ = case
    force = vec3((0.3, -0.2, 4.0))
    imu = ImuReading(force * CYCLE_S, vec3((rate_rad_s * CYCLE_S, 0.0, 0.0)), jnp.asarray(True))
    after, end = flown_error(nav_filter, nav, imu)
    derivative = np.asarray(jax.jacfwd(after)(jnp.zeros(16)))
    since = SinceUpdate(value(SPAN_S), value(SPAN_S), nav.v_lci_m_s)
    gain = end.v_lci_m_s - nav.v_lci_m_s - nav.r_lci_m * (-nav_filter.gravity.gm_m3_s2 / nav.r_lci_m.norm() ** 3) * SPAN_S
    F = np.asarray(transition(end, since, gain, nav_filter.gravity.gm_m3_s2, shifted(nav_filter.ground, zero_vec3(), nav.v_lci_m_s.unit())))
    # What an error of one believed sigma does, in sigmas: the matrix in the units that matter.
    sigma = np.array([300.0] * 3 + [0.3] * 3 + [3e-4] * 3 + [50.0 * MICRO_G] * 3 + [2.4e-7] * 3 + [500.0])
    difference = (F - derivative) * sigma[None, :] / sigma[:, None]
    assert np.abs(difference).max() < turn_tolerance


def test_the_border_is_the_seventeenth_state(case):
    """Step and absorption of matrix and border, against the same in seventeen dense states; rounding, in sigmas."""
    nav_filter, nav, seen = case
    mixed = np.random.default_rng(2).normal(size=(17, 17)) * 0.1 + np.eye(17)
    sigma = np.array([300.0] * 3 + [0.3] * 3 + [3e-4] * 3 + [50.0 * MICRO_G] * 3 + [2.4e-7] * 3 + [500.0, 0.1])
    P17 = sigma[:, None] * (mixed @ mixed.T) * sigma
    border = Border(jnp.asarray(P17[:16, 16]), jnp.asarray(P17[16, 16]))
    shift = shifted(nav_filter.ground, nav.v_lci_m_s * SPAN_S, nav.v_lci_m_s.unit())
    since = SinceUpdate(value(SPAN_S), value(SPAN_S), nav.v_lci_m_s)
    F = transition(nav, since, vec3((0.3, 0.2, 1.0)), nav_filter.gravity.gm_m3_s2, shift)
    P16 = jnp.asarray(P17[:16, :16])
    P, after = with_slope(P16, covariance_after(P16, F, jnp.zeros(16)), F, border, shift)

    F17, Q17 = np.zeros((17, 17)), np.zeros((17, 17))
    F17[:16, :16], F17[15, 16], F17[16, 15], F17[16, 16] = F, shift.height_slope, shift.slope_height, shift.slope_slope
    Q17[15:, 15:] = [[shift.noise_height, shift.noise_both], [shift.noise_both, shift.noise_slope]]
    P17 = F17 @ P17 @ F17.T + Q17
    assert np.abs((whole(P, after) - P17) / np.outer(sigma, sigma)).max() < BORDER_ROUNDING

    rows = rows_of("altimeter", nav_filter, nav, seen) + rows_of("height", nav_filter, nav, seen)
    estimate = absorbed(Estimate(P, after, jnp.zeros(16), jnp.zeros(())), Channel(rows, open_gate(), open_memory()))[0]
    H = np.array([[*sum(s * IDENTITY[c] for c, s in zip(row.columns, row.slopes, strict=True)), 0.0] for row in rows])
    S = H @ P17 @ H.T + np.diag([row.variance for row in rows])
    K = P17 @ H.T @ np.linalg.inv(S)
    error = K @ np.array([row.innovation for row in rows])
    assert np.abs((whole(estimate.P, estimate.border) - (P17 - K @ S @ K.T)) / np.outer(sigma, sigma)).max() < BORDER_ROUNDING
    assert np.abs((np.append(estimate.error, estimate.slope_error) - error) / sigma).max() < BORDER_ROUNDING


BORDER_ROUNDING = 1e-10  # sigmas; two inverses of one matrix whose condition is some thousands
UPDATES = 10_000


def test_covariance_survives_ten_thousand_updates(case):
    """Hovering on all sensors for 83 minutes: symmetric to the last bit, and the correlation matrix keeps positive eigenvalues."""
    nav_filter, nav, seen = case
    state = nav_filter.init(nav.r_lci_m, nav.v_lci_m_s, nav.q_lci_body, tracking_covariance_rac(), value(1e-4), value(0.0))
    since = SinceUpdate(value(SPAN_S), value(SPAN_S), nav.v_lci_m_s - nav.r_lci_m.unit() * (1.6 * SPAN_S))

    def again(known, _):
        fixed = eqx.tree_at(lambda s: (s.nav, s.P, s.border, s.since), state, (nav, *known, since))
        fixed = nav_filter.update(fixed, seen)
        return (fixed.P, fixed.border), None

    def hundred(known, _):
        known = jax.lax.scan(again, known, None, length=100)[0]
        return known, whole(*known)

    run = jax.jit(lambda known: jax.lax.scan(hundred, known, None, length=UPDATES // 100)[1])
    kept = np.asarray(run((state.P, state.border)))
    scale = np.sqrt(np.einsum("tii->ti", kept))
    lowest = np.linalg.eigvalsh(kept / scale[:, :, None] / scale[:, None, :]).min()
    assert np.array_equal(kept, np.swapaxes(kept, 1, 2))
    assert lowest > 0.0
