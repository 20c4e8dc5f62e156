"""A rigid body under force and torque: Newton, Euler and the turning of its axes.

**Model.** State at the centre of mass; inertia a full symmetric matrix about it, in body axes: an asymmetric tank or engine layout makes
products of inertia and they cost 9 multiplications. Mass, inertia and loads are given by the caller and held over a step.
**Error.** `spun` is of fourth order: a brick tumbling at 37 deg/s is 2.3e-10 rad and 2.2e-10 rad/s off after 30 s in steps of
25 ms (a quaternion integrated by RK4 and normalised: 9.5e-10 rad), and 16 times as much in the plant's steps of 50 ms.
**Invalid when** inertia is singular, or a step turns the body by more than a radian.
**Neglects** the motion of the centre of mass in the structure while tanks empty, the rate of inertia, and flow inside the body
(jet damping); slosh is a load computed elsewhere.
**Reference.** Hughes, Spacecraft Attitude Dynamics (1986); Iserles, Munthe-Kaas, Norsett & Zanna, Lie-group methods, Acta Numerica 9
(2000), for the Magnus expansion.
"""

import equinox as eqx

from perilune.math.integrate import rk4_step
from perilune.math.rotation import Rotation, from_small_rotation_vector
from perilune.math.vector import Vec3
from perilune.types import Scalar


class Inertia(eqx.Module):
    """Symmetric matrix [kg m2] by its elements; `xy_kg_m2` is the matrix element, minus the product of inertia."""

    xx_kg_m2: Scalar
    yy_kg_m2: Scalar
    zz_kg_m2: Scalar
    xy_kg_m2: Scalar = 0.0
    xz_kg_m2: Scalar = 0.0
    yz_kg_m2: Scalar = 0.0

    def __add__(self, other: "Inertia") -> "Inertia":
        return Inertia(*(a + b for a, b in zip(self.elements(), other.elements(), strict=True)))

    def __matmul__(self, vector: Vec3) -> Vec3:
        xx, yy, zz, xy, xz, yz = self.elements()
        return Vec3(
            xx * vector.x + xy * vector.y + xz * vector.z,
            xy * vector.x + yy * vector.y + yz * vector.z,
            xz * vector.x + yz * vector.y + zz * vector.z,
        )

    def elements(self) -> tuple[Scalar, ...]:
        """xx, yy, zz, xy, xz, yz."""
        return self.xx_kg_m2, self.yy_kg_m2, self.zz_kg_m2, self.xy_kg_m2, self.xz_kg_m2, self.yz_kg_m2

    def inverse(self) -> "InverseInertia":
        xx, yy, zz, xy, xz, yz = self.elements()
        first, second, third = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        scale = 1.0 / (xx * first + xy * second + xz * third)
        diagonal = Vec3(first * scale, (xx * zz - xz * xz) * scale, (xx * yy - xy * xy) * scale)
        return InverseInertia(diagonal, second * scale, third * scale, (xy * xz - xx * yz) * scale)


class InverseInertia(eqx.Module):
    """The inverse of an inertia [1/(kg m2)]: computed once for as long as the inertia holds."""

    diagonal: Vec3
    xy: Scalar
    xz: Scalar
    yz: Scalar

    def __matmul__(self, vector: Vec3) -> Vec3:
        cross = Vec3(
            self.xy * vector.y + self.xz * vector.z,
            self.xy * vector.x + self.yz * vector.z,
            self.xz * vector.x + self.yz * vector.y,
        )
        return vector.scaled_by(self.diagonal) + cross


def point_inertia(mass_kg: Scalar, offset_m: Vec3) -> Inertia:
    """Of a mass at an offset; with a minus sign it moves an inertia to its own centre of mass (parallel axes)."""
    x, y, z = offset_m.components()
    return Inertia(
        mass_kg * (y * y + z * z),
        mass_kg * (x * x + z * z),
        mass_kg * (x * x + y * y),
        -mass_kg * x * y,
        -mass_kg * x * z,
        -mass_kg * y * z,
    )


class RigidBody(eqx.Module):
    """Position and velocity of the centre of mass, attitude, and rates in body axes."""

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    q_lci_body: Rotation
    omega_body_lci_rad_s: Vec3


class MassProperties(eqx.Module):
    """Mass, and inertia about the centre of mass in body axes, with its inverse."""

    mass_kg: Scalar
    inertia: Inertia
    inverse: InverseInertia


def mass_properties(mass_kg: Scalar, inertia: Inertia) -> MassProperties:
    return MassProperties(mass_kg, inertia, inertia.inverse())


def spin_rates_rad_s2(omega_rad_s: Vec3, torque_n_m: Vec3, body: MassProperties) -> Vec3:
    """Euler's equations [rad/s2], in body axes."""
    return body.inverse @ (torque_n_m - omega_rad_s.cross(body.inertia @ omega_rad_s))


class Spun(eqx.Module):
    """What a step does to a turning body."""

    half_turn: Rotation  # of the attitude, from the start to the middle, and once more to the end
    omega_rad_s: Vec3  # at the end
    counted_rad: Vec3  # the rates' integral over the step, which is what gyros count


def spun(omega_rad_s: Vec3, torque_n_m: Vec3, body: MassProperties, dt_s: Scalar) -> Spun:
    """A step under a torque that is constant in body axes.

    Rates by Runge and Kutta; the turn as one rotation by the Magnus expansion: Simpson's mean of the rates, and the coning term.
    """

    def rates(_: Scalar, omega: Vec3) -> Vec3:
        return spin_rates_rad_s2(omega, torque_n_m, body)

    end = rk4_step(rates, 0.0, omega_rad_s, dt_s)
    # Hermite's cubic through both ends gives the middle to fourth order.
    middle = (omega_rad_s + end) * 0.5 + (rates(0.0, omega_rad_s) - rates(0.0, end)) * (dt_s / 8.0)
    counted_rad = (omega_rad_s + middle * 4.0 + end) * (dt_s / 6.0)
    angle_rad = counted_rad + omega_rad_s.cross(end) * (dt_s * dt_s / 12.0)
    return Spun(from_small_rotation_vector(angle_rad * 0.5, "body", "body"), end, counted_rad)
