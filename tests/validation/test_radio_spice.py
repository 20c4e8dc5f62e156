"""Elevation, range and occultation of a lander at a station, against SPICE: its Moon (DE440), its ellipsoid, its ray through a ball.

The Earth is turned by ERFA's whole matrix `c2t06a`: SPICE's own IAU_EARTH is 0.07 deg from it, and no kernel of the Earth is at hand.
"""

import math
import os
from pathlib import Path

import erfa
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.moon.earth import load_earth_orientation, place_on_earth
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import Epoch, epoch_from_utc
from perilune.world.radio import Station, sight

# DE421 and DE440 put the Moon 5 m apart: 7e-7 deg. Our pole of date leaves out the intermediate origin's 5e-8 rad: 3e-6 deg.
ELEVATION_DEG = 5e-6
# 5 m of the Moon's place, and 0.3 m of the station's.
RANGE_KM = 0.01
# The line of sight at the limb moves by as much.
LIMB_KM = 0.01
EPOCH = epoch_from_utc("2023-08-19T00:00:00Z")
STATIONS = {"Bear Lakes": (55.866, 37.952, 180.0), "Ussuriysk": (44.016, 131.757, 100.0), "New Norcia": (-31.048, 116.192, 252.0)}
KERNELS = ("de440_excerpt_2000_2040_sun_emb_earth_moon_jup.bsp",)
RADIUS_KM = 1e-3 * RADIUS_MOON_M
COUNT = 400


@pytest.fixture(scope="module")
def spice():
    folder = os.environ.get("PERILUNE_REFERENCE_DATA")
    if folder is None:
        pytest.skip("PERILUNE_REFERENCE_DATA is not set: no SPICE kernels to compare with")
    spiceypy = pytest.importorskip("spiceypy")
    paths = [str(Path(folder) / "kernels" / name) for name in KERNELS]
    spiceypy.furnsh(paths)
    yield spiceypy
    for path in paths:
        spiceypy.unload(path)


def flight() -> tuple[np.ndarray, np.ndarray]:
    """Times over a day, and a polar orbit 300 km high (Moon-centred, m)."""
    times_s = np.linspace(0.0, 86_400.0, COUNT)
    angle = 2.0 * np.pi * times_s / 8_000.0
    axes = np.array([[0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    return times_s, (RADIUS_MOON_M + 300e3) * (np.cos(angle)[:, None] * axes[0] + np.sin(angle)[:, None] * axes[1])


def ours(where: tuple[float, float, float]) -> dict[str, np.ndarray]:
    times_s, places_m = flight()
    orientation, ephemeris = load_earth_orientation(EPOCH, 86_400.0), load_ephemeris(EPOCH, 86_400.0)
    place = place_on_earth(orientation, math.radians(where[0]), math.radians(where[1]), where[2])
    dish = Station(place, *(jnp.asarray(number) for number in (0.1, 35.0, 0.6, 60.0)))

    def one(t_s, r_lci_m):
        lander_m = vec3(r_lci_m)
        seen = sight(dish, t_s, ephemeris.r_moon_gci_m(t_s) + lander_m, lander_m, jnp.asarray(8.4e9))
        return seen.elevation_rad, seen.range_m, seen.clear

    elevation_rad, range_m, clear = jax.jit(jax.vmap(one))(jnp.asarray(times_s), jnp.asarray(places_m))
    return {"elevation_deg": np.degrees(elevation_rad), "range_km": 1e-3 * np.asarray(range_m), "clear": np.asarray(clear)}


def earth_turned(epoch: Epoch) -> np.ndarray:
    """From inertial axes to the Earth's, with UT1 taken as UTC."""
    jd_tt = epoch.jd_tt()
    return erfa.c2t06a(*jd_tt, *erfa.taiutc(*erfa.tttai(*jd_tt)), 0.0, 0.0)


def theirs(spice, where: tuple[float, float, float]) -> dict[str, np.ndarray]:
    """By SPICE alone: a station on the ellipsoid of WGS84, turned by ERFA; a ray from it through a ball."""
    flat = 1.0 / 298.257223563
    longitude, latitude = math.radians(where[1]), math.radians(where[0])
    r_station_km = spice.georec(longitude, latitude, 1e-3 * where[2], 6378.137, flat)
    up = spice.surfnm(6378.137, 6378.137, 6378.137 * (1.0 - flat), spice.georec(longitude, latitude, 0.0, 6378.137, flat))
    rows = []
    for t_s, r_lci_m in zip(*flight(), strict=True):
        et = EPOCH.tdb_s() + t_s
        turn = earth_turned(EPOCH.after(t_s)).T
        moon_km, _ = spice.spkpos("MOON", et, "J2000", "NONE", "EARTH")
        from_moon_km, to_lander_km = turn @ r_station_km - moon_km, moon_km + 1e-3 * r_lci_m - turn @ r_station_km
        elevation = math.asin(spice.vdot(spice.vhat(to_lander_km), turn @ up))
        try:
            hit_km = spice.surfpt(from_moon_km, to_lander_km, RADIUS_KM, RADIUS_KM, RADIUS_KM)
            before = spice.vdist(hit_km, from_moon_km) < spice.vnorm(to_lander_km)
        except spice.NotFoundError:
            before = False
        near_km = spice.nplnpt(from_moon_km, to_lander_km, [0.0, 0.0, 0.0])[1]
        rows.append((math.degrees(elevation), spice.vnorm(to_lander_km), not before, near_km - RADIUS_KM))
    return dict(zip(("elevation_deg", "range_km", "clear", "limb_km"), np.array(rows).T, strict=True))


@pytest.mark.parametrize("name", STATIONS)
def test_elevation_range_and_occultation_are_those_of_spice(spice, name):
    our, their = ours(STATIONS[name]), theirs(spice, STATIONS[name])
    np.testing.assert_allclose(our["elevation_deg"], their["elevation_deg"], atol=ELEVATION_DEG)
    np.testing.assert_allclose(our["range_km"], their["range_km"], atol=RANGE_KM)
    sure = np.abs(their["limb_km"]) > LIMB_KM
    assert np.sum(sure) > COUNT - 5
    assert np.array_equal(our["clear"][sure], their["clear"][sure] > 0.0)
    # Behind the Moon, before it, below the horizon and above it all occur.
    assert 50 < np.sum(our["clear"]) < COUNT - 50
    assert 50 < np.sum(our["elevation_deg"] > 0.0) < COUNT - 50
