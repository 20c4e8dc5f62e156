"""What destroyed others, translated: every lander of the catalogue gets words that it can fly, or a reason why not."""

from pathlib import Path

import pytest

from perilune.campaign.failures import FAILURES, Failure, NotForThis, Translation
from perilune.campaign.overlay import with_settings
from perilune.scenario.errors import ScenarioError
from perilune.scenario.faults import read_faults
from perilune.scenario.load import catalogue, load_lander
from perilune.scenario.schema import LanderFile

ROOT = Path(__file__).parents[2]
BY_NAME = {failure.name: failure for failure in FAILURES}
MISSIONS = {mission.name: mission for mission in catalogue() if isinstance(mission, LanderFile)}


def words(failure: str, mission: str) -> tuple[str, ...]:
    translation = BY_NAME[failure].translated(load_lander(mission))
    assert isinstance(translation, Translation)
    return translation.faults


def settings(failure: str, mission: str) -> dict[str, object]:
    translation = BY_NAME[failure].translated(load_lander(mission))
    assert isinstance(translation, Translation)
    return translation.settings


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
@pytest.mark.parametrize("mission", MISSIONS.values(), ids=lambda mission: mission.name)
def test_every_failure_is_one_that_the_lander_can_have_or_says_why_not(failure: Failure, mission):
    translation = failure.translated(mission)
    if isinstance(translation, NotForThis):
        assert len(translation.why.split()) > 2
        return
    assert len(read_faults(mission, translation.faults)) == len(translation.faults) > 0
    changed = with_settings(mission, translation.settings)
    assert (changed.model_dump() == mission.model_dump()) == (not translation.settings)
    assert changed.sha256 == mission.sha256


def test_the_numbers_of_a_translation_are_shares_of_what_the_lander_has():
    assert words("resilience", "resilience") == ("altimeter.late:893",)
    assert words("resilience", "luna-25") == ("altimeter.late:5358",)  # of 30 km
    assert words("beresheet", "luna-25") == ("engine.no-restart.all@altitude=10080", "computer.reset:10@altitude=10080+1")  # of 18 km
    assert words("hakuto-r-m1", "hakuto-r-m1") == ("ground.higher:3000@altitude=8000+0..20",)
    assert words("hakuto-r-m1", "resilience") == ("ground.higher:1600@altitude=4000+0..20",)
    assert words("slim", "luna-25") == ("engine.nozzle-lost.1:0.9@altitude=50",)  # the first of two for the last descent
    assert words("surveyor-2", "hakuto-r-m1") == ("thruster.stuck-off.0",)  # one of six that assist


def test_the_zone_of_vikram_is_kept_by_who_flies_to_a_point():
    zone = "flight_software.approach.give_way_m"
    assert settings("chandrayaan-2", "resilience")[zone] == 250.0
    assert zone not in settings("chandrayaan-2", "luna-25")
    assert load_lander("resilience").flight_software.approach.give_way_m is None


def test_a_setting_is_changed_and_a_wrong_one_refused():
    luna = load_lander("luna-25")
    flawed = with_settings(luna, {"flight_software.gates.altimeter.policy": "reject_for_good"})
    assert flawed.flight_software.gates.altimeter.policy == "reject_for_good"
    assert luna.flight_software.gates.altimeter.policy == "readmit"
    with pytest.raises(ScenarioError, match="luna-25 has no table 'gatess'"):
        with_settings(luna, {"flight_software.gatess.altimeter.policy": "reject_for_good"})
    with pytest.raises(ScenarioError, match=r"must be one of|is 'never'"):
        with_settings(luna, {"flight_software.gates.altimeter.policy": "never"})


def test_the_page_tells_every_failure_as_it_is():
    text = (ROOT / "docs" / "crash-test.md").read_text(encoding="utf-8")
    for failure in FAILURES:
        assert f"| {failure.title} | {failure.cause} | {failure.rule} | {failure.source} |" in text
    assert len(BY_NAME) == len(FAILURES)
