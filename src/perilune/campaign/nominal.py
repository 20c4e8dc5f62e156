"""The flight about which a mission is made linear: what is told of it, and how far off each change of mode is."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.fsw.control.allocation import ActuatorUse
from perilune.fsw.modes import ModeLogic, ModeState, ModeView
from perilune.moon.frames import lfme_from_lci, moon_orientation
from perilune.sim.mission import Mission, MissionState
from perilune.types import Flag, Index, Scalar
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import BurnRow
from perilune.world.plant import WorldState

NAMES = (
    *("east_m", "north_m", "height_m", "v_east_m_s", "v_north_m_s", "v_up_m_s", "lean_east_rad", "lean_north_rad", "propellant_kg"),
    *("nav_east_m", "nav_north_m", "nav_up_m", "nav_v_east_m_s", "nav_v_north_m_s", "nav_v_up_m_s"),
    *("nav_turn_x_rad", "nav_turn_y_rad", "nav_turn_z_rad", "nav_height_m", "to_switch"),
)


class WatchedState(eqx.Module):
    """`ModeState`, and what falls through nought when the mode changes next."""

    mode: Index
    since_s: Scalar
    burned_m_s: Scalar
    burns_over: Index
    to_switch: Scalar


class WatchedModes(eqx.Module):
    """The same transitions; with `held` none happens."""

    logic: ModeLogic
    held: Flag

    @property
    def engines(self) -> Array:
        return self.logic.engines

    def init(self, clock_s: Scalar) -> WatchedState:
        return _watched(self.logic.init(clock_s), jnp.zeros(()))

    def use(self, mode: Index, burn: BurnRow) -> ActuatorUse:
        return self.logic.use(mode, burn)

    def step(self, state: WatchedState, view: ModeView, counted_m_s: Scalar) -> WatchedState:
        before = ModeState(state.mode, state.since_s, state.burned_m_s, state.burns_over)
        after = self.logic.step(before, view, counted_m_s)
        kept = eqx.tree_at(lambda s: s.burned_m_s, before, before.burned_m_s + counted_m_s)
        after = jax.tree.map(lambda new, old: jnp.where(self.held, old, new), after, kept)
        return _watched(after, self._to_switch(before, view, counted_m_s))

    def _to_switch(self, state: ModeState, view: ModeView, counted_m_s: Scalar) -> Scalar:
        """Of the conditions of `ModeLogic.step`, those that a nominal flight meets."""
        logic, mode = self.logic, state.mode
        braking = jnp.minimum(view.forward_speed_m_s - logic.gate_horizontal_speed_m_s, view.time_to_go_s - 0.05)
        low = jnp.minimum(view.height_m - logic.vertical_height_m, view.time_to_go_s)
        ahead = {
            Mode.COAST: view.range_to_ignite_m,
            Mode.BURN: view.burn.delta_v_m_s - state.burned_m_s - counted_m_s,
            Mode.BRAKING: braking,
            Mode.PITCH_UP: view.thrust_tilt_rad - logic.upright_rad,
            Mode.APPROACH: low,
        }
        if logic.hold_s is not None:
            ahead[Mode.ATTITUDE_HOLD] = logic.hold_s - (view.clock_s - state.since_s)
        if logic.fall_height_m is not None:
            ahead[Mode.VERTICAL_DESCENT] = view.height_m - logic.fall_height_m
        result = jnp.zeros(())
        for one, value in ahead.items():
            result = jnp.where(mode == one, value, result)
        return result


def _watched(state: ModeState, to_switch: Scalar) -> WatchedState:
    return WatchedState(state.mode, state.since_s, state.burned_m_s, state.burns_over, to_switch)


def told(mission: Mission, before: WorldState, after: MissionState, t_s: Scalar) -> Float[Array, " numbers"]:
    """`NAMES` at the start of a tick: the truth then, and what flight software made of it in that tick."""
    world, seen, site = mission.world, before.seen, mission.world.site
    nav = after.fsw.filter.nav
    r_imu_lfme_m = seen.point_lfme_m(world.r_imu_body_m)
    v_imu_lfme_m_s = seen.q_lfme_body @ seen.point_v_lfme_in_body_m_s(world.r_imu_body_m)
    r_nav_lfme_m, v_nav_lfme_m_s = lfme_from_lci(moon_orientation(world.ephemeris, t_s), nav.r_lci_m, nav.v_lci_m_s)
    r_site_m, v_site_m_s = site.r_site_m(seen.r_lfme_m), site.q_site_lfme @ seen.v_lfme_in_lfme_m_s
    axis_site = site.q_site_lfme @ (seen.q_lfme_body @ mission.fsw.up_body)
    nav_r_m = site.q_site_lfme @ (r_nav_lfme_m - r_imu_lfme_m)
    nav_v_m_s = site.q_site_lfme @ (v_nav_lfme_m_s - v_imu_lfme_m_s)
    turn = (seen.q_lci_body.inverse() @ nav.q_lci_body.relabelled("lci", "believed")).v * 2.0
    imu_over_centre_m = r_imu_lfme_m.norm() - seen.r_lfme_m.norm()
    nav_height_m = mission.fsw.navigation.altitude_m(nav) - before.altitude_m - imu_over_centre_m
    to_switch = getattr(after.fsw.modes, "to_switch", jnp.zeros(()))
    parts = (r_site_m.x, r_site_m.y, before.altitude_m, *v_site_m_s.components(), axis_site.x, axis_site.y, before.propellant_kg)
    return jnp.stack([*parts, *nav_r_m.components(), *nav_v_m_s.components(), *turn.components(), nav_height_m, to_switch])
