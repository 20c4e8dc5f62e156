"""What the ground sends up."""

import equinox as eqx
from jaxtyping import Array, Float

from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar


class StateVector(eqx.Module):
    """An orbit determination: state at a time of the onboard clock, and its covariance in radial, along, cross axes."""

    clock_s: Scalar
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    covariance_rac: Float[Array, "6 6"]  # position (m), velocity (m/s)
    valid: Flag


class Uplink(eqx.Module):
    state_vector: StateVector
