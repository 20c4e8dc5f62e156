"""Back to an orbit, from a braking that cannot be finished.

**Model.** Full thrust ahead, in the plane of flight. Its upward share carries the weight, less what the speed carries, and brings the height to that of
the wanted orbit at a rate in proportion to what is missing; the rest speeds up. The engines are cut when the lowest point of the orbit is as high as wanted.
Propellant suffices if the exhaust gives the speed that is missing along and up, with a share for the way there and a margin.
**Invalid when** the thrust does not carry the weight.
**Neglects** relief, and staging: the vehicle goes back whole.
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.constants import GM_MOON_M3_S2
from perilune.fsw.guidance.request import LocalState, ThrustRequest
from perilune.types import Flag, Scalar

# Rates of climb and of its correction; the most of the thrust that goes upward.
CLIMB_GAIN_1_S, SPEED_GAIN_1_S, CLIMB_MAX_M_S, UP_SHARE_MAX = 1.0 / 60.0, 0.1, 60.0, 0.9
# Of the speed that is missing, for thrust that does not push along and for the turn before it.
LOSSES = 1.15
# Once reached, the orbit may be believed lower by so much before the engines are lit again.
LOWER_M = 3000.0
# It is aimed at from so much above, or it would be neared for ever.
ABOVE_M = 1000.0


class AbortGuidance(eqx.Module):
    """The orbit to go back to."""

    radius_m: Scalar  # of its lowest point
    margin_m_s: Scalar

    def request(self, local: LocalState, done: Flag, full_accel_m_s2: Scalar) -> ThrustRequest:
        along_m_s = self._along_m_s(local)
        climb_m_s = jnp.clip((self.radius_m + ABOVE_M - local.radius_m) * CLIMB_GAIN_1_S, 0.0, CLIMB_MAX_M_S)
        weight_m_s2 = local.gravity_m_s2 - along_m_s**2 / local.radius_m
        up_m_s2 = weight_m_s2 + (climb_m_s - local.vertical_speed_m_s) * SPEED_GAIN_1_S
        up = jnp.clip(up_m_s2 / full_accel_m_s2, -UP_SHARE_MAX, UP_SHARE_MAX)
        direction = local.up_lci * up + local.downrange_lci * jnp.sqrt(1.0 - up**2)
        return ThrustRequest(direction, jnp.where(done, 0.0, full_accel_m_s2), jnp.zeros_like(up))

    def done(self, before: Flag, local: LocalState) -> Flag:
        """Whether the orbit is reached."""
        wanted_m = jnp.where(before, self.radius_m - LOWER_M, self.radius_m)
        return self.lowest_m(local) >= wanted_m

    def lowest_m(self, local: LocalState) -> Scalar:
        """Radius of the lowest point of the orbit, of a point mass."""
        along_m_s, up_m_s = self._along_m_s(local), local.vertical_speed_m_s
        energy = 0.5 * (along_m_s**2 + up_m_s**2) - GM_MOON_M3_S2 / local.radius_m
        momentum = along_m_s * local.radius_m
        eccentricity = jnp.sqrt(jnp.maximum(1.0 + 2.0 * energy * momentum**2 / GM_MOON_M3_S2**2, 0.0))
        return momentum**2 / GM_MOON_M3_S2 / (1.0 + eccentricity)

    def affordable(self, local: LocalState, given_m_s: Scalar) -> Flag:
        """Whether what the propellant gives leads back."""
        circular_m_s = jnp.sqrt(GM_MOON_M3_S2 / self.radius_m)
        missing_m_s = jnp.hypot(jnp.maximum(circular_m_s - self._along_m_s(local), 0.0), local.vertical_speed_m_s)
        # To climb to a higher orbit takes about as much speed as half of its fall would give.
        climb_m_s = 0.5 * jnp.sqrt(local.gravity_m_s2 / self.radius_m) * jnp.maximum(self.radius_m - local.radius_m, 0.0)
        return given_m_s > LOSSES * (missing_m_s + climb_m_s) + self.margin_m_s

    def _along_m_s(self, local: LocalState) -> Scalar:
        """Level speed, inertial."""
        return local.v_ground_lci_m_s.dot(local.downrange_lci) + local.ground_speed_m_s
