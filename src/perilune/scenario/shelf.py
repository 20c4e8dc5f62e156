"""A folder for what took long to make and would come out the same again: compiled programs, and missions that are built.

A thing is found by a name that holds everything it depends on: what the caller says, and `surroundings()`. Whatever differs is another thing,
so nothing stale is ever found. What cannot be read is made again. The folder must be the user's own: what it holds is run as code.
"""

import hashlib
import os
import pickle
import platform
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

HOME = Path(__file__).parents[1]  # of the package
PACKAGES = ("jax", "jaxlib", "equinox", "numpy", "jplephem", "de421", "pyerfa")
KEPT_MAX_B = 512 * 2**20  # a mission takes about 40 MB; what was not used for longest goes first
SUFFIX = ".kept"
# Rooms above this one: no program is made of them, so a change there makes nothing stale.
ABOVE = ("cli", "report", "campaign", "investigation")
# Settings of JAX that say where things are kept or what is told, not what is compiled.
NOT_COMPILED = ("cache", "log", "traceback")


class Shelf:
    """Things by name, in one folder that several processes may use at once."""

    def __init__(self, folder: Path):
        self._folder = folder

    def find(self, name: str, words: str) -> Any:
        """What was put there under the same name, words and surroundings; None if there is nothing, or nothing sound."""
        return self.take(self.name(name, words))

    def take(self, full_name: str) -> Any:
        """The same, of a thing whose full name is known."""
        path = self._folder / full_name
        try:
            content = path.read_bytes()
            os.utime(path)
            return _unsealed(content)
        except Exception:  # a file of another version or a damaged one may fail in any way
            return None

    def put(self, name: str, words: str, thing: Any) -> None:
        """Keep it, if it can be kept: a flight does not depend on it."""
        try:
            _write(self._folder / self.name(name, words), _sealed(thing))
            self._bound()
        except Exception as error:
            print(f"perilune: could not be kept for the next flight: {error}", file=sys.stderr)

    def name(self, name: str, words: str) -> str:
        """The full name of a thing: all that it depends on."""
        return f"{name}-{_digest((surroundings() + words).encode()).hex()}{SUFFIX}"

    def _bound(self) -> None:
        kept = [(path, path.stat()) for path in self._folder.glob(f"*{SUFFIX}")]
        total_b = 0
        for path, stat in sorted(kept, key=lambda each: -each[1].st_mtime):
            total_b += stat.st_size
            if total_b > KEPT_MAX_B:
                path.unlink(missing_ok=True)


@cache
def surroundings() -> str:
    """Source of the package, versions beneath it, processor, device and settings of the compiler, as one hash."""
    device = jax.devices()[0]
    settings = {key: value for key, value in jax.config.values.items() if not any(word in key for word in NOT_COMPILED)}
    words = [
        *(f"{package} {version(package)}" for package in PACKAGES),
        f"{platform.python_version()} {platform.system()} {platform.machine()} {processor()} {os.cpu_count()} {_allowed_cores()}",
        f"{device.platform} {device.device_kind} {len(jax.devices())} {device.client.platform_version}",
        f"{os.environ.get('XLA_FLAGS')} {sorted(settings.items())}",
    ]
    return _digest("\n".join(words).encode() + _source()).hex()


def _allowed_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def processor() -> str:
    """Model and features of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return " ".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU"))}))


def _source() -> bytes:
    """Every module that a program may be made of, by place and content."""
    places = sorted(path.relative_to(HOME) for path in HOME.rglob("*") if path.suffix in (".py", ".h"))
    return b"".join(place.as_posix().encode() + _digest((HOME / place).read_bytes()) for place in places if place.parts[0] not in ABOVE)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _sealed(thing: Any) -> bytes:
    content = pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)
    return _digest(content) + content


def _unsealed(content: bytes) -> Any:
    seal, content = content[:32], content[32:]
    if _digest(content) != seal:
        raise ValueError("damaged")
    return pickle.loads(content)


def _write(path: Path, content: bytes) -> None:
    """All or nothing: another process may be reading or writing the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
