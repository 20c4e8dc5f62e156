"""The same tick as a program in C: for batches on a CPU, several times as fast as the compiled trace, and equal to it but for rounding.

A lander flies in one lane of the processor's vectors, a block of lanes for a whole chunk of ticks before the next block: what it needs
stays near. Whoever has a verdict at the start of a chunk stays as it is, so no block is flown for landers that are down; and since lanes
do not mix, a lander's result does not depend on its company.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from perilune.faults.plan import NOTHING
from perilune.lanes.calling import Library, Shared
from perilune.lanes.program import program
from perilune.math.calling import Call, at_once
from perilune.sim.fly import CHUNK_TICKS, Fleet, fly_chunk, no_record, silence
from perilune.sim.mission import MissionState
from perilune.sim.outcome import Outcome
from perilune.sim.step import LANDERS, step


def kinds_of(fleet: Fleet) -> frozenset[int]:
    """The kinds of fault that the fleet's tables hold: its program is made for these alone."""
    tables = [table for table in (fleet.shared.faults, fleet.own.faults) if table.kind is not None]
    given = [table.kinds for table in tables if table.kinds is not None]
    return given[0] if given else frozenset(int(kind) for table in tables for kind in np.unique(table.kind)) - {NOTHING}


def text_of(fleet: Fleet, states: MissionState) -> str:
    """The program of a fleet's tick; raises `perilune.lanes.values.Untranslated` where the translator has no words."""
    kinds = kinds_of(fleet)
    shared, shared_rest = eqx.partition(fleet.shared, eqx.is_array)
    own, own_rest = eqx.partition(fleet.own, eqx.is_array)
    trees = [jax.tree.structure(tree) for tree in (shared, own, states)]

    def leaves(shared: list[Any], own: list[Any], state: list[Any], tick: Any) -> list[Any]:
        parts = [jax.tree.unflatten(tree, given) for tree, given in zip(trees, (shared, own, state), strict=True)]
        mission = eqx.combine(eqx.combine(parts[1], own_rest), eqx.combine(parts[0], shared_rest))
        mission = eqx.tree_at(lambda m: m.faults, mission, replace(mission.faults, kinds=kinds))
        return jax.tree.leaves(step(mission, parts[2], silence(mission), tick)[0])

    return program(leaves, _shapes(shared), _shapes(own, batched=True), _shapes(states, batched=True), LANDERS)


def _shapes(tree: Any, batched: bool = False) -> list[jax.ShapeDtypeStruct]:
    """Of one lander."""
    return [
        jax.ShapeDtypeStruct(leaf.shape[1:] if batched else leaf.shape, leaf.dtype, weak_type=getattr(leaf, "weak_type", False))
        for leaf in jax.tree.leaves(tree)
    ]


class _Aboard(NamedTuple):
    """A fleet as its program wants it; what does not change in flight is laid out once."""

    fleet: Fleet
    library: Library | None
    shared: Shared
    own: list[np.ndarray]


class InLanes:
    """Calls programs, and flies chunks that nobody records by the one in C. `library` gives it for a fleet, or None if there is none.

    Several threads may call, each with a fleet of its own. `beneath` calls all other programs.
    """

    def __init__(self, library: Callable[[Fleet, MissionState], Library | None], beneath: Call = at_once):
        self._library_of, self._beneath = library, beneath
        self._here = threading.local()

    def prepare(self, fleet: Fleet, states: MissionState) -> None:
        """Have the program ready; of states the shapes are enough."""
        self._library_of(fleet, states)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is not fly_chunk or arguments[3] is not no_record:
            # What comes out of lanes is numpy's; a program that is kept is found by JAX's arrays.
            return self._beneath(function, *(jax.tree.map(_of_jax, each) for each in arguments))
        fleet, states, first_tick, _ = arguments
        aboard = getattr(self._here, "aboard", None)
        if aboard is None or aboard.fleet is not fleet:
            self._here.aboard = aboard = _aboard(fleet, self._library_of(fleet, states))
        if aboard.library is None:
            return self._beneath(function, *arguments)
        return _flown(aboard.library, aboard, states, int(first_tick)), None


def _of_jax(leaf: Any) -> Any:
    return jax.device_put(leaf) if isinstance(leaf, np.ndarray) else leaf


def _aboard(fleet: Fleet, library: Library | None) -> _Aboard:
    shared = Shared([np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(fleet.shared, eqx.is_array))])
    return _Aboard(fleet, library, shared, [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves(eqx.filter(fleet.own, eqx.is_array))])


def _flown(library: Library, aboard: _Aboard, states: MissionState, first_tick: int) -> MissionState:
    leaves, structure = jax.tree.flatten(states)
    copied = [np.array(leaf, order="C") for leaf in leaves]
    flying = np.flatnonzero(np.asarray(states.verdict.outcome) == Outcome.FLYING)
    library.fly(aboard.shared, aboard.own, copied, flying, range(first_tick, first_tick + CHUNK_TICKS))
    return jax.tree.unflatten(structure, copied)
