"""Electric power: body-mounted solar panels, what is switched on, and the battery between them.

**Model.** A panel gives area times efficiency times light times the cosine of the angle at which the light falls, never less than
nothing. What is left over charges the battery, at most at `charge_max_w` and with a loss; what is left then is not drawn from the panels.
While power is constant the charge is a straight line that stops at full and at the floor, so a step of any length is exact.
**Error.** None of integration. Real panels: some percent by temperature, age and angle; a battery holds less when it is cold.
**Invalid when** the power changes within a step: the caller cuts steps there.
**Neglects** shadows of the lander on its own panels, light from the Moon and the Earth on them, the voltage of the bus and of the battery,
the battery's own leakage, and what wakes a lander again that has gone dark.
**Reference.** Wertz & Larson (eds.), Space Mission Analysis and Design, 3rd ed. (1999), chapter on power.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar

# A charge nearer to the floor than this share of full is at the floor.
ROUNDING = 1e-9


class Panels(eqx.Module):
    """Solar panels fixed to the body; `efficiency` is of light to the bus, wiring and control included."""

    area_m2: Float[Array, " panels"]
    normal_body: Float[Array, "panels 3"]  # unit vectors, out of the cells
    efficiency: Scalar

    def power_w(self, sun_body: Vec3, light_w_m2: Scalar) -> Scalar:
        """What they can give with the Sun in a direction (unit vector, body axes) and that much light across it."""
        return self.efficiency * light_w_m2 * self.sunward_m2(sun_body)

    def sunward_m2(self, sun_body: Vec3) -> Scalar:
        """Area as the Sun sees it."""
        x, y, z = (self.normal_body[:, axis] for axis in range(3))
        return jnp.sum(self.area_m2 * jnp.maximum(x * sun_body.x + y * sun_body.y + z * sun_body.z, 0.0))


class Use(NamedTuple):
    """What is on, each a share from 0 to 1: heaters, transmitter, devices of the descent, valves of engines and thrusters."""

    heater: Scalar
    transmitter: Scalar
    devices: Scalar
    valves: Scalar


class Loads(eqx.Module):
    """What each consumer draws when it is on; `base_w` is drawn always."""

    base_w: Scalar
    heater_w: Scalar
    transmitter_w: Scalar
    devices_w: Scalar
    valves_w: Scalar

    def power_w(self, use: Use) -> Scalar:
        switched_w = use.heater * self.heater_w + use.transmitter * self.transmitter_w
        return self.base_w + switched_w + use.devices * self.devices_w + use.valves * self.valves_w


class Charging(NamedTuple):
    """Where the energy of one step went [J]; together they are the surplus, with `stored_j` below zero while it discharges."""

    stored_j: Scalar
    lost_j: Scalar  # as heat of charging
    unused_j: Scalar  # left in the panels
    unmet_j: Scalar  # asked for and not there


class Battery(eqx.Module):
    """Charge between a floor (the deepest discharge allowed, where it is cut off) and full; all losses are taken while charging."""

    capacity_j: Scalar
    floor_share: Scalar
    charge_efficiency: Scalar
    charge_max_w: Scalar

    @property
    def floor_j(self) -> Scalar:
        return self.floor_share * self.capacity_j

    def charged(self, charge_j: Scalar, surplus_w: Scalar, dt_s: Scalar) -> tuple[Scalar, Charging]:
        """Charge after a step of constant surplus (below zero: deficit), exactly."""
        offered_j = jnp.minimum(jnp.maximum(surplus_w, 0.0), self.charge_max_w) * dt_s
        accepted_j = jnp.minimum(offered_j, jnp.maximum(self.capacity_j - charge_j, 0.0) / self.charge_efficiency)
        asked_j = jnp.maximum(-surplus_w, 0.0) * dt_s
        given_j = jnp.minimum(asked_j, jnp.maximum(charge_j - self.floor_j, 0.0))
        stored_j = self.charge_efficiency * accepted_j - given_j
        lost_j = (1.0 - self.charge_efficiency) * accepted_j
        unused_j = jnp.maximum(surplus_w, 0.0) * dt_s - accepted_j
        return charge_j + stored_j, Charging(stored_j, lost_j, unused_j, asked_j - given_j)


class PowerFlow(NamedTuple):
    """Means over one step [W]; `balance_w` is what there is less what is asked for, before the battery."""

    generated_w: Scalar
    used_w: Scalar
    balance_w: Scalar
    lost_w: Scalar
    alive: Flag  # as the step begins: charge left, or no less coming in than is asked for


class Power(eqx.Module):
    """The electric system of a lander; its state is the charge [J]. `isotope_w` is what a radioisotope generator adds, always."""

    panels: Panels
    loads: Loads
    battery: Battery
    isotope_w: Scalar

    def advanced(self, charge_j: Scalar, light_w_m2: Scalar, sun_body: Vec3, use: Use, dt_s: Scalar) -> tuple[Scalar, PowerFlow]:
        """Charge after a step in which light, attitude and use stay as they are."""
        generated_w, asked_w = self.panels.power_w(sun_body, light_w_m2) + self.isotope_w, self.loads.power_w(use)
        charge_after_j, energy = self.battery.charged(charge_j, generated_w - asked_w, dt_s)
        # A step of no length asks for nothing.
        per_s = jnp.where(dt_s > 0.0, 1.0 / jnp.where(dt_s > 0.0, dt_s, 1.0), 0.0)
        balance_w = generated_w - asked_w
        alive = (balance_w >= 0.0) | (charge_j > self.battery.floor_j + ROUNDING * self.battery.capacity_j)
        return charge_after_j, PowerFlow(generated_w, asked_w - energy.unmet_j * per_s, balance_w, energy.lost_j * per_s, alive)
