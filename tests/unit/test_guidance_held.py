"""Legs in a fixed attitude: where the thrust points, and that it stays there."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.guidance.held import AttitudeHold, FreeFall
from perilune.fsw.guidance.request import LocalState
from perilune.math.vector import vec3

UP, EAST, NORTH = vec3((0.0, 0.0, 1.0)), vec3((1.0, 0.0, 0.0)), vec3((0.0, 1.0, 0.0))
# Rounding of a sine and a norm.
DIRECTION_ERROR = 1e-12


def falling(sink_m_s: float) -> LocalState:
    """Eastward, over the pole of the axes."""
    numbers = (1.74e6, 50.0, -sink_m_s)
    radius, altitude, vertical = (jnp.asarray(number) for number in numbers)
    return LocalState(UP, EAST, NORTH, radius, altitude, vertical, vec3((10.0, 0.0, -sink_m_s)), jnp.asarray(0.0), jnp.asarray(1.62))


def test_the_hold_pushes_up_and_against_the_motion_with_its_share_of_thrust():
    hold = AttitudeHold(jnp.radians(50.0), jnp.asarray(0.6))
    direction = hold.direction_lci(falling(60.0))
    np.testing.assert_allclose(direction.array(), [-np.sin(np.radians(50.0)), 0.0, np.cos(np.radians(50.0))], atol=DIRECTION_ERROR)
    request = hold.request(direction, jnp.asarray(4.0), jnp.asarray(30.0))
    assert float(request.accel_m_s2) == pytest.approx(2.4)


@pytest.mark.parametrize("tilt_deg", [0.0, 12.0])
def test_the_fall_asks_for_no_thrust_and_leans_toward_body_x(tilt_deg):
    # Upright, with +y along the keel, +x is keel x up.
    keel = NORTH * -1.0
    request = FreeFall(jnp.radians(tilt_deg)).request(falling(5.0), keel)
    x_body = keel.cross(UP)
    assert float(request.accel_m_s2) == 0.0
    assert float(request.direction_lci.dot(x_body)) == pytest.approx(np.sin(np.radians(tilt_deg)), abs=DIRECTION_ERROR)
    assert float(request.direction_lci.dot(UP)) == pytest.approx(np.cos(np.radians(tilt_deg)), abs=DIRECTION_ERROR)
    assert float(request.time_to_go_s) == pytest.approx(10.0)
