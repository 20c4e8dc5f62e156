"""Scalar measurements absorbed one after another, and what the gates make of them.

**Model.** Each measurement in turn sees the covariance and the error that those before it have left. Within a channel the covariance
is not rewritten each time: the small matrix `M = H P H'` is eliminated row by row, each row behind its gate, and the channel changes
P once, by `W' W`, and its border, the slope, by the same. It is the same arithmetic as updating in turn, in dense products that the compiler does not repeat.

**Reference.** Bierman, Factorization Methods for Discrete Sequential Estimation (1977), on sequential scalar updates.
"""

import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.fsw.navigation.gate import GateMemory, GatePolicy, is_due, judge, remember
from perilune.fsw.navigation.state import IDENTITY, Border, quiet_report
from perilune.types import Flag, Scalar
from perilune.wire.telemetry import GateReport

Covariance = Float[Array, "16 16"]
Row = Float[Array, "16"]


class Measured(eqx.Module):
    """One scalar measurement, linear about the estimate: `innovation = sum(slope * error) + noise`."""

    columns: tuple[int, ...] = eqx.field(static=True)
    slopes: tuple[Scalar, ...]
    innovation: Scalar
    variance: Scalar
    fresh: Flag
    own: tuple[int, ...] = eqx.field(static=True)  # states that it is there to measure
    own_reset: Scalar  # variance that these get when their channel is readmitted, beside the innovation's square


class Channel(eqx.Module):
    """The scalar measurements of one kind of reading, with their gate."""

    rows: list[Measured]
    policy: GatePolicy
    memory: GateMemory


def _once(rows: list[list[Scalar]]) -> Float[Array, "n m"]:
    """Scalars as a matrix, computed once.

    The product with the unit matrix is there for the compiler: elementwise work it would do again for each place that uses it.
    """
    unit = np.eye(len(rows[0]))
    return jnp.stack([sum(value * unit[j] for j, value in enumerate(row)) for row in rows]) @ unit


class Estimate(eqx.Module):
    """Covariance and estimated error while the readings of one cycle are absorbed."""

    P: Covariance
    border: Border
    error: Row
    slope_error: Scalar


class Outcome(eqx.Module):
    innovation: Scalar
    variance: Scalar  # of the innovation, as predicted
    used: Flag
    fresh: Flag


def doubted(P: Covariance, channels: list[Channel]) -> Covariance:
    """Confidence taken back, before anything is absorbed, in what a channel measures whose rejected readings are now let in.

    The states that it is there to measure get at least the square of what it now says they are wrong by, so that it is consistent.
    """
    rows = [(row, is_due(channel.policy, channel.memory)) for channel in channels for row in channel.rows]
    if not rows:
        return P
    claims = [due & row.fresh & jnp.isfinite(row.innovation) for row, due in rows]
    doubts = [jnp.where(claim, row.innovation**2 + row.own_reset, 0.0) for claim, (row, _) in zip(claims, rows, strict=True)]
    owns = np.stack([IDENTITY[list(row.own)].sum(axis=0) for row, _ in rows])
    return P + IDENTITY * (jnp.stack(doubts) @ owns)[None, :]


def _slopes(row: Measured) -> Row:
    """One row of H."""
    return jnp.asarray(sum(slope * IDENTITY[column] for column, slope in zip(row.columns, row.slopes, strict=True)))


def absorbed_if_heard(estimate: Estimate, channel: Channel, batch_axis: str | None) -> tuple[Estimate, GateMemory, GateReport]:
    """A channel's measurements in turn, unless no lander of the batch has heard any; a lander without that sensor has none."""
    if not channel.rows:
        return estimate, channel.memory, quiet_report()
    if batch_axis is None:
        return absorbed(estimate, channel)
    heard = jax.lax.pmax(jnp.where(_any([row.fresh for row in channel.rows]), 1, 0), batch_axis) > 0
    return jax.lax.cond(heard, absorbed, lambda estimate, channel: (estimate, channel.memory, quiet_report()), estimate, channel)


def absorbed(estimate: Estimate, channel: Channel) -> tuple[Estimate, GateMemory, GateReport]:
    count = len(channel.rows)
    H = jnp.stack([_slopes(row) for row in channel.rows])
    HP = H @ estimate.P
    table = _once(_eliminated(HP @ H.T, H @ estimate.error, channel))
    # A sum by hand: as a product of such small matrices it would cost as much as the step of the whole covariance.
    W = sum((table[:, j, None] * HP[j][None, :] for j in range(count)), jnp.zeros_like(HP))
    pulls = table[:, count]
    slopes = table[:, :count] @ (H @ estimate.border.ties)
    border = Border(estimate.border.ties - slopes @ W, estimate.border.variance - slopes @ slopes)
    error, slope_error = estimate.error + pulls @ W, estimate.slope_error + pulls @ slopes
    outcomes = [
        Outcome(table[k, count + 1], table[k, count + 2], table[k, count + 3] > 0.5, row.fresh) for k, row in enumerate(channel.rows)
    ]
    return Estimate(estimate.P - W.T @ W, border, error, slope_error), remembered(channel, outcomes), reported(outcomes)


def _eliminated(M: Float[Array, "n n"], told: Float[Array, " n"], channel: Channel) -> list[list[Scalar]]:
    """For each measurement: its row of the inverse Cholesky factor of `M + R` and its normalised innovation, all zero if it is
    not used; then innovation, variance of the innovation, and 1 if it is used.
    """
    factors: list[list[Scalar]] = []
    pulls: list[Scalar] = []
    table: list[list[Scalar]] = []
    for k, row in enumerate(channel.rows):
        overlaps = [sum(factor[j] * M[j, k] for j in range(m + 1)) for m, factor in enumerate(factors)]
        variance = M[k, k] - sum(overlap**2 for overlap in overlaps) + row.variance
        innovation = row.innovation - told[k] - sum(overlap * pull for overlap, pull in zip(overlaps, pulls, strict=True))
        used = judge(channel.policy, channel.memory, innovation, variance, row.fresh)
        root = jnp.where(used, 1.0 / jnp.sqrt(variance), 0.0)
        factors.append([*(-root * sum(overlaps[m] * factors[m][j] for m in range(j, k)) for j in range(k)), root])
        pulls.append(jnp.where(used, innovation * root, 0.0))
        padding = [jnp.zeros(())] * (len(channel.rows) - k - 1)
        told_of_it = [jnp.where(row.fresh & jnp.isfinite(innovation), innovation, 0.0), variance, jnp.where(used, 1.0, 0.0)]
        table.append([*factors[k], *padding, pulls[k], *told_of_it])
    return table


def _any(flags: list[Flag]) -> Flag:
    return functools.reduce(operator.or_, flags)


def remembered(channel: Channel, outcomes: list[Outcome]) -> GateMemory:
    """A channel has spoken if any of its scalars has, and was believed if any of them was."""
    used, fresh = _any([one.used for one in outcomes]), _any([one.fresh for one in outcomes])
    return remember(channel.policy, channel.memory, used, fresh)


def reported(outcomes: list[Outcome]) -> GateReport:
    """Verdict on a channel; innovation and sigma are root mean squares over its fresh scalars.

    The mean is taken of normalised squares, so `(innovation / sigma)**2` is 1 in the mean for an honest filter. One scalar keeps its sign.
    """
    used, fresh = _any([one.used for one in outcomes]), _any([one.fresh for one in outcomes])
    count = jnp.maximum(sum(jnp.where(one.fresh, 1.0, 0.0) for one in outcomes), 1.0)
    sigma = jnp.sqrt(sum(jnp.where(one.fresh, one.variance, 0.0) for one in outcomes) / count)
    square = sum(jnp.where(one.fresh, one.innovation**2 / one.variance, 0.0) for one in outcomes) / count
    sign = jnp.where(outcomes[0].innovation < 0.0, -1.0, 1.0) if len(outcomes) == 1 else 1.0
    return GateReport(innovation=sign * sigma * jnp.sqrt(square), sigma=sigma, used=used, fresh=fresh)
