"""Vertical descent: follow a rate of descent that fits the height, and take the sideways speed out.

**Model.** Wanted rate of descent: `sqrt(v_touchdown^2 + 2 d (h - h_low))` above `h_low`, `v_touchdown` below it, never above a stated
maximum; d is the design deceleration. The thrust carries the weight, gives d while the curve is being followed, and closes the
speed error by a gain. Hovers stand in the way: until one is over the curve ends at rest at its height, met in proportion to the height left
over the last metres. Horizontal speed is closed by a gain within a tilt limit, and the tilt limit narrows to a small one near the ground.
**Neglects** everything about the site but its height: no divert.
**Reference.** Apollo's rate-of-descent mode is the pattern: Klumpp, Automatica 10 (1974).
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.limits import within_tilt
from perilune.fsw.guidance.request import LocalState, horizontal_of
from perilune.math.vector import Vec3
from perilune.types import Scalar

# Near a hover the rate of descent is this much of the height left; farther off the curve rules.
HOVER_GAIN_1_S = 0.3
# A hover counts once the rate of descent that leads to it is below this.
HOVERING_M_S = 1.0
# A lander that has sunk below its hover climbs back no faster.
CLIMB_MAX_M_S = 1.0


class Hover(eqx.Module):
    """A stop on the way down."""

    height_m: Scalar
    duration_s: Scalar
    descent_max_m_s: Scalar  # after it

    def descent_speed_m_s(self, height_m: Scalar, deceleration_m_s2: Scalar) -> Scalar:
        left_m = height_m - self.height_m
        straight_m_s = jnp.maximum(HOVER_GAIN_1_S * left_m, -CLIMB_MAX_M_S)
        return jnp.minimum(straight_m_s, jnp.sqrt(2.0 * deceleration_m_s2 * jnp.maximum(left_m, 0.0)))

    def aged(self, hovered_s: Scalar, local: LocalState, dt_s: Scalar) -> Scalar:
        here = HOVER_GAIN_1_S * (local.altitude_m - self.height_m) < HOVERING_M_S
        return hovered_s + jnp.where(here, dt_s, 0.0)


class VerticalGuidance(eqx.Module):
    """Rate of descent by height, from hover to hover and to the ground."""

    touchdown_speed_m_s: Scalar
    low_height_m: Scalar  # constant speed below
    deceleration_m_s2: Scalar
    descent_speed_max_m_s: Scalar
    vertical_gain_1_s: Scalar
    horizontal_gain_1_s: Scalar
    tilt_max_rad: Scalar
    tilt_low_rad: Scalar  # below `low_height_m`
    hovers: tuple[Hover, ...] = ()  # from the highest down

    def init(self) -> tuple[Scalar, ...]:
        """Time hovered so far, of each hover."""
        return tuple(jnp.zeros(()) for _ in self.hovers)

    def aged(self, hovered_s: tuple[Scalar, ...], local: LocalState, dt_s: Scalar) -> tuple[Scalar, ...]:
        return tuple(hover.aged(so_far_s, local, dt_s) for hover, so_far_s in zip(self.hovers, hovered_s, strict=True))

    def descent_speed_m_s(self, height_m: Scalar, hovered_s: tuple[Scalar, ...] = ()) -> Scalar:
        fall_m = jnp.maximum(height_m - self.low_height_m, 0.0)
        wanted_m_s = jnp.sqrt(self.touchdown_speed_m_s**2 + 2.0 * self.deceleration_m_s2 * fall_m)
        for hover, so_far_s in zip(self.hovers, hovered_s, strict=True):
            slower_m_s = jnp.minimum(wanted_m_s, hover.descent_speed_m_s(height_m, self.deceleration_m_s2))
            wanted_m_s = jnp.where(so_far_s >= hover.duration_s, wanted_m_s, slower_m_s)
        return jnp.minimum(wanted_m_s, self._highest_m_s(hovered_s))

    def _highest_m_s(self, hovered_s: tuple[Scalar, ...]) -> Scalar:
        """Rate of descent above the first hover, or after the last one that is over."""
        highest_m_s = self.descent_speed_max_m_s
        for hover, so_far_s in zip(self.hovers, hovered_s, strict=True):
            highest_m_s = jnp.where(so_far_s >= hover.duration_s, hover.descent_max_m_s, highest_m_s)
        return highest_m_s

    def accel_lci_m_s2(self, local: LocalState, hovered_s: tuple[Scalar, ...] = ()) -> Vec3:
        """Thrust acceleration, lci axes."""
        height_m = local.altitude_m
        wanted_m_s = self.descent_speed_m_s(height_m, hovered_s)
        # The curve slows by d only where it is the curve that rules: not at the ceiling, not in the last metres.
        on_curve = (height_m > self.low_height_m) & (wanted_m_s < self._highest_m_s(hovered_s))
        following = on_curve & (-local.vertical_speed_m_s > 0.9 * wanted_m_s)
        slowing_m_s2 = jnp.where(following, self._slowing_m_s2(wanted_m_s), 0.0)
        up_m_s2 = local.gravity_m_s2 + slowing_m_s2 - self.vertical_gain_1_s * (wanted_m_s + local.vertical_speed_m_s)
        level = horizontal_of(local.v_ground_lci_m_s, local.up_lci) * -self.horizontal_gain_1_s
        tilt_rad = jnp.where(height_m > self.low_height_m, self.tilt_max_rad, self.tilt_low_rad)
        level, up_m_s2 = within_tilt(level, up_m_s2, local.gravity_m_s2, tilt_rad)
        return level + local.up_lci * up_m_s2

    def _slowing_m_s2(self, wanted_m_s: Scalar) -> Scalar:
        """What the wanted rate of descent loses by itself: d on the curve, less on the straight way into a hover."""
        if not self.hovers:
            return self.deceleration_m_s2
        return jnp.clip(HOVER_GAIN_1_S * wanted_m_s, 0.0, self.deceleration_m_s2)
