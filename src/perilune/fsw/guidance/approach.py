"""Approach to a point over the site: a polynomial law of the Apollo family, within throttle and tilt limits.

**Model.** With time to go t, current r, v and wanted r_f, v_f, a_f (thrust acceleration at the end):
`a = 2/t (1 - k/3)(v_f - v) + k/t^2 (r_f - r - v t) + (k/6 - 1) a_f + (k/6 - 2) g`, thrust acceleration in a frame fixed to the ground;
k = 6 is E-guidance, k = 12 Apollo's law without jerk.
**Invalid when** the time to go is below `time_to_go_min_s`: the gains diverge, so they are held there, and
the aim runs on at the end acceleration.
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


# Of the sideways thrust that the tilt limit leaves at hover, this much may be spent on stop and divert together.
DIVERT_SHARE = 0.7
# A place that gives way as far as it must: farther than any divert.
ANYWHERE_M = 1e9
# Engines that are believed to give no more than the weight are not waited for.
SLOWING_MIN_M_S2 = 0.1


class ApproachState(eqx.Module):
    time_to_go_s: Scalar
    laid_out_s: Scalar  # of the time that was laid out, what is left


class ThrustBand(eqx.Module):
    """Thrust acceleration of all that burns in approach, as believed."""

    least_m_s2: Scalar
    most_m_s2: Scalar


class ApproachGuidance(eqx.Module):
    """Targets over the site, in site axes (east, north, up)."""

    gain: Scalar  # k
    end_height_m: Scalar
    end_vertical_speed_m_s: Scalar  # positive up
    end_accel_up_m_s2: Scalar  # thrust acceleration at the end
    time_to_go_min_s: Scalar
    tilt_max_rad: Scalar
    dive_m_s2: Scalar = 0.0  # by which the fall may be sped up at first and slowed down at last; 0: never shorter than an even fall
    give_way_m: Scalar = ANYWHERE_M  # by which the place may be given up; beyond it the target is chased

    def init(self) -> ApproachState:
        return ApproachState(jnp.zeros(()), jnp.zeros(()))

    def started(self, r_site_m: Vec3, v_site_m_s: Vec3) -> ApproachState:
        """Time to go that takes the horizontal speed out evenly over the horizontal distance."""
        distance_m = jnp.sqrt(r_site_m.x**2 + r_site_m.y**2)
        speed_m_s = jnp.sqrt(v_site_m_s.x**2 + v_site_m_s.y**2)
        level_s = 2.0 * distance_m / jnp.maximum(speed_m_s, 1.0)
        sink_m_s = jnp.maximum(-0.5 * (v_site_m_s.z + self.end_vertical_speed_m_s), 1.0)
        fall_m = jnp.maximum(r_site_m.z - self.end_height_m, 0.0)
        # The time t of a fall whose acceleration runs evenly from -dive to +dive: 6 (fall - sink t) = dive t^2.
        fall_s = 2.0 * fall_m / (sink_m_s + jnp.sqrt(sink_m_s**2 + self.dive_m_s2 * fall_m / 1.5))
        # Never less time than that: the law would first let the lander drop, and then ask for more thrust than there is. The
        # place gives way instead (`_reachable`).
        time_to_go_s = jnp.clip(level_s, fall_s, 1.4 * fall_s)
        return ApproachState(time_to_go_s, time_to_go_s)

    def kept_in_reach(
        self, state: ApproachState, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar, band: ThrustBand
    ) -> ApproachState:
        """With what is left of the time laid out, but no less than the engines can bring the end about in.

        That counts for a lander that is faster than it is to be there, and while the gains are not held: what is left of another's way is
        vertical descent's.
        """
        quickest_s = self._quickest_s(r_site_m.z, v_site_m_s.z, gravity_m_s2, band)
        needed = (v_site_m_s.z < self.end_vertical_speed_m_s) & (quickest_s > self.time_to_go_min_s)
        time_to_go_s = jnp.where(needed, jnp.maximum(state.laid_out_s, quickest_s), state.laid_out_s)
        return ApproachState(time_to_go_s, state.laid_out_s)

    def _quickest_s(self, height_m: Scalar, up_m_s: Scalar, gravity_m_s2: Scalar, band: ThrustBand) -> Scalar:
        """Time of a fall to the end on the least thrust, leaning as far as it may, and then on the most, upright."""
        sink_m_s, end_m_s = jnp.maximum(-up_m_s, 1.0), -self.end_vertical_speed_m_s
        fall_m = jnp.maximum(height_m - self.end_height_m, 0.0)
        faster_m_s2 = jnp.maximum(gravity_m_s2 - band.least_m_s2 * jnp.cos(self.tilt_max_rad), 0.0)
        slower_m_s2 = jnp.maximum(band.most_m_s2 - gravity_m_s2, SLOWING_MIN_M_S2)
        # The square of the top speed is more than that of now by `faster * spare`; no division by an acceleration that may be nought.
        spare_m = jnp.maximum(2.0 * slower_m_s2 * fall_m + end_m_s**2 - sink_m_s**2, 0.0) / (slower_m_s2 + faster_m_s2)
        top_m_s = jnp.sqrt(sink_m_s**2 + faster_m_s2 * spare_m)
        return spare_m / (top_m_s + sink_m_s) + jnp.maximum(top_m_s - end_m_s, 0.0) / slower_m_s2

    def request(self, state: ApproachState, r_site_m: Vec3, v_site_m_s: Vec3, gravity_m_s2: Scalar) -> tuple[Vec3, Scalar]:
        """Thrust acceleration in site axes."""
        t_go_s = jnp.maximum(state.time_to_go_s, self.time_to_go_min_s)
        zero = jnp.zeros_like(t_go_s)
        gravity = Vec3(zero, zero, -gravity_m_s2)
        # With the time to go held, the aim runs on beyond the target as the flight would: else it would seem ever further away.
        beyond_s = t_go_s - state.time_to_go_s
        rise_m_s2 = self.end_accel_up_m_s2 - gravity_m_s2
        beyond_m = self.end_vertical_speed_m_s * beyond_s + 0.5 * rise_m_s2 * beyond_s**2
        target_m = Vec3(zero, zero, self.end_height_m + beyond_m)
        target_m_s = Vec3(zero, zero, self.end_vertical_speed_m_s + rise_m_s2 * beyond_s)
        end_accel = Vec3(zero, zero, zero + self.end_accel_up_m_s2)
        target_m = self._reachable(target_m, r_site_m, v_site_m_s, t_go_s, gravity_m_s2)
        miss_m = target_m - r_site_m - v_site_m_s * t_go_s
        accel = polynomial_accel(self.gain, t_go_s, miss_m, target_m_s - v_site_m_s, end_accel, gravity)
        level, up_m_s2 = within_tilt(Vec3(accel.x, accel.y, zero), accel.z, gravity_m_s2, self.tilt_max_rad)
        return Vec3(level.x, level.y, up_m_s2), t_go_s

    def _reachable(self, target_m: Vec3, r_site_m: Vec3, v_site_m_s: Vec3, t_go_s: Scalar, gravity_m_s2: Scalar) -> Vec3:
        """The target, or as much of the way to it as the tilt limit allows from where an even stop would end: no target is worth a tumble.

        A target that may give way by less than that stands there, and is chased.
        """
        stop_m = r_site_m + v_site_m_s * (0.5 * t_go_s)
        stop_m_s2 = jnp.sqrt(v_site_m_s.x**2 + v_site_m_s.y**2) * jnp.abs(2.0 - self.gain / 6.0) / t_go_s
        divert_m = jnp.maximum(jnp.sqrt((target_m.x - stop_m.x) ** 2 + (target_m.y - stop_m.y) ** 2), 1e-9)
        allowed_m_s2 = DIVERT_SHARE * gravity_m_s2 * jnp.tan(self.tilt_max_rad)
        share = jnp.clip((allowed_m_s2 - stop_m_s2) * t_go_s**2 / (self.gain * divert_m), 0.0, 1.0)
        share = jnp.maximum(share, 1.0 - self.give_way_m / divert_m)
        return Vec3(stop_m.x + (target_m.x - stop_m.x) * share, stop_m.y + (target_m.y - stop_m.y) * share, target_m.z)


def as_request(accel_lci_m_s2: Vec3, time_to_go_s: Scalar) -> ThrustRequest:
    return ThrustRequest(accel_lci_m_s2.unit(), accel_lci_m_s2.norm(), time_to_go_s)
