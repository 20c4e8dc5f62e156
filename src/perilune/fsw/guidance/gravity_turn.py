"""Approach by a gravity turn: thrust against the velocity, so that gravity alone turns the way of flight upright.

**Model.** Over flat ground, with the thrust acceleration `n g`, the velocity v at the angle a from straight down ends at rest after the height
`h = v^2 (1 + 2 n cos a + cos^2 a) / (4 g (n^2 - 1))` and the time `t = v (n + cos a) / (g (n^2 - 1))`. Each cycle solves the first for n. Rest is
aimed at so far below the end of the approach that vertical descent takes over in its own deceleration.
**Invalid when** n asks for more thrust than there is: nothing is kept back for it.
**Neglects** the place: it comes down where the turn leads, and only the gate decides where.
**Reference.** Culler and Fried, J. Applied Physics 28 (1957) 672; McInnes, J. Guidance, Control and Dynamics 26 (2003). Surveyor landed so.
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.approach import ApproachState, ThrustBand
from perilune.fsw.guidance.limits import within_tilt
from perilune.math.vector import Vec3
from perilune.types import Scalar

# Below it there is no direction to thrust against: straight up then.
SPEED_MIN_M_S = 0.5


def thrust_share(speed_m_s: Scalar, cos_from_down: Scalar, height_m: Scalar, gravity_m_s2: Scalar) -> Scalar:
    """n, thrust over weight, of the turn that ends at rest after this height."""
    k = 4.0 * gravity_m_s2 * height_m / speed_m_s**2
    return (cos_from_down + jnp.sqrt(cos_from_down**2 + k * (k + 1.0 + cos_from_down**2))) / k


def duration_s(speed_m_s: Scalar, cos_from_down: Scalar, share: Scalar, gravity_m_s2: Scalar) -> Scalar:
    """Time until rest."""
    return speed_m_s * (share + cos_from_down) / (gravity_m_s2 * (share**2 - 1.0))


class GravityTurn(eqx.Module):
    """From the gate to a height over the ground, wherever that is."""

    end_height_m: Scalar
    end_vertical_speed_m_s: Scalar  # positive up
    end_deceleration_m_s2: Scalar  # of vertical descent
    gravity_m_s2: Scalar  # as believed, before any is navigated
    tilt_max_rad: Scalar

    def init(self) -> ApproachState:
        return ApproachState(jnp.zeros(()), jnp.zeros(()))

    def started(self, r_site_m: Vec3, v_site_m_s: Vec3) -> ApproachState:
        """Time to rest, which is beyond the end of the approach: its height ends it."""
        _, time_to_go_s = self._turn(r_site_m, v_site_m_s, self.gravity_m_s2)
        return ApproachState(time_to_go_s, time_to_go_s)

    def kept_in_reach(
        self, state: ApproachState, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar, band: ThrustBand
    ) -> ApproachState:
        """It has no clock to keep."""
        return state

    def request(self, state: ApproachState, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar) -> tuple[Vec3, Scalar]:
        """Thrust acceleration in site axes."""
        share, time_to_go_s = self._turn(r_site_m, v_site_m_s, gravity_m_s2)
        slow = v_site_m_s.norm() < SPEED_MIN_M_S
        against = v_site_m_s * (-share * gravity_m_s2 / jnp.maximum(v_site_m_s.norm(), SPEED_MIN_M_S))
        up_m_s2 = jnp.where(slow, gravity_m_s2, against.z)
        level, up_m_s2 = within_tilt(Vec3(against.x, against.y, jnp.zeros_like(up_m_s2)), up_m_s2, gravity_m_s2, self.tilt_max_rad)
        return Vec3(level.x, level.y, up_m_s2), time_to_go_s

    def _turn(self, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar) -> tuple[Scalar, Scalar]:
        """Thrust over weight, and the time to rest."""
        speed_m_s = jnp.maximum(v_site_m_s.norm(), SPEED_MIN_M_S)
        cos_from_down = -v_site_m_s.z / speed_m_s
        beyond_m = 0.5 * self.end_vertical_speed_m_s**2 / self.end_deceleration_m_s2
        height_m = jnp.maximum(r_site_m.z - self.end_height_m, 0.0) + beyond_m
        share = thrust_share(speed_m_s, cos_from_down, height_m, gravity_m_s2)
        return share, duration_s(speed_m_s, cos_from_down, share, gravity_m_s2)
