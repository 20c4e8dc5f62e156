"""Thrust and torque are shared out within what each actuator can do; torque first."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.thruster_layout import Layout, axial_ring, couples_on_three_axes, eight_on_three_axes, joined
from perilune.fsw.control.allocation import ActuatorUse, Allocation, AllocationState, Allocator, Demand, Relight
from perilune.fsw.control.geometry import EngineBelief, ThrusterBelief, allocation_from_geometry
from perilune.math.vector import vec3

COM_M = np.array([0.0, 0.0, 1.4])
# Patterns weigh torque against net force by least squares: relative error of a torque.
PATTERN_REL = 1e-3


def luna() -> Allocator:
    layout = joined(axial_ring(8, 1.2), couples_on_three_axes(1.2, 1.4))
    engines = EngineBelief(np.array([4750.0, 800.0, 800.0]), np.array([1.0, 0.4, 0.4]), np.ones(3))
    thrust_n = np.r_[np.full(8, 37.5), np.full(12, 6.0)]
    return allocation_from_geometry(engines, ThrusterBelief(*layout, thrust_n, np.full(20, 0.02), np.arange(20) < 8), COM_M)


def ispace() -> Allocator:
    layout = joined(axial_ring(6, 0.8), eight_on_three_axes(1.1, 1.4))
    engines = EngineBelief(np.array([420.0]), np.ones(1), np.ones(1))
    pulse_min_s = np.r_[np.full(6, 0.01), np.full(8, 0.02)]
    thrust_n = np.r_[np.full(6, 200.0), np.full(8, 22.0)]
    return allocation_from_geometry(engines, ThrusterBelief(*layout, thrust_n, pulse_min_s, np.arange(14) < 6), COM_M)


def use(engines: tuple[bool, ...], axial_thrust: bool = False, axial_torque: bool = False, attitude: bool = True) -> ActuatorUse:
    return ActuatorUse(*(jnp.asarray(flag) for flag in (engines, axial_thrust, axial_torque, attitude)))


def once(
    allocator: Allocator, thrust_n: float, torque_n_m: tuple[float, float, float], allowed: ActuatorUse
) -> tuple[AllocationState, Allocation]:
    return allocator.allocate(allocator.init(), Demand(jnp.asarray(thrust_n), vec3(torque_n_m)), allowed)


def test_a_fixed_engine_burns_full_when_used() -> None:
    given = once(luna(), 3000.0, (0.0, 0.0, 0.0), use((True, False, False)))[1]
    np.testing.assert_array_equal(given.throttle, [1.0, 0.0, 0.0])
    assert float(given.thrust_n) == 4750.0


@pytest.mark.parametrize(("thrust_n", "throttle"), [(1200.0, 0.75), (400.0, 0.4), (2500.0, 1.0)])
def test_throttleable_engines_share_within_their_band(thrust_n: float, throttle: float) -> None:
    given = once(luna(), thrust_n, (0.0, 0.0, 0.0), use((False, True, True)))[1]
    np.testing.assert_allclose(given.throttle, [0.0, throttle, throttle])


def test_no_thrust_asked_for_shuts_every_engine() -> None:
    given = once(luna(), 0.0, (0.0, 0.0, 0.0), use((True, True, True), True, True))[1]
    assert not np.asarray(given.throttle).any()
    assert not np.asarray(given.thruster_on_s).any()


def test_throttle_makes_room_for_the_thrust_of_torque_pulses() -> None:
    given = once(luna(), 1200.0, (40.0, 0.0, 0.0), use((False, True, True), axial_torque=True))[1]
    assert float(given.throttle[1]) < 0.75
    # Pulses of the ring under 20 ms are left out: one on each side, at most a fifth of 37.5 N each.
    assert abs(float(given.thrust_n) - 1200.0) < 15.0
    assert abs(float(given.torque_body_n_m.x) - 40.0) < 15.0 * 1.2


def test_assist_engines_give_what_the_main_engine_does_not() -> None:
    given = once(ispace(), 1020.0, (0.0, 0.0, 0.0), use((True,), True, True))[1]
    np.testing.assert_allclose(given.thruster_on_s[:6], 0.05)
    np.testing.assert_allclose(given.thrust_n, 1020.0)


@pytest.mark.parametrize("torque_n_m", [(60.0, 0.0, 0.0), (-30.0, 50.0, 0.0), (0.0, -80.0, 0.0)])
def test_differential_duty_leaves_the_thrust_alone(torque_n_m: tuple[float, float, float]) -> None:
    given = once(ispace(), 1020.0, torque_n_m, use((True,), True, True))[1]
    np.testing.assert_allclose(given.thrust_n, 1020.0, rtol=1e-9)
    np.testing.assert_allclose(given.torque_body_n_m.array(), torque_n_m, rtol=1e-9, atol=1e-9)


def test_torque_comes_before_thrust() -> None:
    """At full thrust no differential is left: the common duty gives way."""
    given = once(ispace(), 1620.0, (120.0, 0.0, 0.0), use((True,), True, True))[1]
    np.testing.assert_allclose(given.torque_body_n_m.x, 120.0, rtol=1e-9)
    assert float(given.thrust_n) < 1500.0


def test_duties_stay_between_the_minimum_and_full() -> None:
    on_s = np.asarray(once(ispace(), 600.0, (400.0, 300.0, 0.0), use((True,), True, True))[1].thruster_on_s)[:6]
    assert on_s.min() >= 0.01 - 1e-12
    assert on_s.max() <= 0.1 + 1e-12


def test_attitude_thrusters_help_beyond_the_axial_ones() -> None:
    asked = (150.0, 0.0, 0.0)
    alone = once(luna(), 4750.0, asked, use((True, False, False), axial_torque=True, attitude=False))[1]
    helped = once(luna(), 4750.0, asked, use((True, False, False), axial_torque=True))[1]
    np.testing.assert_allclose(float(helped.torque_body_n_m.x - alone.torque_body_n_m.x), 14.4, rtol=PATTERN_REL)


@pytest.mark.parametrize("make", [luna, ispace])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_attitude_thrusters_give_each_torque_alone_and_without_force(make, axis: int, sense: float) -> None:
    allocator = make()
    asked = np.eye(3)[axis] * sense * 13.0
    duty = np.asarray(allocator._attitude(vec3(asked)))
    output = duty @ np.asarray(allocator.output_full)
    np.testing.assert_allclose(output[:3], asked, atol=PATTERN_REL * 13.0)
    assert abs(output[3]) < 0.1  # N, of 24 N that one thruster's share would leave
    assert duty.min() >= 0.0


def test_too_much_torque_keeps_its_direction() -> None:
    given = once(luna(), 0.0, (30.0, 30.0, 15.0), use((False, False, False)))[1].torque_body_n_m.array()
    np.testing.assert_allclose(given, np.array([1.0, 1.0, 0.5]) * 14.4, rtol=PATTERN_REL)


def test_pulses_too_short_are_kept_for_later() -> None:
    """0.5 N m is a sixth of the shortest couple's 2.88 N m: given as single pulses, right on the mean."""
    allocator, allowed, total = luna(), use((False, False, False)), 0.0
    state = allocator.init()
    for _ in range(60):
        state, given = allocator.allocate(state, Demand(jnp.asarray(0.0), vec3((0.0, 0.0, 0.5))), allowed)
        on_s = np.asarray(given.thruster_on_s)
        assert np.all((on_s == 0.0) | (on_s >= 0.02))
        total += float(given.torque_body_n_m.z)
    assert abs(total - 30.0) < 2.88 + 1e-9
    assert abs(float(state.residual_body_n_m.z)) <= 2.88 + 1e-9


def test_what_is_kept_is_forgotten_when_nothing_is_asked() -> None:
    allocator, allowed = luna(), use((False, False, False))
    state, _ = once(allocator, 0.0, (1.0, 1.0, 1.0), allowed)
    state, given = allocator.allocate(state, Demand(jnp.asarray(0.0), vec3((0.0, 0.0, 0.0))), allowed)
    assert not state.residual_body_n_m.array().any()
    assert not np.asarray(given.thruster_on_s).any()


def test_nothing_allowed_orders_nothing() -> None:
    state, given = once(luna(), 5000.0, (50.0, 50.0, 50.0), use((False, False, False), attitude=False))
    assert not np.asarray(given.throttle).any()
    assert not np.asarray(given.thruster_on_s).any()
    assert not state.residual_body_n_m.array().any()


def _belief(layout: Layout, axial: int) -> ThrusterBelief:
    count = len(layout.position_body_m)
    return ThrusterBelief(*layout, np.full(count, 6.0), np.full(count, 0.02), np.arange(count) < axial)


def test_a_missing_axis_is_named() -> None:
    pitch_yaw = Layout(*(column[:8] for column in couples_on_three_axes(1.2, 1.4)))
    engine = EngineBelief(np.array([420.0]), np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match=r"\+z alone"):
        allocation_from_geometry(engine, _belief(pitch_yaw, 0), COM_M)


def test_two_axial_thrusters_cannot_steer() -> None:
    layout = joined(axial_ring(2, 1.0), couples_on_three_axes(1.2, 1.4))
    engine = EngineBelief(np.array([420.0]), np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="2 axial thrusters cannot give pitch and yaw"):
        allocation_from_geometry(engine, _belief(layout, 2), COM_M)


def test_an_engine_too_strong_for_hovering_is_lit_when_it_is_needed_and_shut_when_it_is_not() -> None:
    """Beresheet: 420 N that cannot be throttled, beside 200 N of small thrusters."""
    layout = joined(axial_ring(8, 0.7), couples_on_three_axes(0.7, 0.8))
    thrust_n, pulse_min_s = np.r_[np.full(8, 25.0), np.full(12, 3.0)], np.r_[np.full(8, 0.01), np.full(12, 0.02)]
    fixed = EngineBelief(np.array([420.0]), np.ones(1), np.ones(1))
    allocator = allocation_from_geometry(fixed, ThrusterBelief(*layout, thrust_n, pulse_min_s, np.arange(20) < 8), COM_M)
    relight = Relight(jnp.asarray([True]), least_n=jnp.asarray(420.0), thrusters_n=jnp.asarray(200.0))
    allocator = eqx.tree_at(lambda a: a.relight, allocator, relight, is_leaf=lambda leaf: leaf is None)
    state, told = allocator.init(), []
    for thrust_n in (100.0, 419.0, 421.0, 300.0, 209.0, 300.0):
        state, given = allocator.allocate(state, Demand(jnp.asarray(thrust_n), vec3((0.0, 0.0, 0.0))), use((True,), axial_thrust=True))
        told.append((float(given.throttle[0]), round(float(given.thrust_n))))
    assert told == [(0.0, 100), (0.0, 200), (1.0, 420), (1.0, 420), (0.0, 200), (0.0, 200)]


def test_what_is_relit_takes_over_from_engines_that_are_lost() -> None:
    """Chandrayaan-3: a pair hovers, 1,230 N, and the other pair is shut; when the first is lost the other carries the weight."""
    relight = Relight(jnp.asarray([False, False, True, True]), least_n=jnp.asarray(640.0), thrusters_n=jnp.asarray(0.0))
    shut, hovering_n = jnp.asarray(False), jnp.asarray(1230.0)
    assert not bool(relight.lit(shut, hovering_n, jnp.asarray(1600.0)))
    assert bool(relight.lit(shut, hovering_n, jnp.asarray(0.0)))
