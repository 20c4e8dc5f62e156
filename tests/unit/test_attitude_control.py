"""Pointing and the attitude law, cycle by cycle."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilune.fsw.control.attitude import AttitudeControl, AttitudeEstimate, AttitudeRequest, InertiaBelief, pointing
from perilune.math.rotation import Rotation, from_rotation_vector, identity
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.wire.measurements import ImuReading

CYCLE_S = 0.1
INERTIA = vec3((900.0, 900.0, 700.0))
# Quaternion from three axes: a few ulp, worst where one branch gives way to the next.
POINTING_TOL = 1e-12

direction = st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


def control(**changes: float) -> AttitudeControl:
    numbers = {
        "frequency_rad_s": 0.6,
        "damping": 0.8,
        "rate_max_rad_s": 0.05,
        "decel_max_rad_s2": 0.01,
        "observer_tau_s": 0.5,
        "disturbance_max_n_m": 150.0,
        "request_tau_s": 1.0,
        "request_rate_max_rad_s": 0.01,
        "quiet_error_rad": 0.0035,
        "quiet_lead_s": 3.0,
    }
    return AttitudeControl(**{name: jnp.asarray(value) for name, value in (numbers | changes).items()})


def estimate(q_lci_body: Rotation, omega_rad_s: Vec3, valid: bool = True) -> AttitudeEstimate:
    return AttitudeEstimate(q_lci_body, ImuReading(zero_vec3(), omega_rad_s * CYCLE_S, jnp.asarray(valid)), zero_vec3(), INERTIA)


def request(vector_rad: tuple[float, float, float] = (0.0, 0.0, 0.0), quiet: bool = False) -> AttitudeRequest:
    return AttitudeRequest(from_rotation_vector(vec3(vector_rad), "lci", "body"), jnp.asarray(quiet))


@settings(max_examples=60, deadline=None)
@given(direction, direction)
def test_pointing_puts_z_on_the_thrust_and_x_near_the_reference(thrust: tuple[float, ...], roll: tuple[float, ...]) -> None:
    z = np.array(thrust) / np.linalg.norm(thrust)
    q = pointing(vec3(thrust), vec3(roll))
    x_axis, y_axis, z_axis = (np.asarray(axis.array()) for axis in q.axes())
    np.testing.assert_allclose(z_axis, z, atol=POINTING_TOL)
    np.testing.assert_allclose(np.cross(x_axis, y_axis), z_axis, atol=POINTING_TOL)
    across = np.array(roll) / np.linalg.norm(roll)
    across = across - z * (across @ z)
    if np.linalg.norm(across) > 0.01:
        np.testing.assert_allclose(x_axis, across / np.linalg.norm(across), atol=1e-10)


@pytest.mark.parametrize("thrust", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
@pytest.mark.parametrize("roll", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
def test_pointing_along_the_axes_and_at_half_turns(thrust: tuple[int, ...], roll: tuple[int, ...]) -> None:
    q = pointing(vec3(thrust), vec3(roll))
    axes = np.stack([axis.array() for axis in q.axes()])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=POINTING_TOL)
    np.testing.assert_allclose(axes[2], thrust, atol=POINTING_TOL)
    if abs(np.dot(thrust, roll)) == 0:
        np.testing.assert_allclose(axes[0], roll, atol=POINTING_TOL)


def test_torque_turns_the_body_toward_the_request() -> None:
    law = control(request_rate_max_rad_s=0.0)
    _, torque = law.step(law.init(), request((0.01, -0.02, 0.03)), estimate(identity("lci", "body"), zero_vec3()), CYCLE_S)
    np.testing.assert_allclose(torque.array(), 0.36 * np.array([0.01, -0.02, 0.03]) * np.asarray(INERTIA.array()), rtol=1e-9)


def test_a_large_error_asks_for_no_more_than_the_rate_limit() -> None:
    law = control(request_rate_max_rad_s=0.0, observer_tau_s=1e9)
    at_limit = vec3((0.0, 0.05, 0.0))
    _, torque = law.step(law.init(), request((0.0, 1.5, 0.0)), estimate(identity("lci", "body"), at_limit), CYCLE_S)
    np.testing.assert_allclose(torque.array(), 0.0, atol=1e-6)


def test_a_slew_is_asked_to_stop_at_the_deceleration_set() -> None:
    law = control(rate_max_rad_s=1.0)
    far, near = (law._slew(vec3((angle, 0.0, 0.0))).x for angle in (1.0, 0.99))
    np.testing.assert_allclose((far**2 - near**2) / (2.0 * 0.01), 0.01, rtol=1e-9)


def test_observer_learns_a_steady_disturbance() -> None:
    law = control()
    state, omega, disturbance = law.init(), np.zeros(3), np.array([30.0, -20.0, 5.0])
    for _ in range(100):
        state, _ = law.step(state, request(), estimate(identity("lci", "body"), vec3(omega)), CYCLE_S)
        state = state.given(zero_vec3())
        omega = omega + disturbance / np.asarray(INERTIA.array()) * CYCLE_S
    np.testing.assert_allclose(state.disturbance_body_n_m.array(), disturbance, rtol=1e-6)


def test_disturbance_estimate_is_held_within_its_limit() -> None:
    law = control(disturbance_max_n_m=10.0)
    state, _ = law.step(law.init(), request(), estimate(identity("lci", "body"), vec3((1.0, 0.0, 0.0))), CYCLE_S)
    assert float(state.disturbance_body_n_m.x) == 10.0


def test_torque_that_was_ordered_is_no_disturbance() -> None:
    law = control()
    state, omega, torque = law.init().given(vec3((9.0, 0.0, 0.0))).given(vec3((9.0, 0.0, 0.0))), 0.0, 9.0
    for _ in range(20):
        omega += torque / 900.0 * CYCLE_S
        state, _ = law.step(state, request(), estimate(identity("lci", "body"), vec3((omega, 0.0, 0.0))), CYCLE_S)
        state = state.given(vec3((torque, 0.0, 0.0)))
    assert abs(float(state.disturbance_body_n_m.x)) < 1e-9


def test_a_turning_request_is_followed_without_lag() -> None:
    law, state, rate = control(), control().init(), 0.002
    for number in range(120):
        now = (0.0, rate * CYCLE_S * number, 0.0)
        here = estimate(from_rotation_vector(vec3(now), "lci", "body"), vec3((0.0, rate, 0.0)))
        state, torque = law.step(state, request(now), here, CYCLE_S)
        state = state.given(zero_vec3())
    np.testing.assert_allclose(state.omega_cmd_body_rad_s.y, rate, rtol=1e-4)  # 12 time constants
    np.testing.assert_allclose(torque.array(), 0.0, atol=1e-3)  # N m; without the rate it would be 1.7


def test_quiet_leaves_an_axis_alone_inside_the_dead_band() -> None:
    law = control(request_rate_max_rad_s=0.0, observer_tau_s=1e9)
    still = estimate(identity("lci", "body"), zero_vec3())
    _, torque = law.step(law.init(), request((0.003, 0.004, 0.0), quiet=True), still, CYCLE_S)
    assert float(torque.x) == 0.0
    assert float(torque.y) > 0.0
    returning = estimate(identity("lci", "body"), vec3((0.0, 0.0005, 0.0)))
    _, torque = law.step(law.init(), request((0.003, 0.004, 0.0), quiet=True), returning, CYCLE_S)
    assert float(torque.y) == 0.0


def test_a_silent_gyro_leaves_the_last_rate() -> None:
    law = control()
    known = eqx.tree_at(lambda s: s.omega_body_lci_rad_s, law.init(), vec3((0.001, 0.002, 0.003)))
    state, _ = law.step(known, request(), estimate(identity("lci", "body"), vec3((1.0, 1.0, 1.0)), valid=False), CYCLE_S)
    np.testing.assert_allclose(state.omega_body_lci_rad_s.array(), [0.001, 0.002, 0.003])


@pytest.mark.parametrize(("mass_kg", "x_kg_m2"), [(1300.0, 900.0), (970.0, 725.0), (640.0, 550.0), (500.0, 550.0), (1400.0, 900.0)])
def test_believed_inertia_follows_mass(mass_kg: float, x_kg_m2: float) -> None:
    belief = InertiaBelief(jnp.asarray(1300.0), jnp.asarray(640.0), INERTIA, vec3((550.0, 550.0, 450.0)))
    np.testing.assert_allclose(belief.at(mass_kg).x, x_kg_m2)
