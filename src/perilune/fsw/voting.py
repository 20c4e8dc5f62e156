"""Which of several inertial units is believed: a vote among their accelerometers, and one among their gyros."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.fsw.fdir import ORDERED_MIN_M_S2
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading
from perilune.wire.telemetry import VoteReport

# Of white noise, a gyro that works hardly repeats itself so often; one that has stopped does nothing else.
REPEATS = 5.0


class VotingState(eqx.Module):
    """Of each unit, its accelerometers and its gyros; increments of one cycle."""

    mean: Float[Array, "units triads 3"]
    last_rad: Float[Array, "units 3"]
    repeats: Float[Array, "units 3"]  # of a gyro, the same count again
    alone_s: Float[Array, "units triads"]
    suspect_s: Float[Array, "units triads"]
    set_aside: Bool[Array, "units triads"]
    missed_m_s: Float[Array, " 3"]  # while a suspect was still used


class Voting(eqx.Module):
    """Two or three like units in one place, and what two sound ones may differ by.

    **Model.** Of three units the middle reading of each axis is used; of two, and of one, the first. Two *disagree* where their means over
    about `confirm_s` differ on some axis by more than `sigmas` of what their errors explain. A unit is *alone* when it disagrees with all
    the others in use. It is set aside for good once for `confirm_s` it has been the only one alone, or alone and not to be believed by itself
    while another is: accelerometers off the ordered thrust by more than `push_margin` of it, gyros that repeat themselves. Velocity that
    was missed meanwhile is made up for. Where units are alone and none is found out, the lander goes on as it was and says so.
    **Invalid when** the quantum of a gyro is not small against its noise in a cycle: then sound ones repeat themselves too.
    **Neglects** units in different places; the difference of biases when another unit is used, which the filter's estimate does not follow.
    **Reference.** Osder, Practical view of redundancy management application and theory, J. Guidance, Control, and Dynamics 22 (1999).
    """

    bias_per_s: Float[Array, " triads"]  # sizes of errors are 1 sigma, of one unit
    walk_per_sqrt_s: Float[Array, " triads"]
    quantum: Float[Array, " triads"]
    scale: Float[Array, " triads"]
    tilt_rad: Float[Array, " triads"]
    sigmas: Scalar
    confirm_s: Scalar
    push_margin: Scalar
    cycle_s: Scalar
    units: int = eqx.field(static=True)

    def init(self) -> VotingState:
        one_each, per_axis = jnp.zeros((self.units, 2)), jnp.zeros((self.units, 3))
        return VotingState(jnp.zeros((self.units, 2, 3)), per_axis, per_axis, one_each, one_each, one_each > 0.0, jnp.zeros(3))

    def step(self, state: VotingState, readings: tuple[ImuReading, ...], ordered_body_m_s: Vec3) -> tuple[VotingState, ImuReading]:
        """The reading to be used; `ordered_body_m_s` is the velocity that the orders give in a cycle, as believed."""
        told = jnp.stack([jnp.stack([unit.delta_v_body_m_s.array(), unit.delta_theta_body_rad.array()]) for unit in readings])
        mean = state.mean + (told - state.mean) * self._share()
        repeats = jnp.where(told[:, 1] == state.last_rad, state.repeats + 1.0, 0.0)
        in_use = jnp.logical_not(state.set_aside)
        alone = self._alone(mean, in_use)
        doubtful = self._doubtful(told[:, 0], repeats, ordered_body_m_s.array())
        found_out = (jnp.sum(alone, axis=0) == 1) | (doubtful & jnp.any(in_use & jnp.logical_not(doubtful), axis=0))
        suspect = alone & found_out
        suspect_s = jnp.where(suspect, state.suspect_s + self.cycle_s, 0.0)
        # Half a cycle: sums of cycles are not exact.
        falls = suspect & (suspect_s > self.confirm_s - 0.5 * self.cycle_s)
        used = _chosen(told, in_use & jnp.logical_not(falls))
        missed_m_s = state.missed_m_s + _chosen(told, in_use & jnp.logical_not(suspect))[0] - used[0]
        missed_m_s = jnp.where(jnp.any(suspect[:, 0]), missed_m_s, 0.0)
        delta_v = used[0] + jnp.where(jnp.any(falls[:, 0]), missed_m_s, 0.0)
        alone_s = jnp.where(alone, state.alone_s + self.cycle_s, 0.0)
        state = VotingState(mean, told[:, 1], repeats, alone_s, suspect_s, state.set_aside | falls, missed_m_s)
        return state, ImuReading(_vector(delta_v), _vector(used[1]), readings[0].valid)

    def report(self, state: VotingState) -> VoteReport:
        """Undecided: for twice the time that a decision takes."""
        return VoteReport(state.set_aside, jnp.any(state.alone_s > 2.0 * self.confirm_s, axis=0))

    def _share(self) -> Scalar:
        return self.cycle_s / (self.confirm_s + self.cycle_s)

    def _alone(self, mean: Float[Array, "units triads 3"], in_use: Bool[Array, "units triads"]) -> Bool[Array, "units triads"]:
        # What the motion makes of scale and tilt, by the unit that tells least of it.
        least = jnp.min(jnp.where(in_use[..., None], jnp.abs(mean), jnp.inf), axis=0)
        limit = self.sigmas * jnp.sqrt(2.0 * self._variance(least))
        apart = jnp.any(jnp.abs(mean[:, None] - mean[None, :]) > limit, axis=-1)
        others = in_use[None, :] & jnp.logical_not(jnp.eye(self.units, dtype=bool))[..., None]
        return in_use & jnp.any(others, axis=1) & jnp.all(apart | jnp.logical_not(others), axis=1)

    def _variance(self, increment: Float[Array, "triads 3"]) -> Float[Array, "triads 3"]:
        """Of the mean increment of one sound unit about the true one."""
        share = self._share()
        white = self.walk_per_sqrt_s**2 * self.cycle_s + self.quantum**2 / 6.0
        steady = (self.bias_per_s * self.cycle_s) ** 2 + white * share / (2.0 - share)
        square = increment**2
        across = jnp.sum(square, axis=-1, keepdims=True) - square
        return steady[:, None] + self.scale[:, None] ** 2 * square + self.tilt_rad[:, None] ** 2 * across

    def _doubtful(
        self, told_m_s: Float[Array, "units 3"], repeats: Float[Array, "units 3"], ordered_m_s: Float[Array, " 3"]
    ) -> Bool[Array, "units triads"]:
        ordered2 = jnp.sum(ordered_m_s**2)
        pushed: Flag = ordered2 > (ORDERED_MIN_M_S2 * self.cycle_s) ** 2
        off = pushed & (jnp.sum((told_m_s - ordered_m_s) ** 2, axis=-1) > self.push_margin**2 * ordered2)
        return jnp.stack([off, jnp.any(repeats >= REPEATS, axis=-1)], axis=-1)


def _chosen(told: Float[Array, "units triads 3"], in_use: Bool[Array, "units triads"]) -> Float[Array, "triads 3"]:
    """The middle of three in use; of fewer, the first."""
    first = told[-1]
    for unit in reversed(range(len(told) - 1)):
        first = jnp.where(in_use[unit][:, None], told[unit], first)
    if len(told) < 3:
        return first
    low, high = jnp.minimum(told[0], told[1]), jnp.maximum(told[0], told[1])
    middle = jnp.maximum(low, jnp.minimum(high, told[2]))
    return jnp.where(jnp.all(in_use, axis=0)[:, None], middle, first)


def _vector(parts: Float[Array, " 3"]) -> Vec3:
    return Vec3(parts[0], parts[1], parts[2])
