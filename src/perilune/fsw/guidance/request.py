"""What guidance asks of control."""

import equinox as eqx

from perilune.math.vector import Vec3
from perilune.types import Scalar


class ThrustRequest(eqx.Module):
    """Direction in which the thrust should push, and how hard."""

    direction_lci: Vec3
    accel_m_s2: Scalar
    time_to_go_s: Scalar


class LocalState(eqx.Module):
    """The navigated state as guidance sees it: relative to the rotating ground, in local vertical axes.

    `up`, `downrange` and `cross` are unit vectors in lci axes; `cross = up x downrange`.
    """

    up_lci: Vec3
    downrange_lci: Vec3
    cross_lci: Vec3
    radius_m: Scalar
    altitude_m: Scalar  # over the ground below, as believed
    vertical_speed_m_s: Scalar  # positive up
    v_ground_lci_m_s: Vec3  # velocity relative to the ground, lci axes
    ground_speed_m_s: Scalar  # of the rotating ground itself, along downrange
    gravity_m_s2: Scalar  # central term, positive down


def horizontal_of(vector: Vec3, up: Vec3) -> Vec3:
    return vector - up * vector.dot(up)
