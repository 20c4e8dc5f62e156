"""What a command has to say."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import RenderableType


class Told(NamedTuple):
    """What came out: for JSON, for the terminal, and the files."""

    result: dict[str, Any]
    shown: Sequence[RenderableType]
    files: dict[str, str]
