"""Paths and the events on them: against Kepler, against the integrator, against geometry written otherwise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M, RADIUS_SUN_M
from perilune.dynamics import events
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import elements_of, period_s, time_to_anomaly_s
from perilune.dynamics.path import crossings, flown
from perilune.dynamics.propagate import TIGHT, PointMass, coast_rates, propagated, propagated_until
from perilune.math.vector import vec3
from perilune.moon.earth import load_earth_orientation, place_on_earth
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import epoch_from_utc

EPOCH = epoch_from_utc("2023-08-16T10:00:00")
WINDOW_S = 16 * 86400.0
DAY_S = 86400.0
# What stop conditions of mature programs agree to (GMAT's acceptance tests).
EVENT_S = 1e-6
# Between the solver's steps: measured 4e-8 m and 1e-9 m/s.
BETWEEN_STEPS_M, BETWEEN_STEPS_M_S = 1e-6, 1e-8

# 141 km by 535 km.
ORBIT = PointMass(vec3((1.9e6, 0.0, 3e5)), vec3((-150.0, 300.0, 1620.0)), jnp.asarray(1.0))


@pytest.fixture(scope="module")
def ephemeris():
    return load_ephemeris(EPOCH, WINDOW_S)


@pytest.fixture(scope="module")
def two_body(ephemeris):
    """The Moon as a point mass, alone."""
    nothing = jnp.asarray(0.0)
    return Cislunar(ephemeris, field_of(lunar_field()).truncated(0), gm_earth_m3_s2=nothing, gm_sun_m3_s2=nothing)


@pytest.fixture(scope="module")
def forces(ephemeris):
    """Low in degree, which is quick to compile; paths and events do not know the difference."""
    return Cislunar(ephemeris, field_of(lunar_field()).truncated(2))


def path_of(forces, start, span_s, centre="moon"):
    return list(flown(forces, centre, start, span_s, TIGHT, 0.0))[-1]


@pytest.fixture(scope="module")
def day(forces):
    return path_of(forces, ORBIT, (0.0, DAY_S))


@pytest.fixture(scope="module")
def place():
    return place_on_earth(load_earth_orientation(EPOCH, WINDOW_S), np.radians(55.0), np.radians(38.0), 200.0)


@pytest.fixture(scope="module")
def found(forces, day, place):
    """Every event of the day, by one search."""
    asked = {
        "periapsis": events.periapsis("moon"),
        "umbra entry": events.umbra("moon", rising=False),
        "umbra": events.umbra("moon"),
        "penumbra": events.penumbra("moon"),
        "altitude": events.altitude("moon", 3e5),
        "occultation": events.occultation(),
        "station": events.station(place, np.radians(7.0)),
    }
    return dict(zip(asked, crossings(day, forces, "moon", list(asked.values()), (0.0, DAY_S), 60.0), strict=True))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.77, 0.999])
def test_states_between_steps(forces, day, share):
    """Each place between two steps, against a flight from the step before it."""
    t_s = share * DAY_S
    step = int(np.searchsorted(np.asarray(day.times_s), t_s, side="right")) - 1
    before = PointMass(vec3(day.r_m[step]), vec3(day.v_m_s[step]), jnp.asarray(1.0))
    end = _coast(forces, before, day.times_s[step], jnp.asarray(t_s))
    r_m, v_m_s = day.state(jnp.asarray(t_s))
    assert (end.r_m - r_m).norm() < BETWEEN_STEPS_M
    assert (end.v_m_s - v_m_s).norm() < BETWEEN_STEPS_M_S


@eqx.filter_jit
def _coast(forces, start, t_start_s, t_end_s):
    return propagated(coast_rates(forces.accel_lci_m_s2), start, t_start_s, t_end_s)


def test_a_path_says_nothing_outside_itself(day):
    for t_s in (-1.0, DAY_S + 1.0):
        assert all(bool(jnp.isnan(part.x)) for part in day.state(jnp.asarray(t_s)))


def test_a_path_holds_its_ends(day, forces):
    assert (day.state(jnp.asarray(0.0))[0] - ORBIT.r_m).norm() == 0.0
    end = _coast(forces, ORBIT, jnp.asarray(0.0), jnp.asarray(DAY_S))
    assert (day.state(jnp.asarray(DAY_S))[0] - end.r_m).norm() < 1e-5  # 12 orbits at the tolerance, by other steps


@pytest.mark.parametrize("duration_s", [0.5, 30.0, -400.0])
def test_short_paths_and_paths_flown_back(forces, duration_s):
    path = path_of(forces, ORBIT, (0.0, duration_s))
    end = _coast(forces, ORBIT, jnp.asarray(0.0), jnp.asarray(0.7 * duration_s))
    assert (path.state(jnp.asarray(0.7 * duration_s))[0] - end.r_m).norm() < BETWEEN_STEPS_M


def test_apsides_of_kepler(two_body):
    """Every apsis of a day at the time of Kepler's equation."""
    gm = two_body.moon_field.gm_m3_s2
    elements = elements_of(ORBIT.r_m, ORBIT.v_m_s, gm)
    path = path_of(two_body, ORBIT, (0.0, DAY_S))
    found = crossings(path, two_body, "moon", [events.periapsis("moon"), events.apoapsis("moon")], (0.0, DAY_S), 60.0)
    for crossed, anomaly_rad in zip(found, (0.0, np.pi), strict=True):
        first_s, turn_s = float(time_to_anomaly_s(elements, anomaly_rad, gm)), float(period_s(elements.semi_major_axis_m, gm))
        expected_s = np.arange(first_s % turn_s, DAY_S, turn_s)
        assert len(crossed) == len(expected_s)
        assert np.abs(np.array([each.t_s for each in crossed]) - expected_s).max() < EVENT_S


@pytest.mark.parametrize("kind", ["periapsis", "umbra entry"])
def test_a_stop_in_flight_is_the_crossing_of_the_path(forces, found, kind):
    """The root found while integrating and the one found on the path are the same."""
    event = events.periapsis("moon") if kind == "periapsis" else events.umbra("moon", rising=False)
    rates = coast_rates(forces.accel_lci_m_s2)
    condition = event.condition(forces, "moon")
    t_s, _ = jax.jit(lambda start: propagated_until(rates, start, 0.0, 20000.0, condition, bool(event.rising)))(ORBIT)
    assert abs(float(t_s) - found[kind][0].t_s) < EVENT_S
    assert found[kind][0].rising == event.rising


def test_altitude_is_crossed_up_and_down(day, found):
    crossed = found["altitude"]
    assert [each.rising for each in crossed[:4]] == [True, False, True, False]
    for each in crossed:
        assert abs(float(day.state(jnp.asarray(each.t_s))[0].norm()) - RADIUS_MOON_M - 3e5) < 1e-5


def test_a_path_that_begins_on_an_event_has_not_crossed_it(two_body):
    at_periapsis = PointMass(vec3((1.9e6, 0.0, 0.0)), vec3((0.0, 1700.0, 0.0)), jnp.asarray(1.0))
    path = path_of(two_body, at_periapsis, (0.0, 3600.0))
    assert crossings(path, two_body, "moon", [events.periapsis("moon")], (0.0, 3600.0), 60.0) == [[]]


@pytest.mark.parametrize(("total", "sign"), [(False, 1.0), (True, -1.0)])
def test_shadow_is_entered_on_its_cone(forces, day, found, total, sign):
    """At the times found, the distance from the shadow's axis is the cone's radius there: a metre is half a millisecond."""
    crossed = found["umbra" if total else "penumbra"]
    assert len(crossed) > 20
    for each in crossed:
        r_m = np.asarray(day.state(jnp.asarray(each.t_s))[0].array())
        sun_m = np.asarray(forces.ephemeris.r_sun_lci_m(each.t_s).array())
        axis, distance_m = sun_m / np.linalg.norm(sun_m), np.linalg.norm(sun_m)
        behind_m = -r_m @ axis
        half = np.arcsin((RADIUS_SUN_M + sign * RADIUS_MOON_M) / distance_m)
        radius_m = (RADIUS_MOON_M + sign * behind_m * np.sin(half)) / np.cos(half)
        assert behind_m > 0.0
        assert abs(np.linalg.norm(r_m + behind_m * axis) - radius_m) < 1e-3


def test_hidden_behind_the_moon(forces, day, found):
    """At the times found, the line from the Earth's centre touches the sphere, and the spacecraft is beyond it."""
    assert len(found["occultation"]) > 10
    for each in found["occultation"]:
        r_m, earth_m = day.state(jnp.asarray(each.t_s))[0], forces.ephemeris.r_earth_lci_m(each.t_s)
        along = (r_m - earth_m).unit()
        assert abs(float(earth_m.cross(along).norm()) - RADIUS_MOON_M) < 1e-3
        assert float(r_m.dot(earth_m)) < 0.0


def test_rise_and_set_at_a_station(forces, day, place, found):
    """At the times found, the elevation from both positions by the cosine rule is the one asked for."""
    crossed = found["station"]
    assert [each.rising for each in crossed] in ([True, False], [False, True])
    for each in crossed:
        r_m, v_m_s = day.state(jnp.asarray(each.t_s))
        r_gci_m, _ = forces.gci_of_lci(each.t_s, r_m, v_m_s)
        line_m = r_gci_m - place.r_gci_m(each.t_s)
        up = place.orientation.q_itrf_gci(each.t_s).inverse() @ place.up_itrf
        assert np.degrees(np.arcsin(float(up.dot(line_m) / line_m.norm()))) == pytest.approx(7.0, abs=1e-8)


def test_sphere_of_influence(forces):
    """On a straight way out of it."""
    leaving = PointMass(vec3((6e7, 0.0, 0.0)), vec3((1500.0, 0.0, 0.0)), jnp.asarray(1.0))
    path = path_of(forces, leaving, (0.0, 20000.0))
    asked = [events.sphere_of_influence(rising=True), events.sphere_of_influence(rising=False)]
    out, back = crossings(path, forces, "moon", asked, (0.0, 20000.0), 60.0)
    assert len(out) == 1 and back == []
    assert abs(float(path.state(jnp.asarray(out[0].t_s))[0].norm()) - events.MOON_INFLUENCE_M) < 1e-3


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_a_coast_ends_one_step_into_the_ground(forces, sense):
    falling = PointMass(vec3((1.8e6, 0.0, 0.0)), vec3((-100.0 * sense, 1200.0, 0.0)), jnp.asarray(1.0))
    path = path_of(forces, falling, (0.0, sense * DAY_S))
    heights_m = np.linalg.norm(np.asarray(path.r_m), axis=1)[: int(path.count)] - RADIUS_MOON_M
    assert heights_m[-1] < 0.0 and np.all(heights_m[:-1] > 0.0)


def test_a_hundred_paths_at_once(forces):
    """The integrator under vmap gives each row what it gives alone."""
    rows = jnp.linspace(0.0, 100.0, 100)

    def one(extra_m_s):
        start = PointMass(ORBIT.r_m, ORBIT.v_m_s + vec3((0.0, 1.0, 0.0)) * extra_m_s, jnp.asarray(1.0))
        return propagated(coast_rates(forces.accel_lci_m_s2), start, 0.0, 3600.0).r_m.array()

    together = jax.jit(jax.vmap(one))(rows)
    alone = jax.jit(one)(rows[37])
    assert jnp.max(jnp.abs(together[37] - alone)) < 1e-6
