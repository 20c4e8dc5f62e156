"""What a flight is made of: what never changes in it, and what does."""

import enum

import equinox as eqx

from perilune.dynamics.rigid_body import RigidBody
from perilune.faults.plan import FaultPlan, FaultState
from perilune.fsw.app import FlightSoftware, FswState
from perilune.math.random import Stream
from perilune.sim.outcome import Limits, Verdict
from perilune.types import Index, Scalar
from perilune.wire.telemetry import Telemetry
from perilune.world.plant import World, WorldState


class Mission(eqx.Module):
    """Everything that does not change in flight."""

    world: World
    fsw: FlightSoftware
    faults: FaultPlan
    limits: Limits
    start: RigidBody  # at the first tick
    propellant_kg: Scalar
    tick_s: Scalar


class MissionState(eqx.Module):
    """Everything that does."""

    world: WorldState
    fsw: FswState
    faults: FaultState
    verdict: Verdict
    mode: Index  # as flight software last reported it: what phase triggers look at
    stream: Stream


class Frame(eqx.Module):
    """One tick for the record: the truth, and what came down."""

    truth: WorldState
    downlink: Telemetry


class PhaseKind(enum.StrEnum):
    COAST = "coast"
    POWERED = "powered"


class Phase(eqx.Module):
    """A stretch of the flight plan; mission elapsed time, in whole ticks."""

    name: str = eqx.field(static=True)
    kind: PhaseKind = eqx.field(static=True)
    start_tick: int = eqx.field(static=True)
    end_tick: int = eqx.field(static=True)
    uplink_at_start: bool = eqx.field(static=True)  # the ground sends a state vector when flight software wakes


# After this long whoever comes down at all has come down: two revolutions of a low orbit and more.
FALL_S = 6 * 3600.0


def fall_after(powered: Phase, tick_s: float) -> Phase:
    """What becomes of a lander that is still above the ground when its last powered phase is over: its engines are taken for shut."""
    return Phase("fall", PhaseKind.COAST, powered.end_tick, powered.end_tick + round(FALL_S / tick_s), False)
