"""Panels, loads and battery do what they say."""

import jax.numpy as jnp
import pytest

from perilune.math.vector import vec3
from perilune.world.power import Battery, Loads, Panels, Power, Use

LIGHT_W_M2 = 1361.0
OFF = Use(*(jnp.zeros(()) for _ in range(4)))


def numbers(*values):
    return (jnp.asarray(float(value)) for value in values)


BATTERY = Battery(*numbers(3.6e6, 0.2, 0.9, 300.0))
PANELS = Panels(jnp.asarray([1.0, 2.0]), jnp.asarray([[1.0, 0, 0], [-1.0, 0, 0]]), jnp.asarray(0.25))
LOADS = Loads(*numbers(100, 40, 50, 60, 200))
POWER = Power(PANELS, LOADS, BATTERY, jnp.asarray(5.0))


@pytest.mark.parametrize(("sun", "area_m2"), [((1, 0, 0), 1.0), ((-1, 0, 0), 2.0), ((0, 0, 1), 0.0), ((0.6, 0.8, 0), 0.6)])
def test_a_panel_sees_the_sun_by_the_cosine_and_never_from_behind(sun, area_m2):
    assert float(PANELS.power_w(vec3(sun), jnp.asarray(LIGHT_W_M2))) == pytest.approx(0.25 * LIGHT_W_M2 * area_m2)


def test_each_consumer_draws_when_it_is_on():
    assert float(LOADS.power_w(OFF)) == 100.0
    for field, draws_w in zip(Use._fields, (40.0, 50.0, 60.0, 200.0), strict=True):
        assert float(LOADS.power_w(OFF._replace(**{field: jnp.asarray(0.5)}))) == 100.0 + 0.5 * draws_w


@pytest.mark.parametrize(
    ("charge_j", "surplus_w", "charge_after_j"),
    [
        (2e6, 100.0, 2e6 + 0.9 * 100.0 * 600.0),
        (2e6, 500.0, 2e6 + 0.9 * 300.0 * 600.0),  # as fast as it takes it
        (3.59e6, 100.0, 3.6e6),  # full
        (2e6, -100.0, 2e6 - 100.0 * 600.0),
        (0.73e6, -100.0, 0.72e6),  # at its floor
    ],
)
def test_the_charge_is_a_line_that_stops_at_full_and_at_the_floor(charge_j, surplus_w, charge_after_j):
    after_j, _ = BATTERY.charged(*numbers(charge_j, surplus_w, 600.0))
    assert float(after_j) == pytest.approx(charge_after_j, rel=1e-12)


def test_a_lander_goes_dark_at_the_floor_and_not_before():
    dark = jnp.asarray(0.0)
    _, rich = POWER.advanced(jnp.asarray(2e6), dark, vec3((1, 0, 0)), OFF, jnp.asarray(600.0))
    charge_j, poor = POWER.advanced(jnp.asarray(0.73e6), dark, vec3((1, 0, 0)), OFF, jnp.asarray(600.0))
    assert bool(rich.alive) and float(rich.used_w) == 100.0
    # Most of what the step asked for was not there: 10 kJ above the floor and 5 W of the generator for 600 s.
    assert bool(poor.alive) and float(poor.used_w) == pytest.approx(5.0 + 1e4 / 600.0)
    _, empty = POWER.advanced(charge_j, dark, vec3((1, 0, 0)), OFF, jnp.asarray(600.0))
    assert not bool(empty.alive) and float(empty.used_w) == pytest.approx(5.0)
    _, lit = POWER.advanced(charge_j, jnp.asarray(LIGHT_W_M2), vec3((1, 0, 0)), OFF, jnp.asarray(600.0))
    assert bool(lit.alive) and float(lit.used_w) == 100.0


def test_a_step_of_no_length_changes_nothing_and_still_tells_the_balance():
    charge_j, flow = POWER.advanced(jnp.asarray(2e6), jnp.asarray(0.0), vec3((1, 0, 0)), OFF, jnp.asarray(0.0))
    assert float(charge_j) == 2e6
    assert (float(flow.used_w), float(flow.balance_w)) == (100.0, -95.0)
