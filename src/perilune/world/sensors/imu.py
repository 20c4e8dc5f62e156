"""Inertial measurement unit: three accelerometers and three gyros that count increments."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.math.random import Stream
from perilune.math.through import whole
from perilune.math.vector import Vec3, select, zero_vec3
from perilune.types import Index, Scalar
from perilune.wire.measurements import ImuReading
from perilune.world.sensors.sensor import AbstractSensor, Seen


class TriadState(eqx.Module):
    """This flight's errors, in the unit that the triad counts (m/s or rad), and what waits for the next count."""

    bias_per_s: Vec3
    scale: Vec3
    tilt_next_rad: Vec3  # x senses y, y senses z, z senses x
    tilt_last_rad: Vec3  # x senses z, y senses x, z senses y
    residual: Vec3


class InertialTriad(eqx.Module):
    """Three like instruments across one another, counting increments of one unit: m/s (accelerometers) or rad (gyros).

    **Error.** Sensed increment = truth + scale + cross-axis tilt (each instrument's axis by two independent small angles: turn of
    the case and non-orthogonality together) + bias x time + white noise whose sum grows as `random_walk_per_sqrt_s` x sqrt(t);
    held to the range; counted in quanta, the rest carried to the next cycle so that nothing is lost. The bias itself walks, unless
    `bias_walk_per_s_sqrt_s` is None (that saves half the draws).
    **Invalid when.** `quantum` is not positive; the motion within one cycle goes beyond the range but its mean does not (the range
    is applied to the mean over the cycle).
    **Neglects.** Temperature, vibration rectification, flicker noise, g-sensitivity of gyros, bandwidth, the walk of the bias
    inside one cycle.
    **Reference.** IEEE Std 952-1997 and 1293-1998 for the names and the convention of random walk and quantisation.
    """

    bias_sigma_per_s: Scalar
    scale_sigma: Scalar
    tilt_sigma_rad: Scalar
    random_walk_per_sqrt_s: Scalar
    quantum: Scalar
    range_per_s: Scalar
    bias_walk_per_s_sqrt_s: Scalar | None = None

    def init(self, stream: Stream) -> TriadState:
        return TriadState(
            bias_per_s=stream.normal_vec3(0) * self.bias_sigma_per_s,
            scale=stream.normal_vec3(3) * self.scale_sigma,
            tilt_next_rad=stream.normal_vec3(6) * self.tilt_sigma_rad,
            tilt_last_rad=stream.normal_vec3(9) * self.tilt_sigma_rad,
            residual=zero_vec3(),
        )

    def counted(self, state: TriadState, increment: Vec3, dt_s: Scalar, stream: Stream) -> tuple[TriadState, Vec3]:
        """Shape () per component; the increment in and out in the triad's unit."""
        # The barrier keeps XLA from drawing the same noise again in each fusion that uses it.
        white = jax.lax.optimization_barrier(stream.normal_vec3(0))
        noise = white * (self.random_walk_per_sqrt_s * jnp.sqrt(dt_s))
        sensed = _across(state, increment) + state.bias_per_s * dt_s + noise
        total = _held(sensed, self.range_per_s * dt_s) + state.residual
        counted = _rounded(total, self.quantum)
        bias_per_s = self._walked(state.bias_per_s, dt_s, stream)
        return TriadState(bias_per_s, state.scale, state.tilt_next_rad, state.tilt_last_rad, total - counted), counted

    def _walked(self, bias_per_s: Vec3, dt_s: Scalar, stream: Stream) -> Vec3:
        if self.bias_walk_per_s_sqrt_s is None:
            return bias_per_s
        return bias_per_s + stream.normal_vec3(3) * (self.bias_walk_per_s_sqrt_s * jnp.sqrt(dt_s))


def _across(state: TriadState, increment: Vec3) -> Vec3:
    following = Vec3(increment.y, increment.z, increment.x)
    preceding = Vec3(increment.z, increment.x, increment.y)
    skew = following.scaled_by(state.tilt_next_rad) + preceding.scaled_by(state.tilt_last_rad)
    return increment + increment.scaled_by(state.scale) + skew


def _held(increment: Vec3, limit: Scalar) -> Vec3:
    return Vec3(*(jnp.clip(part, -limit, limit) for part in increment.components()))


def _rounded(increment: Vec3, quantum: Scalar) -> Vec3:
    counts_per_unit = 1.0 / quantum  # once, not a division a component
    return Vec3(*(whole(part * counts_per_unit) * quantum for part in increment.components()))


class ImuState(eqx.Module):
    accelerometers: TriadState
    gyros: TriadState


class Imu(AbstractSensor[ImuState, ImuReading]):
    """Inertial measurement unit; see `InertialTriad` for its errors.

    Without power its accelerometers read exactly zero while the reading stays valid, for the gyros still count: flight software
    that believes it, as that of Luna-25 did, never sees the engine push.
    """

    r_imu_body_m: Vec3  # where the plant takes the increments, from the structure's origin
    accelerometers: InertialTriad
    gyros: InertialTriad

    def init(self, stream: Stream) -> ImuState:
        return ImuState(self.accelerometers.init(stream.named("accelerometers")), self.gyros.init(stream.named("gyros")))

    def measure(self, state: ImuState, seen: Seen, stream: Stream, tick: Index) -> tuple[ImuState, ImuReading]:
        del tick  # it counts every cycle
        truth = seen.increments
        push = self.accelerometers.counted(state.accelerometers, truth.delta_v_body_m_s, truth.dt_s, stream.named("accelerometers"))
        turn = self.gyros.counted(state.gyros, truth.delta_theta_body_rad, truth.dt_s, stream.named("gyros"))
        accelerometers, delta_v_body_m_s = _if_powered(seen, push)
        gyros, delta_theta_body_rad = turn
        return ImuState(accelerometers, gyros), ImuReading(delta_v_body_m_s, delta_theta_body_rad, jnp.asarray(True))


def _if_powered(seen: Seen, push: tuple[TriadState, Vec3]) -> tuple[TriadState, Vec3]:
    on = seen.devices_on.accelerometers
    state, delta_v_body_m_s = push
    residual = select(on, state.residual, zero_vec3())
    return eqx.tree_at(lambda s: s.residual, state, residual), select(on, delta_v_body_m_s, zero_vec3())
