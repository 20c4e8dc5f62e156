"""Figures of a descent out of its record."""

import math

import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.scenario.beside_descent import of_descent
from perilune.scenario.moments import CHANNELS, track_of
from perilune.wire.telemetry import Mode

TIME_S = np.arange(0.0, 100.0)


@pytest.fixture
def record():
    """Sinks at 10 m/s from 1,000 m, held for zero after 40 s, empty after 60, first range at 20."""
    channels = {name: np.zeros(100) for name in CHANNELS}
    channels["downlink/mode"] = np.full(100, int(Mode.VERTICAL_DESCENT))
    channels["downlink/mode"][:5] = int(Mode.COAST)
    channels["truth/altitude_m"] = 1000.0 - 10.0 * TIME_S
    channels["downlink/altitude_m"] = 400.0 - 10.0 * TIME_S
    channels["truth/vertical_speed_m_s"] = np.full(100, 3.0)
    channels["truth/horizontal_speed_m_s"] = np.full(100, 4.0)
    channels["truth/tilt_deg"] = TIME_S
    channels["truth/r_site_m"] = np.stack([300.0 * np.ones(100), 400.0 * np.ones(100), 1000.0 - 10.0 * TIME_S], axis=1)
    channels["truth/propellant_kg"] = np.maximum(60.0 - TIME_S, 0.0)
    channels["downlink/altimeter_fresh"] = (TIME_S >= 20.0).astype(float)
    return channels


CONTACT = {"met_s": 98.0, "miss_m": 1500.0, "vertical_speed_m_s": 30.0, "horizontal_speed_m_s": 40.0, "tilt_deg": 7.0}


@pytest.mark.parametrize(
    ("name", "unit", "value"),
    [
        ("speed at 192 m", "m/s", 5.0),
        ("speed down at 192 m", "m/s", 3.0),
        ("level speed at 192 m", "m/s", 4.0),
        ("tilt at 192 m", "deg", 81.0),
        ("distance from the target at 192 m", "m", RADIUS_MOON_M * math.atan2(500.0, RADIUS_MOON_M + 190.0)),
        ("tilt at touchdown", "deg", 7.0),
        ("speed at 3 km, braking over", "m/s", 5.0),
        ("height of the first valid range", "m", 800.0),
        ("true height when the software held it for zero", "km", 0.6),
        ("from that moment to empty tanks", "s", 20.0),
        ("from empty tanks to the ground", "s", 38.0),
        ("distance of the impact from the target", "km", 1.5),
        ("speed of the impact", "m/s", 50.0),
    ],
)
def test_a_figure_in_its_unit(record, name, unit, value):
    assert of_descent(name, unit, track_of(TIME_S, record), CONTACT) == pytest.approx(value)


def test_what_never_came_or_means_nothing_is_not_told(record):
    record["downlink/altimeter_fresh"][:] = 0.0
    assert of_descent("height of the first valid range", "m", track_of(TIME_S, record), CONTACT) is None
    assert of_descent("speed of the impact", "m/s", track_of(TIME_S, record), None) is None
    assert of_descent("first light", "s", track_of(TIME_S, record), CONTACT) is None
    assert of_descent("speed at 192 m", "furlong", track_of(TIME_S, record), CONTACT) is None
