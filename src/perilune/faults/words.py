"""Faults as a person types them: `NAME[.unit][:size][@trigger]`.

`engine.thrust-loss.0:0.2@met=6900`, `altimeter.late:900`, `thruster.stuck-on.3@phase=braking+10`, `accelerometer.dead@altitude=15000+0..20`.
The word after the name is the unit (engine, thruster, axis), or `all`; without a trigger a fault acts from the start.
"""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from perilune.faults.catalogue import CATALOGUE
from perilune.faults.channels import kind_of
from perilune.faults.named import NamedFault, Units
from perilune.faults.plan import ALL, FaultRow, Trigger
from perilune.wire.telemetry import Mode

FORM = "NAME[.unit][:size][@trigger]"
TRIGGERS = "met=SECONDS, phase=NAME or altitude=METRES"


class FaultError(ValueError):
    """Words that name no fault."""


class Onset(NamedTuple):
    """When a fault begins, and how long it lasts; without an end, as long as faults of its name last."""

    trigger: Trigger = Trigger.MET
    at: float = 0.0
    delay_s: float = 0.0
    lasts_s: float | None = None


class FaultWords(NamedTuple):
    """A fault, read."""

    words: str
    name: str
    unit: int
    size: float
    onset: Onset

    @property
    def named(self) -> NamedFault:
        return CATALOGUE[self.name]

    def rows(self) -> tuple[FaultRow, ...]:
        """A row for each of its strikes; of a line of command, that line's."""
        strikes, unit = self.named.strikes, self.unit
        if self.named.units is Units.LINE:
            strikes, unit = strikes if unit == ALL else (strikes[unit],), ALL
        lasts_s = self.onset.lasts_s
        if lasts_s is None:
            lasts_s = self.size if self.named.lasts_s is None else self.named.lasts_s
        when = (self.onset.trigger, self.onset.at, self.onset.delay_s, lasts_s)
        return tuple(FaultRow(kind_of(s.channel, s.operation), unit, *when, s.amount(self.size)) for s in strikes)


def read_fault(words: str) -> FaultWords:
    """What was typed; FaultError says what was given and what is allowed."""
    rest, at_sign, trigger_words = words.partition("@")
    name_words, colon, size_words = rest.partition(":")
    if (at_sign and not trigger_words) or (colon and not size_words):
        raise FaultError(f"--fault {words}: nothing follows '{'@' if at_sign and not trigger_words else ':'}'; write {FORM}")
    name, unit = _name_and_unit(words, name_words)
    named = CATALOGUE[name]
    size = named.size if not size_words else _number(words, "size", size_words)
    if not named.low <= size <= named.high:
        raise FaultError(f"--fault {words}: the size is {size:g} {named.unit}; it must lie in [{named.low:g}, {named.high:g}]")
    return FaultWords(words, name, unit, size, _onset(words, trigger_words))


def fault_rows(words: str) -> tuple[FaultRow, ...]:
    """The rows of one fault, from words."""
    return read_fault(words).rows()


def rows_of(faults: Sequence[str]) -> tuple[FaultRow, ...]:
    """The rows of several."""
    return tuple(row for words in faults for row in fault_rows(words))


def refuse_units(fault: FaultWords, counts: Mapping[str, int], lander: str) -> None:
    """FaultError for a unit that this lander does not have; `counts` says how many of each kind it has."""
    kind = fault.named.units
    have = counts.get(kind)
    if have is None:
        return
    numbers = [fault.unit] + ([fault.size] if fault.named.unit == kind else [])  # a size may be another unit's number
    if have == 0 or any(number >= have for number in numbers):
        kinds = "words of state in flight software" if kind is Units.WORD else f"{kind}s"
        raise FaultError(f"--fault {fault.words}: {lander} has {f'{have} {kinds}, numbered from 0' if have else f'no {kinds}'}")


def _name_and_unit(words: str, name_words: str) -> tuple[str, int]:
    if name_words in CATALOGUE:
        return name_words, ALL if CATALOGUE[name_words].units is Units.NONE else 0
    name, _, unit = name_words.rpartition(".")
    if name not in CATALOGUE:
        close = get_close_matches(name_words, CATALOGUE, n=1, cutoff=0.5) or get_close_matches(name, CATALOGUE, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise FaultError(f"--fault {words}: there is no such fault; {hint}`perilune faults` lists them")
    if CATALOGUE[name].units is Units.NONE:
        raise FaultError(f"--fault {words}: {name} has no units to choose from; write {name}")
    return name, _unit(words, CATALOGUE[name].units, unit)


def _unit(words: str, counted: Units, text: str) -> int:
    """Its number; axes and lines of command have names too, and are the same on every lander."""
    named = counted.names
    if text == "all" and counted is not Units.WORD:
        return ALL
    if text in named:
        return named.index(text)
    if not (text.isascii() and text.isdecimal()) or (named and int(text) >= len(named)):
        allowed = f"it is one of {', '.join(named)}" if named else "give its number, counted from 0"
        raise FaultError(f"--fault {words}: '{text}' is no {counted}; {allowed}")
    return int(text)


def _onset(words: str, trigger: str) -> Onset:
    if not trigger:
        return Onset()
    kind, equals, value = trigger.partition("=")
    if not equals or kind not in ("met", "phase", "altitude"):
        raise FaultError(f"--fault {words}: the trigger '{trigger}' must be {TRIGGERS}")
    if kind == "met":
        start_s, end_s = _span(words, kind, value)
        return Onset(Trigger.MET, start_s) if end_s is None else Onset(Trigger.WINDOW, start_s, 0.0, end_s - start_s)
    place, plus, since = value.partition("+")
    start_s, end_s = _span(words, "delay", since) if plus else (0.0, None)
    lasts_s = None if end_s is None else end_s - start_s
    if kind == "altitude":
        altitude_m = _number(words, kind, place)
        if altitude_m <= 0.0:
            raise FaultError(f"--fault {words}: the altitude is {altitude_m:g} m; it must be above 0 m, over the ground below")
        return Onset(Trigger.ALTITUDE, altitude_m, start_s, lasts_s)
    mode = place.upper().replace("-", "_")
    if mode not in Mode.__members__:
        raise FaultError(f"--fault {words}: there is no phase '{place}'; phases are {', '.join(m.name.lower() for m in Mode)}")
    return Onset(Trigger.PHASE, float(Mode[mode]), start_s, lasts_s)


def _span(words: str, what: str, text: str) -> tuple[float, float | None]:
    """`A`, `A..B` or `A..`, which goes on to the end; in seconds."""
    first, dots, second = text.partition("..")
    start_s = _number(words, what, first)
    end_s = None if not dots else _number(words, what, second) if second else math.inf
    if start_s < 0.0:
        raise FaultError(f"--fault {words}: the {what} is {start_s:g} s; nothing happens before 0 s")
    if end_s is not None and end_s <= start_s:
        raise FaultError(f"--fault {words}: it ends at {end_s:g} s, which is not after {start_s:g} s")
    return start_s, end_s


def _number(words: str, what: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FaultError(f"--fault {words}: the {what} '{text}' is not a number")
    return number
