"""Who calls compiled programs: directly, unless somebody who keeps programs on disk lends itself for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jax.core import Tracer
from jax.tree_util import tree_leaves

Call = Callable[..., Any]


def at_once(program: Call, *arguments: Any) -> Any:
    """Nobody in between."""
    return program(*arguments)


_caller: ContextVar[Call] = ContextVar("caller", default=at_once)


@contextmanager
def called_by(caller: Call) -> Iterator[None]:
    """Within it, `call` runs every program as `caller(program, *arguments)`."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def call(program: Call, *arguments: Any) -> Any:
    """The result of a compiled program; within the tracing of another it becomes a part of that one."""
    if any(isinstance(leaf, Tracer) for leaf in tree_leaves(arguments)):
        return program(*arguments)
    return _caller.get()(program, *arguments)
