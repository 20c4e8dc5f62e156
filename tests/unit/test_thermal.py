"""Thermostat, the Moon's glow, and what warms the node."""

import jax.numpy as jnp
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.world.thermal import MOON_ALBEDO, MOON_NIGHT_K, STEFAN_BOLTZMANN_W_M2_K4, MoonLight, Thermal, moon_light

LIGHT_W_M2 = 1361.0
DARK = MoonLight(*(jnp.zeros(()) for _ in range(3)))
NODE = Thermal(*(jnp.asarray(number) for number in (0.3, 0.8, 0.5, 1.0, 2e5, 20.0, 278.0, 283.0)))


@pytest.mark.parametrize(
    ("temperature_k", "was_on", "on"),
    [(277.0, False, True), (280.0, False, False), (280.0, True, True), (284.0, True, False)],
)
def test_the_thermostat_keeps_what_it_was_between_its_temperatures(temperature_k, was_on, on):
    assert bool(NODE.heater(jnp.asarray(temperature_k), jnp.asarray(was_on))) is on


def test_the_ground_under_the_sun_sends_up_all_it_gets():
    above = moon_light(vec3((1.1 * RADIUS_MOON_M, 0, 0)), vec3((1, 0, 0)), jnp.asarray(LIGHT_W_M2))
    assert float(above.infrared_w_m2 + above.reflected_w_m2) == pytest.approx(LIGHT_W_M2)
    assert float(above.reflected_w_m2) == pytest.approx(MOON_ALBEDO * LIGHT_W_M2)


def test_the_night_side_glows_a_little():
    night = moon_light(vec3((-1.1 * RADIUS_MOON_M, 0, 0)), vec3((1, 0, 0)), jnp.asarray(LIGHT_W_M2))
    assert float(night.reflected_w_m2) == 0.0
    assert float(night.infrared_w_m2) == pytest.approx(STEFAN_BOLTZMANN_W_M2_K4 * MOON_NIGHT_K**4)


@pytest.mark.parametrize(("radius", "view"), [(0.999, 0.5), (1.0, 0.5), (2.0, 0.5 * (1.0 - 0.75**0.5)), (100.0, 0.25e-4)])
def test_the_moon_fills_half_of_the_sky_at_the_ground_and_shrinks_with_the_square(radius, view):
    seen = moon_light(vec3((radius * RADIUS_MOON_M, 0, 0)), vec3((1, 0, 0)), jnp.asarray(LIGHT_W_M2))
    assert float(seen.view) == pytest.approx(view, rel=1e-3 if radius == 100.0 else 1e-12)


def test_what_warms_it_adds_up():
    moon = MoonLight(jnp.asarray(400.0), jnp.asarray(100.0), jnp.asarray(0.25))
    nothing_w = float(NODE.heat_w(jnp.asarray(0.0), DARK, jnp.asarray(0.0)))
    assert nothing_w == pytest.approx(20.0, abs=1e-5)  # its isotopes; the sky gives 2.5 microwatts
    all_w = float(NODE.heat_w(jnp.asarray(LIGHT_W_M2), moon, jnp.asarray(150.0)))
    assert all_w == pytest.approx(nothing_w + 0.3 * 0.5 * LIGHT_W_M2 + 0.25 * (0.3 * 100.0 + 0.8 * 400.0) + 150.0)
