"""Which of several inertial units is believed: a vote among their accelerometers, and one among their gyros."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.fsw.fdir import ORDERED_MIN_M_S2
from perilune.fsw.navigation.belief import StarTrackerBelief
from perilune.fsw.star_check import StarCheck, StarCheckState
from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.wire.measurements import ImuReading, Measurements
from perilune.wire.telemetry import VoteReport

# A gyro that works hardly repeats itself so often; one that has stopped does nothing else.
REPEATS = 2.0


class VotingState(eqx.Module):
    """Of each unit, its accelerometers and its gyros; increments of one cycle."""

    mean: Float[Array, "units triads 3"]
    last_rad: Float[Array, "units 3"]
    repeats: Float[Array, "units 3"]  # of a gyro, the same count again
    alone_s: Float[Array, "units triads"]
    suspect_s: Float[Array, "units triads"]
    set_aside: Bool[Array, "units triads"]
    lead_m_s: Float[Array, "units 3"]  # told beyond what was used, while they disagree under thrust
    stars: StarCheckState


class Voting(eqx.Module):
    """Two or three like units in one place, and what two sound ones may differ by.

    **Model.** Of three units the middle reading of each axis is used; of two, and of one, the first. Two *disagree* where their means over
    about `confirm_s` differ on some axis by more than `sigmas` of what their errors explain. A unit is *alone* when it disagrees with all
    the others in use. It is set aside for good once for `confirm_s` it has been the only one alone, or alone and not to be believed by itself
    while another is: accelerometers off the ordered thrust by more than `push_margin` of it, gyros that repeat themselves or that the
    stars contradict. Velocity that was missed meanwhile is made up for; a turn that was missed is told as doubt of the attitude, for the
    stars have told part of it already. Where units are alone and none is found out, the lander goes on as it was and says so.
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
    star_check: StarCheck
    units: int = eqx.field(static=True)

    def init(self) -> VotingState:
        one_each, per_axis = jnp.zeros((self.units, 2)), jnp.zeros((self.units, 3))
        stars = self.star_check.init(self.units)
        return VotingState(jnp.zeros((self.units, 2, 3)), per_axis, per_axis, one_each, one_each, one_each > 0.0, per_axis, stars)

    def step(
        self, state: VotingState, measurements: Measurements, ordered_body_m_s: Vec3, head: StarTrackerBelief
    ) -> tuple[VotingState, ImuReading, Scalar]:
        """The reading to be used, and the doubt of the attitude that a change of gyros leaves [rad, 1 sigma].

        `ordered_body_m_s` is the velocity that the orders give in a cycle, as believed.
        """
        units, stars_told = (measurements.imu, *measurements.spare_imus), measurements.star_tracker
        told = jnp.stack([jnp.stack([unit.delta_v_body_m_s.array(), unit.delta_theta_body_rad.array()]) for unit in units])
        ordered_m_s = ordered_body_m_s.array()
        pushed = jnp.sum(ordered_m_s**2) > (ORDERED_MIN_M_S2 * self.cycle_s) ** 2
        mean = state.mean + (told - state.mean) * self._share()
        repeats = jnp.where(told[:, 1] == state.last_rad, state.repeats + 1.0, 0.0)
        in_use = jnp.logical_not(state.set_aside)
        alone = self._alone(mean, in_use)
        agree = jnp.logical_not(jnp.any(alone[:, 1]))
        stars = self.star_check.step(state.stars, tuple(unit.delta_theta_body_rad for unit in units), stars_told, agree, head)
        off_orders = pushed & (jnp.sum((told[:, 0] - ordered_m_s) ** 2, axis=-1) > self.push_margin**2 * jnp.sum(ordered_m_s**2))
        doubtful = jnp.stack([off_orders, jnp.any(repeats >= REPEATS, axis=-1) | stars.off], axis=-1)
        found_out = (jnp.sum(alone, axis=0) == 1) | (doubtful & jnp.any(in_use & jnp.logical_not(doubtful), axis=0))
        suspect_s = jnp.where(alone & found_out, state.suspect_s + self.cycle_s, 0.0)
        # Half a cycle: sums of cycles are not exact.
        falls = suspect_s > self.confirm_s - 0.5 * self.cycle_s
        left = in_use & jnp.logical_not(falls)
        used = _chosen(told, left)
        lead_m_s = jnp.where(pushed & jnp.any(alone[:, 0]), state.lead_m_s + told[:, 0] - used[0], 0.0)
        missed_m_s = jnp.where(jnp.any(falls[:, 0]), _first(lead_m_s, left[:, 0]), 0.0)
        reading = ImuReading(_vector(used[0] + missed_m_s), _vector(used[1]), units[0].valid)
        stars = self.star_check.using(stars, reading.delta_theta_body_rad, stars_told, agree)
        missed_rad = jnp.where(jnp.any(falls[:, 1]), _first(self.star_check.missed_rad(stars), left[:, 1]), 0.0)
        alone_s = jnp.where(alone, state.alone_s + self.cycle_s, 0.0)
        state = VotingState(mean, told[:, 1], repeats, alone_s, suspect_s, state.set_aside | falls, lead_m_s, stars)
        return state, reading, missed_rad

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


def _first(told: Float[Array, "units *what"], in_use: Bool[Array, " units"]) -> Float[Array, "*what"]:
    first = told[-1]
    for unit in reversed(range(len(told) - 1)):
        first = jnp.where(in_use[unit], told[unit], first)
    return first


def _chosen(told: Float[Array, "units triads 3"], in_use: Bool[Array, "units triads"]) -> Float[Array, "triads 3"]:
    """The middle of three in use; of fewer, the first."""
    first = jnp.stack([_first(told[:, triad], in_use[:, triad]) for triad in range(2)])
    if len(told) < 3:
        return first
    low, high = jnp.minimum(told[0], told[1]), jnp.maximum(told[0], told[1])
    middle = jnp.maximum(low, jnp.minimum(high, told[2]))
    return jnp.where(jnp.all(in_use, axis=0)[:, None], middle, first)


def _vector(parts: Float[Array, " 3"]) -> Vec3:
    return Vec3(parts[0], parts[1], parts[2])
