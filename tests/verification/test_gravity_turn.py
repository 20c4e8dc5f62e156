"""The gravity turn: its closed forms against the equations of motion, and the law in its own model."""

import math

import equinox as eqx
import jax.numpy as jnp
import pytest
from scipy.integrate import solve_ivp

from perilune.fsw.guidance.gravity_turn import GravityTurn, duration_s, thrust_share
from perilune.math.vector import Vec3, vec3

GRAVITY_M_S2 = 1.62
# Where the ispace landers begin their approach, and end it.
START_M, START_M_S = 3000.0, (72.0, -40.0)
END_M, END_M_S, DECELERATION_M_S2 = 1000.0, -33.0, 0.54
CYCLE_S = 0.1
# The integrator's own tolerance, over a turn of a minute.
CLOSED_FORM_RTOL = 1e-6
# Thrust is held over a cycle, in which the way of flight turns by 0.1 degrees; the same share of the kilometre below.
HELD_RTOL, REST_M = 2e-3, 3.0


@pytest.mark.parametrize(
    ("speed_m_s", "from_down_deg", "height_m"), [(82.4, 60.9, 3008.0), (155.0, 75.4, 2150.0), (40.0, 0.0, 700.0), (60.0, 100.0, 2000.0)]
)
def test_closed_forms_of_the_turn(speed_m_s, from_down_deg, height_m):
    """Flown with the thrust that the formula names, it comes to rest at the height and the time that the formulas name."""
    angle = math.radians(from_down_deg)
    n = float(thrust_share(speed_m_s, math.cos(angle), height_m, GRAVITY_M_S2))
    last_s = float(duration_s(speed_m_s, math.cos(angle), n, GRAVITY_M_S2))

    def motion(_, state):
        speed, angle, _ = state
        return [-n * GRAVITY_M_S2 + GRAVITY_M_S2 * math.cos(angle), -GRAVITY_M_S2 * math.sin(angle) / speed, -speed * math.cos(angle)]

    flown = solve_ivp(motion, (0.0, 0.999 * last_s), [speed_m_s, angle, height_m], rtol=1e-10, atol=1e-9)
    speed, angle, height = flown.y[:, -1]
    assert float(duration_s(speed, math.cos(angle), n, GRAVITY_M_S2)) == pytest.approx(0.001 * last_s, rel=1e-3)
    left_m = speed**2 * (1.0 + 2.0 * n * math.cos(angle) + math.cos(angle) ** 2) / (4.0 * GRAVITY_M_S2 * (n**2 - 1.0))
    assert height == pytest.approx(left_m, abs=CLOSED_FORM_RTOL * height_m)


def test_the_law_asks_for_the_same_thrust_all_the_way_and_for_rest_where_vertical_descent_would_end():
    """From the gate, with thrust held over a cycle."""
    law = GravityTurn(END_M, END_M_S, DECELERATION_M_S2, GRAVITY_M_S2, math.radians(65.0))
    r_m, v_m_s, asked = vec3((0.0, 0.0, START_M)), vec3((START_M_S[0], 0.0, START_M_S[1])), []
    state, request = law.started(r_m, v_m_s), eqx.filter_jit(law.request)
    while float(r_m.z) > END_M:
        accel, _ = request(state, r_m, v_m_s, jnp.asarray(GRAVITY_M_S2))
        asked.append(float(accel.norm()))
        total = accel + Vec3(0.0, 0.0, -GRAVITY_M_S2)
        r_m, v_m_s = r_m + v_m_s * CYCLE_S + total * (0.5 * CYCLE_S**2), v_m_s + total * CYCLE_S
    assert asked == pytest.approx([asked[0]] * len(asked), rel=HELD_RTOL)
    n = asked[0] / GRAVITY_M_S2
    rest_m = END_M - 0.5 * END_M_S**2 / DECELERATION_M_S2
    speed, cos = float(v_m_s.norm()), float(-v_m_s.z / v_m_s.norm())
    left_m = speed**2 * (1.0 + 2.0 * n * cos + cos**2) / (4.0 * GRAVITY_M_S2 * (n**2 - 1.0))
    assert float(r_m.z) - left_m == pytest.approx(rest_m, abs=REST_M)


def test_at_rest_it_carries_the_weight():
    law = GravityTurn(END_M, END_M_S, DECELERATION_M_S2, GRAVITY_M_S2, math.radians(60.0))
    accel, _ = law.request(law.init(), Vec3(0.0, 0.0, START_M), Vec3(0.0, 0.0, 0.0), jnp.asarray(GRAVITY_M_S2))
    assert (float(accel.x), float(accel.y), float(accel.z)) == (0.0, 0.0, GRAVITY_M_S2)
