"""Lock 5: one compiled tick, the same measurements, every leaf of the world scrambled: truth moves, commands do not, by not one bit."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import Descent, alone, descend, different_leaves
from perilune.fsw.app import GUIDANCE_EVERY
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.mission import Frame, Mission, MissionState
from perilune.sim.step import LANDERS, step
from perilune.wire.measurements import Measurements
from perilune.wire.telemetry import Mode
from perilune.world.plant import World

# Unoptimised programs compile in half the time; what they depend on is the same.
COMPILE_QUICKLY = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


class Look(NamedTuple):
    """A lander in flight just before a tick, and what its sensors say."""

    own: Mission
    states: MissionState
    measurements: Measurements
    tick: int


def told_and_true(after: MissionState, frame: Frame):
    """Commands, everything flight software remembers, everything it sends: a leak into memory shows in a later tick; and the truth."""
    return (after.fsw, frame.downlink), after.world.body


def blind_tick(shared: Mission, monkeypatch) -> Callable:
    """The simulation's own step, whose sensors say what they are told to say."""

    def one(own: Mission, state: MissionState, measurements: Measurements, same_for_all):
        shared, tick, leak = same_for_all
        mission = eqx.combine(own, shared)
        known, true = mission.fsw.navigation.gravity.gm_m3_s2, mission.world.gravity.field.gm_m3_s2
        mission = eqx.tree_at(lambda m: m.fsw.navigation.gravity.gm_m3_s2, mission, jnp.where(leak, true, known))
        monkeypatch.setattr(World, "measure", lambda world, truth, stream, now, watched: (truth, measurements))
        return told_and_true(*step(mission, state, sim.silence(mission), tick))

    def all_of_them(arrays, own, states, measurements, tick, leak):
        same_for_all = (eqx.combine(arrays, rest), tick, leak)
        return jax.vmap(one, in_axes=(0, 0, 0, None), axis_name=LANDERS)(own, states, measurements, same_for_all)

    # Plain numbers too, so that they can be scrambled.
    arrays, rest = eqx.partition(jax.tree.map(jnp.asarray, shared), eqx.is_array)
    program = eqx.filter_jit(all_of_them, compiler_options=COMPILE_QUICKLY)

    def run(look: Look, world=lambda w: w, leak=False):
        """What came of the tick; `world` scrambles the world's parameters and state, whatever part of them it is given.

        With a `leak`, flight software goes by the gravity of the world.
        """
        shared_world = eqx.tree_at(lambda m: m.world, arrays, world(arrays.world))
        own = eqx.tree_at(lambda m: m.world, look.own, world(look.own.world))
        states = eqx.tree_at(lambda s: s.world, look.states, world(look.states.world))
        return program(shared_world, own, states, look.measurements, jnp.asarray(look.tick), jnp.asarray(leak))

    return run


def scrambled(tree):
    """Every leaf another value: numbers moved, flags turned, counts raised."""

    def other(leaf):
        if jnp.issubdtype(leaf.dtype, jnp.bool_):
            return ~leaf
        return leaf * 1.37 + 0.11 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf + 1

    return jax.tree.map(lambda leaf: other(jnp.asarray(leaf)), tree)


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def healthy(luna, programs) -> Descent:
    return descend(luna, alone(luna, 0, (), programs), all_channels, programs)


@pytest.fixture(scope="module")
def looks(healthy) -> dict[Mode, Look]:
    """A lander while braking and in vertical descent, as it flew, with the readings it then had."""

    @eqx.filter_jit
    def measured(fleet, states, tick):
        def one(own, state):
            world = eqx.combine(own, fleet.shared).world
            return world.measure(state.world, state.stream.named("sensors"), tick)[1]

        return jax.vmap(one, axis_name=LANDERS)(fleet.own, states)

    found = {}
    for wanted in (Mode.BRAKING, Mode.VERTICAL_DESCENT):
        chunk = next(i for i, states in enumerate(healthy.states) if np.all(states.mode == wanted))
        states, tick = jax.tree.map(jnp.asarray, healthy.states[chunk]), healthy.tick_after(chunk)
        found[wanted] = Look(healthy.fleet.own, states, measured(healthy.fleet, states, jnp.asarray(tick)), tick)
    return found


@pytest.fixture(scope="module")
def tick(healthy, looks, patched):
    return blind_tick(healthy.fleet.shared, patched)


MODES = [Mode.BRAKING, Mode.VERTICAL_DESCENT]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_flight_software_does_not_move_when_the_world_does(tick, looks, mode):
    look = looks[mode]
    (memory, telemetry), body = tick(look)
    assert np.all(np.any(np.asarray(memory.commands.throttle) > 0.0, axis=1))  # something is being ordered
    others, elsewhere = tick(look, scrambled)
    assert different_leaves((memory, telemetry), others) == []
    assert len(different_leaves(body, elsewhere)) == len(jax.tree.leaves(body))


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_commands_do_move_when_the_measurements_do(tick, looks, mode):
    """The same check is not content with just anything."""
    look = looks[mode]
    turned = eqx.tree_at(lambda m: m.imu.delta_theta_body_rad, look.measurements, scrambled(look.measurements.imu.delta_theta_body_rad))
    (before, _), _ = tick(look)
    (after, _), _ = tick(look._replace(measurements=turned))
    assert different_leaves(before.commands, after.commands) != []


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_the_number_of_the_tick_is_no_clock(tick, looks, mode):
    """Lock 6: shifted by a whole round of the slow tasks, the same readings give the same commands."""
    look = looks[mode]
    did, body = tick(look)
    would_do, elsewhere = tick(look._replace(tick=look.tick + GUIDANCE_EVERY))
    assert different_leaves(did, would_do) == []
    assert different_leaves(body, elsewhere) != []  # the truth has a clock: Earth and Moon have moved on


def test_a_planted_leak_of_the_worlds_gravity_is_seen(tick, looks):
    look = looks[Mode.BRAKING]
    ((before, _), _), ((after, _), _) = tick(look, leak=True), tick(look, scrambled, leak=True)
    assert different_leaves(before.commands, after.commands) != []


def test_all_that_is_scrambled_is_another_value(looks):
    truth = looks[Mode.BRAKING].states.world
    assert len(different_leaves(truth, scrambled(truth))) == len(jax.tree.leaves(truth))
