"""Moon, Earth and Sun of DE421 against JPL's DE440, twelve years younger."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
from jplephem.spk import SPK

from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import Epoch

# The ephemerides differ in the observations they were fitted to. Moon: laser ranging holds the distance (0.2 m apart, 0.5 m at most);
# along the orbit they drift apart, 0.8 m in 2000, 3.3 m in 2024, 4.2 m in 2030 (4.4 m with all components).
MOON_M, MOON_RADIAL_M, MOON_M_S = 5.0, 0.6, 1.5e-5
# Sun: 208 m across the ecliptic once a year, which is two orbit planes 0.3 mas apart, and 60 m along; 220 m at most.
SUN_M, SUN_M_S = 250.0, 6e-5

# DE440 by SPICE: Moon from Earth, J2000 axes, 2025-01-01T00:00:00 TDB.
MOON_2025_KM = (152052.358544162, -307823.632289854, -166879.886333856)

EXCERPT = "de440_excerpt_2000_2040_sun_emb_earth_moon_jup.bsp"
DAYS = range(0, 11100, 370)  # 2000 to 2030


@pytest.fixture(scope="module")
def de440():
    folder = os.environ.get("PERILUNE_REFERENCE_DATA")
    if folder is None:
        pytest.skip("PERILUNE_REFERENCE_DATA is not set: no DE440 excerpt to compare with")
    with SPK.open(str(Path(folder) / "kernels" / EXCERPT)) as kernel:
        yield kernel


def state(kernel: SPK, target: int, epoch: Epoch) -> np.ndarray:
    """Position and velocity of 301 or 399 from 3, or of 3 or 10 from 0: rows, in m and m/s."""
    centre = 3 if target > 100 else 0
    r_km, v_km_day = kernel[centre, target].compute_and_differentiate(*epoch.jd_tdb())
    return np.array([r_km * 1e3, v_km_day * 1e3 / 86400.0])


def errors(kernel: SPK, epoch: Epoch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """DE421 minus DE440: Moon from Earth, Sun from Moon, Sun from Earth."""
    ephemeris = load_ephemeris(epoch, 0.0)
    moon, earth = state(kernel, 301, epoch), state(kernel, 399, epoch)
    sun = state(kernel, 10, epoch) - state(kernel, 3, epoch)
    pairs = ((ephemeris.rv_moon_gci, moon - earth), (ephemeris.rv_sun_lci, sun - moon), (ephemeris.rv_sun_gci, sun - earth))
    return tuple(np.array([part.array() for part in function(0.0)]) - expected for function, expected in pairs)


def test_moon_in_2025_by_spice():
    miss = load_ephemeris(Epoch(9131, 43200.0), 0.0).r_moon_gci_m(0.0) - vec3(MOON_2025_KM) * 1000.0
    assert float(miss.norm()) < MOON_M


def test_moon_from_earth(de440):
    for day in DAYS:
        epoch = Epoch(day, 4321.0)
        moon, _, _ = errors(de440, epoch)
        direction = load_ephemeris(epoch, 0.0).r_moon_gci_m(0.0).unit()
        assert np.linalg.norm(moon[0]) < MOON_M
        assert abs(moon[0] @ np.asarray(direction.array())) < MOON_RADIAL_M
        assert np.linalg.norm(moon[1]) < MOON_M_S


def test_sun_from_moon_and_from_earth(de440):
    for day in DAYS:
        _, from_moon, from_earth = errors(de440, Epoch(day, 4321.0))
        for error in (from_moon, from_earth):
            assert np.linalg.norm(error[0]) < SUN_M
            assert np.linalg.norm(error[1]) < SUN_M_S


def test_a_window_of_months_is_as_good_as_its_start(de440):
    start = Epoch(8620, 100.0)
    ephemeris = load_ephemeris(start, 120.0 * 86400.0)
    moon_from_earth = jax.jit(lambda t_s: ephemeris.rv_moon_gci(t_s)[0].array())
    for t_s in np.linspace(0.0, 120.0 * 86400.0, 25):
        epoch = start.after(t_s)
        expected = state(de440, 301, epoch) - state(de440, 399, epoch)
        assert np.linalg.norm(moon_from_earth(t_s) - expected[0]) < MOON_M
