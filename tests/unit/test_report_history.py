"""The report's comparison with the real flight, and places in the published ellipse: small arithmetic on a made-up record."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from synthetic_flight import START_UTC, channels, outcome

from perilune.report.figures_ground import inside
from perilune.report.figures_navigation import _new
from perilune.report.history import answered, event_rows, figure_rows, time_difference
from perilune.report.record import Record
from perilune.scenario.schema_place import Observed
from perilune.sim.recording import recording_tree


@pytest.fixture(scope="module")
def record() -> Record:
    time_s = np.arange(0.0, 600.0, 0.5)
    return Record(recording_tree(time_s, channels(time_s), START_UTC))


def test_speed_at_a_height_is_that_of_the_first_sample_below(record):
    low = np.flatnonzero(record.all_of("truth/altitude_m") <= 3000.0)[0]
    speed = np.hypot(record.all_of("truth/vertical_speed_m_s")[low], record.all_of("truth/horizontal_speed_m_s")[low])
    assert answered("speed at 3 km, braking over", "m/s", outcome(), record) == pytest.approx(speed)


def test_what_the_touch_answers(record):
    assert answered("vertical speed at touchdown, at most", "m/s", outcome(), record) == pytest.approx(
        outcome()["contact"]["vertical_speed_m_s"]
    )
    assert answered("distance of the impact from the target", "m", outcome(), record) == pytest.approx(812.0)
    assert answered("distance of the impact from the target", "km", outcome(), record) == pytest.approx(0.812)


def test_speed_at_the_first_valid_range(record):
    heard = np.flatnonzero(record.all_of("downlink/altimeter_fresh"))[0]
    speed = np.hypot(record.all_of("truth/vertical_speed_m_s")[heard], record.all_of("truth/horizontal_speed_m_s")[heard])
    assert answered("speed at that height", "m/s", outcome(), record) == pytest.approx(speed)


def test_what_a_recording_cannot_answer_is_none(record):
    assert answered("burn of 19 August", "s", outcome(), record) is None
    assert answered("distance of the impact from the target", "m", outcome(contact=None), record) is None
    assert answered("speed at 0.1 m", "m/s", outcome(), record) is None


MISSION = Observed.model_validate(
    {
        "source": "the operator",
        "outcome": "crashed",
        "cause": "made up",
        "events": [
            {"utc": datetime(2023, 8, 16, 8, 57, tzinfo=UTC), "name": "lunar orbit insertion: two engines"},
            {"utc": datetime(2023, 8, 21, 11, 30, tzinfo=UTC), "name": "braking burn starts (Doppler)"},
            {"utc": datetime(2023, 8, 19, 11, 58, tzinfo=UTC), "name": "impact in a crater"},
            {"utc": datetime(2023, 8, 19, 11, 57, tzinfo=UTC), "name": "loss of contact"},
        ],
        "figures": [
            {"name": "distance from the Earth", "unit": "km", "flown": 310000},
            {"name": "length of correction 1", "unit": "s", "flown": 46},
            {"name": "length of the descent-orbit burn", "unit": "s", "planned": 84, "flown": 127},
            {"name": "vertical speed at touchdown, at most", "unit": "m/s", "planned": 3, "source": "its maker"},
            {"name": "length of trim", "unit": "s"},
            {"name": "longitude of the impact", "unit": "deg", "flown": 179.5},
            {"name": "inclination after trim", "unit": "deg", "flown": 82.087},
            {"name": "never measured", "unit": "s", "flown": 3},
        ],
    }
)
HERE = (
    ("distance from the Earth", None, 326714.953),
    ("length of correction 1", 37.30915, 44.1999),
    ("length of the descent-orbit burn", 78.4315, 80.3),
    ("length of trim", 26.684, 28.2),
    ("longitude of the impact", None, -179.0),
    ("inclination after trim", 81.9949, 82.31273),
)
BURN = {
    "name": "lunar orbit insertion KTD",
    "planned": {"utc": "2023-08-16T08:57:00.000Z"},
    "flown": {"utc": "2023-08-16T08:57:01.859Z"},
}


def flown(**changed):
    figures = [{"name": name, "planned_here": planned, "flown_here": here} for name, planned, here in HERE]
    return outcome(observed={"figures": figures}, burns=[BURN], **changed)


def test_planned_real_and_this_flight_stand_side_by_side_with_their_difference(record):
    rows = {row[0]: row[1:5] for row in figure_rows(MISSION, flown(), record)}
    assert rows == {
        "distance from the Earth": ("–", "310,000 km", "326,715 km", "+16,715 km"),
        "length of correction 1": ("desk 37.3 s", "46 s", "44.2 s", "-1.8 s"),
        "length of the descent-orbit burn": ("84 s, desk 78.4 s", "127 s", "80.3 s", "-46.7 s"),
        "vertical speed at touchdown, at most": ("3 m/s", "–", "1.53 m/s", "-1.47 m/s (to plan)"),
        "length of trim": ("desk 26.7 s", "–", "28.2 s", "+1.5 s (to plan)"),
        "longitude of the impact": ("–", "179.5 deg", "-179.0 deg", "+1.5 deg"),
        "inclination after trim": ("desk 81.995 deg", "82.087 deg", "82.313 deg", "+0.226 deg"),
        "never measured": ("–", "3 s", "–", "–"),
    }
    assert figure_rows(MISSION, flown(), record)[3][5] == "its maker"


def test_events_are_matched_and_their_difference_is_a_time():
    insertion, braking, impact, silence = event_rows(MISSION, flown())
    assert insertion[1:] == ("2023-08-16 08:57:00", "2023-08-16 08:57:00", "2023-08-16 08:57:01.9", "+1.9 s", "the operator")
    assert braking[1:5] == ("–", "2023-08-21 11:30:00", "2023-08-21 11:30:30.0", "+30.0 s")
    assert impact[3:5] == silence[3:5] == ("–", "–")  # this flight landed


CRUISE = Observed.model_validate(
    {
        "outcome": "landed",
        "cause": "made up",
        "events": [
            {"utc": datetime(2023, 8, 10, 23, 30, tzinfo=UTC), "name": "let go by the upper stage"},
            {"utc": date(2023, 8, 12), "name": "farthest from the Earth"},
            {"utc": datetime(2023, 8, 16, 9, 3, tzinfo=UTC), "name": "end of lunar orbit insertion: in orbit"},
            {"utc": date(2023, 8, 15), "name": "correction 1: on that day"},
            {"utc": datetime(2023, 8, 14, 22, 43, tzinfo=UTC), "name": "lunar flyby"},
        ],
    }
)


def test_events_of_the_way_to_the_moon_stand_beside_those_of_the_desk_and_of_the_flight():
    def burn(name, utc, duration_s):
        return {"name": name, "planned": {"utc": utc, "duration_s": duration_s}, "flown": None}

    top = {"name": "farthest_from_earth", "utc": "2023-08-14T01:00:00.000Z", "detail": {"planned_utc": "2023-08-13T00:00:00.000Z"}}
    burns = [
        burn("correction 10", "2023-08-01T00:00:00.000Z", 1.0),
        burn("correction 1", "2023-08-12T00:00:00.000Z", 1.0),
        burn("lunar orbit insertion KTD", "2023-08-16T08:57:00.000Z", 240.0),
        burn("lunar orbit insertion DMP", "2023-08-16T09:01:00.000Z", 60.0),
    ]
    rows = [row[1:5] for row in event_rows(CRUISE, {"burns": burns, "events": [top], "outcome": "landed"})]
    assert rows == [
        ("–", "2023-08-10 23:30:00", "–", "–"),
        ("2023-08-13 00:00:00", "2023-08-12", "2023-08-14 01:00:00.0", "+2 d"),
        ("2023-08-16 09:02:00", "2023-08-16 09:03:00", "–", "–"),
        ("2023-08-12 00:00:00", "2023-08-15", "–", "–"),
        ("–", "2023-08-14 22:43:00", "–", "–"),
    ]


def test_a_crash_stands_beside_the_real_impact():
    touch = next(each for each in flown()["events"] if each["name"] == "contact")
    *_, impact, _ = event_rows(MISSION, flown(outcome="crashed"))
    assert impact[3].startswith(touch["utc"][:19].replace("T", " "))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "+0.0 s"),
        (-59.94, "-59.9 s"),
        (59.96, "+1 min 0 s"),
        (914.3, "+15 min 14 s"),
        (3599.7, "+1 h 0 min"),
        (-11520.0, "-3 h 12 min"),
        (86399.0, "+1 d 0 h"),
        (158347.0, "+1 d 20 h"),
    ],
)
def test_times_differ_by_their_two_largest_units(seconds, words):
    assert time_difference(seconds) == words


def test_the_ellipse_is_turned_from_north_to_east():
    long_way = (30.0, 15.0, 90.0)
    assert inside(long_way, 14_900.0, 0.0)
    assert not inside(long_way, 0.0, 14_900.0)
    assert inside((30.0, 15.0, 0.0), 0.0, 14_900.0)
    assert not inside(long_way, 15_100.0, 0.0)


def test_the_record_ends_with_the_verdict(record):
    assert Record(record.tree, until_s=521.0).time_s[-1] == 521.0 - 0.5 - record.ignition_s


def test_a_report_that_is_repeated_counts_once():
    assert _new(np.array([0.3, 0.3, 0.3, -0.1, -0.1])).tolist() == [True, False, False, True, False]
