"""Where a burn that led to the ground may have ended: few numbers from rows, and the geometry of a track; the sweep itself flies in `test_voyage`."""

import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.report.impacts import impact_rows, impact_words
from perilune.scenario.errors import ScenarioError
from perilune.scenario.impact_band import BAND_CHANNELS, impact_band, in_few_numbers, left_of_track_km
from perilune.scenario.load import load, mission_from_text

DEGREE_KM = np.pi / 180.0 * RADIUS_MOON_M / 1e3


def rows(**columns) -> dict[str, np.ndarray]:
    count = len(next(iter(columns.values())))
    return {name: np.asarray(columns.get(name, np.ones(count)), dtype=float) for name in BAND_CHANNELS}


def test_only_burns_in_view_that_fell_are_counted():
    told = in_few_numbers(rows(seen=[1, 0, 1, 1], struck=[1, 1, 0, 1], after_ignition_s=[2400, 9000, 9000, 2700], ahead_m=[1e5, 0, 0, 1e4]))
    assert (told["burns"], told["earth_in_view"], told["met_the_ground"]) == (4, 3, 2)
    assert told["predicted"]["ignition_to_ground_min"] == [40.0, 42.5, 45.0]
    assert told["fitted"]["burns"] == 1


def test_no_burn_at_all_says_nothing():
    told = in_few_numbers(rows(seen=[0.0], struck=[1.0]))
    assert told["predicted"]["ignition_to_ground_min"] is None
    assert impact_rows({"impacts": told}) == []
    assert impact_words({}) == []


def test_a_place_west_of_a_track_to_the_north_is_left_of_it():
    coasts = {"latitude_deg": np.array([0.0, 1.0]), "longitude_deg": np.array([10.0, 10.0])}
    assert left_of_track_km(coasts, (0.0, 9.0)) == pytest.approx(DEGREE_KM, rel=1e-4)
    assert left_of_track_km(coasts, (0.0, 11.0)) == pytest.approx(-DEGREE_KM, rel=1e-4)
    assert left_of_track_km(coasts, (30.0, 10.0)) == pytest.approx(0.0, abs=1e-9)


def test_what_the_file_must_say():
    with pytest.raises(ValueError, match="hakuto-r-m1 has no table"):
        impact_band(load("hakuto-r-m1"))
    text = load("luna-25").text
    with pytest.raises(ScenarioError, match=r"ignition_utc.*must not be before orbit_utc"):
        mission_from_text(text.replace("ignition_utc = 2023-08-19T11:10:00Z", "ignition_utc = 2023-08-15T11:10:00Z"))
    with pytest.raises(ScenarioError, match=r"flown_s is 80; it must be more than planned_s, 84, and less than the 2820 s"):
        mission_from_text(text.replace("flown_s = { value = 127,", "flown_s = { value = 80,"))
    with pytest.raises(ScenarioError, match=r"planned_periapsis_altitude_km is 95; it must be below periapsis_altitude_km, 91.4"):
        mission_from_text(text.replace("planned_periapsis_altitude_km = { value = 18,", "planned_periapsis_altitude_km = { value = 95,"))
    with pytest.raises(ScenarioError, match=r"observed.latitude_deg.*is missing"):
        mission_from_text(text.replace("latitude_deg = -57.865\n", ""))
