"""The forces between Earth and Moon against closed forms, limits and each other."""

import equinox as eqx
import erfa
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import ASTRONOMICAL_UNIT_M, GM_EARTH_M3_S2, RADIUS_EARTH_M, RADIUS_MOON_M, RADIUS_SUN_M
from perilune.dynamics.cislunar import Cislunar, EarthFigure
from perilune.dynamics.gravity import third_body_accel_m_s2
from perilune.dynamics.propagate import LOOSE, TIGHT, PointMass, coast_rates, propagated
from perilune.dynamics.radiation import Cannonball
from perilune.math.vector import vec3
from perilune.moon.earth import load_earth_orientation, place_on_earth
from perilune.moon.earth_field import earth_field
from perilune.moon.eclipse import Discs, clearance_m, discs, penumbra_margin_rad, sunlit_share, umbra_margin_rad
from perilune.moon.ephemeris import de421_source, load_ephemeris
from perilune.moon.gravity import field_of, point_mass_accel_m_s2
from perilune.moon.lunar_field import lunar_field
from perilune.moon.planets import GM_PLANETS_M3_S2, load_planets
from perilune.moon.time import epoch_from_utc

EPOCH = epoch_from_utc("2023-08-11T00:33:00")
WINDOW_S = 8 * 86400.0
# A place 4e8 m from the Earth is known to 6e-8 m, and 2,000 km from the Moon its pull changes by 1e-6 m/s2 in a metre.
ROUNDING_FROM_EARTH_M_S2 = 1e-13


@pytest.fixture(scope="module")
def forces():
    return Cislunar(
        load_ephemeris(EPOCH, WINDOW_S),
        field_of(lunar_field()),
        EarthFigure(load_earth_orientation(EPOCH, WINDOW_S), field_of(earth_field())),
        load_planets(EPOCH, WINDOW_S),
    )


@eqx.filter_jit
def flown_gci(forces, start, t_start_s, t_end_s, tolerance):
    """A coast told from the Earth; times and tolerance are values, so that one program serves all."""
    return propagated(coast_rates(forces.accel_gci_m_s2), start, t_start_s, t_end_s, tolerance=tolerance)


def coasted(forces, start, t_start_s, t_end_s, tolerance=TIGHT):
    return flown_gci(forces, start, jnp.asarray(t_start_s), jnp.asarray(t_end_s), type(tolerance)(*map(jnp.asarray, tolerance)))


@eqx.filter_jit
def apart_m_s2(forces, t_s, r_m):
    """By how much the Moon's own fall is told from the Earth's."""
    return forces.accel_gci_m_s2(t_s, r_m + forces.ephemeris.r_moon_gci_m(t_s)) - forces.accel_lci_m_s2(t_s, r_m)


@pytest.mark.parametrize("r_lci_m", [(2.0e6, 3e5, -1e6), (5e7, -2e7, 1e7), (-3e8, 1e8, 4e7)])
def test_both_centres_feel_the_same_forces(forces, r_lci_m):
    """What the two centres tell apart is how one falls towards the other: the same for every place."""
    here, there = (apart_m_s2(forces, jnp.asarray(1e5), vec3(each)) for each in (r_lci_m, (1e7, 1e7, 1e7)))
    assert (here - there).norm() < ROUNDING_FROM_EARTH_M_S2


# Relativity moves the ephemeris' Moon by 1e-10 m/s2, its own figure by 2e-11, and neither is a force here: 0.5 m in a day.
# Without the Earth's figure, which pulls the Moon as well, it would be 3.5 m.
BETWEEN_CENTRES_M = 1.0


def test_both_centres_fly_the_same_path(forces):
    start = PointMass(vec3((3.3e8, -7.6e7, -2.1e7)), vec3((257.0, 930.0, 346.0)), jnp.asarray(1.0))
    day_s = 86400.0
    about_moon = PointMass(*forces.lci_of_gci(0.0, start.r_m, start.v_m_s), start.mass_kg)
    gci = coasted(forces, start, 0.0, day_s)
    lci = propagated(coast_rates(forces.accel_lci_m_s2), about_moon, 0.0, day_s)
    assert (forces.lci_of_gci(day_s, gci.r_m, gci.v_m_s)[0] - lci.r_m).norm() < BETWEEN_CENTRES_M


def test_there_and_back(forces):
    """From a parking orbit towards the Moon for three days and back: the tolerance times what a perigee makes of it."""
    start = PointMass(vec3((6.563e6, 0.0, 0.0)), vec3((0.0, 10930.0, 0.0)), jnp.asarray(1.0))
    back = coasted(forces, coasted(forces, start, 0.0, 259200.0), 259200.0, 0.0)
    assert (back.r_m - start.r_m).norm() < 1e-2


def test_a_looser_tolerance_costs_what_it_says(forces):
    """Three orders between the tolerances are about three orders between the errors; a design needs metres."""
    start = PointMass(vec3((6.563e6, 0.0, 0.0)), vec3((0.0, 10930.0, 0.0)), jnp.asarray(1.0))
    ends = [coasted(forces, start, 0.0, 259200.0, tolerance).r_m for tolerance in (TIGHT, LOOSE)]
    assert 1e-3 < (ends[0] - ends[1]).norm() < 10.0


@pytest.mark.parametrize("latitude_rad", [0.0, 0.5, np.pi / 2])
def test_oblateness_alone(latitude_rad):
    """J2 in closed form: radial and northward pull."""
    field = field_of(earth_field()).truncated(2)
    field = type(field)(field.gm_m3_s2, field.radius_m, field.c.at[1:, 1:].set(0.0).at[2, 1].set(0.0), field.s * 0.0)
    j2, r_m = -np.sqrt(5.0) * float(field.c[2, 0]), 7e6
    scale = 1.5 * j2 * float(field.gm_m3_s2) * float(field.radius_m) ** 2 / r_m**4
    sine, cosine = np.sin(latitude_rad), np.cos(latitude_rad)
    radial, north = scale * (3.0 * sine**2 - 1.0), -scale * 2.0 * sine * cosine
    accel = field.perturbation_accel_lfpa_m_s2(vec3((r_m * cosine, 0.0, r_m * sine)))
    expected = np.array([radial * cosine - north * sine, 0.0, radial * sine + north * cosine])
    assert np.abs(np.asarray(accel.array()) - expected).max() < 1e-14


def test_planets_stand_where_de421_has_them(forces):
    source, names = de421_source(), tuple(GM_PLANETS_M3_S2)
    planets = load_planets(EPOCH, WINDOW_S, names)
    for t_s in (0.0, 3.3e5, WINDOW_S):
        whole, fraction = EPOCH.after(t_s).jd_tdb()
        at_km = {name: source.position(name, whole, fraction).ravel() for name in (*names, "earthmoon", "moon")}
        earth_km = at_km["earthmoon"] - at_km["moon"] / (1.0 + source.EMRAT)
        for name, r_gci_m in zip(names, planets.r_gci_m(forces.ephemeris, t_s), strict=True):
            # Rounding of 6e9 km, and 2e-9 s of the date held as a fraction of a day: 0.05 m.
            assert np.abs(np.asarray(r_gci_m.array()) / 1e3 - (at_km[name] - earth_km)).max() < 5e-5


def test_a_near_planet_would_pull_as_two_point_masses(forces):
    r_m, r_third_m = vec3((1.0e6, 2e6, -1e6)), vec3((9e6, -2e6, 3e6))
    direct = point_mass_accel_m_s2(r_m - r_third_m, 1e12) - point_mass_accel_m_s2(-r_third_m, 1e12)
    assert (third_body_accel_m_s2(r_m, r_third_m, 1e12) - direct).norm() < 1e-15


def test_a_far_planet_pulls_as_a_tide():
    """2 GM r / d^3 along the line, minus one of it across; the next term is r / d of that."""
    gm, distance_m, r_m = GM_PLANETS_M3_S2["jupiter"], 6e11, 4e8
    tide = gm * r_m / distance_m**3
    along = third_body_accel_m_s2(vec3((r_m, 0.0, 0.0)), vec3((distance_m, 0.0, 0.0)), gm)
    across = third_body_accel_m_s2(vec3((0.0, r_m, 0.0)), vec3((distance_m, 0.0, 0.0)), gm)
    assert along.x == pytest.approx(2.0 * tide, rel=3.0 * r_m / distance_m)
    assert across.y == pytest.approx(-tide, rel=3.0 * r_m / distance_m)


# --- the Earth's attitude ---------------------------------------------------------------------------------------------------------


def test_the_earth_is_turned_as_sofa_has_it():
    """Against the whole chain of SOFA with UT1 as UTC: what is left out is the intermediate origin."""
    orientation = load_earth_orientation(EPOCH, WINDOW_S)
    for t_s in (0.0, 2.5e5, WINDOW_S):
        epoch = EPOCH.after(t_s)
        utc = erfa.taiutc(*erfa.tttai(*epoch.jd_tt()))
        expected = erfa.c2t06a(*epoch.jd_tt(), *utc, 0.0, 0.0)
        assert np.abs(np.asarray(orientation.q_itrf_gci(t_s).dcm()) - expected).max() < 1e-7


def test_a_station_sees_its_zenith_at_ninety_degrees():
    place = place_on_earth(load_earth_orientation(EPOCH, WINDOW_S), 0.7, -1.2, 1000.0)
    q = place.orientation.q_itrf_gci(5e4)
    overhead_m = place.r_gci_m(5e4) + (q.inverse() @ place.up_itrf) * 4e8
    assert place.elevation_sine(5e4, overhead_m) == pytest.approx(1.0, abs=1e-15)


# --- light and shadow -------------------------------------------------------------------------------------------------------------


def test_push_of_sunlight_at_one_astronomical_unit():
    """1361 W/m2 over the speed of light is 4.54 micropascals."""
    sun_m, away_m = vec3((ASTRONOMICAL_UNIT_M, 0.0, 0.0)), vec3((0.0, 1e9, 0.0))
    accel = Cannonball(0.02, 1.0).accel_m_s2(sun_m, away_m, away_m * 2.0)
    assert accel.x == pytest.approx(-0.02 * 1361.0 / 299792458.0, rel=1e-14)
    assert (accel.y, accel.z) == (0.0, 0.0)


def behind(distance_m, offset_m, radius_m, sun_m=ASTRONOMICAL_UNIT_M):
    """The discs seen from a place behind a body, off the axis of its shadow."""
    at = vec3((-distance_m, offset_m, 0.0))
    return discs(-at, vec3((sun_m, 0.0, 0.0)) - at, radius_m)


@pytest.mark.parametrize("radius_m", [RADIUS_EARTH_M, RADIUS_MOON_M])
def test_umbra_ends_at_the_tip_of_its_cone(radius_m):
    """Similar triangles: R d / (R_sun - R)."""
    tip_m = radius_m * ASTRONOMICAL_UNIT_M / (RADIUS_SUN_M - radius_m)
    assert (
        umbra_margin_rad(behind(tip_m * (1.0 - 1e-9), 0.0, radius_m)) < 0.0 < umbra_margin_rad(behind(tip_m * (1.0 + 1e-9), 0.0, radius_m))
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_edges_of_both_cones(sign):
    """The line that touches Sun and body, inside (penumbra, +1) or outside (umbra, -1)."""
    distance_m, radius_m = 5e7, RADIUS_EARTH_M
    half_angle = np.arcsin((RADIUS_SUN_M + sign * radius_m) / ASTRONOMICAL_UNIT_M)
    edge_m = (radius_m + sign * distance_m * np.sin(half_angle)) / np.cos(half_angle)
    margin = penumbra_margin_rad if sign > 0 else umbra_margin_rad
    slope_rad_m = 1.0 / distance_m
    assert abs(margin(behind(distance_m, edge_m, radius_m))) < 1e-3 * slope_rad_m  # a millimetre


def test_share_of_the_sun():
    sun = 0.005
    assert sunlit_share(Discs(sun, 0.3, 0.31)) == 1.0
    assert sunlit_share(Discs(sun, 0.3, 0.29)) == 0.0
    # A body that looks half as wide leaves a ring of three quarters.
    assert sunlit_share(Discs(sun, 0.5 * sun, 0.2 * sun)) == pytest.approx(0.75, rel=1e-15)
    # A limb through the Sun's centre, and no curvature to speak of, halves it; equal circles a radius apart overlap by 2/3 - sqrt(3)/(2 pi).
    assert sunlit_share(Discs(sun, 1000.0 * sun, 1000.0 * sun)) == pytest.approx(0.5, abs=2e-4)
    overlap = 2.0 / 3.0 - np.sqrt(3.0) / (2.0 * np.pi)
    assert sunlit_share(Discs(sun, sun, sun)) == pytest.approx(1.0 - overlap, rel=1e-14)


def test_light_falls_without_a_jump():
    shares = np.array([float(sunlit_share(Discs(0.005, 0.3, apart))) for apart in np.linspace(0.294, 0.306, 400)])
    assert np.all(np.diff(shares) >= 0.0)
    # The steepest place is the Sun's width: 2 / (pi x radius) a radian.
    assert np.diff(shares).max() < 1.01 * 2.0 / (np.pi * 0.005) * 0.012 / 399


def test_line_of_sight():
    earth_m, radius_m = vec3((4e8, 0.0, 0.0)), RADIUS_MOON_M
    assert clearance_m(earth_m, vec3((-2e6, 0.0, 0.0)), radius_m) == -radius_m
    assert clearance_m(earth_m, vec3((2e6, 0.0, 0.0)), radius_m) == pytest.approx(2e6 - radius_m)
    # Over the limb: the distance of the line from the centre.
    over_m = vec3((-2e6, 1.8e6, 0.0))
    along = (over_m - earth_m).unit()
    expected_m = earth_m.cross(along).norm() - radius_m
    assert clearance_m(earth_m, over_m, radius_m) == pytest.approx(float(expected_m), abs=1e-6)


def test_a_body_of_no_field_pulls_as_a_point(forces):
    bare = Cislunar(forces.ephemeris, forces.moon_field.truncated(0))
    r_m = vec3((7e6, 0.0, 0.0))
    moon_m, sun_m = bare.ephemeris.r_moon_gci_m(0.0), bare.ephemeris.r_sun_gci_m(0.0)
    expected = (
        point_mass_accel_m_s2(r_m, GM_EARTH_M3_S2)
        + third_body_accel_m_s2(r_m, moon_m, bare.moon_field.gm_m3_s2)
        + third_body_accel_m_s2(r_m, sun_m, bare.gm_sun_m3_s2)
    )
    # One is compiled whole, the other term by term: the last digit of the largest term may differ. The Sun's is 3e-8 of it, the Moon's 8e-8.
    assert (bare.accel_gci_m_s2(0.0, r_m) - expected).norm() < 2.0 * np.finfo(float).eps * expected.norm()
