"""The commands around a campaign, with flights that cost nothing: folder, page, resumption, comparison, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import stub_campaign
from typer.testing import CliRunner

from perilune.campaign import campaign as campaigns
from perilune.campaign.answers import causes, marks
from perilune.campaign.asked import Asked
from perilune.campaign.inputs import Input
from perilune.campaign.squadron import Squadron
from perilune.cli import app
from perilune.report import campaign_folder
from perilune.scenario.load import load

RUNNER = CliRunner()
CASES = 300


class Stub(Squadron):
    """What a campaign needs of a squadron."""

    def __init__(self, asked: Asked, programs: object):
        self.asked, self.file = asked, load(asked.mission)
        self.inputs = tuple(Input(f"dispersions/{name}/0", name, "sigma", "normal", 0.0, 1.0) for name in "xy")

    def prepare(self) -> None:
        pass

    def fly(self, first: int, count: int) -> dict[str, np.ndarray]:
        rows = stub_campaign.rows(first, count)
        if self.asked.faults:
            worse = rows["landed"] & (rows["case"] % 10 == 3)
            rows["landed"], rows["outcome"] = rows["landed"] & ~worse, np.where(worse, "tipped_over", rows["outcome"])
            rows["reason"] = np.where(worse, "tipped over", rows["reason"])
        return rows


@pytest.fixture(scope="module", autouse=True)
def stubbed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaigns, "Squadron", Stub)
        patch.setattr(campaign_folder, "ground_of", lambda squadron, result: None)
        patch.setenv("JAX_COMPILATION_CACHE_DIR", "")
        yield


@pytest.fixture(scope="module")
def flown_once(tmp_path_factory, stubbed):
    folder = tmp_path_factory.mktemp("flown") / "one"
    words = ("campaign", "luna-25", "-n", str(CASES), "--width", "16", "--out", str(folder), "--json")
    return folder, json.loads(told(*words).stdout)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(*words: str, status: int = 0):
    done = RUNNER.invoke(app, list(words))
    assert done.exit_code == status, done.output
    return done


@pytest.fixture
def result(flown_once, elsewhere) -> dict:
    """Of the campaign in the folder `one`, here."""
    folder, told_of_it = flown_once
    shutil.copytree(folder, "one")
    return told_of_it


def test_a_campaign_leaves_its_table_manifest_result_and_page(result, tmp_path):
    folder = tmp_path / "one"
    assert (result["cases"], result["mission"], result["seed"], result["width"]) == (CASES, "luna-25", 0, 16)
    assert result["landed"] == round(result["probability"] * CASES) and sum(result["outcomes"].values()) == CASES
    low, high = result["interval"]
    assert low < result["probability"] < high
    assert result["causes"][0]["reason"] == "crashed: hull struck"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["campaign"]["cases"] == CASES and "format = 1" in manifest["mission_toml"]
    assert [each["column"] for each in manifest["inputs"]] == ["x_sigma", "y_sigma"]
    assert {"perilune", "python", "jax"} <= set(manifest["versions"])
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 5 and f"{result['landed']} of {CASES} land" in page
    assert set(result["files"]) == {"cases", "result", "manifest", "report"}


def test_it_says_what_decides(result):
    """Propellant follows x and speed does nearly; of y nothing does."""
    decides = result["sensitivity"]["propellant_kg"]
    assert decides["inputs"][0]["input"] == "x" and decides["inputs"][0]["rank"] > 0.99
    assert decides["inputs"][0]["index"] > 0.9
    assert abs(next(each["rank"] for each in decides["inputs"] if each["input"] == "y")) < decides["noise"]


def test_causes_tell_what_marks_them():
    """Of five in a hundred cases the first input lies far out, either way; the second is as in all."""
    rng = np.random.default_rng(4)
    inputs = tuple(Input(f"dispersions/{name}/0", name, "sigma", "normal", 0.0, 1.0) for name in "xy")
    x, y = rng.standard_normal((2, 2000))
    reason = np.where(np.abs(x) > 2.5, "turned over", "")
    rows = {"x_sigma": x, "y_sigma": y, "reason": reason, "case": np.arange(2000), "met_s": np.ones(2000), "slope_deg": np.full(2000, 4.0)}
    (cause,) = causes(inputs, rows)
    assert cause["cases"] == np.count_nonzero(reason) and cause["slope_deg"] == 4.0
    assert [each["input"] for each in cause["marked_by"]] == ["x"]
    assert 2.5 < cause["marked_by"][0]["median_sigma"] < 3.0
    # Chance marks nothing: once in twenty campaigns or less.
    marked = [bool(marks(inputs, np.random.default_rng(seed).standard_normal((10, 2)))) for seed in range(400)]
    assert np.mean(marked) < 0.07


def test_margins_are_of_flights_that_touched_and_are_numbers(result):
    speed = result["margins"]["vertical_m_s"]
    assert speed["flights"] == CASES - CASES // 50 - CASES // 100
    assert speed["limit"] == 3.0
    middle = next(each for each in speed["quantiles"] if each["share"] == 0.5)
    assert middle["low"] <= middle["value"] <= middle["high"]


def test_it_is_resumed_and_grows(result, tmp_path):
    again = json.loads(told("campaign", "--resume", "one", "--json").stdout)
    assert again["cases_flown"] == 0
    assert {key: again[key] for key in ("landed", "margins", "causes")} == {key: result[key] for key in ("landed", "margins", "causes")}
    more = json.loads(told("campaign", "--resume", "one", "-n", "400", "--json").stdout)
    assert (more["cases"], more["cases_flown"]) == (400, 400 - 288)


def test_two_campaigns_are_compared_flight_by_flight(result, tmp_path):
    told("campaign", "luna-25", "-n", str(CASES), "--width", "16", "--out", "two", "--fault", "altimeter.dead")
    both = json.loads(told("compare", "one", "two", "--json").stdout)
    assert (both["pairs"], both["only_second"]) == (CASES, 0)
    assert both["only_first"] == both["first"]["landed"] - both["second"]["landed"] > 10
    assert both["p_value"] < 1e-3 and both["high"] < 0.0
    assert both["lost"] == [{"reason": "tipped over", "cases": both["only_first"]}]
    assert both["inputs_apart"] == [] and both["moved"]["propellant_kg"]["value"] == 0.0
    assert "worse" in told("compare", "one", "two").stdout
    assert "no more than chance would do" in told("compare", "one", "one").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("campaign",), "give a mission, by name or path, or --resume DIR"),
        (("campaign", "luna-25", "--resume", "one"), "knows its mission and its folder"),
        (("campaign", "--resume", "nowhere"), "'nowhere' is no campaign"),
        (("campaign", "--resume", "nowhere", "--seed", "3"), "keeps seed as it was"),
        (("campaign", "luna-25", "--design", "halton"), "design is 'halton'"),
        (("campaign", "luna-25", "--until-width", "2"), "until_width is 2.0"),
        (("compare", "here", "there"), "'here' is no campaign"),
        (("replay", "here", "--case", "3"), "'here' is no campaign"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(words, said):
    done = told(*words, status=2)
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_is_there_is_not_written_over(result):
    assert "exists already" in told("campaign", "luna-25", "--out", "one", status=2).stderr


def test_a_case_that_is_not_there_is_refused_before_anything_is_made(result, monkeypatch):
    monkeypatch.setattr(campaign_folder, "Squadron", Stub)
    monkeypatch.setattr(campaign_folder, "refuse_other_mission", lambda *_: None)
    monkeypatch.setattr(Stub, "prepare", lambda self: pytest.fail("programs were made for it"))
    assert "the campaign has no such case on disk" in told("replay", "one", "--case", str(CASES), status=2).stderr
