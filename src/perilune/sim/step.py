"""One tick of the simulation. This file is the architecture."""

import jax
import jax.numpy as jnp

from perilune.faults.plan import FaultState, watch
from perilune.faults.seams import acting, corrupt_commands, corrupt_measurements, degrade, upset
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
    now = acting(mission.faults, faults, t_s, mission.tick_s, state.stream.named("faults").at(tick), LANDERS)

    world, truth = degrade(now, mission.world, state.world)
    watched = jnp.logical_not(state.verdict.over())
    truth, measurements = world.measure(truth, state.stream.named("sensors"), tick, watched)
    measurements, readings = corrupt_measurements(now, measurements)
    fsw, commands, telemetry = mission.fsw.step(state.fsw, measurements, uplink, tick)
    fsw = upset(now, state.fsw, fsw)
    commands, orders = corrupt_commands(now, commands)
    before, truth = truth, world.advance(truth, commands, state.stream, tick, watched)

    verdict = state.verdict.latched(before, truth, (world.terrain, mission.limits), t_s + mission.tick_s)
    truth = kept(watched, truth, state.world)
    faults = FaultState(faults.began_s, state.faults.memory | readings | orders)
    return MissionState(truth, fsw, faults, verdict, telemetry.mode, state.stream), Frame(truth=before, downlink=telemetry)
