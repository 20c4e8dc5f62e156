"""Shares out thrust and torque: throttle of each engine, on-time of each thruster."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.through import only_if
from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Flag, Scalar

# An engine that is shut and lit again is shut when less is asked for than this share of its least thrust, or of what the others give.
OFF_SHARE_OF_LEAST, OFF_SHARE_OF_OTHERS = 0.5, 0.9


class ActuatorUse(eqx.Module):
    """What a mode lets control use."""

    engines: Bool[Array, " engines"]
    axial_thrusters: Flag  # may give thrust
    axial_torque: Flag  # may give pitch and yaw by differential pulses
    attitude_thrusters: Flag


class Demand(eqx.Module):
    """What guidance and attitude control ask for over the coming cycle."""

    thrust_n: Scalar  # along body z; zero or less shuts every engine
    torque_body_n_m: Vec3


class Allocation(eqx.Module):
    """Orders for the coming cycle and what flight software believes they give."""

    throttle: Float[Array, " engines"]
    thruster_on_s: Float[Array, " thrusters"]
    thrust_n: Scalar
    torque_body_n_m: Vec3


class AllocationState(eqx.Module):
    """Torque asked for and not given because its pulses were too short; it is carried to the next cycle."""

    residual_body_n_m: Vec3
    lit: Flag | None = None  # engines that are shut and lit again as they are needed


class Relight(eqx.Module):
    """Engines whose least thrust is too much for hovering: lit when the others cannot give what is asked for and all of their least thrust
    is wanted; shut when the others can, or when half of that is too much."""

    engines: Bool[Array, " engines"]
    least_n: Scalar
    thrusters_n: Scalar  # of the others that are no engines

    def lit(self, before: Flag, thrust_n: Scalar, other_engines_n: Scalar) -> Flag:
        """`other_engines_n` counts those that are used now: one that is lost carries nothing."""
        others_n = self.thrusters_n + other_engines_n
        on_n = jnp.maximum(others_n, self.least_n)
        off_n = jnp.maximum(OFF_SHARE_OF_LEAST * self.least_n, OFF_SHARE_OF_OTHERS * others_n)
        return jnp.where(before, thrust_n > off_n, thrust_n >= on_n)


class EngineShares(eqx.Module):
    """Belief about the main engines."""

    thrust_n: Float[Array, " engines"]
    throttle_min: Float[Array, " engines"]
    throttle_max: Float[Array, " engines"]

    def throttle(self, thrust_n: Scalar, others_n: Scalar, used: Bool[Array, " engines"]) -> Float[Array, " engines"]:
        """Fixed engines at full, throttleable ones sharing what `others_n` leave, in their band."""
        lit = used & (thrust_n > 0.0)
        fixed = self.throttle_min >= self.throttle_max
        full_n = jnp.where(lit, self.thrust_n * self.throttle_max, 0.0)
        fixed_n = jnp.sum(jnp.where(fixed, full_n, 0.0))
        variable_n = jnp.sum(jnp.where(fixed | ~lit, 0.0, self.thrust_n))
        common = (thrust_n - others_n - fixed_n) / jnp.maximum(variable_n, 1e-9)
        return jnp.where(lit, jnp.clip(common, self.throttle_min, self.throttle_max), 0.0)


class Allocator(eqx.Module):
    """Torque first, then thrust.

    **Model.** Axial thrusters give thrust as a common duty and pitch and yaw by a differential that leaves the thrust unchanged; the
    common duty shifts, and the differential shrinks, until every duty is between its minimum and 1. Attitude thrusters give the rest by
    fixed non-negative patterns, one for each sense of each axis, all shortened alike if one would exceed the cycle. Pulses under the
    shortest are left out; what torque that costs is carried over, up to the torque whose pulse is just long enough, and only while
    the axis is asked for torque. A steady small torque is thus given by single shortest pulses: a limit cycle whose step in rate
    is the shortest impulse times its arm over the inertia.
    **Invalid when** believed thrust is far off: the common error becomes a disturbance to attitude control.
    **Neglects** the position of the pulses within the cycle, and the lag of engines.
    **Reference.** Wie, Space Vehicle Dynamics and Control (1998); Lawson & Hanson, Solving Least Squares Problems (1974) for the patterns.
    """

    engines: EngineShares
    is_axial: Float[Array, " thrusters"]  # 0 or 1
    axial_full_n: Scalar
    axial_duty_min: Scalar  # while they give thrust
    axial_duty_per_n_m: Float[Array, "axes=2 thrusters"]  # about x and y, zero sum of thrust
    attitude_duty_per_n_m: Float[Array, "senses=6 thrusters"]  # +x -x +y -y +z -z
    output_full: Float[Array, "thrusters 4"]  # torque (N m) about x, y, z and thrust along z (N), at duty 1
    pulse_min_s: Float[Array, " thrusters"]
    axial_step_n_m: Vec3  # torque whose longest differential pulse is the shortest possible
    attitude_step_n_m: Vec3
    cycle_s: Scalar
    relight: Relight | None = None

    def init(self) -> AllocationState:
        return AllocationState(zero_vec3(), None if self.relight is None else jnp.asarray(False))

    def allocate(self, state: AllocationState, demand: Demand, use: ActuatorUse) -> tuple[AllocationState, Allocation]:
        """Orders for one cycle."""
        lit = None
        if self.relight is not None and state.lit is not None:
            others = jnp.where(use.engines & ~self.relight.engines, self.engines.thrust_n * self.engines.throttle_max, 0.0)
            lit = self.relight.lit(state.lit, demand.thrust_n, jnp.sum(others))
            use = eqx.tree_at(lambda u: u.engines, use, use.engines & (lit | ~self.relight.engines))
        torque = demand.torque_body_n_m + state.residual_body_n_m
        throttle, axial, given = self._axial(demand.thrust_n, torque, use)
        rest = jnp.where(use.attitude_thrusters, 1.0, 0.0)
        attitude = self._attitude(Vec3(torque.x * (1.0 - given) * rest, torque.y * (1.0 - given) * rest, torque.z * rest))

        on_s = jnp.clip(axial + attitude, 0.0, 1.0) * self.cycle_s
        on_s = only_if(on_s >= self.pulse_min_s, on_s)
        output = (on_s / self.cycle_s) @ self.output_full
        torque_given = Vec3(output[0], output[1], output[2])
        thrust_n = output[3] + jnp.sum(throttle * self.engines.thrust_n)
        residual = self._residual(demand.torque_body_n_m, torque - torque_given, use)
        return AllocationState(residual, lit), Allocation(throttle, on_s, thrust_n, torque_given)

    def _axial(
        self, thrust_n: Scalar, torque: Vec3, use: ActuatorUse
    ) -> tuple[Float[Array, " engines"], Float[Array, " thrusters"], Scalar]:
        """Throttle, duty of axial thrusters, and the share of pitch and yaw torque that they give."""
        can = jnp.where(use.axial_torque, 1.0, 0.0)
        pattern = can * (torque.x * self.axial_duty_per_n_m[0] + torque.y * self.axial_duty_per_n_m[1])
        low, high = -jnp.min(pattern, initial=0.0), jnp.max(pattern, initial=0.0)

        by_torque_n = jnp.minimum(low, 0.5) * self.axial_full_n
        throttle = self.engines.throttle(thrust_n, by_torque_n, use.engines)
        remainder_n = thrust_n - jnp.sum(throttle * self.engines.thrust_n)
        wanted = remainder_n / jnp.maximum(self.axial_full_n, 1e-9)
        lit = use.axial_thrusters & (thrust_n > 0.0) & (wanted >= 0.5 * self.axial_duty_min)
        floor = jnp.where(lit, self.axial_duty_min, 0.0)

        scale = jnp.minimum(1.0, (1.0 - floor) / jnp.maximum(low + high, 1e-9))
        common = jnp.clip(jnp.where(lit, wanted, 0.0), floor + low * scale, 1.0 - high * scale)
        return throttle, (common + scale * pattern) * self.is_axial, can * scale

    def _attitude(self, torque: Vec3) -> Float[Array, " thrusters"]:
        duty = jnp.zeros_like(self.is_axial)
        for axis, component in enumerate(torque.components()):
            duty += jnp.maximum(component, 0.0) * self.attitude_duty_per_n_m[2 * axis]
            duty += jnp.maximum(-component, 0.0) * self.attitude_duty_per_n_m[2 * axis + 1]
        return duty / jnp.maximum(jnp.max(duty, initial=0.0), 1.0)

    def _residual(self, asked: Vec3, missing: Vec3, use: ActuatorUse) -> Vec3:
        attitude = jnp.where(use.attitude_thrusters, 1.0, 0.0)
        limit_x = jnp.where(use.axial_torque, self.axial_step_n_m.x, self.attitude_step_n_m.x * attitude)
        limit_y = jnp.where(use.axial_torque, self.axial_step_n_m.y, self.attitude_step_n_m.y * attitude)
        limits = (limit_x, limit_y, self.attitude_step_n_m.z * attitude)
        triples = zip(asked.components(), missing.components(), limits, strict=True)
        return Vec3(*(jnp.where(a == 0.0, 0.0, jnp.clip(m, -limit, limit)) for a, m, limit in triples))
