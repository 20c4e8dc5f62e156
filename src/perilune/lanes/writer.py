"""Statements of C as they are written: for all landers once a tick, or for each block of lanes.

What depends on shared things alone is written for the tick (`T->...`, once for all blocks), all else for the block. A child writer is a
branch or the body of a loop; in a loop everything is written for the block, for it changes with each turn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perilune.lanes.values import LANE_TYPES, SHARED_TYPES, Element, Stride, Value, arranged, memory, strides_of

# Gives the text of an expression, or one of its operands where there is nothing to do.
Expression = Callable[..., Any]


@dataclass
class Ledger:
    """What a whole program has in common: names given, and what was found out on the way."""

    count: int = 0
    # What the tick holds for all blocks: C type, name, length (0: no array).
    per_tick: list[tuple[str, str, int]] = field(default_factory=list)
    # Of a choice between two, by the name of the result: flag, what is taken where it is set, and else.
    choices: dict[str, tuple[Element, Element, Element]] = field(default_factory=dict)
    # Each gives the places of the state that something after the statement in hand reads, from the outermost call inwards.
    read_later: list[Callable[[], set[tuple[str, int]]]] = field(default_factory=list)
    changed_in_place: set[tuple[str, int]] = field(default_factory=set)

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


class Writer:
    def __init__(self, ledger: Ledger, parent: "Writer | None" = None, hoists: bool = True, masked: bool = False):
        self.ledger = ledger
        self.hoists = hoists  # what is shared is written for the tick
        self.masked = masked  # in a branch that only some lanes take
        self.lines: list[str] = []
        self.tick_lines: list[str] = []
        self._parent = parent
        self._known: dict[tuple[str, str], Element] = {}

    def child(self, hoists: bool = True, masked: bool = False) -> "Writer":
        return Writer(self.ledger, self, self.hoists and hoists, self.masked or masked)

    def stream(self, lanes: bool) -> list[str]:
        """Where a statement belongs."""
        return self.lines if lanes or not self.hoists else self.tick_lines

    def let(self, kind: str, lanes: bool, expression: str) -> Element:
        """A name for an expression; one that is known already keeps its name."""
        known = self.known(kind, expression)
        if known is not None:
            return known
        element = Element(self.variable(kind, lanes, expression), kind, lanes)
        self._known[kind, expression] = element
        return element

    def known(self, kind: str, expression: str) -> Element | None:
        writer: Writer | None = self
        while writer is not None:
            if (kind, expression) in writer._known:
                return writer._known[kind, expression]
            writer = writer._parent
        return None

    def variable(self, kind: str, lanes: bool, start: str | None = None) -> str:
        """Declares a variable, and sets it."""
        if not lanes and self.hoists:
            name = self.ledger.fresh("u")
            self.ledger.per_tick.append((SHARED_TYPES[kind], name, 0))
            if start is not None:
                self.tick_lines.append(f"T->{name} = {start};")
            return f"T->{name}"
        name = self.ledger.fresh("t")
        self.lines.append(f"{c_type(kind, lanes)} {name}{'' if start is None else f' = {start}'};")
        return name

    def array(self, kind: str, lanes: bool, shape: tuple[int, ...]) -> Value:
        """Memory for an array."""
        name, size = self.ledger.fresh("a"), math.prod(shape)
        if not lanes and self.hoists:
            self.ledger.per_tick.append((SHARED_TYPES[kind], name, size))
            return memory(f"T->{name}", shape, kind, lanes)
        self.lines.append(f"{c_type(kind, lanes)} {name}[{size}];")
        return memory(name, shape, kind, lanes)

    def in_memory(self, value: Value) -> Stride:
        """Where a value lies, put there if it does not lie evenly anywhere."""
        lanes = value.lanes
        if all(element.lanes == lanes for element in value.elements.flat):
            stride = strides_of(value.elements)
            if stride is not None:
                return stride
        there = self.array(value.kind, lanes, value.shape)
        for to, source in zip(there.flat(), value.flat(), strict=True):
            self.stream(lanes).append(f"{to.text} = {widened(source, lanes)};")
        found = strides_of(there.elements)
        assert found is not None
        return found

    def each(self, kind: str, expression: Expression, *values: Value) -> Value:
        """The same expression for each element."""
        shape = np.broadcast_shapes(*(value.shape for value in values))
        rows = zip(*(np.broadcast_to(value.elements, shape).flat for value in values), strict=True)
        return arranged([self.single(kind, expression, *row) for row in rows], shape, kind)

    def single(self, kind: str, expression: Expression, *elements: Element) -> Element:
        made = expression(*elements)
        return made if isinstance(made, Element) else self.let(kind, any(element.lanes for element in elements), made)


def c_type(kind: str, lanes: bool) -> str:
    return LANE_TYPES[kind] if lanes else SHARED_TYPES[kind]


def widened(element: Element, lanes: bool = True) -> str:
    """As a vector, in each lane the same; its text alone if it is one already or is not to be."""
    if element.lanes or not lanes:
        return element.text
    return f"ALL_{element.kind}({element.text})"


def blended(flag: Element, when_true: Element, when_false: Element, lanes: bool | None = None) -> str:
    """One or the other, lane by lane."""
    lanes = any(e.lanes for e in (flag, when_true, when_false)) if lanes is None else lanes
    if not lanes:
        return f"({flag.text} ? {when_true.text} : {when_false.text})"
    return f"SELECT_{when_true.kind}({widened(flag)}, {widened(when_true)}, {widened(when_false)})"
