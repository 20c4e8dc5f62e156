"""Propulsion against the rocket equation and the response of a first-order lag."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import G0_M_S2
from perilune.wire.commands import Commands, DevicesOn, empty_array
from perilune.world.propulsion import Propulsion, engines
from perilune.world.thrusters import thrusters

DT_S = 0.025
TAU_S = 0.15
# Velocity is summed with the mass at mid-substep: relative error (dm/m)^2 / 12 per substep, dm/m < 6e-5.
ROCKET_REL = 1e-9
LAG_REL = 1e-12  # the lag is integrated exactly: rounding only


def one_engine() -> Propulsion:
    along = np.array([[0.0, 0.0, 1.0]])
    engine = engines(np.array([4750.0]), np.array([315.0]), (np.array([0.3]), np.ones(1)), (np.zeros((1, 3)), along), TAU_S)
    return Propulsion(engine, thrusters(np.zeros((1, 3)), along, np.ones(1), np.ones(1), np.ones(1)))


def throttle(value: float) -> Commands:
    off = jnp.asarray(False)
    return Commands(jnp.asarray([value]), jnp.zeros(1), DevicesOn(off, off, off), empty_array())


def test_full_burn_gives_the_rocket_equations_speed() -> None:
    propulsion, dry_kg, propellant_kg = one_engine(), 640.0, 660.0

    def substep(carry, _):
        state, left_kg, v_m_s = carry
        state, wrench, flow_kg_s = propulsion.advance(state, throttle(1.0), left_kg, 0.0, DT_S)
        after_kg = left_kg - flow_kg_s * DT_S
        v_m_s = v_m_s + wrench.force_body_n.z * DT_S / (dry_kg + 0.5 * (left_kg + after_kg))
        return (state, after_kg, v_m_s), None

    start = (propulsion.init(), jnp.asarray(propellant_kg), jnp.asarray(0.0))
    (state, left_kg, v_m_s), _ = eqx.filter_jit(lambda: jax.lax.scan(substep, start, None, length=20_000))()
    assert abs(float(left_kg)) < 1e-9
    assert float(state.throttle[0]) == 0.0
    expected = 315.0 * G0_M_S2 * np.log((dry_kg + propellant_kg) / dry_kg)
    np.testing.assert_allclose(v_m_s, expected, rtol=ROCKET_REL)


def test_step_up_and_down_follow_the_exponential() -> None:
    propulsion, state, impulse = one_engine(), one_engine().init(), 0.0
    for step in range(1, 41):
        state, wrench, _ = propulsion.advance(state, throttle(0.8), 600.0, 0.0, DT_S)
        impulse += float(wrench.force_body_n.z) * DT_S
        t_s = step * DT_S
        np.testing.assert_allclose(state.throttle[0], 0.8 * (1.0 - np.exp(-t_s / TAU_S)), rtol=LAG_REL)
        np.testing.assert_allclose(impulse, 0.8 * 4750.0 * (t_s - TAU_S * (1.0 - np.exp(-t_s / TAU_S))), rtol=1e-11)
    top = float(state.throttle[0])
    for step in range(1, 21):
        state, _, _ = propulsion.advance(state, throttle(0.0), 600.0, 0.0, DT_S)
        np.testing.assert_allclose(state.throttle[0], top * np.exp(-step * DT_S / TAU_S), rtol=LAG_REL)


def test_answer_does_not_depend_on_the_substep() -> None:
    propulsion = one_engine()
    whole = propulsion.advance(propulsion.init(), throttle(1.0), 600.0, 0.0, 0.1)
    state, impulse = propulsion.init(), 0.0
    for step in range(4):
        state, wrench, _ = propulsion.advance(state, throttle(1.0), 600.0, step * DT_S, DT_S)
        impulse += float(wrench.force_body_n.z) * DT_S
    np.testing.assert_allclose(state.throttle, whole[0].throttle, rtol=LAG_REL)
    np.testing.assert_allclose(impulse, float(whole[1].force_body_n.z) * 0.1, rtol=LAG_REL)
