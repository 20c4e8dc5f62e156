"""Approach to a point over the site: a polynomial law of the Apollo family, within throttle and tilt limits.

**Model.** With time to go t, current r, v and wanted r_f, v_f, a_f (thrust acceleration at the end):
`a = 2/t (1 - k/3)(v_f - v) + k/t^2 (r_f - r - v t) + (k/6 - 1) a_f + (k/6 - 2) g`, thrust acceleration in a frame fixed to the ground;
k = 6 is E-guidance, k = 12 Apollo's law without jerk.
**Invalid when** the time to go is below `time_to_go_min_s`: the gains diverge, so they are held there.
**Neglects** rotation of the site frame during the approach (a minute: 2e-4 rad).
**Reference.** P. Lu, "Augmented Apollo Powered Descent Guidance", J. Guidance, Control and Dynamics 42 (2019).
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.limits import within_tilt
from perilune.fsw.guidance.request import ThrustRequest
from perilune.math.vector import Vec3
from perilune.types import Scalar


def polynomial_accel(k: Scalar, t_go_s: Scalar, miss_m: Vec3, speed_change_m_s: Vec3, accel_end_m_s2: Vec3, gravity_m_s2: Vec3) -> Vec3:
    """Thrust acceleration; `miss_m` is r_f - r - v t, `speed_change_m_s` is v_f - v."""
    return (
        speed_change_m_s * (2.0 / t_go_s * (1.0 - k / 3.0))
        + miss_m * (k / t_go_s**2)
        + accel_end_m_s2 * (k / 6.0 - 1.0)
        + gravity_m_s2 * (k / 6.0 - 2.0)
    )


class ApproachState(eqx.Module):
    time_to_go_s: Scalar


class ApproachGuidance(eqx.Module):
    """Targets over the site, in site axes (east, north, up)."""

    gain: Scalar  # k
    end_height_m: Scalar
    end_vertical_speed_m_s: Scalar  # positive up
    end_accel_up_m_s2: Scalar  # thrust acceleration at the end
    time_to_go_min_s: Scalar
    tilt_max_rad: Scalar

    def init(self) -> ApproachState:
        return ApproachState(time_to_go_s=jnp.zeros(()))

    def started(self, r_site_m: Vec3, v_site_m_s: Vec3) -> ApproachState:
        """Time to go that takes the horizontal speed out evenly over the horizontal distance."""
        distance_m = jnp.sqrt(r_site_m.x**2 + r_site_m.y**2)
        speed_m_s = jnp.sqrt(v_site_m_s.x**2 + v_site_m_s.y**2)
        level_s = 2.0 * distance_m / jnp.maximum(speed_m_s, 1.0)
        sink_m_s = jnp.maximum(-0.5 * (v_site_m_s.z + self.end_vertical_speed_m_s), 1.0)
        fall_s = jnp.maximum(r_site_m.z - self.end_height_m, 0.0) / sink_m_s
        # The vertical need not fit the horizontal exactly: the law bends, but not more than by half.
        return ApproachState(time_to_go_s=jnp.clip(level_s, 0.7 * fall_s, 1.5 * fall_s))

    def request(self, state: ApproachState, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar) -> tuple[Vec3, Scalar]:
        """Thrust acceleration in site axes."""
        t_go_s = jnp.maximum(state.time_to_go_s, self.time_to_go_min_s)
        zero = jnp.zeros_like(t_go_s)
        gravity = Vec3(zero, zero, -gravity_m_s2)
        target_m = Vec3(zero, zero, zero + self.end_height_m)
        target_m_s = Vec3(zero, zero, zero + self.end_vertical_speed_m_s)
        end_accel = Vec3(zero, zero, zero + self.end_accel_up_m_s2)
        miss_m = target_m - r_site_m - v_site_m_s * t_go_s
        accel = polynomial_accel(self.gain, t_go_s, miss_m, target_m_s - v_site_m_s, end_accel, gravity)
        level, up_m_s2 = within_tilt(Vec3(accel.x, accel.y, zero), accel.z, gravity_m_s2, self.tilt_max_rad)
        return Vec3(level.x, level.y, up_m_s2), t_go_s


def as_request(accel_lci_m_s2: Vec3, time_to_go_s: Scalar) -> ThrustRequest:
    return ThrustRequest(accel_lci_m_s2.unit(), accel_lci_m_s2.norm(), time_to_go_s)
