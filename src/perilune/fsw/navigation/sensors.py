"""What the filter expects each sensor to read, and how that depends on its errors."""

import functools
import operator

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.fsw.navigation.belief import AltimeterBelief, GroundBelief, StarTrackerBelief, VelocimeterBelief
from perilune.fsw.navigation.state import ATTITUDE, AXES_OF_VELOCITY, IDENTITY, POSITION, STATES, TERRAIN, VELOCITY, NavState
from perilune.fsw.navigation.updates import Measured
from perilune.math.batching import computed_once
from perilune.math.through import root
from perilune.math.vector import Vec3, any_normal_to, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import RangeReading, StarTrackerReading, VelocimeterReading

Covariance = Float[Array, "16 16"]

RANGE_COLUMNS = (*POSITION, *ATTITUDE, TERRAIN)
SPEED_COLUMNS = (*VELOCITY, *ATTITUDE)
DIAGONAL_OF_VELOCITY = np.diag(AXES_OF_VELOCITY)
# Keeps a velocity that no beam sees from an infinite doubt.
TINY = 1e-3


def star_tracker_rows(nav: NavState, reading: StarTrackerReading, belief: StarTrackerBelief) -> list[Measured]:
    """Three angles, about the boresight and two axes across it (Error: second order in the angle)."""
    angle = (reading.q_lci_body @ nav.q_lci_body.inverse()).rotation_vector_rad()
    across_body = any_normal_to(belief.boresight_body)
    axes = (
        (belief.boresight_body, belief.about_sigma_rad),
        (across_body, belief.across_sigma_rad),
        (belief.boresight_body.cross(across_body), belief.across_sigma_rad),
    )
    rows = []
    for axis_body, sigma_rad in axes:
        axis = nav.q_lci_body @ axis_body
        rows.append(Measured(ATTITUDE, axis.components(), axis.dot(angle), sigma_rad**2, reading.valid, ATTITUDE, 0.0))
    return rows


class Beam(eqx.Module):
    """A believed slant range, its slopes and how it meets the ground."""

    range_m: Scalar
    slopes: tuple[Scalar, ...]  # of RANGE_COLUMNS
    cos_incidence: Scalar
    offset_lci_m: Vec3  # from the point below to where the beam lands, along the ground
    hits: Flag

    def met(self, cos_incidence_min: Scalar) -> Flag:
        return self.hits & (self.cos_incidence > cos_incidence_min)


def sphere_beam(nav: NavState, antenna_from_imu_body_m: Vec3, beam_body: Vec3, ground: GroundBelief) -> Beam:
    """Slant range from the antenna to the reference sphere raised by the height sounded, in closed form.

    **Invalid when** the beam misses the sphere: `hits` is false. An estimate below its own ground gives a negative range, so that a
    reading can lift it out.
    """
    lever, beam = nav.q_lci_body @ antenna_from_imu_body_m, nav.q_lci_body @ beam_body
    antenna = nav.r_lci_m + lever
    radius_m = ground.radius_m + nav.sounded_m
    toward_m = -antenna.dot(beam)
    height_m = antenna.norm() - radius_m
    rest = toward_m**2 - height_m * (antenna.norm() + radius_m)
    root_m = jnp.sqrt(jnp.where(rest > 0.0, rest, radius_m**2))
    # The near root as height over height: no difference of large numbers near the ground.
    range_m = height_m * (antenna.norm() + radius_m) / (toward_m + root_m)
    cos_incidence = root_m / radius_m
    normal = (antenna + beam * range_m) / radius_m
    to_spot = lever + beam * range_m
    slopes = (*(normal / cos_incidence).components(), *(to_spot.cross(normal) / cos_incidence).components(), -1.0 / cos_incidence)
    up = nav.r_lci_m.unit()
    offset_lci_m = (normal - up * normal.dot(up)) * radius_m
    return Beam(range_m, slopes, cos_incidence, offset_lci_m, (rest > 0.0) & (toward_m > 0.0))


def altimeter_row(nav: NavState, reading: RangeReading, belief: AltimeterBelief, ground: GroundBelief) -> Measured:
    """Against the height where the beam meets the ground."""
    beam = sphere_beam(nav, belief.antenna_from_imu_body_m, belief.beam_body, ground)
    noise_m = belief.noise_floor_m + belief.noise_slope * jnp.abs(beam.range_m)
    fresh = reading.valid & beam.met(belief.cos_incidence_min)
    return Measured(RANGE_COLUMNS, beam.slopes, reading.range_m - beam.range_m, noise_m**2, fresh, (TERRAIN,), ground.terrain_sigma_m**2)


def velocimeter_rows(nav: NavState, reading: VelocimeterReading, belief: VelocimeterBelief, ground: GroundBelief) -> list[Measured]:
    """Closing speed along each beam: the antenna's velocity over the turning ground.

    **Neglects** the slopes of position (spin of the Moon) and of the gyro bias (lever arm): 3 mm/s for a kilometre, micrometres a second.
    """
    lever = nav.q_lci_body @ belief.antenna_from_imu_body_m
    whirl_body_m_s = nav.omega_body_lci_rad_s.cross(belief.antenna_from_imu_body_m)
    v_over_ground_m_s = nav.v_lci_m_s - ground.omega_lfme_lci_rad_s.cross(nav.r_lci_m + lever)
    rows = []
    for i, beam_body in enumerate(belief.beams_body):
        beam = nav.q_lci_body @ beam_body
        closing_m_s = v_over_ground_m_s.dot(beam) + whirl_body_m_s.dot(beam_body)
        sigma_m_s = belief.speed_floor_m_s + belief.speed_slope * jnp.abs(closing_m_s)
        slopes = (*beam.components(), *beam.cross(v_over_ground_m_s).components())
        innovation = reading.closing_speed_m_s[i] - closing_m_s
        rows.append(Measured(SPEED_COLUMNS, slopes, innovation, sigma_m_s**2, reading.valid[i], VELOCITY, 0.0))
    return rows


def velocimeter_doubt(nav: NavState, reading: VelocimeterReading, belief: VelocimeterBelief, ground: GroundBelief) -> Covariance:
    """What keeps the variance of velocity from settling below that of the scale and mounting errors.

    **Model.** A scalar filter with reading noise `r2` and step noise `(2 s2)**2 / r2` settles at a variance of `2 s2`: half of it is the
    constant error of variance `s2`, half the noise that is not averaged away. The beams are taken for a cone about their mean: `r2` and
    `s2` of a velocity along its axis and across it follow from those of one beam of mean closing speed.
    """
    count = len(belief.beams_body)
    if count == 0:
        return jnp.zeros((STATES, STATES))
    axis_body = functools.reduce(operator.add, belief.beams_body).unit()
    along = sum((beam.dot(axis_body) ** 2 for beam in belief.beams_body), jnp.zeros(()))
    across = jnp.maximum(0.5 * (count - along), TINY)
    axis = nav.q_lci_body @ axis_body
    v_m_s = nav.v_lci_m_s - ground.omega_lfme_lci_rad_s.cross(nav.r_lci_m)
    closing_m_s = jnp.abs(v_m_s.dot(axis)) * along / count
    noise = (belief.speed_floor_m_s + belief.speed_slope * closing_m_s) ** 2
    scale = (belief.scale_sigma * closing_m_s) ** 2
    askew = belief.mount_sigma_rad**2 * v_m_s.norm_squared()
    step_along, step_across = 4.0 * scale**2 / (noise * along), 4.0 * (scale / across + askew) ** 2 * across / noise
    row = jnp.asarray(sum(part * IDENTITY[state] for part, state in zip(axis.components(), VELOCITY, strict=True)))
    heard = jnp.any(reading.valid)
    step_across, more, row = computed_once((jnp.where(heard, step_across, 0.0), jnp.where(heard, step_along - step_across, 0.0), row))
    return step_across * DIAGONAL_OF_VELOCITY + more * row[:, None] * row[None, :]


class Reach(eqx.Module):
    """Where the velocimeter's ranges meet the ground: the mean of the spots, and how far they stand from it, root mean square."""

    heard: Flag
    offset_lci_m: Vec3  # from the point below, along the ground
    reach_m: Scalar


def velocimeter_reach(nav: NavState, reading: VelocimeterReading, belief: VelocimeterBelief, ground: GroundBelief) -> Reach:
    """By the beams whose ranges are valid now, on level ground."""
    up = nav.r_lci_m.unit()
    up_body = nav.q_lci_body.inverse() @ up
    height_m = nav.r_lci_m.norm() - ground.radius_m - nav.sounded_m
    count, square_m2, spot_body_m = jnp.zeros(()), jnp.zeros(()), zero_vec3()
    for i, beam_body in enumerate(belief.beams_body):
        cosine = -up_body.dot(beam_body)
        heard = reading.valid[i] & jnp.isfinite(reading.range_m[i]) & (cosine > belief.cos_incidence_min)
        range_m = jnp.where(heard, height_m / jnp.maximum(cosine, belief.cos_incidence_min), 0.0)
        level = beam_body + up_body * cosine
        count = count + jnp.where(heard, 1.0, 0.0)
        spot_body_m = spot_body_m + level * range_m
        square_m2 = square_m2 + level.norm_squared() * range_m**2
    share = 1.0 / jnp.maximum(count, 1.0)
    mean_body_m = spot_body_m * share
    spread_m2 = square_m2 * share - mean_body_m.norm_squared()
    return Reach(count > 0.0, nav.q_lci_body @ mean_body_m, root(jnp.maximum(spread_m2, 0.0)))


def velocimeter_height_row(nav: NavState, reading: VelocimeterReading, belief: VelocimeterBelief, ground: GroundBelief) -> Measured:
    """The antenna's height, from the mean of all valid slant ranges projected on the believed vertical.

    **Model.** Beams end on the reference sphere raised by the height sounded, which is the mean of their spots; its fall away from the vertical to second order.
    Variance and slopes come from expected, not from measured ranges: those carry the very noise that they would weigh.
    **Error.** Fourth order in the reach of a beam over the Moon's radius: millimetres for beams at 20 degrees from 5 km.
    """
    up = nav.r_lci_m.unit()
    up_body = nav.q_lci_body.inverse() @ up
    lever = nav.q_lci_body @ belief.antenna_from_imu_body_m
    height_m = nav.r_lci_m.norm() + up.dot(lever) - ground.radius_m - nav.sounded_m
    zero = jnp.zeros(())
    count, measured_m, square_m2, noise_m2, spot_body_m = zero, zero, zero, zero, zero_vec3()
    for i, beam_body in enumerate(belief.beams_body):
        cosine = -up_body.dot(beam_body)
        heard = reading.valid[i] & jnp.isfinite(reading.range_m[i]) & (cosine > belief.cos_incidence_min)
        range_m = jnp.where(heard, height_m / jnp.maximum(cosine, belief.cos_incidence_min), 0.0)
        count = count + jnp.where(heard, 1.0, 0.0)
        measured_m = measured_m + jnp.where(heard, reading.range_m[i] * cosine, 0.0)
        sigma_m = (belief.range_floor_m + belief.range_slope * jnp.abs(range_m)) * cosine
        noise_m2 = noise_m2 + jnp.where(heard, sigma_m**2, 0.0)
        square_m2 = square_m2 + range_m**2
        spot_body_m = spot_body_m + beam_body * range_m
    share = 1.0 / jnp.maximum(count, 1.0)
    reach_m2 = jnp.maximum(square_m2 * share - height_m**2, 0.0)
    innovation = measured_m * share - 0.5 * reach_m2 / ground.radius_m - height_m
    variance = jnp.where(count > 0.0, noise_m2 * share**2, 1.0)
    to_spot = lever + nav.q_lci_body @ (spot_body_m * share)
    normal = (nav.r_lci_m + to_spot).unit()
    slopes = (*normal.components(), *to_spot.cross(normal).components(), -jnp.ones_like(count))
    return Measured(RANGE_COLUMNS, slopes, innovation, variance, count > 0.0, (TERRAIN,), ground.terrain_sigma_m**2)
