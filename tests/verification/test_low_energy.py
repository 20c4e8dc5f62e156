"""A transfer of months by the Sun: found from a coarse grid of arrivals, and what it saves."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_EARTH_M3_S2, GM_MOON_M3_S2, RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import LOOSE, coast_rates, propagated
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import epoch_from_utc
from perilune.trajectory import backwards, low_energy
from perilune.trajectory.injection import IMPULSE_N, Parking, Perilune, Transfer, at_perilune, outbound
from perilune.trajectory.legs import Engine, about_earth, compiled, flown, last
from perilune.trajectory.refusal import TransferError

# Dates of Hakuto-R M1: launch 2022-12-11 07:38 UTC and injection 40 minutes later, insertion 2023-03-21 01:24 UTC (ispace).
DEPARTURE_UTC, ARRIVAL_UTC = "2022-12-11T08:18:00", "2023-03-21T01:24:00"
# It flew out to 1.376 million km (ispace); another orbit of the same family may turn somewhat nearer or farther.
APOGEE_M = (1.2e9, 1.8e9)
# An arrival near one of that family: node, argument, twice the energy (found by the search).
NEAR = np.array([0.24, 6.19, -0.148e6])
# What the correction leaves: a hundredth of the parking orbit's angular momentum in each component, so as much of its perigee and more.
PERIGEE_SHARE, INCLINATION_RAD = 0.05, 0.03
# Fourth-order steps against adaptive ones over a hundred days: 5.5 % measured. The corrector makes good several times as much.
MOMENTUM_SHARE = 0.1
# Central differences over this share of the largest step, where their third-order part and the rounding of a hundred days are both near 1e-7 of
# the derivative (measured from 1e-4 down: it falls with the square, then grows with the inverse).
CENTRAL, SLOPE_SHARE = 3e-6, 1e-6
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


@pytest.fixture
def coarse(monkeypatch):
    """Fewer nodes, arguments and energies than usual, about those of the flight that is known, and fewer of them kept."""
    few = {"NODES": 12, "ARGUMENTS": 36, "C3_M2_S2": low_energy.C3_M2_S2[1:3], "CELLS_KEPT": 16, "STARTS_TRIED": 12}
    for name, value in few.items():
        monkeypatch.setattr(low_energy, name, value)
    monkeypatch.setattr(backwards, "BATCH", 24)  # or the few would be filled up to as many as usual


@compiled
def apogee_m(case, controls):
    """The farthest of forty days, from the energy and eccentricity at the meeting: radius there, which is past or near apogee."""
    t_s, start, legs = outbound(case.parking, controls, case.meeting_s)
    return last(flown(about_earth(case.forces), start, t_s, legs)).r_m.norm()


@pytest.mark.long
def test_a_flight_is_found_and_made_exact(case, coarse):
    solved, found = low_energy.low_energy(case)
    c3 = found.perilune_speed_m_s**2 - 2.0 * GM_MOON_M3_S2 / float(case.perilune.radius_m)
    assert c3 < (0.5 * EXCESS_DIRECT_M_S) ** 2
    assert APOGEE_M[0] < float(apogee_m(solved, jnp.asarray(found.controls()[:3]))) < APOGEE_M[1]


@compiled
def adaptive_momentum(case, arrival):
    """Angular momentum about the Earth that an arrival comes with, by adaptive steps in the same field."""
    bare = (case.forces.moon_field.truncated(1), None)
    points = eqx.tree_at(lambda each: (each.moon_field, each.earth_figure), case.forces, bare, is_leaf=lambda leaf: leaf is None)
    speed_m_s = jnp.sqrt(arrival[2] + 2.0 * case.forces.moon_field.gm_m3_s2 / case.perilune.radius_m)
    lowest = at_perilune(case.forces, case.perilune, jnp.stack([arrival[0], arrival[1], speed_m_s]))
    until_s = case.parking.t_s + backwards.READ_AFTER_S
    state = propagated(coast_rates(points.accel_lci_m_s2), lowest, case.perilune.t_s, until_s, tolerance=LOOSE)
    r_m, v_m_s = case.forces.gci_of_lci(until_s, state.r_m, state.v_m_s)
    return r_m.cross(v_m_s).array()


@pytest.mark.long
def test_the_batch_agrees_with_adaptive_steps(case, monkeypatch):
    """On the angular momentum of one that comes from the parking orbit: what the corrector then has to make good."""
    monkeypatch.setattr(backwards, "BATCH", 4)
    back = backwards.Backwards(case)
    arrivals = back.corrected(np.tile(NEAR, (2, 1)), np.array([0, 1]))
    assert len(arrivals) == 1
    perigee_m, inclination_rad, perigee_s = back.departures(arrivals).orbit[0, :3]
    assert perigee_m == pytest.approx(float(case.parking.radius_m), rel=PERIGEE_SHARE)
    assert inclination_rad == pytest.approx(float(case.parking.inclination_rad), abs=INCLINATION_RAD)
    assert perigee_s == pytest.approx(float(case.parking.t_s), abs=1e-3 * 86400.0)
    there = np.asarray(adaptive_momentum(case, jnp.asarray(arrivals[0])))
    axis_m = back.departures(arrivals).orbit[0, 5]
    size = math.sqrt(GM_EARTH_M3_S2 * perigee_m * (2.0 - perigee_m / axis_m))
    assert np.linalg.norm(there) == pytest.approx(size, rel=MOMENTUM_SHARE)


@pytest.mark.parametrize("inclination_deg", [28.5, 0.0], ids=["parking orbit that reaches the apogee", "one that does not"])
def test_the_slope_of_the_batch_is_exact(case, inclination_deg):
    """Against central differences: around a flight, and where the momentum to be met is at the end of its range."""
    case = eqx.tree_at(lambda each: each.parking.inclination_rad, case, jnp.asarray(math.radians(inclination_deg)))
    arrivals = NEAR + np.array([[0.1, 0.0, 0.0], [0.0, -0.05, 2e4], [0.05, 0.05, 2e4]])
    step = CENTRAL * np.diag(backwards.STEP_AT_MOST)
    places = np.concatenate([arrivals, *(arrivals + each for each in (*step, *-step))])
    misses, slopes = backwards.Backwards(case).misses_and_slope(places, np.tile([0, 1, 0], 7))
    _, after, before = np.split(misses.reshape(7, 3, 3), [1, 4])
    exact, by_step = slopes[:3] * backwards.STEP_AT_MOST, np.moveaxis(after - before, 0, -1) / (2.0 * CENTRAL)
    assert np.max(np.abs(by_step - exact) / np.max(np.abs(exact), axis=2, keepdims=True)) < SLOPE_SHARE


@pytest.mark.long
def test_of_flights_that_pass_the_best_comes_first(case, coarse):
    """Around one that is known, and with a passing that likes greater nodes better: in the order it says, and only where it is finite."""
    low_rad, high_rad = NEAR[0] - 0.2, NEAR[0] + 0.2

    def passing(flight):
        node_rad = flight.perilune_node_rad % (2.0 * math.pi)
        return high_rad - node_rad if low_rad < node_rad < high_rad else math.inf

    nodes = [flight.perilune_node_rad % (2.0 * math.pi) for flight in low_energy.flights(case, passing)]
    assert nodes and nodes == sorted(nodes, reverse=True)
    assert all(low_rad < node < high_rad for node in nodes)


def test_without_a_start_it_says_so(case, monkeypatch):
    monkeypatch.setattr(low_energy, "flights", lambda case, passing: [])
    with pytest.raises(TransferError, match=r"no low-energy transfer of 99\.7 days was found: of 0 starts"):
        low_energy.low_energy(case)


def test_a_plane_that_never_passes_is_not_looked_for(case):
    assert low_energy.flights(case, lambda _: math.inf) == []


def test_rows_that_do_not_come_from_the_earth_are_no_starts():
    row = np.array([6.6e6, 0.5, 0.0, 0.0, 0.0, 8e8])
    rows = np.stack([row, np.full(6, np.nan), row * np.array([1, 1, 1, 1, 1, 0.1])])
    assert low_energy._reaches(rows).tolist() == [True, False, False]
