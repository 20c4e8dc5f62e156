"""What a fault can do to a quantity. An operation knows nothing of what it acts on: channels say where a quantity is, rows how much.

Several rows on one quantity: amounts add up; of held values, limits and thresholds the largest counts.
"""

import enum
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.random import Stream
from perilune.types import Scalar

# Of an engine that burns in bursts: assumed, within what is called chuffing.
CHUFF_PERIOD_S = 0.8
NORMALS_FROM, UNIFORMS_FROM = 0, 64  # places in a channel's stream


class Operation(enum.IntEnum):
    """In the order in which they act: what comes of an order that is lost is the valve's."""

    REVERSE = 0
    SWAP = 1  # with the unit of that number
    SCALE = 2  # by one more than the amount
    FADE = 3  # by e to the minus amount, for each second
    CHUFF = 4  # by one less than the amount, half of the time
    ADD = 5
    DRIFT = 6  # amount for each second
    NOISE = 7  # 1 sigma
    NOISE_SHARE = 8  # 1 sigma, of the value
    ECHO = 9  # with this probability, from anywhere short of it
    LIMIT = 10  # between minus and plus the amount
    AT_LEAST = 11
    RENEW = 12  # no more often than this
    FREEZE = 13  # at the first good reading
    HOLD = 14
    KEEP_ON = 15  # what has been on does not go off
    NO_RETURN = 16  # what has been on and goes off stays off
    ONLY_BELOW = 17
    ONLY_ABOVE = 18
    DROPOUT = 19  # with this probability
    SILENCE = 20


class Quantity(NamedTuple):
    """The units of one channel."""

    value: Float[Array, " n"]
    good: Bool[Array, " n"]
    memory: Float[Array, " n"]  # of the operation; not a number before it has any


class Amount(NamedTuple):
    """The rows on each unit, and what they come to; where there is none, nothing of it counts. What is not asked for is not computed."""

    rows: Bool[Array, "n rows"]
    size: Float[Array, " rows"]
    begins: Bool[Array, " rows"]  # in this cycle

    @property
    def hit(self) -> Bool[Array, " n"]:
        return jnp.any(self.rows, axis=1)

    @property
    def fresh(self) -> Bool[Array, " n"]:
        """What was remembered before is forgotten."""
        return jnp.any(self.rows & self.begins[None, :], axis=1)

    @property
    def total(self) -> Float[Array, " n"]:
        return jnp.sum(jnp.where(self.rows, self.size[None, :], 0.0), axis=1)

    @property
    def largest(self) -> Float[Array, " n"]:
        return jnp.max(jnp.where(self.rows, self.size[None, :], -jnp.inf), axis=1)


class Moment(NamedTuple):
    t_s: Scalar
    cycle_s: Scalar
    stream: Stream  # of the channel, at this tick


Change = Callable[[Quantity, Amount, Moment], Quantity]


def _to(value: Callable[[Quantity, Amount, Moment], Float[Array, " n"]]) -> Change:
    """An operation on the value alone."""
    return lambda q, amount, now: q._replace(value=value(q, amount, now))


def _while(good: Callable[[Quantity, Amount, Moment], Bool[Array, " n"]]) -> Change:
    """An operation that only silences."""
    return lambda q, amount, now: q._replace(good=q.good & good(q, amount, now))


def _normals(q: Quantity, now: Moment) -> Float[Array, " n"]:
    return jnp.stack([now.stream.normal(NORMALS_FROM + k) for k in range(q.value.shape[0])])


def _uniforms(q: Quantity, now: Moment, of: int) -> Float[Array, " n"]:
    return jnp.stack([now.stream.uniform(UNIFORMS_FROM * of + k) for k in range(q.value.shape[0])])


def _swapped(q: Quantity, amount: Amount, now: Moment) -> Float[Array, " n"]:
    """Each unit named by a row has the value of its partner, and the partner its."""
    numbers = jnp.arange(q.value.shape[0], dtype=float)
    given = amount.hit[:, None] & (amount.total[:, None] == numbers[None, :])
    pairs = given | given.T
    partner = jnp.sum(jnp.where(pairs, q.value[None, :], 0.0), axis=1)
    return jnp.where(jnp.any(pairs, axis=1), partner, q.value)


def _echoed(q: Quantity, amount: Amount, now: Moment) -> Float[Array, " n"]:
    return jnp.where(_uniforms(q, now, 2) < amount.total, q.value * _uniforms(q, now, 3), q.value)


def _in_burst(q: Quantity, amount: Amount, now: Moment) -> Float[Array, " n"]:
    share = 1.0 - jnp.minimum(amount.total, 1.0)
    bursts = now.t_s * (1.0 / CHUFF_PERIOD_S)
    return q.value * jnp.where(bursts - jnp.floor(bursts) < 0.5, 1.0, share)


def _renewed(q: Quantity, amount: Amount, now: Moment) -> Quantity:
    every_s, middle_s = jnp.maximum(amount.largest, now.cycle_s), now.t_s + 0.5 * now.cycle_s
    due = jnp.floor(middle_s / every_s) != jnp.floor((middle_s - now.cycle_s) / every_s)
    memory = jnp.where(jnp.isnan(q.memory) | due, q.value, q.memory)
    return q._replace(value=memory, memory=memory)


def _kept_on(q: Quantity, amount: Amount, now: Moment) -> Quantity:
    memory = jnp.where(q.value > 0.0, q.value, q.memory)
    return q._replace(value=jnp.where(jnp.isnan(memory), q.value, memory), memory=memory)


def _not_again(q: Quantity, amount: Amount, now: Moment) -> Quantity:
    """The memory is one once it has been on, and zero once it has gone off after that."""
    on = q.value > 0.0
    memory = jnp.where(jnp.isnan(q.memory), jnp.where(on, 1.0, jnp.nan), jnp.where(on, q.memory, 0.0))
    return q._replace(value=jnp.where(memory == 0.0, 0.0, q.value), memory=memory)


def _frozen(q: Quantity, amount: Amount, now: Moment) -> Quantity:
    memory = jnp.where(jnp.isnan(q.memory) & q.good, q.value, q.memory)
    return q._replace(value=jnp.where(jnp.isnan(memory), q.value, memory), memory=memory)


CHANGES: dict[Operation, Change] = {
    Operation.REVERSE: _to(lambda q, amount, now: -q.value),
    Operation.SWAP: _to(_swapped),
    Operation.SCALE: _to(lambda q, amount, now: q.value * jnp.maximum(1.0 + amount.total, 0.0)),
    Operation.FADE: _to(lambda q, amount, now: q.value * jnp.exp(-amount.total)),
    Operation.CHUFF: _to(_in_burst),
    Operation.ADD: _to(lambda q, amount, now: q.value + amount.total),
    Operation.DRIFT: _to(lambda q, amount, now: q.value + amount.total),
    Operation.NOISE: _to(lambda q, amount, now: q.value + amount.total * _normals(q, now)),
    Operation.NOISE_SHARE: _to(lambda q, amount, now: q.value * (1.0 + amount.total * _normals(q, now))),
    Operation.ECHO: _to(_echoed),
    Operation.LIMIT: _to(lambda q, amount, now: jnp.clip(q.value, -amount.largest, amount.largest)),
    Operation.AT_LEAST: _to(lambda q, amount, now: jnp.maximum(q.value, amount.largest)),
    Operation.RENEW: _renewed,
    Operation.KEEP_ON: _kept_on,
    Operation.NO_RETURN: _not_again,
    Operation.FREEZE: _frozen,
    Operation.HOLD: lambda q, amount, now: q._replace(value=amount.largest, good=jnp.ones_like(q.good)),
    Operation.ONLY_BELOW: _while(lambda q, amount, now: q.value < amount.largest),
    Operation.ONLY_ABOVE: _while(lambda q, amount, now: q.value > amount.largest),
    Operation.DROPOUT: _while(lambda q, amount, now: _uniforms(q, now, 1) >= amount.total),
    Operation.SILENCE: _while(lambda q, amount, now: jnp.zeros_like(q.good)),
}

# Their amounts grow with the time since the row began.
GROWING = {Operation.DRIFT, Operation.FADE}
# Their amounts are in the unit of the quantity.
IN_ITS_UNIT = {Operation.ADD, Operation.DRIFT, Operation.NOISE, Operation.LIMIT, Operation.AT_LEAST, Operation.HOLD}
# They remember something from cycle to cycle.
REMEMBERING = {Operation.RENEW, Operation.KEEP_ON, Operation.NO_RETURN, Operation.FREEZE}
# They change a quantity of which no row says so: the partner.
REACHING_OTHERS = {Operation.SWAP}
