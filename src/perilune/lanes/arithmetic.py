"""Element by element: a table from each operation of the trace to the C that does it.

Meanings are those of JAX: `max` and `min` pass NaN on, a conversion to an integer saturates and makes 0 of NaN, a shift by the whole width
gives 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from perilune.lanes.values import DTYPES, SHARED_TYPES, Element, Table, Untranslated, Value, kind_of, literal
from perilune.lanes.writer import Writer, blended, widened

FLOATS = ("f64", "f32")


def _infix(sign: str) -> Callable[[Element, Element], str]:
    return lambda a, b: f"({a.text} {sign} {b.text})"


def _logic(sign: str) -> Callable[[Element, Element], str]:
    """Masks do not mix with shared flags by themselves."""

    def expression(a: Element, b: Element) -> str:
        lanes = a.lanes or b.lanes
        return f"({widened(a, lanes)} {sign} {widened(b, lanes)})" if a.kind == "bool" else f"({a.text} {sign} {b.text})"

    return expression


def _named(name: str) -> Callable[..., str]:
    """A function of the prelude: NAME_kind for lanes, name_kind for shared numbers."""

    def expression(*elements: Element) -> str:
        lanes = any(e.lanes for e in elements)
        arguments = ", ".join(widened(e, lanes) for e in elements)
        return f"{name.upper() if lanes else name.lower()}_{elements[0].kind}({arguments})"

    return expression


def _compared(name: str, sign: str) -> Callable[[Element, Element], str]:
    def expression(a: Element, b: Element) -> str:
        if not (a.lanes or b.lanes):
            return f"({a.text} {sign} {b.text})"
        if a.kind == "bool":
            return {"eq": f"NOT({widened(a)} ^ {widened(b)})", "ne": f"({widened(a)} ^ {widened(b)})"}[name]
        return f"{name.upper()}_{a.kind}({widened(a)}, {widened(b)})"

    return expression


def known_as(a: Element, number: int) -> bool:
    """A number that is known, and is this."""
    return a.number is not None and bool(a.number == number)


def _ordered(a: Element, b: Element) -> tuple[Element, Element]:
    """Of two that may change places, always the same first: so that a symmetric matrix is worked out once."""
    return (a, b) if a.text <= b.text else (b, a)


def _added(a: Element, b: Element) -> Any:
    if known_as(a, 0) or known_as(b, 0):
        return b if known_as(a, 0) else a
    return _infix("+")(*_ordered(a, b))


def _subtracted(a: Element, b: Element) -> Any:
    if known_as(a, 0) and a.kind in FLOATS:
        return f"(-{b.text})"
    return a if known_as(b, 0) else _infix("-")(a, b)


def _multiplied(a: Element, b: Element) -> Any:
    """A zero that is known, as in a matrix that is mostly zeros, wins: even against what is not finite."""
    if known_as(a, 0) or known_as(b, 0):
        return literal(0, a.kind)
    if known_as(a, 1) or known_as(b, 1):
        return b if known_as(a, 1) else a
    return _infix("*")(*_ordered(a, b))


def _divided(a: Element, b: Element) -> str:
    return f"({a.text} / {b.text})" if a.kind in FLOATS else _by_integer("/", "quotient")(a, b)


def _by_integer(sign: str, name: str) -> Callable[[Element, Element], str]:
    """C leaves a division by zero undefined, JAX does not."""
    return lambda a, b: f"({a.text} {sign} {b.text})" if b.number is not None and b.number not in (0, -1) else _named(name)(a, b)


def _extreme(name: str) -> Callable[[Element, Element], str]:
    """NaN wins. The machine's instruction gives its second operand if either is NaN, so a known number goes first."""

    def expression(a: Element, b: Element) -> str:
        lanes = a.lanes or b.lanes
        if b.number is not None and a.number is None:
            a, b = b, a
        known = a.number is not None and (a.kind not in FLOATS or np.isfinite(a.number))
        word = f"{name}_known" if known else name
        return f"{word.upper() if lanes else word}_{a.kind}({widened(a, lanes)}, {widened(b, lanes)})"

    return expression


def _not(a: Element) -> str:
    if a.kind != "bool":
        return f"(~{a.text})"
    return f"NOT({a.text})" if a.lanes else f"(!{a.text})"


def _shift(sign: str, unsigned: bool) -> Callable[[Element, Element], str]:
    def expression(a: Element, b: Element) -> str:
        if b.number is None or not 0 <= int(b.number) < 8 * DTYPES[b.kind].itemsize:
            raise Untranslated("a shift by what is not known")
        kind = a.kind.replace("i", "u") if unsigned else a.kind
        there, back = (kind, a.kind) if a.lanes else (SHARED_TYPES[kind], SHARED_TYPES[a.kind])
        if kind == a.kind:
            return f"({a.text} {sign} {int(b.number)})"
        return f"(({back})(({there}){a.text} {sign} {int(b.number)}))"

    return expression


def _converted(kind: str) -> Callable[[Element], Any]:
    def expression(a: Element) -> Any:
        if a.kind == kind:
            return a
        if not a.lanes:
            saturates = a.kind in FLOATS and kind not in (*FLOATS, "bool")
            return f"{kind}_of_{a.kind}({a.text})" if saturates else f"(({SHARED_TYPES[kind]}){a.text})"
        if kind == "bool":
            return f"NE_{a.kind}({a.text}, ALL_{a.kind}(0))"
        if a.kind == "bool":
            return f"SELECT_{kind}({a.text}, ALL_{kind}(1), ALL_{kind}(0))"
        return f"{kind.upper()}_OF_{a.kind.upper()}({a.text})"

    return expression


def _power(y: int) -> Callable[[Element], Any]:
    def expression(a: Element) -> Any:
        if y == 0:
            return literal(1, a.kind)
        if a.number is not None and y > 0:
            return literal(a.number**y, a.kind)
        product = " * ".join([a.text] * abs(y))
        return f"({product})" if y > 0 else f"({'1.0f' if a.kind == 'f32' else '1.0'} / ({product}))"

    return expression


# name: what C says, and what numpy makes of numbers that are known
PLAIN: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None]] = {
    "add": (_added, np.add),
    "add_any": (_added, np.add),
    "sub": (_subtracted, np.subtract),
    "mul": (_multiplied, np.multiply),
    "div": (_divided, None),
    "rem": (_by_integer("%", "remainder"), None),
    "neg": (lambda a: f"(-{a.text})", np.negative),
    "abs": (_named("abs"), None),
    "sign": (_named("sign"), None),
    "max": (_extreme("max"), np.maximum),
    "min": (_extreme("min"), np.minimum),
    "and": (_logic("&"), np.bitwise_and),
    "or": (_logic("|"), np.bitwise_or),
    "xor": (_logic("^"), np.bitwise_xor),
    "not": (_not, np.invert),
    "shift_left": (_shift("<<", False), None),
    "shift_right_logical": (_shift(">>", True), None),
    "shift_right_arithmetic": (_shift(">>", False), None),
    "square": (_power(2), None),
    **{name: (_named(name), None) for name in ("sqrt", "floor", "ceil", "exp", "log", "log1p", "expm1", "sin", "cos", "tan")},
    **{name: (_named(name), None) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh", "erf_inv", "erf", "cbrt")},
    "atan2": (_named("atan2"), None),
    "pow": (_named("pow"), None),
}
COMPARISONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "eq": (_compared("eq", "=="), np.equal),
    "ne": (_compared("ne", "!="), np.not_equal),
    "lt": (_compared("lt", "<"), np.less),
    "le": (_compared("le", "<="), np.less_equal),
    "gt": (_compared("gt", ">"), np.greater),
    "ge": (_compared("ge", ">="), np.greater_equal),
}


def _folding(expression: Callable[..., Any], fold: Callable[..., Any] | None, kind: str) -> Callable[..., Any]:
    """What is known is worked out here: that is how indices are found, and matrices of constants."""

    def folded(*elements: Element) -> Any:
        if fold is None or any(e.number is None for e in elements):
            return expression(*elements)
        with np.errstate(all="ignore"):
            return literal(fold(*(e.number for e in elements)), kind)

    return folded


def plain(name: str) -> Callable[..., Value]:
    expression, fold = PLAIN[name]

    def emit(writer: Writer, params: dict, *values: Value) -> Value:
        kind = values[0].kind
        return writer.each(kind, _folding(expression, fold, kind), *values)

    return emit


def comparison(name: str) -> Callable[..., Value]:
    expression, fold = COMPARISONS[name]
    return lambda writer, params, a, b: writer.each("bool", _folding(expression, fold, "bool"), a, b)


def divide(writer: Writer, params: dict, a: Value, b: Value) -> Value:
    """What `computed_once` divides by one stays as it is: here nothing is worked out twice."""
    if a.size == b.size and all(_one_if_finite(writer, x, y) for x, y in zip(a.flat(), b.flat(), strict=True)):
        return a
    return writer.each(a.kind, _divided, a, b)


def _one_if_finite(writer: Writer, a: Element, b: Element) -> bool:
    finite = writer.known("bool", _finite(a)) if a.kind in FLOATS and a.number is None else None
    if finite is None:
        return False
    one = writer.known(a.kind, blended(finite, literal(1, a.kind), literal(2, a.kind)))
    return one is not None and one.text == b.text


def _finite(a: Element) -> str:
    return f"LT_{a.kind}(ABS_{a.kind}({a.text}), ALL_{a.kind}(INFINITY))" if a.lanes else f"(_Bool)isfinite({a.text})"


def is_finite(writer: Writer, params: dict, a: Value) -> Value:
    return writer.each("bool", _folding(_finite, np.isfinite, "bool"), a)


def convert(writer: Writer, params: dict, value: Value | Table) -> Value | Table:
    kind = kind_of(params["new_dtype"])
    if value.kind == kind:
        return value
    if isinstance(value, Table):
        raise Untranslated("a table converted")

    def folded(a: Element) -> Any:
        if a.number is not None and not (a.kind in FLOATS and kind not in FLOATS):
            return literal(a.number, kind)
        return _converted(kind)(a)

    return writer.each(kind, folded, value)


def integer_power(writer: Writer, params: dict, value: Value) -> Value:
    return writer.each(value.kind, _power(params["y"]), value)


def rounded(writer: Writer, params: dict, value: Value) -> Value:
    even = params["rounding_method"].name == "TO_NEAREST_EVEN"
    return writer.each(value.kind, _named("even" if even else "away"), value)


def select(writer: Writer, params: dict, which: Value, *cases: Value) -> Value:
    if which.kind != "bool" or len(cases) != 2:
        raise Untranslated("a choice among more than two")

    def expression(flag: Element, when_false: Element, when_true: Element) -> Any:
        if flag.number is not None:
            return when_true if flag.number else when_false
        if when_true.text == when_false.text:
            return when_true
        return blended(flag, when_true, when_false)

    chosen = writer.each(cases[0].kind, expression, which, *cases)
    rows = zip(*(np.broadcast_to(v.elements, chosen.shape).flat for v in (chosen, which, *cases)), strict=True)
    writer.ledger.choices.update({e.text: (flag, yes, no) for e, flag, no, yes in rows if flag.lanes and e.place is None})
    return chosen


def clamp(writer: Writer, params: dict, low: Value, x: Value, high: Value) -> Value:
    return writer.each(x.kind, _extreme("min"), high, writer.each(x.kind, _extreme("max"), low, x))
