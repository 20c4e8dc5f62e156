"""The way down: in which order the desk tries, which it takes, and what it says when none leads to the site."""

import math

import jax.numpy as jnp
import pytest

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.gravity import field_of
from perilune.moon.lunar_field import lunar_field
from perilune.moon.time import DAY_S, epoch_from_utc
from perilune.trajectory import way_down as module
from perilune.trajectory.legs import Engine
from perilune.trajectory.lunar_orbit import Approaching, Landing, OrbitBurns, Pass
from perilune.trajectory.refusal import CorrectionError, WayDownError
from perilune.trajectory.way_down import Way, way_down, ways

EPOCH = epoch_from_utc("2028-11-01T00:00:00")
RADIUS_M = 1_837_400.0
PASSES = [Pass(15.0 * DAY_S, False), Pass(29.5 * DAY_S, True)]
TRIM_S = 3.0 * DAY_S
BURNS = OrbitBurns((1.0, 0.0, 0.0), TRIM_S, -18.0, 14.9 * DAY_S, 15.0 * DAY_S)
# What random launch 10 of benchmarks/launch_dates.py missed: height [m], vertical speed [m/s], apsides [m], arc and angle [rad].
MISSED = (35.3694, -1.19121, 3368.18, 0.0102277, -0.000610272)


@pytest.fixture(scope="module")
def case():
    """A lander on a circle of 100 km; the rest is not looked at."""
    forces = Cislunar(load_ephemeris(EPOCH, 40.0 * DAY_S), field_of(lunar_field()).truncated(2))
    gm = float(forces.moon_field.gm_m3_s2)
    number = jnp.asarray(0.2)
    start = PointMass(vec3((RADIUS_M, 0.0, 0.0)), vec3((0.0, 0.0, math.sqrt(gm / RADIUS_M))), jnp.asarray(900.0))
    landing = Landing(vec3((1.0, 0.0, 0.0)), number, number, number, number)
    return Approaching(forces, Engine(jnp.asarray(300.0), jnp.asarray(285.0)), start, jnp.asarray(0.0), landing)


def deaf_to(monkeypatch, deaf):
    """The desk converges for the ways not in a list only."""
    monkeypatch.setattr(module, "first_guess", lambda case, over, trim_s, descent_s: BURNS._replace(trim_s=trim_s, ignition_s=over.t_s))

    def approach(case, guess):
        if (guess.ignition_s, guess.trim_s) in deaf:
            raise CorrectionError("no", MISSED)
        return guess, None

    monkeypatch.setattr(module, "approach", approach)


def test_the_first_pass_comes_first_then_later_trims_then_later_passes(case):
    turn_s = 2.0 * math.pi * math.sqrt(RADIUS_M**3 / float(case.forces.moon_field.gm_m3_s2))
    found = ways(case, PASSES, TRIM_S)
    assert [(way.over, way.turns_later) for way in found] == [(PASSES[0], 0.0), (PASSES[0], 0.5), (PASSES[0], 1.0), (PASSES[1], 0.0)]
    assert [way.trim_s - TRIM_S for way in found] == pytest.approx([0.0, 0.5 * turn_s, turn_s, 0.0])


def test_the_first_way_that_converges_is_taken(case, monkeypatch):
    tried = ways(case, PASSES, TRIM_S)
    deaf_to(monkeypatch, [])
    assert way_down(case, tried, None, EPOCH)[0] == tried[0]
    deaf_to(monkeypatch, [(PASSES[0].t_s, way.trim_s) for way in tried[:2]])
    way, burns = way_down(case, tried, None, EPOCH)
    assert (way, burns.trim_s) == (tried[2], tried[2].trim_s)
    assert way.told(EPOCH) == "pass of 2028-11-16 00:00:00 (northbound), 11.9 days after the trim, which is 1 turn later than wanted"


def test_none_is_told_with_what_was_tried_how_far_off_it_was_and_what_helps(case, monkeypatch):
    tried = [Way(PASSES[0], TRIM_S, 0.0), Way(PASSES[1], TRIM_S, 0.0)]
    deaf_to(monkeypatch, [(way.over.t_s, way.trim_s) for way in tried])
    with pytest.raises(WayDownError) as caught:
        way_down(case, tried, None, EPOCH)
    told = str(caught.value)
    off = "off by 17.8 km along and 1.1 km across the track over the site, 0.0 km in height at ignition, 3.4 km in the sum of the apsides"
    assert (
        f"pass of 2028-11-16 00:00:00 (northbound), 12.0 days after the trim, which is where it is wanted: {off}; pass of 2028-11-30"
        in told
    )
    assert told.endswith(
        "trim nearer to the pass, so that an error of it has fewer turns to grow in, allow other days for the landing, or launch on another day"
    )
