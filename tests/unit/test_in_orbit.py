"""What becomes of an orbiter: its orbit after the last burn against the one that its file wants."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import moon_orientation
from perilune.moon.time import epoch_from_utc
from perilune.scenario.build import build
from perilune.scenario.errors import ScenarioError
from perilune.scenario.in_orbit import misses, watched
from perilune.scenario.load import load

DAY_S = 86400.0
WANTED = load("danuri").mapping  # 100 km, 30 km more or less, 90 deg within 2


@pytest.fixture(scope="module")
def ephemeris():
    return load_ephemeris(epoch_from_utc("2022-12-26T02:00:00"), 4.0 * DAY_S)


def polar(ephemeris, low_km, high_km, tilt_deg=0.0):
    """Rows of three days in a polar plane of the last moment, between two heights."""
    met_s = np.arange(0.0, 3.0 * DAY_S, 600.0)
    pole = np.asarray(moon_orientation(ephemeris, jnp.asarray(met_s[-1])).q_lfme_lci.inverse().dcm())[:, 2]
    aside = np.cross(pole, [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    north = np.cos(np.radians(tilt_deg)) * pole + np.sin(np.radians(tilt_deg)) * np.cross(aside, pole)
    phase = 2.0 * np.pi * met_s / 7080.0
    around = np.cos(phase)[:, None] * aside + np.sin(phase)[:, None] * north
    ahead = np.cos(phase)[:, None] * north - np.sin(phase)[:, None] * aside
    radius_m = RADIUS_MOON_M + 1e3 * (0.5 * (low_km + high_km) + 0.5 * (high_km - low_km) * np.cos(phase))
    return {"met_s": met_s, "r_lci_m": radius_m[:, None] * around, "v_lci_m_s": np.sqrt(GM_MOON_M3_S2 / radius_m)[:, None] * ahead}


def test_heights_and_inclination_are_those_of_the_rows_after_the_last_burn(ephemeris):
    rows = polar(ephemeris, 90.0, 125.0)
    rows["r_lci_m"][:10] *= 2.0  # before the last burn
    found = watched(rows, rows["met_s"][10], ephemeris)
    assert found.lowest_km == pytest.approx(90.0, abs=0.1)
    assert found.highest_km == pytest.approx(125.0, abs=0.1)
    assert found.inclination_deg == pytest.approx(90.0, abs=1e-6)
    assert found.days == pytest.approx(3.0, abs=0.1)
    assert misses(found, WANTED) == []


@pytest.mark.parametrize(
    ("low_km", "high_km", "tilt_deg", "words"),
    [
        (60.0, 110.0, 0.0, "came down to 60.0 km; it was to stay above 70.0"),
        (90.0, 140.0, 0.0, "rose to 140.0 km; it was to stay below 130.0"),
        (90.0, 110.0, 3.0, "inclination is 93.00 deg; 90 was wanted"),
    ],
)
def test_another_orbit_is_told_by_what_misses(ephemeris, low_km, high_km, tilt_deg, words):
    (told,) = misses(watched(polar(ephemeris, low_km, high_km, tilt_deg), 0.0, ephemeris), WANTED)
    assert words in told


def test_an_orbit_that_was_not_watched_is_not_the_one_wanted(ephemeris):
    assert misses(watched({}, 0.0, ephemeris), WANTED) == ["it was not watched in its last orbit"]


def test_an_orbiter_has_no_descent_to_build():
    with pytest.raises(ScenarioError, match="does not land"):
        build(load("danuri"))
