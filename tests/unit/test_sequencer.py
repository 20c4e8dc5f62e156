"""The sequencer: rows are released by the clock, by a mode or below an altitude, and stay released."""

import jax.numpy as jnp

from perilune.fsw.sequencer import Action, Release, Sequencer, SequencerView, sequence_table
from perilune.wire.telemetry import Mode

SEQUENCER = Sequencer(
    sequence_table(
        [
            (Action.ACCELEROMETERS_ON, Release.CLOCK, 100.0),
            (Action.ALTIMETER_ON, Release.MODE, float(Mode.BRAKING)),
            (Action.VELOCIMETER_ON, Release.BELOW, 8000.0),
            (Action.VELOCIMETER_ON, Release.CLOCK, 5000.0),
        ]
    ),
    jnp.asarray(False),
)
DEVICES = (Action.ACCELEROMETERS_ON, Action.ALTIMETER_ON, Action.VELOCIMETER_ON)


def released(*looks: tuple[float, Mode, float]) -> list[list[bool]]:
    """Which devices are on after each look at clock, mode and believed altitude."""
    state, on = SEQUENCER.init(), []
    for clock_s, mode, altitude_m in looks:
        view = SequencerView(
            jnp.asarray(clock_s), jnp.asarray(int(mode)), jnp.asarray(altitude_m), jnp.asarray(jnp.inf), jnp.asarray(9000.0)
        )
        state = SEQUENCER.step(state, view)
        on.append([bool(SEQUENCER.has(state, action)) for action in DEVICES])
    return on


def test_nothing_is_released_before_its_time():
    assert released((0.0, Mode.COAST, 1e5), (99.9, Mode.COAST, 1e5)) == [[False, False, False]] * 2


def test_each_row_by_its_own_event():
    assert released((100.0, Mode.COAST, 1e5)) == [[True, False, False]]
    assert released((0.0, Mode.BRAKING, 1e5)) == [[False, True, False]]
    assert released((0.0, Mode.COAST, 8000.0)) == [[False, False, True]]


def test_a_mode_past_the_one_awaited_releases_too():
    assert released((0.0, Mode.APPROACH, 1e5)) == [[False, True, False]]


def test_what_is_released_stays_so():
    """A clock that jumps back, a mode that falls back, an altitude that rises."""
    assert released((100.0, Mode.BRAKING, 100.0), (0.0, Mode.COAST, 1e5)) == [[True, True, True]] * 2


def test_either_of_two_rows_releases_an_action():
    assert released((5000.0, Mode.COAST, 1e5)) == [[True, False, True]]
    assert not bool(SEQUENCER.has(SEQUENCER.init(), Action.ARM_BRAKING))


def test_rows_before_a_burn_that_is_not_planned_wait_for_ever_and_those_before_braking_for_the_moment_expected():
    rows = [(Action.ACCELEROMETERS_ON, Release.BEFORE_BURN, 60.0), (Action.ARM_BRAKING, Release.BEFORE_IGNITION, 200.0)]
    sequencer = Sequencer(sequence_table(rows), jnp.asarray(False))

    def at(clock_s: float, burn_s: float) -> list[bool]:
        look = (jnp.asarray(clock_s), jnp.asarray(int(Mode.COAST)), jnp.asarray(1e5), jnp.asarray(burn_s), jnp.asarray(9000.0))
        state = sequencer.step(sequencer.init(), SequencerView(*look))
        return [bool(sequencer.has(state, action)) for action, _, _ in rows]

    assert at(8799.0, jnp.inf) == [False, False]
    assert at(8800.0, jnp.inf) == [False, True]
    assert at(5940.0, 6000.0) == [True, False]
    assert at(5939.0, 6000.0) == [False, False]


def arrays(mixed: bool) -> list[tuple[float, float]]:
    """(gyro mode, accelerometers on) in the array of each of three cycles, both released in the first."""
    rows = [(Action.GYRO_MODE, Release.CLOCK, 0.0), (Action.ACCELEROMETERS_ON, Release.CLOCK, 0.0)]
    sequencer, told = Sequencer(sequence_table(rows, [1, 2]), jnp.asarray(mixed)), []
    state = sequencer.init()
    for cycle in range(3):
        look = (jnp.asarray(0.1 * cycle), jnp.asarray(int(Mode.COAST)), jnp.asarray(1e5), jnp.asarray(jnp.inf), jnp.asarray(jnp.inf))
        state = sequencer.step(state, SequencerView(*look))
        told.append((float(state.array.gyro_mode), float(state.array.accelerometers_on)))
    return told


def test_commands_for_the_unit_go_out_once_all_in_one_array_or_one_priority_at_a_time():
    assert arrays(mixed=True) == [(1.0, 2.0), (0.0, 0.0), (0.0, 0.0)]
    assert arrays(mixed=False) == [(1.0, 0.0), (0.0, 2.0), (0.0, 0.0)]
