"""The seams at which fault rows act: plant, sensors, memory, actuators, uplink. Without faults each is the identity, leaf for leaf.

What is compiled is what the catalogue names: each channel with the operations that some fault has on it. All of it stands behind one flag,
whether any lander of the batch has a row that acts: a healthy batch pays for the comparison only.
"""

from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from perilune.faults.catalogue import CATALOGUE
from perilune.faults.channels import CHANNELS, Channel, Leaves, Plant, Seam, kind_of
from perilune.faults.operations import CHANGES, GROWING, IN_ITS_UNIT, REACHING_OTHERS, REMEMBERING, Amount, Moment, Operation, Quantity
from perilune.faults.plan import ALL, FaultPlan, FaultState, active
from perilune.math.random import Stream
from perilune.math.rotation import identity
from perilune.math.vector import zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.commands import Commands
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, StarTrackerReading, VelocimeterReading
from perilune.wire.uplink import StateVector
from perilune.world.plant import World, WorldState

Tree = TypeVar("Tree")
Memory = dict[str, Float[Array, " n"]]

WORD, PROCESSOR = kind_of("memory.word", Operation.ADD), kind_of("memory.processor", Operation.HOLD)


class Acting(NamedTuple):
    """The rows that act in this cycle, and whether any lander of the batch has one."""

    plan: FaultPlan
    state: FaultState
    on: Bool[Array, " rows"]
    anyone: Flag
    t_s: Scalar
    cycle_s: Scalar
    stream: Stream


class Slot(NamedTuple):
    """One operation on all units of a channel."""

    channel: Channel
    operation: Operation
    units: int

    @property
    def name(self) -> str:
        return f"{self.channel.name} {self.operation.name.lower()}"


def acting(plan: FaultPlan, state: FaultState, t_s: Scalar, cycle_s: Scalar, stream: Stream, axis_name: str) -> Acting:
    """What acts now; `stream` is the lander's at this tick."""
    on = active(plan, state, t_s, cycle_s)
    anyone = jax.lax.pmax(jnp.any(on).astype(jnp.int32), axis_name) > 0
    return Acting(plan, state, on, anyone, t_s, cycle_s, stream)


def degrade(now: Acting, world: World, state: WorldState) -> tuple[World, WorldState]:
    """Plant seam."""
    plant, _ = _struck(Seam.PLANT, now, Plant(world, state))
    return plant.world, plant.state


def corrupt_measurements(now: Acting, measurements: Measurements) -> tuple[Measurements, Memory]:
    """Sensor seam; what its operations remember comes with it."""
    return _struck(Seam.SENSORS, now, measurements)


def corrupt_commands(now: Acting, commands: Commands) -> tuple[Commands, Memory]:
    """Actuator seam likewise."""
    return _struck(Seam.ACTUATORS, now, commands)


def corrupt_uplink(now: Acting, state_vector: StateVector) -> StateVector:
    """Uplink seam."""
    return _struck(Seam.UPLINK, now, state_vector)[0]


def no_faults_yet(plan: FaultPlan, world: World, commands: Commands) -> FaultState:
    """Nothing has begun; there is room for what operations on this lander's readings and orders remember. The values of `commands` do not matter."""
    slots = [slot for slot, _ in (*_slots(Seam.SENSORS, _no_readings(world)), *_slots(Seam.ACTUATORS, commands))]
    remembering = [slot for slot in slots if slot.operation in REMEMBERING]
    return FaultState(jnp.full(plan.kind.shape, jnp.inf), {slot.name: jnp.full(slot.units, jnp.nan) for slot in remembering})


def _no_readings(world: World) -> Measurements:
    """Of the shape of this lander's."""
    zero, false = jnp.zeros(()), jnp.asarray(False)
    velocimeter, pads = world.sensors.velocimeter, len(world.gear.legs)
    beams = 0 if velocimeter is None else len(velocimeter.beams_body)
    return Measurements(
        clock_s=zero,
        imu=ImuReading(zero_vec3(), zero_vec3(), false),
        star_tracker=StarTrackerReading(identity("lci", "body"), false),
        altimeter=RangeReading(zero, false),
        velocimeter=VelocimeterReading(jnp.zeros(beams), jnp.zeros(beams), jnp.zeros(beams, dtype=bool)),
        pad_touched=jnp.zeros(pads, dtype=bool),
        propellant_kg=zero,
    )


def operations_on(channel: str) -> tuple[Operation, ...]:
    """What the catalogue does to it, in order."""
    found = {strike.operation for fault in CATALOGUE.values() for strike in fault.strikes if strike.channel == channel}
    return tuple(sorted(found))


def _slots(seam: Seam, tree: Any, kinds: frozenset[int] | None = None) -> list[tuple[Slot, Leaves]]:
    """Every operation on every channel of a seam that this lander has; of some kinds, if they are given."""
    found = []
    for channel in CHANNELS:
        if channel.seam is seam and (leaves := channel.leaves(tree)).values:
            units = channel.read(leaves)[0].shape[0]
            found += [(Slot(channel, operation, units), leaves) for operation in operations_on(channel.name) if units]
    return [(slot, leaves) for slot, leaves in found if kinds is None or kind_of(slot.channel.name, slot.operation) in kinds]


def _struck(seam: Seam, now: Acting, tree: Tree) -> tuple[Tree, Memory]:
    """The tree with what its channels have become, and what the operations of this seam remember."""
    slots = _slots(seam, tree, now.plan.kinds)
    if not slots:
        return tree, {}
    channels = list({slot.channel.name: slot.channel for slot, _ in slots}.values())
    before = {slot.channel.name: leaves for slot, leaves in slots}
    memory = {slot.name: now.state.memory[slot.name] for slot, _ in slots if slot.name in now.state.memory}

    def changed() -> tuple[dict[str, Leaves], Memory]:
        return _changed([slot for slot, _ in slots], before, memory, now)

    after, memory = jax.lax.cond(now.anyone, changed, lambda: (before, memory))

    def places(tree: Any) -> list:
        return [leaf for channel in channels for part in channel.leaves(tree) for leaf in part]

    new = [leaf for channel in channels for part in after[channel.name] for leaf in part]
    return eqx.tree_at(places, tree, new), memory


def _changed(slots: list[Slot], before: dict[str, Leaves], memory: Memory, now: Acting) -> tuple[dict[str, Leaves], Memory]:
    memory, after = dict(memory), dict(before)
    numbers = np.arange(max(slot.units for slot in slots))
    units = (now.plan.unit[None, :] == numbers[:, None]) | (now.plan.unit[None, :] == ALL)
    for channel in {slot.channel.name: slot.channel for slot in slots}.values():
        value, good = channel.read(before[channel.name])
        at_all = jnp.zeros_like(good)
        moment = Moment(now.t_s, now.cycle_s, now.stream.named(channel.name))
        for slot in (slot for slot in slots if slot.channel is channel):
            amount = _amount(slot, units, now)
            remembered = jnp.where(amount.fresh, jnp.nan, memory[slot.name]) if slot.name in memory else value
            new = CHANGES[slot.operation](Quantity(value, good, remembered), amount, moment)
            hit = amount.hit
            here = hit | jnp.any(hit) if slot.operation in REACHING_OTHERS else hit
            value, good, at_all = jnp.where(here, new.value, value), jnp.where(here, new.good, good), at_all | here
            if slot.name in memory:
                memory[slot.name] = jnp.where(hit, new.memory, memory[slot.name])
        if np.isfinite(channel.least):
            value = jnp.where(at_all, jnp.maximum(value, channel.least), value)
        after[channel.name] = channel.written(before[channel.name], value, good)
    return after, memory


def _amount(slot: Slot, units: Bool[Array, "most rows"], now: Acting) -> Amount:
    """The rows on one slot; `units` says which unit each row names."""
    plan, age_s = now.plan, now.t_s - now.state.began_s
    mine = now.on & (plan.kind == kind_of(slot.channel.name, slot.operation))
    size = plan.size
    if slot.operation in GROWING:
        size = size * jnp.where(mine, jnp.maximum(age_s, 0.0), 0.0)
    if slot.channel.per_cycle and slot.operation in IN_ITS_UNIT:
        size = size * now.cycle_s
    return Amount(units[: slot.units] & mine[None, :], size, age_s < 0.5 * now.cycle_s)


def words_of(memory: Any) -> list[int]:
    """Which leaves of flight software's state a `state.upset` may strike, by place: its words in order."""
    return [place for place, leaf in enumerate(jax.tree.leaves(memory)) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]


def upset(now: Acting, before: Tree, after: Tree) -> Tree:
    """Memory seam, after a cycle: a processor that stands keeps what it had, and words change (of an array, the first element)."""

    kinds = now.plan.kinds
    if kinds is not None and not kinds & {WORD, PROCESSOR}:
        return after

    def struck() -> Tree:
        stands = jnp.any(now.on & (now.plan.kind == PROCESSOR))
        held = jax.tree.map(lambda old, new: jnp.where(stands, old, new), before, after)
        leaves, structure = jax.tree.flatten(held)
        words = now.on & (now.plan.kind == WORD)
        for number, place in enumerate(words_of(held)):
            mine = words & (now.plan.unit == number)
            flat = jnp.ravel(leaves[place])
            more = jnp.sum(jnp.where(mine, now.plan.size, 0.0))
            # A word that nothing strikes keeps the sign of its zero.
            flat = jnp.where(jnp.any(mine) & (jnp.arange(flat.shape[0]) == 0), flat + more, flat)
            leaves[place] = flat.reshape(jnp.shape(leaves[place]))
        return jax.tree.unflatten(structure, leaves)

    return jax.lax.cond(now.anyone, struck, lambda: after)
