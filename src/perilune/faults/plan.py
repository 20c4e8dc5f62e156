"""The fault table: rows of numbers, so that thousands of different fault sets are one compiled program."""

import enum
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perilune.types import Index, Scalar

NOTHING = 0  # the kind of a row that is not used
ALL = -1  # in place of a unit's number: every unit


class Trigger(enum.IntEnum):
    """When a row begins: on waking after a mission elapsed time, on entering a mode, below a true altitude; or at that time itself."""

    MET = 0
    PHASE = 1
    ALTITUDE = 2
    WINDOW = 3


# How many rows one lander can have.
ROWS = 8


class FaultPlan(eqx.Module):
    """Rows `kind, unit, trigger, at, delay_s, duration_s, size`; the width is structure, the rows are values."""

    kind: Int[Array, " rows"]  # a channel and an operation in one number: `channels.kind_of`
    unit: Int[Array, " rows"]
    trigger: Int[Array, " rows"]
    at: Float[Array, " rows"]
    delay_s: Float[Array, " rows"]
    duration_s: Float[Array, " rows"]
    size: Float[Array, " rows"]
    # Kinds that rows may have, of a program that is made for these alone; none given: any of the catalogue.
    kinds: frozenset[int] | None = eqx.field(static=True, default=None)

    @property
    def width(self) -> int:
        return self.kind.shape[-1]


class FaultRow(NamedTuple):
    """One row, before it is put into a table."""

    kind: int
    unit: int = 0
    trigger: Trigger = Trigger.MET
    at: float = 0.0
    delay_s: float = 0.0  # from the trigger
    duration_s: float = float("inf")
    size: float = 0.0


class FaultState(eqx.Module):
    """The moment at which each row began, infinite before that; and what operations remember, by channel."""

    began_s: Float[Array, " rows"]
    memory: dict[str, Float[Array, " n"]]


def fault_plan(rows: tuple[FaultRow, ...] = (), width: int = ROWS) -> FaultPlan:
    """A table of fixed width; ValueError when the rows do not fit."""
    if len(rows) > width:
        raise ValueError(f"{len(rows)} faults were asked for; the table holds {width}: fly fewer at once, or widen the plan")
    padded = rows + (FaultRow(NOTHING),) * (width - len(rows))
    return FaultPlan(
        kind=jnp.array([int(r.kind) for r in padded]),
        unit=jnp.array([r.unit for r in padded]),
        trigger=jnp.array([int(r.trigger) for r in padded]),
        at=jnp.array([float(r.at) for r in padded]),
        delay_s=jnp.array([float(r.delay_s) for r in padded]),
        duration_s=jnp.array([float(r.duration_s) for r in padded]),
        size=jnp.array([float(r.size) for r in padded]),
    )


def watch(plan: FaultPlan, state: FaultState, t_s: Scalar, mode: Index, altitude_m: Scalar) -> FaultState:
    """Begin the rows whose trigger has come."""
    window = plan.trigger == Trigger.WINDOW
    by_time = ((plan.trigger == Trigger.MET) | window) & (t_s >= plan.at)
    by_phase = (plan.trigger == Trigger.PHASE) & (mode >= plan.at)
    by_altitude = (plan.trigger == Trigger.ALTITUDE) & (altitude_m <= plan.at)
    begins = (by_time | by_phase | by_altitude) & jnp.isinf(state.began_s)
    start_s = jnp.where(window, plan.at, t_s) + plan.delay_s
    return FaultState(began_s=jnp.where(begins, start_s, state.began_s), memory=state.memory)


def active(plan: FaultPlan, state: FaultState, t_s: Scalar, cycle_s: Scalar) -> Bool[Array, " rows"]:
    """Rows that act in this cycle; one that lasts no time acts in one cycle, wherever between two cycles it begins."""
    half_s = 0.5 * cycle_s
    begun = t_s >= state.began_s - half_s
    return (plan.kind != NOTHING) & begun & (t_s < state.began_s + jnp.maximum(plan.duration_s - half_s, half_s))
