"""Laws of two-body motion, for any orbit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilune.dynamics.orbit import (
    Elements,
    after,
    elements_of,
    kepler_step,
    local_axes,
    mean_anomaly_rad,
    period_s,
    specific_energy_m2_s2,
    state_of,
    time_to_anomaly_s,
    true_anomaly_rad,
    velocity_axes,
)
from perilune.math.vector import vec3

GM_M3_S2 = 4.9028e12
# A few roundings of float64, times the condition of the problem: 1 / |1 - e| for anomalies, at most 100 here.
ROUND_TRIP_LIMIT = 1e-12
KEPLER_LIMIT_RAD = 1e-11

angles = st.floats(-3.1, 3.1)
ellipses = st.floats(0.0, 0.99)
hyperbolas = st.floats(1.01, 5.0)

to_state = jax.jit(lambda elements: state_of(elements, GM_M3_S2))
to_elements = jax.jit(lambda r_m, v_m_s: elements_of(r_m, v_m_s, GM_M3_S2))
step = jax.jit(lambda r_m, v_m_s, dt_s: kepler_step(r_m, v_m_s, dt_s, GM_M3_S2))
to_true = jax.jit(true_anomaly_rad)
to_mean = jax.jit(mean_anomaly_rad)


def orbit(e, inclination, node, argument, share):
    """A true anomaly within the share of what the asymptotes of a hyperbola leave."""
    widest = np.pi if e < 1.0 else np.arccos(-1.0 / e)
    values = (2.0e6 / (1.0 - e), e, inclination, node, argument, share * widest)
    return Elements(*(jnp.asarray(value, dtype=float) for value in values))


orbits = st.builds(orbit, ellipses | hyperbolas, st.floats(0.0, 3.14), angles, angles, st.floats(-0.95, 0.95))


def apart(found, expected):
    return float((found - expected).norm() / expected.norm())


@settings(max_examples=80, deadline=None)
@given(orbits)
def test_state_to_elements_and_back(elements):
    r_m, v_m_s = to_state(elements)
    r_back_m, v_back_m_s = to_state(to_elements(r_m, v_m_s))
    condition = 1.0 / abs(1.0 - float(elements.eccentricity))
    assert apart(r_back_m, r_m) < ROUND_TRIP_LIMIT * condition
    assert apart(v_back_m_s, v_m_s) < ROUND_TRIP_LIMIT * condition


@settings(max_examples=80, deadline=None)
@given(orbits)
def test_vis_viva(elements):
    r_m, v_m_s = to_state(elements)
    energy = specific_energy_m2_s2(r_m, v_m_s, GM_M3_S2)
    # The energy is a difference of two terms of the size of GM / r.
    assert energy == pytest.approx(-0.5 * GM_M3_S2 / float(elements.semi_major_axis_m), abs=1e-14 * GM_M3_S2 / float(r_m.norm()))


@settings(max_examples=80, deadline=None)
@given(st.floats(-3.1, 3.1), ellipses)
def test_kepler_equation_of_ellipses(mean, e):
    assert to_mean(to_true(mean, e), e) == pytest.approx(mean, abs=KEPLER_LIMIT_RAD)


@settings(max_examples=80, deadline=None)
@given(st.floats(-20.0, 20.0), hyperbolas)
def test_kepler_equation_of_hyperbolas(mean, e):
    # Far out the true anomaly nears the asymptote and stops telling where the body is.
    slope = np.cosh(np.arcsinh(abs(mean) / e + 3.0)) ** 2
    assert to_mean(to_true(mean, e), e) == pytest.approx(mean, abs=KEPLER_LIMIT_RAD * slope)


@settings(max_examples=40, deadline=None)
@given(orbits, st.floats(-4000.0, 4000.0))
def test_motion_can_be_undone(elements, dt_s):
    r_m, v_m_s = to_state(elements)
    r_back_m, _ = step(*step(r_m, v_m_s, dt_s), -dt_s)
    # Being late by a rounding of the time of flight moves the body by its speed.
    condition = 1.0 / abs(1.0 - float(elements.eccentricity)) ** 2
    assert apart(r_back_m, r_m) < ROUND_TRIP_LIMIT * condition


def test_a_period_brings_it_back():
    r_m, v_m_s = to_state(orbit(0.3, 1.0, 0.5, -1.0, 0.2))
    r_later_m, _ = step(r_m, v_m_s, period_s(2.0e6 / 0.7, GM_M3_S2))
    assert apart(r_later_m, r_m) < ROUND_TRIP_LIMIT


def test_apsides():
    elements = orbit(0.3, 1.0, 0.5, -1.0, 0.2)
    for anomaly_rad, radius_m in ((0.0, elements.periapsis_radius_m), (np.pi, elements.apoapsis_radius_m)):
        later = after(elements, time_to_anomaly_s(elements, anomaly_rad, GM_M3_S2), GM_M3_S2)
        r_m, v_m_s = to_state(later)
        assert r_m.norm() == pytest.approx(float(radius_m), rel=ROUND_TRIP_LIMIT)
        assert abs(r_m.dot(v_m_s)) < ROUND_TRIP_LIMIT * r_m.norm() * v_m_s.norm()
    assert jnp.isinf(orbit(1.5, 0.0, 0.0, 0.0, 0.0).apoapsis_radius_m)


@settings(max_examples=20, deadline=None)
@given(orbits)
def test_local_axes_are_right_handed_and_orthonormal(elements):
    r_m, v_m_s = to_state(elements)
    for axes in (velocity_axes(r_m, v_m_s), local_axes(r_m, v_m_s)):
        matrix = np.stack([np.asarray(axis.array()) for axis in axes])
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
        assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-14)
    assert apart(vec3(matrix[2]), -r_m.unit()) < ROUND_TRIP_LIMIT


@pytest.mark.parametrize("e", [0.3, 1.7])
def test_derivatives_exist_at_periapsis(e):
    slope = jax.grad(true_anomaly_rad)(0.0, e)
    # Kepler's equation of each kind, differentiated at zero.
    assert slope == pytest.approx(np.sqrt((1.0 + e) / abs(1.0 - e)) / abs(1.0 - e), rel=1e-13)
