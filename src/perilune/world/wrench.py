"""Force and torque together."""

import equinox as eqx

from perilune.math.vector import Vec3
from perilune.types import Scalar


class Wrench(eqx.Module):
    """Mean force and torque over a substep, torque about the origin of the structure axes."""

    force_body_n: Vec3
    torque_body_n_m: Vec3

    def __add__(self, other: "Wrench") -> "Wrench":
        return Wrench(self.force_body_n + other.force_body_n, self.torque_body_n_m + other.torque_body_n_m)

    def scaled(self, factor: Scalar) -> "Wrench":
        return Wrench(self.force_body_n * factor, self.torque_body_n_m * factor)

    def torque_about(self, point_body_m: Vec3) -> Vec3:
        """Torque (N m) about another point, given in structure axes (m)."""
        return self.torque_body_n_m - point_body_m.cross(self.force_body_n)
