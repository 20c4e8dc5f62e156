"""Luna-25's mission file with one piece of its text changed, and what is said of it."""

import pytest

from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load, mission_from_text

LUNA = load("luna-25").text


def refused(old: str, new: str) -> tuple[str, ...]:
    """The complaints."""
    assert old in LUNA
    with pytest.raises(ScenarioError) as caught:
        mission_from_text(LUNA.replace(old, new, 1))
    return caught.value.complaints
