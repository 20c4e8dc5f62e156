"""Faults in words, as one lander can have them."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp

from perilune.faults.named import Units
from perilune.faults.plan import Trigger
from perilune.faults.seams import words_of
from perilune.faults.words import FaultError, FaultWords, fault_rows, read_fault, refuse_units
from perilune.moon.ephemeris import load_ephemeris
from perilune.scenario.build import Flightplan
from perilune.scenario.build_fsw import Moments, build_fsw
from perilune.scenario.errors import ScenarioError
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.scenario.schema_place import epoch_of
from perilune.sim.mission import PhaseKind
from perilune.wire.telemetry import Mode

SHORT_S = 60.0  # an ephemeris, where any will do


def read_faults(file: MissionFile, faults: Sequence[str]) -> list[FaultWords]:
    """What was typed, for a lander that has the units; ScenarioError before anything is planned, since that may take minutes."""
    try:
        found = [read_fault(words) for words in faults]
        counts = unit_counts(file)
        if any(fault.named.units is Units.WORD for fault in found):
            counts[Units.WORD] = _words_of_memory(file)
        for fault in found:
            refuse_units(fault, counts, file.name)
            _refuse_abort(fault, file)
    except FaultError as error:
        raise ScenarioError(str(error)) from None
    return found


def unit_counts(file: MissionFile) -> dict[str, int]:
    """How many of each the lander has."""
    velocimeter = file.sensors.velocimeter if isinstance(file, LanderFile) else None
    return {
        Units.ENGINE: sum(group.count for group in file.engines),
        Units.THRUSTER: sum(group.count for group in file.thrusters),
        Units.BEAM: 0 if velocimeter is None else velocimeter.beams,
        Units.PAD: file.legs.count if isinstance(file, LanderFile) else 0,
    }


def _refuse_abort(fault: FaultWords, file: MissionFile) -> None:
    """FaultError for the one phase that has none after it, of a lander without it."""
    waits = fault.onset.trigger is Trigger.PHASE and int(fault.onset.at) == Mode.ABORT
    if waits and getattr(file.flight_software, "abort", None) is None:
        raise FaultError(f"--fault {fault.words}: {file.name} has no phase abort, for want of flight_software.abort")


def never_began(faults: Sequence[str], began_s: Sequence[float], end_s: float) -> list[str]:
    """Those whose moment did not come before a flight ended; `began_s` is of their rows, in order."""
    left, silent = list(began_s), []
    for words in faults:
        rows = len(fault_rows(words))
        own, left = left[:rows], left[rows:]
        silent += [words] if min(own) > end_s else []
    return silent


def refuse_late(plan: Flightplan, faults: Sequence[str]) -> None:
    """ScenarioError for a time after the end of the flight: such a fault would do nothing, without a word."""
    powered = [phase for phase in plan.phases if phase.kind is PhaseKind.POWERED]
    end_s = powered[-1].end_tick * float(plan.mission.tick_s)
    for fault in map(read_fault, faults):
        from_start = fault.onset.trigger in (Trigger.MET, Trigger.WINDOW)
        if (fault.onset.at if from_start else fault.onset.delay_s) >= end_s:
            raise ScenarioError(f"--fault {fault.words}: the flight is over at {end_s:.0f} s of mission elapsed time at the latest")


def _words_of_memory(file: MissionFile) -> int:
    """How many words flight software's state has: it is known when it is built, for whatever moment."""
    somewhen = load_ephemeris(epoch_of(file.when), SHORT_S)
    software = build_fsw(file, somewhen, Moments(0.0, 0.0, 0.0))
    return len(words_of(eqx.filter_eval_shape(software.init, jnp.zeros(()))))
