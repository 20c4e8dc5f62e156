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
