"""Mission files: from the catalogue by name, or the user's own by path."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from perilune.scenario.errors import ScenarioError, from_validation, nearest
from perilune.scenario.schema import LanderFile, MissionFile, of_tables
from perilune.scenario.schema_flight import AsFlown

VARIANTS = ("nominal", "as-flown", "mended")


def catalogue_names() -> tuple[str, ...]:
    """Names of the missions that come with Perilune."""
    files = resources.files("perilune.missions").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def catalogue() -> tuple[MissionFile, ...]:
    """Every mission of the catalogue."""
    return tuple(load(name) for name in catalogue_names())


def load(name_or_path: str | Path) -> MissionFile:
    """A mission of the catalogue by name, or the file at a path (with a separator, or ending in .toml). Raises `ScenarioError`."""
    if not isinstance(name_or_path, str | Path):
        raise ScenarioError(f"a mission is a name or a path, not {name_or_path!r}; {nearest('', catalogue_names())}")
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        path = Path(name_or_path)
        return _settled(mission_from_text(_text_of(path), str(path)), path.resolve().parent)
    names = catalogue_names()
    if name_or_path not in names:
        raise ScenarioError(
            f"there is no mission '{name_or_path}'; {nearest(name_or_path, names)} (your own file: give its path, NAME.toml)"
        )
    return _of_catalogue(name_or_path)


@cache
def _of_catalogue(name: str) -> MissionFile:
    """Read once: what is installed does not change, and a mission file is frozen."""
    text = resources.files("perilune.missions").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return mission_from_text(text, f"{name}.toml")


def load_lander(name_or_path: str | Path) -> LanderFile:
    """The same of a mission that lands."""
    mission = load(name_or_path)
    if not isinstance(mission, LanderFile):
        raise ScenarioError(f"{mission.name} does not land: it stays in orbit")
    return mission


def mission_from_text(text: str, origin: str = "mission") -> MissionFile:
    """A mission out of its TOML text; `origin` stands before each complaint."""
    try:
        tables = tomllib.loads(text)
        mission = of_tables(tables)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"is not valid TOML: {error}", origin) from None
    except ValidationError as error:
        raise from_validation(error, origin) from None
    if mission.as_flown is not None:
        mission._variants = _variants(tables, mission.as_flown, origin)
    for file in (mission, *mission.variants.values()):
        file._text, file._origin = text, origin
    return mission


def variant_of(mission: MissionFile, variant: str) -> MissionFile:
    """The file of a flight: as planned (`nominal`), as it was flown, or with the same cause and what mends it. Raises `ScenarioError`."""
    if variant == "nominal":
        return mission
    if variant not in VARIANTS:
        raise ScenarioError(f"there is no variant '{variant}'; {nearest(str(variant), VARIANTS)}")
    if mission.as_flown is None:
        raise ScenarioError(f"--{variant}: the mission file of {mission.name} does not say what went wrong; it has no table [as_flown]")
    if variant not in mission.variants:
        raise ScenarioError(f"--{variant}: the mission file of {mission.name} does not say what mends it; as_flown has no table [mended]")
    return mission.variants[variant]


def _variants(tables: Mapping[str, Any], told: AsFlown, origin: str) -> dict[str, MissionFile]:
    flown = _instead(tables, told.instead)
    others = {"as-flown": ("instead", flown), **({"mended": ("mended", _instead(flown, told.mended))} if told.mended else {})}
    variants = {}
    for variant, (table, given) in others.items():
        try:
            variants[variant] = of_tables(given)
        except ValidationError as error:
            raise from_validation(error, f"{origin}, with as_flown.{table}") from None
    return variants


def _instead(tables: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The same tables, with what the others hold in place of it."""
    inner = {
        key: _instead(tables.get(key, {}), value) for key, value in other.items() if isinstance(value, Mapping) and "value" not in value
    }
    return {**tables, **other, **inner}


def drawn(mission: MissionFile, number: int) -> MissionFile:
    """The file as it flew, with what the record leaves open of `as_flown.instead` drawn anew: each assumed number evenly within its bounds.

    The same `number`, the same draw.
    """
    if mission.as_flown is None:
        raise ScenarioError(f"the mission file of {mission.name} does not say what went wrong; it has no table [as_flown]")
    chance = np.random.default_rng(number)

    def one(table: Mapping[str, Any]) -> dict[str, Any]:
        if table.get("source") == "assumed" and "value" in table:
            return {**table, "value": float(chance.uniform(table["low"], table["high"]))}
        return {key: one(value) if isinstance(value, Mapping) else value for key, value in table.items()}

    tables = _instead(tomllib.loads(mission.text), one(mission.as_flown.instead))
    return _known(of_tables(tables), mission)


def _known(mission: MissionFile, other: MissionFile) -> MissionFile:
    """The same text from the same place."""
    mission._text, mission._folder, mission._origin = other.text, other.folder, other.origin
    return mission


def _settled(mission: MissionFile, folder: Path) -> MissionFile:
    for file in (mission, *mission.variants.values()):
        file._folder = folder
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
