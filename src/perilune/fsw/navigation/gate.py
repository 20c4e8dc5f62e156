"""Which readings the filter believes, and what it does after it has refused some.

The policy is a setting, because it is a design choice that has decided flights: a filter that refuses for good what it has once
refused is what Hakuto-R Mission 1 is told to have flown over the rim of Atlas.
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.types import Flag, Scalar


class GatePolicy(eqx.Module):
    """Thresholds and consequences of one channel; infinity means never.

    **Model.** A reading passes if its innovation is within `threshold_sigmas` of its predicted sigma and within `innovation_limit`
    (unit of the channel). After `readmit_after` rejections in a row the next reading is let in whatever it says, and the
    filter's confidence in what it measures is taken back. After `give_up_after` rejections in a row the channel is closed for good.
    """

    threshold_sigmas: Scalar
    innovation_limit: Scalar
    readmit_after: Scalar
    give_up_after: Scalar


class GateMemory(eqx.Module):
    rejected_in_a_row: Scalar
    given_up: Flag


def open_memory() -> GateMemory:
    return GateMemory(rejected_in_a_row=jnp.zeros(()), given_up=jnp.asarray(False))


def is_due(policy: GatePolicy, memory: GateMemory) -> Flag:
    """Whether the next reading is to be let in whatever it says."""
    return (memory.rejected_in_a_row >= policy.readmit_after) & jnp.logical_not(memory.given_up)


def judge(policy: GatePolicy, memory: GateMemory, innovation: Scalar, variance: Scalar, fresh: Flag) -> Flag:
    """Whether a reading is used; `variance` is the innovation's, as predicted. What is not a number never passes."""
    square = innovation**2
    passes = (square <= policy.threshold_sigmas**2 * variance) & (jnp.abs(innovation) <= policy.innovation_limit)
    heard = fresh & jnp.logical_not(memory.given_up) & jnp.isfinite(square)
    return heard & (passes | is_due(policy, memory))


def remember(policy: GatePolicy, memory: GateMemory, used: Flag, fresh: Flag) -> GateMemory:
    """Memory after a cycle: `fresh` if the channel spoke at all, `used` if anything it said was taken."""
    counted = jnp.where(used, 0.0, memory.rejected_in_a_row + 1.0)
    rejected = jnp.where(fresh, counted, memory.rejected_in_a_row)
    return GateMemory(rejected_in_a_row=rejected, given_up=memory.given_up | (rejected >= policy.give_up_after))
