"""The derivative of a flight, tick by tick and backwards: what each number told at an event owes to every state, draw and dispersion before it.

**Model.** The exact derivative of `perilune.sim.step.step` at the states of one flight. Pulses, counts and dead bands have the straight line's
(`math/through.py`); ticks at which a mode changes add what a change one tick later would make, times how much later it would come.
**Neglects** the dependence of the filter's gains on the state (they multiply innovations, which the nominal flight has none of), of fault
tables, monitors and verdicts; and which readings come at all: gates, ranges and shadows stay as in the flight.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, Int

from perilune.campaign.nominal import NAMES, told
from perilune.math.batching import of_one
from perilune.math.random import Given, Stream
from perilune.sim.fly import silence
from perilune.sim.mission import Mission, MissionState
from perilune.sim.step import LANDERS, step
from perilune.types import Index
from perilune.world.plant import World

TO_SWITCH = NAMES.index("to_switch")


def _left_out(state: MissionState) -> list[Any]:
    fsw, world = state.fsw, state.world
    parts = [fsw.filter.P, fsw.filter.border, fsw.filter.memories, fsw.filter.reports, fsw.monitors, fsw.orders, fsw.sequencer, fsw.engines]
    parts = [*parts, fsw.vote, world.gear, world.touch, world.seen.sun_direction_lci, world.seen.earth_direction_lci]
    return [*parts, state.faults, state.verdict, state.stream]


def _nothing_of(part: Any) -> Any:
    return jax.tree.map(lambda _: False, part)


def draws_of(mission: Mission, state: MissionState) -> tuple[str, ...]:
    """The names of all that a tick draws."""
    noted: dict[str, str] = {}

    def note(way: str, law: str) -> None:
        noted.setdefault(way, law)

    given = Given(jnp.zeros(0), (), "", note)

    def one(state: MissionState, tick: Index) -> None:
        step(mission, eqx.tree_at(lambda s: s.stream, state, Stream(state.stream.key, given)), silence(mission), tick)

    with of_one():
        jax.eval_shape(jax.vmap(one, in_axes=None, out_axes=None, axis_name=LANDERS, axis_size=1), state, jnp.asarray(0))
    return tuple(noted)


@runtime_checkable
class Ticking(Protocol):
    """What can be swept."""

    def carried(self, state: Any) -> tuple[Any, Any]: ...

    def tick(self, own: Any, state: Any, draws: Array, tick: Index) -> tuple[Any, Array]: ...


class Linear(eqx.Module):
    """One lander's tick as a function of what varies."""

    shared: Mission
    names: tuple[str, ...] = eqx.field(static=True)

    def carried(self, state: MissionState) -> tuple[MissionState, MissionState]:
        """What a derivative goes through from tick to tick, and the rest."""
        spec = jax.tree.map(eqx.is_inexact_array, state)
        spec = eqx.tree_at(_left_out, spec, replace_fn=_nothing_of, is_leaf=lambda leaf: leaf is None)
        return eqx.partition(state, spec)

    def tick(self, own: Mission, state: MissionState, draws: Float[Array, " draws"], tick: Index) -> tuple[MissionState, Array]:
        mission = eqx.combine(own, self.shared)
        key = state.stream.key
        given = eqx.tree_at(lambda s: s.stream, state, Stream(key, Given(draws, self.names)))

        def one() -> tuple[MissionState, Array]:
            after, _ = step(mission, given, silence(mission), tick)
            return eqx.tree_at(lambda s: s.stream, after, Stream(key)), told(mission, state.world, after, tick * mission.tick_s)

        return jax.vmap(one, in_axes=None, out_axes=None, axis_name=LANDERS, axis_size=1)()


@eqx.filter_jit
def flown(linear: Linear, own: Mission, state: MissionState, draws: Float[Array, "ticks draws"], ticks: Array) -> tuple[MissionState, Any]:
    """Some ticks: the state after them, and of each tick the state before it and what is told."""

    def one(state: MissionState, given: tuple) -> tuple[MissionState, Any]:
        after, numbers = linear.tick(own, state, *given)
        return after, (state, numbers)

    with of_one():
        return jax.lax.scan(one, state, (draws, ticks))


class Sweep(NamedTuple):
    """What is asked for, by derivative: to the state, to the dispersed leaves so far, to the switch a tick before."""

    state: Float[Array, "asked states"]
    own: Float[Array, "asked leaves"]
    switch: Float[Array, " asked"]


class Record(NamedTuple):
    """Ticks of a flight: the state before, draws, number, and what a switch a tick later makes of the state after."""

    state: Any
    draws: Float[ArrayLike, "ticks draws"]
    tick: Int[ArrayLike, " ticks"]
    late: Float[ArrayLike, "ticks states"]


@eqx.filter_jit
def swept(linear: Ticking, own: Any, after: Sweep, record: Record, asked: Float[Array, "ticks asked numbers"]) -> tuple[Sweep, Any]:
    """Backwards through some ticks; beside what is left, the derivative to each tick's draws, and to its change of mode.

    Each tick is differentiated forwards: a branch not taken may have an endless derivative, which forwards is dropped with the branch.
    """
    leaves, put_back = ravel_pytree(own)

    def one(now: Sweep, given: tuple) -> tuple[Sweep, Any]:
        (state, draws, tick, late), wanted = given
        moving, still = linear.carried(state)
        vector, joined = ravel_pytree(moving)

        def ahead(leaves: Array, vector: Array, draws: Array) -> Array:
            after, numbers = linear.tick(put_back(leaves), eqx.combine(joined(vector), still), draws, tick)
            return jnp.concatenate([ravel_pytree(linear.carried(after)[0])[0], numbers])

        jacobian = jax.jacfwd(ahead, argnums=(0, 1, 2))(leaves, vector, draws)
        wanted = wanted.at[:, TO_SWITCH].add(now.switch)
        to_own, to_state, to_draws = (jnp.concatenate([now.state, wanted], axis=1) @ part for part in jacobian)
        switch = now.state @ late
        return Sweep(to_state, now.own + to_own, switch), (to_draws, switch)

    with of_one(without=(World._touching_tick,)):
        return jax.lax.scan(one, after, (record, asked), reverse=True)
