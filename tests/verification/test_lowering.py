"""Burns that bring an orbit about the Moon down apsis by apsis, beside vis viva."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import elements_of
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import Vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import epoch_from_utc
from perilune.trajectory.arcs import flown_moon
from perilune.trajectory.flight_desk import Known, lowering_burn
from perilune.trajectory.legs import last
from perilune.trajectory.lowering import APSIS_M, SOONEST_S, apsis_burn, apsis_change, apsis_legs, first_guess
from perilune.trajectory.order import Lowering, Thruster

EPOCH = epoch_from_utc("2023-04-10T00:00:00")
ENGINE = Thruster("main", 420.0, 318.0)
MASS_KG = 900.0
# What a burn of ten minutes over 30 degrees of orbit may cost beyond an impulse at the apsis. A bound: thrust held in one direction over such
# an arc would lose the mean of a cosine, 1.1 %.
LOSS_SHARE = 0.02
# The apsis where it burns moves by what the burn lifts or drops it there, and by the Earth and the lumps over an orbit.
KEPT_M = 12e3
# How far the Earth and the Moon's figure may move the fifth passage of an apsis from where two bodies have it: a bound, 2 % of a period.
LATE_S = 300.0


@pytest.fixture(scope="module")
def forces():
    return Cislunar(load_ephemeris(EPOCH, 5.0 * 86400.0), field_of(lunar_field()).truncated(2))


def polar(low_km: float, high_km: float) -> PointMass:
    """At the lowest point of a polar orbit."""
    low_m, high_m = RADIUS_MOON_M + 1e3 * low_km, RADIUS_MOON_M + 1e3 * high_km
    speed_m_s = math.sqrt(GM_MOON_M3_S2 * (2.0 / low_m - 2.0 / (low_m + high_m)))
    numbers = (low_m, 0.0, 0.0, 0.0, 0.0, speed_m_s, MASS_KG)
    x, y, z, vx, vy, vz, mass = (jnp.asarray(number) for number in numbers)
    return PointMass(Vec3(x, y, z), Vec3(vx, vy, vz), mass)


def row(altitude_km: float, at_periapsis: bool = True) -> Lowering:
    return Lowering(EPOCH, at_periapsis, 1e3 * altitude_km, ENGINE)


def after(case, burn):
    """Altitudes after cut-off [m]."""
    end = last(flown_moon(case.forces, case.start, case.t_start_s, apsis_legs(case, *burn.solved())))
    elements = elements_of(end.r_m, end.v_m_s, GM_MOON_M3_S2)
    return float(elements.periapsis_radius_m) - RADIUS_MOON_M, float(elements.apoapsis_radius_m) - RADIUS_MOON_M


def vis_viva_m_s(low_km, high_km, to_km):
    """An impulse at the lowest point."""
    low_m, high_m, to_m = (RADIUS_MOON_M + 1e3 * km for km in (low_km, high_km, to_km))
    before, later = (math.sqrt(GM_MOON_M3_S2 * (2.0 / low_m - 2.0 / (low_m + other_m))) for other_m in (high_m, to_m))
    return before - later


@pytest.mark.parametrize(("high_km", "to_km"), [(6000.0, 2300.0), (2300.0, 100.0)])
def test_a_lowering_costs_vis_viva_and_a_finite_burns_loss(forces, high_km, to_km):
    case = apsis_change(forces, polar(100.0, high_km), 0.0, row(to_km))
    burn = apsis_burn(case, 86400.0)
    low_m, high_m = after(case, burn)
    assert burn.sense == -1.0
    # A circle has no highest point on a side of its own: what is held is the height along the old line of apsides.
    reached_m = high_m if to_km > 100.0 else min((low_m, high_m), key=lambda each: abs(each - 1e3 * to_km))
    assert reached_m == pytest.approx(1e3 * to_km, abs=3.0 * APSIS_M)
    assert low_m == pytest.approx(100e3, abs=KEPT_M)
    spent_m_s = float(case.engine.delta_v_m_s(case.start.mass_kg, jnp.asarray(burn.duration_s)))
    impulse_m_s = vis_viva_m_s(100.0, high_km, to_km)
    assert impulse_m_s * (1.0 - 0.5 * LOSS_SHARE) < spent_m_s < impulse_m_s * (1.0 + LOSS_SHARE)


def test_a_circle_is_reached_and_left_behind(forces):
    """The apsis asked for may come to lie below the one that burns: nothing breaks where the orbit is round."""
    case = apsis_change(forces, polar(100.0, 400.0), 0.0, row(60.0))
    low_m, high_m = after(case, apsis_burn(case, 20000.0))
    assert low_m == pytest.approx(60e3, abs=3.0 * APSIS_M)
    assert high_m == pytest.approx(100e3, abs=KEPT_M)


def test_at_the_highest_point_it_lifts_the_lowest(forces):
    case = apsis_change(forces, polar(60.0, 2300.0), 0.0, row(100.0, at_periapsis=False))
    burn = apsis_burn(case, 86400.0)
    low_m, high_m = after(case, burn)
    assert burn.sense == 1.0
    assert low_m == pytest.approx(100e3, abs=3.0 * APSIS_M)
    assert high_m == pytest.approx(2300e3, abs=KEPT_M)


def test_it_is_centred_on_the_apsis_nearest_to_the_time(forces):
    case = apsis_change(forces, polar(100.0, 2300.0), 0.0, row(1000.0))
    period_s = 2.0 * math.pi * math.sqrt((RADIUS_MOON_M + 1200e3) ** 3 / GM_MOON_M3_S2)
    for about_s in (4.7 * period_s, 5.3 * period_s):
        burn = apsis_burn(case, about_s)
        assert burn.ignition_s + 0.5 * burn.duration_s == pytest.approx(5.0 * period_s, abs=LATE_S)


def test_it_never_begins_sooner_than_the_lander_can_turn(forces):
    case = apsis_change(forces, polar(100.0, 2300.0), 0.0, row(100.0))
    assert first_guess(case, 0.0).ignition_s > SOONEST_S


def test_the_flight_desk_orders_the_same_burn(forces):
    start = polar(100.0, 2300.0)
    known = Known(0.0, np.asarray(start.r_m.array()), np.asarray(start.v_m_s.array()), MASS_KG)
    ordered = lowering_burn(forces, known, row(100.0), 86400.0)
    burn = apsis_burn(apsis_change(forces, start, 0.0, row(100.0)), 86400.0)
    assert (ordered.ignition_s, ordered.duration_s, ordered.follow) == pytest.approx((burn.ignition_s, burn.duration_s, -1.0))
    assert ordered.delta_v_m_s == pytest.approx(vis_viva_m_s(100.0, 2300.0, 100.0), rel=LOSS_SHARE)
