"""What flight software believes of its own vehicle, of the site and of the ground: never an array of the world."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.constants import GM_MOON_M3_S2
from perilune.fsw.guidance.request import LocalState, horizontal_of
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.frames import SiteFrame, SteadySpin
from perilune.types import Scalar
from perilune.wire.commands import Commands
from perilune.wire.uplink import BurnRow


class VehicleBelief(eqx.Module):
    mass_start_kg: Scalar
    mass_dry_kg: Scalar
    engine_thrust_n: Float[Array, " engines"]
    engine_flow_kg_s: Float[Array, " engines"]
    thruster_flow_kg_s: Float[Array, " thrusters"]
    thruster_push_n: Float[Array, " thrusters"]  # along the axis of the engines
    braking_thrust_n: Scalar  # everything that burns in braking, full
    braking_exhaust_m_s: Scalar
    cycle_s: Scalar

    def burn_thrust_n(self, burn: BurnRow) -> Scalar:
        """Full thrust of what burns in a row of the burn table."""
        axial_n = jnp.where(burn.axial_thrusters, jnp.sum(self.thruster_push_n), 0.0)
        return jnp.sum(jnp.where(burn.engines, self.engine_thrust_n, 0.0)) + axial_n

    def mass_after(self, mass_kg: Scalar, commands: Commands) -> Scalar:
        """One cycle of the ordered flow."""
        engines_kg = jnp.sum(commands.throttle * self.engine_flow_kg_s) * self.cycle_s
        thrusters_kg = commands.thruster_on_s @ self.thruster_flow_kg_s
        return jnp.maximum(mass_kg - engines_kg - thrusters_kg, 0.9 * self.mass_dry_kg)


class GroundBelief(eqx.Module):
    """The Moon's turning and the site."""

    spin: SteadySpin
    site: SiteFrame
    reference_radius_m: Scalar  # of the sphere through the site: heights of the ground are counted from it

    def local(self, r_lci_m: Vec3, v_lci_m_s: Vec3, terrain_m: Scalar, q_lfme_lci: Rotation) -> LocalState:
        """Local axes: up, along the ground-relative motion, and across."""
        radius_m = r_lci_m.norm()
        up = r_lci_m / radius_m
        omega_lci = q_lfme_lci.inverse() @ self.spin.omega_lfme_rad_s
        ground_lci_m_s = omega_lci.cross(r_lci_m)
        v_ground = v_lci_m_s - ground_lci_m_s
        downrange = horizontal_of(v_ground, up).unit()
        return LocalState(
            up_lci=up,
            downrange_lci=downrange,
            cross_lci=up.cross(downrange),
            radius_m=radius_m,
            altitude_m=radius_m - self.reference_radius_m - terrain_m,
            vertical_speed_m_s=v_ground.dot(up),
            v_ground_lci_m_s=v_ground,
            ground_speed_m_s=ground_lci_m_s.dot(downrange),
            gravity_m_s2=GM_MOON_M3_S2 / radius_m**2,
        )

    def way_to_site(self, local: LocalState, q_lfme_lci: Rotation) -> tuple[Scalar, Scalar]:
        """Distance along and across the motion to the site, on the sphere half-way up: positive ahead, positive along `cross` [m]."""
        site_lci = q_lfme_lci.inverse() @ self.site.r_origin_lfme_m.unit()
        mean_radius_m = 0.5 * (local.radius_m + self.reference_radius_m)
        along = jnp.arctan2(site_lci.dot(local.downrange_lci), site_lci.dot(local.up_lci))
        across = jnp.arcsin(jnp.clip(site_lci.dot(local.cross_lci), -1.0, 1.0))
        return along * mean_radius_m, across * mean_radius_m
