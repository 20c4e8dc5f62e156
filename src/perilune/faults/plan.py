"""The fault table: rows of numbers, so that thousands of different fault sets are one compiled program."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perilune.types import Index, Scalar


class Kind(enum.IntEnum):
    """What a row does; names and sizes for people are in the catalogue."""

    NONE = 0
    ENGINE_THRUST_LOSS = 1
    ENGINE_STUCK = 2
    ENGINE_ISP_DROP = 3
    THRUSTER_STUCK_ON = 4
    THRUSTER_STUCK_OFF = 5
    ACCELEROMETER_DEAD = 6
    ACCELEROMETER_BIAS = 7
    GYRO_DRIFT = 8
    ALTIMETER_DEAD = 9
    ALTIMETER_BIAS = 10
    ALTIMETER_LATE = 11
    VELOCIMETER_DEAD = 12
    CLOCK_JUMP = 13
    STATE_UPSET = 14
    COMMAND_LOST = 15


class Trigger(enum.IntEnum):
    """When a row begins: at a mission elapsed time, on entering a mode, or below a true altitude."""

    MET = 0
    PHASE = 1
    ALTITUDE = 2


# How many faults one lander can have.
ROWS = 8


class FaultPlan(eqx.Module):
    """Rows `kind, unit, trigger, at, duration_s, size`; the width is structure, the rows are values."""

    kind: Int[Array, " rows"]
    unit: Int[Array, " rows"]
    trigger: Int[Array, " rows"]
    at: Float[Array, " rows"]
    duration_s: Float[Array, " rows"]
    size: Float[Array, " rows"]

    @property
    def width(self) -> int:
        return self.kind.shape[-1]


class FaultRow(eqx.Module):
    """One row, before it is put into a table."""

    kind: Kind = eqx.field(static=True)
    unit: int = 0
    trigger: Trigger = eqx.field(static=True, default=Trigger.MET)
    at: float = 0.0
    duration_s: float = float("inf")
    size: float = 0.0


class FaultState(eqx.Module):
    """The moment at which each row began; infinite before that."""

    began_s: Float[Array, " rows"]


def fault_plan(rows: tuple[FaultRow, ...] = (), width: int = ROWS) -> FaultPlan:
    """A table of fixed width; ValueError when the rows do not fit."""
    if len(rows) > width:
        raise ValueError(f"{len(rows)} faults were asked for; the table holds {width}: fly fewer at once, or widen the plan")
    padded = rows + (FaultRow(Kind.NONE),) * (width - len(rows))
    return FaultPlan(
        kind=jnp.array([int(r.kind) for r in padded]),
        unit=jnp.array([r.unit for r in padded]),
        trigger=jnp.array([int(r.trigger) for r in padded]),
        at=jnp.array([float(r.at) for r in padded]),
        duration_s=jnp.array([float(r.duration_s) for r in padded]),
        size=jnp.array([float(r.size) for r in padded]),
    )


def no_faults_yet(plan: FaultPlan) -> FaultState:
    return FaultState(began_s=jnp.full(plan.kind.shape, jnp.inf))


def watch(plan: FaultPlan, state: FaultState, t_s: Scalar, mode: Index, altitude_m: Scalar) -> FaultState:
    """Begin the rows whose trigger has come."""
    by_time = (plan.trigger == Trigger.MET) & (t_s >= plan.at)
    by_phase = (plan.trigger == Trigger.PHASE) & (mode >= plan.at)
    by_altitude = (plan.trigger == Trigger.ALTITUDE) & (altitude_m <= plan.at)
    begins = (by_time | by_phase | by_altitude) & jnp.isinf(state.began_s)
    return FaultState(began_s=jnp.where(begins, t_s, state.began_s))


def active(plan: FaultPlan, state: FaultState, t_s: Scalar) -> Bool[Array, " rows"]:
    return (plan.kind != Kind.NONE) & (t_s >= state.began_s) & (t_s < state.began_s + plan.duration_s)
