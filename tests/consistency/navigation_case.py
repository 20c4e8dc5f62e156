"""A filter with the believed figures of Luna-25, and a descent whose truth is the filter's own model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import ARCSEC_RAD, G0_M_S2, GM_MOON_M3_S2, MOON_SPIN_RAD_S, RADIUS_MOON_M
from perilune.fsw.navigation.belief import (
    AltimeterBelief,
    GatePolicies,
    GravityBelief,
    GroundBelief,
    ImuBelief,
    StarTrackerBelief,
    VelocimeterBelief,
)
from perilune.fsw.navigation.filter import NavigationFilter
from perilune.fsw.navigation.gate import GatePolicy
from perilune.fsw.navigation.ground import Sounding, downrange_of, no_sounding, step_of_ground
from perilune.fsw.navigation.propagation import central_accel_m_s2, level_velocity_m_s, mechanised, way_of_spot_lci_m
from perilune.fsw.navigation.state import FilterState
from perilune.fsw.navigation.waking import nav_at, rac_to_lci
from perilune.math.random import Stream
from perilune.math.rotation import Rotation, from_axes, from_rotation_vector
from perilune.math.vector import Vec3, vec3
from perilune.wire.measurements import ImuReading, Measurements, RangeReading, StarTrackerReading, VelocimeterReading

MICRO_G = 1e-6 * G0_M_S2
CYCLE_S = 0.1
CYCLES_PER_UPDATE = 5
VELOCIMETER_BELOW_M = 5000.0
COS_INCIDENCE_HEARD = 0.4  # inside what the filter allows, so that both agree on who is heard
ATTITUDE_SIGMA_RAD = 60.0 * ARCSEC_RAD


class SteadyPull(eqx.Module):
    """A uniform acceleration beside the central term."""

    accel_lci_m_s2: Vec3

    def __call__(self, r_lci_m: Vec3, clock_s) -> Vec3:
        return self.accel_lci_m_s2


def value(number: float):
    return jnp.asarray(number, dtype=float)


def open_gate() -> GatePolicy:
    return GatePolicy(*(value(np.inf) for _ in range(4)))


def doppler_beams() -> tuple[Vec3, ...]:
    tilt = np.radians(20.0)
    around = np.radians([45.0, 135.0, 225.0, 315.0])
    return tuple(vec3((np.sin(tilt) * np.cos(a), np.sin(tilt) * np.sin(a), -np.cos(tilt))) for a in around)


def navigation_filter(gate: GatePolicy | None = None, pull: Vec3 | None = None) -> NavigationFilter:
    gate = gate or open_gate()
    slant = np.radians(45.0)
    return NavigationFilter(
        imu=ImuBelief(
            velocity_walk_m_s_sqrt_s=value(30.0 * MICRO_G),
            angle_walk_rad_sqrt_s=value(np.radians(0.01) / 60.0),
            scale_sigma=value(1e-4),
            scale_span_m_s=value(1700.0),
            bias_accel_sigma_m_s2=value(50.0 * MICRO_G),
            bias_accel_walk_m_s2_sqrt_s=value(0.0),
            bias_gyro_sigma_rad_s=value(np.radians(0.05) / 3600.0),
            bias_gyro_walk_rad_s_sqrt_s=value(0.0),
        ),
        star_tracker=StarTrackerBelief(vec3((0.0, 0.6, 0.8)), value(10.0 * ARCSEC_RAD), value(60.0 * ARCSEC_RAD)),
        altimeter=AltimeterBelief(
            beam_body=vec3((np.sin(slant), 0.0, -np.cos(slant))),
            antenna_from_imu_body_m=vec3((0.5, 0.1, -1.0)),
            noise_floor_m=value(5.0),
            noise_slope=value(0.003),
            cos_incidence_min=value(0.5),
        ),
        velocimeter=VelocimeterBelief(
            beams_body=doppler_beams(),
            antenna_from_imu_body_m=vec3((-0.4, 0.2, -1.1)),
            speed_floor_m_s=value(0.1),
            speed_slope=value(0.005),
            range_floor_m=value(1.0),
            range_slope=value(0.005),
            cos_incidence_min=value(0.3),
        ),
        ground=GroundBelief(
            # The descent ends 420 m above it, so that none of 256 grounds of 100 m stands above the lander.
            radius_m=value(RADIUS_MOON_M - 1900.0),
            terrain_sigma_m=value(100.0),
            slope_sigma=value(0.02),
            slope_correlation_m=value(1500.0),
            small_relief_m=value(3.0),
            small_slope=value(0.01),
            omega_lfme_lci_rad_s=vec3((0.3 * MOON_SPIN_RAD_S, 0.0, 0.95 * MOON_SPIN_RAD_S)),
        ),
        gravity=GravityBelief(value(GM_MOON_M3_S2), SteadyPull(pull or vec3((0.0, 0.0, 0.0))), value(0.0)),
        gates=GatePolicies(gate, gate, gate, gate),
        cycle_s=value(CYCLE_S),
    )


# ---- the truth: a smooth braking arc of 500 s from 18 km and 1.7 km/s to 200 m, then 40 s straight down ----

BRAKING_S, VERTICAL_S = 500.0, 40.0
CYCLES = int((BRAKING_S + VERTICAL_S) / CYCLE_S)


def _smooth(share):
    share = jnp.where(share < 1.0, share, 1.0)
    share = jnp.where(share < 0.0, 0.0, share)
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)


def planned_r_lci_m(t_s):
    """Position in the equatorial plane; the speed over ground falls as (1 - s)^2 (1 + s)."""
    radius_m = float(RADIUS_MOON_M - 1500.0)
    # Not clipped below: a derivative taken at the edge of a clip is half of what it is beside it.
    height_m = 18e3 - 17.8e3 * _smooth(t_s / BRAKING_S) - 180.0 * _smooth((t_s - BRAKING_S) / VERTICAL_S)
    s = jnp.minimum(t_s / BRAKING_S, 1.0)
    angle = 1700.0 * BRAKING_S / (radius_m + 18e3) * (s - s**2 / 2.0 - s**3 / 3.0 + s**4 / 4.0)
    return (radius_m + height_m) * jnp.stack([jnp.cos(angle), jnp.sin(angle), 0.0 * angle])


def _force_lci_m_s2(t_s) -> Vec3:
    acceleration = jax.jacfwd(jax.jacfwd(planned_r_lci_m))
    return vec3(acceleration(t_s)) - central_accel_m_s2(vec3(planned_r_lci_m(t_s)), GM_MOON_M3_S2)


def _attitude(t_s) -> Rotation:
    """Thrust axis along the specific force, x axis below it."""
    z = _force_lci_m_s2(t_s).unit()
    y = vec3((0.0, 0.0, -1.0))
    return from_axes(y.cross(z).unit(), y, z, "lci", "body")


class Flown(eqx.Module):
    """One cycle of the truth: perfect increments, and the state after it."""

    delta_v_body_m_s: Vec3
    delta_theta_body_rad: Vec3
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    q_lci_body: Rotation
    omega_body_lci_rad_s: Vec3


def flown_descent():
    """Initial truth and all cycles, by the same mechanisation as the filter's."""
    t_s = jnp.arange(CYCLES) * CYCLE_S
    start = nav_at(vec3(planned_r_lci_m(0.0)), vec3(jax.jacfwd(planned_r_lci_m)(0.0)), _attitude(0.0))

    def cycle(nav, t_s):
        turn = (nav.q_lci_body.inverse() @ _attitude(t_s + CYCLE_S)).rotation_vector_rad()
        q_mid = nav.q_lci_body @ from_rotation_vector(turn * 0.5, "body", "body")
        gain = q_mid.inverse() @ (_force_lci_m_s2(t_s + 0.5 * CYCLE_S) * CYCLE_S)
        nav = mechanised(nav, ImuReading(gain, turn, jnp.asarray(True)), vec3((0.0, 0.0, 0.0)), GM_MOON_M3_S2, CYCLE_S, jnp.asarray(True))
        return nav, Flown(gain, turn, nav.r_lci_m, nav.v_lci_m_s, nav.q_lci_body, turn / CYCLE_S)

    return start, jax.lax.scan(cycle, start, t_s)[1]


# ---- sensors that err exactly as they are believed to ----


def read_imu(belief, truth: Flown, biases: tuple[Vec3, Vec3], stream: Stream) -> ImuReading:
    noise = stream.named("imu")
    walk = belief.velocity_walk_m_s_sqrt_s**2 * CYCLE_S
    scale = belief.scale_sigma**2 * belief.scale_span_m_s * truth.delta_v_body_m_s.norm()
    gain = truth.delta_v_body_m_s + biases[0] * CYCLE_S + noise.normal_vec3(0) * jnp.sqrt(walk + scale)
    turn = truth.delta_theta_body_rad + biases[1] * CYCLE_S + noise.normal_vec3(3) * (belief.angle_walk_rad_sqrt_s * np.sqrt(CYCLE_S))
    return ImuReading(gain, turn, jnp.asarray(True))


def slant_m(truth: Flown, antenna_body_m: Vec3, beam_body: Vec3, sphere_m):
    """To a sphere, as the smaller root of a quadratic; and the cosine of incidence, -1 if it misses."""
    start = truth.r_lci_m + truth.q_lci_body @ antenna_body_m
    beam = truth.q_lci_body @ beam_body
    b, c = start.dot(beam), start.norm_squared() - sphere_m**2
    hits = (b < 0.0) & (b**2 > c)
    range_m = -b - jnp.sqrt(jnp.where(hits, b**2 - c, 0.0))
    spot = start + beam * range_m
    return range_m, jnp.where(hits, -spot.dot(beam) / sphere_m, -1.0)


class TrueGround(eqx.Module):
    """Height and slope where the ranges meet the ground."""

    height_m: jax.Array
    slope: jax.Array
    sounding: Sounding


def first_ground(nav: NavigationFilter, start, stream: Stream) -> TrueGround:
    ground, draw = nav.ground, stream.named("first ground")
    sounding = no_sounding(downrange_of(level_velocity_m_s(start, ground), start.v_lci_m_s.unit()))
    return TrueGround(ground.terrain_sigma_m * draw.normal(0), ground.slope_sigma * draw.normal(1), sounding)


def as_known(state: FilterState, truth: Flown, ground: TrueGround) -> FilterState:
    """The filter's state with the truth in the place of its estimate."""
    nav = nav_at(truth.r_lci_m, truth.v_lci_m_s, truth.q_lci_body)
    nav = eqx.tree_at(lambda n: (n.sounded_m, n.slope), nav, (ground.height_m, ground.slope))
    return eqx.tree_at(lambda s: (s.nav, s.sounding), state, (nav, ground.sounding))


def next_ground(nav: NavigationFilter, state: FilterState, truth: Flown, ground: TrueGround, stream: Stream) -> TrueGround:
    """The ground where the ranges meet it now, drawn from the process that the filter believes in."""
    known, draw = as_known(state, truth, ground), stream.named("ground")
    sounding = nav.sounding_of(known, readings(nav, truth, ground, state.clock_s, stream))
    way_m = way_of_spot_lci_m(known.nav, state.since, nav.ground, ground.sounding, sounding)
    shift = step_of_ground(nav.ground_below(known.nav), way_m, ground.sounding, sounding)
    noise_m = jnp.sqrt(shift.noise_height) * draw.normal(0)
    tied = shift.noise_both / jnp.sqrt(shift.noise_height)
    noise = tied * draw.normal(0) + jnp.sqrt(shift.noise_slope - tied**2) * draw.normal(1)
    height_m = shift.height_height * ground.height_m + shift.height_slope * ground.slope + noise_m
    slope = shift.slope_height * ground.height_m + shift.slope_slope * ground.slope + noise
    return TrueGround(height_m, slope, sounding)


def level_ground(height_m: float) -> TrueGround:
    return TrueGround(value(height_m), value(0.0), no_sounding(vec3((0.0, 1.0, 0.0))))


def read_altimeter(nav: NavigationFilter, truth: Flown, ground: TrueGround, stream: Stream) -> RangeReading:
    belief, noise = nav.altimeter, stream.named("altimeter")
    sphere_m = nav.ground.radius_m + ground.height_m
    range_m, _ = slant_m(truth, belief.antenna_from_imu_body_m, belief.beam_body, sphere_m)
    sigma_m = belief.noise_floor_m + belief.noise_slope * range_m
    return RangeReading(range_m + sigma_m * noise.normal(0), jnp.asarray(True))


def read_velocimeter(nav: NavigationFilter, truth: Flown, ground: TrueGround, stream: Stream) -> VelocimeterReading:
    belief, noise = nav.velocimeter, stream.named("velocimeter")
    arm = belief.antenna_from_imu_body_m
    over_ground = truth.v_lci_m_s - nav.ground.omega_lfme_lci_rad_s.cross(truth.r_lci_m + truth.q_lci_body @ arm)
    v_body = truth.q_lci_body.inverse() @ over_ground + truth.omega_body_lci_rad_s.cross(arm)
    sphere_m = nav.ground.radius_m + ground.height_m
    low = truth.r_lci_m.norm() - nav.ground.radius_m < VELOCIMETER_BELOW_M
    valid = jnp.stack([low & (slant_m(truth, arm, beam, sphere_m)[1] > COS_INCIDENCE_HEARD) for beam in belief.beams_body])
    speeds, ranges = [], []
    for i, beam in enumerate(belief.beams_body):
        closing, range_m = v_body.dot(beam), slant_m(truth, arm, beam, sphere_m)[0]
        speeds.append(closing + (belief.speed_floor_m_s + belief.speed_slope * jnp.abs(closing)) * noise.normal(i))
        ranges.append(range_m + (belief.range_floor_m + belief.range_slope * range_m) * noise.normal(8 + i))
    return VelocimeterReading(jnp.stack(speeds), jnp.stack(ranges), valid)


def read_stars(belief: StarTrackerBelief, truth: Flown, stream: Stream) -> StarTrackerReading:
    noise = stream.named("stars").normal_vec3(0)
    along = belief.boresight_body * noise.dot(belief.boresight_body)
    turn_body = along * belief.about_sigma_rad + (noise - along) * belief.across_sigma_rad
    return StarTrackerReading(truth.q_lci_body @ from_rotation_vector(turn_body, "body", "body"), jnp.asarray(True))


def readings(nav: NavigationFilter, truth: Flown, ground: TrueGround, clock_s, stream: Stream) -> Measurements:
    still = ImuReading(vec3((0.0, 0.0, 0.0)), vec3((0.0, 0.0, 0.0)), jnp.asarray(True))
    return Measurements(
        clock_s=clock_s,
        imu=still,
        star_tracker=read_stars(nav.star_tracker, truth, stream),
        altimeter=read_altimeter(nav, truth, ground, stream),
        velocimeter=read_velocimeter(nav, truth, ground, stream),
        pad_touched=jnp.zeros(4, dtype=bool),
        propellant_kg=value(0.0),
    )


def tracking_covariance_rac():
    """Ground tracking of `priors.md`: 100, 500, 200 m; 0.4, 0.1, 0.2 m/s; two correlations of -0.9."""
    sigma = np.array([100.0, 500.0, 200.0, 0.4, 0.1, 0.2])
    correlation = np.eye(6)
    correlation[3, 1] = correlation[1, 3] = correlation[0, 4] = correlation[4, 0] = -0.9
    return jnp.asarray(correlation * np.outer(sigma, sigma))


def mistaken_start(nav: NavigationFilter, truth, stream: Stream) -> FilterState:
    """The filter started from the truth less an error drawn from the covariance that it is told."""
    P = rac_to_lci(tracking_covariance_rac(), truth.r_lci_m, truth.v_lci_m_s)
    draws = jnp.stack([stream.named("start").normal(i) for i in range(6)])
    error = jnp.linalg.cholesky(P) @ draws
    tilt = stream.named("tilt").normal_vec3(0) * ATTITUDE_SIGMA_RAD
    q = from_rotation_vector(-tilt, "lci", "lci") @ truth.q_lci_body
    return nav.init(truth.r_lci_m - vec3(error[:3]), truth.v_lci_m_s - vec3(error[3:]), q, P, value(ATTITUDE_SIGMA_RAD), value(0.0))
