"""The same tick as a program in C: for batches on a CPU, several times as fast as the compiled trace, and equal to it but for rounding.

A lander flies in one lane of the processor's vectors, a block of lanes for a whole chunk of ticks before the next block: what it needs
stays near. Whoever has a verdict at the start of a chunk stays as it is, so no block is flown for landers that are down; and since lanes
do not mix, a lander's result does not depend on its company.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from perilune.lanes.calling import Library, Shared
from perilune.lanes.program import program
from perilune.sim.fly import CHUNK_TICKS, Fleet, fly_chunk, no_record, silence
from perilune.sim.mission import MissionState
from perilune.sim.outcome import Outcome
from perilune.sim.step import LANDERS, step


def text_of(fleet: Fleet, states: MissionState) -> str:
    """The program of a fleet's tick; raises `perilune.lanes.values.Untranslated` where the translator has no words."""
    shared, shared_rest = eqx.partition(fleet.shared, eqx.is_array)
    own, own_rest = eqx.partition(fleet.own, eqx.is_array)
    trees = [jax.tree.structure(tree) for tree in (shared, own, states)]

    def leaves(shared: list[Any], own: list[Any], state: list[Any], tick: Any) -> list[Any]:
        parts = [jax.tree.unflatten(tree, given) for tree, given in zip(trees, (shared, own, state), strict=True)]
        mission = eqx.combine(eqx.combine(parts[1], own_rest), eqx.combine(parts[0], shared_rest))
        return jax.tree.leaves(step(mission, parts[2], silence(mission), tick)[0])

    return program(leaves, _shapes(shared), _shapes(own, batched=True), _shapes(states, batched=True), LANDERS)


def _shapes(tree: Any, batched: bool = False) -> list[jax.ShapeDtypeStruct]:
    """Of one lander."""
    return [
        jax.ShapeDtypeStruct(leaf.shape[1:] if batched else leaf.shape, leaf.dtype, weak_type=getattr(leaf, "weak_type", False))
        for leaf in jax.tree.leaves(tree)
    ]


class InLanes:
    """Calls programs, and flies chunks that nobody records by the one in C. `library` gives it for a fleet, or None if there is none."""

    def __init__(self, library: Callable[[Fleet, MissionState], Library | None]):
        self._library_of = library
        self._fleet: Fleet | None = None
        self._library: Library | None = None

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is not fly_chunk or arguments[3] is not no_record:
            return function(*arguments)
        fleet, states, first_tick, _ = arguments
        if fleet is not self._fleet:
            self._board(fleet, states)
        if self._library is None:
            return function(*arguments)
        return self._flown(self._library, states, int(first_tick)), None

    def _board(self, fleet: Fleet, states: MissionState) -> None:
        """What does not change in flight is laid out once."""
        self._fleet, self._library = fleet, self._library_of(fleet, states)
        self._shared = Shared([np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(fleet.shared, eqx.is_array))])
        self._own = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves(eqx.filter(fleet.own, eqx.is_array))]

    def _flown(self, library: Library, states: MissionState, first_tick: int) -> MissionState:
        leaves, structure = jax.tree.flatten(states)
        copied = [np.array(leaf, order="C") for leaf in leaves]
        flying = np.flatnonzero(np.asarray(states.verdict.outcome) == Outcome.FLYING)
        library.fly(self._shared, self._own, copied, flying, range(first_tick, first_tick + CHUNK_TICKS))
        return jax.tree.unflatten(structure, copied)
