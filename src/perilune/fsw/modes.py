"""Which mode flight software is in, and what moves it to the next."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from perilune.fsw.control.allocation import ActuatorUse
from perilune.types import Flag, Index, Scalar
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import BurnRow


class ModeState(eqx.Module):
    mode: Index
    since_s: Scalar  # onboard clock at the last change
    burned_m_s: Scalar  # velocity counted on the accelerometers since then
    burns_over: Index  # rows of the burn table


class ModeView(eqx.Module):
    """What the transitions look at."""

    clock_s: Scalar
    burn: BurnRow  # the next one, or the one that burns
    braking_armed: Flag
    range_to_ignite_m: Scalar  # range to the gate less the range that braking takes
    time_to_go_s: Scalar
    forward_speed_m_s: Scalar  # horizontal, along the way of flight
    height_m: Scalar
    thrust_tilt_rad: Scalar  # of the lander's axis from the vertical
    touched: Flag  # confirmed by the monitor
    overdue: Flag  # the burn has taken too long
    sparing: Flag  # of propellant: straight down
    abort: Flag = False  # called for, and affordable


class ModeLogic(eqx.Module):
    """Settings of the transitions, and which actuators each mode uses."""

    gate_horizontal_speed_m_s: Scalar
    upright_rad: Scalar  # pitch-up ends at this tilt
    approach_wanted: Flag  # without a target, pitch-up leads straight to vertical descent
    vertical_height_m: Scalar  # approach ends at this height
    secure_s: Scalar  # from touchdown to the surface mode
    engines: Bool[Array, "modes engines"]
    axial_thrusters: Bool[Array, " modes"]
    axial_torque: Bool[Array, " modes"]
    attitude_thrusters: Bool[Array, " modes"]
    hold_s: Scalar | None = None  # in one attitude, from the end of braking; a lander without such a leg has none
    fall_height_m: Scalar | None = None  # the engines are cut at this height; without it they burn to the ground
    aborts: bool = eqx.field(static=True, default=False)

    def init(self, clock_s: Scalar) -> ModeState:
        return ModeState(
            mode=jnp.asarray(int(Mode.COAST)),
            since_s=jnp.asarray(clock_s, dtype=float),
            burned_m_s=jnp.zeros(()),
            burns_over=jnp.asarray(0),
        )

    def step(self, state: ModeState, view: ModeView, counted_m_s: Scalar) -> ModeState:
        """At most one change a cycle; a burn ends on counted velocity, or on its back-up timer."""
        mode, age_s = state.mode, view.clock_s - state.since_s
        burned_m_s = state.burned_m_s + counted_m_s
        burn_done = (mode == Mode.BURN) & ((burned_m_s >= view.burn.delta_v_m_s) | (age_s >= view.burn.timer_s) | view.overdue)
        braked = (view.forward_speed_m_s <= self.gate_horizontal_speed_m_s) | (view.time_to_go_s <= 0.05)
        after_braking = Mode.PITCH_UP if self.hold_s is None else Mode.ATTITUDE_HOLD
        after_pitch_up = jnp.where(self.approach_wanted, int(Mode.APPROACH), int(Mode.VERTICAL_DESCENT))
        descending = (mode >= Mode.PITCH_UP) & (mode < Mode.TOUCHDOWN)
        ready = view.braking_armed & (view.range_to_ignite_m <= 0.0)
        new = mode
        new = jnp.where((mode == Mode.COAST) & (view.clock_s >= view.burn.start_s), int(Mode.BURN), new)
        new = jnp.where(burn_done, int(Mode.COAST), new)
        new = jnp.where((mode == Mode.COAST) & ready, int(Mode.BRAKING), new)
        new = jnp.where((mode == Mode.BRAKING) & braked, int(after_braking), new)
        if self.hold_s is not None:
            new = jnp.where((mode == Mode.ATTITUDE_HOLD) & (age_s >= self.hold_s), int(Mode.PITCH_UP), new)
        new = jnp.where((mode == Mode.PITCH_UP) & (self.approach_wanted | (view.thrust_tilt_rad < self.upright_rad)), after_pitch_up, new)
        low = (view.height_m <= self.vertical_height_m) | (view.time_to_go_s <= 0.0) | view.sparing
        new = jnp.where((mode == Mode.APPROACH) & low, int(Mode.VERTICAL_DESCENT), new)
        if self.fall_height_m is not None:
            new = jnp.where((mode == Mode.VERTICAL_DESCENT) & (view.height_m <= self.fall_height_m), int(Mode.FREE_FALL), new)
        new = jnp.where(descending & view.touched, int(Mode.TOUCHDOWN), new)
        if self.aborts:
            new = jnp.where((mode >= Mode.BRAKING) & (mode < Mode.TOUCHDOWN) & view.abort, int(Mode.ABORT), new)
        new = jnp.where((mode == Mode.TOUCHDOWN) & (age_s >= self.secure_s), int(Mode.SURFACE), new)
        changed = new != mode
        return ModeState(
            mode=new,
            since_s=jnp.where(changed, view.clock_s, state.since_s),
            burned_m_s=jnp.where(changed, 0.0, burned_m_s),
            burns_over=state.burns_over + burn_done,
        )

    def use(self, mode: Index, burn: BurnRow) -> ActuatorUse:
        """Row of the actuator table; a sum over modes, since a gather by a batched index is slow. What burns in a burn stands in its row."""
        here = {m: mode == m for m in self._flown()}
        engines = jnp.zeros(self.engines.shape[-1], dtype=bool)
        for m, flag in here.items():
            engines = engines | (flag & self.engines[m])
        return ActuatorUse(
            engines=engines | (here[Mode.BURN] & burn.engines),
            axial_thrusters=_chosen(here, self.axial_thrusters) | (here[Mode.BURN] & burn.axial_thrusters),
            axial_torque=_chosen(here, self.axial_torque),
            attitude_thrusters=_chosen(here, self.attitude_thrusters),
        )

    def _flown(self) -> list[Mode]:
        """The modes that this lander has."""
        absent = {Mode.ATTITUDE_HOLD: self.hold_s is None, Mode.FREE_FALL: self.fall_height_m is None, Mode.ABORT: not self.aborts}
        return [mode for mode in Mode if not absent.get(mode, False)]


def _chosen(here: dict[Mode, Flag], table: Bool[Array, " modes"]) -> Flag:
    result = jnp.asarray(False)
    for m, flag in here.items():
        result = result | (flag & table[m])
    return result
