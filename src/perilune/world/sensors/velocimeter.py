"""Doppler velocimeter: closing speed and slant range along several beams."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.math.batching import MANY_SLOTS, where_needed
from perilune.math.random import Stream
from perilune.math.vector import Vec3
from perilune.types import Flag, Index, Scalar
from perilune.wire.measurements import VelocimeterReading
from perilune.world.sensors.beam import Echo, echoes, in_reach, turned
from perilune.world.sensors.sensor import AbstractSensor, Seen, is_due


class VelocimeterState(eqx.Module):
    speed_scale: Float[Array, " beams"]
    range_scale: Float[Array, " beams"]
    mount_body_rad: Vec3


class Velocimeter(AbstractSensor[VelocimeterState, VelocimeterReading]):
    """Speed of the antenna toward the ground along each beam, lever arm included, and the range there.

    **Error.** White noise along each beam, `speed_noise_floor_m_s + speed_noise_slope * |speed|` and `range_noise_floor_m +
    range_noise_slope * range`; a scale error a beam and a mounting error of the whole unit, drawn once a flight.
    **Invalid when.** Off its period or without power; and beam by beam, when it misses the ground, its range lies outside the
    limits, the ground is met at more than `incidence_max_rad` from its normal, or it drops out by chance.
    **Neglects.** The width of the beam (spread of the Doppler line, and its pull toward steep ground), ambiguity and capture of the
    lock, correlation of noise between beams, plume and dust.
    """

    r_antenna_body_m: Vec3
    beams_body: tuple[Vec3, ...]
    range_min_m: Scalar
    range_max_m: Scalar
    incidence_max_rad: Scalar
    speed_noise_floor_m_s: Scalar
    speed_noise_slope: Scalar  # m/s a m/s of speed
    speed_scale_sigma: Scalar
    range_noise_floor_m: Scalar
    range_noise_slope: Scalar  # metre a metre of range
    range_scale_sigma: Scalar
    mount_sigma_rad: Scalar
    dropout_probability: Scalar
    period_ticks: Index
    ranges_told: Flag = True  # an optical unit may count fringes only; its ranges are then nan

    def init(self, stream: Stream) -> VelocimeterState:
        count = len(self.beams_body)
        return VelocimeterState(
            speed_scale=jnp.stack([stream.normal(3 + k) for k in range(count)]) * self.speed_scale_sigma,
            range_scale=jnp.stack([stream.normal(3 + count + k) for k in range(count)]) * self.range_scale_sigma,
            mount_body_rad=stream.normal_vec3(0) * self.mount_sigma_rad,
        )

    def measure(self, state: VelocimeterState, seen: Seen, stream: Stream, tick: Index) -> tuple[VelocimeterState, VelocimeterReading]:
        listening = seen.devices_on.velocimeter & in_reach(seen.truth, self.range_max_m) & seen.watched
        wanted = is_due(tick, self.period_ticks) & listening
        reading = where_needed(wanted, Velocimeter._reading, _blank(len(self.beams_body)), self, state, seen, stream, slots=MANY_SLOTS)
        return state, reading

    def _reading(self, state: VelocimeterState, seen: Seen, stream: Stream) -> VelocimeterReading:
        beams_body = tuple(turned(beam, state.mount_body_rad) for beam in self.beams_body)
        grounds = echoes(seen, self.r_antenna_body_m, beams_body)
        v_body_m_s = seen.truth.point_v_lfme_in_body_m_s(self.r_antenna_body_m)
        rows = [
            self._beam(k, state, (ground, v_body_m_s.dot(beam)), seen, stream.named(f"beam {k}"))
            for k, (ground, beam) in enumerate(zip(grounds, beams_body, strict=True))
        ]
        speeds_m_s, ranges_m, valids = zip(*rows, strict=True)
        valid = jnp.stack(valids)
        return VelocimeterReading(
            closing_speed_m_s=jnp.where(valid, jnp.stack(speeds_m_s), 0.0),
            range_m=jnp.where(self.ranges_told, jnp.where(valid, jnp.maximum(jnp.stack(ranges_m), 0.0), 0.0), jnp.nan),
            valid=valid,
        )

    def _beam(self, k: int, state: VelocimeterState, truth: tuple[Echo, Scalar], seen: Seen, stream: Stream) -> tuple[Scalar, Scalar, Flag]:
        ground, speed_m_s = truth
        speed_noise_m_s = (self.speed_noise_floor_m_s + self.speed_noise_slope * jnp.abs(speed_m_s)) * stream.normal(0)
        range_noise_m = (self.range_noise_floor_m + self.range_noise_slope * ground.range_m) * stream.normal(1)
        return (
            speed_m_s * (1.0 + state.speed_scale[k]) + speed_noise_m_s,
            ground.range_m * (1.0 + state.range_scale[k]) + range_noise_m,
            self._locked(ground) & (stream.uniform(2) >= self.dropout_probability),
        )

    def _locked(self, ground: Echo) -> Flag:
        within = (ground.range_m >= self.range_min_m) & (ground.range_m <= self.range_max_m)
        facing = ground.cos_incidence >= jnp.cos(self.incidence_max_rad)
        return ground.hit & within & facing


def no_beams() -> VelocimeterReading:
    """Of a lander without the unit."""
    return _blank(0)


def _blank(count: int) -> VelocimeterReading:
    return VelocimeterReading(jnp.zeros(count), jnp.zeros(count), jnp.zeros(count, dtype=bool))
