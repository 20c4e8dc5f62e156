"""Orders of convergence, measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.mass_flow import burn_time_s, delta_v_m_s, mass_after_kg, mass_rate_kg_s
from perilune.dynamics.orbit import kepler_step, period_s
from perilune.dynamics.propagate import PointMass, burn_rates, coast_rates, propagated, propagated_fixed
from perilune.math.integrate import midpoint_step, rk4_step
from perilune.math.vector import vec3
from perilune.moon.gravity import point_mass_accel_m_s2

GM_M3_S2 = 4.9028e12
START = PointMass(vec3((1.8e6, 0.0, 0.0)), vec3((100.0, 1200.0, 1300.0)), jnp.asarray(1000.0))
# The slope between two halvings differs from the order by terms of the next order.
ORDER_LIMIT = 0.1
# The control holds the error of one step at 1e-13 of the state (2e-7 m); along the orbit such errors grow with the square of time.
ORBIT_LIMIT_M = 1e-3
ENERGY_LIMIT = 1e-11


def pull_m_s2(t_s, r_m):
    return point_mass_accel_m_s2(r_m, GM_M3_S2)


def orbit_error_m(step, steps):
    dt_s = 1000.0 / steps

    def advance(state, _):
        return step(coast_rates(pull_m_s2), 0.0, state, dt_s), None

    end = jax.jit(lambda at: jax.lax.scan(advance, at, None, length=steps)[0])(START)
    exact_m, _ = kepler_step(START.r_m, START.v_m_s, 1000.0, GM_M3_S2)
    return float((end.r_m - exact_m).norm())


@pytest.mark.parametrize(("step", "order", "steps"), [(midpoint_step, 2, (200, 400)), (rk4_step, 4, (50, 100))])
def test_order_of_fixed_steps(step, order, steps):
    coarse_m, fine_m = (orbit_error_m(step, count) for count in steps)
    assert np.log2(coarse_m / fine_m) == pytest.approx(order, abs=ORDER_LIMIT)


def test_fixed_and_adaptive_coasts_agree_with_kepler():
    exact_m, _ = kepler_step(START.r_m, START.v_m_s, 1000.0, GM_M3_S2)
    fixed = propagated_fixed(coast_rates(pull_m_s2), START, 0.0, 1.0, 1000)
    adaptive = propagated(coast_rates(pull_m_s2), START, 0.0, 1000.0)
    # RK4 at 1 s: (1e-3 rad of the orbit a step)^4 / 120 over a radian, of 2e6 m.
    assert (fixed.r_m - exact_m).norm() < 1e-7
    assert (adaptive.r_m - exact_m).norm() < 1e-7


def test_period_and_energy_over_ten_orbits():
    energy = 0.5 * START.v_m_s.norm_squared() - GM_M3_S2 / START.r_m.norm()
    ten_periods_s = 10.0 * period_s(-0.5 * GM_M3_S2 / energy, GM_M3_S2)
    end = jax.jit(lambda at: propagated(coast_rates(pull_m_s2), at, 0.0, ten_periods_s))(START)
    assert (end.r_m - START.r_m).norm() < ORBIT_LIMIT_M
    energy_end = 0.5 * end.v_m_s.norm_squared() - GM_M3_S2 / end.r_m.norm()
    assert abs(energy_end / energy - 1.0) < ENERGY_LIMIT


def test_rocket_equation():
    """A burn without gravity gives the speed of the closed form, and takes its time."""
    thrust_n, isp_s, gain_m_s = 500.0, 310.0, 700.0
    time_s = burn_time_s(1000.0, gain_m_s, thrust_n, isp_s)
    rates = burn_rates(lambda t_s, r_m: r_m * 0.0, thrust_n, isp_s, lambda t_s, state: vec3((0.0, 0.6, 0.8)))
    end = propagated(rates, START, 0.0, time_s)
    assert (end.v_m_s - START.v_m_s).norm() == pytest.approx(gain_m_s, rel=1e-12)
    assert end.mass_kg == pytest.approx(float(mass_after_kg(1000.0, gain_m_s, isp_s)), rel=1e-13)
    assert delta_v_m_s(1000.0, end.mass_kg, isp_s) == pytest.approx(gain_m_s, rel=1e-12)
    assert mass_rate_kg_s(thrust_n, isp_s) == pytest.approx(-500.0 / (310.0 * 9.80665), rel=1e-15)


def test_derivatives_through_a_coast():
    """Targeting wants forward mode: the transition matrix is symplectic, so its determinant is one."""

    def end_of(row):
        at = PointMass(vec3(row[:3]), vec3(row[3:]), jnp.asarray(1.0))
        end = propagated(coast_rates(pull_m_s2), at, 0.0, 1000.0)
        return jnp.concatenate([end.r_m.array(), end.v_m_s.array()])

    start = jnp.concatenate([START.r_m.array(), START.v_m_s.array()])
    transition = jax.jit(jax.jacfwd(end_of))(start)
    # Lengths and speeds differ by 1e3, the matrix by 1e6: rounding of the determinant is that much above float64's.
    assert jnp.linalg.det(transition) == pytest.approx(1.0, abs=1e-9)


def test_a_coast_that_cannot_be_flown_spoils_its_own_row_only(monkeypatch):
    monkeypatch.setattr("perilune.dynamics.propagate.STEPS_MAX", 1000)

    def coast(speed_m_s):
        at = PointMass(START.r_m, vec3((0.0, 1.0, 0.0)) * speed_m_s, jnp.asarray(1.0))
        return propagated(coast_rates(pull_m_s2), at, 0.0, 3000.0).r_m.x

    fallen, flown = jax.jit(jax.vmap(coast))(jnp.array([0.0, 1700.0]))
    assert jnp.isnan(fallen)
    assert jnp.isfinite(flown)
