"""Numbers moved about: reshaped, sliced, joined, picked by index. Where the index is known this is numpy's work and leaves no C at all."""

import math
from typing import Any

import numpy as np

from perilune.lanes.values import Element, Stride, Table, Untranslated, Value, arranged, kind_of, literal
from perilune.lanes.writer import Writer, blended


def _like(value: Value, elements: Any) -> Value:
    return Value(np.asarray(elements, dtype=object).reshape(np.shape(elements)), value.kind)


def reshape(writer: Writer, params: dict, value: Value | Table) -> Value | Table:
    if isinstance(value, Table):
        return Table(value.base, value.kind, tuple(params["new_sizes"]))
    return _like(value, value.elements.reshape(params["new_sizes"]))


def squeeze(writer: Writer, params: dict, value: Value) -> Value:
    return _like(value, np.squeeze(value.elements, axis=tuple(params["dimensions"])))


def expand_dims(writer: Writer, params: dict, value: Value) -> Value:
    return _like(value, np.expand_dims(value.elements, tuple(params["dimensions"])))


def broadcast_in_dim(writer: Writer, params: dict, value: Value) -> Value:
    shape, places = params["shape"], params["broadcast_dimensions"]
    spread = [1] * len(shape)
    for place, length in zip(places, value.shape, strict=True):
        spread[place] = length
    return _like(value, np.broadcast_to(value.elements.reshape(spread), shape))


def transpose(writer: Writer, params: dict, value: Value) -> Value:
    return _like(value, np.transpose(value.elements, params["permutation"]))


def slice_(writer: Writer, params: dict, value: Value) -> Value:
    strides = params["strides"] or (1,) * value.elements.ndim
    cut = tuple(slice(a, b, s) for a, b, s in zip(params["start_indices"], params["limit_indices"], strides, strict=True))
    return _like(value, value.elements[cut])


def rev(writer: Writer, params: dict, value: Value) -> Value:
    return _like(value, np.flip(value.elements, params["dimensions"]))


def concatenate(writer: Writer, params: dict, *values: Value) -> Value:
    return _like(values[0], np.concatenate([value.elements for value in values], axis=params["dimension"]))


def stack(writer: Writer, params: dict, *values: Value) -> Value:
    return _like(values[0], np.stack([value.elements for value in values], axis=params["axis"]))


def split(writer: Writer, params: dict, value: Value) -> list[Value]:
    edges = np.cumsum(params["sizes"])[:-1]
    return [_like(value, part) for part in np.split(value.elements, edges, axis=params["axis"])]


def iota(writer: Writer, params: dict) -> Value:
    kind, shape = kind_of(params["dtype"]), params["shape"]
    numbers = np.indices(shape)[params["dimension"]].flat
    return arranged([literal(number, kind) for number in numbers], shape, kind)


def dynamic_slice(writer: Writer, params: dict, value: Value | Table, *starts: Value) -> Value:
    """The start is moved so that the slice lies inside."""
    sizes = params["slice_sizes"]
    limits = [length - size for length, size in zip(value.shape, sizes, strict=True)]
    corner = [_clipped(writer, start.only(), limit) for start, limit in zip(starts, limits, strict=True)]
    return picked(writer, value, corner, np.indices(sizes).reshape(len(sizes), -1).T, sizes)


def _clipped(writer: Writer, index: Element, limit: int) -> Element:
    """Between 0 and the limit, as a 64-bit integer."""
    if index.number is not None:
        return literal(min(max(int(index.number), 0), limit), "i64")
    if limit == 0:
        return literal(0, "i64")
    wide = _wide(writer, index)
    if wide.lanes:
        return writer.let("i64", True, f"MIN_i64(MAX_i64({wide.text}, ALL_i64(0)), ALL_i64({limit}))")
    return writer.let("i64", False, f"min_i64(max_i64({wide.text}, 0), {limit})")


def _wide(writer: Writer, index: Element) -> Element:
    if index.kind == "i64":
        return index
    return writer.let("i64", index.lanes, f"I64_OF_{index.kind.upper()}({index.text})" if index.lanes else f"((int64_t){index.text})")


def picked(writer: Writer, value: Value | Table, corner: list[Element], offsets: np.ndarray, shape: tuple[int, ...]) -> Value:
    """The numbers at a corner plus each of the offsets (one row each)."""
    if all(e.number is not None for e in corner) and isinstance(value, Value):
        places = offsets + np.array([int(e.number) for e in corner], dtype=int)
        elements: Any = [value.elements[tuple(row)] for row in places]
        return arranged(elements, shape, value.kind)
    stride = _lying(writer, value)
    flat = _place(writer, corner, stride)
    lanes = value.lanes or flat.lanes
    elements = []
    for row in offsets:
        text = f"{flat.text} + {stride.start + int(np.dot(row, stride.steps))}"
        elements.append(writer.let(value.kind, lanes, _read(value, stride.base, text, flat.lanes)))
    return arranged(elements, shape, value.kind)


def _read(value: Value | Table, base: str, index: str, by_lane: bool) -> str:
    if not by_lane:
        return f"{base}[{index}]"
    return f"{'PICK' if value.lanes else 'LOOK_UP'}_{value.kind}({base}, {index})"


def _lying(writer: Writer, value: Value | Table) -> Stride:
    if isinstance(value, Table):
        steps = tuple(math.prod(value.shape[axis + 1 :]) for axis in range(len(value.shape)))
        return Stride(value.base, 0, steps)
    return writer.in_memory(value)


def _place(writer: Writer, corner: list[Element], stride: Stride) -> Element:
    lanes = any(e.lanes for e in corner)
    terms = [f"{e.text} * {step}" for e, step in zip(corner, stride.steps, strict=True) if step and e.number != 0]
    text = f"({' + '.join(terms) or '0'})"
    return writer.let("i64", lanes, text if terms or not lanes else f"ALL_i64{text}")


def gather(writer: Writer, params: dict, value: Value | Table, indices: Value) -> Value:
    numbers, sizes = params["dimension_numbers"], params["slice_sizes"]
    if numbers.operand_batching_dims or numbers.start_indices_batching_dims:
        raise Untranslated("a gather with batches")
    mode = params["mode"].name
    kept = [axis for axis in range(len(sizes)) if axis not in numbers.collapsed_slice_dims]
    window = [sizes[axis] for axis in kept]
    offsets = np.zeros((math.prod(window), len(sizes)), dtype=int)
    offsets[:, kept] = np.indices(window).reshape(len(window), -1).T
    rows = indices.elements.reshape(-1, indices.shape[-1])
    limits = [length - size for length, size in zip(value.shape, sizes, strict=True)]
    parts = [_row(writer, value, numbers, limits, list(row), offsets, mode) for row in rows]
    out = np.empty((len(rows), len(offsets)), dtype=object)
    for i, part in enumerate(parts):
        out[i] = part
    return _placed(out.reshape(*indices.shape[:-1], *window), numbers.offset_dims, value.kind)


def _row(writer: Writer, value, numbers, limits, row, offsets, mode) -> list[Element]:
    """What one index of a gather fetches."""
    corner = [literal(0, "i64")] * len(limits)
    for axis, index in zip(numbers.start_index_map, row, strict=True):
        corner[axis] = _clipped(writer, index, limits[axis])
    found = picked(writer, value, corner, offsets, (len(offsets),)).flat()
    if mode != "FILL_OR_DROP":
        return found
    inside = [e.number is not None and 0 <= int(e.number) <= limits[a] for a, e in zip(numbers.start_index_map, row, strict=True)]
    if not all(inside):
        raise Untranslated("a gather that fills")
    return found


def _placed(array: np.ndarray, offset_dims: tuple[int, ...], kind: str) -> Value:
    """Batch axes first, offset axes behind them: to where they belong."""
    batch = array.ndim - len(offset_dims)
    order = [0] * array.ndim
    others = iter(range(batch))
    windows = iter(range(batch, array.ndim))
    for axis in range(array.ndim):
        order[axis] = next(windows) if axis in offset_dims else next(others)
    return Value(np.transpose(array, order), kind)


def dynamic_update_slice(writer: Writer, params: dict, value: Value, update: Value, *starts: Value) -> Value:
    corner = [start.only() for start in starts]
    if any(e.number is None for e in corner):
        return _update_somewhere(writer, value, update, corner)
    begin = [min(max(int(e.number), 0), n - m) for e, n, m in zip(corner, value.shape, update.shape, strict=True)]
    elements = value.elements.copy()
    elements[tuple(slice(b, b + m) for b, m in zip(begin, update.shape, strict=True))] = update.elements
    return _like(value, elements)


def _update_somewhere(writer: Writer, value: Value, update: Value, corner: list[Element]) -> Value:
    """Of one row of a vector: each place asks whether it is the one."""
    if update.size != 1 or value.elements.ndim != 1:
        raise Untranslated("a slice put where the index says")
    index = _clipped(writer, corner[0], value.size - 1)
    return _chosen(writer, value, index, lambda old: update.only())


def _chosen(writer: Writer, value: Value, index: Element, new: Any) -> Value:
    elements = []
    for place, old in enumerate(value.flat()):
        here = f"EQ_i64({index.text}, ALL_i64({place}))" if index.lanes else f"({index.text} == {place})"
        mask = writer.let("bool", index.lanes, here)
        made = new(old)
        elements.append(writer.let(value.kind, any(e.lanes for e in (mask, made, old)), blended(mask, made, old)))
    return arranged(elements, value.shape, value.kind)


def scatter(adds: bool) -> Any:
    """One number put at, or added to, one place at a time; a place outside is passed over."""

    def emit(writer: Writer, params: dict, value: Value, indices: Value, updates: Value) -> Value:
        numbers = params["dimension_numbers"]
        scalars = not numbers.update_window_dims and len(numbers.inserted_window_dims) == value.elements.ndim
        if not scalars or value.elements.ndim != 1 or numbers.operand_batching_dims:
            raise Untranslated("a scatter of more than single numbers into a vector")
        for row, update in zip(indices.elements.reshape(-1, 1), updates.flat(), strict=True):
            value = _scattered(writer, value, row[0], update, adds)
        return value

    return emit


def _scattered(writer: Writer, value: Value, index: Element, update: Element, adds: bool) -> Value:
    def new(old: Element) -> Element:
        if not adds:
            return update
        return writer.let(value.kind, old.lanes or update.lanes, f"({old.text} + {update.text})")

    if index.number is None:
        return _chosen(writer, value, _wide(writer, index), new)
    place = int(index.number)
    if not 0 <= place < value.size:
        return value
    elements = value.elements.copy()
    elements[place] = new(elements[place])
    return _like(value, elements)
