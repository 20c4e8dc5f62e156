"""Antennas, dishes, and which station is chosen."""

import math

import jax
import jax.numpy as jnp
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3
from perilune.moon.earth import load_earth_orientation, place_on_earth
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import epoch_from_utc
from perilune.world.radio import Antennas, Link, Radio, Sight, Station

EPOCH = epoch_from_utc("2023-08-19T11:00:00Z")
F_HZ = 8.4e9
ANTENNAS = Antennas(jnp.asarray([[0.0, 0, 1], [0, 0, -1]]), *(jnp.asarray(number) for number in (6.0, 2.0, -6.0)))
LINK = Link(ANTENNAS, *(jnp.asarray(number) for number in (F_HZ, 10.0, 2.0, 3.0, 8000.0, 1.5)))
BEAR_LAKES, GOLDSTONE = (55.866, 37.952), (35.4, -116.9)


def numbers(*values):
    return (jnp.asarray(float(value)) for value in values)


@pytest.fixture(scope="module")
def ground():
    """Earth, and the Moon high over Russia."""
    return load_earth_orientation(EPOCH, 7200.0), load_ephemeris(EPOCH, 7200.0)


def station(orientation, where, diameter_m=64.0) -> Station:
    place = place_on_earth(orientation, math.radians(where[0]), math.radians(where[1]), 180.0)
    return Station(place, *numbers(math.radians(7.0), diameter_m, 0.5, 80.0))


def lander(ephemeris, side: float) -> tuple[Vec3, Vec3]:
    """10,000 km from the Moon, away from the Earth (side 1) or before it (-1), seen from both centres."""
    r_moon_gci_m = ephemeris.r_moon_gci_m(jnp.asarray(0.0))
    r_lci_m = r_moon_gci_m.unit() * (1e7 * side)
    return r_moon_gci_m + r_lci_m, r_lci_m


def contact(radio: Radio, where: tuple[Vec3, Vec3]):
    return jax.jit(lambda r_gci_m, r_lci_m: radio.contact(jnp.asarray(0.0), r_gci_m, r_lci_m, identity("lci", "body")))(*where)


@pytest.mark.parametrize(
    ("direction", "gain_dbi"),
    [((0, 0, 1), 6.0), ((0, 0, -1), 6.0), ((0.8, 0, 0.6), 6.0 + 20.0 * math.log10(0.6)), ((1, 0, 0), -6.0)],
)
def test_the_best_antenna_counts_and_no_direction_is_without_gain(direction, gain_dbi):
    assert float(ANTENNAS.gain_dbi(vec3(direction))) == pytest.approx(gain_dbi)


def test_the_farther_of_the_moon_is_hidden_and_the_nearer_is_heard(ground):
    orientation, ephemeris = ground
    radio = Radio(LINK, (station(orientation, BEAR_LAKES),))
    far, near = (contact(radio, lander(ephemeris, side)) for side in (1.0, -1.0))
    assert not bool(far.clear) and int(far.station) == -1 and not bool(far.closed) and math.isnan(far.margin_db)
    assert bool(near.clear) and int(near.station) == 0 and bool(near.closed) and float(near.margin_db) > 0.0
    assert float(far.range_m - near.range_m) == pytest.approx(2e7, rel=1e-3)


def test_the_station_with_the_best_margin_that_sees_it_is_chosen(ground):
    orientation, ephemeris = ground
    near = lander(ephemeris, -1.0)
    small, large = station(orientation, BEAR_LAKES, 10.0), station(orientation, BEAR_LAKES, 64.0)
    below = station(orientation, GOLDSTONE, 500.0)
    assert int(contact(Radio(LINK, (small, large)), near).station) == 1
    assert int(contact(Radio(LINK, (large, small)), near).station) == 0
    assert int(contact(Radio(LINK, (below, small)), near).station) == 1
    assert int(contact(Radio(LINK, (below,)), near).station) == -1


def test_the_higher_station_is_shown_where_none_sees_it(ground):
    orientation, ephemeris = ground
    two = tuple(station(orientation, where) for where in (GOLDSTONE, BEAR_LAKES))
    shown = contact(Radio(LINK, two), lander(ephemeris, 1.0))
    assert float(shown.elevation_rad) > 0.0


def test_a_lander_below_the_sphere_is_not_hidden_by_the_ground_it_stands_on(ground):
    orientation, ephemeris = ground
    r_moon_gci_m = ephemeris.r_moon_gci_m(jnp.asarray(0.0))
    r_lci_m = r_moon_gci_m.unit() * -(RADIUS_MOON_M - 3000.0)
    seen = contact(Radio(LINK, (station(orientation, BEAR_LAKES),)), (r_moon_gci_m + r_lci_m, r_lci_m))
    assert bool(seen.clear) and bool(seen.closed)


def test_a_dish_that_looks_at_the_moon_receives_its_warmth(ground):
    dish = station(ground[0], BEAR_LAKES)
    away, onto = (Sight(*numbers(1.0, 4e8), *(jnp.asarray(True),) * 2, jnp.asarray(share), vec3((0, 0, 1))) for share in (0.0, 1.0))
    lost_db = LINK.c_n0_db_hz(dish, away, jnp.asarray(0.0)) - LINK.c_n0_db_hz(dish, onto, jnp.asarray(0.0))
    assert float(lost_db) == pytest.approx(10.0 * math.log10((80.0 + 220.0) / 80.0))
