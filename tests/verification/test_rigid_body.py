"""Turning bodies against closed forms, conservation laws and NASA's check case."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.rigid_body import (
    Inertia,
    MassProperties,
    mass_properties,
    point_inertia,
    spun,
)
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3, zero_vec3

FLIGHT_S = 30.0
# At 1 ms the fourth-order error (2e-10 rad at 25 ms) is below rounding; 30,000 steps add roundings of 1e-16 each.
FINE_STEPS = 30_000
CONSERVED_LIMIT = 1e-12
# Two of NASA's simulations agree to 1e-9 deg/s with each other; all of them only to 3e-3.
NESC_LIMIT_DEG_S = 1e-6

# NESC-RP-12-00770, Atmos_02: the brick's inertia in slug ft2, as published.
KG_M2_PER_SLUG_FT2 = 1.3558179483314004
BRICK = mass_properties(2.268, Inertia(*(jnp.asarray(KG_M2_PER_SLUG_FT2 * moment) for moment in (0.00189422, 0.006211019, 0.007194665))))
BRICK_OMEGA_RAD_S = vec3(np.radians([10.0, 20.0, 30.0]))
BRICK_OMEGA_END_DEG_S = np.array([12.6183907757, -17.3974747619, 31.1195888868])


@partial(jax.jit, static_argnums=0)
def tumbled(steps: int, omega_rad_s: Vec3, body: MassProperties):
    return spun_up(steps, omega_rad_s, zero_vec3(), body, FLIGHT_S)


def spun_up(steps: int, omega_rad_s: Vec3, torque_n_m: Vec3, body: MassProperties, time_s: float):
    def step(state, _):
        q, omega = state
        turn = spun(omega, torque_n_m, body, time_s / steps)
        return (q @ turn.half_turn @ turn.half_turn, turn.omega_rad_s), None

    return jax.lax.scan(step, (identity("lci", "body"), omega_rad_s), None, length=steps)[0]


def test_tumbling_brick_of_nesc():
    _, omega_rad_s = tumbled(FINE_STEPS, BRICK_OMEGA_RAD_S, BRICK)
    np.testing.assert_allclose(np.degrees(omega_rad_s.array()), BRICK_OMEGA_END_DEG_S, atol=NESC_LIMIT_DEG_S)


def test_tumbling_brick_keeps_energy_and_momentum():
    q, omega_rad_s = tumbled(FINE_STEPS, BRICK_OMEGA_RAD_S, BRICK)
    before = BRICK.inertia @ BRICK_OMEGA_RAD_S
    after_lci = q @ (BRICK.inertia @ omega_rad_s)
    assert (after_lci - before).norm() < CONSERVED_LIMIT * before.norm()
    energy = BRICK_OMEGA_RAD_S.dot(before)
    assert abs(omega_rad_s.dot(BRICK.inertia @ omega_rad_s) / energy - 1.0) < CONSERVED_LIMIT


def test_attitude_step_is_of_fourth_order():
    exact, _ = tumbled(FINE_STEPS, BRICK_OMEGA_RAD_S, BRICK)
    errors_rad = [
        float((exact.inverse() @ tumbled(steps, BRICK_OMEGA_RAD_S, BRICK)[0]).rotation_vector_rad().norm()) for steps in (600, 1200)
    ]
    assert np.log2(errors_rad[0] / errors_rad[1]) == pytest.approx(4.0, abs=0.1)
    # What the docstring promises of the plant's substeps of 50 ms, and of half of them.
    assert errors_rad[0] < 16 * 3e-10
    assert errors_rad[1] < 3e-10


def test_free_precession_of_a_symmetric_body():
    """Rates turn about the axis of symmetry at (1 - I3/I1) w3; the axis itself turns about the momentum at H / I1."""
    i1, i3 = 3.0, 5.0
    body = mass_properties(1.0, Inertia(jnp.asarray(i1), jnp.asarray(i1), jnp.asarray(i3)))
    start = vec3((0.3, 0.0, 0.4))
    q, omega = tumbled(FINE_STEPS, start, body)
    phase = (i3 / i1 - 1.0) * 0.4 * FLIGHT_S
    np.testing.assert_allclose(omega.array(), [0.3 * np.cos(phase), 0.3 * np.sin(phase), 0.4], atol=CONSERVED_LIMIT)
    momentum = np.array([i1 * 0.3, 0.0, i3 * 0.4])
    size = np.linalg.norm(momentum)
    axis = rotated(np.array([0.0, 0.0, 1.0]), momentum / size, size / i1 * FLIGHT_S)
    np.testing.assert_allclose((q @ vec3((0.0, 0.0, 1.0))).array(), axis, atol=CONSERVED_LIMIT)


def rotated(vector, axis, angle):
    """Rodrigues' formula."""
    return vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle) + axis * (axis @ vector) * (1.0 - np.cos(angle))


def test_products_of_inertia_are_a_turn_of_the_axes():
    """The same body in axes turned by half a radian: same motion, other components."""
    turn = np.array([[np.cos(0.5), -np.sin(0.5), 0.0], [np.sin(0.5), np.cos(0.5), 0.0], [0.0, 0.0, 1.0]])
    matrix = turn @ np.diag([2.0, 3.0, 4.5]) @ turn.T
    skewed = mass_properties(1.0, Inertia(*(jnp.asarray(matrix[i, j]) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)))))
    straight = mass_properties(1.0, Inertia(jnp.asarray(2.0), jnp.asarray(3.0), jnp.asarray(4.5)))
    omega = np.array([0.2, -0.1, 0.3])
    _, found = tumbled(300, vec3(turn @ omega), skewed)
    _, expected = tumbled(300, vec3(omega), straight)
    np.testing.assert_allclose(found.array(), turn @ np.asarray(expected.array()), atol=CONSERVED_LIMIT)


def test_inverse_and_parallel_axes():
    inertia = Inertia(10.0, 12.0, 14.0, -1.0, 0.5, 2.0)
    vector = vec3((1.0, -2.0, 3.0))
    back = inertia.inverse() @ (inertia @ vector)
    np.testing.assert_allclose(back.array(), vector.array(), rtol=1e-14)
    # Two point masses on a rod about its middle.
    rod = point_inertia(2.0, vec3((0.0, 1.5, 0.0))) + point_inertia(2.0, vec3((0.0, -1.5, 0.0)))
    np.testing.assert_allclose(rod.elements(), (9.0, 0.0, 9.0, 0.0, 0.0, 0.0), atol=1e-15)


def test_constant_torque_about_an_axis():
    """A body spun up about z: closed forms of rate and turn, and what gyros count of it."""
    body = mass_properties(100.0, Inertia(jnp.asarray(20.0), jnp.asarray(30.0), jnp.asarray(40.0)))
    torque_n_m, time_s = vec3((0.0, 0.0, 8.0)), 10.0
    q, omega = spun_up(1000, zero_vec3(), torque_n_m, body, time_s)
    assert omega.z == pytest.approx(8.0 / 40.0 * time_s, rel=CONSERVED_LIMIT)
    turned_rad = 2.0 * jnp.arctan2(q.v.z, q.w)
    expected_rad = 0.5 * 8.0 / 40.0 * time_s**2
    assert jnp.mod(turned_rad, 2 * jnp.pi) == pytest.approx(expected_rad % (2 * np.pi), abs=CONSERVED_LIMIT)
    assert spun(zero_vec3(), torque_n_m, body, 0.1).counted_rad.z == pytest.approx(0.5 * 8.0 / 40.0 * 0.1**2, rel=CONSERVED_LIMIT)
