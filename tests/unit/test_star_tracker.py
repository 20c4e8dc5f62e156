"""When does the star tracker see stars?"""

import jax.numpy as jnp
import pytest

from perilune.constants import ARCSEC_RAD, RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.world.kinematics import Kinematics
from perilune.world.sensors.star_tracker import StarTracker

DEGREE_RAD = jnp.pi / 180.0
R_M = RADIUS_MOON_M + 100e3
DISC_DEG = float(jnp.degrees(jnp.arcsin(RADIUS_MOON_M / R_M)))  # angular radius of the Moon from 100 km


def from_nadir(angle_deg: float) -> Vec3:
    """Direction in the x-z plane, this far from straight down (-z), toward +x."""
    return vec3((jnp.sin(angle_deg * DEGREE_RAD), 0.0, -jnp.cos(angle_deg * DEGREE_RAD)))


def valid(boresight_nadir_deg: float, sun: Vec3, earth: Vec3, rate_rad_s: float = 0.0) -> bool:
    tracker = StarTracker(
        boresight_body=from_nadir(boresight_nadir_deg),
        sigma_across_rad=10 * ARCSEC_RAD,
        sigma_about_rad=60 * ARCSEC_RAD,
        mount_sigma_rad=0.0,
        rate_max_rad_s=2.0 * DEGREE_RAD,
        exclusion_rad=30.0 * DEGREE_RAD,
        field_half_rad=10.0 * DEGREE_RAD,
        period_ticks=5,
    )
    r_m = vec3((0.0, 0.0, R_M))
    rate = vec3((0.0, rate_rad_s, 0.0))
    still, upright = zero_vec3(), identity("lci", "body")
    truth = Kinematics(r_m, still, upright, rate, still, r_m, still, identity("lfme", "body"), sun, earth)
    return bool(tracker._reading(tracker.init(stream_of_seed(0)), truth, stream_of_seed(0)).valid)


ASIDE = vec3((0.0, 1.0, 0.0))
NIGHT = vec3((-1.0, 0.0, 0.0))  # the Sun behind the limb at which the boresight points
DAY = vec3((0.8, 0.6, 0.0))


def test_sees_stars_straight_up():
    assert valid(180.0, NIGHT, ASIDE)


@pytest.mark.parametrize(("rate_deg_s", "expected"), [(1.9, True), (2.1, False)])
def test_too_fast_a_turn_blurs_the_stars(rate_deg_s, expected):
    assert valid(180.0, NIGHT, ASIDE, rate_deg_s * DEGREE_RAD) is expected


@pytest.mark.parametrize(("apart_deg", "expected"), [(29.0, False), (31.0, True)])
def test_sun_and_earth_blind_within_the_exclusion(apart_deg, expected):
    light = from_nadir(180.0 - apart_deg)
    assert valid(180.0, light, ASIDE) is expected
    assert valid(180.0, ASIDE, light) is expected


@pytest.mark.parametrize(("above_limb_deg", "expected"), [(29.0, False), (31.0, True)])
def test_lit_limb_blinds_within_the_exclusion(above_limb_deg, expected):
    assert valid(DISC_DEG + above_limb_deg, DAY, ASIDE) is expected


@pytest.mark.parametrize(("above_limb_deg", "expected"), [(9.0, False), (11.0, True), (29.0, True)])
def test_dark_limb_only_hides_stars_in_the_field(above_limb_deg, expected):
    assert valid(DISC_DEG + above_limb_deg, NIGHT, ASIDE) is expected


def test_never_sees_stars_through_the_ground():
    assert not valid(5.0, NIGHT, ASIDE)


@pytest.mark.parametrize(("sun_above_limb_deg", "expected"), [(2.0, False), (-2.0, True)])
def test_sun_behind_the_moon_does_not_blind(sun_above_limb_deg, expected):
    # The limb nearest the boresight (toward +x) is kept dark by its own night: the Sun is barely on its far side.
    sun = from_nadir(DISC_DEG + sun_above_limb_deg)
    limb = vec3((jnp.cos(DISC_DEG * DEGREE_RAD), 0.0, jnp.sin(DISC_DEG * DEGREE_RAD)))
    lit = bool(limb.dot(sun) > 0.0)
    assert lit is (sun_above_limb_deg > 0.0)
    assert valid(DISC_DEG + 20.0, sun, ASIDE) is expected
