"""The window cut from DE421: whole, continuous, refused outside; its velocities are the slopes of its positions."""

import jax
import numpy as np
import pytest

from perilune.moon.ephemeris import EphemerisRangeError, load_ephemeris
from perilune.moon.time import DAY_S, epoch_from_tdb_s, epoch_from_utc

EPOCH = epoch_from_utc("2023-08-09T23:10:57")
CRUISE_S = 120.0 * DAY_S

# Central difference over 200 s: the third derivative of the Moon's path (7e-9 m/s3) times h2/6, and rounding of 4e8 m over 200 s.
SLOPE_M_S = 2e-5
# The same instant told from two epochs: t_s up to 1e7 s keeps 2 ns, at 1 km/s of the Moon and 30 km/s of the Sun.
SAME_INSTANT_MOON_M, SAME_INSTANT_SUN_M = 1e-5, 2e-4


@pytest.fixture(scope="module")
def cruise():
    return load_ephemeris(EPOCH, CRUISE_S)


def test_four_months_are_small(cruise):
    leaves = jax.tree.leaves(cruise)
    assert sum(leaf.nbytes for leaf in leaves) < 30_000


@pytest.mark.parametrize("t_s", [0.0, 12.5 * DAY_S, CRUISE_S])
def test_velocity_is_the_slope_of_position(cruise, t_s):
    def states(t_s):
        return cruise.rv_moon_gci(t_s), cruise.rv_earth_lci(t_s), cruise.rv_sun_lci(t_s), cruise.rv_sun_gci(t_s)

    now, before, after = (jax.jit(states)(t_s + shift_s) for shift_s in (0.0, -100.0, 100.0))
    for (_, v_m_s), (r_before_m, _), (r_after_m, _) in zip(now, before, after, strict=True):
        assert float(((r_after_m - r_before_m) / 200.0 - v_m_s).norm()) < SLOPE_M_S


def test_bodies_close_the_triangle(cruise):
    t_s = 3.3e6
    around = cruise.r_moon_gci_m(t_s) + cruise.r_sun_lci_m(t_s) - cruise.r_sun_gci_m(t_s)
    assert float(around.norm()) < 1e-4  # rounding of 1.5e11 m
    assert float((cruise.r_moon_gci_m(t_s) + cruise.r_earth_lci_m(t_s)).norm()) == 0.0


def test_another_window_gives_the_same_bodies(cruise):
    later_s = 100.3 * DAY_S
    other = load_ephemeris(EPOCH.after(later_s), 600.0)
    assert float((other.r_moon_gci_m(300.0) - cruise.r_moon_gci_m(later_s + 300.0)).norm()) < SAME_INSTANT_MOON_M
    assert float((other.r_sun_lci_m(300.0) - cruise.r_sun_lci_m(later_s + 300.0)).norm()) < SAME_INSTANT_SUN_M


def test_the_date_does_not_change_the_structure():
    """One program serves every date: windows of one length hold the same number of records, at the ends of DE421 too."""
    days = [*np.arange(0.0, 40.0, 0.7), epoch_from_tdb_s(-100.0 * 365.25 * DAY_S).day - EPOCH.day, 175.0 * 365.25]
    shapes = {tuple(leaf.shape for leaf in jax.tree.leaves(load_ephemeris(EPOCH.after(float(day) * DAY_S), 40_000.0))) for day in days}
    assert len(shapes) == 1


def test_far_outside_the_window_is_nan(cruise):
    assert np.isnan(float(cruise.r_moon_gci_m(-10.0 * DAY_S).x))
    assert np.isnan(float(cruise.r_sun_lci_m(CRUISE_S + 40.0 * DAY_S).z))


def test_windows_that_de421_lacks_are_refused():
    with pytest.raises(EphemerisRangeError, match="DE421 covers"):
        load_ephemeris(epoch_from_tdb_s(201.0 * 365.25 * DAY_S), 10.0)
    with pytest.raises(EphemerisRangeError, match="DE421 covers"):
        load_ephemeris(epoch_from_tdb_s(-101.0 * 365.25 * DAY_S), 10.0)
    with pytest.raises(EphemerisRangeError, match="must not be negative"):
        load_ephemeris(EPOCH, -1.0)
