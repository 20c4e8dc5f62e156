"""Altimeter, radar or laser: slant range along one beam."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.batching import MANY_SLOTS, where_needed
from perilune.math.random import Stream
from perilune.math.vector import Vec3
from perilune.types import Flag, Index, Scalar
from perilune.wire.measurements import RangeReading
from perilune.world.sensors.beam import Echo, echoes, in_reach, turned
from perilune.world.sensors.sensor import AbstractSensor, Seen, is_due


class AltimeterState(eqx.Module):
    bias_m: Scalar
    scale: Scalar
    mount_body_rad: Vec3


class Altimeter(AbstractSensor[AltimeterState, RangeReading]):
    """Slant range from the antenna to the ground along one beam fixed to the body.

    **Error.** Bias, scale and mounting error drawn once a flight; white noise of `noise_floor_m + noise_slope * range`. The spot on
    the ground is a few rays (`beam.footprint_rays`), each range projected on the axis, and averaged.
    **Invalid when.** Off its period or without power; any ray misses the ground; the range lies outside the limits; the ground is
    met at more than `incidence_max_rad` from its normal (mean cosine of the rays); or the reading drops out by chance.
    **Neglects.** The wave form (a pulse radar tracks the leading edge, so it reads high ground in its spot first), speckle, false
    echoes, delay, plume and dust, side lobes, the Doppler shift of a chirp.
    """

    r_antenna_body_m: Vec3
    axis_body: Vec3
    rays_body: tuple[Vec3, ...]
    range_min_m: Scalar
    range_max_m: Scalar
    incidence_max_rad: Scalar
    bias_sigma_m: Scalar
    scale_sigma: Scalar
    mount_sigma_rad: Scalar
    noise_floor_m: Scalar
    noise_slope: Scalar  # metre a metre of range
    dropout_probability: Scalar
    period_ticks: Index

    def init(self, stream: Stream) -> AltimeterState:
        return AltimeterState(
            bias_m=stream.normal(0) * self.bias_sigma_m,
            scale=stream.normal(1) * self.scale_sigma,
            mount_body_rad=stream.normal_vec3(2) * self.mount_sigma_rad,
        )

    def measure(self, state: AltimeterState, seen: Seen, stream: Stream, tick: Index) -> tuple[AltimeterState, RangeReading]:
        listening = seen.devices_on.altimeter & in_reach(seen.truth, self.range_max_m) & seen.watched
        wanted = is_due(tick, self.period_ticks) & listening
        reading = where_needed(wanted, Altimeter._reading, _blank(), self, state, seen, stream, slots=MANY_SLOTS)
        return state, reading

    def _reading(self, state: AltimeterState, seen: Seen, stream: Stream) -> RangeReading:
        ground = self._spot(state, seen)
        noise_m = (self.noise_floor_m + self.noise_slope * ground.range_m) * stream.normal(0)
        range_m = ground.range_m * (1.0 + state.scale) + state.bias_m + noise_m
        valid = self._ranging(ground) & (stream.uniform(1) >= self.dropout_probability)
        return RangeReading(jnp.where(valid, jnp.maximum(range_m, 0.0), 0.0), valid)

    def _spot(self, state: AltimeterState, seen: Seen) -> Echo:
        rays = echoes(seen, self.r_antenna_body_m, tuple(turned(ray, state.mount_body_rad) for ray in self.rays_body))
        share = 1.0 / len(rays)
        on_axis_m = [one.range_m * ray.dot(self.axis_body) for one, ray in zip(rays, self.rays_body, strict=True)]
        hit = jnp.asarray(True)
        for one in rays:
            hit = hit & one.hit
        return Echo(sum(on_axis_m, jnp.zeros(())) * share, sum((one.cos_incidence for one in rays), jnp.zeros(())) * share, hit)

    def _ranging(self, ground: Echo) -> Flag:
        within = (ground.range_m >= self.range_min_m) & (ground.range_m <= self.range_max_m)
        facing = ground.cos_incidence >= jnp.cos(self.incidence_max_rad)
        return ground.hit & within & facing


def _blank() -> RangeReading:
    return RangeReading(jnp.zeros(()), jnp.asarray(False))
