"""What all commands share: their options, the console, bad input in one line, numbers for JSON, and where compiled programs are kept."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from perilune.report.told import Told
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import catalogue


class Exit(IntEnum):
    FLOWN = 0
    OUR_FAULT = 1
    BAD_INPUT = 2


def missions_begun(begun: str) -> list[str]:
    """For completion on the command line."""
    return [mission.name for mission in catalogue() if mission.name.startswith(begun)]


def faults_begun(begun: str) -> list[str]:
    from perilune.faults.catalogue import CATALOGUE

    return [name for name in CATALOGUE if name.startswith(begun)]


NAME_HELP = "A mission of the catalogue, or the path of your own mission file."
FAULT_FORM = "NAME[.unit][:size][@trigger]"

MissionName = Annotated[str, typer.Argument(metavar="NAME|FILE", help=NAME_HELP, autocompletion=missions_begun)]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault", metavar=FAULT_FORM, help="Break something (`perilune faults` lists what); may be repeated.", autocompletion=faults_begun
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Chooses this flight's chances.")]
OUT = typer.Option("--out", metavar="DIR", help="Output folder; it must not exist yet.")
OutFolder = Annotated[Path | None, OUT]
AS_JSON = typer.Option("--json", help="One JSON object on standard output, and nothing else.")
AsJson = Annotated[bool, AS_JSON]


def plain(value: Any) -> Any:
    """The same for JSON: arrays and numpy numbers become Python's, and what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not (-float("inf") < value < float("inf")):
        return None
    return value


def console_of(to_stderr: bool) -> Console:
    return Console(stderr=to_stderr, highlight=False)


def keep_compiled_programs() -> Path | None:
    """Compiled programs are kept between flights, unless the user has a place of their own for them, or wants none kept."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(caches / "perilune" / "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
    wanted = os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "true").lower() not in ("0", "false", "no", "off")
    return Path(folder) / "perilune" if folder and wanted else None


@contextmanager
def bad_input_told() -> Iterator[None]:
    try:
        yield
    except ScenarioError as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    for line in str(error).splitlines():
        print(f"perilune: {line}", file=sys.stderr)
    raise typer.Exit(Exit.BAD_INPUT)


def show(told: Told, as_json: bool) -> None:
    """What a command has to say, and where its files lie."""
    if as_json:
        print(json.dumps(plain({**told.result, "files": told.files}), allow_nan=False))
        return
    console = console_of(to_stderr=False)
    for part in told.shown:
        console.print(part)
    if told.files:
        console.print(f"[dim]{Path(next(iter(told.files.values()))).parent}[/]", soft_wrap=True)
