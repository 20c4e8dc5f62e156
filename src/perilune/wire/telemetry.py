"""What flight software reports of itself each cycle: its belief, never the truth."""

import enum

import equinox as eqx
from jaxtyping import Array, Bool, Float

from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.types import Flag, Index, Scalar
from perilune.wire.commands import Commands


class Mode(enum.IntEnum):
    """Modes of flight software; text for people is made on the ground."""

    COAST = 0
    BURN = 1  # corrections, insertion, trims, the way to the descent orbit
    BRAKING = 2
    ATTITUDE_HOLD = 3
    PITCH_UP = 4
    APPROACH = 5
    VERTICAL_DESCENT = 6
    FREE_FALL = 7
    TOUCHDOWN = 8
    SURFACE = 9
    ABORT = 10  # back to an orbit


class GateReport(eqx.Module):
    """One scalar channel of the filter at its last update."""

    innovation: Scalar  # unit of the channel
    sigma: Scalar  # square root of the predicted innovation variance
    used: Flag  # accepted by the gate
    fresh: Flag  # a reading came this cycle


class NavTelemetry(eqx.Module):
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    q_lci_body: Rotation
    bias_accel_m_s2: Vec3
    bias_gyro_rad_s: Vec3
    terrain_m: Scalar  # estimated height of the ground below over the reference sphere of the site
    sigma: Float[Array, " states"]  # square roots of the covariance diagonal, in the filter's order
    altimeter: GateReport
    velocimeter: GateReport
    star_tracker: GateReport


class VoteReport(eqx.Module):
    """What a vote among several inertial units has come to."""

    set_aside: Bool[Array, "units triads"]  # accelerometers and gyros of each, for good
    undecided: Bool[Array, " triads"]  # units disagree, and nothing tells which is wrong


class Telemetry(eqx.Module):
    clock_s: Scalar
    mode: Index
    nav: NavTelemetry
    altitude_m: Scalar  # over the ground, as believed
    vertical_speed_m_s: Scalar  # positive down, as believed
    horizontal_speed_m_s: Scalar
    thrust_direction_cmd_lci: Vec3
    accel_cmd_m_s2: Scalar
    time_to_go_s: Scalar
    mass_kg: Scalar
    monitors: Bool[Array, " monitors"]
    commands: Commands  # as ordered for the coming cycle
    vote: VoteReport | None = None
