"""The trace followed from end to end: calls are written in place, branches as `if`.

A branch whose condition differs from lane to lane is taken if any lane of the block needs it, and each lane keeps what is its own. So
what a lane computes does not depend on its neighbours; only the time does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import Literal

from perilune.lanes import arithmetic
from perilune.lanes.values import Element, Table, Untranslated, Value, arranged, constant, literal
from perilune.lanes.writer import Writer, blended, widened

Lowered = Value | Table
Emitter = Callable[..., Any]
Places = set[tuple[str, int]]


class Translator:
    """Writes traces by a table from each operation's name to what writes it."""

    def __init__(self, table: dict[str, Emitter]):
        self._table = table

    def evaluate(self, writer: Writer, closed: Any, operands: Sequence[Lowered]) -> list[Lowered]:
        """Write what a closed jaxpr does to its operands."""
        jaxpr, later = closed.jaxpr, writer.ledger.read_later
        known: dict[Any, Lowered] = dict(zip(jaxpr.constvars, map(constant, closed.consts), strict=True))
        known.update(zip(jaxpr.invars, operands, strict=True))

        def read(atom: Any) -> Lowered:
            return constant(np.asarray(atom.val, dtype=getattr(atom.aval, "dtype", None))) if isinstance(atom, Literal) else known[atom]

        equations = _needed(jaxpr)
        last = _last_reads(jaxpr, equations)
        for turn, equation in enumerate(equations):
            later.append(lambda turn=turn: places_of(known.get(atom) for atom, end in last.items() if end > turn))
            results = self._written(writer, equation, [read(atom) for atom in equation.invars])
            later.pop()
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _written(self, writer: Writer, equation: Any, operands: list[Lowered]) -> list[Lowered]:
        name = equation.primitive.name
        if name not in self._table:
            raise Untranslated(name)
        results = self._table[name](writer, equation.params, *operands)
        return results if isinstance(results, list) else [results]

    def call(self, key: str) -> Emitter:
        """A function called: written in place."""
        return lambda writer, params, *operands: self.evaluate(writer, params[key], operands)

    def cond(self, writer: Writer, params: dict, which: Value, *operands: Lowered) -> list[Lowered]:
        branches, index = params["branches"], which.only()
        if index.number is not None:
            return self.evaluate(writer, branches[min(max(int(index.number), 0), len(branches) - 1)], operands)
        if len(branches) != 2:
            raise Untranslated("more than two branches")
        flag = index if index.kind == "bool" else writer.single("bool", arithmetic.COMPARISONS["ne"][0], index, literal(0, index.kind))
        children = [writer.child(masked=flag.lanes), writer.child(masked=flag.lanes)]
        no, yes = ([_value(v) for v in self.evaluate(c, b, operands)] for c, b in zip(children, branches, strict=True))
        return list((_lane_branch if flag.lanes else _shared_branch)(writer, flag, children, list(zip(no, yes, strict=True))))


def _needed(jaxpr: Any) -> list[Any]:
    """Equations that something later reads."""
    wanted = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if not wanted.isdisjoint(equation.outvars):
            kept.append(equation)
            wanted.update(atom for atom in equation.invars if not isinstance(atom, Literal))
    return kept[::-1]


def _last_reads(jaxpr: Any, equations: list[Any]) -> dict[Any, int]:
    """Where each variable is read for the last time."""
    reads = [*(equation.invars for equation in equations), jaxpr.outvars]
    return {atom: turn for turn, atoms in enumerate(reads) for atom in atoms if not isinstance(atom, Literal)}


def places_of(values: Any) -> Places:
    """Where elements of values lie in memory."""
    return {e.place for value in values if isinstance(value, Value) for e in value.elements.flat if e.place is not None}


def _value(lowered: Lowered) -> Value:
    if isinstance(lowered, Table):
        raise Untranslated("a table that comes out of a branch")
    return lowered


Pair = tuple[Value, Value]
Children = Sequence[Writer]


def _merged(pairs: list[Pair], merge: Callable[[Element, Element], Element]) -> list[Value]:
    """Element by element; what both branches pass on is no matter of the branch."""

    def one(no: Element, yes: Element) -> Element:
        return no if no.text == yes.text else merge(no, yes)

    return [arranged([one(*row) for row in zip(no.flat(), yes.flat(), strict=True)], no.shape, no.kind) for no, yes in pairs]


def _shared_branch(writer: Writer, flag: Element, children: Children, pairs: list[Pair]) -> list[Value]:
    def merge(no: Element, yes: Element) -> Element:
        lanes = no.lanes or yes.lanes
        name = writer.variable(no.kind, lanes)
        for child, element in zip(children, (no, yes), strict=True):
            child.stream(lanes).append(f"{name} = {widened(element, lanes)};")
        return Element(name, no.kind, lanes)

    merged = _merged(pairs, merge)
    no_child, yes_child = children
    for to, no, yes in ((writer.lines, no_child.lines, yes_child.lines), (writer.tick_lines, no_child.tick_lines, yes_child.tick_lines)):
        if no or yes:
            to.extend([f"if ({flag.text}) {{", *yes, *(["} else {", *no] if no else []), "}"])
    return merged


def _lane_branch(writer: Writer, flag: Element, children: Children, pairs: list[Pair]) -> list[Value]:
    no_child, yes_child = children
    works = bool(no_child.lines)
    free = _changeable(writer, [no for no, _ in pairs])
    writer.ledger.changed_in_place |= free

    def merge(no: Element, yes: Element) -> Element:
        if no.place is not None and no.place in free:
            yes_child.lines.append(f"{no.text} = {blended(flag, yes, no, lanes=True)};")
            base, index = no.place
            return Element(f"{base}[0 + {index}]", no.kind, True, place=no.place)  # of another text: what is known of the old is not of it
        room = Element(writer.variable(no.kind, True), no.kind, True)
        no_child.lines.append(f"{room.text} = {widened(no)};")
        yes_child.lines.append(f"{room.text} = {blended(flag, yes, room, lanes=True)};")
        return room

    merged = _merged(pairs, merge)
    for child in children:
        writer.tick_lines.extend(child.tick_lines)
    # What is kept is set for all lanes first, unless that is work: then where some lane needs it.
    writer.lines.extend([f"if (ANY(NOT({flag.text}))) {{", *no_child.lines, "}"] if works else no_child.lines)
    writer.lines.extend([f"if (ANY({flag.text})) {{", *yes_child.lines, "}"])
    return merged


def _changeable(writer: Writer, kept: list[Value]) -> Places:
    """Places of the state that may be changed where they are, because nothing reads again what was there."""
    if writer.masked or not writer.hoists:
        return set()
    places = [e.place for value in kept for e in value.flat() if e.place is not None and e.place[0].startswith("X->")]
    later = set().union(*(read() for read in writer.ledger.read_later)) if places else set()
    return {place for place in places if places.count(place) == 1} - later
