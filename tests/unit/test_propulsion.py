"""Engines and thrusters obey their orders, their bands and their tank."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.thruster_layout import axial_ring, couples_on_three_axes, joined
from perilune.wire.commands import Commands, DevicesOn, empty_array
from perilune.world.propulsion import THROTTLE_OUT, Propulsion, engines
from perilune.world.thrusters import thrusters

DT_S = 0.025
ROUNDING = 1e-12  # relative: a few sums of float64


def a_propulsion() -> Propulsion:
    """One fixed engine, two that throttle, 8 axial and 12 attitude thrusters."""
    layout = joined(axial_ring(8, 1.2), couples_on_three_axes(1.2, 1.4))
    thrust_n = np.r_[np.full(8, 37.5), np.full(12, 6.0)]
    isp_s = np.r_[np.full(8, 285.0), np.full(12, 220.0)]
    band = (np.array([1.0, 0.4, 0.4]), np.ones(3))
    place = (np.array([[0.0, 0.0, 0.2], [0.5, 0.0, 0.2], [-0.5, 0.0, 0.2]]), np.tile([0.0, 0.0, 1.0], (3, 1)))
    return Propulsion(
        engines(np.array([4750.0, 800.0, 800.0]), np.array([315.0, 300.0, 300.0]), band, place),
        thrusters(*layout, thrust_n, isp_s, np.full(20, 0.02)),
    )


def orders(throttle: tuple[float, ...] = (0.0, 0.0, 0.0), pulses_s: dict[int, float] | None = None) -> Commands:
    on_s = np.zeros(20)
    for number, pulse_s in (pulses_s or {}).items():
        on_s[number] = pulse_s
    off = jnp.asarray(False)
    return Commands(jnp.asarray(throttle), jnp.asarray(on_s), DevicesOn(off, off, off), empty_array())


def cycle_impulse(propulsion: Propulsion, commands: Commands) -> np.ndarray:
    """Force (N s) and torque (N m s) impulse and propellant (kg) of one cycle in four substeps."""
    state, total = propulsion.init(), np.zeros(7)
    for step in range(4):
        state, wrench, flow_kg_s = propulsion.advance(state, commands, 600.0, step * DT_S, DT_S)
        total += DT_S * np.r_[wrench.force_body_n.array(), wrench.torque_body_n_m.array(), flow_kg_s]
    return total


@pytest.mark.parametrize(("ordered", "taken"), [(0.0, 0.0), (0.19, 0.0), (0.21, 0.4), (0.39, 0.4), (0.7, 0.7), (1.3, 1.0), (-0.5, 0.0)])
def test_band_and_dead_band(ordered: float, taken: float) -> None:
    valve = a_propulsion().engines.valve(jnp.array([0.0, ordered, 0.0]))
    assert float(valve[1]) == taken


def test_a_fixed_engine_is_full_or_out() -> None:
    valve = a_propulsion().engines.valve
    assert [float(valve(jnp.array([u, 0.0, 0.0]))[0]) for u in (0.0, 0.49, 0.51, 1.0)] == [0.0, 0.0, 1.0, 1.0]


def test_throttle_goes_in_steps_where_the_valve_has_steps() -> None:
    stepped = eqx.tree_at(lambda p: p.engines.throttle_quantum, a_propulsion(), jnp.array([0.0, 0.1, 0.0]))
    valve = stepped.engines.valve(jnp.array([0.0, 0.57, 0.57]))
    np.testing.assert_allclose(valve, [0.0, 0.6, 0.57], rtol=ROUNDING)


def test_a_held_valve_ignores_orders() -> None:
    paths = (lambda p: (p.engines.held, p.engines.held_throttle), (jnp.array([0.0, 1.0, 0.0]), jnp.array([0.0, 0.55, 0.0])))
    stuck = eqx.tree_at(paths[0], a_propulsion(), paths[1])
    for ordered in (0.0, 1.0):
        assert float(stuck.engines.valve(jnp.array([0.0, ordered, 0.0]))[1]) == 0.55


def test_a_shut_engine_goes_out_for_good() -> None:
    propulsion = a_propulsion()
    state, _, _ = propulsion.advance(propulsion.init(), orders((1.0, 0.0, 0.0)), 600.0, 0.0, 1.0)
    for _ in range(200):
        state, wrench, flow_kg_s = propulsion.advance(state, orders(), 600.0, 0.0, DT_S)
        assert not 0.0 < float(state.throttle[0]) < THROTTLE_OUT
    assert float(wrench.force_body_n.z) == 0.0
    assert float(flow_kg_s) == 0.0


@pytest.mark.parametrize(("pulse_s", "given_s"), [(0.019, 0.0), (0.02, 0.02), (0.033, 0.033), (0.1, 0.1), (0.4, 0.1)])
def test_impulse_of_a_pulse_is_thrust_times_on_time(pulse_s: float, given_s: float) -> None:
    impulse = cycle_impulse(a_propulsion(), orders(pulses_s={0: pulse_s}))
    np.testing.assert_allclose(impulse[2], 37.5 * given_s, rtol=ROUNDING, atol=1e-15)
    np.testing.assert_allclose(impulse[6], 37.5 * given_s / (285.0 * 9.80665), rtol=ROUNDING, atol=1e-15)


def test_pulses_start_with_the_cycle() -> None:
    propulsion = a_propulsion()
    on_s = orders(pulses_s={3: 0.04}).thruster_on_s
    shares = [float(propulsion.thrusters.on_fraction(on_s, step * DT_S, DT_S)[3]) for step in range(4)]
    np.testing.assert_allclose(shares, [1.0, 0.6, 0.0, 0.0], atol=ROUNDING)


def test_orders_for_a_whole_cycle_give_the_impulse_of_resolved_pulses() -> None:
    propulsion, commands = a_propulsion(), orders((1.0, 0.6, 0.0), {0: 0.03, 9: 0.05, 15: 0.1})
    state, total = propulsion.init(), np.zeros(7)
    whole = propulsion.ordered(state, commands, (0.0, 0.1), DT_S)
    for _ in range(4):
        state, wrench, flow_kg_s = propulsion.burn(state, whole, 600.0, DT_S)
        total += DT_S * np.r_[wrench.force_body_n.array(), wrench.torque_body_n_m.array(), flow_kg_s]
    np.testing.assert_allclose(total, cycle_impulse(propulsion, commands), rtol=ROUNDING, atol=1e-12)


def test_valves_stuck_open_and_shut() -> None:
    healthy = a_propulsion()
    open_ = eqx.tree_at(lambda p: p.thrusters.open, healthy, jnp.zeros(20).at[0].set(1.0))
    shut = eqx.tree_at(lambda p: p.thrusters.shut, healthy, jnp.zeros(20).at[0].set(1.0))
    np.testing.assert_allclose(cycle_impulse(open_, orders())[2], 3.75, rtol=ROUNDING)
    assert not cycle_impulse(shut, orders(pulses_s={0: 0.1})).any()


def test_scales_act_on_thrust_and_flow() -> None:
    healthy = a_propulsion()
    burn = orders((1.0, 0.0, 0.0))
    weak = eqx.tree_at(lambda p: p.engines.thrust_scale, healthy, jnp.array([0.9, 1.0, 1.0]))
    thirsty = eqx.tree_at(lambda p: p.engines.isp_scale, healthy, jnp.array([0.8, 1.0, 1.0]))
    base = cycle_impulse(healthy, burn)
    np.testing.assert_allclose(cycle_impulse(weak, burn), 0.9 * base, rtol=ROUNDING)
    np.testing.assert_allclose(cycle_impulse(thirsty, burn)[[2, 6]], base[[2, 6]] * [1.0, 1.25], rtol=ROUNDING)


def test_torque_is_about_the_structure_origin() -> None:
    impulse = cycle_impulse(a_propulsion(), orders(pulses_s={0: 0.1}))
    np.testing.assert_allclose(impulse[3:6], [0.0, -1.2 * 3.75, 0.0], atol=1e-12)


def test_the_last_propellant_gives_its_share_then_nothing() -> None:
    propulsion, burn = a_propulsion(), orders((1.0, 0.0, 0.0), {0: 0.1})
    running = propulsion.advance(propulsion.init(), burn, 600.0, 0.0, 5.0)[0]
    left_kg = 0.01
    state, wrench, flow_kg_s = propulsion.advance(running, burn, left_kg, 0.0, DT_S)
    np.testing.assert_allclose(flow_kg_s * DT_S, left_kg, rtol=ROUNDING)
    full = propulsion.advance(running, burn, 600.0, 0.0, DT_S)
    np.testing.assert_allclose(wrench.force_body_n.z / full[1].force_body_n.z, flow_kg_s / full[2], rtol=ROUNDING)
    _, wrench, flow_kg_s = propulsion.advance(state, burn, 0.0, DT_S, DT_S)
    assert float(wrench.force_body_n.z) == 0.0
    assert float(flow_kg_s) == 0.0
