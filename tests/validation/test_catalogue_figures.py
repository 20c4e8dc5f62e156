"""The landers of the catalogue against the record: figures that their files cite, and the braking that follows from them."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from perilune.scenario.build import braking_estimate, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.sim import fly as sim
from perilune.trajectory.pre_landing import ellipse_of_altitudes

LANDERS = ("beresheet", "blue-ghost-m1", "chandrayaan-2", "chandrayaan-3", "im-1", "im-2", "luna-24", "slim")

# Typed from the record: key, value, and the words by which its source is known.
PUBLISHED = {
    "chandrayaan-3": {
        "site.latitude_deg": (-69.367621, "Horizons"),
        "site.longitude_deg": (32.348126, "Horizons"),
        "site.ellipse.major_km": (4.0, "ISRO"),
        "site.ellipse.minor_km": (2.4, "ISRO"),
        "orbit.periapsis_altitude_km": (25, "ISRO"),
        "orbit.apoapsis_altitude_km": (134, "ISRO"),
        "orbit.ignition_altitude_km": (30, "Business Standard"),
        "engines.0.thrust_n": (800, "ISRO"),
        "thrusters.0.thrust_n": (58, "ISRO"),
        "limits.vertical_m_s": (3, "Hindustan Times"),
        "limits.horizontal_m_s": (1, "Hindustan Times"),
        "limits.slope_deg": (12, "Hindustan Times"),
    },
    "chandrayaan-2": {
        "site.elevation_m": (834, "LROC"),
        "orbit.apoapsis_altitude_km": (101, "ISRO"),
        "vehicle.mass_dry_kg": (626, "ISRO"),
        "engines.0.thrust_n": (800, "ISRO"),
    },
    "blue-ghost-m1": {
        "site.latitude_deg": (18.56, "NASA"),
        "site.longitude_deg": (61.81, "NASA"),
        "orbit.periapsis_altitude_km": (100, "Firefly"),
        "orbit.descent.periapsis_altitude_km": (20, "NASA"),
        "vehicle.mass_dry_kg": (469, "Wikipedia"),
    },
    "im-1": {
        "site.latitude_deg": (-80.13, "Intuitive Machines"),
        "site.longitude_deg": (1.44, "Intuitive Machines"),
        "site.elevation_m": (2579, "Intuitive Machines"),
        "orbit.periapsis_altitude_km": (92, "Intuitive Machines"),
    },
    "im-2": {"site.latitude_deg": (-84.7906, "LROC"), "site.longitude_deg": (29.1957, "LROC")},
    "beresheet": {
        "site.elevation_m": (-2613, "LROC"),
        "orbit.apoapsis_altitude_km": (200, "SpaceIL"),
        "orbit.ignition_altitude_km": (25, "Times of Israel"),
        "vehicle.mass_dry_kg": (150, "Wikipedia"),
    },
    "slim": {
        "site.latitude_deg": (-13.3160, "derived"),
        "orbit.periapsis_altitude_km": (15, "JAXA"),
        "orbit.apoapsis_altitude_km": (600, "JAXA"),
        "engines.0.thrust_n": (500, "NSSDCA"),
        "thrusters.0.thrust_n": (22, "NSSDCA"),
    },
    "luna-24": {
        "site.latitude_deg": (12.7142, "LROC"),
        "site.longitude_deg": (62.2129, "LROC"),
        "orbit.inclination_deg": (120, "NSSDCA"),
        "engines.0.thrust_n": (18830, "NSSDCA"),
    },
}
# Hours of touchdown, flown or planned, UTC; published to the minute.
TOUCHDOWN = {
    "chandrayaan-3": "2023-08-23T12:32",
    "chandrayaan-2": "2019-09-06T20:23",
    "blue-ghost-m1": "2025-03-02T08:34",
    "im-1": "2024-02-22T23:23",
    "im-2": "2025-03-06T17:28",
    "beresheet": "2019-04-11T19:25",
    "slim": "2024-01-19T15:20",
    "luna-24": "1976-08-18T06:36",
}
# Length of braking, planned or of a sister's flight, in s, and how far the file's thrust may be from the real one: 5 %, the width of what
# is derived for the thrust of Chandrayaan-3 and -2; and for Beresheet the 15 to 20 min of the whole descent.
BRAKING_S = {
    "chandrayaan-3": (655.0, 725.0),
    "chandrayaan-2": (589.0, 651.0),
    "blue-ghost-m1": (513.0, 567.0),
    "luna-24": (253.0, 281.0),
    "beresheet": (900.0, 1200.0),
}


def looked_up(thing, path: str):
    for key in path.split("."):
        thing = thing[int(key)] if key.isdigit() else getattr(thing, key)
    return thing


@pytest.mark.parametrize("name", LANDERS)
def test_a_file_says_what_the_record_says_and_cites_it(name):
    mission = load(name)
    for path, (value, source) in PUBLISHED[name].items():
        number = looked_up(mission, path)
        assert float(number) == value, path
        assert source in (number.provenance.source or ""), path
    assert mission.orbit.landing_utc.isoformat().startswith(TOUCHDOWN[name])


@pytest.mark.parametrize("name", LANDERS)
def test_a_file_tells_how_the_real_flight_ended_and_starts_in_the_pre_landing_orbit(name):
    mission = load(name)
    assert mission.observed is not None and mission.observed.figures and mission.plan is None
    assert all(figure.source for figure in mission.observed.figures)
    assert mission.entries == ("descent",)


@pytest.mark.parametrize("name", BRAKING_S)
def test_braking_lasts_as_long_as_it_was_to_last(name):
    mission = load(name)
    braking_s, range_m = braking_estimate(mission, ellipse_of_altitudes(*(1e3 * km for km in mission.orbit.at_ignition_km)))
    low_s, high_s = BRAKING_S[name]
    assert low_s < braking_s < high_s
    assert math.isfinite(range_m) and range_m > 0.0


def test_blue_ghost_leaves_its_orbit_when_it_did():
    """07:31, to the minute: 63 min before touchdown. The braking and the last hundred seconds are the planned ones."""
    mission = load("blue-ghost-m1")
    assert mission.orbit.descent is not None
    ellipse = ellipse_of_altitudes(*(1e3 * km for km in mission.orbit.at_ignition_km))
    before_touchdown_s = float(mission.orbit.descent.burn_before_ignition_orbits) * ellipse.period_s + 540.0 + 100.0
    assert before_touchdown_s == pytest.approx(63 * 60.0, abs=120.0)


@pytest.mark.long
def test_flight_software_that_flies_to_a_point_takes_a_cycle():
    """Settings of a lander decide what its state holds: a law that does not get its part of it is found here, without a flight."""
    plan = build(load("chandrayaan-3"))
    fleet = fleet_of(plan.mission, plan.spread, jnp.asarray([0]))
    states = eqx.filter_eval_shape(sim.start, fleet, jnp.asarray(0))
    after, _ = eqx.filter_eval_shape(sim.fly_chunk, fleet, states, jnp.asarray(0), sim.no_record)
    assert jax.tree.structure(after) == jax.tree.structure(states)
