"""The inertial unit's own control: it takes arrays of commands and carries them out by priority."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.random import Stream
from perilune.types import Flag, Scalar
from perilune.wire.commands import UnitArray


class InertialUnitControl(eqx.Module):
    """Which commands of an array are carried out.

    **Model.** The command of highest priority always; one of lower priority in the same array is lost with a probability. The unit
    stays as it was set until it loses power.
    **Neglects** all that the unit does besides switching its accelerometers; the time that it takes.
    **Reference.** Roscosmos, 3 October 2023: the accelerometers of Luna-25 were not switched on "due to the possible entry into one data
    array of commands with different priorities for their execution by the device".
    """

    mixed_loss: Scalar  # probability

    def accelerometers_on(self, on: Flag, array: UnitArray, stream: Stream) -> Flag:
        """Whether they are on after an array."""
        asked = array.accelerometers_on > 0.0
        outranked = (array.gyro_mode > 0.0) & (array.gyro_mode < array.accelerometers_on)
        lost = outranked & (stream.uniform(0) < self.mixed_loss)
        return jnp.asarray(on) | (asked & jnp.logical_not(lost))
