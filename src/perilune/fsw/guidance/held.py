"""Legs flown in a fixed attitude: the hold after braking, and the fall with the engines off.

**Model.** The hold keeps the direction of thrust in which it began, fixed among the stars, and the throttle: what is wrong in thrust or
attitude is left alone until it ends. The fall keeps the axis at a tilt toward the body's +x side, with no thrust asked for.
**Neglects** everything that navigation tells during the hold.
**Reference.** The "camera coasting" of Vikram and the altitude hold of Chandrayaan-3 are the pattern (ISRO, 2023-07-10).
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.request import LocalState, ThrustRequest
from perilune.math.vector import Vec3
from perilune.types import Scalar


class AttitudeHold(eqx.Module):
    """Thrust at a fixed tilt against the motion, and a fixed share of full braking thrust."""

    tilt_rad: Scalar  # from the vertical, where the hold begins
    thrust_share: Scalar

    def direction_lci(self, local: LocalState) -> Vec3:
        """Where the thrust pushes in a hold that begins here."""
        return local.up_lci * jnp.cos(self.tilt_rad) - local.downrange_lci * jnp.sin(self.tilt_rad)

    def request(self, direction_lci: Vec3, full_accel_m_s2: Scalar, time_to_go_s: Scalar) -> ThrustRequest:
        return ThrustRequest(direction_lci, full_accel_m_s2 * self.thrust_share, time_to_go_s)


class FreeFall(eqx.Module):
    """The last metres without engines."""

    tilt_rad: Scalar  # from the vertical, toward body +x

    def request(self, local: LocalState, keel_lci: Vec3) -> ThrustRequest:
        """`keel_lci` is the direction along which body +y is kept."""
        aside = keel_lci.cross(local.up_lci)
        direction = local.up_lci * jnp.cos(self.tilt_rad) + aside * jnp.sin(self.tilt_rad)
        sink_m_s = jnp.maximum(-local.vertical_speed_m_s, 0.1)
        return ThrustRequest(direction.unit(), jnp.zeros_like(sink_m_s), local.altitude_m / sink_m_s)
