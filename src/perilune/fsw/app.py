"""The flight software: measurements in, commands out, once a cycle. It sees nothing else.

It runs on its own clock; `tick` is the scheduler's interrupt, and decides only which of the slower tasks are due.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.fsw.belief import GroundBelief, VehicleBelief
from perilune.fsw.control.allocation import AllocationState, Allocator, Demand
from perilune.fsw.control.attitude import AttitudeControl, AttitudeControlState, AttitudeEstimate, AttitudeRequest, InertiaBelief, pointing
from perilune.fsw.engine_watch import EngineWatch, EngineWatchState
from perilune.fsw.fdir import Monitor, Monitors, MonitorState, MonitorView
from perilune.fsw.guidance.guidance import Guidance, GuidanceState, GuidanceView
from perilune.fsw.guidance.request import LocalState, ThrustRequest
from perilune.fsw.modes import ModeLogic, ModeState, ModeView
from perilune.fsw.navigation.filter import NavigationFilter
from perilune.fsw.navigation.state import FilterState
from perilune.fsw.sequencer import Action, Sequencer, SequencerState, SequencerView
from perilune.fsw.voting import Voting, VotingState
from perilune.math.batching import computed_once
from perilune.math.rotation import Rotation, identity
from perilune.math.vector import Vec3, select
from perilune.types import Flag, Index, Scalar
from perilune.wire.commands import Commands, DevicesOn, all_off, empty_array
from perilune.wire.measurements import Measurements
from perilune.wire.telemetry import Mode, NavTelemetry, Telemetry
from perilune.wire.uplink import BurnRow, FlightOrders, Uplink

# Before anything is known: 1,000 km and 1,000 m/s, one sigma, squared; and a radian.
UNKNOWN_RV = 1e12
UNKNOWN_ATTITUDE_RAD = 1.0

# Accelerometers are counted for this long after a mode has ended.
TAIL_OFF_S = 2.0

# Keeps the duration of a burn that nothing drives from being infinite.
TINY_M_S2 = 1e-6

# A lander that hovers is not taken to stay there.
LEAST_SINK_M_S = 1.0

# An abort pushes once the axis is within half a radian of its aim.
COS_TURNED = 0.88

# Slow tasks, in cycles: guidance and the belief field once a second, the filter's covariance twice.
GUIDANCE_EVERY = 10
FILTER_EVERY = 5


class FswState(eqx.Module):
    filter: FilterState
    modes: ModeState
    guidance: GuidanceState
    attitude: AttitudeControlState
    allocation: AllocationState
    sequencer: SequencerState
    monitors: MonitorState
    commands: Commands  # of the last cycle
    mass_kg: Scalar
    orders: FlightOrders
    engines: EngineWatchState | None = None
    vote: VotingState | None = None


class _View(eqx.Module):
    """The navigated situation of one cycle."""

    q_lfme_lci: Rotation
    local: LocalState
    guidance: GuidanceView
    omega_body_rad_s: Vec3
    counted_m_s: Scalar
    burn: BurnRow


class FlightSoftware(eqx.Module):
    navigation: NavigationFilter
    guidance: Guidance
    attitude: AttitudeControl
    allocation: Allocator
    modes: ModeLogic
    sequencer: Sequencer
    monitors: Monitors
    vehicle: VehicleBelief
    inertia: InertiaBelief
    ground: GroundBelief
    gate_downrange_m: Scalar  # where braking ends, before the site
    up_body: Vec3  # the axis that the engines push along
    orders: FlightOrders  # until the ground sends others
    engine_watch: EngineWatch | None = None
    voting: Voting | None = None

    def init(self, clock_s: Scalar) -> FswState:
        """Asleep: nothing known but the belief; the state vector that comes with the first wake-up replaces the site as the place."""
        rest = Vec3(*(jnp.zeros(()) for _ in range(3)))
        asleep = self.navigation.init(
            self.ground.site.r_origin_lfme_m, rest, identity("lci", "body"), UNKNOWN_RV * jnp.eye(6), UNKNOWN_ATTITUDE_RAD, clock_s
        )
        commands = Commands(
            throttle=jnp.zeros_like(self.vehicle.engine_thrust_n),
            thruster_on_s=jnp.zeros_like(self.vehicle.thruster_flow_kg_s),
            devices_on=all_off(),
            unit_array=empty_array(),
        )
        return FswState(
            filter=asleep,
            modes=self.modes.init(clock_s),
            guidance=self.guidance.init(),
            attitude=self.attitude.init(),
            allocation=self.allocation.init(),
            sequencer=self.sequencer.init(),
            monitors=self.monitors.init(),
            commands=commands,
            mass_kg=jnp.asarray(self.vehicle.mass_start_kg, dtype=float),
            orders=self.orders,
            engines=None if self.engine_watch is None else self.engine_watch.init(),
            vote=None if self.voting is None else self.voting.init(),
        )

    def wake(self, state: FswState, measurements: Measurements, uplink: Uplink) -> FswState:
        """After sleep: clock, star tracker and, if the ground sent them, a state vector and new orders. The sequence begins anew."""
        sent = uplink.orders.valid
        orders = jax.tree.map(lambda new, old: jnp.where(sent, new, old), uplink.orders, state.orders)
        burns_over = jnp.where(sent, 0, state.modes.burns_over)
        filtered = self.navigation.wake(state.filter, measurements, uplink.state_vector)
        parts = (filtered, self.sequencer.init(), orders, burns_over)
        return eqx.tree_at(lambda s: (s.filter, s.sequencer, s.orders, s.modes.burns_over), state, parts)

    def step(self, state: FswState, measurements: Measurements, uplink: Uplink, tick: Index) -> tuple[FswState, Commands, Telemetry]:
        """One cycle: navigate, decide, steer."""
        state, seen = self._voted(state, measurements)
        measurements = eqx.tree_at(lambda m: m.imu, seen, self.monitors.believed(state.monitors, seen.imu, self._ordered_m_s(state)))
        filtered = self._navigate(state, measurements, tick)
        view = self._view(state, filtered, measurements)
        sequencer = self._sequence(state, view, measurements)
        guidance = self._guide(state, view, tick)
        monitors = self._monitor(state, view, seen)
        modes = self._decide(state, view, (sequencer, guidance, monitors), measurements)
        request = computed_once(self.guidance.request(guidance, view.guidance, modes.mode))
        tasks = (guidance, modes, sequencer, monitors)
        attitude, allocation, commands = self._steer(state, filtered, tasks, request, measurements, view.burn)
        state = FswState(
            filter=filtered,
            modes=modes,
            guidance=guidance,
            attitude=attitude,
            allocation=allocation,
            sequencer=sequencer,
            monitors=monitors,
            commands=commands,
            mass_kg=self.vehicle.mass_after(state.mass_kg, commands),
            orders=state.orders,
            engines=self._watched(state, monitors, seen),
            vote=state.vote,
        )
        return state, commands, self._report(state, view, request, measurements)

    def _voted(self, state: FswState, measurements: Measurements) -> tuple[FswState, Measurements]:
        """The readings with those of the inertial unit as voted, and what it does to the estimate; without a vote they are the first unit's."""
        if self.voting is None or state.vote is None:
            return state, measurements
        vote, imu, doubt_rad = self.voting.step(state.vote, measurements, self._ordered_m_s(state), self.navigation.star_tracker)
        filtered = self.navigation.doubting_attitude(state.filter, doubt_rad)
        return eqx.tree_at(lambda s: (s.vote, s.filter), state, (vote, filtered)), eqx.tree_at(lambda m: m.imu, measurements, imu)

    def _navigate(self, state: FswState, measurements: Measurements, tick: Index) -> FilterState:
        mode = state.modes.mode
        burning = (mode != Mode.COAST) & (mode != Mode.SURFACE)
        # A burn's tail and a slew's pulses push too: uncounted, 0.1 m/s of them becomes hundreds of metres in half an orbit.
        fading = measurements.clock_s - state.modes.since_s < TAIL_OFF_S
        thrusting = burning | fading | jnp.any(state.commands.thruster_on_s > 0.0)
        filtered = self.navigation.propagate(state.filter, measurements.imu, measurements.clock_s, thrusting)
        filtered = jax.lax.cond(tick % GUIDANCE_EVERY == 0, lambda s: self.navigation.refresh_gravity(s), lambda s: s, filtered)

        lost = self.monitors.strikes(state.monitors, Monitor.GROUND_MISSING, FILTER_EVERY)

        def updated(now: FilterState) -> FilterState:
            return self.navigation.update(self.navigation.hearing_again(now, lost), measurements)

        return jax.lax.cond(tick % FILTER_EVERY == 0, updated, lambda s: s, filtered)

    def _view(self, state: FswState, filtered: FilterState, measurements: Measurements) -> _View:
        nav = filtered.nav
        q_lfme_lci = self.ground.spin.q_lfme_lci(measurements.clock_s)
        local = self.ground.local(nav.r_lci_m, nav.v_lci_m_s, nav.terrain_m, q_lfme_lci)
        along_m, across_m = self.ground.way_to_site(local, q_lfme_lci)
        q_site_lfme = self.ground.site.q_site_lfme
        place = self.ground.site.r_site_m(q_lfme_lci @ nav.r_lci_m)
        burn = state.orders.burns.row(state.modes.burns_over)
        guidance = GuidanceView(
            local=local,
            # Height is over the ground that the beams see: the orbit's radius may be a kilometre off, with the ground's height off as much.
            r_site_m=Vec3(place.x, place.y, local.altitude_m),
            v_site_m_s=q_site_lfme @ (q_lfme_lci @ local.v_ground_lci_m_s),
            q_lci_site=(q_site_lfme @ q_lfme_lci).inverse(),
            mass_kg=state.mass_kg,
            thrust_n=self.vehicle.braking_thrust_n - self._gone_n(state, int(Mode.BRAKING)),
            gone_n=self._gone_n(state, int(Mode.VERTICAL_DESCENT)),
            range_to_gate_m=along_m - self.gate_downrange_m,
            cross_of_site_m=across_m,
            terrain_m=nav.terrain_m,
            before_lci=self._before_braking_lci(state.orders, nav.v_lci_m_s, local, burn),
            straight_m=place,
        )
        rate = measurements.imu.delta_theta_body_rad / self.vehicle.cycle_s - nav.bias_gyro_rad_s
        counted = measurements.imu.delta_v_body_m_s - nav.bias_accel_m_s2 * self.vehicle.cycle_s
        return _View(q_lfme_lci, local, guidance, rate, counted.dot(self.up_body), burn)

    def _before_braking_lci(self, orders: FlightOrders, v_lci_m_s: Vec3, local: LocalState, burn: BurnRow) -> Vec3:
        """Where the thrust axis looks: as the next burn wants it, else as ordered, else backwards, turned for braking."""
        rest = orders.rest_z_lci
        resting = select(rest.norm_squared() > 0.0, rest, -local.downrange_lci)
        return select(jnp.isfinite(burn.start_s), burn.direction_lci(v_lci_m_s), resting)

    def _sequence(self, state: FswState, view: _View, measurements: Measurements) -> SequencerState:
        orders = state.orders
        look = SequencerView(measurements.clock_s, state.modes.mode, view.local.altitude_m, orders.burns.start_s[0], orders.ignition_s)
        return self.sequencer.step(state.sequencer, look)

    def _guide(self, state: FswState, view: _View, tick: Index) -> GuidanceState:
        mode = state.modes.mode
        aged = self.guidance.age(state.guidance, view.guidance, mode, self.vehicle.cycle_s)

        def planned(now: GuidanceState) -> GuidanceState:
            return self.guidance.plan(now, view.guidance, mode)

        return jax.lax.cond(tick % GUIDANCE_EVERY == 0, planned, lambda s: s, aged)

    def _ordered_m_s(self, state: FswState) -> Vec3:
        """Velocity that the last cycle's orders give by belief: of the engines, and of thrusters that push along the same axis."""
        pushed_n = jnp.sum(state.commands.throttle * self.vehicle.engine_thrust_n)
        pulsed_n_s = state.commands.thruster_on_s @ self.vehicle.thruster_push_n
        return self.up_body * ((pushed_n * self.vehicle.cycle_s + pulsed_n_s) / state.mass_kg)

    def _monitor(self, state: FswState, view: _View, measurements: Measurements) -> MonitorState:
        mode, delta_v = state.modes.mode, measurements.imu.delta_v_body_m_s
        burn_m_s2 = self.vehicle.burn_thrust_n(view.burn) / state.mass_kg
        sink_m_s = jnp.maximum(-view.local.vertical_speed_m_s, LEAST_SINK_M_S)
        hovering_kg_s = state.mass_kg * view.local.gravity_m_s2 / self.vehicle.braking_exhaust_m_s
        look = MonitorView(
            pads=jnp.sum(measurements.pad_touched.astype(float)),
            axis_lci=state.filter.nav.q_lci_body @ self.up_body,
            aim_lci=state.attitude.q_lci_body_cmd @ self.up_body,
            flying=mode < Mode.TOUCHDOWN,
            propellant_kg=measurements.propellant_kg,
            loaded_kg=self.vehicle.mass_start_kg - self.vehicle.mass_dry_kg,
            high=mode < Mode.VERTICAL_DESCENT,
            hovering_kg=hovering_kg_s * jnp.maximum(view.local.altitude_m, 0.0) / sink_m_s,
            accel_ordered_m_s2=self._ordered_m_s(state).dot(self.up_body) / self.vehicle.cycle_s,
            accel_counted_m_s2=delta_v.dot(self.up_body) / self.vehicle.cycle_s,
            delta_v_body_m_s=delta_v,
            burning=mode == Mode.BURN,
            burn_age_s=measurements.clock_s - state.modes.since_s,
            burn_expected_s=view.burn.delta_v_m_s / jnp.maximum(burn_m_s2, TINY_M_S2),
            height_m=view.local.altitude_m,
            sink_m_s=-view.local.vertical_speed_m_s,
            descending=(mode > Mode.BRAKING) & (mode < Mode.TOUCHDOWN),
        )
        return self.monitors.step(state.monitors, look)

    def _watched(self, state: FswState, monitors: MonitorState, measurements: Measurements) -> EngineWatchState | None:
        """The engines after this cycle; nothing is known of them while the accelerometers are silent."""
        if self.engine_watch is None or state.engines is None:
            return None
        cycle_s = self.vehicle.cycle_s
        missing_m_s = self._ordered_m_s(state).dot(self.up_body) - measurements.imu.delta_v_body_m_s.dot(self.up_body)
        missing_n = jnp.where(monitors.count[int(Monitor.SILENT_ACCELEROMETERS)] > 0.0, 0.0, missing_m_s / cycle_s * state.mass_kg)
        return self.engine_watch.step(state.engines, state.commands.throttle, missing_n, state.attitude.disturbance_body_n_m, cycle_s)

    def _gone_n(self, state: FswState, mode: int) -> Scalar:
        """Thrust that a mode has no more, of engines that are not used again."""
        if self.engine_watch is None or state.engines is None:
            return jnp.zeros(())
        gone = self.modes.engines[mode] & jnp.logical_not(self.engine_watch.usable(state.engines))
        return jnp.sum(jnp.where(gone, self.vehicle.engine_thrust_n, 0.0))

    def _decide(
        self, state: FswState, view: _View, tasks: tuple[SequencerState, GuidanceState, MonitorState], measurements: Measurements
    ) -> ModeState:
        sequencer, guidance, monitors = tasks
        mode = state.modes.mode
        up_lci = state.filter.nav.q_lci_body @ self.up_body
        look = ModeView(
            clock_s=measurements.clock_s,
            burn=view.burn,
            braking_armed=self.sequencer.has(sequencer, Action.ARM_BRAKING),
            range_to_ignite_m=self.guidance.range_to_ignite_m(guidance, view.guidance),
            time_to_go_s=self.guidance.time_to_go_s(guidance, mode),
            forward_speed_m_s=view.local.v_ground_lci_m_s.dot(view.local.downrange_lci),
            height_m=view.local.altitude_m,
            thrust_tilt_rad=jnp.arccos(jnp.clip(up_lci.dot(view.local.up_lci), -1.0, 1.0)),
            touched=monitors.raised[int(Monitor.TOUCHDOWN)],
            overdue=self.monitors.acting(monitors, Monitor.BURN_TOO_LONG),
            sparing=self.monitors.acting(monitors, Monitor.PROPELLANT_LOW),
            abort=self._abort(state, view, monitors),
        )
        return self.modes.step(state.modes, look, view.counted_m_s)

    def _abort(self, state: FswState, view: _View, monitors: MonitorState) -> Flag:
        """Called for, with the propellant for it."""
        if self.guidance.abort is None:
            return jnp.asarray(False)
        given_m_s = self.vehicle.braking_exhaust_m_s * jnp.log(state.mass_kg / self.vehicle.mass_dry_kg)
        called = self.monitors.calling(monitors)
        if state.engines is not None and self.engine_watch is not None:
            called = called | (self.engine_watch.calls_abort & jnp.any(state.engines.lost))
        return called & self.guidance.abort.affordable(view.local, given_m_s)

    def _steer(
        self,
        state: FswState,
        filtered: FilterState,
        tasks: tuple[GuidanceState, ModeState, SequencerState, MonitorState],
        request: ThrustRequest,
        measurements: Measurements,
        burn: BurnRow,
    ) -> tuple[AttitudeControlState, AllocationState, Commands]:
        guidance, modes, sequencer, monitors = tasks
        mode = modes.mode
        orders = state.orders
        resting = (mode == Mode.COAST) & jnp.isinf(burn.start_s) & (orders.rest_z_lci.norm_squared() > 0.0)
        reference = select(resting, orders.rest_x_lci, self.guidance.attitude_reference(guidance, request.direction_lci))
        wanted = computed_once(pointing(request.direction_lci, reference))
        burning = ((mode >= Mode.BURN) & (mode < Mode.TOUCHDOWN)) | (mode == Mode.ABORT)
        nav = filtered.nav
        estimate = AttitudeEstimate(nav.q_lci_body, measurements.imu, nav.bias_gyro_rad_s, self.inertia.at(state.mass_kg))
        attitude, torque = self.attitude.step(
            state.attitude, AttitudeRequest(wanted, jnp.logical_not(burning)), estimate, self.vehicle.cycle_s
        )
        torque = computed_once(torque)
        pushing = burning & jnp.logical_not(self.monitors.acting(monitors, Monitor.ATTITUDE_DIVERGED))
        if self.guidance.abort is not None:  # it begins with a turn to the other side
            off = (filtered.nav.q_lci_body @ self.up_body).dot(request.direction_lci) < COS_TURNED
            pushing = pushing & jnp.logical_not((mode == Mode.ABORT) & off)
        thrust_n = jnp.where(pushing, request.accel_m_s2 * state.mass_kg, 0.0)
        use = self.modes.use(mode, burn)
        if self.engine_watch is not None and state.engines is not None:
            use = eqx.tree_at(lambda u: u.engines, use, self.engine_watch.used(state.engines, use.engines))
        allocation, given = self.allocation.allocate(state.allocation, Demand(thrust_n, torque), use)
        devices = DevicesOn(
            accelerometers=self.sequencer.has(sequencer, Action.ACCELEROMETERS_ON),
            altimeter=self.sequencer.has(sequencer, Action.ALTIMETER_ON),
            velocimeter=self.sequencer.has(sequencer, Action.VELOCIMETER_ON),
        )
        commands = Commands(throttle=given.throttle, thruster_on_s=given.thruster_on_s, devices_on=devices, unit_array=sequencer.array)
        return attitude.given(given.torque_body_n_m), allocation, commands

    def _report(self, state: FswState, view: _View, request: ThrustRequest, measurements: Measurements) -> Telemetry:
        local, nav = view.local, state.filter.nav
        level = local.v_ground_lci_m_s - local.up_lci * local.vertical_speed_m_s
        return Telemetry(
            clock_s=measurements.clock_s,
            mode=state.modes.mode,
            nav=NavTelemetry(
                r_lci_m=nav.r_lci_m,
                v_lci_m_s=nav.v_lci_m_s,
                q_lci_body=nav.q_lci_body,
                bias_accel_m_s2=nav.bias_accel_m_s2,
                bias_gyro_rad_s=nav.bias_gyro_rad_s,
                terrain_m=nav.terrain_m,
                sigma=self.navigation.sigma(state.filter),
                altimeter=state.filter.reports.altimeter,
                velocimeter=state.filter.reports.velocimeter,
                star_tracker=state.filter.reports.star_tracker,
            ),
            altitude_m=local.altitude_m,
            vertical_speed_m_s=-local.vertical_speed_m_s,
            horizontal_speed_m_s=level.norm(),
            thrust_direction_cmd_lci=request.direction_lci,
            accel_cmd_m_s2=request.accel_m_s2,
            time_to_go_s=request.time_to_go_s,
            mass_kg=state.mass_kg,
            monitors=state.monitors.raised,
            commands=state.commands,
            vote=None if self.voting is None or state.vote is None else self.voting.report(state.vote),
        )
