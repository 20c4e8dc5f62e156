"""The sequencer: a table of commands, each released by the onboard clock or by an event."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perilune.types import Flag, Index, Scalar


class Action(enum.IntEnum):
    """What a row of the table does when it is released."""

    NONE = 0
    ACCELEROMETERS_ON = 1
    ALTIMETER_ON = 2
    VELOCIMETER_ON = 3
    START_DESCENT_ORBIT_BURN = 4
    ARM_BRAKING = 5


class Release(enum.IntEnum):
    """What a row waits for."""

    CLOCK = 0  # onboard clock at or past `value` seconds
    MODE = 1  # mode at or past `value`
    BELOW = 2  # believed altitude at or below `value` metres


class SequenceTable(eqx.Module):
    action: Int[Array, " rows"]
    release: Int[Array, " rows"]
    value: Float[Array, " rows"]


class SequencerState(eqx.Module):
    released: Bool[Array, " rows"]


class SequencerView(eqx.Module):
    """What the sequencer looks at."""

    clock_s: Scalar
    mode: Index
    altitude_m: Scalar


class Sequencer(eqx.Module):
    """Rows are released once, in any order, and stay released."""

    table: SequenceTable

    def init(self) -> SequencerState:
        return SequencerState(released=jnp.zeros(self.table.action.shape, dtype=bool))

    def step(self, state: SequencerState, view: SequencerView) -> SequencerState:
        table = self.table
        by_clock = (table.release == Release.CLOCK) & (view.clock_s >= table.value)
        by_mode = (table.release == Release.MODE) & (view.mode >= table.value)
        by_altitude = (table.release == Release.BELOW) & (view.altitude_m <= table.value)
        return SequencerState(released=state.released | by_clock | by_mode | by_altitude)

    def has(self, state: SequencerState, action: Action) -> Flag:
        return jnp.any(state.released & (self.table.action == action))


def sequence_table(rows: list[tuple[Action, Release, float]]) -> SequenceTable:
    return SequenceTable(
        action=jnp.array([int(action) for action, _, _ in rows]),
        release=jnp.array([int(release) for _, release, _ in rows]),
        value=jnp.array([float(value) for _, _, value in rows]),
    )
