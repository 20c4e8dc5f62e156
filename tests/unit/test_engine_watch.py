"""The engine that has failed, by what is missing."""

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.campaign.overlay import with_settings
from perilune.fsw.engine_watch import EngineWatch
from perilune.math.vector import Vec3
from perilune.scenario.build_watch import engine_watch
from perilune.scenario.load import load

THRUST_N, ARM_M, CYCLE_S, CONFIRM_S = 800.0, 0.5, 0.1, 2.0
X_M = np.array([ARM_M, 0.0, -ARM_M, 0.0])
Y_M = np.array([0.0, ARM_M, 0.0, -ARM_M])
WATCH = EngineWatch(
    thrust_n=jnp.full(4, THRUST_N),
    x_m=jnp.asarray(X_M),
    y_m=jnp.asarray(Y_M),
    opposite=jnp.asarray(np.roll(np.eye(4), 2, axis=1)),
    torque_max_n_m=jnp.asarray(1000.0),
    confirm_s=jnp.asarray(CONFIRM_S),
    acts=jnp.asarray(True),
)


def watched(lost: int | None, share: float, seconds: float, noise_n: float = 0.0, watch: EngineWatch = WATCH):
    """State after some seconds at 80 % throttle, an engine giving less by a share."""
    state, chance = watch.init(), np.random.default_rng(3)
    gone_n = 0.0 if lost is None else share * 0.8 * THRUST_N
    x_m, y_m = (0.0, 0.0) if lost is None else (X_M[lost], Y_M[lost])
    torque = Vec3(*(jnp.asarray(value) for value in (-y_m * gone_n, x_m * gone_n, 0.0)))
    for _ in range(round(seconds / CYCLE_S)):
        missing = jnp.asarray(gone_n + noise_n * chance.standard_normal())
        state = watch.step(state, jnp.full(4, 0.8), missing, torque, jnp.asarray(CYCLE_S))
    return state


@pytest.mark.parametrize("engine", range(4))
@pytest.mark.parametrize("share", [0.55, 1.0])
def test_the_engine_that_fails_is_found_and_shut_with_its_opposite(engine, share):
    state = watched(engine, share, seconds=6.0)
    assert np.flatnonzero(state.lost).tolist() == [engine]
    assert sorted(np.flatnonzero(~np.asarray(WATCH.usable(state)))) == sorted({engine, (engine + 2) % 4})


def test_it_takes_its_time_to_be_sure():
    assert not np.any(watched(1, 1.0, seconds=CONFIRM_S).lost)


@pytest.mark.parametrize(("lost", "share", "noise_n"), [(None, 0.0, 100.0), (2, 0.2, 20.0)], ids=["healthy", "a little weak"])
def test_what_is_within_tolerance_is_let_be(lost, share, noise_n):
    assert not np.any(watched(lost, share, 60.0, noise_n).lost)


def test_thrust_missing_on_the_axis_is_no_engine_of_the_ring():
    state = WATCH.init()
    nothing = Vec3(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))
    for _ in range(100):
        state = WATCH.step(state, jnp.full(4, 0.8), jnp.asarray(0.8 * THRUST_N), nothing, jnp.asarray(CYCLE_S))
    assert not np.any(state.lost)


def test_engines_of_two_pairs_on_one_circle_stand_across_from_each_other():
    """Chandrayaan-3 has two pairs at right angles; SLIM's two engines have nobody to balance them."""
    settings = {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": True}}
    watches = [engine_watch(with_settings(load(name), settings)) for name in ("chandrayaan-3", "slim")]
    assert watches[0] is not None and watches[1] is not None
    assert watches[0].opposite.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert not bool(jnp.any(watches[1].opposite > 0.0))
