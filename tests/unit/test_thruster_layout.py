"""Layouts of thrusters push and turn as they say."""

import numpy as np
import pytest

from perilune.dynamics.thruster_layout import Layout, axial_ring, couples_on_three_axes, eight_on_three_axes, joined, tilted


def torques(layout: Layout, about_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return np.cross(layout.position_body_m - np.array(about_m), layout.push_body)


@pytest.mark.parametrize("count", [3, 6, 8])
def test_a_ring_pushes_along_z_without_turning(count: int) -> None:
    ring = axial_ring(count, 0.8, 0.3)
    np.testing.assert_allclose(ring.push_body.sum(axis=0), [0.0, 0.0, count], atol=1e-12)
    np.testing.assert_allclose(torques(ring).sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.hypot(*ring.position_body_m[:, :2].T), 0.8)


def test_twelve_thrusters_are_six_couples() -> None:
    layout = couples_on_three_axes(1.2, 1.4)
    about = torques(layout, (0.01, -0.02, 1.1)).reshape(6, 2, 3).sum(axis=1)
    expected = 2.4 * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    np.testing.assert_allclose(about, expected, atol=1e-12)
    np.testing.assert_allclose(layout.push_body.reshape(6, 2, 3).sum(axis=1), 0.0, atol=1e-12)


def test_eight_thrusters_turn_each_axis_both_ways() -> None:
    torque = torques(eight_on_three_axes(1.1, 1.0), (0.0, 0.0, 1.0))
    for axis in range(3):
        assert torque[:, axis].max() > 1.0
        assert torque[:, axis].min() < -1.0
    np.testing.assert_allclose(eight_on_three_axes(1.1).push_body.sum(axis=0), 0.0, atol=1e-12)


def test_joined_keeps_the_order() -> None:
    layout = joined(axial_ring(8, 1.2), couples_on_three_axes(1.2))
    assert layout.position_body_m.shape == layout.push_body.shape == (20, 3)
    np.testing.assert_array_equal(layout.push_body[:8, 2], 1.0)


def test_tilted_turns_by_the_angle_and_stays_a_unit_vector() -> None:
    push = tilted(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), np.array([0.003, 0.0]), np.array([0.004, 0.02]))
    np.testing.assert_allclose(np.linalg.norm(push, axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(push[0, 2], np.cos(0.005), rtol=1e-14)
    np.testing.assert_allclose(push[0, :2], [0.004, -0.003], rtol=1e-5)
    np.testing.assert_allclose(push[1], [np.cos(0.02), 0.0, -np.sin(0.02)], atol=1e-14)
