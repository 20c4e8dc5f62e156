"""Did our answer move? What the main job told when it was last looked at: `answers.toml`. A change there says why, in its commit and the changelog."""

import tomllib
from datetime import datetime
from pathlib import Path

import pytest

ANSWERS = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))


def number(told) -> float:
    """A figure as it is told; of a date, its seconds."""
    return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else told


def apart(told: dict, before: dict, within: dict) -> list[str]:
    """What differs by more than rounding may, in words."""
    return [
        f"{key}: {told[key]} now, {value} before" for key, value in before.items() if abs(number(told[key]) - number(value)) > within[key]
    ]


@pytest.mark.parametrize("before", ANSWERS["burns"], ids=lambda burn: burn["name"])
def test_the_desk_plans_the_same_burns(main_job, before):
    (burn,) = [burn for burn in main_job.result["burns"] if burn["name"] == before["name"]]
    planned = {key: value for key, value in before.items() if key != "name"}
    assert apart(burn["planned"], planned, ANSWERS["within"]["burns"]) == []


def test_it_touches_down_as_before(main_job):
    told = {**main_job.result["contact"], "propellant_left_kg": main_job.result["propellant_left_kg"]}
    assert apart(told, ANSWERS["touchdown"], ANSWERS["within"]["touchdown"]) == []
