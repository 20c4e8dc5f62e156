"""Compiled programs as bytes, with what they return: nothing of the package is needed to load one."""

import pickle
from typing import Any, NamedTuple

from jax.experimental.serialize_executable import deserialize_and_load, serialize


class Executable(NamedTuple):
    """A program that is ready. What was told of it is pickled for itself: it is of the package, whose modules may not be imported yet."""

    told: bytes
    program: Any


def to_keep(program: Any, told: Any) -> tuple[bytes, bytes, list[Any]] | None:
    """None on a device whose programs cannot be kept, and for a program that calls back into Python."""
    try:
        executable, *trees = serialize(program)
    except Exception:
        return None
    return pickle.dumps(told, protocol=pickle.HIGHEST_PROTOCOL), executable, trees


def executable_of(found: Any) -> Executable | None:
    """None if there is nothing, or a program that this device refuses."""
    try:
        told, executable, trees = found
        return Executable(told, deserialize_and_load(executable, *trees))
    except Exception:
        return None
