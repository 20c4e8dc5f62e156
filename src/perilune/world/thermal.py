"""Temperature of the equipment inside: one node that the Sun, the Moon and its own use of power heat, and that radiates.

**Model.** C dT/dt = heat - emissivity sigma A T^4, with the heat constant over a step, which then has a closed solution (`_cooled`); a step
of any length is exact. The Moon below shines on the node by its infrared and by the sunlight that it sends back; both go with the height of
the Sun over the point below, down to the glow of the night.
**Error.** None of integration (1e-10 of the temperature at worst, tests). One node for a lander stands for its mean temperature; single units differ by tens of kelvins.
**Invalid when** the thermostat would switch within a step: the caller takes steps short against its cycle.
**Neglects** what way the body is turned (the area towards the Sun is constant), the panels (taken as insulated from the node), light and
infrared of the Earth (0.2 % of the Sun beyond 60,000 km, a quarter 1,000 km above it), heat of engines, the ground under a landed lander.
**Reference.** Wertz & Larson (eds.), Space Mission Analysis and Design, 3rd ed. (1999), chapter on thermal control, for the balance;
Williams et al., Icarus 283 (2017), for the temperature of the lunar night.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar

# CODATA 2018, exact since the SI of 2019.
STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
# The sky: cosmic background. It keeps the equilibrium above zero.
SKY_K = 2.725
# Bond albedo of the Moon, and the temperature of its night: 95 K, between 102 K after sunset and 90 K at dawn near the equator.
MOON_ALBEDO = 0.12
MOON_NIGHT_K = 95.0
# Newton steps that bring the closed solution to rounding, from a thousandth to a thousand times the temperature of rest (tests).
NEWTON_STEPS = 6


class MoonLight(NamedTuple):
    """What a square metre of ground below sends up [W/m2], and the share of the node's surface that sees ground."""

    infrared_w_m2: Scalar
    reflected_w_m2: Scalar
    view: Scalar


def moon_light(r_lci_m: Vec3, sun_direction_lci: Vec3, light_w_m2: Scalar) -> MoonLight:
    """From the Moon as a ball whose whole visible face is as bright as the point below."""
    radius_m = r_lci_m.norm()
    received_w_m2 = light_w_m2 * jnp.maximum(r_lci_m.dot(sun_direction_lci) / radius_m, 0.0)
    night_w_m2 = STEFAN_BOLTZMANN_W_M2_K4 * MOON_NIGHT_K**4
    hidden = jnp.minimum(RADIUS_MOON_M / radius_m, 1.0)
    view = 0.5 * (1.0 - jnp.sqrt(1.0 - hidden**2))
    return MoonLight(jnp.maximum((1.0 - MOON_ALBEDO) * received_w_m2, night_w_m2), MOON_ALBEDO * received_w_m2, view)


class Thermal(eqx.Module):
    """Surface and heat capacity of the node, and its thermostat; its state is the temperature and whether the heaters are on."""

    absorptivity: Scalar  # of sunlight
    emissivity: Scalar  # and absorptivity of infrared
    sunward_m2: Scalar
    surface_m2: Scalar
    heat_capacity_j_k: Scalar
    isotope_w: Scalar  # heat of radioisotopes
    heater_on_below_k: Scalar
    heater_off_above_k: Scalar

    def heater(self, temperature_k: Scalar, was_on: Flag) -> Flag:
        """The thermostat: between its two temperatures it stays as it was."""
        return (temperature_k < self.heater_on_below_k) | (was_on & (temperature_k <= self.heater_off_above_k))

    def heat_w(self, light_w_m2: Scalar, moon: MoonLight, dissipated_w: Scalar) -> Scalar:
        """All that warms the node."""
        sun_w = self.absorptivity * self.sunward_m2 * light_w_m2
        seen_m2 = self.surface_m2 * moon.view
        moon_w = seen_m2 * (self.absorptivity * moon.reflected_w_m2 + self.emissivity * moon.infrared_w_m2)
        sky_w = self.emissivity * self.surface_m2 * STEFAN_BOLTZMANN_W_M2_K4 * SKY_K**4
        return sun_w + moon_w + sky_w + dissipated_w + self.isotope_w

    def advanced(self, temperature_k: Scalar, heat_w: Scalar, dt_s: Scalar) -> Scalar:
        """Temperature after a step of constant heat, exactly."""
        emission_w_k4 = self.emissivity * self.surface_m2 * STEFAN_BOLTZMANN_W_M2_K4
        rest_k = (heat_w / emission_w_k4) ** 0.25
        passed = 4.0 * emission_w_k4 * rest_k**3 / self.heat_capacity_j_k * dt_s
        return rest_k * _cooled(temperature_k / rest_k, passed)


def _cooled(x: Scalar, passed: Scalar) -> Scalar:
    """Solution of dx/ds = (1 - x^4) / 4 from x after s = `passed`.

    Partial fractions give ln|(1 + x) / (1 - x)| + 2 atan(x) = s + constant. With y the logarithm, that is y + gd(y) from below x = 1 and
    pi + y - gd(y) from above it, gd the Gudermannian: both rise without a bend in the other sense, so Newton's method finds y safely.
    """
    above = x > 1.0
    sign = jnp.where(above, -1.0, 1.0)
    y0 = jnp.log((1.0 + x) / jnp.maximum(jnp.abs(1.0 - x), 1e-300))
    wanted = y0 + sign * _gudermannian(y0) + passed

    def better(_, y: Scalar) -> Scalar:
        slope = 1.0 + sign / jnp.cosh(y)
        return y - (y + sign * _gudermannian(y) - wanted) / jnp.where(slope > 0.0, slope, 1.0)

    # From above x = 1 a hot body far from rest obeys y^3 = 6 wanted; from below, y is between half of `wanted` and all of it.
    start = jnp.where(above, jnp.maximum(jnp.cbrt(6.0 * jnp.minimum(wanted, 1.0)), wanted), 0.5 * wanted)
    y = jax.lax.fori_loop(0, NEWTON_STEPS, better, start)
    ratio = jnp.tanh(0.5 * y)
    return jnp.where(passed > 0.0, jnp.where(above, 1.0 / jnp.maximum(ratio, 1e-300), ratio), x)


def _gudermannian(y: Scalar) -> Scalar:
    return 2.0 * jnp.arctan(jnp.tanh(0.5 * y))
