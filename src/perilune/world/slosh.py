"""Propellant slosh: one lateral pendulum for all tank pairs together."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.world.wrench import Wrench


class SloshState(eqx.Module):
    """Where the moving liquid is, relative to its place at rest in the body."""

    x_m: Scalar
    y_m: Scalar
    vx_m_s: Scalar
    vy_m_s: Scalar


class SloshDrive(eqx.Module):
    """What shakes the liquid during one substep."""

    force_body_n: Vec3  # all but gravity and slosh itself: engines, thrusters, ground
    angular_accel_body_rad_s2: Vec3
    mass_kg: Scalar  # of the whole vehicle
    com_body_m: Vec3  # structure axes
    propellant_kg: Scalar


class Slosh(eqx.Module):
    """A pendulum of two lateral degrees of freedom, as its small-angle spring and mass.

    **Model.** A share of the liquid hangs from a hinge on the thrust axis; its frequency follows the axial specific force, with a
    floor below which surface tension and baffles hold the liquid. The rest of the vehicle is lighter by that share across the axis, so
    lateral momentum of the two together is conserved. The tank wall stops it without bounce.
    Integrated by the implicit midpoint rule: stable for any step, frequency low by (omega dt)^2 / 12.
    **Invalid when** the liquid is a small part of a tank's depth, in weightlessness, or at large amplitude (over a third of the radius).
    **Neglects** the share of the inertia that swings with it, the turning of the body axes during a substep (Coriolis, centrifugal), motion along the axis, rotary slosh, the
    change of inertia by the offset, momentum carried away as the share shrinks, different phases of different tanks.
    **Reference.** Abramson (ed.), The Dynamic Behavior of Liquids in Moving Containers, NASA SP-106 (1966).
    """

    share: Scalar  # of the propellant that swings [-]
    length_m: Scalar
    hinge_z_body_m: Scalar  # structure axes
    damping: Scalar  # of critical [-]
    frequency_floor_rad_s: Scalar
    offset_max_m: Scalar  # tank radius, roughly

    def init(self) -> SloshState:
        zero = jnp.zeros(())
        return SloshState(zero, zero, zero, zero)

    def frequency_rad_s(self, axial_specific_force_m_s2: Scalar) -> Scalar:
        """Of the pendulum when its hinge moves at constant acceleration."""
        floor = self.frequency_floor_rad_s**2
        return jnp.sqrt(jnp.maximum(axial_specific_force_m_s2 / self.length_m, floor))

    def advance(self, state: SloshState, drive: SloshDrive, dt_s: Scalar) -> tuple[SloshState, Wrench]:
        """One substep. The wrench, added to the other loads of a vehicle of the whole mass, moves it as the liquid would.

        It holds the push of the liquid, at the hinge, and what makes up for the liquid not being carried along, at its place of rest.
        """
        swing_kg = self.share * jnp.maximum(drive.propellant_kg, 0.0)
        carried_kg = drive.mass_kg - swing_kg
        reduced_kg = swing_kg * carried_kg / drive.mass_kg
        lever_m = self.hinge_z_body_m - self.length_m - drive.com_body_m.z
        # Acceleration of the liquid's place of rest, but for the liquid's own push. The divisions stay divisions: as products by a
        # common inverse the compiler repeats this work in every later substep, and it runs 3 times slower.
        place_x = drive.force_body_n.x / carried_kg + drive.angular_accel_body_rad_s2.y * lever_m
        place_y = drive.force_body_n.y / carried_kg - drive.angular_accel_body_rad_s2.x * lever_m

        omega = self.frequency_rad_s(drive.force_body_n.z / drive.mass_kg)
        gain = drive.mass_kg / carried_kg
        spring, friction = gain * omega**2, gain * 2.0 * self.damping * omega
        stiff = 1.0 + 0.5 * dt_s * (friction + 0.5 * dt_s * spring)
        mean_vx = (state.vx_m_s - 0.5 * dt_s * (place_x + spring * state.x_m)) / stiff
        mean_vy = (state.vy_m_s - 0.5 * dt_s * (place_y + spring * state.y_m)) / stiff
        x_m, y_m = state.x_m + dt_s * mean_vx, state.y_m + dt_s * mean_vy
        after = self._within_wall(SloshState(x_m, y_m, 2.0 * mean_vx - state.vx_m_s, 2.0 * mean_vy - state.vy_m_s))

        push_x = -reduced_kg * ((after.vx_m_s - state.vx_m_s) / dt_s + place_x)
        push_y = -reduced_kg * ((after.vy_m_s - state.vy_m_s) / dt_s + place_y)
        return after, self._wrench(push_x, push_y, drive, swing_kg / carried_kg)

    def _within_wall(self, free: SloshState) -> SloshState:
        square = free.x_m**2 + free.y_m**2
        outside = square > self.offset_max_m**2
        inverse = jnp.where(outside, 1.0 / jnp.sqrt(jnp.where(outside, square, 1.0)), 0.0)
        scale = jnp.where(outside, self.offset_max_m * inverse, 1.0)
        ux, uy = free.x_m * inverse, free.y_m * inverse
        outward = jnp.maximum(free.vx_m_s * ux + free.vy_m_s * uy, 0.0)
        return SloshState(free.x_m * scale, free.y_m * scale, free.vx_m_s - outward * ux, free.vy_m_s - outward * uy)

    def _wrench(self, push_x: Scalar, push_y: Scalar, drive: SloshDrive, ratio: Scalar) -> Wrench:
        hinge_m, rest_m = self.hinge_z_body_m, self.hinge_z_body_m - self.length_m
        extra_x = ratio * (drive.force_body_n.x + push_x)
        extra_y = ratio * (drive.force_body_n.y + push_y)
        zero = jnp.zeros_like(push_x)
        torque = Vec3(-hinge_m * push_y - rest_m * extra_y, hinge_m * push_x + rest_m * extra_x, zero)
        return Wrench(Vec3(push_x + extra_x, push_y + extra_y, zero), torque)
