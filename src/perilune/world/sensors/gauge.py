"""Propellant gauge."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.random import Stream
from perilune.types import Index, Scalar
from perilune.world.sensors.sensor import AbstractSensor, Seen


class GaugeState(eqx.Module):
    bias_kg: Scalar


class PropellantGauge(AbstractSensor[GaugeState, Scalar]):
    """Propellant left, all tanks together.

    **Error.** A bias drawn once a flight and white noise; a reading is never below zero.
    **Invalid when.** Never; within a few sigma of empty the floor at zero makes its mean high.
    **Neglects.** Slosh, attitude and acceleration of the liquid, difference between tanks.
    """

    bias_sigma_kg: Scalar
    noise_sigma_kg: Scalar

    def init(self, stream: Stream) -> GaugeState:
        return GaugeState(stream.normal(0) * self.bias_sigma_kg)

    def measure(self, state: GaugeState, seen: Seen, stream: Stream, tick: Index) -> tuple[GaugeState, Scalar]:
        del tick  # it reads every cycle
        return state, jnp.maximum(seen.propellant_kg + state.bias_kg + stream.normal(0) * self.noise_sigma_kg, 0.0)
