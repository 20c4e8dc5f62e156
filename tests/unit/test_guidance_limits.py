"""Whatever guidance is told, what it asks for can be flown: a thrust that lifts, inside the cone about the vertical."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perilune.fsw.guidance.approach import ApproachGuidance, ApproachState
from perilune.fsw.guidance.limits import UP_SHARE_MIN, within_tilt
from perilune.math.vector import Vec3, vec3

GRAVITY_M_S2 = 1.62
# A few roundings of a tangent and a square root.
ROUNDING = 1e-12

any_accel = st.floats(-1e6, 1e6)
any_tilt_deg = st.floats(0.5, 80.0)


def inside(level: Vec3, up_m_s2: float, tilt_max_rad: float) -> bool:
    return np.hypot(float(level.x), float(level.y)) <= float(up_m_s2) * np.tan(tilt_max_rad) * (1.0 + ROUNDING)


@given(any_accel, any_accel, any_accel, any_tilt_deg)
def test_any_demand_is_brought_into_the_cone_and_keeps_its_heading(x, y, up, tilt_deg):
    tilt_rad = np.radians(tilt_deg)
    level, up_m_s2 = within_tilt(vec3((x, y, 0.0)), jnp.asarray(up), GRAVITY_M_S2, tilt_rad)
    assert inside(level, up_m_s2, tilt_rad)
    assert float(up_m_s2) >= UP_SHARE_MIN * GRAVITY_M_S2
    assert np.isclose(float(level.x) * y, float(level.y) * x, rtol=1e-9, atol=1e-9)
    assert float(level.x) * x >= 0.0


@given(st.floats(0.6, 5.0), st.floats(0.0, 1.0), st.floats(0.0, 2.0 * np.pi), any_tilt_deg)
def test_a_demand_inside_the_cone_is_left_alone(up, share, heading, tilt_deg):
    reach = 0.999 * share * up * np.tan(np.radians(tilt_deg))
    wanted = vec3((reach * np.cos(heading), reach * np.sin(heading), 0.0))
    level, up_m_s2 = within_tilt(wanted, jnp.asarray(up), GRAVITY_M_S2, np.radians(tilt_deg))
    assert float(up_m_s2) == up
    np.testing.assert_allclose(level.array(), wanted.array(), rtol=ROUNDING)


places, speeds = st.floats(-1e5, 1e5), st.floats(-2e3, 2e3)


@given(st.tuples(places, places, places), st.tuples(speeds, speeds, speeds), st.floats(-100.0, 1000.0), st.sampled_from([6.0, 9.0, 12.0]))
def test_the_approach_stays_in_its_cone_wherever_it_is(r_m, v_m_s, time_to_go_s, gain):
    tilt_rad = np.radians(45.0)
    guidance = ApproachGuidance(*(jnp.asarray(number) for number in (gain, 1000.0, -33.0, 2.16, 3.0, tilt_rad)))
    accel, held_s = guidance.request(
        ApproachState(jnp.asarray(time_to_go_s), jnp.asarray(time_to_go_s)), vec3(r_m), vec3(v_m_s), jnp.asarray(GRAVITY_M_S2)
    )
    assert inside(accel, float(accel.z), tilt_rad)
    assert float(accel.z) >= UP_SHARE_MIN * GRAVITY_M_S2
    assert float(held_s) >= 3.0
