"""Named faults, as a person types them: `NAME[:size][@trigger]`.

`engine.thrust-loss.0:0.2@met=6900`, `altimeter.late:900`, `thruster.stuck-on.3@phase=braking`, `accelerometer.dead@altitude=15000`.
A number after the name is the unit (engine, thruster, axis); without a trigger a fault acts from the start.
"""

import math
from dataclasses import dataclass

from perilune.faults.effects import COMMAND_LINES
from perilune.faults.plan import FaultRow, Kind, Trigger
from perilune.wire.telemetry import Mode

ONE_CYCLE_S = 0.05  # shorter than a cycle: it strikes once
FOREVER_S = float("inf")


class FaultError(ValueError):
    """Words that name no fault."""


@dataclass(frozen=True)
class NamedFault:
    """A row of the catalogue: what it does, the unit of its size, and a size that has been believed or seen."""

    kind: Kind
    about: str
    unit: str
    size: float
    low: float
    high: float
    duration_s: float = FOREVER_S
    units: str = ""  # what the number after the name counts


CATALOGUE: dict[str, NamedFault] = {
    "engine.thrust-loss": NamedFault(Kind.ENGINE_THRUST_LOSS, "an engine gives less thrust", "share lost", 0.1, 0.0, 1.0, units="engine"),
    "engine.stuck": NamedFault(Kind.ENGINE_STUCK, "an engine's valve stays where it is", "throttle", 1.0, 0.0, 1.2, units="engine"),
    "engine.isp-drop": NamedFault(
        Kind.ENGINE_ISP_DROP, "an engine burns more for the same thrust", "share lost", 0.05, 0.0, 0.9, units="engine"
    ),
    "thruster.stuck-on": NamedFault(Kind.THRUSTER_STUCK_ON, "a thruster does not close", "", 1.0, 1.0, 1.0, units="thruster"),
    "thruster.stuck-off": NamedFault(Kind.THRUSTER_STUCK_OFF, "a thruster does not open", "", 1.0, 1.0, 1.0, units="thruster"),
    "accelerometer.dead": NamedFault(Kind.ACCELEROMETER_DEAD, "the accelerometers read zero (Luna-25)", "", 1.0, 1.0, 1.0),
    "accelerometer.bias": NamedFault(Kind.ACCELEROMETER_BIAS, "an accelerometer's bias jumps", "m/s2", 0.01, -10.0, 10.0, units="axis"),
    "gyro.drift": NamedFault(Kind.GYRO_DRIFT, "a gyro drifts", "rad/s", 1e-4, -0.1, 0.1, units="axis"),
    "altimeter.dead": NamedFault(Kind.ALTIMETER_DEAD, "the altimeter says nothing", "", 1.0, 1.0, 1.0),
    "altimeter.bias": NamedFault(Kind.ALTIMETER_BIAS, "the altimeter reads long", "m", 100.0, -1e4, 1e4),
    "altimeter.late": NamedFault(Kind.ALTIMETER_LATE, "the altimeter is valid only below this range (Resilience)", "m", 893.0, 0.0, 1e5),
    "velocimeter.dead": NamedFault(Kind.VELOCIMETER_DEAD, "the velocimeter says nothing", "", 1.0, 1.0, 1.0),
    "clock.jump": NamedFault(Kind.CLOCK_JUMP, "the onboard clock is off", "s", 10.0, -1e5, 1e5),
    "state.upset": NamedFault(
        Kind.STATE_UPSET, "a word of flight software's state changes once", "unit of the word", 1.0, -1e30, 1e30, ONE_CYCLE_S, "word"
    ),
    "command.lost": NamedFault(Kind.COMMAND_LOST, f"commands do not arrive: {', '.join(COMMAND_LINES)}", "", 1.0, 1.0, 1.0, 1.0, "line"),
}


def fault_row(words: str) -> FaultRow:
    """A row from words; FaultError says what was given and what is allowed."""
    rest, at_sign, trigger_words = words.partition("@")
    name_words, colon, size_words = rest.partition(":")
    if (at_sign and not trigger_words) or (colon and not size_words):
        raise FaultError(f"--fault {words}: nothing follows '{'@' if at_sign and not trigger_words else ':'}'; write NAME[:size][@trigger]")
    name, unit = _name_and_unit(name_words)
    named = CATALOGUE[name]
    size = named.size if not size_words else _number(words, "size", size_words)
    if not named.low <= size <= named.high:
        raise FaultError(f"--fault {words}: the size is {size:g} {named.unit}; it must lie in [{named.low:g}, {named.high:g}]")
    trigger, at = _trigger(words, trigger_words)
    return FaultRow(named.kind, unit, trigger, at, named.duration_s, size)


def _name_and_unit(words: str) -> tuple[str, int]:
    if words in CATALOGUE:
        return words, 0
    name, _, number = words.rpartition(".")
    if name not in CATALOGUE:
        raise FaultError(f"--fault {words}: there is no such fault; the catalogue has {', '.join(CATALOGUE)}")
    if not CATALOGUE[name].units:
        raise FaultError(f"--fault {words}: {name} has no units to choose from; write {name}")
    return name, _unit(words, CATALOGUE[name].units, number)


def _unit(words: str, counted: str, text: str) -> int:
    """Its number; axes and lines of command have names too, and are the same on every lander."""
    named = {"axis": ("x", "y", "z"), "line": COMMAND_LINES}.get(counted, ())
    if text in named:
        return named.index(text)
    if not text.isdecimal() or (named and int(text) >= len(named)):
        allowed = f"it is one of {', '.join(named)}" if named else "give its number, counted from 0"
        raise FaultError(f"--fault {words}: '{text}' is no {counted}; {allowed}")
    return int(text)


def _trigger(words: str, trigger: str) -> tuple[Trigger, float]:
    if not trigger:
        return Trigger.MET, 0.0
    kind, equals, value = trigger.partition("=")
    if not equals or kind not in ("met", "phase", "altitude"):
        raise FaultError(f"--fault {words}: the trigger '{trigger}' must be met=SECONDS, phase=NAME or altitude=METRES")
    if kind == "phase":
        if value.upper().replace("-", "_") not in Mode.__members__:
            raise FaultError(f"--fault {words}: there is no phase '{value}'; phases are {', '.join(m.name.lower() for m in Mode)}")
        return Trigger.PHASE, float(Mode[value.upper().replace("-", "_")])
    return (Trigger.MET if kind == "met" else Trigger.ALTITUDE), _number(words, kind, value)


def _number(words: str, what: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FaultError(f"--fault {words}: the {what} '{text}' is not a number")
    return number
