"""The command line: exit status, what goes to which stream, and folders that are never overwritten."""

import json
import sys
from pathlib import Path

import pytest
from synthetic_flight import SyntheticFlight, outcome
from typer.testing import CliRunner

import perilune
from perilune.cli import app
from perilune.cli.terminal import faults_begun, keep_compiled_programs, missions_begun
from perilune.faults.catalogue import CATALOGUE, FAMILIES
from perilune.scenario.errors import ScenarioError
from perilune.sim.progress import Progress

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Default folders go to the working directory, and a made-up flight stands in for the simulation."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def fly(mission, seed, from_phase, faults, variant, progress, keep_in):
        asked.append({"name": mission.name, "seed": seed, "from_phase": from_phase, "faults": faults, "variant": variant})
        if seed == 13:
            raise ScenarioError("seed 13 cannot be flown")
        if seed == 14:
            raise RuntimeError("a bug of ours")
        progress(Progress("descent", "braking", 0.0, 0.0, 18_000.0, 1.0, 1700.0, 1300.0, 1.0))
        result = outcome(seed=seed, mission=mission.name)
        result["propellant_left_kg"] = float("nan")
        return SyntheticFlight(outcome=result, terrain=None, recorded=("downlink/mode", "truth/altitude_m"))

    monkeypatch.setattr(perilune, "fly", fly, raising=False)
    return asked


def test_missions_lists_the_catalogue():
    told = RUNNER.invoke(app, ["missions"])
    assert told.exit_code == 0
    for name in ("luna-25", "hakuto-r-m1", "resilience", "chandrayaan-3", "slim", "beresheet"):
        assert name in told.stdout


def test_faults_lists_every_fault_of_the_catalogue():
    told = RUNNER.invoke(app, ["faults"], env={"COLUMNS": "160"})
    assert told.exit_code == 0
    assert all(name in told.stdout for name in CATALOGUE)
    assert all(family in told.stdout for family in FAMILIES)
    assert "Schiaparelli" in told.stdout


def test_names_are_completed():
    assert missions_begun("luna-25") == ["luna-25"]
    assert faults_begun("altimeter.d") == ["altimeter.dead", "altimeter.dropouts"]
    assert faults_begun("nothing") == []


def test_schema_is_json():
    kinds = json.loads(RUNNER.invoke(app, ["schema"]).stdout)["$defs"]
    assert "site" in kinds["LanderFile"]["properties"]
    assert "mapping" in kinds["OrbiterFile"]["properties"]


def test_json_is_one_object_and_progress_goes_to_the_other_stream(tmp_path):
    told = RUNNER.invoke(app, ["fly", "luna-25", "--seed", "7", "--from", "descent", "--json", "--out", "here"])
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert (result["schema"], result["outcome"], result["seed"]) == (1, "landed", 7)
    assert result["propellant_left_kg"] is None  # what is not a number is null
    assert result["files"]["report"] == "here/report.html"
    assert (tmp_path / "here" / "flight.nc").stat().st_size > 0
    assert "altitude" in told.stderr


def test_every_flight_gets_a_folder_of_its_own(tmp_path):
    for _ in range(2):
        assert RUNNER.invoke(app, ["fly", "luna-25"]).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "flights").iterdir()) == ["luna-25-seed0-001", "luna-25-seed0-002"]


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    told = RUNNER.invoke(app, ["fly", "luna-25", "--out", "mine"])
    assert told.exit_code == 2
    assert "exists already" in told.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["luna-27"], "there is no mission 'luna-27'; did you mean luna-2"),
        (["nowhere.toml"], "there is no file 'nowhere.toml'"),
        (["danuri", "--from", "descent"], "danuri has no such start; allowed: separation"),
        (["luna-25", "--from", "breakfast"], "luna-25 has no such start; allowed: descent, orbit"),
        (["resilience", "--mended"], "--mended: the mission file of resilience does not say what mends it"),
        (["luna-25", "--fault", "altimeter.ded"], "there is no such fault; did you mean altimeter.dead?"),
        (["luna-25", "--fault", "nonsense"], "`perilune faults` lists them"),
        (["luna-25", "--fault", "engine.out.7"], "luna-25 has 3 engines, numbered from 0"),
        (["luna-25", "--fault", "altimeter.dead@met=9..1"], "it ends at 1 s, which is not after 9 s"),
        (["luna-25", "--fault", "altimeter.bias:far"], "the size 'far' is not a number"),
        (["luna-25", *["--fault", "altimeter.dead"] * 9], "9 faults were asked for; the table holds 8"),
        (["luna-25", "--seed", "13"], "seed 13 cannot be flown"),
        (["luna-25", "--seed", "-1"], "--seed"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(arguments, words, tmp_path):
    told = RUNNER.invoke(app, ["fly", *arguments])
    assert told.exit_code == 2
    assert words in told.stderr
    assert told.stdout == ""
    assert not list(tmp_path.glob("flights/*"))


def test_our_own_fault_is_status_1(tmp_path):
    told = RUNNER.invoke(app, ["fly", "luna-25", "--seed", "14"])
    assert told.exit_code == 1
    assert isinstance(told.exception, RuntimeError)
    assert not list(tmp_path.glob("flights/*"))


def test_choices_reach_the_flight(elsewhere):
    RUNNER.invoke(
        app, ["fly", "resilience", "--seed", "3", "--from", "descent", "--fault", "altimeter.dead", "--fault", "engine.stuck:0.5"]
    )
    assert elsewhere == [
        {"name": "resilience", "seed": 3, "from_phase": "descent", "faults": ("altimeter.dead", "engine.stuck:0.5"), "variant": "nominal"}
    ]
    RUNNER.invoke(app, ["fly", "luna-25", "--as-flown"])
    assert elsewhere[1] == {"name": "luna-25", "seed": 0, "from_phase": None, "faults": (), "variant": "as-flown"}


def test_the_end_is_told_in_words():
    told = RUNNER.invoke(app, ["fly", "luna-25"])
    assert "LANDED" in told.stdout
    assert "vertical speed" in told.stdout
    assert "flights/luna-25-seed0-001/report.html" in told.stdout


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/perilune/jax/perilune"),
        ({"JAX_COMPILATION_CACHE_DIR": "/mine"}, "/mine/perilune"),
        ({"JAX_COMPILATION_CACHE_DIR": ""}, None),
        ({"JAX_COMPILATION_CACHE_DIR": "/mine", "JAX_ENABLE_COMPILATION_CACHE": "false"}, None),
    ],
)
def test_programs_are_kept_where_jax_keeps_its_own(environment, folder, monkeypatch):
    for name in ("XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"):
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert keep_compiled_programs() == (Path(folder) if folder else None)


def test_a_plain_installation_without_dask_has_its_report(monkeypatch):
    """Dask comes with the tests and with clusters only."""
    from perilune import cli

    for name in ("dask", "dask.array", "dask.distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    assert cli._report().write_flight
