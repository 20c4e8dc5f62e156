"""One tick of the simulation. This file is the architecture."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.faults.effects import effects_now
from perilune.faults.plan import watch
from perilune.faults.seams import corrupt_commands, corrupt_measurements, degrade, upset
from perilune.sim.mission import Frame, Mission, MissionState
from perilune.types import Flag, Index
from perilune.wire.uplink import Uplink
from perilune.world.plant import LANDERS, WorldState


def kept(watched: Flag, now: WorldState, then: WorldState) -> WorldState:
    """After its verdict a lander stays as it was."""
    return jax.tree.map(lambda a, b: jnp.where(watched, a, b), now, then)


def step(mission: Mission, state: MissionState, uplink: Uplink, tick: Index) -> tuple[MissionState, Frame]:
    """Measure, decide, act. Flight software sees `measurements` and `uplink` and nothing else."""
    t_s = tick * mission.tick_s
    faults = watch(mission.faults, state.faults, t_s, state.mode, state.world.altitude_m)
    effects, any_fault = effects_now(mission.faults, faults, t_s, mission.quiet, LANDERS)

    world = eqx.tree_at(lambda w: w.propulsion, mission.world, degrade(effects, mission.world.propulsion))
    watched = jnp.logical_not(state.verdict.over())
    truth, measurements = world.measure(state.world, state.stream.named("sensors"), tick, watched)
    measurements = corrupt_measurements(effects, measurements, mission.tick_s)
    fsw = upset(effects, any_fault, state.fsw)
    fsw, commands, telemetry = mission.fsw.step(fsw, measurements, uplink, tick)
    commands = corrupt_commands(effects, commands)
    before, truth = truth, world.advance(truth, commands, state.stream, tick, watched)

    verdict = state.verdict.latched(before, truth, (world.terrain, mission.limits), t_s + mission.tick_s)
    truth = kept(watched, truth, state.world)
    return MissionState(truth, fsw, faults, verdict, telemetry.mode, state.stream), Frame(truth=before, downlink=telemetry)
