"""Figures of the real flight that tell of a moment, beside this flight's."""

from datetime import UTC, datetime

import numpy as np
import pytest

from perilune.scenario.beside import TOUCHDOWN, Farthest, Flown, Place, beside
from perilune.scenario.beside_plan import of_burn
from perilune.scenario.outcome import farthest
from perilune.scenario.schema_place import ObservedFigure
from perilune.trajectory.flightpath import Orbit

ANNOUNCED = datetime(2025, 6, 5, 19, 17, tzinfo=UTC)


def figure(name: str, unit: str = "h") -> ObservedFigure:
    return ObservedFigure(name=name, unit=unit, utc=ANNOUNCED, planned=0.0)


def flown(contact) -> Flown:
    return Flown(np.zeros(1), np.zeros(1), contact, None)


@pytest.mark.parametrize(("utc", "hours"), [("2025-06-05T20:02:00.000Z", 0.75), ("2025-06-05T03:17:00.000Z", -16.0)])
def test_touchdown_is_told_in_hours_after_the_one_that_was_announced(utc, hours):
    assert beside(figure(TOUCHDOWN), flown({"utc": utc})) == (None, pytest.approx(hours))


def test_without_a_touchdown_or_under_another_name_there_is_nothing_to_tell():
    assert beside(figure(TOUCHDOWN), flown(None)) == (None, None)
    assert beside(figure("first light"), flown({"utc": "2025-06-05T20:02:00.000Z"})) == (None, None)


def test_the_greatest_distance_is_told_of_a_flight_that_began_near_the_earth():
    out_and_back = {"met_s": np.array([0.0, 60.0, 120.0]), "r_gci_m": np.diag([7e6, 1.4e9, 3.8e8])}
    assert farthest(out_and_back) == Farthest(60.0, pytest.approx(1.4e6))
    assert farthest({name: rows[1:] for name, rows in out_and_back.items()}) is None
    assert farthest({}) is None


def test_places_are_told_from_the_centre_of_the_earth_and_over_the_moon():
    here = Flown(np.zeros(1), np.zeros(1), None, None, place=lambda _: Place(np.array([0.0, 4e8, 0.0]), np.array([0.0, 0.0, 1.0e7])))
    assert beside(figure("distance from the Earth at correction 1", "km"), here) == (None, pytest.approx(4e5))
    assert beside(figure("height over the Moon at the flyby", "km"), here) == (None, pytest.approx(1e4 - 1737.4))
    assert beside(figure("height over the Moon at the flyby", "km"), flown(None)) == (None, None)


def test_the_period_follows_from_the_orbit_after_a_burn():
    circle = Orbit("moon", 100e3, 100e3, 0.0, 0.0)
    # Hakuto-R M1's was measured as 7,066 s (AMSAT-DL, Bochum, 2023-04); a kilometre of the half axis is 5.8 s, and 100 km is a rounded number.
    assert of_burn("period after lowering 3", "lowering 3", 600.0, circle) == pytest.approx(7066.0, abs=5.8)
    assert of_burn("period after lowering 3", "lowering 3", 600.0, None) is None
    assert of_burn("period after lowering 3", "trim", 30.0, circle) is None
