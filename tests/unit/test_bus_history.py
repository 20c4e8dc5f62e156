"""Rows in, channels out: attitude, darkness, spans, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.rotation import Rotation
from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import epoch_from_utc
from perilune.scenario.bus import BUS_CHANNELS, BusRows, bus_history, coast_attitude, spans
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load, mission_from_text

EPOCH = epoch_from_utc("2023-08-19T11:00:00Z")
LUNA = load("luna-25")
ROWS = 40
MET_S = 60.0 * np.arange(ROWS)
# 10,000 km before the Moon, as the Earth sees it.
NEAR_M = np.tile(-1e7 * np.asarray(load_ephemeris(EPOCH, 3600.0).r_moon_gci_m(jnp.asarray(0.0)).unit().array()), (ROWS, 1))


def tables_removed(text: str, *names: str) -> str:
    """A mission file without some of its tables."""
    for name in names:
        start = text.index(f"[{name}]")
        text = text[:start] + text[text.index("\n\n[", start) + 2 :]
        while f"\n[[{name}." in text:
            start = text.index(f"\n[[{name}.") + 1
            text = text[:start] + text[text.index("\n\n[", start) + 2 :]
    return text


def test_every_channel_has_its_unit_and_one_number_a_row():
    history = bus_history(LUNA, BusRows(EPOCH, MET_S, NEAR_M))
    assert list(history) == list(BUS_CHANNELS)
    assert all(row.shape == (ROWS,) for row in history.values())
    # 19 August 2023, 11:00 UTC: the Moon stands over Moscow.
    assert np.all(history["heard"] == 1.0) and np.all(history["station"] == 0)
    assert np.all(np.isfinite(history["link_margin_db"]))
    assert history["light_time_s"][0] == pytest.approx(history["range_km"][0] / 299_792.458)


def test_the_attitude_of_a_row_decides_what_the_panels_give():
    to_sun = load_ephemeris(EPOCH, 3600.0).r_sun_lci_m(jnp.asarray(0.0)).unit()
    along = coast_attitude(to_sun, to_sun, vec3((0, 0, 1)), vec3((0, 0, 1)))
    held = np.asarray([along.w, along.v.x, along.v.y, along.v.z])
    given = np.tile(held, (ROWS, 1))
    given[: ROWS // 2] = np.nan
    history = bus_history(LUNA, BusRows(EPOCH, MET_S, NEAR_M, q_lci_body=given))
    # Half of the rows as in a coast; then the axis without panels to the Sun: the generator is left.
    assert history["power_generated_w"][0] > 300.0
    assert history["power_generated_w"][-1] == pytest.approx(float(LUNA.power.isotope_w), abs=1.0)


def test_a_coast_turns_one_axis_to_the_sun_and_the_other_towards_the_earth():
    sun, earth = vec3((0.6, 0.8, 0.0)), vec3((0.0, 0.6, 0.8))
    q_lci_body = coast_attitude(sun, earth, vec3((1, 0, 0)), vec3((0, 0, 1)))
    assert isinstance(q_lci_body, Rotation)
    np.testing.assert_allclose((q_lci_body @ vec3((1, 0, 0))).array(), sun.array(), atol=1e-12)
    best = earth.array() - sun.array() * float(sun.dot(earth))
    np.testing.assert_allclose((q_lci_body @ vec3((0, 0, 1))).array(), best / np.linalg.norm(best), atol=1e-12)


@pytest.mark.parametrize("second", [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)])
def test_a_coast_holds_where_sun_and_earth_lie_on_one_line(second):
    q_lci_body = coast_attitude(vec3((1, 0, 0)), vec3(second), vec3((0, 1, 0)), vec3((0, 0, 1)))
    np.testing.assert_allclose((q_lci_body @ vec3((0, 1, 0))).array(), (1.0, 0.0, 0.0), atol=1e-12)


def test_what_is_on_is_used_and_a_silent_transmitter_is_not_heard():
    on, power = np.ones(ROWS), LUNA.power
    quiet = bus_history(LUNA, BusRows(EPOCH, MET_S, NEAR_M, transmitting=0.0 * on))
    busy = bus_history(LUNA, BusRows(EPOCH, MET_S, NEAR_M, burning=on, devices_on=on))
    assert quiet["power_used_w"][0] == power.base_w
    assert busy["power_used_w"][0] == power.base_w + power.transmitter_w + power.valves_w + power.devices_w
    assert not np.any(quiet["heard"]) and np.all(busy["heard"] == 1.0)


def test_a_battery_that_is_empty_ends_the_contact():
    small = mission_from_text(LUNA.text.replace("battery_wh = { value = 1200, low = 600", "battery_wh = { value = 60, low = 6"))
    to_sun = load_ephemeris(EPOCH, 3600.0).r_sun_lci_m(jnp.asarray(0.0)).unit()
    along = coast_attitude(to_sun, to_sun, vec3((0, 0, 1)), vec3((0, 0, 1)))
    away = np.tile([along.w, along.v.x, along.v.y, along.v.z], (ROWS, 1))
    history = bus_history(small, BusRows(EPOCH, MET_S, NEAR_M, q_lci_body=away))
    # 45 Wh above the floor last 14 minutes at 194 W.
    (dark,) = spans(MET_S, history["alive"] == 0.0)
    assert dark.start_s == pytest.approx(45.0 / 194.0 * 3600.0, abs=30.0)
    assert np.array_equal(history["heard"], history["alive"])
    assert history["state_of_charge"][-1] == pytest.approx(0.2)


def test_a_cold_lander_heats():
    text = LUNA.text.replace("start_k = { value = 293, low = 283", "start_k = { value = 260, low = 250")
    history = bus_history(mission_from_text(text), BusRows(EPOCH, MET_S, NEAR_M))
    assert np.all(history["heating"] == 1.0)
    assert history["power_used_w"][0] == LUNA.power.base_w + LUNA.power.transmitter_w + LUNA.power.heater_w


def test_spans_end_half_way_between_rows():
    met_s = np.array([0.0, 10.0, 20.0, 40.0, 50.0])
    assert spans(met_s, np.array([1, 1, 0, 1, 1])) == [(0.0, 15.0), (30.0, 50.0)]
    assert spans(met_s, np.zeros(5)) == []


def test_rows_whose_times_fall_are_refused():
    with pytest.raises(ScenarioError, match="must not fall"):
        BusRows(EPOCH, MET_S[::-1], NEAR_M)


def test_an_older_file_loads_and_a_half_of_the_bus_does_not():
    old = mission_from_text(tables_removed(LUNA.text, "power", "thermal", "radio"))
    assert (old.power, old.thermal, old.radio) == (None, None, None)
    with pytest.raises(ScenarioError, match=r"no tables \[power\]"):
        bus_history(old, BusRows(EPOCH, MET_S, NEAR_M))
    with pytest.raises(ScenarioError, match="thermal is missing; power, thermal and radio stand together"):
        mission_from_text(tables_removed(LUNA.text, "thermal"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("start_percent = { value = 95, low = 80", "start_percent = { value = 5, low = 0", "it must be at least floor_percent, 20"),
        (
            "heater_on_below_k = { value = 278, low = 268, high = 283",
            "heater_on_below_k = { value = 290, low = 268, high = 291",
            "heater_off_above_k",
        ),
        ("base_w =", "base_kw =", "is given in kilowatts; the key here is base_w (watts)"),
        ("frequency_mhz", "frequency_hz", "is given in hertz; the key here is frequency_mhz (megahertz)"),
    ],
)
def test_what_cannot_be_is_refused(old, new, words):
    with pytest.raises(ScenarioError) as caught:
        mission_from_text(LUNA.text.replace(old, new, 1))
    assert any(words in line for line in caught.value.complaints)
