"""A program of lanes, built and loaded, called on arrays of numpy."""

import ctypes
from typing import Any

import numpy as np

from perilune.lanes.program import TABLE_MIN

ALIGNMENT_B = 64  # of a vector


class Shared:
    """What all landers share, laid out as the program has it."""

    def __init__(self, leaves: list[np.ndarray]):
        self._kept = [np.ascontiguousarray(leaf) for leaf in leaves]
        members = [(f"s{i}", *_member(leaf)) for i, leaf in enumerate(self._kept)]
        self._laid_out: Any = np.zeros((), np.dtype(members, align=True)) if members else np.zeros((), np.uint8)
        for i, leaf in enumerate(self._kept):
            self._laid_out[f"s{i}"] = leaf.ctypes.data if leaf.size >= TABLE_MIN else leaf.reshape(-1)

    @property
    def size_b(self) -> int:
        return self._laid_out.nbytes

    def pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._laid_out.ctypes.data)


def _member(leaf: np.ndarray) -> tuple[Any, ...]:
    """A long array is told by its address."""
    return (np.uint64,) if leaf.size >= TABLE_MIN else (leaf.dtype, (leaf.size,))


class Library:
    """The functions of a program that is loaded."""

    def __init__(self, library: ctypes.CDLL):
        library.size_of_tick.restype = ctypes.c_long
        library.size_of_shared.restype = ctypes.c_long
        self._library = library

    def fly(self, shared: Shared, own: list[np.ndarray], state: list[np.ndarray], who: np.ndarray, ticks: range) -> None:
        """The landers `who` (places in the batch) fly the ticks; their rows of `state` change, those of the others do not.

        Leaves have the batch first and lie in order. Python's lock is free meanwhile.
        """
        if self._library.size_of_shared() not in (shared.size_b, 0):
            raise ValueError("the program was made for another mission")
        who = np.ascontiguousarray(who, np.int64)
        room = np.empty(self._library.size_of_tick() * len(ticks) + ALIGNMENT_B, np.uint8)
        start = -room.ctypes.data % ALIGNMENT_B
        numbers = (ctypes.c_long(len(who)), ctypes.c_int64(ticks.start), ctypes.c_long(len(ticks)))
        self._library.fly(shared.pointer(), _addresses(own), _addresses(state), _address(who), *numbers, _address(room[start:]))


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _addresses(arrays: list[np.ndarray]) -> Any:
    if not all(array.flags.c_contiguous for array in arrays):
        raise ValueError("an array that does not lie in order")
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
