"""The tide without loss of digits, and the perturbation held over a tick."""

from decimal import Decimal, getcontext
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_SUN_M3_S2, MOON_SPIN_RAD_S
from perilune.dynamics.gravity import Gravity, Sky, third_body_accel_m_s2
from perilune.math.integrate import rk4_step
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import Vec3, vec3
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field

# Some twenty roundings, at the tide's own size (the plain difference of both pulls loses five digits).
TIDE_LIMIT = 1e-14

# Degree 4 compiles fast and moves the lander as much; the law of convergence is the same.
GRAVITY = Gravity(field_of(lunar_field()).truncated(4))
R_START_M, V_START_M_S = vec3((1.7524e6, 0.0, 0.0)), vec3((0.0, 500.0, 1600.0))
FLIGHT_S = 100.0
# Told in perilune.dynamics.gravity for 600 s of flight.
HELD_HALF_A_SECOND_M = 25 * 1.1e-6


def test_tide_keeps_its_digits():
    r_m, r_sun_m = (1.1e6, -1.2e6, 0.9e6), (-9.3e10, 1.1e11, 4.7e10)
    found = third_body_accel_m_s2(vec3(r_m), vec3(r_sun_m), GM_SUN_M3_S2).array()
    expected = np.array(exact_tide_m_s2(r_m, r_sun_m, GM_SUN_M3_S2))
    assert np.linalg.norm(found - expected) < TIDE_LIMIT * np.linalg.norm(expected)


def exact_tide_m_s2(r_m, r_third_m, gm_m3_s2):
    """The plain difference, in fifty digits."""
    getcontext().prec = 50
    here = [Decimal(third) - Decimal(own) for own, third in zip(r_m, r_third_m, strict=True)]
    centre = [Decimal(third) for third in r_third_m]
    cubes = [sum(x * x for x in vector) ** (Decimal(3) / 2) for vector in (here, centre)]
    return [float(Decimal(gm_m3_s2) * (a / cubes[0] - b / cubes[1])) for a, b in zip(here, centre, strict=True)]


def sky_at(t_s) -> Sky:
    """A turning Moon with the Earth and the Sun at rest."""
    turn = from_rotation_vector(vec3((0.0, 0.0, -1.0)) * (MOON_SPIN_RAD_S * t_s), "lfpa", "lci")
    return Sky(turn, vec3((3.8e8, 1e7, 2e7)), vec3((-1e11, 1e11, 3e10)))


def central_and(perturbation_m_s2: Vec3, t_s, state):
    r_m, v_m_s = state
    return v_m_s, GRAVITY.central_lci_m_s2(r_m) + perturbation_m_s2


@partial(jax.jit, static_argnums=0)
def flown_with_all_terms_m(steps: int):
    dt_s = FLIGHT_S / steps

    def rates(t_s, state):
        return central_and(GRAVITY.perturbation_lci_m_s2(state[0], sky_at(t_s)), t_s, state)

    def step(state, index):
        return rk4_step(rates, index * dt_s, state, dt_s), None

    return jax.lax.scan(step, (R_START_M, V_START_M_S), jnp.arange(float(steps)))[0][0]


@partial(jax.jit, static_argnums=0)
def flown_with_held_terms_m(ticks: int):
    tick_s = FLIGHT_S / ticks

    def tick(state, index):
        r_m, v_m_s = state
        held = GRAVITY.perturbation_lci_m_s2(r_m + v_m_s * (0.5 * tick_s), sky_at((index + 0.5) * tick_s))
        return rk4_step(partial(central_and, held), 0.0, state, tick_s), None

    return jax.lax.scan(tick, (R_START_M, V_START_M_S), jnp.arange(float(ticks)))[0][0]


def test_a_perturbation_held_over_a_tick_costs_its_square():
    reference_m = flown_with_all_terms_m(200)
    errors_m = [float((flown_with_held_terms_m(ticks) - reference_m).norm()) for ticks in (25, 50, 100)]
    # Second order: a quarter for half the time. Held for 0.5 s, half of the shortest here, the error is a quarter of its error.
    assert errors_m[0] / errors_m[1] == pytest.approx(4.0, rel=0.02)
    assert errors_m[1] / errors_m[2] == pytest.approx(4.0, rel=0.02)
    assert errors_m[2] / 4.0 < HELD_HALF_A_SECOND_M
