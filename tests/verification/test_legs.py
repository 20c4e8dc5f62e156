"""Legs against closed forms: coasts against Kepler, burns against the rocket equation, derivatives against differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_MOON_M3_S2
from perilune.dynamics.orbit import kepler_step
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import Vec3, vec3
from perilune.moon.gravity import point_mass_accel_m_s2
from perilune.trajectory.legs import Engine, coast, flown, following, held, last

RADIUS_M = 1.8374e6
SPEED_M_S = (GM_MOON_M3_S2 / RADIUS_M) ** 0.5
START = PointMass(vec3((RADIUS_M, 0.0, 0.0)), vec3((0.0, 0.6 * SPEED_M_S, 0.8 * SPEED_M_S)), jnp.asarray(1300.0))
ENGINE = Engine(jnp.asarray(300.0), jnp.asarray(285.0))
# Dormand and Prince at the tightest tolerance, two hours about the Moon.
COAST_M = 1e-3


def moon(t_s, r_m):
    return point_mass_accel_m_s2(r_m, GM_MOON_M3_S2)


def test_a_coast_is_keplers():
    legs = (coast(3000.0), coast(-1000.0))
    times, states = flown(moon, START, jnp.asarray(50.0), legs)
    r_m, v_m_s = kepler_step(START.r_m, START.v_m_s, 2000.0, GM_MOON_M3_S2)
    assert np.asarray(times) == pytest.approx([3050.0, 2050.0])
    assert np.asarray(last((times, states)).r_m.array()) == pytest.approx(np.asarray(r_m.array()), abs=COAST_M)
    assert np.asarray(last((times, states)).v_m_s.array()) == pytest.approx(np.asarray(v_m_s.array()), abs=1e-6)


def test_duration_and_velocity_invert_each_other_and_cost_what_the_rocket_equation_says():
    duration_s = ENGINE.duration_s(1300.0, 18.0)
    assert float(ENGINE.delta_v_m_s(1300.0, duration_s)) == pytest.approx(18.0, rel=1e-12)
    ratio = np.exp(-18.0 / float(ENGINE.exhaust_m_s))
    assert float(ENGINE.mass_after_kg(1300.0, duration_s)) == pytest.approx(1300.0 * ratio, rel=1e-12)


def test_a_held_burn_of_a_strong_engine_is_an_impulse_along_the_axes_named():
    strong = Engine(jnp.asarray(1.3e9), jnp.asarray(285.0))
    burn = held(strong, jnp.asarray(1300.0), Vec3(jnp.asarray(3.0), jnp.asarray(-4.0), jnp.asarray(12.0)))
    after = last(flown(moon, START, jnp.asarray(0.0), (burn,)))
    gained = np.asarray((after.v_m_s - START.v_m_s).array())
    along, cross = np.array([0.0, 0.6, 0.8]), np.array([0.0, -0.8, 0.6])
    assert gained == pytest.approx(3.0 * np.array([1.0, 0.0, 0.0]) - 4.0 * along + 12.0 * cross, abs=1e-3)


def test_free_of_gravity_a_burn_against_the_velocity_takes_out_what_was_asked():
    burn = following(ENGINE, ENGINE.duration_s(1300.0, 20.0), -1.0)
    after = last(flown(lambda t, r: r * 0.0, START, jnp.asarray(0.0), (burn,)))
    assert float(after.v_m_s.norm()) == pytest.approx(SPEED_M_S - 20.0, abs=1e-8)


def test_a_burn_of_nothing_has_a_derivative():
    def speed(size):
        burn = held(ENGINE, jnp.asarray(1300.0), Vec3(size * 0.0, size, size * 0.0))
        return last(flown(moon, START, jnp.asarray(0.0), (burn,))).v_m_s.dot(vec3((0.0, 0.6, 0.8)))

    # The rounding at zero leaves the direction: of a velocity v there goes sqrt(v^2 + 1e-8) along v.
    assert float(jax.jvp(speed, (jnp.asarray(0.0),), (jnp.asarray(1.0),))[1]) == pytest.approx(1.0, abs=1e-4)


def test_derivatives_are_those_of_differences():
    def end(x):
        burn = held(ENGINE, jnp.asarray(1300.0), Vec3(x[0], x[1], x[2]))
        after = last(flown(moon, START, x[3], (burn, coast(x[4]))))
        return jnp.concatenate([after.r_m.array(), after.v_m_s.array()])

    at, steps = jnp.array([2.0, -15.0, 3.0, 10.0, 1500.0]), np.array([1e-2, 1e-2, 1e-2, 1.0, 1e-1])
    slope = np.asarray(jax.jit(jax.jacfwd(end))(at))
    run = jax.jit(end)
    for k, step in enumerate(steps):
        shift = jnp.zeros(5).at[k].set(step)
        central = (np.asarray(run(at + shift)) - np.asarray(run(at - shift))) / (2.0 * step)
        # Central differences: third derivative times step squared, and rounding over the step.
        assert slope[:, k] == pytest.approx(central, rel=1e-5, abs=1e-4)
