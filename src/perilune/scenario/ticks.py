"""How the powered phases of a whole mission are flown: tick by tick with everything recorded, unless somebody wants less."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from perilune.scenario.programs import Programs
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.mission import MissionState

# A hundred ticks from a tick on: the states after them, and their record, in which `downlink/mode` has to be.
Ticks = Callable[[sim.Fleet, MissionState, int], tuple[MissionState, Any]]


def recorded(programs: Programs) -> Ticks:
    """By the program that records all channels."""
    return lambda fleet, states, tick: programs(sim.fly_chunk, fleet, states, jnp.asarray(tick), all_channels)
