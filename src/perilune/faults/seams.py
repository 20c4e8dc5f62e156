"""The seams at which fault rows act: plant, sensors, memory, actuators. Without faults each is the identity, leaf for leaf."""

from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.faults.effects import Effects
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar
from perilune.wire.commands import Commands, DevicesOn, UnitArray
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, VelocimeterReading
from perilune.world.propulsion import Propulsion

Tree = TypeVar("Tree")


def degrade(effects: Effects, propulsion: Propulsion) -> Propulsion:
    """Plant seam: engines that give less, hold their throttle, or valves that do not move."""
    return eqx.tree_at(
        lambda p: (
            p.engines.thrust_scale,
            p.engines.isp_scale,
            p.engines.held,
            p.engines.held_throttle,
            p.thrusters.open,
            p.thrusters.shut,
        ),
        propulsion,
        (
            propulsion.engines.thrust_scale * (1.0 - effects.thrust_loss),
            propulsion.engines.isp_scale * (1.0 - effects.isp_drop),
            jnp.maximum(propulsion.engines.held, effects.engine_stuck),
            jnp.where(effects.engine_stuck > 0.0, effects.engine_stuck_throttle, propulsion.engines.held_throttle),
            jnp.maximum(propulsion.thrusters.open, effects.thruster_open),
            jnp.maximum(propulsion.thrusters.shut, effects.thruster_shut),
        ),
    )


def corrupt_measurements(effects: Effects, measurements: Measurements, cycle_s: Scalar) -> Measurements:
    """Sensor seam."""
    return Measurements(
        clock_s=measurements.clock_s + effects.clock_jump_s,
        imu=_imu(effects, measurements.imu, cycle_s),
        star_tracker=measurements.star_tracker,
        altimeter=_altimeter(effects, measurements.altimeter),
        velocimeter=_velocimeter(effects, measurements.velocimeter),
        pad_touched=measurements.pad_touched,
        propellant_kg=measurements.propellant_kg,
    )


def _imu(effects: Effects, imu: ImuReading, cycle_s: Scalar) -> ImuReading:
    alive = effects.accelerometer_dead == 0.0
    delta_v = imu.delta_v_body_m_s + effects.accelerometer_bias_m_s2 * cycle_s
    return ImuReading(
        delta_v_body_m_s=Vec3(*(jnp.where(alive, c, 0.0) for c in delta_v.components())),
        delta_theta_body_rad=imu.delta_theta_body_rad + effects.gyro_drift_rad_s * cycle_s,
        valid=imu.valid,
    )


def _altimeter(effects: Effects, reading: RangeReading) -> RangeReading:
    in_time = (effects.altimeter_late == 0.0) | (reading.range_m < effects.altimeter_valid_below_m)
    return RangeReading(range_m=reading.range_m + effects.altimeter_bias_m, valid=reading.valid & (effects.altimeter_dead == 0.0) & in_time)


def _velocimeter(effects: Effects, reading: VelocimeterReading) -> VelocimeterReading:
    alive = effects.velocimeter_dead == 0.0
    return VelocimeterReading(closing_speed_m_s=reading.closing_speed_m_s, range_m=reading.range_m, valid=reading.valid & alive)


def corrupt_commands(effects: Effects, commands: Commands) -> Commands:
    """Actuator seam: a lost command reads as off."""
    kept = 1.0 - effects.command_lost
    return Commands(
        throttle=commands.throttle * kept[0],
        thruster_on_s=commands.thruster_on_s * kept[1],
        devices_on=DevicesOn(
            accelerometers=commands.devices_on.accelerometers & (kept[2] > 0.0),
            altimeter=commands.devices_on.altimeter & (kept[3] > 0.0),
            velocimeter=commands.devices_on.velocimeter & (kept[4] > 0.0),
        ),
        unit_array=UnitArray(commands.unit_array.gyro_mode, commands.unit_array.accelerometers_on * kept[2]),
    )


def words_of(memory: Any) -> list[int]:
    """Which leaves of flight software's state a `state.upset` may strike, by place: its words in order."""
    return [place for place, leaf in enumerate(jax.tree.leaves(memory)) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]


def upset(effects: Effects, any_fault: Flag, memory: Tree) -> Tree:
    """Memory seam: add a size to one word of flight software's state (the first element, where the word is an array)."""

    def struck(tree: Tree) -> Tree:
        leaves, structure = jax.tree.flatten(tree)
        for number, place in enumerate(words_of(tree)):
            struck_by = jnp.sum(jnp.where(effects.upset_word == number, effects.upset_size, 0.0))
            flat = jnp.ravel(leaves[place])
            flat = flat.at[0].add(struck_by)
            leaves[place] = flat.reshape(jnp.shape(leaves[place]))
        return jax.tree.unflatten(structure, leaves)

    return jax.lax.cond(any_fault, struck, lambda tree: tree, memory)
