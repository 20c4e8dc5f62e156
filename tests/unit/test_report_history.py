"""The report's comparison with the real flight, and places in the published ellipse: small arithmetic on a made-up record."""

import numpy as np
import pytest
from synthetic_flight import START_UTC, channels, outcome

from perilune.report.figures_ground import inside
from perilune.report.figures_navigation import _new
from perilune.report.history import answered, braking_utc
from perilune.report.record import Record
from perilune.sim.recording import recording_tree


@pytest.fixture(scope="module")
def record() -> Record:
    time_s = np.arange(0.0, 600.0, 0.5)
    return Record(recording_tree(time_s, channels(time_s), START_UTC))


def test_speed_at_a_height_is_that_of_the_first_sample_below(record):
    low = np.flatnonzero(record.all_of("truth/altitude_m") <= 3000.0)[0]
    speed = np.hypot(record.all_of("truth/vertical_speed_m_s")[low], record.all_of("truth/horizontal_speed_m_s")[low])
    assert answered("speed at 3 km, braking over", "m/s", outcome(), record) == f"{speed:.3g} m/s"


def test_what_the_touch_answers(record):
    assert answered("vertical speed at touchdown, at most", "m/s", outcome(), record) == "1.53 m/s"
    assert answered("distance of the impact from the target", "m", outcome(), record) == "812 m"
    assert answered("distance of the impact from the target", "km", outcome(), record) == "0.812 km"


def test_speed_at_the_first_valid_range(record):
    heard = np.flatnonzero(record.all_of("downlink/altimeter_fresh"))[0]
    speed = np.hypot(record.all_of("truth/vertical_speed_m_s")[heard], record.all_of("truth/horizontal_speed_m_s")[heard])
    assert answered("speed at that height", "m/s", outcome(), record) == f"{speed:.3g} m/s"


def test_what_a_recording_cannot_answer_is_a_dash(record):
    assert answered("burn of 19 August", "s", outcome(), record) == "–"
    assert answered("distance of the impact from the target", "m", outcome(contact=None), record) == "–"
    assert answered("speed at 0.1 m", "m/s", outcome(), record) == "–"


def test_the_braking_burn_has_a_time_beside_the_real_one():
    assert braking_utc(outcome(), "braking burn starts (Doppler)") == "2023-08-21T11:30:30Z"
    assert braking_utc(outcome(), "signal ends") == ""


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
