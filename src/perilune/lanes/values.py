"""What a traced value is in C: an array of elements, each a name, a literal or a place in memory; of one lander's lane or shared by all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The kinds of number, and what holds one that all lanes share. One per lane is held in a vector named as the kind itself.
KINDS = {
    "float64": "f64",
    "float32": "f32",
    "int64": "i64",
    "int32": "i32",
    "uint64": "u64",
    "uint32": "u32",
    "bool": "bool",
}
SHARED_TYPES = {"f64": "double", "f32": "float", "i64": "int64_t", "i32": "int32_t", "u64": "uint64_t", "u32": "uint32_t", "bool": "_Bool"}
LANE_TYPES = {**{kind: kind for kind in SHARED_TYPES}, "bool": "mask"}
DTYPES = {kind: np.dtype(name) for name, kind in KINDS.items()}


class Untranslated(Exception):
    """The step does something that this translator has no words for."""


@dataclass(frozen=True, slots=True)
class Element:
    """One number. Its text is safe to put between operators; `number` is its value where that is known, `place` where it lies in memory."""

    text: str
    kind: str
    lanes: bool = False
    number: Any = None
    place: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An array of elements. All that moves numbers about without changing them is done here, by numpy, and costs nothing in C."""

    elements: np.ndarray
    kind: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.elements.shape

    @property
    def size(self) -> int:
        return self.elements.size

    @property
    def lanes(self) -> bool:
        return any(element.lanes for element in self.elements.flat)

    def flat(self) -> list[Element]:
        return list(self.elements.flat)

    def only(self) -> Element:
        """Of a scalar."""
        return self.elements.reshape(1)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """An array that is too long for elements: shared by all, read by index only."""

    base: str
    kind: str
    shape: tuple[int, ...]
    lanes: bool = False


def kind_of(dtype: Any) -> str:
    name = np.dtype(dtype).name
    if name not in KINDS:
        raise Untranslated(f"numbers of type {name}")
    return KINDS[name]


def arranged(elements: Sequence[Element], shape: tuple[int, ...], kind: str) -> Value:
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return Value(array.reshape(shape), kind)


def literal(number: Any, kind: str) -> Element:
    number = DTYPES[kind].type(number)
    return Element(_literal_text(number, kind), kind, number=number)


def constant(array: Any) -> Value:
    array = np.asarray(array)
    kind = kind_of(array.dtype)
    return arranged([literal(number, kind) for number in array.flat], array.shape, kind)


def _literal_text(number: Any, kind: str) -> str:
    if kind in ("f64", "f32"):
        suffix = "f" if kind == "f32" else ""
        value = float(number)
        if math.isnan(value):
            return f"((({SHARED_TYPES[kind]})NAN))"
        if math.isinf(value):
            return f"(({SHARED_TYPES[kind]}){'-' if value < 0 else ''}INFINITY)"
        return f"({value.hex()}{suffix})"
    if kind == "bool":
        return "1" if number else "0"
    if kind in ("i64", "i32"):
        lowest = int(number) == np.iinfo(DTYPES[kind]).min
        word = f"INT64_C({int(number)})" if not lowest else f"({SHARED_TYPES[kind]})INT{DTYPES[kind].itemsize * 8}_MIN"
        return f"(({SHARED_TYPES[kind]}){word})"
    return f"(({SHARED_TYPES[kind]}){int(number)}u{'ll' if kind == 'u64' else ''})"


def memory(base: str, shape: tuple[int, ...], kind: str, lanes: bool) -> Value:
    """An array in memory, last index fastest."""
    size = math.prod(shape)
    return arranged([Element(f"{base}[{i}]", kind, lanes, place=(base, i)) for i in range(size)], shape, kind)


@dataclass(frozen=True, slots=True)
class Stride:
    """How an array lies evenly in memory: where it starts, and how far each index moves."""

    base: str
    start: int
    steps: tuple[int, ...]


def strides_of(elements: np.ndarray) -> Stride | None:
    """How an array of elements lies in memory, if it lies evenly."""
    first = elements.flat[0].place
    if first is None or any(e.place is None or e.place[0] != first[0] for e in elements.flat):
        return None
    places = np.array([e.place[1] for e in elements.flat]).reshape(elements.shape)
    corner = (0,) * elements.ndim
    steps = tuple(
        int(places[(*corner[:axis], 1, *corner[axis + 1 :])]) - first[1] if length > 1 else 0 for axis, length in enumerate(elements.shape)
    )
    grids = np.indices(elements.shape)
    expected = first[1] + sum((step * grid for step, grid in zip(steps, grids, strict=True)), np.zeros(elements.shape, dtype=int))
    return Stride(first[0], first[1], steps) if np.array_equal(places, expected) else None
