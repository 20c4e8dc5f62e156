"""Which engine has failed, told by the thrust and the torque that are missing, and what is then used instead."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar

# Of an engine's thrust that is missing when it counts as failed, low and high; and how far the torque may be from what that much thrust
# would give, of it, or where the engine stands on the axis.
MISSING_LOW, MISSING_HIGH = 0.4, 1.4
TORQUE_SHARE, TORQUE_FLOOR_M = 0.5, 0.1
# The mean of thrust settles within this share of the time to confirm.
MEAN_SHARE = 0.5


class EngineWatchState(eqx.Module):
    missing_n: Scalar  # thrust ordered and not felt, in the mean
    suspect_s: Float[Array, " engines"]
    lost: Bool[Array, " engines"]


class EngineWatch(eqx.Module):
    """Belief about where the engines push, and whether a loss is acted upon.

    **Model.** Each burning engine has a signature: the thrust that would be missing without it, and the torque. The engine whose
    signature has been there for `confirm_s` is taken for lost, and not used again; nor is its opposite in a ring of four or more,
    whose torque nothing would balance. What the others can give is shared among them.
    **Invalid when** two engines of nearly the same place fail, or the torque missing is beyond what the observer of disturbances follows:
    it is compared within that limit.
    **Neglects** engines that give too much.
    """

    thrust_n: Float[Array, " engines"]
    x_m: Float[Array, " engines"]  # from the centre of mass, across the axis
    y_m: Float[Array, " engines"]
    opposite: Float[Array, "engines engines"]  # 1 where the engine of the column is shut with that of the row
    torque_max_n_m: Scalar
    confirm_s: Scalar
    acts: Flag
    calls_abort: Flag = False  # once an engine is lost

    def init(self) -> EngineWatchState:
        none = jnp.zeros_like(self.thrust_n)
        return EngineWatchState(jnp.zeros(()), none, none > 0.0)

    def step(
        self, state: EngineWatchState, throttle: Float[Array, " engines"], missing_n: Scalar, disturbance_n_m: Vec3, dt_s: Scalar
    ) -> EngineWatchState:
        """After a cycle: `throttle` as ordered for it, thrust ordered less thrust felt, and the torque that no order explains."""
        mean_n = state.missing_n + (missing_n - state.missing_n) * (dt_s / (MEAN_SHARE * self.confirm_s + dt_s))
        given_n = jnp.maximum(throttle * self.thrust_n, 1e-9)
        share = mean_n / given_n
        alike = (throttle > 0.0) & (share > MISSING_LOW) & (share < MISSING_HIGH)
        limit, gone_n = self.torque_max_n_m, jnp.clip(share, 0.0, 1.0) * given_n
        expected_x, expected_y = jnp.clip(-self.y_m * gone_n, -limit, limit), jnp.clip(self.x_m * gone_n, -limit, limit)
        off = jnp.hypot(disturbance_n_m.x - expected_x, disturbance_n_m.y - expected_y)
        alike = alike & (off < TORQUE_SHARE * jnp.hypot(expected_x, expected_y) + TORQUE_FLOOR_M * gone_n)
        suspect_s = jnp.where(alike, state.suspect_s + dt_s, 0.0)
        return EngineWatchState(mean_n, suspect_s, state.lost | (suspect_s >= self.confirm_s))

    def used(self, state: EngineWatchState, wanted: Bool[Array, " engines"]) -> Bool[Array, " engines"]:
        """Of the engines of a mode those that are usable; all of them, if that is none: a weak engine is better than no engine."""
        left = wanted & self.usable(state)
        return jnp.where(jnp.any(left), left, wanted)

    def usable(self, state: EngineWatchState) -> Bool[Array, " engines"]:
        """Engines that are neither lost nor shut for the sake of one that is."""
        lost = state.lost.astype(float)
        shut = jnp.minimum(lost + lost @ self.opposite, 1.0) > 0.0
        return jnp.logical_not(shut & self.acts)
