"""Bad orders get one clear line before anything flies; good ones converge from any date without a guess by hand."""

import math

import numpy as np
import pytest

from perilune.math.calling import called_by
from perilune.moon.earth_field import earth_field
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import epoch_from_utc
from perilune.scenario.plan import EARTH_DEGREE, FIELD_DEGREE
from perilune.trajectory.order import Arrival, Corrections, Descent, Launch, MissionOrder, Thruster
from perilune.trajectory.plan import plan_mission
from perilune.trajectory.refusal import BudgetError, CorrectionError, OrderError, PassError, TransferError

# Those of the command line, so that its programs are there.
FIELDS = field_of(lunar_field()).truncated(FIELD_DEGREE), field_of(earth_field()).truncated(EARTH_DEGREE)
DATES = 3
# Velocity of a direct flight from 180 to 400 km to a circle of 100 km: Apollo to Luna-25, with long burns (facts: 3.1 to 3.2, 0.8 to 0.95).
INJECTION_M_S, INSERTION_M_S = (3100.0, 3230.0), (780.0, 950.0)


@pytest.fixture(autouse=True, scope="module")
def by_what_the_main_job_left(programs):
    with called_by(programs):
        yield


def launch(epoch, inclination_deg=51.6, altitude_m=200e3):
    return Launch(epoch, altitude_m, math.radians(inclination_deg), Thruster("stage", 20e3, 332.0), 8300.0)


def descent(**changed):
    numbers = dict(
        latitude_rad=math.radians(-69.545),
        longitude_rad=math.radians(43.544),
        elevation_m=0.0,
        periapsis_altitude_m=18e3,
        apoapsis_altitude_m=100e3,
        arc_rad=0.2,
        braking_s=700.0,
        delta_v_m_s=1900.0,
        isp_s=315.0,
        trim=epoch_from_utc("2023-08-18T06:20:00"),
        descent_burn=epoch_from_utc("2023-08-19T11:10:00"),
        earliest=epoch_from_utc("2023-08-21T00:00:00"),
        latest=epoch_from_utc("2023-08-22T00:00:00"),
    )
    return Descent(**(numbers | changed))


def order(arrival_utc="2023-08-16T08:57:00", inclination_deg=82.0, down=None, thrust_n=4750.0):
    ignition = epoch_from_utc(arrival_utc)
    arrival = Arrival(100e3, 100e3, math.radians(inclination_deg), (Thruster("main", thrust_n, 315.0),), (), ignition)
    start = launch(epoch_from_utc("2023-08-11T00:20:00"))
    return MissionOrder("test", 1750.0, 640.0, start, arrival, Thruster("small", 300.0, 285.0), None, down)


@pytest.mark.long
def test_any_date_converges_without_a_guess():
    rng = np.random.default_rng(25)
    for _ in range(DATES):
        epoch = epoch_from_utc("2026-01-01T00:00:00").after(rng.uniform(0.0, 5 * 365.25 * 86400.0))
        start = launch(epoch, rng.uniform(30.0, 98.0), rng.uniform(180e3, 400e3))
        arrival = Arrival(100e3, 100e3, math.radians(rng.uniform(70.0, 110.0)), (Thruster("main", 4750.0, 315.0),))
        made = plan_mission(MissionOrder("random", 1750.0, 640.0, start, arrival, Thruster("small", 300.0, 285.0)), *FIELDS)
        orbit = made.burns[-1].orbit_after
        assert INJECTION_M_S[0] < made.burns[0].delta_v_m_s < INJECTION_M_S[1]
        assert INSERTION_M_S[0] < made.total_m_s < INSERTION_M_S[1]
        # Tolerances of the corrector: 1 m of semi-major axis, 1e-6 of eccentricity.
        assert orbit.periapsis_altitude_m == pytest.approx(100e3, abs=4.0)
        assert orbit.apoapsis_altitude_m == pytest.approx(100e3, abs=4.0)


def test_a_site_beyond_the_inclination_is_refused_with_what_would_do():
    with pytest.raises(
        TransferError, match=r"inclined by 60\.00 deg never holds the landing site at latitude -69\.5.* between 69\.55 and 110\.4"
    ):
        plan_mission(order(inclination_deg=60.0, down=descent()), *FIELDS)


def test_a_site_that_the_plane_does_not_pass_in_time_is_refused_with_the_times_it_does():
    late = descent(earliest=epoch_from_utc("2023-08-24T00:00:00"), latest=epoch_from_utc("2023-08-26T00:00:00"))
    with pytest.raises(
        PassError, match=r"does not pass over the site between 2023-08-24 00:00:00 .*it does: .*2023-08-21 \d\d:\d\d:\d\d \(southbound\)"
    ):
        plan_mission(order(down=late), *FIELDS)


@pytest.mark.parametrize(("arrival", "words"), [("2023-08-12T12:00:00", "is 1.49 days"), ("2023-08-29T00:00:00", "is 17.99 days")])
def test_a_flight_too_short_or_too_long_is_refused(arrival, words):
    with pytest.raises(TransferError, match=words):
        plan_mission(order(arrival), *FIELDS)


def test_events_out_of_order_are_refused():
    early = descent(trim=epoch_from_utc("2023-08-15T00:00:00"))
    with pytest.raises(OrderError, match="the trim at 2023-08-15 00:00:00 does not come after the insertion at 2023-08-16 08:57:00"):
        plan_mission(order(down=early), *FIELDS)


def test_a_time_to_land_that_ends_before_it_begins_is_refused():
    turned = descent(earliest=epoch_from_utc("2023-08-22T00:00:00"), latest=epoch_from_utc("2023-08-21T00:00:00"))
    with pytest.raises(OrderError, match="from 2023-08-22 00:00:00 to 2023-08-21 00:00:00, ends before it begins"):
        plan_mission(order(down=turned), *FIELDS)


@pytest.mark.long
def test_an_engine_too_weak_to_stop_is_refused_with_how_long_it_would_burn():
    # 150 N still get there, in three hours of burning.
    with pytest.raises(CorrectionError, match=r"the insertion does not converge; .*it burns about \d\d,\d\d\d s: use a stronger engine"):
        plan_mission(order(thrust_n=60.0), *FIELDS)


def test_a_stage_that_cannot_carry_the_spacecraft_is_refused():
    wanted = order()
    light = wanted.launch._replace(stage_mass_kg=1800.0)
    with pytest.raises(BudgetError, match=r"stage, 1,800 kg at ignition, is left with \d+ kg after .*less than the spacecraft, 1,750 kg"):
        plan_mission(wanted._replace(launch=light), *FIELDS)


def test_a_stage_that_would_burn_for_hours_is_refused_before_it_is_tried():
    wanted = order()
    weak = wanted.launch._replace(stage=Thruster("stage", 100.0, 332.0))
    with pytest.raises(TransferError, match=r"stage takes 4\d\.\d h to leave the parking orbit, \d\d\.\d turns about the Earth"):
        plan_mission(wanted._replace(launch=weak), *FIELDS)


def test_a_correction_before_the_stage_lets_go_is_refused():
    early = Corrections((epoch_from_utc("2023-08-11T00:21:00"),), 500.0, 0.5, 0.02)
    with pytest.raises(OrderError, match=r"correction 1 at 2023-08-11 00:21:00 comes before the upper stage lets go at 2023-08-11 00:2\d"):
        plan_mission(order()._replace(corrections=early), *FIELDS)


def test_a_site_far_from_the_plane_is_refused_with_the_days_on_which_it_passes():
    aside = descent(longitude_rad=math.radians(133.0))
    with pytest.raises(PassError, match=r"it does: 2023-0[89]-\d\d "):
        plan_mission(order(down=aside), *FIELDS)
