"""What flight software orders of the vehicle for the coming cycle."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.types import Flag, Scalar


class DevicesOn(eqx.Module):
    """Power switches of the units that flight software controls."""

    accelerometers: Flag
    altimeter: Flag
    velocimeter: Flag


def all_off() -> DevicesOn:
    """Every unit without power."""
    return DevicesOn(jnp.asarray(False), jnp.asarray(False), jnp.asarray(False))


class UnitArray(eqx.Module):
    """What goes to the inertial unit in one array this cycle: the priority of each command in it, 1 before 2; 0 for one that is not."""

    gyro_mode: Scalar
    accelerometers_on: Scalar


def empty_array() -> UnitArray:
    """Nothing goes to the unit."""
    return UnitArray(jnp.zeros(()), jnp.zeros(()))


class Commands(eqx.Module):
    """Throttle of each engine (0 is off) and on-time of each thruster within the coming cycle."""

    throttle: Float[Array, " engines"]
    thruster_on_s: Float[Array, " thrusters"]
    devices_on: DevicesOn  # as wanted; the accelerometers obey the array
    unit_array: UnitArray
