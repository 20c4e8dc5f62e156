"""Vertical descent: follow a rate of descent that fits the height, and take the sideways speed out.

**Model.** Wanted rate of descent: `sqrt(v_touchdown^2 + 2 d (h - h_low))` above `h_low`, `v_touchdown` below it, never above a stated
maximum; d is the design deceleration. The thrust carries the weight, gives d while the curve is being followed, and closes the
speed error by a gain. Horizontal speed is closed by a gain within a tilt limit, and the tilt limit narrows to a small one near the ground.
**Neglects** everything about the site but its height: no divert.
**Reference.** Apollo's rate-of-descent mode is the pattern: Klumpp, Automatica 10 (1974).
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.limits import within_tilt
from perilune.fsw.guidance.request import LocalState, horizontal_of
from perilune.math.vector import Vec3
from perilune.types import Scalar


class VerticalGuidance(eqx.Module):
    touchdown_speed_m_s: Scalar
    low_height_m: Scalar  # constant speed below
    deceleration_m_s2: Scalar
    descent_speed_max_m_s: Scalar
    vertical_gain_1_s: Scalar
    horizontal_gain_1_s: Scalar
    tilt_max_rad: Scalar
    tilt_low_rad: Scalar  # below `low_height_m`

    def descent_speed_m_s(self, height_m: Scalar) -> Scalar:
        fall_m = jnp.maximum(height_m - self.low_height_m, 0.0)
        return jnp.minimum(jnp.sqrt(self.touchdown_speed_m_s**2 + 2.0 * self.deceleration_m_s2 * fall_m), self.descent_speed_max_m_s)

    def accel_lci_m_s2(self, local: LocalState) -> Vec3:
        """Thrust acceleration, lci axes."""
        height_m = local.altitude_m
        wanted_m_s = self.descent_speed_m_s(height_m)
        # The curve slows by d only where it is the curve that rules: not at the ceiling, not in the last metres.
        on_curve = (height_m > self.low_height_m) & (wanted_m_s < self.descent_speed_max_m_s)
        following = on_curve & (-local.vertical_speed_m_s > 0.9 * wanted_m_s)
        slowing_m_s2 = jnp.where(following, self.deceleration_m_s2, 0.0)
        up_m_s2 = local.gravity_m_s2 + slowing_m_s2 - self.vertical_gain_1_s * (wanted_m_s + local.vertical_speed_m_s)
        level = horizontal_of(local.v_ground_lci_m_s, local.up_lci) * -self.horizontal_gain_1_s
        tilt_rad = jnp.where(height_m > self.low_height_m, self.tilt_max_rad, self.tilt_low_rad)
        level, up_m_s2 = within_tilt(level, up_m_s2, local.gravity_m_s2, tilt_rad)
        return level + local.up_lci * up_m_s2
