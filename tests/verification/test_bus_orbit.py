"""Eclipses, power and warmth of a lander in a circular orbit of 100 km, against plane geometry and sums by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import ASTRONOMICAL_UNIT_M, GM_MOON_M3_S2, RADIUS_MOON_M, RADIUS_SUN_M
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import epoch_from_utc
from perilune.scenario.bus import BusRows, bus_history, bus_summary, contacts, eclipses
from perilune.scenario.load import load

RADIUS_M = RADIUS_MOON_M + 100e3
PERIOD_S = 2.0 * np.pi * np.sqrt(RADIUS_M**3 / GM_MOON_M3_S2)
ROW_S = 5.0
# A span is known to half a row at both ends; the Sun moves by 0.03 deg of orbit in a revolution (1 s), and half of its disc is hidden where
# its centre touches the limb but for the limb's bend (0.1 s).
ECLIPSE_S = ROW_S + 1.1
# The penumbra is some 40 rows a revolution; sums of rows are as good as a row's share of what changes in one.
MEAN_RELATIVE = 1e-2
EPOCH = epoch_from_utc("2023-08-17T00:00:00Z")
LUNA = load("luna-25")


def orbit(beta_rad: float, revolutions: float) -> BusRows:
    """In an orbit whose plane stands at an angle to the Sun; it starts over the middle of the day."""
    met_s = np.arange(0.0, revolutions * PERIOD_S, ROW_S)
    sun = np.asarray(load_ephemeris(EPOCH, PERIOD_S).r_sun_lci_m(jnp.asarray(0.0)).unit().array())
    across = np.cross(sun, (0.0, 0.0, 1.0))
    across /= np.linalg.norm(across)
    noon = np.cos(beta_rad) * sun + np.sin(beta_rad) * np.cross(across, sun)
    angle = 2.0 * np.pi * met_s[:, None] / PERIOD_S
    return BusRows(EPOCH, met_s, RADIUS_M * (np.cos(angle) * noon + np.sin(angle) * across))


def shadow_s(beta_rad: float) -> float:
    """Time in the shadow of a ball in parallel light; none where the orbit passes beside it."""
    cosine = np.sqrt(1.0 - (RADIUS_MOON_M / RADIUS_M) ** 2) / np.cos(beta_rad)
    return PERIOD_S / np.pi * np.arccos(min(cosine, 1.0))


@pytest.mark.parametrize("beta_deg", [0.0, 40.0, 65.0])
def test_shadows_last_as_plane_geometry_says(beta_deg):
    rows = orbit(np.radians(beta_deg), 2.0)
    found = eclipses(rows, bus_history(LUNA, rows))
    assert len(found) == 2
    for each in found:
        assert each["duration_s"] == pytest.approx(shadow_s(np.radians(beta_deg)), abs=ECLIPSE_S)


def test_an_orbit_beside_the_shadow_has_none():
    rows = orbit(np.radians(75.0), 1.0)
    assert shadow_s(np.radians(75.0)) == 0.0
    assert eclipses(rows, bus_history(LUNA, rows)) == []


def test_the_penumbra_lasts_as_long_as_the_sun_needs_to_set():
    rows = orbit(0.0, 1.0)
    lit = bus_history(LUNA, rows)["sunlit"]
    setting = (lit > 0.0) & (lit < 1.0)
    sets_s = 2.0 * RADIUS_SUN_M / (1.0123 * ASTRONOMICAL_UNIT_M) / (2.0 * np.pi) * PERIOD_S  # 17 August: 1.0123 au
    assert np.sum(setting) * ROW_S / 2.0 == pytest.approx(sets_s, abs=ROW_S)


def test_mean_power_is_light_times_area_times_the_share_of_the_orbit():
    rows = orbit(0.0, 1.0)
    history, file = bus_history(LUNA, rows), LUNA.power
    # Two panels turned half away from the Sun, and the generator.
    sunward_m2 = 2.0 * 0.8 * np.sqrt(0.5)
    light_w_m2 = 1361.0 / 1.0123**2
    share = 1.0 - shadow_s(0.0) / PERIOD_S
    wanted_w = 0.01 * file.efficiency_percent * light_w_m2 * sunward_m2 * share + file.isotope_w
    assert bus_summary(LUNA, rows, history)["generated_mean_w"] == pytest.approx(wanted_w, rel=MEAN_RELATIVE)


def test_the_charge_falls_in_the_shadow_by_what_is_used_there():
    rows = orbit(0.0, 1.0)
    history = bus_history(LUNA, rows)
    used_j = (history["power_used_w"] - history["power_generated_w"]) * ROW_S
    dark = np.flatnonzero(history["sunlit"] == 0.0)[:-1]
    fallen = history["state_of_charge"][dark] - history["state_of_charge"][dark + 1]
    np.testing.assert_allclose(fallen * 3600.0 * LUNA.power.battery_wh, used_j[dark], rtol=1e-9)
    assert len(dark) > 500


def test_finer_rows_do_not_change_the_answer():
    """Rows of 240 s and of 120 s in full sunlight, far from the Moon: charge and temperature are the same to rounding."""
    far_m = np.tile([0.0, 0.0, 3e8], (200, 1))
    coarse = bus_history(LUNA, BusRows(EPOCH, 240.0 * np.arange(100.0), far_m[:100]))
    fine = bus_history(LUNA, BusRows(EPOCH, 120.0 * np.arange(200.0), far_m))
    for name in ("state_of_charge", "temperature_k"):
        # Light falls with the square of the distance from the Sun, which changes by 1e-6 in the longest row.
        np.testing.assert_allclose(fine[name][::2], coarse[name], rtol=1e-6)


def test_rows_an_hour_apart_are_stepped_finer_within():
    far_m = np.tile([0.0, 0.0, 3e8], (1201, 1))
    hourly = bus_history(LUNA, BusRows(EPOCH, 3600.0 * np.arange(21.0), far_m[:21]))
    dense = bus_history(LUNA, BusRows(EPOCH, 60.0 * np.arange(1201.0), far_m))
    np.testing.assert_allclose(dense["temperature_k"][::60], hourly["temperature_k"], rtol=1e-4)


def test_it_is_not_heard_behind_the_moon():
    rows = orbit(0.0, 2.0)
    history = bus_history(LUNA, rows)
    assert not np.any((history["behind_moon"] > 0.0) & (history["heard"] > 0.0))
    windows = contacts(LUNA, rows, history)
    heard_s = sum(window["duration_s"] for window in windows)
    assert heard_s == pytest.approx(np.sum(history["heard"]) * ROW_S, abs=ROW_S * 2 * len(windows))
    assert windows == sorted(windows, key=lambda window: window["start_met_s"])
