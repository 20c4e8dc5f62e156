"""The navigation filter: an error-state Kalman filter of sixteen states, by inertial unit, star tracker, altimeter and velocimeter.

**Reference.** Maybeck, Stochastic Models, Estimation and Control, vol. 1 (1979); Solà, Quaternion kinematics for the error-state
Kalman filter (2017).
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.fsw.navigation import waking
from perilune.fsw.navigation.belief import (
    AltimeterBelief,
    GatePolicies,
    GravityBelief,
    GroundBelief,
    ImuBelief,
    StarTrackerBelief,
    VelocimeterBelief,
)
from perilune.fsw.navigation.propagation import (
    believable_cycle_s,
    central_accel_m_s2,
    covariance_after,
    decay_of_terrain,
    extended,
    mechanised,
    process_noise,
    sensed_delta_v_lci_m_s,
    transition,
)
from perilune.fsw.navigation.sensors import altimeter_row, star_tracker_rows, velocimeter_height_row, velocimeter_rows
from perilune.fsw.navigation.state import (
    AXES_OF_ATTITUDE,
    AXES_OF_TERRAIN,
    IDENTITY,
    STATES,
    Channels,
    FilterState,
    NavState,
    Reports,
    injected,
    nothing_since,
    open_channels,
    quiet_reports,
)
from perilune.fsw.navigation.updates import Channel, Estimate, absorbed_if_heard, doubted
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading, Measurements
from perilune.wire.uplink import StateVector


class NavigationFilter(eqx.Module):
    """Beliefs and settings; nothing here changes in flight.

    **Model.** The inertial unit carries the estimate every cycle. At each update the covariance makes one step over the time
    since the last, the readings of that very cycle are absorbed as scalars in turn, and the estimated error is put in once, at the end.
    **Invalid when** errors leave the linear range: some kilometres in position, a degree in attitude.
    **Neglects** scale and misalignment of the inertial unit as states (they are covered by noise), correlation of errors in time of the
    aiding sensors, and the distance from the centre of mass to the unit when a state vector is taken over.
    """

    imu: ImuBelief
    star_tracker: StarTrackerBelief
    altimeter: AltimeterBelief
    velocimeter: VelocimeterBelief
    ground: GroundBelief
    gravity: GravityBelief
    gates: GatePolicies
    cycle_s: Scalar
    # Name of the batch's `vmap` axis: with it, what no lander of the batch has heard is not computed. It never changes a result.
    batch_axis: str | None = eqx.field(static=True, default=None)

    def init(
        self,
        r_lci_m: Vec3,
        v_lci_m_s: Vec3,
        q_lci_body: Rotation,
        P_rv_lci: Float[Array, "6 6"],
        attitude_sigma_rad: Scalar,
        clock_s: Scalar,
    ) -> FilterState:
        """From a state with its covariance (m, m/s); biases and terrain are zero with their believed sigmas."""
        nav = waking.nav_at(r_lci_m, v_lci_m_s, q_lci_body)
        P = waking.initial_covariance(P_rv_lci, attitude_sigma_rad, self.imu, self.ground)
        clock_s = jnp.asarray(clock_s, dtype=float)
        return self.refresh_gravity(FilterState(nav, P, clock_s, nothing_since(nav), zero_vec3(), open_channels(), quiet_reports()))

    def propagate(self, state: FilterState, imu: ImuReading, clock_s: Scalar, thrusting: Flag) -> FilterState:
        """Every cycle: the estimate by the increments since the last."""
        dt_s = believable_cycle_s(clock_s - state.clock_s, self.cycle_s)
        nav = mechanised(state.nav, imu, state.perturbation_lci_m_s2, self.gravity.gm_m3_s2, dt_s, thrusting)
        since = extended(state.since, dt_s, thrusting)
        return FilterState(nav, state.P, clock_s, since, state.perturbation_lci_m_s2, state.memories, state.reports)

    def refresh_gravity(self, state: FilterState) -> FilterState:
        """Now and then: the part of gravity that is dear, held until the next time."""
        held = self.gravity.perturbation(state.nav.r_lci_m, state.clock_s)
        return eqx.tree_at(lambda s: s.perturbation_lci_m_s2, state, held)

    def update(self, state: FilterState, measurements: Measurements) -> FilterState:
        """At the filter's own rate: covariance and terrain step, then the readings valid this very cycle."""
        nav, P = self.stepped(state)
        doubt = jnp.where(measurements.star_tracker.valid, self.star_tracker.doubt_rad2(), 0.0)
        P = P + IDENTITY * (doubt * AXES_OF_ATTITUDE)[None, :]
        channels = self._channels(nav, state.memories, measurements)
        estimate = Estimate(doubted(P, channels), jnp.zeros(STATES))
        memories, reports = [], []
        for channel in channels:
            estimate, memory, report = absorbed_if_heard(estimate, channel, self.batch_axis)
            memories.append(memory)
            reports.append(report)
        nav = injected(nav, estimate.error)
        perturbation = state.perturbation_lci_m_s2
        return FilterState(nav, estimate.P, state.clock_s, nothing_since(nav), perturbation, Channels(*memories), Reports(*reports))

    def wake(self, state: FilterState, measurements: Measurements, state_vector: StateVector) -> FilterState:
        """After sleep: the uplinked state, or the own one if there is none, carried by gravity to now; attitude from the stars."""
        orbit = waking.carried_orbit(state, state_vector, self.gravity, measurements.clock_s)
        nav, P = waking.woken(state, orbit, measurements.star_tracker, self.star_tracker, self.ground)
        slept = FilterState(nav, P, measurements.clock_s, nothing_since(nav), state.perturbation_lci_m_s2, open_channels(), quiet_reports())
        return self.refresh_gravity(slept)

    def altitude_m(self, nav: NavState) -> Scalar:
        """Of the inertial unit, over the ground below, as believed."""
        return nav.r_lci_m.norm() - self.ground.radius_m - nav.terrain_m

    def stepped(self, state: FilterState) -> tuple[NavState, Float[Array, "16 16"]]:
        """Covariance, and the terrain that fades with the ground flown over, from the last update to the last cycle."""
        nav, since = state.nav, state.since
        gravity = central_accel_m_s2(nav.r_lci_m, self.gravity.gm_m3_s2) + state.perturbation_lci_m_s2
        delta_v = sensed_delta_v_lci_m_s(nav, since, gravity)
        decay = decay_of_terrain(nav.r_lci_m, nav.v_lci_m_s, self.ground, since.interval_s)
        F = transition(nav, since, delta_v, self.gravity.gm_m3_s2, decay)
        # Such that the whole is exact for terrain, though half of the noise acts before the step.
        terrain = self.ground.terrain_sigma_m**2 * (1.0 - decay**2) * 2.0 / (1.0 + decay**2)
        turned_rad = nav.omega_body_lci_rad_s.norm() * since.interval_s
        askew = self.imu.gyro_scale_sigma**2 * self.imu.gyro_scale_span_rad * turned_rad
        noise = process_noise(self.imu, self.gravity, since, delta_v) + terrain * AXES_OF_TERRAIN + askew * AXES_OF_ATTITUDE
        return eqx.tree_at(lambda n: n.terrain_m, nav, nav.terrain_m * decay), covariance_after(state.P, F, noise)

    def _channels(self, nav: NavState, memories: Channels, measurements: Measurements) -> list[Channel]:
        """The readings as scalar measurements, in the order in which they are absorbed; a sensor with no beams gives none."""
        gates = self.gates
        stars = star_tracker_rows(nav, measurements.star_tracker, self.star_tracker)
        altimeter = [altimeter_row(nav, measurements.altimeter, self.altimeter, self.ground)]
        speeds = velocimeter_rows(nav, measurements.velocimeter, self.velocimeter, self.ground)
        ranges = [velocimeter_height_row(nav, measurements.velocimeter, self.velocimeter, self.ground)] if speeds else []
        return [
            Channel(stars, gates.star_tracker, memories.star_tracker),
            Channel(altimeter, gates.altimeter, memories.altimeter),
            Channel(speeds, gates.velocimeter, memories.velocimeter),
            Channel(ranges, gates.velocimeter_range, memories.velocimeter_range),
        ]
