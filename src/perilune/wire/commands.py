"""What flight software orders of the vehicle for the coming cycle."""

import equinox as eqx
from jaxtyping import Array, Float

from perilune.types import Flag


class DevicesOn(eqx.Module):
    """Power switches of the units that flight software controls."""

    accelerometers: Flag
    altimeter: Flag
    velocimeter: Flag


class Commands(eqx.Module):
    """Throttle of each engine (0 is off) and on-time of each thruster within the coming cycle."""

    throttle: Float[Array, " engines"]
    thruster_on_s: Float[Array, " thrusters"]
    devices_on: DevicesOn
