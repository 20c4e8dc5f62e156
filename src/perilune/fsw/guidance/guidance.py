"""The laws behind one face: which one speaks is a matter of the mode."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.fsw.guidance.abort import AbortGuidance
from perilune.fsw.guidance.apollo import ApolloGuidance, ApolloState, PlaceOfSite
from perilune.fsw.guidance.approach import ApproachGuidance, ApproachState, ThrustBand, as_request
from perilune.fsw.guidance.braking import BrakingAim, BrakingGuidance, BrakingState, in_plane
from perilune.fsw.guidance.gravity_turn import GravityTurn
from perilune.fsw.guidance.held import AttitudeHold, FreeFall
from perilune.fsw.guidance.limits import upward_first
from perilune.fsw.guidance.request import LocalState, ThrustRequest
from perilune.fsw.guidance.vertical import VerticalGuidance
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, select
from perilune.types import Flag, Index, Scalar
from perilune.wire.telemetry import Mode

# What attitude control leaves of the thrust, with a little kept back for thrust below belief.
USABLE_SHARE = 0.95


class GuidanceState(eqx.Module):
    braking: BrakingState
    approach: ApproachState
    keel_lci: Vec3  # body +y is kept along it: the normal of the plane of flight, held from the start of braking
    hovered_s: tuple[Scalar, ...] = ()
    held_lci: Vec3 | None = None  # direction of thrust in the attitude hold
    apollo: ApolloState | None = None
    in_orbit: Flag | None = None  # again, after an abort


class GuidanceView(eqx.Module):
    """What the laws look at, beside the local state."""

    local: LocalState
    r_site_m: Vec3  # east and north of the site, and height over the ground below
    v_site_m_s: Vec3
    q_lci_site: Rotation
    mass_kg: Scalar
    thrust_n: Scalar  # full braking thrust
    gone_n: Scalar  # thrust that approach and vertical descent have no more
    range_to_gate_m: Scalar
    cross_of_site_m: Scalar
    terrain_m: Scalar  # height of the ground below over the site's sphere, as navigated
    before_lci: Vec3  # where the thrust axis looks before braking
    straight_m: Vec3  # east and north of the site, and up from the plane that touches the sphere there


class Guidance(eqx.Module):
    braking: BrakingGuidance
    approach: ApproachGuidance | GravityTurn
    vertical: VerticalGuidance
    approach_wanted: Flag
    braking_exhaust_m_s: Scalar
    approach_thrust_n: Scalar  # of all that burns in approach, full, as believed
    approach_least_share: Scalar  # of that, with all its engines at their least
    vertical_thrust_n: Scalar
    terrain_correlation_m: Scalar  # distance over which heights of the ground are alike
    hold: AttitudeHold | None = None
    fall: FreeFall | None = None
    apollo: ApolloGuidance | None = None  # in place of the laws of braking and approach
    abort: AbortGuidance | None = None

    def init(self) -> GuidanceState:
        zero = jnp.zeros(())
        nowhere = Vec3(zero, zero, zero)
        held = nowhere if self.hold is not None else None
        apollo = None if self.apollo is None else self.apollo.init()
        in_orbit = None if self.abort is None else jnp.asarray(False)
        return GuidanceState(self.braking.init(), self.approach.init(), nowhere, self.vertical.init(), held, apollo, in_orbit)

    def plan(self, state: GuidanceState, view: GuidanceView, mode: Index) -> GuidanceState:
        """The slow cycle: the braking solution, before ignition for the sake of the range, then for the steering."""
        # At the start of braking body +x looks down and +z against the motion; +y = z x x keeps the tilt in the plane of flight.
        keel = select(mode >= Mode.BRAKING, state.keel_lci, -view.local.cross_lci)
        if self.apollo is not None and state.apollo is not None:
            apollo = self.apollo.plan(state.apollo, self._seen_from_site(view), view.mass_kg, mode)
            return eqx.tree_at(lambda s: (s.keel_lci, s.apollo), state, (keel, apollo))
        lift_m = self._lift_m(view, state.braking.range_m)
        local = in_plane(view.local, -keel)
        cosine, sine = local.cross_lci.dot(view.local.cross_lci), local.cross_lci.dot(view.local.downrange_lci)
        range_m = view.range_to_gate_m * cosine - view.cross_of_site_m * sine
        cross_m = view.cross_of_site_m * cosine + view.range_to_gate_m * sine
        aim = BrakingAim(local, view.thrust_n, self.braking_exhaust_m_s, view.mass_kg, range_m, cross_m, lift_m)
        braking = self.braking.update(state.braking, aim, mode == Mode.BRAKING)
        return eqx.tree_at(lambda s: (s.braking, s.keel_lci), state, (braking, keel))

    def _lift_m(self, view: GuidanceView, ahead_m: Scalar) -> Scalar:
        """What the ground below says of the ground ahead: the expectation of a process that forgets with distance."""
        return view.terrain_m * jnp.exp(-jnp.maximum(ahead_m, 0.0) / self.terrain_correlation_m)

    def _seen_from_site(self, view: GuidanceView) -> PlaceOfSite:
        east_m, north_m, up_m = view.straight_m.components()
        lift_m = self._lift_m(view, jnp.sqrt(east_m**2 + north_m**2))
        local, to_site = view.local, view.q_lci_site.inverse()
        along_m_s = local.v_ground_lci_m_s.dot(local.downrange_lci) + local.ground_speed_m_s
        return PlaceOfSite(
            r_m=Vec3(east_m, north_m, up_m - lift_m),
            v_m_s=view.v_site_m_s,
            speed_m_s=jnp.sqrt(along_m_s**2 + local.vertical_speed_m_s**2),
            gravity_m_s2=to_site @ (local.up_lci * -local.gravity_m_s2),
        )

    def range_to_ignite_m(self, state: GuidanceState, view: GuidanceView) -> Scalar:
        """Way left to the place where braking begins; positive before it."""
        if self.apollo is not None:
            return self.apollo.range_to_ignite_m(self._seen_from_site(view), view.mass_kg)
        return view.range_to_gate_m - state.braking.range_m

    def time_to_go_s(self, state: GuidanceState, mode: Index) -> Scalar:
        """Until the phase ends."""
        late = mode == Mode.APPROACH
        if state.apollo is not None:
            return jnp.where(late, state.apollo.to_low_gate_s, state.apollo.to_gate_s)
        return jnp.where(late, state.approach.time_to_go_s, state.braking.time_to_go_s)

    def age(self, state: GuidanceState, view: GuidanceView, mode: Index, dt_s: Scalar) -> GuidanceState:
        """One fast cycle: clocks run, and the approach is laid out until it begins."""
        braking = self.braking.advance(state.braking, dt_s, mode == Mode.BRAKING)
        laid_out = self.approach.started(view.r_site_m, view.v_site_m_s)
        left_s = state.approach.laid_out_s - dt_s
        running = ApproachState(left_s, left_s)
        approach = jax.tree.map(lambda a, b: jnp.where(mode >= Mode.APPROACH, a, b), running, laid_out)
        approach = self.approach.kept_in_reach(
            approach, view.r_site_m, view.v_site_m_s, view.local.gravity_m_s2, self._band_in_approach(view)
        )
        hovering_s = jnp.where(mode == Mode.VERTICAL_DESCENT, dt_s, 0.0) if self.vertical.hovers else dt_s
        hovered_s = self.vertical.aged(state.hovered_s, view.local, hovering_s)
        apollo = None if self.apollo is None or state.apollo is None else self.apollo.aged(state.apollo, mode, dt_s)
        in_orbit = None if self.abort is None or state.in_orbit is None else self.abort.done(state.in_orbit, view.local)
        return GuidanceState(braking, approach, state.keel_lci, hovered_s, self._held(state, view, mode), apollo, in_orbit)

    def _held(self, state: GuidanceState, view: GuidanceView, mode: Index) -> Vec3 | None:
        """The direction of the hold: as it would begin now, until it has begun."""
        if self.hold is None or state.held_lci is None:
            return None
        fresh = self.hold.direction_lci(in_plane(view.local, -state.keel_lci))
        return select(mode == Mode.ATTITUDE_HOLD, state.held_lci, fresh)

    def request(self, state: GuidanceState, view: GuidanceView, mode: Index) -> ThrustRequest:
        """Thrust direction and acceleration, and the time to go of the phase."""
        local = view.local
        brake, approach = self._laws(state, view)
        sink_m_s = jnp.maximum(-local.vertical_speed_m_s, 0.1)
        vertical_max_m_s2 = USABLE_SHARE * (self.vertical_thrust_n - view.gone_n) / view.mass_kg
        vertical_accel = upward_first(self.vertical.accel_lci_m_s2(local, state.hovered_s), local.up_lci, vertical_max_m_s2)
        vertical = as_request(vertical_accel, local.altitude_m / sink_m_s)
        in_approach = (mode == Mode.APPROACH) | ((mode == Mode.PITCH_UP) & self.approach_wanted)
        late = _chosen(in_approach, approach, vertical)
        before = ThrustRequest(view.before_lci, view.thrust_n / view.mass_kg, state.braking.time_to_go_s)
        early = _chosen(mode == Mode.BRAKING, brake, before)
        if self.fall is not None:
            late = _chosen(mode == Mode.FREE_FALL, self.fall.request(local, state.keel_lci), late)
        if self.hold is not None and state.held_lci is not None:
            held = self.hold.request(state.held_lci, view.thrust_n / view.mass_kg, approach.time_to_go_s)
            late = _chosen(mode == Mode.ATTITUDE_HOLD, held, late)
        if self.abort is not None and state.in_orbit is not None:
            back = self.abort.request(view.local, state.in_orbit, view.thrust_n / view.mass_kg)
            late = _chosen(mode == Mode.ABORT, back, late)
        return _chosen(mode <= Mode.BRAKING, early, late)

    def _laws(self, state: GuidanceState, view: GuidanceView) -> tuple[ThrustRequest, ThrustRequest]:
        """What braking and approach ask for."""
        if self.apollo is not None and state.apollo is not None:
            return self.apollo.requests(state.apollo, self._seen_from_site(view), view.q_lci_site, view.mass_kg)
        local = view.local
        brake = self.braking.request(state.braking, in_plane(local, -state.keel_lci), view.thrust_n / view.mass_kg)
        site_accel, time_to_go_s = self.approach.request(state.approach, view.r_site_m, view.v_site_m_s, local.gravity_m_s2)
        approach_max_m_s2 = USABLE_SHARE * (self.approach_thrust_n - view.gone_n) / view.mass_kg
        return brake, as_request(upward_first(view.q_lci_site @ site_accel, local.up_lci, approach_max_m_s2), time_to_go_s)

    def _band_in_approach(self, view: GuidanceView) -> ThrustBand:
        full_m_s2 = (self.approach_thrust_n - view.gone_n) / view.mass_kg
        return ThrustBand(self.approach_least_share * full_m_s2, USABLE_SHARE * full_m_s2)

    def attitude_reference(self, state: GuidanceState, direction_lci: Vec3) -> Vec3:
        """Where body +x should look, as near as the thrust direction allows."""
        return state.keel_lci.cross(direction_lci)


def _chosen(flag: Flag, when_true: ThrustRequest, when_false: ThrustRequest) -> ThrustRequest:
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), when_true, when_false)
