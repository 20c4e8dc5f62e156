"""Moon frames: spin is the slope of the attitude, sites have east, north and up, the belief drifts no more than it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import MOON_SPIN_RAD_S, RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import (
    Selenographic,
    gci_from_lci,
    lci_from_gci,
    lci_from_lfme,
    lfme_from_lci,
    moon_orientation,
    omega_lfpa_lci_rad_s,
    q_lci_rac,
    q_lfme_lci,
    q_lfpa_lci,
    selenographic,
    site_frame,
    steady_spin,
)
from perilune.moon.time import DAY_S, epoch_from_utc

MONTH_S = 28.0 * DAY_S
# Attitude 200 s apart holds 1e-15 rad of rounding (libration angles of 3,500 rad carry 5e-13): 5e-15 rad/s, a billionth of the spin.
SPIN_RAD_S = 1e-14
# What SteadySpin's docstring promises on the ground.
BELIEF_AFTER_30_MIN_M, BELIEF_AFTER_2_H_M = 0.006, 0.1


@pytest.fixture(scope="module")
def ephemeris():
    return load_ephemeris(epoch_from_utc("2023-08-01T00:00:00"), MONTH_S)


@pytest.mark.parametrize("t_s", [1e4, 1.1e6, 2.3e6])
def test_spin_is_the_slope_of_the_attitude(ephemeris, t_s):
    attitude = jax.jit(lambda t: q_lfpa_lci(ephemeris, t))
    step = attitude(t_s + 100.0) @ attitude(t_s - 100.0).inverse()
    # Components turn backwards when the axes turn forwards.
    slope = -step.rotation_vector_rad() / 200.0
    omega = omega_lfpa_lci_rad_s(ephemeris, t_s)
    assert float((slope - omega).norm()) < SPIN_RAD_S
    assert float(omega.norm()) == pytest.approx(MOON_SPIN_RAD_S, rel=1e-3)  # librations in longitude change the rate by 1e-4


def test_orientation_bundles_the_pieces(ephemeris):
    bundle = moon_orientation(ephemeris, 5e5)
    np.testing.assert_allclose(bundle.q_lfpa_lci.dcm(), q_lfpa_lci(ephemeris, 5e5).dcm(), atol=1e-15)
    np.testing.assert_allclose(bundle.q_lfme_lci.dcm(), q_lfme_lci(ephemeris, 5e5).dcm(), atol=1e-15)
    assert float(bundle.omega_lfme_lci_rad_s.norm()) == pytest.approx(float(omega_lfpa_lci_rad_s(ephemeris, 5e5).norm()), rel=1e-14)


def test_the_ground_stands_still_in_lfme_and_moves_at_4_6_m_s_in_lci(ephemeris):
    orientation = moon_orientation(ephemeris, 1e5)
    r_lfme_m = Selenographic(0.0, 0.3, 0.0).r_lfme_m()
    r_lci_m, v_lci_m_s = lci_from_lfme(orientation, r_lfme_m, vec3((0.0, 0.0, 0.0)))
    assert float(v_lci_m_s.norm()) == pytest.approx(MOON_SPIN_RAD_S * RADIUS_MOON_M, rel=1e-3)
    later = q_lfme_lci(ephemeris, 1e5 + 10.0) @ (r_lci_m + v_lci_m_s * 10.0)
    assert float((later - r_lfme_m).norm()) < 1e-3  # centripetal: 0.5 * 1.2e-5 m/s2 * 100 s2 = 0.6 mm
    assert float(lfme_from_lci(orientation, r_lci_m, v_lci_m_s)[1].norm()) < 1e-12


def test_gci_and_lci_differ_by_the_moon(ephemeris):
    r_lci_m, v_lci_m_s = vec3((2e6, 0.0, 1e5)), vec3((0.0, 1600.0, 0.0))
    r_gci_m, v_gci_m_s = gci_from_lci(ephemeris, 7e5, r_lci_m, v_lci_m_s)
    assert float((r_gci_m - ephemeris.r_moon_gci_m(7e5) - r_lci_m).norm()) < 1e-6
    back_r_m, back_v_m_s = lci_from_gci(ephemeris, 7e5, r_gci_m, v_gci_m_s)
    assert float((back_r_m - r_lci_m).norm()) < 1e-6
    assert float((back_v_m_s - v_lci_m_s).norm()) < 1e-12


def test_site_axes_are_east_north_up():
    place = Selenographic(np.radians(-69.545), np.radians(43.544), 120.0)
    frame = site_frame(place)
    metre_up = frame.r_site_m(Selenographic(place.latitude_rad, place.longitude_rad, 121.0).r_lfme_m())
    np.testing.assert_allclose(metre_up.array(), [0.0, 0.0, 1.0], atol=1e-9)
    north = frame.r_site_m(Selenographic(place.latitude_rad + 1e-6, place.longitude_rad, 120.0).r_lfme_m())
    np.testing.assert_allclose(north.array(), [0.0, (RADIUS_MOON_M + 120.0) * 1e-6, 0.0], atol=1e-5)  # sagitta 1 um
    east = frame.r_site_m(Selenographic(place.latitude_rad, place.longitude_rad + 1e-6, 120.0).r_lfme_m())
    assert float(east.x) == pytest.approx((RADIUS_MOON_M + 120.0) * np.cos(float(place.latitude_rad)) * 1e-6, rel=1e-6)
    assert float(frame.v_site_m_s(frame.r_origin_lfme_m.unit()).z) == pytest.approx(1.0, abs=1e-15)


def test_poles_and_centre_give_numbers():
    pole = selenographic(vec3((0.0, 0.0, -RADIUS_MOON_M - 10.0)))
    assert float(pole.latitude_rad) == -0.5 * np.pi
    assert float(pole.elevation_m) == 10.0
    assert float(selenographic(vec3((0.0, 0.0, 0.0))).elevation_m) == -RADIUS_MOON_M
    assert not np.isnan(site_frame(Selenographic(0.5 * np.pi, 0.0, 0.0)).q_site_lfme.dcm()).any()


def test_steady_spin_is_exact_at_its_epoch_and_drifts_as_it_says(ephemeris):
    def miss_m(t0_s, after_s):
        belief = steady_spin(ephemeris, t0_s).q_lfme_lci(t0_s + after_s)
        return RADIUS_MOON_M * (q_lfme_lci(ephemeris, t0_s + after_s) @ belief.inverse()).rotation_vector_rad().norm()

    starts_s = jnp.linspace(0.5 * DAY_S, MONTH_S - DAY_S, 55)
    worst_m = [float(jnp.max(jax.vmap(miss_m, in_axes=(0, None))(starts_s, after_s))) for after_s in (0.0, 1800.0, 7200.0)]
    assert worst_m[0] < 1e-8
    assert worst_m[1] < BELIEF_AFTER_30_MIN_M
    assert 0.5 * BELIEF_AFTER_2_H_M < worst_m[2] < BELIEF_AFTER_2_H_M


def test_radial_along_cross_of_a_circle():
    q = q_lci_rac(vec3((0.0, 2e6, 0.0)), vec3((-1500.0, 30.0, 0.0)))
    np.testing.assert_allclose(q.dcm(), [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], atol=1e-15)
    assert (q.to_frame, q.from_frame) == ("lci", "rac")
