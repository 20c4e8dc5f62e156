"""Faults as a person types them: what is understood, and what is refused with which words."""

import math

import pytest

import perilune
from perilune.faults.catalogue import CATALOGUE, FaultError, fault_row
from perilune.faults.plan import Kind, Trigger
from perilune.scenario.errors import ScenarioError
from perilune.wire.telemetry import Mode


def meaning(words: str) -> tuple:
    row = fault_row(words)
    return row.kind, row.unit, row.size, row.trigger, row.at


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("engine.thrust-loss", (Kind.ENGINE_THRUST_LOSS, 0, 0.1, Trigger.MET, 0.0)),
        ("engine.thrust-loss.2:0.25@met=6900", (Kind.ENGINE_THRUST_LOSS, 2, 0.25, Trigger.MET, 6900.0)),
        ("thruster.stuck-on.11@phase=braking", (Kind.THRUSTER_STUCK_ON, 11, 1.0, Trigger.PHASE, float(Mode.BRAKING))),
        ("accelerometer.dead@altitude=15000", (Kind.ACCELEROMETER_DEAD, 0, 1.0, Trigger.ALTITUDE, 15000.0)),
        ("accelerometer.bias.z:-0.02", (Kind.ACCELEROMETER_BIAS, 2, -0.02, Trigger.MET, 0.0)),
        ("gyro.drift.y", (Kind.GYRO_DRIFT, 1, 1e-4, Trigger.MET, 0.0)),
        ("altimeter.late:1200", (Kind.ALTIMETER_LATE, 0, 1200.0, Trigger.MET, 0.0)),
        ("command.lost.altimeter_on@phase=vertical-descent", (Kind.COMMAND_LOST, 3, 1.0, Trigger.PHASE, float(Mode.VERTICAL_DESCENT))),
    ],
)
def test_good_words(words, expected):
    assert meaning(words) == expected


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_stands_for_itself_at_a_size_it_allows(name):
    row, named = fault_row(name), CATALOGUE[name]
    assert (row.kind, row.size, row.duration_s) == (named.kind, named.size, named.duration_s)
    assert named.low <= named.size <= named.high


def test_every_kind_has_a_name():
    assert {named.kind for named in CATALOGUE.values()} == set(Kind) - {Kind.NONE}


def test_an_upset_strikes_once_and_a_lost_command_for_a_second():
    assert fault_row("state.upset.4:3").duration_s < 0.1
    assert fault_row("command.lost.engines").duration_s == 1.0
    assert math.isinf(fault_row("gyro.drift").duration_s)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("engine.explodes", "there is no such fault; the catalogue has engine.thrust-loss"),
        ("", "there is no such fault"),
        ("engine.thrust-loss:1.5", "the size is 1.5 share lost; it must lie in [0, 1]"),
        ("engine.thrust-loss:nan", "the size 'nan' is not a number"),
        ("engine.thrust-loss:much", "the size 'much' is not a number"),
        ("engine.thrust-loss.left", "'left' is no engine; give its number, counted from 0"),
        ("engine.thrust-loss.-1", "'-1' is no engine"),
        ("altimeter.dead.2", "altimeter.dead has no units to choose from; write altimeter.dead"),
        ("gyro.drift.3", "'3' is no axis; it is one of x, y, z"),
        ("gyro.drift.altimeter_on", "'altimeter_on' is no axis; it is one of x, y, z"),
        ("command.lost.5", "'5' is no line; it is one of engines, thrusters, accelerometers_on"),
        ("engine.stuck.x", "'x' is no engine; give its number, counted from 0"),
        ("gyro.drift@noon", "the trigger 'noon' must be met=SECONDS, phase=NAME or altitude=METRES"),
        ("gyro.drift@speed=3", "the trigger 'speed=3' must be"),
        ("gyro.drift@met=soon", "the met 'soon' is not a number"),
        ("gyro.drift@met=nan", "the met 'nan' is not a number"),
        ("gyro.drift@altitude=inf", "the altitude 'inf' is not a number"),
        ("gyro.drift@", "nothing follows '@'"),
        ("altimeter.late:", "nothing follows ':'"),
        ("altimeter.dead:0", "it must lie in [1, 1]"),
        ("engine.thrust-loss.²", "'²' is no engine"),
        ("gyro.drift@phase=lunch", "there is no phase 'lunch'; phases are coast, burn, braking"),
    ],
)
def test_bad_words_are_told_what_is_allowed(words, said):
    with pytest.raises(FaultError) as caught:
        fault_row(words)
    assert str(caught.value).startswith(f"--fault {words}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("engine.stuck.3", "--fault engine.stuck.3: luna-25 has 3 engines, numbered from 0"),
        ("thruster.stuck-on.20", "luna-25 has 20 thrusters, numbered from 0"),
        ("state.upset.100000:1", "--fault state.upset.100000:1: flight software of luna-25 has "),
        ("no.such", "there is no such fault"),
    ],
)
def test_a_unit_that_the_lander_does_not_have_is_refused_before_the_flight(words, said, monkeypatch):
    monkeypatch.setattr("perilune.scenario.flight._set_out", None)  # nothing is planned before
    with pytest.raises(ScenarioError) as caught:
        perilune.fly("luna-25", faults=(words,))
    assert said in str(caught.value)
