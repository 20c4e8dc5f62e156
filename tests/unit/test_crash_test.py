"""The crash test but for the flying: verdicts, rating, what is kept on disk, sweeps, the page, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perilune.campaign import crash_test as campaign
from perilune.campaign import sweep as sweeping
from perilune.campaign.crash_test import HEALTHY, Fate, Trial, crash_test, rating, result_of, verdict_of
from perilune.campaign.failures import FAILURES, NotForThis, Translation
from perilune.campaign.kept import ASKED, Kept, opened
from perilune.campaign.runner import Case
from perilune.campaign.sweep import Axis, Span, Sweep, read_axis, read_span
from perilune.cli import app
from perilune.faults.words import rows_of
from perilune.report.crash_page import overall, page
from perilune.report.sweep_page import share_map
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load
from perilune.sim.outcome import Outcome

RUNNER = CliRunner()
LANDED = Case(0, Outcome.LANDED, 1.5, 0.2, 0.5, 3.0, 4.0, 40.0, 7300.0, 10.0, -5.0)
CRASHED = replace(LANDED, outcome=Outcome.CRASHED, vertical_m_s=60.0, horizontal_m_s=8.0)
LUNA = load("luna-25")


def trial(number: int, landed: int, flown: int = 100) -> Trial:
    """The failure of that number with so many landings; 0 is the healthy flights."""
    failure = None if number == 0 else FAILURES[number - 1]
    rows = (LANDED,) * landed + (CRASHED,) * (flown - landed)
    return Trial(failure, Translation(("altimeter.dead",), {}, ("a spare",)), rows, LUNA)


@pytest.mark.parametrize(
    ("landed", "fate"),
    [(100, Fate.SURVIVES), (84, Fate.SURVIVES), (83, Fate.OPEN), (50, Fate.OPEN), (17, Fate.OPEN), (16, Fate.DIES), (0, Fate.DIES)],
)
def test_fates_by_the_ends_of_the_interval(landed, fate):
    """Of 100: 84 landings reach from 75.6 %, 83 from 74.5 %; 16 up to 24.4 %, 17 up to 25.5 % (Wilson)."""
    assert trial(1, landed).fate is fate


def test_the_rating_is_beside_healthy_flights():
    trials = [trial(0, 80), trial(1, 80), trial(2, 40), trial(3, 100), Trial(FAILURES[4], NotForThis("it has none"), (), LUNA)]
    whole = rating(trials)
    assert whole.score == pytest.approx((1.0 + 0.5 + 1.0) / 3.0)
    assert (whole.grade, whole.tested, whole.survived) == ("B", 3, 1)
    assert rating([trial(0, 100), trial(1, 0)]).grade == "E"
    assert rating([trial(0, 100), trial(1, 100)]).grade == "A"


def test_what_is_told_of_a_trial():
    dead, alive = trial(1, 10), trial(1, 98)
    assert dead.why() == "crashed: too fast down and too fast sideways (90 of 100, 60 m/s down and 8 m/s across)"
    assert alive.why() == "it has a spare"
    assert alive.margins() == {
        "propellant_kg": 40.0,
        "propellant_share": pytest.approx(40.0 / float(LUNA.vehicle.propellant_kg)),
        "speed_share": pytest.approx(1.0 - 1.5 / 3.0),
    }
    assert trial(1, 0).margins() == {}


@pytest.fixture
def result() -> dict:
    trials = [trial(0, 97), trial(1, 3), trial(2, 50), Trial(FAILURES[2], NotForThis("it has no engine"), (), LUNA)]
    return result_of(LUNA, trials, 100)


def test_the_result_is_json_and_each_failure_one_line(result):
    again = json.loads(json.dumps(result))
    assert [t["fate"] for t in again["trials"]] == ["survives", "dies", "in doubt", "does not apply"]
    lines = [verdict_of(t) for t in again["trials"]]
    assert lines[1].startswith("Luna-25, 2023: dies, 3 of 100 land (1 to 8 %); crashed: too fast down")
    assert lines[3] == "Resilience, 2025: does not apply; it has no engine"
    assert all("\n" not in line for line in lines)


def test_the_page_holds_the_figure_the_table_and_the_words(result):
    text = page(result, "Luna-25")
    assert "<svg" in text
    assert "altimeter.dead" in text
    assert overall(result) in text
    assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace("http://creativecommons.org", "")


def test_batches_are_kept_and_not_flown_again(tmp_path, monkeypatch):
    flown = []

    def fly(plan, translation, way, watch):
        flown.append(translation.faults)
        if len(flown) == 4:
            raise KeyboardInterrupt
        return [LANDED] * way.seeds

    monkeypatch.setattr(campaign, "_plan", lambda file, translation: None)
    monkeypatch.setattr(campaign, "_flown", fly)
    monkeypatch.setattr(campaign, "AT_A_TIME", 1)
    kept = Kept(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        list(crash_test(LUNA, 5, kept))
    assert kept.find(HEALTHY) == [LANDED] * 5
    done = len(list((tmp_path / "batches").iterdir()))
    assert done >= 3
    seen = []
    trials = list(crash_test(LUNA, 5, kept, lambda name, share: seen.append((name, share))))
    assert [t.name for t in trials] == [HEALTHY, *(failure.name for failure in FAILURES)]
    assert len(flown) == 1 + sum(bool(t.rows) for t in trials)  # the broken one twice
    assert all(t.landed == 5 for t in trials if t.rows)
    assert (HEALTHY, 1.0) in seen


def test_a_folder_is_gone_on_with_only_if_the_same_was_asked_and_not_finished(tmp_path):
    first = opened(None, tmp_path, "luna-25", {"seeds": 5})
    assert first.folder == tmp_path / "luna-25-001"
    assert opened(None, tmp_path, "luna-25", {"seeds": 5}).folder == first.folder
    assert opened(None, tmp_path, "luna-25", {"seeds": 6}).folder == tmp_path / "luna-25-002"
    (first.folder / "result.json").write_text("{}")
    assert opened(None, tmp_path, "luna-25", {"seeds": 5}).folder == tmp_path / "luna-25-003"
    with pytest.raises(ScenarioError, match="exists already"):
        opened(first.folder, tmp_path, "luna-25", {"seeds": 5})
    precious = tmp_path / "mine"
    precious.mkdir()
    with pytest.raises(ScenarioError, match="exists already"):
        opened(precious, tmp_path, "luna-25", {"seeds": 5})
    assert list(precious.iterdir()) == []


def test_spans_and_times_of_a_sweep():
    assert read_span("--size", "0..0.5/3").values() == (0.0, 0.25, 0.5)
    assert read_span("--size", "0.2").values() == (0.2,)
    assert read_axis("met=10..20/2").triggers() == ("@met=10", "@met=20")
    assert read_axis("phase=braking+0..60/3").triggers() == ("@phase=braking+0", "@phase=braking+30", "@phase=braking+60")
    assert read_axis("phase=braking").triggers() == ("@phase=braking+0",)
    assert read_axis(None).triggers() == ("",)
    for words in ("noon", "height=3..4", "met=late..5", "met=5..4", "met=1..inf", "met=1..2/1", "met=1..2/many"):
        with pytest.raises(ScenarioError, match="--at"):
            read_axis(words)


def test_every_square_of_a_sweep_is_flown_with_the_same_seeds(monkeypatch, tmp_path):
    jobs = []

    def fly(plan, seeds, width, watch, faults, call, kinds):
        assert kinds == {rows_of(["engine.thrust-loss"])[0].kind}
        jobs.extend(zip(seeds, faults, strict=True))
        return [LANDED if rows[0].size > -0.3 else CRASHED for rows in faults]

    monkeypatch.setattr(sweeping, "build", lambda file: file)
    monkeypatch.setattr(sweeping, "refuse_late", lambda plan, faults: None)
    monkeypatch.setattr(sweeping, "cases", fly)
    sweep = Sweep(LUNA, "engine.thrust-loss.1", Span(0.0, 0.5, 2), Axis("altitude=", Span(100.0, 300.0, 3)))
    cells = sweep.fly(30, Kept(tmp_path), lambda name, share: None)
    result = sweep.result(cells, 30)
    assert share_map(result).tolist() == [[100.0] * 3, [0.0] * 3]
    assert [cell.words for cell in cells][:2] == ["engine.thrust-loss.1:0@altitude=100", "engine.thrust-loss.1:0@altitude=200"]
    assert [seed for seed, _ in jobs] == list(range(30)) * 6
    assert jobs[-1][1] == rows_of(["engine.thrust-loss.1:0.5@altitude=300"])
    assert len(sweep.fly(30, Kept(tmp_path), lambda name, share: None)) == 6
    assert len(jobs) == 180  # from the disk the second time


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaign, "_plan", lambda file, translation: None)
    monkeypatch.setattr(campaign, "_flown", lambda plan, translation, way, watch: [LANDED] * (way.seeds - 1) + [CRASHED])
    return tmp_path


def test_the_command_tells_a_table_and_leaves_a_folder(elsewhere):
    told = RUNNER.invoke(app, ["crash-test", "luna-25", "--seeds", "20"], env={"COLUMNS": "180"})
    assert told.exit_code == 0, told.output
    assert "rating A" in told.stdout
    assert all(failure.title in told.stdout for failure in FAILURES)
    folder = elsewhere / "crash-tests" / "luna-25-001"
    assert {"report.html", "result.json", ASKED, "batches"} == {path.name for path in folder.iterdir()}


def test_the_command_prints_one_json_object(elsewhere):
    told = RUNNER.invoke(app, ["crash-test", "resilience", "--seeds", "20", "--json", "--out", "here"])
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert (result["mission"], result["seeds"], result["rating"]["grade"]) == ("resilience", 20, "A")
    assert result["files"]["report"] == str(Path("here") / "report.html")
    assert "flown" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lunar-25"], "there is no mission 'lunar-25'; did you mean luna-25?"),
        (["luna-26"], "luna-26 does not land"),
        (["luna-25", "--fault", "engine.explodes"], "there is no such fault"),
        (["luna-25", "--fault", "engine.out.7"], "luna-25 has 3 engines, numbered from 0"),
        (["luna-25", "--fault", "engine.thrust-loss", "--size", "0..2"], "share lost; it must lie in [0, 1]"),
        (["luna-25", "--fault", "engine.thrust-loss", "--size", "little"], "--size little: give a number, or two as A..B"),
        (["luna-25", "--fault", "gyro.drift", "--at", "noon"], "--at noon: write met=A..B"),
        (["luna-25", "--size", "0..1"], "give --fault NAME too"),
        (["luna-25", "--seeds", "0"], "--seeds"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(arguments, words, elsewhere):
    told = RUNNER.invoke(app, ["crash-test", *arguments])
    assert told.exit_code == 2
    assert words in told.stderr
    assert told.stdout == ""
    assert not (elsewhere / "crash-tests").exists()
