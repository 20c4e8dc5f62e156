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
        # Who gives a number alone has chosen it: what history left open, and its bounds, were of the number that stood there.
        chosen = isinstance(table.get(key), dict) and not isinstance(value, dict)
        table[key] = {"value": value, "source": "design"} if chosen else value
    try:
        changed = LanderFile.model_validate(tree)
    except ValidationError as error:
        raise from_validation(error, f"{file.name} with {settings}") from None
    changed._text, changed._folder, changed._origin = file.text, file.folder, file.origin
    return changed
