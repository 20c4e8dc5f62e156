"""Waking: an orbit carried over an hour and over a revolution, its covariance against a cloud of orbits, and what is kept."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.navigation.waking import Orbit, carried, rac_to_lci
from perilune.math.random import stream_of_seed
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import vec3
from perilune.wire.uplink import StateVector

sys.path.append(str(Path(__file__).parents[1] / "consistency"))
from navigation_case import flown_descent, level_ground, navigation_filter, readings, tracking_covariance_rac, value

# A pre-landing orbit of 18 by 100 km at its highest point, and a pull beside the central term of the size of the Moon's second degree.
PULL_M_S2 = np.array([2e-4, -1e-4, 3e-4])
R_M = np.array([RADIUS_MOON_M + 100e3, 0.0, 0.0])
V_M_S = np.array([0.0, 300.0, 1580.0])
REVOLUTION_S = 6900.0
YES, NO = jnp.asarray(True), jnp.asarray(False)

# Runge-Kutta of order 4 with 120 steps: as documented beside the number of steps.
CARRIED_TOLERANCE_M = {0.5 * REVOLUTION_S: 1.0, REVOLUTION_S: 10.0}


@pytest.fixture(scope="module")
def nav_filter():
    return navigation_filter(pull=vec3(PULL_M_S2))


def begin() -> Orbit:
    return Orbit(vec3(R_M), vec3(V_M_S), jnp.eye(6)[:3], jnp.eye(6)[3:])


def reference(span_s: float) -> np.ndarray:
    def rates(_, y):
        return np.concatenate([y[3:], -GM_MOON_M3_S2 * y[:3] / np.linalg.norm(y[:3]) ** 3 + PULL_M_S2])

    return solve_ivp(rates, (0.0, span_s), np.concatenate([R_M, V_M_S]), method="DOP853", rtol=1e-12, atol=1e-6).y[:, -1]


@pytest.mark.parametrize("span_s", CARRIED_TOLERANCE_M)
def test_carried_orbit_against_a_fine_integrator(nav_filter, span_s):
    orbit = jax.jit(carried)(begin(), nav_filter.gravity, 0.0, span_s)
    error_m = np.linalg.norm(orbit.r_lci_m.array() - reference(span_s)[:3])
    assert error_m < CARRIED_TOLERANCE_M[span_s]


def test_carrying_is_fourth_order(nav_filter):
    """Half the span in as many steps: a sixteenth of the error per time, a thirty-second in all, within the spread of an eccentric orbit."""
    fly = jax.jit(carried)
    errors = [
        np.linalg.norm(fly(begin(), nav_filter.gravity, 0.0, span).r_lci_m.array() - reference(span)[:3]) for span in (3450.0, 6900.0)
    ]
    assert 16.0 < errors[1] / errors[0] < 128.0


def test_transition_is_the_derivative_of_the_flow(nav_filter):
    """The pull is uniform, so its gradient is nought and the transition is exact but for the steps."""

    def flow(y):
        end = carried(Orbit(vec3(y[:3]), vec3(y[3:]), jnp.eye(6)[:3], jnp.eye(6)[3:]), nav_filter.gravity, 0.0, 3450.0)
        return jnp.concatenate([end.r_lci_m.array(), end.v_lci_m_s.array()]), jnp.concatenate([end.transition_r, end.transition_v])

    derivative, transition = jax.jit(jax.jacfwd(flow, has_aux=True))(jnp.asarray(np.concatenate([R_M, V_M_S])))
    sigma = np.array([500.0] * 3 + [0.4] * 3)
    assert np.abs((derivative - transition) * sigma[None, :] / sigma[:, None]).max() < 1e-9


CLOUD = 4096


def uplinked(clock_s: float, valid=YES) -> StateVector:
    return StateVector(value(clock_s), vec3(R_M), vec3(V_M_S), tracking_covariance_rac(), valid)


def woken(nav_filter, vector, clock_s, stars_valid=YES):
    truth = jax.tree.map(lambda leaf: leaf[0], flown_descent()[1])
    state = nav_filter.init(vec3(R_M), vec3(V_M_S), truth.q_lci_body, 4.0 * tracking_covariance_rac(), value(1e-3), value(0.0))
    state = eqx.tree_at(lambda s: (s.nav.sounded_m, s.nav.bias_gyro_rad_s), state, (value(70.0), vec3((1e-7, 0.0, 0.0))))
    P = state.P.at[0, 9].set(1e-3).at[9, 0].set(1e-3).at[6, 12].set(1e-11).at[12, 6].set(1e-11)
    state = eqx.tree_at(lambda s: s.P, state, P)
    seen = readings(nav_filter, truth, level_ground(0.0), value(clock_s), stream_of_seed(8))
    q = from_rotation_vector(vec3((0.3, 0.0, 0.0)), "lci", "lci") @ truth.q_lci_body
    seen = eqx.tree_at(lambda m: (m.star_tracker.q_lci_body, m.star_tracker.valid), seen, (q, stars_valid))
    return state, seen, eqx.filter_jit(nav_filter.wake)(state, seen, vector)


def test_covariance_against_a_cloud_of_orbits(nav_filter):
    """4,096 orbits drawn from the uplinked covariance and carried for half a revolution: 3.29 sigma (99.9 %) of a sample's mean square."""
    span_s = 0.5 * REVOLUTION_S
    _, _, state = woken(nav_filter, uplinked(0.0), span_s)
    P = np.asarray(state.P[:6, :6])
    start = np.linalg.cholesky(rac_to_lci(tracking_covariance_rac(), vec3(R_M), vec3(V_M_S)))
    draws = np.random.default_rng(4).normal(size=(CLOUD, 6)) @ start.T

    def end(y):
        orbit = carried(Orbit(vec3(y[:3]), vec3(y[3:]), jnp.zeros((3, 6)), jnp.zeros((3, 6))), nav_filter.gravity, 0.0, span_s)
        return jnp.concatenate([orbit.r_lci_m.array(), orbit.v_lci_m_s.array()])

    middle = np.concatenate([state.nav.r_lci_m.array(), state.nav.v_lci_m_s.array()])
    errors = np.asarray(jax.jit(jax.vmap(end))(jnp.asarray(np.concatenate([R_M, V_M_S]) + draws))) - middle
    white = np.linalg.solve(np.linalg.cholesky(P), errors.T)
    spread = 3.29 * np.sqrt(2.0 / CLOUD)
    assert np.all(np.abs((white**2).mean(axis=1) - 1.0) < spread)


def test_an_uplinked_state_replaces_the_own_orbit(nav_filter):
    state, seen, after = woken(nav_filter, uplinked(0.0), 0.0)
    assert np.allclose(after.nav.r_lci_m.array(), R_M, atol=1e-6) and np.allclose(after.nav.v_lci_m_s.array(), V_M_S, atol=1e-9)
    assert np.allclose(after.P[:6, :6], rac_to_lci(tracking_covariance_rac(), vec3(R_M), vec3(V_M_S)), rtol=1e-12)
    assert np.all(after.P[:6, 6:] == 0.0)
    assert after.nav.q_lci_body.w == seen.star_tracker.q_lci_body.w
    assert after.nav.sounded_m == after.nav.slope == after.nav.terrain_m == 0.0 and after.P[15, 15] == nav_filter.ground.terrain_sigma_m**2
    assert after.nav.bias_gyro_rad_s.x == state.nav.bias_gyro_rad_s.x
    assert np.array_equal(after.P[9:15, 9:15], state.P[9:15, 9:15])
    assert after.clock_s == seen.clock_s


def test_an_old_state_vector_is_carried_to_now(nav_filter):
    _, _, after = woken(nav_filter, uplinked(1000.0), 1000.0 + 0.5 * REVOLUTION_S)
    assert np.linalg.norm(after.nav.r_lci_m.array() - reference(0.5 * REVOLUTION_S)[:3]) < CARRIED_TOLERANCE_M[0.5 * REVOLUTION_S]


def test_without_uplink_the_own_orbit_is_carried_with_its_correlations(nav_filter):
    state, _, after = woken(nav_filter, uplinked(0.0, valid=NO), 600.0, stars_valid=NO)
    orbit = carried(begin(), nav_filter.gravity, 0.0, 600.0)
    transition = np.concatenate([orbit.transition_r, orbit.transition_v])
    assert np.allclose(after.P[:6, :6], transition @ np.asarray(state.P[:6, :6]) @ transition.T, rtol=1e-9)
    assert np.allclose(after.P[:6, 9], transition[:, 0] * 1e-3, rtol=1e-9)
    assert after.nav.q_lci_body.w == state.nav.q_lci_body.w
    assert np.allclose(np.diag(after.P)[6:9], 1e-6, rtol=1e-12)
    assert after.P[6, 12] == state.P[6, 12]


def test_attitude_covariance_is_the_star_trackers(nav_filter):
    _, _, after = woken(nav_filter, uplinked(0.0), 0.0)
    belief = nav_filter.star_tracker
    boresight = np.asarray((after.nav.q_lci_body @ belief.boresight_body).array())
    P = np.asarray(after.P[6:9, 6:9])
    assert boresight @ P @ boresight == pytest.approx(float(belief.about_sigma_rad) ** 2, rel=1e-12)
    assert np.trace(P) == pytest.approx(float(belief.about_sigma_rad) ** 2 + 2.0 * float(belief.across_sigma_rad) ** 2, rel=1e-12)
