"""Sums, extremes and products of matrices, in the order in which the numbers lie."""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from perilune.lanes.arithmetic import PLAIN, known_as
from perilune.lanes.values import Element, Untranslated, Value, arranged, literal
from perilune.lanes.writer import Writer


def reduction(name: str) -> Callable[..., Value]:
    expression = PLAIN[name][0]

    def emit(writer: Writer, params: dict, value: Value) -> Value:
        axes = tuple(int(axis) for axis in params["axes"])
        kept = [axis for axis in range(value.elements.ndim) if axis not in axes]
        shape = tuple(value.shape[axis] for axis in kept)
        rows = np.transpose(value.elements, (*kept, *axes)).reshape(math.prod(shape), -1)
        if rows.shape[1] == 0:
            raise Untranslated("a sum of nothing")

        def joined(a: Element, b: Element) -> Element:
            return writer.single(value.kind, expression, a, b)

        return arranged([reduce(joined, row) for row in rows], shape, value.kind)

    return emit


def dot_general(writer: Writer, params: dict, a: Value, b: Value) -> Value:
    (a_axes, b_axes), (a_batch, b_batch) = params["dimension_numbers"]
    if a_batch or b_batch:
        raise Untranslated("products of batches of matrices")
    left, left_shape = _rows(a.elements, a_axes)
    right, right_shape = _rows(b.elements, b_axes)
    products = [_product(writer, a.kind, row, column) for row in left for column in right]
    return arranged(products, (*left_shape, *right_shape), a.kind)


def _rows(elements: np.ndarray, axes: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Free axes in one, summed axes in one, and the shape of the free ones."""
    free = [axis for axis in range(elements.ndim) if axis not in axes]
    shape = tuple(elements.shape[axis] for axis in free)
    return np.transpose(elements, (*free, *axes)).reshape(math.prod(shape), -1), shape


def _product(writer: Writer, kind: str, row: np.ndarray, column: np.ndarray) -> Element:
    """One sum in one expression, for its steps have no other reader; zeros that are known are left out."""
    terms = [(x, y) for x, y in zip(row, column, strict=True) if not (known_as(x, 0) or known_as(y, 0))]
    if not terms:
        return literal(0, kind)
    if len(terms) == 1:
        return writer.single(kind, PLAIN["mul"][0], *terms[0])
    text = " + ".join(y.text if known_as(x, 1) else x.text if known_as(y, 1) else f"{x.text} * {y.text}" for x, y in terms)
    return writer.let(kind, any(e.lanes for pair in terms for e in pair), f"({text})")
