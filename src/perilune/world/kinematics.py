"""What there is to sense of a rigid lander at one instant: where it is, how it moves, where the lights are."""

import equinox as eqx

from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3


class Kinematics(eqx.Module):
    """The truth at the end of a cycle, as sensors need it.

    Position and velocity are those of the centre of mass. `com_body_m` places it in structure axes: origin at the centre of the
    pads' plane, +z along the push of the main engines.
    """

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    q_lci_body: Rotation
    omega_body_lci_rad_s: Vec3  # in body axes
    com_body_m: Vec3
    r_lfme_m: Vec3
    v_lfme_in_lfme_m_s: Vec3  # relative to the turning ground
    q_lfme_body: Rotation
    sun_direction_lci: Vec3
    earth_direction_lci: Vec3

    def point_lfme_m(self, r_body_m: Vec3) -> Vec3:
        """Place of a point fixed to the structure, given in body axes from the structure's origin [m]."""
        return self.r_lfme_m + self.q_lfme_body @ (r_body_m - self.com_body_m)

    def point_v_lfme_in_body_m_s(self, r_body_m: Vec3) -> Vec3:
        """Velocity of that point relative to the ground, in body axes [m/s].

        Takes the turning of the body against the stars for its turning against the ground: 5e-6 m/s at a lever of 2 m.
        """
        lever_body_m = r_body_m - self.com_body_m
        return self.q_lfme_body.inverse() @ self.v_lfme_in_lfme_m_s + self.omega_body_lci_rad_s.cross(lever_body_m)
