"""What the sensors tell flight software. There is no other way in but the uplink."""

import equinox as eqx
from jaxtyping import Array, Bool, Float

from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar


class ImuReading(eqx.Module):
    """Increments accumulated since the last reading, in body axes; they include whatever the unit gets wrong."""

    delta_v_body_m_s: Vec3
    delta_theta_body_rad: Vec3
    valid: Flag


class StarTrackerReading(eqx.Module):
    q_lci_body: Rotation
    valid: Flag


class RangeReading(eqx.Module):
    """Slant range along one beam, from the antenna to the ground."""

    range_m: Scalar
    valid: Flag


class VelocimeterReading(eqx.Module):
    """Doppler beams: closing speed (positive toward the ground) and slant range along each."""

    closing_speed_m_s: Float[Array, " beams"]
    range_m: Float[Array, " beams"]
    valid: Bool[Array, " beams"]


class Measurements(eqx.Module):
    """One cycle's readings. A reading that is not new this cycle, or not trusted by its unit, is not valid."""

    clock_s: Scalar  # onboard clock: mission elapsed time as the lander believes it
    imu: ImuReading
    star_tracker: StarTrackerReading
    altimeter: RangeReading
    velocimeter: VelocimeterReading
    pad_touched: Bool[Array, " pads"]
    propellant_kg: Scalar  # gauge
    spare_imus: tuple[ImuReading, ...] = ()  # of the units beside the first, where there are any
