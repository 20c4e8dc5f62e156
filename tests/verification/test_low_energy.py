"""A transfer of months by the Sun: found from a coarse grid of arrivals, and what it saves."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_MOON_M3_S2, RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import epoch_from_utc
from perilune.trajectory import low_energy
from perilune.trajectory.injection import IMPULSE_N, Parking, Perilune, Transfer, outbound
from perilune.trajectory.legs import Engine, about_earth, compiled, flown, last
from perilune.trajectory.refusal import TransferError

# Dates of Hakuto-R M1: launch 2022-12-11 07:38 UTC and injection 40 minutes later, insertion 2023-03-21 01:24 UTC (ispace).
DEPARTURE_UTC, ARRIVAL_UTC = "2022-12-11T08:18:00", "2023-03-21T01:24:00"
# It flew out to 1.376 million km (ispace); another orbit of the same family may turn somewhat nearer or farther.
APOGEE_M = (1.2e9, 1.8e9)
# A direct flight arrives with 0.75 km/s and more (Luna-25: 0.79).
EXCESS_DIRECT_M_S = 700.0


@pytest.fixture(scope="module")
def case():
    start, end = epoch_from_utc(DEPARTURE_UTC), epoch_from_utc(ARRIVAL_UTC)
    epoch = start.after(-21600.0)
    forces = Cislunar(load_ephemeris(epoch, end.seconds_since(epoch) + 86400.0), field_of(lunar_field()).truncated(2))
    impulse = Engine(jnp.asarray(IMPULSE_N), jnp.asarray(348.0))
    radius_m, inclination_rad = jnp.asarray(RADIUS_EARTH_M + 200e3), jnp.asarray(math.radians(28.5))
    parking = Parking(radius_m, inclination_rad, impulse, jnp.asarray(14e3), jnp.asarray(start.seconds_since(epoch)))
    perilune_s = jnp.asarray(end.seconds_since(epoch))
    perilune = Perilune(jnp.asarray(RADIUS_MOON_M + 100e3), jnp.asarray(0.5 * math.pi), perilune_s)
    return Transfer(forces, parking, perilune, perilune_s)


@compiled
def apogee_m(case, controls):
    """The farthest of forty days, from the energy and eccentricity at the meeting: radius there, which is past or near apogee."""
    t_s, start, legs = outbound(case.parking, controls, case.meeting_s)
    return last(flown(about_earth(case.forces), start, t_s, legs)).r_m.norm()


def test_a_coarse_grid_holds_a_start_that_converges(case, monkeypatch):
    monkeypatch.setattr(low_energy, "ANGLES", 12)
    monkeypatch.setattr(low_energy, "C3_M2_S2", (-0.1e6,))
    monkeypatch.setattr(low_energy, "SOLUTIONS_WANTED", 1)
    solved, found = low_energy.low_energy(case)
    c3 = found.perilune_speed_m_s**2 - 2.0 * GM_MOON_M3_S2 / float(case.perilune.radius_m)
    assert c3 < (0.5 * EXCESS_DIRECT_M_S) ** 2
    assert APOGEE_M[0] < float(apogee_m(solved, jnp.asarray(found.controls()[:3]))) < APOGEE_M[1]


def test_without_a_start_it_says_so(case, monkeypatch):
    monkeypatch.setattr(low_energy, "starts", lambda case: [])
    with pytest.raises(TransferError, match=r"no low-energy transfer of 99\.7 days was found: 0 starts"):
        low_energy.low_energy(case)


def test_rows_that_do_not_come_from_the_earth_are_no_starts():
    row = np.array([6.6e6, 0.5, 0.0, 0.0, 0.0, 8e8])
    assert low_energy._reaches(row)
    assert not low_energy._reaches(np.full(6, np.nan))
    assert not low_energy._reaches(row * np.array([1, 1, 1, 1, 1, 0.1]))
