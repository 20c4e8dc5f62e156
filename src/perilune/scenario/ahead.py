"""What the last flight of the same kind took from the shelf is loaded while this one is still being prepared: on two cores it starts sooner.

Nothing depends on it: what is not on its way is loaded when it is asked for, and what was not asked for is dropped.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import perilune.math  # noqa: F401 (double precision is said before a device is looked at: the shelf's names depend on it)
from perilune.scenario.executable import Executable, executable_of
from perilune.scenario.shelf import Shelf

LIST = "asked"


class Ahead:
    """A shelf, and what comes from it. `kind` says which flights ask for the same: the mission's text, where it starts, its variant."""

    def __init__(self, folder: Path, kind: str):
        self.shelf = Shelf(folder)
        self._kind = kind
        self._asked: tuple[str, ...] = tuple(self.shelf.find(LIST, kind) or ())
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._coming: dict[str, Future[Executable | None]] = {name: self._pool.submit(self._loaded, name) for name in self._asked}

    @property
    def knows(self) -> bool:
        """Whether a flight of this kind has told what it asks for."""
        return bool(self._asked)

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody waits for what was not asked for, as when the flight was refused."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def take(self, name: str) -> Executable | None:
        """What was loaded under this name; None if that has not begun, or came to nothing."""
        coming = self._coming.pop(name, None)
        return None if coming is None or coming.cancel() else coming.result()

    def close(self, asked: Iterable[str]) -> None:
        """The flight is over, and asked for these: so will the next."""
        now = tuple(dict.fromkeys((*self._asked, *asked)))
        if now != self._asked:
            self.shelf.put(LIST, self._kind, now)

    def _loaded(self, name: str) -> Executable | None:
        return executable_of(self.shelf.take(name))
