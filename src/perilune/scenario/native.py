"""Programs of lanes, built by the C compiler that is there and kept on the shelf; where one cannot be had, one line says why."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock

import jax

from perilune.lanes.calling import Library
from perilune.lanes.values import Untranslated
from perilune.math.calling import Call, at_once
from perilune.scenario.programs import words_of
from perilune.scenario.shelf import Shelf, processor
from perilune.sim.fly import Fleet
from perilune.sim.in_lanes import InLanes, kinds_of, text_of
from perilune.sim.mission import MissionState

COMPILERS = ("gcc", "cc")
# Much of what a higher level adds takes long and gains nothing here; `expensive-optimizations` joins products with sums, and statements in
# an order that waits less for the last result gain 5 to 10 %. What is not a number stays so: of `fast-math` there is only that nobody looks
# at `errno` or traps.
OPTIONS = (
    *("-std=gnu11", "-O1", "-fexpensive-optimizations", "-fschedule-insns", "-fsched-pressure"),
    *("-march=native", "-fno-math-errno", "-fno-trapping-math", "-fwrapv"),
)
SHARED_OBJECT = ("-fPIC", "-shared", "-w")
LIBRARIES = ("-lmvec", "-lm")


class NotBuilt(Exception):
    """There is no compiler, or it refuses, or JAX has a better processor than this one."""


def lanes() -> int:
    """How many doubles a vector of this processor holds."""
    words = processor().split()
    if all(feature in words for feature in ("avx512f", "avx512dq", "avx512vl")):
        return 8
    return 4 if "avx2" in words else 2


@cache
def compiler() -> tuple[str, str]:
    """The compiler and its version; none where JAX sees a GPU, on which its own programs fly."""
    if (device := jax.default_backend()) != "cpu":
        raise NotBuilt(f"JAX has a {device}")
    path = next((found for found in map(shutil.which, COMPILERS) if found), None)
    if path is None:
        raise NotBuilt("no C compiler is installed")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return path, told.stdout.partition("\n")[0]


def built(text: str, width: int | None = None, options: tuple[str, ...] = OPTIONS) -> bytes:
    """The shared object of a program, for vectors of so many doubles."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "lanes.c", Path(folder) / "lanes.so"
        source.write_text(text, encoding="utf-8")
        defined = f"-DLANES={width or lanes()}"
        command = [compiler()[0], *options, *SHARED_OBJECT, defined, "-o", str(target), str(source), *LIBRARIES]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotBuilt(f"the C compiler refuses: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")
        return target.read_bytes()


def loaded(content: bytes) -> Library:
    """From a file of its own, which may go as soon as it is mapped."""
    handle, path = tempfile.mkstemp(suffix=".so")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return Library(ctypes.CDLL(path))
    finally:
        os.unlink(path)


class _Libraries:
    """The program of each fleet's tick: had already, found on the shelf, or translated and built, by whoever asks first."""

    def __init__(self, shelf: Shelf | None):
        self._shelf = shelf
        self._had: dict[str, Library] = {}
        self._asking = Lock()

    def __call__(self, fleet: Fleet, states: MissionState) -> Library:
        with self._asking:
            return self._of(fleet, states)

    def _of(self, fleet: Fleet, states: MissionState) -> Library:
        words = _words(fleet, states)
        if words is None:
            return loaded(built(text_of(fleet, states)))
        if words not in self._had:
            self._had[words] = loaded(self._content(words, fleet, states))
        return self._had[words]

    def _content(self, words: str, fleet: Fleet, states: MissionState) -> bytes:
        found = self._shelf.find("lanes", words) if self._shelf is not None else None
        if found is None:
            found = built(text_of(fleet, states))
            if self._shelf is not None:
                self._shelf.put("lanes", words, found)
        return found


def _words(fleet: Fleet, states: MissionState) -> str | None:
    """All that the program depends on, what `surroundings` tells apart."""
    shared = words_of(fleet.shared)
    leaves, tree = jax.tree.flatten((fleet.own, states))
    kinds = [(leaf.shape[1:], leaf.dtype.name) for leaf in leaves]
    return (
        None
        if shared is None
        else "\n".join((shared, str(tree), repr(kinds), repr(sorted(kinds_of(fleet))), *compiler(), *OPTIONS, str(lanes())))
    )


def in_lanes(
    shelf: Shelf | None = None, tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr), beneath: Call = at_once
) -> InLanes:
    """A caller for `perilune.sim.fly.fly` that flies batches by lanes where it can; `beneath` calls all other programs."""
    libraries, told = _Libraries(shelf), set[str]()

    def wanted(fleet: Fleet, states: MissionState) -> Library | None:
        try:
            return libraries(fleet, states)
        except (NotBuilt, Untranslated, OSError) as reason:
            if str(reason) not in told:
                told.add(str(reason))
                tell(f"perilune: flies by XLA, not by lanes of C: {reason}")
            return None

    return InLanes(wanted, beneath)


def shelf_beside_jax() -> Shelf | None:
    """Where JAX keeps its compiled programs, if it does."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    return Shelf(Path(folder) / "perilune") if folder else None
