"""Time scales: leap seconds, the two-part count, the text, and errors that teach."""

import pytest

from perilune.moon.time import DAY_S, Epoch, EpochError, epoch_from_jd_tt, epoch_from_tdb_s, epoch_from_utc

# |TDB - TT| has a yearly term of 1.657 ms and monthly ones of tens of microseconds (Fairhead & Bretagnon 1990).
TDB_MINUS_TT_MAX_S = 2e-3
NANOSECOND_S = 1e-9


def tt_minus_utc_s(text: str, utc_day: int, utc_second_s: float) -> float:
    """`utc_day`: whole days of UTC from 2000-01-01T12:00 to noon before the epoch."""
    epoch = epoch_from_utc(text)
    tt_second_s = epoch.second_s - epoch.tdb_minus_tt_s()
    return (epoch.day - utc_day) * DAY_S + tt_second_s - utc_second_s


def test_tt_minus_utc_before_and_after_the_leap_seconds():
    # 2004-06-01 12:00 is 1613 days past J2000; TAI - UTC was 32 s. 2023-08-19 12:00 is 8631 days past; 37 s.
    assert tt_minus_utc_s("2004-06-01T12:00:00", 1613, 0.0) == pytest.approx(64.184, abs=NANOSECOND_S)
    assert tt_minus_utc_s("2023-08-19T12:00:00Z", 8631, 0.0) == pytest.approx(69.184, abs=NANOSECOND_S)


def test_a_leap_second_lasts_a_second_and_prints_as_sixty():
    before = epoch_from_utc("2016-12-31T23:59:59")
    leap = epoch_from_utc("2016-12-31T23:59:60")
    after = epoch_from_utc("2017-01-01T00:00:00")
    assert leap.tt_seconds_since(before) == pytest.approx(1.0, abs=NANOSECOND_S)
    assert after.tt_seconds_since(before) == pytest.approx(2.0, abs=NANOSECOND_S)
    assert leap.utc() == "2016-12-31T23:59:60.000Z"


@pytest.mark.parametrize("month", range(1, 13))
def test_tdb_stays_within_two_milliseconds_of_tt(month):
    assert abs(epoch_from_utc(f"2023-{month:02d}-15T00:00:00").tdb_minus_tt_s()) < TDB_MINUS_TT_MAX_S


def test_elapsed_time_keeps_a_nanosecond_over_decades():
    start = epoch_from_utc("1969-07-20T20:17:40")
    later = start.after(50.0 * 365.25 * DAY_S).after(1e-6)
    assert later.seconds_since(start.after(50.0 * 365.25 * DAY_S)) == pytest.approx(1e-6, abs=NANOSECOND_S)
    assert later > start


def test_after_takes_negative_and_tiny_steps():
    assert Epoch(0, 0.0).after(-1.0) == Epoch(-1, DAY_S - 1.0)
    assert Epoch(3, 0.0).after(-1e-13) == Epoch(3, 0.0)


def test_tdb_seconds_and_julian_dates():
    assert epoch_from_tdb_s(0.0) == Epoch(0, 0.0)
    assert epoch_from_tdb_s(745_887_669.25).tdb_s() == 745_887_669.25
    noon = epoch_from_jd_tt(2451545.0)
    assert noon.tdb_minus_tt_s() == pytest.approx(noon.seconds_since(Epoch(0, 0.0)), abs=NANOSECOND_S)
    whole, fraction = epoch_from_jd_tt(2460176.5, 0.25).jd_tt()
    assert (whole - 2460176.5) + fraction == pytest.approx(0.25, abs=1e-14)


@pytest.mark.parametrize("text", ["2023-08-21T11:00", "2023-08-21 11:00:00", " 2023-08-21T11:00:00.000Z "])
def test_usual_ways_to_write_a_time(text):
    assert epoch_from_utc(text) == epoch_from_utc("2023-08-21T11:00:00")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("21.08.2023 11:00", "2023-08-21T11:00:00"),
        ("2023-08-21", "write it in UTC"),
        ("2023-08-21T11:00:00+03:00", "no offset"),
        ("2023-13-01T00:00:00", "no such date"),
        ("2023-02-30T00:00:00", "no such date"),
        ("2023-08-21T25:00:00", "no such date"),
        ("2023-08-21T11:00:60", "no such time of day"),
        ("1959-12-31T00:00:00", "known from 1960 to 2035"),
        ("2036-01-01T00:00:00", "give the epoch in TDB"),
    ],
)
def test_errors_teach(text, says):
    with pytest.raises(EpochError, match=says) as caught:
        epoch_from_utc(text)
    assert text.strip() in str(caught.value)


def test_no_utc_outside_the_table():
    with pytest.raises(EpochError, match="known from 1960 to 2035"):
        epoch_from_tdb_s(5e9).utc()
    with pytest.raises(EpochError, match="known from 1960 to 2035"):
        epoch_from_tdb_s(-1.5e9).utc()


def test_until_leap_seconds_end_the_last_one_known_is_kept():
    """A day is a day from the last table to 2035: 37 s of TAI - UTC, and 32.184 s of TT."""
    late, early = epoch_from_utc("2035-12-31T12:00:00"), epoch_from_utc("2023-12-31T12:00:00")
    assert late.tt_seconds_since(early) == pytest.approx(4383 * 86400.0, abs=1e-6)
    assert late.utc() == "2035-12-31T12:00:00.000Z"


def test_second_out_of_the_day_is_refused():
    with pytest.raises(EpochError, match="after"):
        Epoch(0, 86400.0)
