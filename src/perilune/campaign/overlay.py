"""A mission file with some of its settings changed."""

import tomllib
from typing import Any

from pydantic import ValidationError

from perilune.scenario.errors import ScenarioError, from_validation
from perilune.scenario.schema import LanderFile


def with_settings(file: LanderFile, settings: dict[str, Any]) -> LanderFile:
    """The file with other values at keys like `flight_software.gates.altimeter.policy`; ScenarioError for what it cannot be."""
    tree = tomllib.loads(file.text)
    for path, value in settings.items():
        *tables, key = path.split(".")
        table = tree
        for name in tables:
            if name not in table:
                raise ScenarioError(f"{path}: {file.name} has no table '{name}'")
            table = table[name]
        table[key] = value
    try:
        changed = LanderFile.model_validate(tree)
    except ValidationError as error:
        raise from_validation(error, f"{file.name} with {settings}") from None
    changed._text, changed._folder = file.text, file.folder
    return changed
