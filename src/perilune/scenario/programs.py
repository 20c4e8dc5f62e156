"""Calls by compiled programs that are kept on disk: what was traced and compiled once is loaded the next time, and neither is done again.

JAX's own compile cache finds a program by what tracing gives, so it spares the compiling only; for a single flight tracing takes longer
than flying. Here a program is found by what tracing depends on: the function, and structure, types and fixed values of its arguments.
"""

import gc
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from perilune.scenario.ahead import Ahead
from perilune.scenario.executable import Executable, executable_of, to_keep
from perilune.scenario.shelf import Shelf

# For one lander on a CPU. Loops emitted the plain way compile in half the time, and run no slower when they are of length one (a batch of
# 512 would lose a tenth); in sixteen parts they compile on all cores. The last bit of a number may differ from that of a batch.
QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 16}

_TRACING = Lock()


class _Place(int):
    """Where in the list of arrays a leaf stands."""


class _Call(NamedTuple):
    """Arguments taken apart: the arrays, and the leaves of their tree with a place for each array."""

    arrays: list[jax.Array]
    leaves: list[Any]
    tree: Any

    @property
    def rest(self) -> Any:
        """The tree without its arrays."""
        return jax.tree.unflatten(self.tree, self.leaves)

    def identity(self) -> tuple:
        """All that tracing sees of the arguments: the tree, fixed values in words, and the kinds of the arrays."""
        kinds = tuple((array.shape, _name_of(array.dtype), array.aval.weak_type) for array in self.arrays)
        return self.tree, tuple("" if isinstance(leaf, _Place) else _word(leaf) for leaf in self.leaves), kinds


@cache
def _name_of(dtype: np.dtype) -> str:
    return dtype.name


class _Program:
    def __init__(self, compiled: Any, returned: Any):
        self._compiled = compiled
        self._leaves, self._tree = jax.tree.flatten(returned)

    def __call__(self, arrays: list[jax.Array]) -> Any:
        given = self._compiled(*arrays)
        return jax.tree.unflatten(self._tree, [given[leaf] if isinstance(leaf, _Place) else leaf for leaf in self._leaves])


class Programs:
    """Calls functions by programs that are compiled for one lander, and kept on a shelf if there is one.

    Several threads may call: who wants a program that another is making waits for it.
    """

    def __init__(self, shelf: Shelf | None = None, ahead: Ahead | None = None):
        self.shelf = shelf
        self._ahead = ahead
        self.taken: list[str] = []  # what was asked for, by its name on the shelf
        self._ready: dict[tuple, Future[_Program]] = {}
        self._asking = Lock()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a function under `eqx.filter_jit`; arguments are trees of arrays and fixed values.

        A function that is not of a module of the package, or a fixed value that does not say in words what it is, is called as it is.
        """
        call = _taken_apart(arguments)
        key = _key(function, call)
        if key is None:
            return function(*arguments)
        with self._asking:
            making = key not in self._ready
            program = self._ready.setdefault(key, Future())
        if making:
            self._make(program, key, (function, call))
        return program.result()(call.arrays)

    @property
    def coming(self) -> bool:
        """Whether those that a flight of this kind asks for are on their way already."""
        return self._ahead is not None and self._ahead.knows

    def _make(self, program: Future[_Program], key: tuple, wanted: tuple[Callable[..., Any], _Call]) -> None:
        try:
            program.set_result(_same(self._found(key), key, wanted[1]) or _made(self.shelf, key, wanted))
        except BaseException as error:
            del self._ready[key]  # who asks next tries again
            program.set_exception(error)
            raise

    def _found(self, key: tuple) -> Executable | None:
        if self.shelf is None:
            return None
        name = self.shelf.name(key[0], _words(key))
        self.taken.append(name)
        return (self._ahead and self._ahead.take(name)) or executable_of(self.shelf.take(name))

    def close(self) -> None:
        """What was asked for is noted, for the next of the same kind."""
        if self._ahead is not None:
            self._ahead.close(self.taken)

    def shape(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `eqx.filter_eval_shape` says of a call; kept too, since it takes tracing."""
        key = _key(function, _taken_apart(arguments))
        if self.shelf is None or key is None:
            return _shape(function, arguments)
        words = _words(key)
        found = self.shelf.find(f"{key[0]}.shape", words)
        if found is None:
            found = _shape(function, arguments)
            self.shelf.put(f"{key[0]}.shape", words, found)
        return found


class _AsTheyAre(Programs):
    """Calls functions themselves: a batch is worth the longer compilation, and JAX keeps its programs."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def settled(tree: Any) -> Any:
    """The same arrays, of settled type: a number that came from Python would make another program of the same call.

    By way of the host: there, no shape is a program of its own.
    """
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)), tree)


def lander(tree: Any) -> Any:
    """The first row of a batch, by way of the host likewise."""
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)[0]), tree)


DIRECT = _AsTheyAre()
IN_MEMORY = Programs()


@contextmanager
def kept_programs(folder: "Path | Ahead | Programs | None") -> Iterator[Programs]:
    """Programs of a folder, or of one from which they are already coming; without one, they are kept as long as the process lives.

    Those that somebody holds already are his, and stay loaded from flight to flight: loading takes 6 of 30 s of a short one.
    JAX's own compile cache rests meanwhile: a program that came out of it cannot be written down again (on the CPU its parts are missing).
    """
    if folder is None or isinstance(folder, Programs):
        yield IN_MEMORY if folder is None else folder
        return
    before = bool(jax.config.values["jax_enable_compilation_cache"])
    named = jax.config.values["jax_traceback_in_locations_limit"]
    _use_cache_of_jax(False)
    jax.config.update("jax_traceback_in_locations_limit", 0)  # where an operation comes from is a fifth of a kept program
    programs = Programs(folder.shelf, folder) if isinstance(folder, Ahead) else Programs(Shelf(folder))
    try:
        yield programs
    finally:
        programs.close()
        _use_cache_of_jax(before)
        jax.config.update("jax_traceback_in_locations_limit", named)


def _use_cache_of_jax(wanted: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", wanted)
    reset_cache()  # or the setting is not looked at again


def _key(function: Callable[..., Any], call: _Call) -> tuple | None:
    """All that tracing of a call depends on; None if that cannot be told."""
    name, identity = _name(function), call.identity()
    return None if name is None or None in identity[1] else (name, identity)


def _same(found: Executable | None, key: tuple, call: _Call) -> _Program | None:
    """The program that was found, if it is of the same call."""
    if found is None:
        return None
    try:
        rest, returned = pickle.loads(found.told)
        same = _Call(call.arrays, *jax.tree.flatten(rest)).identity() == key[1]
    except Exception:  # of another version, or damaged
        return None
    return _Program(found.program, returned) if same else None


def _made(shelf: Shelf | None, key: tuple, wanted: tuple[Callable[..., Any], _Call]) -> _Program:
    function, call = wanted
    compiled, returned = _compiled(function, call)
    if shelf is not None and (keeping := to_keep(compiled, (call.rest, returned))) is not None:
        shelf.put(key[0], _words(key), keeping)
    return _Program(compiled, returned)


def _compiled(function: Callable[..., Any], call: _Call) -> tuple[Any, Any]:
    """The program of a call, and the tree of its result with a place for each array."""
    results = []

    def flat(*arrays: Any) -> list[Any]:
        result = _taken_apart(function(*_put_together(arrays, call.rest)))
        results.append(result.rest)
        return result.arrays

    with _alone_with_python():
        lowered = jax.jit(flat).lower(*call.arrays)
    try:
        return lowered.compile(compiler_options=QUICK if jax.default_backend() == "cpu" else None), results[0]
    except jax.errors.JaxRuntimeError:  # a compiler of another version, which does not know these options
        return lowered.compile(), results[0]


def _shape(function: Callable[..., Any], arguments: tuple) -> Any:
    with _alone_with_python():
        return eqx.filter_eval_shape(function, *arguments)


@contextmanager
def _alone_with_python() -> Iterator[None]:
    """For tracing. Two threads at once would take as long as one after the other; in turn, the first is soon with the compiler, beside the next.

    Objects are made by the million and none is waste: looking for it would take a third of the time.
    """
    with _TRACING:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()


def _taken_apart(tree: Any) -> _Call:
    leaves, structure = jax.tree.flatten(tree)
    arrays, rest = [], []
    for leaf in leaves:
        if eqx.is_array(leaf):
            rest.append(_Place(len(arrays)))
            arrays.append(leaf)
        else:
            rest.append(leaf)
    return _Call(arrays, rest, structure)


def words_of(arguments: Any) -> str | None:
    """All that tracing sees of a tree, in words; None if words do not say it."""
    call = _taken_apart(arguments)
    tree, fixed, kinds = call.identity()
    return None if None in fixed else "\n".join((str(tree), *(word for word in fixed if word is not None), repr(kinds)))


def _put_together(arrays: Any, rest: Any) -> Any:
    return jax.tree.map(lambda leaf: arrays[leaf] if isinstance(leaf, _Place) else leaf, rest)


def _name(function: Any) -> str | None:
    """The full name of a function of the package; None for one that is made anew at each call, and so may hold values."""
    function = getattr(function, "__wrapped__", function)
    name = f"{getattr(function, '__module__', None)}.{getattr(function, '__qualname__', '<locals>')}"
    return name if name.startswith("perilune.") and "<" not in name and not hasattr(function, "__self__") else None


def _word(leaf: Any) -> str | None:
    """A fixed value in words; None if words do not say all that it is."""
    if isinstance(leaf, bool | int | float | complex | str | bytes | Enum):
        return f"{type(leaf).__qualname__} {leaf!r}"
    return _name(leaf)


def _words(key: tuple) -> str:
    name, (tree, fixed, kinds) = key
    return "\n".join((name, str(tree), *fixed, repr(kinds)))
