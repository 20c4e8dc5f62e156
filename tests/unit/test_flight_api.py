"""From a mission's name to what became of it: one flight from a shell, and the contract of what it prints and leaves."""

import json
from pathlib import Path

import pytest

import perilune
from perilune.scenario.errors import ScenarioError

KEYS = {"schema", "mission", "variant", "from", "faults", "seed", "outcome", "cause", "phase", "contact", "rest", "limits"}
KEYS |= {"propellant_left_kg", "events", "burns", "bus", "observed", "files"}
CONTACT = {"utc", "met_s", "latitude_deg", "longitude_deg", "elevation_m", "miss_m", "ground_slope_deg"}
CONTACT |= {"vertical_speed_m_s", "horizontal_speed_m_s", "tilt_deg"}


@pytest.fixture(scope="module")
def result(main_job):
    return main_job.result


def test_standard_output_is_one_json_object(main_job):
    assert main_job.standard_output.startswith("{") and main_job.standard_output.count("\n") == 1


def test_it_has_the_keys_of_the_design(result):
    assert set(result) >= KEYS
    assert set(result["contact"]) == CONTACT
    assert set(result["rest"]) == {"utc", "tilt_deg"}
    assert all(set(event) == {"utc", "met_s", "name", "detail"} for event in result["events"])
    assert {"recording", "report", "manifest"} <= set(result["files"])


def test_it_says_what_was_asked_for(result):
    asked = {key: result[key] for key in ("schema", "mission", "variant", "from", "faults", "seed")}
    assert asked == {"schema": 1, "mission": "luna-25", "variant": "nominal", "from": "separation", "faults": [], "seed": 0}


def test_luna_25_lands_within_its_limits(result):
    contact, limits = result["contact"], result["limits"]
    assert result["outcome"] == "landed"
    assert 0.0 < contact["vertical_speed_m_s"] <= limits["vertical_m_s"]
    assert contact["horizontal_speed_m_s"] <= limits["horizontal_m_s"]
    assert contact["tilt_deg"] <= limits["tilt_deg"]
    assert result["propellant_left_kg"] > 0.0
    assert contact["latitude_deg"] == pytest.approx(-69.545, abs=0.5)  # the ellipse is 15 km from its centre: 0.5 deg
    assert contact["utc"].startswith("2023-08-21T")


def test_events_are_in_order_and_end_with_the_outcome(result):
    times = [event["met_s"] for event in result["events"]]
    names = [event["name"] for event in result["events"]]
    assert times == sorted(times)
    assert names[0] == "start"
    expected = ["braking", "pitch_up", "vertical_descent", "contact", "landed"]
    assert [name for name in names if name in expected] == expected


def test_the_folder_holds_what_is_named(main_job, result):
    for file in result["files"].values():
        assert file is None or Path(file).stat().st_size > 0
    assert (main_job.folder / "flight.nc").exists() and (main_job.folder / "report.html").exists()
    manifest = json.loads((main_job.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 0


def test_the_recording_opens_in_xarray_and_agrees(main_job, result):
    import xarray

    recording = main_job.folder / "flight.nc"
    root = xarray.open_dataset(recording, engine="h5netcdf")
    downlink = xarray.open_dataset(recording, engine="h5netcdf", group="downlink")
    truth = xarray.open_dataset(recording, engine="h5netcdf", group="truth")
    assert {"altitude_m", "propellant_kg"} <= set(truth) and "mode" in downlink
    assert all("units" in truth[name].attrs for name in truth.data_vars)
    assert root.sizes["met_s"] == truth.sizes["met_s"] == downlink.sizes["met_s"]
    assert float(truth["propellant_kg"][-1]) == pytest.approx(result["propellant_left_kg"])


def test_progress_goes_to_the_other_stream(main_job):
    assert "altitude" in main_job.standard_error


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mission": "lunar-25"}, "there is no mission 'lunar-25'; did you mean luna-25?"),
        ({"mission": "luna-25", "from_phase": "breakfast"}, "luna-25 has no such start; allowed: descent, orbit, separation"),
        ({"mission": "resilience", "variant": "mended"}, "the mission file of resilience does not say what mends it"),
        ({"mission": "luna-25", "variant": "asflown"}, "there is no variant 'asflown'; did you mean as-flown?"),
        ({"mission": "luna-25", "faults": ("altimeter.ded",)}, "there is no such fault"),
        ({"mission": "luna-25", "faults": ("engine.stuck.3",)}, "luna-25 has 3 engines"),
        ({"mission": "luna-25", "from_phase": 3}, "luna-25 has no such start; allowed: descent, orbit, separation"),
        ({"mission": "luna-25", "faults": None}, "faults are None; they are words"),
        ({"mission": "luna-25", "faults": [3]}, "faults are [3]; they are words"),
        ({"mission": "luna-25", "faults": ("gyro.drift",) * 9}, "9 faults were asked for; the table holds 8"),
    ],
)
def test_what_cannot_be_flown_is_refused_in_words(given, said, monkeypatch):
    monkeypatch.setattr("perilune.scenario.flight._set_out", None)  # nothing is planned before
    with pytest.raises(ScenarioError) as caught:
        perilune.fly(**given)
    assert said in str(caught.value)
