"""What keeps a lander alive and heard, joined: power, temperature and radio over one step of time.

**Model.** Light, attitude and use stay as they are in a step. The thermostat looks at the temperature of the beginning; all power used
becomes heat inside, but for what the transmitter radiates; a lander whose battery is at its floor and whose panels do not
give enough is dark: it is not heard, and uses what there is.
**Error.** First order in the step where heaters, light or attitude change within it.
**Invalid when** a step is longer than an eclipse or the thermostat's cycle.
**Neglects** what dark does to a lander beyond silence: flight software, frozen propellant.
**Reference.** The parts: `world/power.py`, `world/thermal.py`, `world/radio.py`.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar
from perilune.world.power import Power, PowerFlow, Use
from perilune.world.radio import Radio
from perilune.world.thermal import MoonLight, Thermal


class BusState(eqx.Module):
    charge_j: Scalar
    temperature_k: Scalar
    heating: Flag


class Outside(NamedTuple):
    """What a step takes as constant: light [W/m2, shadows included], the Sun's direction, the Moon's glow, and use (its heater apart)."""

    light_w_m2: Scalar
    sun_body: Vec3
    moon: MoonLight
    use: Use


class Bus(eqx.Module):
    """Everything of it that does not change in flight."""

    power: Power
    thermal: Thermal
    radio: Radio
    start_charge_share: Scalar
    start_temperature_k: Scalar

    def init(self) -> BusState:
        charge_j = self.start_charge_share * self.power.battery.capacity_j
        return BusState(charge_j, jnp.asarray(self.start_temperature_k, dtype=float), jnp.asarray(False))

    def advanced(self, state: BusState, outside: Outside, dt_s: Scalar) -> tuple[BusState, PowerFlow]:
        """The state at the end of a step, and the flow of power in it."""
        heating = self.thermal.heater(state.temperature_k, state.heating)
        use = outside.use._replace(heater=jnp.where(heating, 1.0, 0.0))
        charge_j, flow = self.power.advanced(state.charge_j, outside.light_w_m2, outside.sun_body, use, dt_s)
        radiated_w = jnp.minimum(use.transmitter * self.radio.link.power_w, flow.used_w)
        inside_w = flow.used_w + flow.lost_w - radiated_w
        temperature_k = self.thermal.advanced(state.temperature_k, self.thermal.heat_w(outside.light_w_m2, outside.moon, inside_w), dt_s)
        return BusState(charge_j, temperature_k, heating), flow
