"""What a fault with a name is."""

import enum
from typing import NamedTuple

from perilune.faults.channels import COMMAND_LINES
from perilune.faults.operations import Operation

ONCE_S = 0.0  # it strikes in one cycle
FOREVER_S = float("inf")
ASSUMED = "no flight: assumed"


class Units(enum.StrEnum):
    """What the word after a fault's name counts."""

    NONE = ""
    ENGINE = "engine"
    THRUSTER = "thruster"
    AXIS = "axis"
    BEAM = "beam"
    PAD = "pad"
    LINE = "line"
    WORD = "word"

    @property
    def names(self) -> tuple[str, ...]:
        """Of units that have names, and are the same on every lander."""
        return {Units.AXIS: ("x", "y", "z"), Units.LINE: COMMAND_LINES}.get(self, ())


class Strike(NamedTuple):
    """An operation on a channel, by `factor` times the size of the fault, or by a fixed amount."""

    channel: str
    operation: Operation
    factor: float = 1.0
    fixed: float | None = None

    def amount(self, size: float) -> float:
        return self.factor * size if self.fixed is None else self.fixed


class NamedFault(NamedTuple):
    """A row of the catalogue. Sizes lie in [low, high]; a fault without a unit has none."""

    about: str
    strikes: tuple[Strike, ...]
    unit: str = ""
    size: float = 1.0
    low: float = 1.0
    high: float = 1.0
    units: Units = Units.NONE
    lasts_s: float | None = FOREVER_S  # None: as long as its size
    shown: str = ASSUMED  # the flight that showed it
