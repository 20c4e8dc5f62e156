"""Loops of a known number of turns: written out where they are short, as `for` where they are long."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from perilune.lanes.control import Lowered, Translator, places_of
from perilune.lanes.values import Element, Stride, Untranslated, Value, arranged
from perilune.lanes.writer import Writer, c_type, widened

# A loop of no more operations than this, turns times body, is written out.
WRITTEN_OUT_MAX = 300


class Scan:
    """Writes `scan`, by the translator of its body."""

    def __init__(self, translator: Translator):
        self._translator = translator

    def __call__(self, writer: Writer, params: dict, *operands: Lowered) -> list[Lowered]:
        closed, length = params["jaxpr"], params["length"]
        cut = params["num_consts"], params["num_consts"] + params["num_carry"]
        constants, start, rows = operands[: cut[0]], operands[cut[0] : cut[1]], operands[cut[1] :]
        if not all(isinstance(value, Value) for value in (*start, *rows)):
            raise Untranslated("a table that a loop runs over")
        turns = range(length)[::-1] if params["reverse"] else range(length)
        written_out = length * operations(closed.jaxpr) <= WRITTEN_OUT_MAX
        return (self._written_out if written_out else self._looped)(writer, closed, turns, (constants, start, rows))

    def _written_out(self, writer: Writer, closed: Any, turns: range, operands: tuple) -> list[Lowered]:
        constants, carry, rows = operands
        made: dict[int, list[Any]] = {}
        writer.ledger.read_later.append(lambda: places_of((*constants, *rows)))
        for turn in turns:
            slices = [_slice(row, turn) for row in rows]
            results = self._translator.evaluate(writer, closed, [*constants, *carry, *slices])
            carry, made[turn] = results[: len(carry)], results[len(carry) :]
        writer.ledger.read_later.pop()
        columns = [[made[turn][k] for turn in sorted(made)] for k in range(len(made[turns[0]]))]
        return [*carry, *(Value(np.stack([value.elements for value in column]), column[0].kind) for column in columns)]

    def _looped(self, writer: Writer, closed: Any, turns: range, operands: tuple) -> list[Lowered]:
        constants, start, rows = operands
        turn = Element(writer.ledger.fresh("i"), "i64")
        lying = [writer.in_memory(row) for row in rows]
        carried = _Carried(writer, start)
        while True:
            body, names = writer.child(hoists=False), carried.named()
            slices = [_slice_at(body, row, place, turn) for row, place in zip(rows, lying, strict=True)]
            results = self._translator.evaluate(body, closed, [*constants, *names, *slices])
            if carried.settled(results[: len(start)]):
                break
        values = (*constants, *start, *rows, *results)
        of_tick = writer.hoists and not any(value.lanes for value in values)
        return _written(writer, body, carried, (turn, turns, of_tick), results[len(start) :])


def operations(jaxpr: Any) -> int:
    """How many operations a jaxpr holds, its inner ones counted."""
    return sum(1 + sum(operations(inner) for inner in _inner(equation)) for equation in jaxpr.eqns)


def _inner(equation: Any) -> list[Any]:
    parameters = [p for given in equation.params.values() for p in (given if isinstance(given, tuple | list) else (given,))]
    return [jaxpr for jaxpr in (getattr(p, "jaxpr", p) for p in parameters) if hasattr(jaxpr, "eqns")]


def _slice(row: Value, turn: int) -> Value:
    return Value(np.asarray(row.elements[turn], dtype=object).reshape(row.shape[1:]), row.kind)


def _slice_at(body: Writer, row: Value, lying: Stride, turn: Element) -> Value:
    """One row of what a loop runs over."""
    offsets = [lying.start + int(np.dot(place, lying.steps[1:])) for place in np.ndindex(*row.shape[1:])]
    texts = [f"{lying.base}[{turn.text} * {lying.steps[0]} + {offset}]" for offset in offsets]
    return arranged([body.let(row.kind, row.lanes, text) for text in texts], row.shape[1:], row.kind)


class _Carried:
    """The variables of a loop. Which of them differ from lane to lane, and which never change, is found by trying."""

    def __init__(self, writer: Writer, start: Sequence[Value]):
        self._writer = writer
        self._like = start
        self.start = [element for value in start for element in value.flat()]
        self._lanes = [element.lanes for element in self.start]
        self._fixed = [False] * len(self.start)
        self.names: list[Element] = []
        self.next: list[Element] = []

    def named(self) -> list[Value]:
        self.names = [
            element if fixed else Element(self._writer.ledger.fresh("c"), element.kind, lanes)
            for element, lanes, fixed in zip(self.start, self._lanes, self._fixed, strict=True)
        ]
        return self._together(self.names)

    def _together(self, elements: list[Element]) -> list[Value]:
        rest = iter(elements)
        return [arranged([next(rest) for _ in range(value.size)], value.shape, value.kind) for value in self._like]

    def settled(self, results: Sequence[Any]) -> bool:
        """Whether the body, written with these names, gives what the names say."""
        self.next = [element for value in results for element in value.flat()]
        fixed = [was or new.text == name.text for was, new, name in zip(self._fixed, self.next, self.names, strict=True)]
        lanes = [was or new.lanes for was, new in zip(self._lanes, self.next, strict=True)]
        same = (fixed, lanes) == (self._fixed, self._lanes)
        self._fixed, self._lanes = fixed, lanes
        return same

    def moving(self) -> list[tuple[Element, Element, Element]]:
        """Start, name and next of each that changes."""
        rows = zip(self.start, self.names, self.next, self._fixed, strict=True)
        return [(start, name, new) for start, name, new, fixed in rows if not fixed]

    def finished(self, writer: Writer, of_tick: bool) -> list[Value]:
        """As the statements after the loop know them. What is written for the tick cannot wait for a variable of the block."""

        def after(name: Element, fixed: bool) -> Element:
            if fixed or name.lanes or not writer.hoists:
                return name
            return writer.let(name.kind, not of_tick, widened(name, not of_tick))

        return self._together([after(name, fixed) for name, fixed in zip(self.names, self._fixed, strict=True)])


def _written(writer: Writer, body: Writer, carried: _Carried, turning: tuple[Element, range, bool], made: Sequence[Any]) -> list[Lowered]:
    """The loop itself, and what comes out of it."""
    turn, turns, of_tick = turning
    lines = writer.tick_lines if of_tick else writer.lines
    forced = writer.hoists and not of_tick
    stacked = [writer.array(value.kind, value.lanes or forced, (len(turns), *value.shape)) for value in made]
    for array, value in zip(stacked, made, strict=True):
        base = array.elements.flat[0].place[0]
        lanes = array.lanes
        body.lines.extend(f"{base}[{turn.text} * {value.size} + {k}] = {widened(e, lanes)};" for k, e in enumerate(value.flat()))
    moving = carried.moving()
    fresh = [Element(body.variable(name.kind, name.lanes, widened(new, name.lanes)), name.kind, name.lanes) for _, name, new in moving]
    lines.append("{" if of_tick else "")
    lines.extend(f"{c_type(name.kind, name.lanes)} {name.text} = {widened(start, name.lanes)};" for start, name, _ in moving)
    lines.append(f"for (int64_t {turn.text} = {turns[0]}; {turn.text} != {turns[-1] + turns.step}; {turn.text} += {turns.step}) {{")
    lines.extend(body.lines)
    lines.extend(f"{name.text} = {new.text};" for (_, name, _), new in zip(moving, fresh, strict=True))
    lines.append("}")
    results = [*carried.finished(writer, of_tick), *stacked]
    lines.append("}" if of_tick else "")
    return list(results)
