"""Where faults can act: the quantities at the seams, each with a name.

A channel says where its leaves are in the tree that passes its seam; the models themselves hear of nothing. Channels of one seam share no
leaf. A lander without the thing (no relief, no beams) has no leaves there, and rows on it do nothing.
"""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.faults.operations import Operation
from perilune.wire.commands import Commands
from perilune.wire.measurements import Measurements
from perilune.wire.uplink import StateVector
from perilune.world.plant import World, WorldState


class Seam(enum.Enum):
    """What passes it."""

    PLANT = "the world and its state, before the sensors look"
    SENSORS = "measurements on their way to flight software"
    MEMORY = "the state of flight software"
    ACTUATORS = "commands on their way to the vehicle"
    UPLINK = "a state vector on its way to flight software"


class Plant(NamedTuple):
    world: World
    state: WorldState


class Leaves(NamedTuple):
    """Of one channel: those of the value, and the one that says whether it is good, if there is one."""

    values: list
    good: list


class Layout(enum.Enum):
    """How leaves hold the units of a channel."""

    ROW = "one leaf, an element for each"
    COLUMN = "one leaf, a row for each, of which the first element"
    SINGLES = "a leaf for each"


class Channel(NamedTuple):
    name: str
    seam: Seam
    where: Callable[[Any], tuple]
    layout: Layout = Layout.SINGLES
    good: Callable[[Any], Any] | None = None
    per_cycle: bool = False  # it holds what came in one cycle; sizes are by the second
    least: float = -float("inf")  # a struck value stays above this

    def leaves(self, tree: Any) -> Leaves:
        values = list(self.where(tree))
        return Leaves(values, [self.good(tree)] if values and self.good is not None else [])

    def read(self, leaves: Leaves) -> tuple[Float[Array, " n"], Bool[Array, " n"]]:
        """Values, and whether they are good, of all units."""
        parts = [jnp.asarray(leaf) for leaf in leaves.values]
        value = jnp.stack(parts) if self.layout is Layout.SINGLES else parts[0]
        if self.layout is Layout.COLUMN:
            value = value[:, 0]
        good = jnp.asarray(leaves.good[0] if leaves.good else True)
        return value.astype(float), jnp.broadcast_to(good > 0, value.shape)

    def written(self, leaves: Leaves, value: Float[Array, " n"], good: Bool[Array, " n"]) -> Leaves:
        """The leaves with other values, each of the type that it had."""
        if self.layout is Layout.SINGLES:
            values = [_like(value[k], leaf) for k, leaf in enumerate(leaves.values)]
        elif self.layout is Layout.ROW:
            values = [_like(value, leaves.values[0])]
        else:
            values = [jnp.concatenate([value[:, None], jnp.asarray(leaves.values[0])[:, 1:]], axis=1)]
        return Leaves(values, [_like(good if jnp.ndim(leaf) else good[0], leaf) for leaf in leaves.good])


def _like(new: Array, leaf: Any) -> Array:
    kind = jnp.result_type(leaf)
    return new > 0.5 if kind == jnp.bool_ and new.dtype != jnp.bool_ else new.astype(kind)


def _parts(vector: Any) -> tuple:
    return vector.x, vector.y, vector.z


def _relief(plant: Plant, tile: str) -> tuple:
    relief = plant.world.terrain.relief
    return () if relief is None else (getattr(relief.tiles, tile).quantum_m,)


def _velocimeter_reach(plant: Plant) -> tuple:
    unit = plant.world.sensors.velocimeter
    return () if unit is None else (unit.range_max_m,)


def _plant(name: str, where: Callable[[Plant], tuple], layout: Layout = Layout.SINGLES, **more: Any) -> Channel:
    return Channel(name, Seam.PLANT, where, layout, **more)


def _sensed(name: str, where: Callable[[Measurements], tuple], layout: Layout = Layout.SINGLES, **more: Any) -> Channel:
    return Channel(name, Seam.SENSORS, where, layout, **more)


def _ordered(name: str, where: Callable[[Commands], tuple], layout: Layout = Layout.SINGLES) -> Channel:
    return Channel(name, Seam.ACTUATORS, where, layout)


def _sent(name: str, where: Callable[[StateVector], tuple], **more: Any) -> Channel:
    return Channel(name, Seam.UPLINK, where, **more)


CHANNELS: tuple[Channel, ...] = (
    # Engines and thrusters.
    _plant("engine.thrust", lambda p: (p.world.propulsion.engines.thrust_scale,), Layout.ROW, least=0.0),
    _plant("engine.isp", lambda p: (p.world.propulsion.engines.isp_scale,), Layout.ROW, least=0.01),
    _plant(
        "engine.valve",
        lambda p: (p.world.propulsion.engines.held_throttle,),
        Layout.ROW,
        good=lambda p: p.world.propulsion.engines.held,
    ),
    _plant("engine.rise", lambda p: (p.world.propulsion.engines.rise_tau_s,), Layout.ROW, least=1e-3),
    _plant("engine.floor", lambda p: (p.world.propulsion.engines.throttle_min,), Layout.ROW),
    _plant("engine.aside", lambda p: (p.world.propulsion.engines.push_body,), Layout.COLUMN),
    _plant("thruster.open", lambda p: (p.world.propulsion.thrusters.open,), Layout.ROW),
    _plant("thruster.shut", lambda p: (p.world.propulsion.thrusters.shut,), Layout.ROW),
    _plant("thruster.thrust", lambda p: (p.world.propulsion.thrusters.thrust_scale,), Layout.ROW, least=0.0),
    _plant("thruster.pulse", lambda p: (p.world.propulsion.thrusters.pulse_min_s,), Layout.ROW),
    # Structure and tanks.
    _plant("mass.dry", lambda p: (p.world.mass.dry_kg,), least=1.0),
    _plant("mass.centre", lambda p: _parts(p.world.mass.com_offset_body_m)),
    _plant("slosh.damping", lambda p: (p.world.slosh.damping,), least=0.0),
    _plant("tank.propellant", lambda p: (p.state.propellant_kg,), per_cycle=True, least=0.0),
    _plant("leg.height", lambda p: tuple(leg.r_pad_body_m.z for leg in p.world.gear.legs)),
    _plant(
        "strut.load",
        lambda p: (p.world.gear.primary.compression.load_first_n, p.world.gear.primary.compression.load_second_n),
        least=1.0,
    ),
    # Ground.
    _plant("ground.friction", lambda p: (p.world.gear.pad.friction,), least=0.0),
    _plant("ground.bearing", lambda p: (p.world.gear.pad.crush_n, p.world.gear.pad.crush_n_m), least=0.0),
    _plant("ground.height", lambda p: (p.world.terrain.shift_m,)),
    _plant("ground.small-relief", lambda p: _relief(p, "local"), least=0.0),
    _plant("ground.large-relief", lambda p: _relief(p, "regional"), least=0.0),
    # How units are mounted, and how far they see.
    _plant("star-tracker.mount", lambda p: _parts(p.state.sensors.star_tracker.mount_body_rad)),
    _plant("altimeter.mount", lambda p: _parts(p.state.sensors.altimeter.mount_body_rad)),
    _plant("altimeter.reach", lambda p: (p.world.sensors.altimeter.range_max_m,), least=0.0),
    _plant("velocimeter.reach", _velocimeter_reach, least=0.0),
    # Readings.
    _sensed("clock", lambda m: (m.clock_s,)),
    _sensed("accelerometer", lambda m: _parts(m.imu.delta_v_body_m_s), per_cycle=True),
    _sensed("gyro", lambda m: _parts(m.imu.delta_theta_body_rad), per_cycle=True),
    _sensed("star-tracker", lambda m: (m.star_tracker.q_lci_body.w,), good=lambda m: m.star_tracker.valid),
    _sensed("altimeter", lambda m: (m.altimeter.range_m,), good=lambda m: m.altimeter.valid, least=0.0),
    _sensed("velocimeter", lambda m: (m.velocimeter.closing_speed_m_s,), Layout.ROW, good=lambda m: m.velocimeter.valid),
    _sensed("velocimeter.range", lambda m: (m.velocimeter.range_m,), Layout.ROW),
    _sensed("touchdown", lambda m: (m.pad_touched,), Layout.ROW),
    _sensed("gauge", lambda m: (m.propellant_kg,), least=0.0),
    # Orders, by line.
    _ordered("command.engines", lambda c: (c.throttle,), Layout.ROW),
    _ordered("command.thrusters", lambda c: (c.thruster_on_s,), Layout.ROW),
    _ordered("command.accelerometers_on", lambda c: (c.devices_on.accelerometers, c.unit_array.accelerometers_on)),
    _ordered("command.altimeter_on", lambda c: (c.devices_on.altimeter,)),
    _ordered("command.velocimeter_on", lambda c: (c.devices_on.velocimeter,)),
    # What the ground sends when flight software wakes.
    _sent("state-vector.clock", lambda v: (v.clock_s,)),
    _sent("state-vector", lambda v: (v.r_lci_m.x,), good=lambda v: v.valid),
    # Flight software's memory; these two have no leaves of their own (`seams.upset`).
    Channel("memory.word", Seam.MEMORY, lambda memory: ()),
    Channel("memory.processor", Seam.MEMORY, lambda memory: ()),
)

COMMAND_LINES = tuple(c.name.removeprefix("command.") for c in CHANNELS if c.seam is Seam.ACTUATORS)
_PLACES = {channel.name: place for place, channel in enumerate(CHANNELS)}


def kind_of(channel: str, operation: Operation) -> int:
    """A channel and an operation in one number; never `plan.NOTHING`."""
    return 1 + _PLACES[channel] * len(Operation) + operation
