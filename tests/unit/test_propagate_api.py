"""`perilune.propagate`: what it takes, what it gives, and what it refuses."""

import re
from datetime import UTC, date, datetime, timedelta

import jax.numpy as jnp
import numpy as np
import pytest

import perilune
from perilune.dynamics import events
from perilune.moon.time import epoch_from_utc
from perilune.scenario.errors import ScenarioError
from perilune.scenario.propagate import Search, Station, hidden, rise

EPOCH = "2023-08-16T10:00:00"
# 141 km by 535 km about the Moon.
STATE = (1.9e6, 0.0, 3e5, -150.0, 300.0, 1620.0)
FORCES = perilune.Forces(bodies=("earth", "moon", "sun"), moon_degree=2, earth_degree=0)
HOUR_S = 3600.0
# Back and forth through frames: a few roundings of 4e8 m.
ROUNDING_M = 1e-6


@pytest.fixture(scope="module")
def flight():
    return perilune.propagate(STATE, EPOCH, HOUR_S, forces=FORCES)


def test_it_lasts_as_long_as_asked(flight):
    assert (flight.end_s, flight.stopped_by) == (HOUR_S, None)
    assert flight.utc(flight.end_s) == "2023-08-16T11:00:00.000Z"
    assert flight.times_s[0] == 0.0 and flight.times_s[-1] == HOUR_S and np.all(np.diff(flight.times_s) > 0.0)


def test_it_begins_as_given(flight):
    r_m, v_m_s = flight.at(0.0, "lci")
    assert np.array_equal(r_m, STATE[:3]) and np.allclose(v_m_s, STATE[3:], rtol=1e-12)


def test_one_time_or_many(flight):
    one, many = flight.at(60.0, "lfme"), flight.at([0.0, 60.0], "lfme")
    assert one[0].shape == (3,) and many[0].shape == (2, 3)
    assert np.array_equal(one[0], many[0][1])


@pytest.mark.parametrize("until", [datetime(2023, 8, 16, 11, tzinfo=UTC), "2023-08-16T11:00:00Z", epoch_from_utc("2023-08-16T11:00:00")])
def test_every_kind_of_end(flight, until):
    other = perilune.propagate(STATE, datetime(2023, 8, 16, 10, tzinfo=UTC), until, forces=FORCES)
    assert (
        np.abs(other.at(other.end_s, "lci")[0] - flight.at(HOUR_S, "lci")[0]).max() < 3e-3
    )  # an hour of UTC is one of TDB to 1.2 microseconds


def test_kilometres(flight):
    state = {"r_km": (1900.0, 0.0, 300.0), "v_km_s": (-0.15, 0.3, 1.62)}
    assert np.array_equal(perilune.propagate(state, EPOCH, HOUR_S, forces=FORCES).at(HOUR_S), flight.at(HOUR_S))


@pytest.mark.parametrize("frame", ["gci", "lfpa", "lfme"])
def test_a_state_may_be_given_in_any_frame(flight, frame):
    given = np.concatenate(flight.at(0.0, frame))
    again = perilune.propagate(given, EPOCH, HOUR_S, frame, FORCES, Search(centre="moon"))
    assert np.abs(again.at(HOUR_S, "lci")[0] - flight.at(HOUR_S, "lci")[0]).max() < 1e-3 + ROUNDING_M


def test_back_to_where_it_came_from(flight):
    there = np.concatenate(flight.at(HOUR_S, "lci"))
    back = perilune.propagate(there, "2023-08-16T11:00:00", -HOUR_S, forces=FORCES)
    assert back.end_s == -HOUR_S and np.all(np.diff(back.times_s) < 0.0)
    assert np.abs(back.at(-HOUR_S, "lci")[0] - STATE[:3]).max() < 1e-3
    assert back.utc(back.end_s) == "2023-08-16T10:00:00.000Z"


def test_it_stops_at_an_event():
    flight = perilune.propagate(STATE, EPOCH, events.apoapsis("moon"), forces=FORCES)
    r_m, v_m_s = flight.at(flight.end_s, "lci")
    assert flight.stopped_by == "apoapsis moon"
    assert abs(r_m @ v_m_s) / np.linalg.norm(r_m) < 1e-6


def test_it_stops_at_the_ground():
    falling = (1.8e6, 0.0, 0.0, -100.0, 1200.0, 0.0)
    flight = perilune.propagate(falling, EPOCH, 86400.0, forces=FORCES)
    assert flight.stopped_by == "ground" and flight.end_s < HOUR_S
    assert np.linalg.norm(flight.at(flight.end_s, "lci")[0]) == pytest.approx(1737400.0, abs=1e-4)


def test_events_come_in_order_of_time(flight):
    moscow = Station(55.75, 37.6, 150.0)
    happened = flight.events(events.umbra("moon"), rise(moscow, 5.0), hidden(moscow))
    assert [each.t_s for each in happened] == sorted(each.t_s for each in happened)
    assert {each.name for each in happened} <= {"umbra moon", "station", "occultation by the moon"} and happened


def test_sunlight_is_felt(flight):
    lit = perilune.Forces(bodies=("earth", "moon", "sun"), moon_degree=2, earth_degree=0, area_over_mass_m2_kg=0.02)
    shift_m = np.linalg.norm(perilune.propagate(STATE, EPOCH, HOUR_S, forces=lit).at(HOUR_S)[0] - flight.at(HOUR_S)[0])
    # 1.4e-7 m/s2 for an hour is 0.9 m in free space; in orbit, and partly in shadow, of that order.
    assert 0.01 < shift_m < 3.0


def test_a_gravity_file_of_ones_own(flight, tmp_path):
    """A point mass by file is the point mass by degree."""
    own = tmp_path / "point.gfc"
    rows = "gfc 0 0 1.0 0.0\ngfc 1 0 0.0 0.0\ngfc 2 0 -9.0e-5 0.0\n"
    own.write_text(f"modelname own\nearth_gravity_constant 4902.801056e9\nradius 1738000\nmax_degree 2\nend_of_head\n{rows}")
    by_file = perilune.Forces(bodies=FORCES.bodies, moon_gravity_file=own, moon_degree=2, earth_degree=0)
    other = perilune.propagate(STATE, EPOCH, HOUR_S, forces=by_file)
    assert 1.0 < np.linalg.norm(other.at(HOUR_S)[0] - flight.at(HOUR_S)[0]) < 5e3


REFUSED = {
    "frame is 'lcy'": dict(frame="lcy"),
    "state is": dict(state=(1.0, 2.0)),
    "or a mapping with three of each, r_km and v_km_s": dict(state={"r_m": STATE[:3], "v_m_s": STATE[3:]}),
    "epoch is '16 August'": dict(epoch="16 August"),
    "datetime without a zone": dict(epoch=datetime(2023, 8, 16)),
    "until asks for 0.0 s": dict(until=0.0),
    "until asks for nan s": dict(until=float("nan")),
    "until: epoch is": dict(until="tomorrow"),
    "starts below the ground": dict(state=(1e6, 0.0, 0.0, 0.0, 1600.0, 0.0)),
    "does not happen within 600 s": dict(until=events.sphere_of_influence(), search=Search(latest_s=600.0)),
}


# Of another type: the argument, what was given, and what is allowed.
OF_ANOTHER_TYPE = [
    ("forces is {}; it must be a `perilune.scenario.forces.Forces`, or None", dict(forces={})),
    ("search is {'sample_s': 1.0}; it must be a `perilune.scenario.propagate.Search`, or None", dict(search={"sample_s": 1.0})),
    ("epoch is 20230816; it must be UTC in words", dict(epoch=20230816)),
    ("epoch is None; it must be UTC in words", dict(epoch=None)),
    ("epoch is datetime.date(2023, 8, 16); it must be UTC in words", dict(epoch=date(2023, 8, 16))),
    ("until is None; it must be a duration in seconds", dict(until=None)),
    ("until is True; it must be a duration in seconds", dict(until=True)),
    ("until is [3600.0]; it must be a duration in seconds", dict(until=[3600.0])),
    ("until is array([3600.]); it must be a duration in seconds", dict(until=np.array([3600.0]))),
    ("until is datetime.timedelta(seconds=3600); it must be a duration in seconds", dict(until=timedelta(hours=1))),
    ("state is None; it must be six finite numbers", dict(state=None)),
    ("state is 7.0; it must be six finite numbers", dict(state=7.0)),
    ("state is 'lci'; it must be six finite numbers", dict(state="lci")),
    ("state is ['1', '2', '3', '4', '5', '6']; it must be six finite numbers", dict(state=list("123456"))),
    ("state is [[1.0, 2.0, 3.0], [4.0]]; it must be six finite numbers", dict(state=[[1.0, 2.0, 3.0], [4.0]])),
    ("state['v_km_s'] is 1.6; it must be six finite numbers", dict(state={"r_km": (1900.0, 0.0, 300.0), "v_km_s": 1.6})),
    ("state has the keys 1, r_km; it must be six finite numbers", dict(state={"r_km": STATE[:3], 1: STATE[3:]})),
    ("frame is 3; ", dict(frame=3)),
]


@pytest.mark.parametrize(("says", "given"), OF_ANOTHER_TYPE)
def test_what_is_of_another_type_is_refused_in_words(says, given):
    with pytest.raises(ScenarioError, match=re.escape(says)):
        perilune.propagate(**(dict(state=STATE, epoch=EPOCH, until=HOUR_S, forces=FORCES) | given))


@pytest.mark.parametrize(
    ("says", "made"),
    [
        ("search.sample_s is '60'; it must be a finite number", lambda: Search(sample_s="60")),  # type: ignore[arg-type]
        ("search.ground_m is nan; it must be a finite number", lambda: Search(ground_m=float("nan"))),
        ("search.latest_s is True; it must be a finite number", lambda: Search(latest_s=True)),
        ("search.tolerance is 'loose'; it must be TIGHT or LOOSE", lambda: Search(tolerance="loose")),  # type: ignore[arg-type]
        ("station.latitude_deg is '55'; it must be a finite number", lambda: Station("55", "37")),  # type: ignore[arg-type]
        ("station.height_m is inf; it must be a finite number", lambda: Station(55.0, 37.0, float("inf"))),
    ],
)
def test_what_is_no_number_is_refused_where_it_is_given(says, made):
    with pytest.raises(ScenarioError, match=re.escape(says)):
        made()


def test_a_name_is_no_event(flight):
    with pytest.raises(ScenarioError, match="'periapsis' is no event"):
        flight.events("periapsis")


def test_numbers_of_numpy_and_of_jax_are_durations(flight):
    for hour_s in (3600, np.float32(3600.0), np.array(3600), jnp.asarray(3600.0)):
        assert perilune.propagate(jnp.asarray(STATE), EPOCH, hour_s, forces=FORCES).end_s == flight.end_s


@pytest.mark.parametrize("says", REFUSED)
def test_what_cannot_be_flown_is_refused(says):
    given = dict(state=STATE, epoch=EPOCH, until=HOUR_S, forces=FORCES) | REFUSED[says]
    with pytest.raises(ScenarioError, match=says.replace("(", r"\(")):
        perilune.propagate(**given)


@pytest.mark.parametrize(
    ("says", "given"),
    [
        ("there is no body 'mon'; did you mean moon", dict(bodies=("earth", "mon"))),
        ("area_over_mass_m2_kg is -1", dict(area_over_mass_m2_kg=-1.0)),
        ("area_over_mass_m2_kg is nan", dict(area_over_mass_m2_kg=float("nan"))),
        ("gm_m3_s2 of moon is nan", dict(gm_m3_s2={"moon": float("nan")})),
        ("reflectivity is 3", dict(reflectivity=3.0)),
        ("moon_degree is 1.5", dict(moon_degree=1.5)),
        ("earth_degree is -1", dict(earth_degree=-1)),
    ],
)
def test_forces_that_make_no_sense_are_refused(says, given):
    with pytest.raises(ScenarioError, match=says):
        perilune.Forces(**given)


@pytest.mark.parametrize(
    ("says", "given"),
    [("cannot be read", dict(moon_gravity_file="nowhere.gfc")), ("degree 40 was asked of a field of degree 10", dict(moon_degree=40))],
)
def test_fields_that_are_not_there_are_refused(says, given):
    with pytest.raises(ScenarioError, match=says):
        perilune.propagate(STATE, EPOCH, HOUR_S, forces=perilune.Forces(**given))


def test_an_end_that_was_given_as_a_date_is_on_the_path():
    back = perilune.propagate(STATE, "2023-08-16T11:00:00", "2023-08-16T10:00:00", forces=FORCES)
    assert np.all(np.isfinite(back.at([-HOUR_S, 0.0])[0]))
    assert np.all(np.isnan(back.at([-HOUR_S - 1.0, 1.0])[0]))


def test_a_date_outside_the_ephemeris_is_refused():
    with pytest.raises(ScenarioError, match="DE421 covers"):
        perilune.propagate(STATE, epoch_from_utc(EPOCH).after(200 * 365.25 * 86400.0), HOUR_S, forces=FORCES)


def test_a_station_off_the_map_is_refused():
    with pytest.raises(ScenarioError, match="latitude_deg 95"):
        Station(95.0, 0.0)


def test_a_datetime_in_any_zone_is_the_same_instant(flight):
    from datetime import timezone

    moscow = timezone(timedelta(hours=3))
    other = perilune.propagate(STATE, datetime(2023, 8, 16, 13, tzinfo=moscow), HOUR_S, forces=FORCES)
    assert np.array_equal(other.at(HOUR_S), flight.at(HOUR_S))


@pytest.mark.parametrize(
    "event", [events.periapsis, events.apoapsis, events.umbra, events.penumbra, lambda body: events.altitude(body, 1e5)]
)
def test_there_are_no_events_of_other_bodies(event):
    with pytest.raises(ValueError, match="there are no events of 'mars'; the bodies are earth, moon"):
        event("mars")


def test_no_station_sees_higher_than_overhead():
    with pytest.raises(ScenarioError, match="elevation_deg is 200"):
        rise(Station(55.0, 37.0), 200.0)
