"""The inertial unit carries out arrays of commands by priority, and may lose the lower one: what Roscosmos said of Luna-25."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.random import stream_of_seed
from perilune.wire.commands import UnitArray
from perilune.world.devices import InertialUnitControl

LANDERS = 4096
LOSS = 0.3


def on_after(array: tuple[float, float], loss: float = LOSS, on: bool = False) -> np.ndarray:
    """Whether the accelerometers of each of many landers are on after an array."""
    control, sent = InertialUnitControl(jnp.asarray(loss)), UnitArray(*(jnp.asarray(priority) for priority in array))
    seeds = jnp.arange(LANDERS)
    return np.asarray(jax.vmap(lambda seed: control.accelerometers_on(jnp.asarray(on), sent, stream_of_seed(seed)))(seeds))


def test_an_array_of_one_priority_is_always_carried_out():
    assert on_after((0.0, 2.0)).all()
    assert on_after((2.0, 2.0)).all()


def test_the_lower_priority_of_a_mixed_array_is_lost_as_often_as_it_should_be():
    lost = 1.0 - on_after((1.0, 2.0)).mean()
    assert lost == pytest.approx(LOSS, abs=4.0 * np.sqrt(LOSS * (1.0 - LOSS) / LANDERS))
    assert on_after((1.0, 2.0), loss=0.0).all()
    assert not on_after((1.0, 2.0), loss=1.0).any()


def test_the_higher_priority_is_never_lost_and_what_is_on_stays_on():
    assert on_after((2.0, 1.0), loss=1.0).all()
    assert on_after((1.0, 2.0), loss=1.0, on=True).all()
    assert not on_after((1.0, 0.0)).any()
