"""Touchdown switches: one at each pad."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.random import Stream
from perilune.types import Index
from perilune.world.sensors.sensor import AbstractSensor, Seen


class TouchdownState(eqx.Module):
    works: Bool[Array, " pads"]
    closed: Bool[Array, " pads"]


class TouchdownSwitches(AbstractSensor[TouchdownState, Bool[Array, " pads"]]):
    """A switch at each pad that closes at the first touch and stays closed.

    **Error.** Each switch fails for the whole flight with `miss_probability`: it then never closes.
    **Invalid when.** Never; a switch that fails looks like one that has not touched.
    **Neglects.** Bounce, delay, closing by the shock of leg deployment or of an engine.
    """

    miss_probability: Float[Array, " pads"]

    def init(self, stream: Stream) -> TouchdownState:
        count = self.miss_probability.shape[0]
        luck = jnp.stack([stream.uniform(k) for k in range(count)])
        return TouchdownState(works=luck >= self.miss_probability, closed=jnp.zeros(count, dtype=bool))

    def measure(self, state: TouchdownState, seen: Seen, stream: Stream, tick: Index) -> tuple[TouchdownState, Bool[Array, " pads"]]:
        del stream, tick  # chance acts once a flight, and the switch is read every cycle
        closed = state.closed | (seen.pads_touching & state.works)
        return TouchdownState(state.works, closed), closed
