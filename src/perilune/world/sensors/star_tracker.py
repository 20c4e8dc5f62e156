"""Star tracker: the attitude against the stars, when it can see them."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import Stream
from perilune.math.rotation import from_rotation_vector, identity
from perilune.math.vector import Vec3
from perilune.types import Flag, Index, Scalar
from perilune.wire.measurements import StarTrackerReading
from perilune.world.kinematics import Kinematics
from perilune.world.sensors.sensor import AbstractSensor, Seen, is_due


class StarTrackerState(eqx.Module):
    mount_body_rad: Vec3


class StarTracker(AbstractSensor[StarTrackerState, StarTrackerReading]):
    """Attitude from star images, with one boresight.

    **Error.** A small turn in body axes: white noise of `sigma_across_rad` about each axis across the boresight and
    `sigma_about_rad` about it, drawn anew for each reading, and a mounting error drawn once a flight.
    **Invalid when.** Off its period; the body turns faster than `rate_max_rad_s`; the Sun or the Earth, unless the Moon hides it,
    stands within `exclusion_rad` of the boresight; the Moon's limb comes within `field_half_rad` (it hides stars, lit or not); or
    the limb's nearest point is in sunlight and within `exclusion_rad`.
    **Neglects.** Lit ground within the exclusion behind a limb whose nearest point is dark, relief of the limb, the size of Sun
    and Earth and the phase of the Earth, loss and re-acquisition times, aberration, time of exposure, dust and plume.
    """

    boresight_body: Vec3
    sigma_across_rad: Scalar
    sigma_about_rad: Scalar
    mount_sigma_rad: Scalar
    rate_max_rad_s: Scalar
    exclusion_rad: Scalar
    field_half_rad: Scalar
    period_ticks: Index

    def init(self, stream: Stream) -> StarTrackerState:
        return StarTrackerState(stream.normal_vec3(0) * self.mount_sigma_rad)

    def measure(self, state: StarTrackerState, seen: Seen, stream: Stream, tick: Index) -> tuple[StarTrackerState, StarTrackerReading]:
        reading = jax.lax.cond(is_due(tick, self.period_ticks), lambda: self._reading(state, seen.truth, stream), _blank)
        return state, reading

    def _reading(self, state: StarTrackerState, truth: Kinematics, stream: Stream) -> StarTrackerReading:
        noise = stream.normal_vec3(0)
        about = self.boresight_body * ((self.sigma_about_rad - self.sigma_across_rad) * noise.dot(self.boresight_body))
        error_body_rad = state.mount_body_rad + noise * self.sigma_across_rad + about
        q_lci_body = truth.q_lci_body @ from_rotation_vector(error_body_rad, "body", "body")
        steady = truth.omega_body_lci_rad_s.norm() <= self.rate_max_rad_s
        return StarTrackerReading(q_lci_body, steady & jnp.logical_not(self._blinded(truth)))

    def _blinded(self, truth: Kinematics) -> Flag:
        boresight_lci = truth.q_lci_body @ self.boresight_body
        up_lci = truth.r_lci_m.unit()
        sin_disc = jnp.minimum(RADIUS_MOON_M / truth.r_lci_m.norm(), 1.0)
        cos_disc = jnp.sqrt(1.0 - sin_disc**2)
        bodies = (truth.sun_direction_lci, truth.earth_direction_lci)
        dazzled = [self._close(boresight_lci, body) & (-body.dot(up_lci) < cos_disc) for body in bodies]
        return dazzled[0] | dazzled[1] | self._moon_blinds(truth, boresight_lci, up_lci, sin_disc, cos_disc)

    def _close(self, boresight_lci: Vec3, body_lci: Vec3) -> Flag:
        return boresight_lci.dot(body_lci) > jnp.cos(self.exclusion_rad)

    def _moon_blinds(self, truth: Kinematics, boresight_lci: Vec3, up_lci: Vec3, sin_disc: Scalar, cos_disc: Scalar) -> Flag:
        cos_up = boresight_lci.dot(up_lci)

        def within(apart_rad: Scalar) -> Flag:
            """Whether the limb stands nearer than this: from straight down, the boresight is inside disc + apart."""
            return -cos_up > cos_disc * jnp.cos(apart_rad) - sin_disc * jnp.sin(apart_rad)

        # Seen from the centre, the limb stands arccos(R / r) from the lander, toward the side where the boresight points.
        aside_lci = (boresight_lci - up_lci * cos_up).unit()
        limb_lci = up_lci * sin_disc + aside_lci * cos_disc
        lit = limb_lci.dot(truth.sun_direction_lci) > 0.0
        return within(self.field_half_rad) | (within(self.exclusion_rad) & lit)


def _blank() -> StarTrackerReading:
    return StarTrackerReading(identity("lci", "body"), jnp.asarray(False))
