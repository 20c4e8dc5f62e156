"""The sequencer: a table of commands, each released by the onboard clock or by an event."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perilune.types import Flag, Index, Scalar
from perilune.wire.commands import UnitArray, empty_array


class Action(enum.IntEnum):
    """What a row of the table does when it is released."""

    NONE = 0
    ACCELEROMETERS_ON = 1
    ALTIMETER_ON = 2
    VELOCIMETER_ON = 3
    ARM_BRAKING = 4
    GYRO_MODE = 5  # the inertial unit's other command for a burn


class Release(enum.IntEnum):
    """What a row waits for."""

    CLOCK = 0  # onboard clock at or past `value` seconds
    MODE = 1  # mode at or past `value`
    BELOW = 2  # believed altitude at or below `value` metres
    BEFORE_BURN = 3  # `value` seconds before the first burn of the table
    BEFORE_IGNITION = 4  # `value` seconds before braking is expected to begin


class SequenceTable(eqx.Module):
    action: Int[Array, " rows"]
    release: Int[Array, " rows"]
    value: Float[Array, " rows"]
    priority: Float[Array, " rows"]  # in the array to its device: 1 before 2


class SequencerState(eqx.Module):
    released: Bool[Array, " rows"]
    sent: Bool[Array, " rows"]  # to the inertial unit
    array: UnitArray  # of this cycle


class SequencerView(eqx.Module):
    """What the sequencer looks at."""

    clock_s: Scalar
    mode: Index
    altitude_m: Scalar
    burn_s: Scalar  # start of the first burn of the table
    ignition_s: Scalar  # of braking, as expected


class Sequencer(eqx.Module):
    """Rows are released once, in any order, and stay released until flight software sleeps.

    Commands for the inertial unit go out once, packed into arrays: `mixed`, all that are released in a cycle in one array, or else
    one priority at a time.
    """

    table: SequenceTable
    mixed: Flag

    def init(self) -> SequencerState:
        nothing = jnp.zeros(self.table.action.shape, dtype=bool)
        return SequencerState(nothing, nothing, empty_array())

    def step(self, state: SequencerState, view: SequencerView) -> SequencerState:
        table = self.table
        by_clock = (table.release == Release.CLOCK) & (view.clock_s >= table.value)
        by_mode = (table.release == Release.MODE) & (view.mode >= table.value)
        by_altitude = (table.release == Release.BELOW) & (view.altitude_m <= table.value)
        before_burn = (table.release == Release.BEFORE_BURN) & (view.clock_s >= view.burn_s - table.value)
        before_ignition = (table.release == Release.BEFORE_IGNITION) & (view.clock_s >= view.ignition_s - table.value)
        released = state.released | by_clock | by_mode | by_altitude | before_burn | before_ignition
        waiting = released & ~state.sent & ((table.action == Action.GYRO_MODE) | (table.action == Action.ACCELEROMETERS_ON))
        first = jnp.min(jnp.where(waiting, table.priority, jnp.inf))
        packed = waiting & (self.mixed | (table.priority == first))
        array = UnitArray(*(self._priority(packed, action) for action in (Action.GYRO_MODE, Action.ACCELEROMETERS_ON)))
        return SequencerState(released, state.sent | packed, array)

    def _priority(self, packed: Bool[Array, " rows"], action: Action) -> Scalar:
        """Of a command in the array; 0 if it is not in it."""
        return jnp.max(jnp.where(packed & (self.table.action == action), self.table.priority, 0.0))

    def has(self, state: SequencerState, action: Action) -> Flag:
        return jnp.any(state.released & (self.table.action == action))


def sequence_table(rows: list[tuple[Action, Release, float]], priorities: list[int] | None = None) -> SequenceTable:
    """The table; every row has priority 1 unless told otherwise."""
    return SequenceTable(
        action=jnp.array([int(action) for action, _, _ in rows]),
        release=jnp.array([int(release) for _, release, _ in rows]),
        value=jnp.array([float(value) for _, _, value in rows]),
        priority=jnp.array([float(priority) for priority in priorities or [1] * len(rows)]),
    )
