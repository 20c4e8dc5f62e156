"""Instants survive the way to UTC and back, and sums of time are sums."""

from hypothesis import given
from hypothesis import strategies as st

from perilune.moon.time import DAY_S, epoch_from_tdb_s, epoch_from_utc

# 1972-01-01 to 2028-01-01, and 1961-01-01 to 1972-01-01, when UTC was stretched and stepped by tenths of a second.
instants = st.floats(-8.83e8, 8.8e8).map(epoch_from_tdb_s)
early_instants = st.floats(-1.23e9, -8.84e8).map(epoch_from_tdb_s)
# UTC text holds whole milliseconds, so half of one is its rounding. ERFA prints the days of a 0.1 s step wrong by up to that step.
TEXT_S, EARLY_TEXT_S = 0.5e-3 + 1e-9, 0.1 + 0.5e-3 + 1e-6
# A day holds 86,400 s to 1.5e-11 s; elapsed times up to a century to 5e-7 s.
ROUNDING_S = 1e-6


@given(instants)
def test_utc_text_and_back(epoch):
    assert abs(epoch_from_utc(epoch.utc()).seconds_since(epoch)) <= TEXT_S


@given(early_instants)
def test_utc_text_and_back_before_leap_seconds(epoch):
    assert abs(epoch_from_utc(epoch.utc()).seconds_since(epoch)) <= EARLY_TEXT_S


@given(instants)
def test_text_is_a_fixed_point(epoch):
    text = epoch.utc()
    assert epoch_from_utc(text).utc() == text


@given(instants, st.floats(-3e9, 3e9))
def test_after_and_since_are_inverse(epoch, elapsed_s):
    later = epoch.after(elapsed_s)
    assert abs(later.seconds_since(epoch) - elapsed_s) <= ROUNDING_S
    assert 0.0 <= later.second_s < DAY_S


@given(instants, instants)
def test_order_is_the_sign_of_the_difference(a, b):
    assert (a > b) == (a.seconds_since(b) > 0.0)
