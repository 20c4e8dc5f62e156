"""Attitude control: from where the body should point to a torque."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.rotation import Rotation, identity
from perilune.math.through import only_if
from perilune.math.vector import Vec3, any_normal_to, select, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading

# A roll reference closer than this to the thrust axis (sine of the angle) does not say where +x is.
PARALLEL_SINE = 1e-3


def pointing(thrust_direction_lci: Vec3, roll_reference_lci: Vec3) -> Rotation:
    """Attitude with body +z along the thrust and body +x as near as possible to the roll reference.

    Directions need not be unit vectors. Where the two are parallel, any roll will do.
    """
    z = thrust_direction_lci.unit()
    across = roll_reference_lci.unit()
    across = across - z * across.dot(z)
    usable = across.norm_squared() > PARALLEL_SINE**2
    x = select(usable, across.unit(), any_normal_to(z))
    return _from_axes(x, z.cross(x), z)


def _from_axes(x: Vec3, y: Vec3, z: Vec3) -> Rotation:
    """Quaternion by the largest component (Shepperd), in scalars: the array form costs several times as much in a batch."""
    trace = x.x + y.y + z.z
    best = jnp.maximum(jnp.maximum(trace, x.x), jnp.maximum(y.y, z.z))
    wx, wy, wz = y.z - z.y, z.x - x.z, x.y - y.x
    xy, xz, yz = y.x + x.y, z.x + x.z, z.y + y.z
    of_w, of_x, of_y = trace >= best, x.x >= best, y.y >= best

    def chosen(w: Scalar, a: Scalar, b: Scalar, c: Scalar) -> Scalar:
        return jnp.where(of_w, w, jnp.where(of_x, a, jnp.where(of_y, b, c)))

    q = Rotation(
        chosen(1.0 + trace, wx, wy, wz),
        Vec3(
            chosen(wx, 1.0 + 2.0 * x.x - trace, xy, xz),
            chosen(wy, xy, 1.0 + 2.0 * y.y - trace, yz),
            chosen(wz, xz, yz, 1.0 + 2.0 * z.z - trace),
        ),
        "lci",
        "body",
    )
    return q.normalised()


class InertiaBelief(eqx.Module):
    """Diagonal inertia that flight software believes, linear in mass."""

    mass_full_kg: Scalar
    mass_empty_kg: Scalar
    inertia_full_kg_m2: Vec3
    inertia_empty_kg_m2: Vec3

    def at(self, mass_kg: Scalar) -> Vec3:
        share = jnp.clip((mass_kg - self.mass_empty_kg) / (self.mass_full_kg - self.mass_empty_kg), 0.0, 1.0)
        return self.inertia_empty_kg_m2 + (self.inertia_full_kg_m2 - self.inertia_empty_kg_m2) * share


class AttitudeEstimate(eqx.Module):
    """What navigation knows of the body's motion about its centre of mass."""

    q_lci_body: Rotation
    imu: ImuReading
    bias_gyro_rad_s: Vec3
    inertia_kg_m2: Vec3


class AttitudeRequest(eqx.Module):
    """Where to point, and whether a dead band is enough."""

    q_lci_body_cmd: Rotation
    quiet: Flag  # coast: fire only outside the dead band


class AttitudeControlState(eqx.Module):
    """Memory between cycles."""

    omega_body_lci_rad_s: Vec3  # mean over the last cycle
    torque_body_n_m: Vec3  # believed to act in the coming cycle
    torque_before_body_n_m: Vec3
    disturbance_body_n_m: Vec3  # torque that no command explains
    q_lci_body_cmd: Rotation
    omega_cmd_body_rad_s: Vec3  # at which the request itself turns

    def given(self, torque_body_n_m: Vec3) -> "AttitudeControlState":
        """Takes note of the torque that allocation believes it ordered for the coming cycle."""
        return AttitudeControlState(
            omega_body_lci_rad_s=self.omega_body_lci_rad_s,
            torque_body_n_m=torque_body_n_m,
            torque_before_body_n_m=self.torque_body_n_m,
            disturbance_body_n_m=self.disturbance_body_n_m,
            q_lci_body_cmd=self.q_lci_body_cmd,
            omega_cmd_body_rad_s=self.omega_cmd_body_rad_s,
        )


class AttitudeControl(eqx.Module):
    """Quaternion feedback with a disturbance observer, a rate limit and a dead band for coasts.

    **Model.** A rate is asked for along the eigen-axis of the error: in proportion to a small error, as the square root of a large one
    (a stop at constant deceleration), and never beyond the rate limit. Torque is inertia times the rate error times the rate
    gain, less the disturbance torque: a first-order estimate of what the change of rate shows beyond the torque ordered, held within its limit.
    In a quiet request an axis is left alone while `error - quiet_lead_s * rate` is inside the dead band.
    **Invalid when** the gyro is silent for many cycles (the last rate is held), inertia is wrong by more than about a half, or the
    quiet lead times the rate that one shortest pulse gives exceeds twice the dead band: pulses then answer one another.
    **Neglects** gyroscopic torque and products of inertia (the observer takes them for a disturbance).
    **Reference.** Wie, Weiss & Arapostathis, Quaternion feedback regulator for spacecraft eigenaxis rotations, JGCD 12 (1989).
    """

    frequency_rad_s: Scalar
    damping: Scalar
    rate_max_rad_s: Scalar
    decel_max_rad_s2: Scalar  # to count on when stopping a slew
    observer_tau_s: Scalar
    disturbance_max_n_m: Scalar
    request_tau_s: Scalar  # filter on the request's own turning
    request_rate_max_rad_s: Scalar  # 0 turns it off
    quiet_error_rad: Scalar
    quiet_lead_s: Scalar

    def init(self, q_lci_body_cmd: Rotation | None = None) -> AttitudeControlState:
        zero = zero_vec3()
        start = identity("lci", "body") if q_lci_body_cmd is None else q_lci_body_cmd
        return AttitudeControlState(zero, zero, zero, zero, start, zero)

    def step(
        self, state: AttitudeControlState, request: AttitudeRequest, estimate: AttitudeEstimate, dt_s: Scalar
    ) -> tuple[AttitudeControlState, Vec3]:
        """Torque (N m, body axes) to ask for in the coming cycle of `dt_s`; pass what is given for it to `state.given`."""
        measured = estimate.imu.delta_theta_body_rad / dt_s - estimate.bias_gyro_rad_s
        omega = select(estimate.imu.valid, measured, state.omega_body_lci_rad_s)
        disturbance = self._observed(state, omega, estimate.inertia_kg_m2, dt_s)
        omega_cmd = self._turning(state, request.q_lci_body_cmd, dt_s)

        body_lci = estimate.q_lci_body.inverse()
        error_rad = (body_lci @ request.q_lci_body_cmd.relabelled("lci", "cmd")).rotation_vector_rad()
        rate_error = self._slew(error_rad) + omega_cmd - omega
        gain = 2.0 * self.damping * self.frequency_rad_s
        torque = (rate_error * gain).scaled_by(estimate.inertia_kg_m2) - disturbance
        torque = self._quietened(torque, error_rad, omega, request.quiet)

        after = AttitudeControlState(
            omega_body_lci_rad_s=omega,
            torque_body_n_m=state.torque_body_n_m,
            torque_before_body_n_m=state.torque_before_body_n_m,
            disturbance_body_n_m=disturbance,
            q_lci_body_cmd=request.q_lci_body_cmd,
            omega_cmd_body_rad_s=omega_cmd,
        )
        return after, torque

    def _observed(self, state: AttitudeControlState, omega: Vec3, inertia_kg_m2: Vec3, dt_s: Scalar) -> Vec3:
        # The gyro gives mean rates: the change from one cycle to the next shows half of each cycle's torque.
        ordered = (state.torque_body_n_m + state.torque_before_body_n_m) * 0.5
        shown = ((omega - state.omega_body_lci_rad_s) / dt_s).scaled_by(inertia_kg_m2)
        share = dt_s / (self.observer_tau_s + dt_s)
        estimate = state.disturbance_body_n_m + (shown - ordered - state.disturbance_body_n_m) * share
        limit = self.disturbance_max_n_m
        return Vec3(*(jnp.clip(c, -limit, limit) for c in estimate.components()))

    def _turning(self, state: AttitudeControlState, q_lci_body_cmd: Rotation, dt_s: Scalar) -> Vec3:
        # Small between cycles, so twice the vector part is the angle; a step of the request is clipped to the limit.
        step = state.q_lci_body_cmd.inverse() @ q_lci_body_cmd
        rate = step.v * (jnp.where(step.w < 0.0, -2.0, 2.0) / dt_s)
        rate = rate * jnp.minimum(1.0, self.request_rate_max_rad_s / jnp.maximum(rate.norm(), 1e-12))
        share = dt_s / (self.request_tau_s + dt_s)
        return state.omega_cmd_body_rad_s + (rate - state.omega_cmd_body_rad_s) * share

    def _slew(self, error_rad: Vec3) -> Vec3:
        """Rate (rad/s) along the error."""
        gain = self.frequency_rad_s / (2.0 * self.damping)
        angle = error_rad.norm()
        knee = self.decel_max_rad_s2 / gain**2
        far = jnp.sqrt(2.0 * self.decel_max_rad_s2 * jnp.maximum(angle - 0.5 * knee, 0.5 * knee))
        rate = jnp.minimum(jnp.where(angle > knee, far, gain * angle), self.rate_max_rad_s)
        return error_rad * (rate / jnp.maximum(angle, 1e-12))

    def _quietened(self, torque: Vec3, error_rad: Vec3, omega: Vec3, quiet: Flag) -> Vec3:
        lead = error_rad - omega * self.quiet_lead_s
        pairs = zip(torque.components(), lead.components(), strict=True)
        return Vec3(*(only_if(jnp.logical_not(quiet & (jnp.abs(ahead) < self.quiet_error_rad)), t) for t, ahead in pairs))
