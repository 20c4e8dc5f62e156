"""Mission files: from the catalogue by name, or the user's own by path."""

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from perilune.scenario.errors import ScenarioError, from_validation, nearest
from perilune.scenario.schema import MissionFile


def catalogue_names() -> tuple[str, ...]:
    """Names of the missions that come with Perilune."""
    files = resources.files("perilune.missions").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def catalogue() -> tuple[MissionFile, ...]:
    """Every mission of the catalogue."""
    return tuple(load(name) for name in catalogue_names())


def load(name_or_path: str | Path) -> MissionFile:
    """A mission of the catalogue by name, or the file at a path (with a separator, or ending in .toml). Raises `ScenarioError`."""
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        path = Path(name_or_path)
        return _settled(mission_from_text(_text_of(path), str(path)), path.resolve().parent)
    names = catalogue_names()
    if name_or_path not in names:
        raise ScenarioError(
            f"there is no mission '{name_or_path}'; {nearest(name_or_path, names)} (your own file: give its path, NAME.toml)"
        )
    text = resources.files("perilune.missions").joinpath(f"{name_or_path}.toml").read_text(encoding="utf-8")
    return mission_from_text(text, f"{name_or_path}.toml")


def mission_from_text(text: str, origin: str = "mission") -> MissionFile:
    """A mission out of its TOML text; `origin` stands before each complaint."""
    try:
        mission = MissionFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"is not valid TOML: {error}", origin) from None
    except ValidationError as error:
        raise from_validation(error, origin) from None
    mission._text = text
    return mission


def _settled(mission: MissionFile, folder: Path) -> MissionFile:
    mission._folder = folder
    return mission


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ScenarioError(
            f"there is no file '{path}'; give a path to a mission file, or a name: {', '.join(catalogue_names())}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot read '{path}': {error}") from None
