"""The sweep backwards on systems whose covariance is known, events between ticks on a falling point, and steps with a straight line's derivative."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.campaign.adjoint import Record, Sweep, swept
from perilune.campaign.linear import at_event
from perilune.campaign.nominal import NAMES
from perilune.math.through import only_if, root, whole
from perilune.math.vector import Vec3, zero_vec3

TICKS, TICK_S = 40, 0.1
LAST = len(NAMES) - 1
# Sums of some hundred products, in double precision.
ROUNDING = 1e-12


class Walk(eqx.Module):
    """x' = F x + G w + leaf, in two dimensions; what is told is x."""

    F = np.array([[1.0, TICK_S], [-0.3 * TICK_S, 0.95]])
    G = np.array([[0.0, 0.1], [0.5, 0.2]])

    def carried(self, state):
        return state, {"x": None}

    def tick(self, own, state, draws, tick):
        x = self.F @ state["x"] + self.G @ draws + own
        return {"x": x}, jnp.zeros(len(NAMES)).at[:2].set(state["x"])


class Faster(eqx.Module):
    """A point at one metre a second, and at two from the first tick that finds it past three quarters of a metre."""

    def carried(self, state):
        return eqx.partition(state, eqx.is_inexact_array)

    def tick(self, own, state, draws, tick):
        left_m = 0.75 - state["p"]
        fast = state["fast"] | (left_m <= 0.0)
        after = {"p": state["p"] + TICK_S * jnp.where(fast, 2.0, 1.0), "fast": fast}
        return after, jnp.zeros(len(NAMES)).at[0].set(state["p"]).at[LAST].set(left_m)


def backwards(system, own, states, size, asked, late):
    record = Record(states, jnp.zeros((TICKS, 2)), jnp.arange(TICKS), jnp.asarray(late))
    count = asked.shape[1]
    return swept(system, own, Sweep(jnp.zeros((count, size)), jnp.zeros((count, own.size)), jnp.zeros(count)), record, jnp.asarray(asked))


def test_covariance_of_a_linear_system():
    """Start, noise and a constant push: the recursion P = F P F' + G G' says the same."""
    asked = np.zeros((TICKS, 2, len(NAMES)))
    asked[-1, :, :2] = np.eye(2)
    states = {"x": jnp.zeros((TICKS, 2))}
    sweep, (to_draws, _) = backwards(Walk(), jnp.zeros(2), states, 2, asked, np.zeros((TICKS, 2)))
    noise = np.einsum("tad,tbd->ab", to_draws, to_draws)
    F, G = Walk.F, Walk.G
    P, pushed = np.zeros((2, 2)), np.zeros((2, 2))
    for _ in range(TICKS - 1):
        P, pushed = F @ P @ F.T + G @ G.T, F @ pushed + np.eye(2)
    assert noise == pytest.approx(P, rel=ROUNDING)
    assert np.asarray(sweep.state) == pytest.approx(np.linalg.matrix_power(F, TICKS - 1), rel=ROUNDING)
    assert np.asarray(sweep.own) == pytest.approx(pushed, rel=ROUNDING)


def test_a_change_of_mode_comes_earlier_or_later():
    """From the place s on at twice the speed: p = s + 2 (t - (s - p0)), so a start a metre ahead ends two metres ahead."""
    places_m, fast = [0.0], [False]
    while len(places_m) < TICKS:
        fast.append(fast[-1] or places_m[-1] >= 0.75)
        places_m.append(places_m[-1] + TICK_S * (2.0 if fast[-1] else 1.0))
    change = fast.index(True) - 1
    asked, late = np.zeros((TICKS, 1, len(NAMES))), np.zeros((TICKS, 1))
    asked[-1, 0, 0] = 1.0
    states = {"p": jnp.asarray(places_m), "fast": jnp.asarray(fast)}
    alone, _ = backwards(Faster(), jnp.zeros(1), states, 1, asked, late)
    later_m, fall_m = -TICK_S, -TICK_S  # by a change a tick later; of the way left in a tick
    late[change + 1] = -later_m / fall_m
    whole_one, (_, switch) = backwards(Faster(), jnp.zeros(1), states, 1, asked, late)
    assert np.asarray(alone.state) == pytest.approx(1.0) and np.asarray(whole_one.state) == pytest.approx(2.0)
    assert np.asarray(switch)[change + 1] == pytest.approx(-1.0)


def test_an_event_between_ticks():
    """A stone from a height with a start speed: speed and time at the ground by derivative, against the formulas."""
    gravity_m_s2, fall_s = 1.62, 4.0
    height_m = 2.0 * fall_s + 0.5 * gravity_m_s2 * fall_s**2
    impact_m_s = 2.0 + gravity_m_s2 * fall_s
    rates = np.zeros(len(NAMES))
    rates[:2] = -impact_m_s, -gravity_m_s2  # height, vertical speed
    rates[-1] = 7.0  # is not told: the time is
    to_start = np.zeros((len(NAMES), 2))  # at the moment of the fall: height and speed, by start height and start speed down
    to_start[:2] = [[1.0, -fall_s], [0.0, -1.0]]
    found = at_event(rates, 0) @ to_start
    assert height_m == pytest.approx((impact_m_s**2 - 4.0) / (2.0 * gravity_m_s2))
    assert found[0] == pytest.approx([0.0, 0.0])
    assert found[1] == pytest.approx([-gravity_m_s2 / impact_m_s, -2.0 / impact_m_s])  # of -sqrt(v^2 + 2 g h)
    assert found[-1] == pytest.approx([1.0 / impact_m_s, (2.0 / impact_m_s - 1.0) / gravity_m_s2])


def test_steps_have_the_value_of_the_step_and_the_line_s_derivative():
    for number in (0.2, 0.6, 2.5, -3.4):
        assert (float(whole(number)), float(jax.grad(whole)(number))) == (np.round(number), 1.0)
        assert float(jax.grad(lambda x: only_if(x > 0.5, x) * 3.0)(number)) == 3.0
    assert [float(only_if(x > 0.5, x)) for x in (0.2, 0.6)] == [0.0, 0.6]
    assert float(jax.grad(root)(4.0)) == 0.25 and float(jax.grad(root)(0.0)) == 0.0


def test_the_norm_of_nothing_has_a_derivative():
    moved = jax.jvp(lambda v: v.norm(), (zero_vec3(),), (Vec3(1.0, 2.0, 3.0),))
    assert [float(part) for part in moved] == [0.0, 0.0]
