"""A flight: the same tick, repeated until every lander of the batch is down.

A batch is one program. Only what differs from lander to lander carries the batch axis; the tick is shared. Ticks are flown in chunks of
fixed length, so that a flight can be watched, recorded and stopped, and its record leaves the device as it goes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from perilune.faults.plan import watch
from perilune.faults.seams import acting, corrupt_uplink, no_faults_yet
from perilune.math.calling import Call, at_once
from perilune.math.random import Given, Stream, stream_of_seed
from perilune.math.vector import zero_vec3
from perilune.sim.coast import coast
from perilune.sim.mission import Frame, Mission, MissionState, Phase, PhaseKind
from perilune.sim.outcome import Outcome, undecided
from perilune.sim.step import LANDERS, kept, step
from perilune.types import Flag, Index, Scalar
from perilune.wire.uplink import FlightOrders, StateVector, Uplink, no_orders

CHUNK_TICKS = 100
# Those who are aloft when all phases are over fall so many at a time: a coast takes as long for all as for whoever flies lowest.
FEW = 8

Recorder = Callable[[Mission, Frame], Any]


class Fleet(eqx.Module):
    """A batch: what all share, what each has of its own (a mission of which only dispersed leaves are there), and their seeds.

    Of what sensors and tracking draw at the start, what is `given` to each lander is not drawn from its seed.
    """

    shared: Mission
    own: Mission
    seeds: Int[Array, " landers"]
    given: Given | None = None

    @property
    def width(self) -> int:
        return self.seeds.shape[0]


def _each(function: Callable, *batched: Any, shared: tuple = ()) -> Any:
    """One lander's function over the batch, with the batch axis named."""
    axes = (*(0 for _ in batched), *(None for _ in shared))
    return jax.vmap(function, in_axes=axes, axis_name=LANDERS)(*batched, *shared)


@eqx.filter_jit
def start(fleet: Fleet, tick: Index) -> MissionState:
    """Every lander in its orbit, asleep, at the first tick."""

    def one(own: Mission, seed: Index, given: Given | None) -> MissionState:
        mission = eqx.combine(own, fleet.shared)
        stream = stream_of_seed(seed)
        sensors = stream_of_seed(seed, given).named("sensors")
        world = mission.world.init(mission.start, mission.propellant_kg, sensors, tick)
        fsw = mission.fsw.init(tick * mission.tick_s)
        return MissionState(world, fsw, no_faults_yet(mission.faults, mission.world, fsw.commands), undecided(), fsw.modes.mode, stream)

    # Of settled type, as they come out of a tick: else the first chunk would be a program of its own.
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), _each(one, fleet.own, fleet.seeds, fleet.given))


@eqx.filter_jit
def sleep(fleet: Fleet, states: MissionState, start_tick: Index, end_tick: Index) -> MissionState:
    """A coast. A lander that meets the ground on its way has its verdict there; one that has it already, or lies on the ground, stays."""

    def one(own: Mission, state: MissionState) -> MissionState:
        mission = eqx.combine(own, fleet.shared)
        world, t_s, struck = coast(mission.world, state.world, start_tick, end_tick)
        watched = jnp.logical_not(state.verdict.over() | state.verdict.touched)
        verdict = state.verdict.fallen(world, (mission.world.terrain, mission.limits), t_s, struck & watched)
        return eqx.tree_at(lambda s: (s.world, s.verdict), state, (kept(watched, world, state.world), verdict))

    return _each(one, fleet.own, states)


def fallen(fleet: Fleet, states: MissionState, phase: Phase, call: Call = at_once) -> MissionState:
    """`sleep` of those that have no verdict yet, FEW at a time whatever their number, so that company changes nothing."""
    first, last = jnp.asarray(phase.start_tick), jnp.asarray(phase.end_tick)
    aloft = np.flatnonzero(np.asarray(states.verdict.outcome) == Outcome.FLYING)
    if fleet.width <= FEW:
        return call(sleep, fleet, states, first, last)
    for some in (aloft[k : k + FEW] for k in range(0, len(aloft), FEW)):
        rows = np.resize(some, FEW)  # filled up with the same again
        few = Fleet(fleet.shared, *(_rows_of(each, rows) for each in (fleet.own, fleet.seeds, fleet.given)))
        after = call(sleep, few, _rows_of(states, rows), first, last)
        states = jax.tree.map(lambda whole, part, some=some: _with_rows(whole, some, part), states, after)
    return states


def _rows_of(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(
        lambda leaf: jax.device_put(np.asarray(leaf)[rows]) if eqx.is_array(leaf) or isinstance(leaf, np.ndarray) else leaf, tree
    )


def _with_rows(whole: Any, rows: np.ndarray, part: Any) -> Array:
    changed = np.array(whole)
    changed[rows] = np.asarray(part)[: len(rows)]
    return jax.device_put(changed)


@eqx.filter_jit
def wake(fleet: Fleet, states: MissionState, tick: Index, uplinked: Flag, orders: FlightOrders) -> MissionState:
    """Flight software wakes: clock, star tracker, and what the ground sends, if it does: a state vector, and orders where they are valid.

    The ground reads the onboard clock in what comes down, so what it sends is told in that clock.
    """

    def one(own: Mission, state: MissionState, given: Given | None) -> MissionState:
        mission = eqx.combine(own, fleet.shared)
        _, measurements = mission.world.measure(state.world, state.stream.named("waking"), tick)
        body = state.world.body
        now_s = tick * mission.tick_s
        faults = watch(mission.faults, state.faults, now_s, state.mode, state.world.altitude_m)
        now = acting(mission.faults, faults, now_s, mission.tick_s, state.stream.named("faults").at(tick), LANDERS)
        tracking = Stream(state.stream.key, given).named("tracking").at(tick)
        sent = mission.world.tracking.state_vector(body.r_lci_m, body.v_lci_m_s, now_s, tracking)
        sent = corrupt_uplink(now, sent)
        uplink = Uplink(eqx.tree_at(lambda v: v.valid, sent, sent.valid & uplinked), _by_clock(orders, measurements.clock_s - now_s))
        return eqx.tree_at(lambda s: s.fsw, state, mission.fsw.wake(state.fsw, measurements, uplink))

    return _each(one, fleet.own, states, fleet.given)


@eqx.filter_jit
def fly_chunk(fleet: Fleet, states: MissionState, first_tick: Index, recorder: Recorder) -> tuple[MissionState, Any]:
    """A hundred ticks. The tick comes from the scan's inputs and is shared, so that slow work stays a real branch."""

    def one(own: Mission, state: MissionState, tick: Index) -> tuple[MissionState, Any]:
        mission = eqx.combine(own, fleet.shared)
        state, frame = step(mission, state, silence(mission), tick)
        return state, recorder(mission, frame)

    def all_of_them(states: MissionState, tick: Index) -> tuple[MissionState, Any]:
        return _each(one, fleet.own, states, shared=(tick,))

    return jax.lax.scan(all_of_them, states, first_tick + jnp.arange(CHUNK_TICKS))


def _by_clock(orders: FlightOrders, ahead_s: Scalar) -> FlightOrders:
    """The same moments on a clock that is ahead."""
    moments = (orders.burns.start_s + ahead_s, orders.ignition_s + ahead_s)
    return eqx.tree_at(lambda o: (o.burns.start_s, o.ignition_s), orders, moments)


def silence(mission: Mission) -> Uplink:
    """Nothing comes from the ground."""
    zero = jnp.zeros(())
    nowhere = StateVector(zero, zero_vec3(), zero_vec3(), jnp.zeros((6, 6)), jnp.asarray(False))
    return Uplink(nowhere, _unchanged(mission))


def nothing_new(fleet: Fleet) -> FlightOrders:
    """No orders: flight software keeps those it has. Of settled type, as orders are: one program wakes with them and without."""
    return jax.tree.map(lambda leaf: jax.device_put(np.asarray(leaf)), _unchanged(fleet.shared))


def _unchanged(mission: Mission) -> FlightOrders:
    return no_orders(mission.fsw.orders.burns.engines.shape[-1])


def no_record(mission: Mission, frame: Frame) -> None:
    """Campaigns keep verdicts, not histories."""
    return None


def all_over(states: MissionState) -> bool:
    """Whether every lander of the batch has its verdict."""
    return bool(np.all(np.asarray(states.verdict.outcome) != Outcome.FLYING))


class Chunk(eqx.Module):
    """What came out of a chunk: states at its end, and the record of its ticks (tick first, then lander); of a coast, no record."""

    states: MissionState
    record: Any
    first_tick: int
    phase: Phase
    before: MissionState | None = None  # of a coast: where it began
    legs: tuple = ()  # of a coast between Earth and Moon: its paths


def blank(shape: MissionState) -> MissionState:
    """States of a shape, to compile with."""
    return jax.tree.map(lambda leaf: jax.device_put(np.zeros(leaf.shape, leaf.dtype)), shape)


def fly(
    fleet: Fleet, phases: tuple[Phase, ...], recorder: Recorder = no_record, call: Call = at_once, shape: Any = None
) -> Iterator[Chunk]:
    """Fly all phases; yields after each coast and each chunk of ticks. Ends when all landers have a verdict, or with the last phase.

    `call` runs a program on its arguments. With the `shape` of the states at the start, programs are made beside each other, before they
    are asked for: on two cores the first flight starts sooner.
    """
    now = jnp.asarray(phases[0].start_tick)
    with ThreadPoolExecutor(max_workers=2) as beside:
        making = [beside.submit(call, fly_chunk, fleet, blank(shape), now, recorder)] if shape is not None else []
        states = call(start, fleet, now)
        if making:
            making.append(beside.submit(lambda: call(wake, fleet, states, now, jnp.asarray(True), nothing_new(fleet))))
        for phase in phases:
            first, last = jnp.asarray(phase.start_tick), jnp.asarray(phase.end_tick)
            if phase.kind is PhaseKind.COAST:
                falling = phase is phases[-1] and phase is not phases[0]
                before = states
                states = fallen(fleet, states, phase, call) if falling else call(sleep, fleet, states, first, last)
                yield Chunk(states, None, phase.start_tick, phase, before)
                if all_over(states):
                    return
                continue
            states = call(wake, fleet, states, first, jnp.asarray(phase.uplink_at_start), nothing_new(fleet))
            for program in making:
                program.result()
            for tick in range(phase.start_tick, phase.end_tick, CHUNK_TICKS):
                states, record = call(fly_chunk, fleet, states, jnp.asarray(tick), recorder)
                yield Chunk(states, record, tick, phase)
                if all_over(states):
                    return
