"""Faults as a person types them: every name of the catalogue, its units, sizes, times and windows; and what is said when a word is wrong."""

import math

import pytest

import perilune
from perilune.faults.catalogue import CATALOGUE, FAMILIES
from perilune.faults.channels import CHANNELS, COMMAND_LINES, kind_of
from perilune.faults.named import ONCE_S, Units
from perilune.faults.operations import Operation
from perilune.faults.plan import ALL, Trigger
from perilune.faults.words import FaultError, Onset, fault_rows, read_fault, rows_of
from perilune.scenario.errors import ScenarioError
from perilune.wire.telemetry import Mode

FOREVER = math.inf


def meaning(words: str) -> tuple:
    fault = read_fault(words)
    return fault.name, fault.unit, fault.size, fault.onset


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("engine.thrust-loss", ("engine.thrust-loss", 0, 0.1, Onset())),
        ("engine.thrust-loss.2:0.25@met=6900", ("engine.thrust-loss", 2, 0.25, Onset(Trigger.MET, 6900.0))),
        ("engine.thrust-high.all:0.05", ("engine.thrust-high", ALL, 0.05, Onset())),
        ("thruster.stuck-on.11@phase=braking", ("thruster.stuck-on", 11, 1.0, Onset(Trigger.PHASE, float(Mode.BRAKING)))),
        ("accelerometer.dead@altitude=15000", ("accelerometer.dead", ALL, 1.0, Onset(Trigger.ALTITUDE, 15000.0))),
        ("accelerometer.bias.z:-0.02", ("accelerometer.bias", 2, -0.02, Onset())),
        ("gyro.drift.y", ("gyro.drift", 1, 1e-4, Onset())),
        ("altimeter.late:1200", ("altimeter.late", ALL, 1200.0, Onset())),
        ("command.lost.altimeter_on@phase=vertical-descent", ("command.lost", 3, 1.0, Onset(Trigger.PHASE, float(Mode.VERTICAL_DESCENT)))),
        ("clock.jump@met=100..150", ("clock.jump", ALL, 10.0, Onset(Trigger.WINDOW, 100.0, 0.0, 50.0))),
        ("clock.jump@met=100..", ("clock.jump", ALL, 10.0, Onset(Trigger.WINDOW, 100.0, 0.0, FOREVER))),
        ("clock.jump@phase=braking+10", ("clock.jump", ALL, 10.0, Onset(Trigger.PHASE, float(Mode.BRAKING), 10.0))),
        ("clock.jump@altitude=500+1..3.5", ("clock.jump", ALL, 10.0, Onset(Trigger.ALTITUDE, 500.0, 1.0, 2.5))),
    ],
)
def test_good_words(words, expected):
    assert meaning(words) == expected


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_stands_for_itself_at_a_size_it_allows(name):
    fault, named = read_fault(name), CATALOGUE[name]
    assert (fault.name, fault.size) == (name, named.size)
    assert named.low <= named.size <= named.high
    assert (named.low, named.high) == (1.0, 1.0) or named.unit  # a size says what it is
    assert named.strikes
    assert {strike.channel for strike in named.strikes} <= {channel.name for channel in CHANNELS}
    for row in fault.rows():
        assert row.duration_s == (named.size if named.lasts_s is None else named.lasts_s)


def test_there_are_many_faults_in_six_families_and_each_in_one():
    assert len(CATALOGUE) >= 40
    assert list(FAMILIES) == ["engine", "thruster", "sensor", "computer", "environment", "structure"]
    assert sum(map(len, FAMILIES.values())) == len(CATALOGUE)
    assert not any(name.rpartition(".")[0] in CATALOGUE for name in CATALOGUE)  # or the end of one name would be a unit of another


def test_the_rows_of_a_fault_are_its_strikes():
    (loss,) = fault_rows("engine.thrust-loss.1:0.2")
    assert (loss.kind, loss.unit, loss.size) == (kind_of("engine.thrust", Operation.SCALE), 1, -0.2)
    thrust, aside = fault_rows("engine.nozzle-lost.1:0.45")
    assert (thrust.size, aside.kind, aside.unit) == (-0.45, kind_of("engine.aside", Operation.ADD), 1)
    (lost,) = fault_rows(f"command.lost.{COMMAND_LINES[2]}@met=5")
    assert (lost.kind, lost.unit, lost.at, lost.size) == (kind_of("command.accelerometers_on", Operation.HOLD), ALL, 5.0, 0.0)
    assert len(fault_rows("command.lost.all")) == len(COMMAND_LINES)
    assert len(rows_of(["gyro.drift", "engine.nozzle-lost"])) == 3


def test_kinds_are_numbers_of_their_own():
    kinds = [kind_of(channel.name, operation) for channel in CHANNELS for operation in Operation]
    assert len(set(kinds)) == len(kinds)
    assert 0 not in kinds


def test_how_long_a_fault_lasts():
    assert fault_rows("state.upset.4:3")[0].duration_s == ONCE_S
    assert fault_rows("command.lost.engines")[0].duration_s == 1.0
    assert fault_rows("gyro.saturated.y")[0].duration_s == 1.0
    assert math.isinf(fault_rows("gyro.drift")[0].duration_s)
    assert {row.duration_s for row in fault_rows("computer.reset:30")} == {30.0}
    assert {row.duration_s for row in fault_rows("computer.reset:30@met=5..7")} == {2.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("engine.explodes", "there is no such fault; did you mean"),
        ("altimeter.ded", "did you mean altimeter.dead?"),
        ("xyzzy", "there is no such fault; `perilune faults` lists them"),
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
        ("state.upset.all", "'all' is no word"),
        ("gyro.drift@noon", "the trigger 'noon' must be met=SECONDS, phase=NAME or altitude=METRES"),
        ("gyro.drift@speed=3", "the trigger 'speed=3' must be"),
        ("gyro.drift@met=soon", "the met 'soon' is not a number"),
        ("gyro.drift@met=nan", "the met 'nan' is not a number"),
        ("gyro.drift@met=-5", "the met is -5 s; nothing happens before 0 s"),
        ("gyro.drift@met=50..40", "it ends at 40 s, which is not after 50 s"),
        ("gyro.drift@met=50..50", "it ends at 50 s, which is not after 50 s"),
        ("gyro.drift@met=50..late", "the met 'late' is not a number"),
        ("gyro.drift@phase=braking+", "the delay '' is not a number"),
        ("gyro.drift@phase=braking+9..3", "it ends at 3 s, which is not after 9 s"),
        ("gyro.drift@altitude=inf", "the altitude 'inf' is not a number"),
        ("gyro.drift@altitude=-5", "the altitude is -5 m; it must be above 0 m"),
        ("gyro.drift@", "nothing follows '@'"),
        ("altimeter.late:", "nothing follows ':'"),
        ("altimeter.dead:0", "it must lie in [1, 1]"),
        ("engine.thrust-loss.²", "'²' is no engine"),
        ("gyro.drift@phase=lunch", "there is no phase 'lunch'; phases are coast, burn, braking"),
    ],
)
def test_bad_words_are_told_what_is_allowed(words, said):
    with pytest.raises(FaultError) as caught:
        fault_rows(words)
    assert str(caught.value).startswith(f"--fault {words}")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("engine.stuck.3", "--fault engine.stuck.3: luna-25 has 3 engines, numbered from 0"),
        ("thruster.stuck-on.20", "luna-25 has 20 thrusters, numbered from 0"),
        ("thruster.swapped.1:20", "luna-25 has 20 thrusters, numbered from 0"),
        ("leg.missing.4", "luna-25 has 4 pads, numbered from 0"),
        ("velocimeter.bias.4", "luna-25 has 4 beams, numbered from 0"),
        ("state.upset.100000:1", "--fault state.upset.100000:1: luna-25 has "),
        ("no.such", "there is no such fault"),
        ("gyro.drift@phase=abort", "luna-25 has no phase abort, for want of flight_software.abort"),
    ],
)
def test_a_unit_that_the_lander_does_not_have_is_refused_before_the_flight(words, said, monkeypatch):
    monkeypatch.setattr("perilune.scenario.flight._set_out", None)  # nothing is planned before
    with pytest.raises(ScenarioError) as caught:
        perilune.fly("luna-25", faults=(words,))
    assert said in str(caught.value)


def test_a_time_after_the_flight_is_refused(luna):
    from perilune.scenario.faults import refuse_late

    refuse_late(luna, ["gyro.drift@met=100", "gyro.drift@phase=braking"])
    with pytest.raises(ScenarioError, match=r"--fault gyro.drift@met=1e6: the flight is over at \d+ s of mission elapsed time"):
        refuse_late(luna, ["gyro.drift@met=1e6"])
    with pytest.raises(ScenarioError, match=r"--fault gyro.drift@phase=braking\+1e7: the flight is over at \d+ s"):
        refuse_late(luna, ["gyro.drift@phase=braking+1e7"])


def test_who_asked_for_a_fault_whose_moment_never_came_is_told():
    from perilune.scenario.faults import never_began

    asked = ["gyro.drift@altitude=500", "command.lost", "altimeter.dead@phase=abort"]
    rows = [len(fault_rows(words)) for words in asked]
    began_s = [100.0] * rows[0] + [40.0] + [math.inf] * (rows[1] - 1) + [math.inf] * rows[2]
    assert never_began(asked, began_s, end_s=200.0) == asked[2:]
    assert never_began(asked, began_s, end_s=99.0) == [asked[0], asked[2]]  # its delay was longer than the flight


def test_a_kind_counts_only_what_has_numbers_of_its_own():
    assert Units.AXIS.names == ("x", "y", "z")
    assert Units.LINE.names == COMMAND_LINES
    assert Units.ENGINE.names == ()
