"""Work laid out for the compiler: done once, and for those of a batch that need it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import PyTree

from perilune.types import Flag

# Wide enough to fill vector registers, narrow enough that one lander in need does not pay for many.
SLOTS = 32
# For work that most of a batch needs at the same time, and that is many short loops: starting each loop then costs less than its work.
MANY_SLOTS = 128

_alone: ContextVar[tuple | None] = ContextVar("alone", default=None)


@contextmanager
def of_one(without: tuple[Callable, ...] = ()) -> Iterator[None]:
    """Within it `where_needed` is traced as the branch that it is for one lander, to be differentiated; works `without` are left out."""
    token = _alone.set(without)
    try:
        yield
    finally:
        _alone.reset(token)


def where_needed(needed: Flag, work: Callable[..., PyTree], otherwise: PyTree, *operands: Any, slots: int = SLOTS) -> PyTree:
    """`work(*operands)` where it is needed, `otherwise` elsewhere: for one lander a branch, for a batch some slots at a time.

    Under `jax.vmap` the rows in need are gathered `slots` at a time, worked on, and put back, so that the cost grows with their
    number and not with the batch. The result of a row does not depend on which others are in need. `work` must take all that it
    needs from `operands`, and give the structure of `otherwise`. The leaves of an outer batch of batches are not supported.
    """
    without = _alone.get()
    if without is not None:
        otherwise = jax.tree.map(jnp.asarray, otherwise)
        return otherwise if work in without else jax.lax.cond(needed, lambda: work(*operands), lambda: otherwise)
    arrays, rest = eqx.partition(operands, eqx.is_array)

    def row(arrays: PyTree) -> PyTree:
        return work(*eqx.combine(arrays, rest))

    @custom_vmap
    def one(needed: Flag, otherwise: PyTree, arrays: PyTree) -> PyTree:
        return jax.lax.cond(needed, lambda: row(arrays), lambda: otherwise)

    @one.def_vmap
    def batch(width, in_batched, needed, otherwise, arrays):
        needed_batched, otherwise_batched, arrays_batched = in_batched
        if width == 1:  # a branch again: slots would be scattered into one row, and the program would be larger by a third
            given = jax.tree.map(lambda leaf, has: leaf[0] if has else leaf, (needed, otherwise, arrays), tuple(in_batched))
            result = one(*given)
            return jax.tree.map(lambda leaf: leaf[None], result), jax.tree.map(lambda _: True, result)
        needed = _widened(width, needed, needed_batched)
        otherwise = _widened(width, otherwise, otherwise_batched)
        result = _in_slots(row, needed, otherwise, (arrays, arrays_batched), slots)
        return result, jax.tree.map(lambda _: True, result)

    return one(jnp.asarray(needed), jax.tree.map(jnp.asarray, otherwise), arrays)


def _widened(width: int, tree: PyTree, batched: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf, has: leaf if has else jnp.broadcast_to(leaf, (width, *jnp.shape(leaf))), tree, batched)


def _in_slots(row: Callable, needed: PyTree, otherwise: PyTree, operands: tuple[PyTree, PyTree], slots: int) -> PyTree:
    width = needed.shape[0]
    arrays, batched = operands
    count = jnp.sum(needed)

    def numbers():
        return jnp.nonzero(needed, size=width + slots, fill_value=width)[0]

    # Rows in need, first to last; what lies beyond them is out of range, and dropped.
    order = jax.lax.cond(count > 0, numbers, lambda: jnp.full(width + slots, width))

    def some(carry):
        done, result = carry
        rows = jax.lax.dynamic_slice(order, (done,), (slots,))
        mine = jax.tree.map(lambda leaf, has: leaf.at[rows].get(mode="clip") if has else leaf, arrays, batched)
        worked = jax.vmap(row, in_axes=(jax.tree.map(lambda has: 0 if has else None, batched),))(mine)
        return done + slots, jax.tree.map(lambda whole, part: whole.at[rows].set(part, mode="drop"), result, worked)

    return jax.lax.while_loop(lambda carry: carry[0] < count, some, (jnp.zeros((), dtype=int), otherwise))[1]


def computed_once(tree: PyTree) -> PyTree:
    """Keep the compiler from working a value out again in each loop that uses it.

    On a CPU it merges cheap operations into every consumer (it drops an `optimization_barrier` first), so a chain of vectors is
    computed many times over; a division it never repeats. So floats are divided by 1, in a form that it cannot see through.
    """

    def kept(leaf: Any) -> Any:
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            return leaf
        return leaf / jnp.where(jnp.isfinite(leaf), 1.0, 2.0)

    return jax.tree.map(kept, tree)
