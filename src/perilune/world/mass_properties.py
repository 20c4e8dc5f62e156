"""Mass, centre of mass and inertia of a vehicle whose tanks empty."""

import equinox as eqx
import jax.numpy as jnp

from perilune.math.vector import Vec3
from perilune.types import Scalar


class MassProperties(eqx.Module):
    """Between a full and an empty vehicle, linear in the propellant left.

    **Model.** Centre of mass and principal inertia move in proportion to the propellant burnt; a load above full extrapolates.
    **Invalid when** tanks empty in sequence, or the products of inertia matter.
    **Neglects** products of inertia, jet damping, the settling of liquid at low acceleration (slosh is apart).
    """

    dry_kg: Scalar
    propellant_full_kg: Scalar
    com_full_body_m: Vec3  # structure axes: origin at the centre of the pads' plane, z up
    com_empty_body_m: Vec3
    inertia_full_kg_m2: Vec3  # about the centre of mass, along the body axes
    inertia_empty_kg_m2: Vec3
    com_offset_body_m: Vec3  # error of balance, the same full and empty

    def at(self, propellant_kg: Scalar) -> tuple[Scalar, Vec3, Vec3]:
        """Mass (kg), centre of mass (m, structure axes) and diagonal inertia (kg m2) with that much propellant left."""
        left_kg = jnp.maximum(propellant_kg, 0.0)
        share = left_kg / self.propellant_full_kg
        com_m = self.com_empty_body_m + (self.com_full_body_m - self.com_empty_body_m) * share + self.com_offset_body_m
        inertia = self.inertia_empty_kg_m2 + (self.inertia_full_kg_m2 - self.inertia_empty_kg_m2) * share
        return self.dry_kg + left_kg, com_m, inertia
