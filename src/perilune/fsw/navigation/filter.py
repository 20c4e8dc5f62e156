"""The navigation filter: an error-state Kalman filter of seventeen states, by inertial unit, star tracker, altimeter and velocimeter.

**Reference.** Maybeck, Stochastic Models, Estimation and Control, vol. 1 (1979); Solà, Quaternion kinematics for the error-state
Kalman filter (2017).
"""

import dataclasses

import equinox as eqx
import jax
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
from perilune.fsw.navigation.ground import (
    Sounding,
    below,
    downrange_of,
    no_sounding,
    seen_from,
    sense_of,
    step_of_ground,
)
from perilune.fsw.navigation.propagation import (
    CYCLE_MAX_S,
    believable_cycle_s,
    central_accel_m_s2,
    coasted,
    covariance_after,
    extended,
    level_velocity_m_s,
    mechanised,
    process_noise,
    sensed_delta_v_lci_m_s,
    transition,
    way_of_spot_lci_m,
    with_slope,
)
from perilune.fsw.navigation.sensors import (
    altimeter_row,
    sphere_beam,
    star_tracker_rows,
    velocimeter_doubt,
    velocimeter_height_row,
    velocimeter_reach,
    velocimeter_rows,
)
from perilune.fsw.navigation.state import (
    AXES_OF_ATTITUDE,
    AXES_OF_TERRAIN,
    AXES_OF_VELOCITY,
    IDENTITY,
    STATES,
    TERRAIN,
    Border,
    Channels,
    FilterState,
    NavState,
    Reports,
    Turn,
    injected,
    nothing_since,
    open_channels,
    quiet_reports,
)
from perilune.fsw.navigation.updates import Channel, Estimate, absorbed_if_heard, doubted
from perilune.math.batching import computed_once
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, select, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading, Measurements
from perilune.wire.uplink import StateVector

# What nobody knows of a gap, 1 sigma: how fast the body turned once nothing held it against engines that fade, and what these still gave.
GAP_RATE_RAD_S, TAIL_M_S = 0.0175, 1.0


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
    gap_max_s: Scalar | None = None  # a longer gap of the clock is a jump; without it every gap is
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
        return self.refresh_gravity(
            FilterState(
                nav=nav,
                P=P,
                border=waking.unknown_slope(self.ground),
                clock_s=clock_s,
                since=nothing_since(nav),
                turn=Turn(zero_vec3(), zero_vec3()),
                sounding=self._unheard(nav),
                perturbation_lci_m_s2=zero_vec3(),
                memories=open_channels(),
                reports=quiet_reports(),
            )
        )

    def propagate(self, state: FilterState, imu: ImuReading, clock_s: Scalar, thrusting: Flag) -> FilterState:
        """Every cycle: the estimate by the increments since the last."""
        state = self._over_gap(state, clock_s)
        dt_s = believable_cycle_s(clock_s - state.clock_s, self.cycle_s)
        nav = mechanised(state.nav, imu, state.perturbation_lci_m_s2, self.gravity.gm_m3_s2, dt_s, thrusting)
        since = extended(state.since, dt_s, thrusting)
        return dataclasses.replace(state, nav=nav, clock_s=clock_s, since=since)

    def _over_gap(self, state: FilterState, clock_s: Scalar) -> FilterState:
        """After a restart: the estimate and the clock carried to a cycle before now."""
        if self.gap_max_s is None:
            return state
        elapsed_s = clock_s - state.clock_s
        restarted = (elapsed_s > CYCLE_MAX_S) & (elapsed_s <= self.gap_max_s)
        gap_s = jnp.where(restarted, elapsed_s - self.cycle_s, 0.0)
        nav = coasted(state.nav, state.perturbation_lci_m_s2, self.gravity.gm_m3_s2, gap_s)
        nav = jax.tree.map(lambda new, old: jnp.where(restarted, new, old), nav, state.nav)
        since = extended(state.since, gap_s, jnp.asarray(False))
        doubt = (GAP_RATE_RAD_S * gap_s) ** 2 * AXES_OF_ATTITUDE + jnp.where(restarted, TAIL_M_S**2, 0.0) * AXES_OF_VELOCITY
        return dataclasses.replace(state, nav=nav, P=state.P + IDENTITY * doubt, clock_s=state.clock_s + gap_s, since=since)

    def refresh_gravity(self, state: FilterState) -> FilterState:
        """Now and then: the part of gravity that is dear, held until the next time."""
        held = self.gravity.perturbation(state.nav.r_lci_m, state.clock_s)
        return eqx.tree_at(lambda s: s.perturbation_lci_m_s2, state, held)

    def update(self, state: FilterState, measurements: Measurements) -> FilterState:
        """At the filter's own rate: covariance and ground step, then the readings valid this very cycle."""
        sounding = self.sounding_of(state, measurements)
        stars_heard, turn = measurements.star_tracker.valid, self._turn_at(state)
        nav, P, border = self.stepped(state, sounding, stars_heard)
        P = P + velocimeter_doubt(nav, measurements.velocimeter, self.velocimeter, self.ground)
        channels = self._channels(nav, state, sounding, measurements)
        estimate = Estimate(doubted(P, channels), border, jnp.zeros(STATES), jnp.zeros(()))
        memories, reports = [], []
        for channel in channels:
            estimate, memory, report = absorbed_if_heard(estimate, channel, self.batch_axis)
            memories.append(memory)
            reports.append(report)
        corrected = injected(nav, estimate.error, estimate.slope_error)
        sounding = seen_from(sounding, self._over_sounded_m(nav), self._over_sounded_m(corrected))
        nav = self._over_ground(corrected, sounding)
        return dataclasses.replace(
            state,
            nav=nav,
            P=estimate.P,
            border=estimate.border,
            since=nothing_since(nav),
            turn=Turn(turn.late_body_rad, select(stars_heard, turn.late_body_rad, turn.at_stars_body_rad)),
            sounding=sounding,
            memories=Channels(*memories),
            reports=Reports(*reports),
        )

    def hearing_again(self, state: FilterState, lost: Flag) -> FilterState:
        """With `lost`, the next range is let in whatever it says, also where ranges were refused for good."""
        memory = state.memories.altimeter
        heard = eqx.tree_at(
            lambda m: (m.rejected_in_a_row, m.given_up),
            memory,
            (jnp.where(lost, jnp.inf, memory.rejected_in_a_row), memory.given_up & jnp.logical_not(lost)),
        )
        return eqx.tree_at(lambda s: s.memories.altimeter, state, heard)

    def doubting_attitude(self, state: FilterState, doubt_rad: Scalar) -> FilterState:
        """With that much more doubt of the attitude, 1 sigma about any axis."""
        return dataclasses.replace(state, P=state.P + IDENTITY * (doubt_rad**2 * AXES_OF_ATTITUDE))

    def wake(self, state: FilterState, measurements: Measurements, state_vector: StateVector) -> FilterState:
        """After sleep: the uplinked state, or the own one if there is none, carried by gravity to now; attitude from the stars."""
        orbit = waking.carried_orbit(state, state_vector, self.gravity, measurements.clock_s)
        nav, P = waking.woken(state, orbit, measurements.star_tracker, self.star_tracker, self.ground)
        slept = dataclasses.replace(
            state,
            nav=nav,
            P=P,
            border=waking.unknown_slope(self.ground),
            clock_s=measurements.clock_s,
            since=nothing_since(nav),
            turn=Turn(zero_vec3(), zero_vec3()),
            sounding=self._unheard(nav),
            memories=open_channels(),
            reports=quiet_reports(),
        )
        return self.refresh_gravity(slept)

    def _unheard(self, nav: NavState) -> Sounding:
        return no_sounding(downrange_of(level_velocity_m_s(nav, self.ground), nav.q_lci_body.axes()[0]))

    def altitude_m(self, nav: NavState) -> Scalar:
        """Of the inertial unit, over the ground below, as believed."""
        return nav.r_lci_m.norm() - self.ground.radius_m - nav.terrain_m

    def sigma(self, state: FilterState) -> Float[Array, "16"]:
        """Of the lander's position, velocity, attitude and biases and of the ground below it, in the filter's order.

        The head's mounting is added to attitude, and to the ground what lies between where the ranges meet it and the point below.
        """
        under, P, border = below(self.ground_below(state.nav), state.sounding), state.P, state.border
        ground_m2 = under.of_height**2 * P[TERRAIN, TERRAIN] + 2.0 * under.of_height * under.of_slope * border.ties[TERRAIN]
        ground_m2 = ground_m2 + under.of_slope**2 * border.variance + under.variance_m2
        own = jnp.sum(P * IDENTITY, axis=1) * (1.0 - AXES_OF_TERRAIN) + self.star_tracker.mount_sigma_rad**2 * AXES_OF_ATTITUDE
        return jnp.sqrt(own + ground_m2 * AXES_OF_TERRAIN)

    def sounding_of(self, state: FilterState, measurements: Measurements) -> Sounding:
        """Of altimeter and velocimeter, the one heard; of neither, as it was, but the point below where the altimeter cannot answer.

        Of both, the one refused less often of late, and if they are equal, the one that looks nearer to the point below.
        """
        nav, last, memories = state.nav, state.sounding, state.memories
        beam = sphere_beam(nav, self.altimeter.antenna_from_imu_body_m, self.altimeter.beam_body, self.ground)
        met = beam.met(self.altimeter.cos_incidence_min) & jnp.logical_not(memories.altimeter.given_up)
        beams = velocimeter_reach(nav, measurements.velocimeter, self.velocimeter, self.ground)
        many = beams.heard & jnp.logical_not(memories.velocimeter_range.given_up)
        away_m = beam.offset_lci_m.norm()
        refused_more = memories.altimeter.rejected_in_a_row - memories.velocimeter_range.rejected_in_a_row
        nearer = away_m < beams.offset_lci_m.norm() + beams.reach_m
        better = jnp.logical_not(many) | (refused_more < 0.0) | ((refused_more == 0.0) & nearer)
        # A spot that no range tells, and that a lean carries off, would lead the ground's height away along the slope.
        waited_for = last.by_altimeter & beam.met(self.altimeter.cos_answered_min)
        by_altimeter = met & jnp.where(measurements.altimeter.valid, better, waited_for & jnp.logical_not(many))
        by_many = many & jnp.logical_not(by_altimeter)
        held = select(last.by_altimeter, zero_vec3(), last.offset_lci_m)
        return Sounding(
            offset_lci_m=select(by_altimeter, beam.offset_lci_m, select(by_many, beams.offset_lci_m, held)),
            reach_m=jnp.where(by_altimeter, 0.0, jnp.where(by_many, beams.reach_m, last.reach_m)),
            downrange_lci=downrange_of(level_velocity_m_s(nav, self.ground), last.downrange_lci),
            by_altimeter=by_altimeter,
            doubt_m2=jnp.where(by_altimeter, (self.altimeter.mount_sigma_rad * away_m) ** 2 + self.altimeter.bias_sigma_m**2, 0.0),
        )

    def stepped(self, state: FilterState, sounding: Sounding, stars_heard: Flag) -> tuple[NavState, Float[Array, "16 16"], Border]:
        """Covariance, and the ground that has passed below, from the last update to the last cycle."""
        nav, since = state.nav, state.since
        gravity = central_accel_m_s2(nav.r_lci_m, self.gravity.gm_m3_s2) + state.perturbation_lci_m_s2
        delta_v = sensed_delta_v_lci_m_s(nav, since, gravity)
        way_lci_m = way_of_spot_lci_m(nav, since, self.ground, state.sounding, sounding)
        shift = step_of_ground(self.ground_below(nav), way_lci_m, state.sounding, sounding)
        F = transition(nav, since, delta_v, self.gravity.gm_m3_s2, shift)
        noise = process_noise(self.imu, self.gravity, since, delta_v) + self._askew_rad2(state, stars_heard) * AXES_OF_ATTITUDE
        noise = computed_once(noise)
        sense = sense_of(state.sounding, sounding)
        border = Border(state.border.ties * sense, state.border.variance)
        sounded_m = shift.height_height * nav.sounded_m + shift.height_slope * (nav.slope * sense)
        slope = shift.slope_height * nav.sounded_m + shift.slope_slope * (nav.slope * sense)
        nav = eqx.tree_at(lambda n: (n.sounded_m, n.slope), nav, (sounded_m, slope))
        moved = covariance_after(state.P, F, noise)
        return nav, *with_slope(state.P, moved, F, border, shift)

    def _turn_at(self, state: FilterState) -> Turn:
        """As at the end of the interval since the last update."""
        kept = jnp.exp(-state.since.interval_s / self.imu.turn_memory_s)
        late_rad = state.turn.late_body_rad * kept + state.nav.omega_body_lci_rad_s * state.since.interval_s
        return Turn(late_rad, state.turn.at_stars_body_rad * kept)

    def _askew_rad2(self, state: FilterState, stars_heard: Flag) -> Scalar:
        """What scale and misalignment of the gyros add while a turn grows; what swings back and forth stays small.

        While the stars are heard, all of the turn of late counts: they tell the rest from a bias only over that time. When they are not,
        what counts is the turn since.
        """
        after = self._turn_at(state)
        start = after.late_body_rad - state.nav.omega_body_lci_rad_s * state.since.interval_s
        since = select(stars_heard, zero_vec3(), after.at_stars_body_rad)
        grown_rad2 = (after.late_body_rad - since).norm_squared() - (start - since).norm_squared()
        return self.imu.gyro_scale_sigma**2 * jnp.maximum(grown_rad2, 0.0)

    def _over_sounded_m(self, nav: NavState) -> Scalar:
        return nav.r_lci_m.norm() - self.ground.radius_m - nav.sounded_m

    def ground_below(self, nav: NavState) -> GroundBelief:
        """As it matters from where the lander is."""
        return self.ground.from_height(self._over_sounded_m(nav))

    def _over_ground(self, nav: NavState, sounding: Sounding) -> NavState:
        return eqx.tree_at(lambda n: n.terrain_m, nav, below(self.ground_below(nav), sounding).terrain_m(nav.sounded_m, nav.slope))

    def _channels(self, nav: NavState, state: FilterState, sounding: Sounding, measurements: Measurements) -> list[Channel]:
        """The readings as scalar measurements, in the order in which they are absorbed; a sensor with no beams gives none."""
        gates, memories = self.gates, state.memories
        by_one, by_many = sounding.by_altimeter, jnp.logical_not(sounding.by_altimeter)
        ranged = eqx.tree_at(lambda r: r.valid, measurements.altimeter, measurements.altimeter.valid & by_one)
        spots = eqx.tree_at(lambda r: r.valid, measurements.velocimeter, measurements.velocimeter.valid & by_many)
        stars = star_tracker_rows(nav, measurements.star_tracker, self.star_tracker)
        altimeter = [altimeter_row(nav, ranged, self.altimeter, self.ground)]
        speeds = velocimeter_rows(nav, measurements.velocimeter, self.velocimeter, self.ground)
        ranges = [velocimeter_height_row(nav, spots, self.velocimeter, self.ground)] if speeds else []
        return [
            Channel(stars, gates.star_tracker, memories.star_tracker),
            Channel(altimeter, gates.altimeter, memories.altimeter),
            Channel(speeds, gates.velocimeter, memories.velocimeter),
            Channel(ranges, gates.velocimeter_range, memories.velocimeter_range),
        ]
