"""Figures of the real flight that tell of a moment, beside this flight's."""

from datetime import UTC, datetime

import numpy as np
import pytest

from perilune.scenario.beside import TOUCHDOWN, Flown, beside
from perilune.scenario.schema_place import ObservedFigure

ANNOUNCED = datetime(2025, 6, 5, 19, 17, tzinfo=UTC)


def figure(name: str) -> ObservedFigure:
    return ObservedFigure(name=name, unit="h", utc=ANNOUNCED, planned=0.0)


def flown(contact) -> Flown:
    return Flown(np.zeros(1), np.zeros(1), contact, None)


@pytest.mark.parametrize(("utc", "hours"), [("2025-06-05T20:02:00.000Z", 0.75), ("2025-06-05T03:17:00.000Z", -16.0)])
def test_touchdown_is_told_in_hours_after_the_one_that_was_announced(utc, hours):
    assert beside(figure(TOUCHDOWN), flown({"utc": utc})) == (None, pytest.approx(hours))


def test_without_a_touchdown_or_under_another_name_there_is_nothing_to_tell():
    assert beside(figure(TOUCHDOWN), flown(None)) == (None, None)
    assert beside(figure("first light"), flown({"utc": "2025-06-05T20:02:00.000Z"})) == (None, None)


def test_the_greatest_distance_is_told_of_a_flight_that_began_near_the_earth():
    from perilune.scenario.outcome import _farthest_km

    out_and_back = np.array([[7e6, 0.0, 0.0], [0.0, 1.4e9, 0.0], [0.0, 0.0, 3.8e8]])
    assert _farthest_km({"r_gci_m": out_and_back}) == pytest.approx(1.4e6)
    assert _farthest_km({"r_gci_m": out_and_back[1:]}) is None
    assert _farthest_km({}) is None
