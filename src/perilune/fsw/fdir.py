"""Monitors with confirmation counters, and what flight software does about what they see.

A condition counts once it has held for a number of cycles in a row. Which monitors act, and which only report, is a setting:
most landers that were lost had seen what killed them.
"""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.batching import computed_once
from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import ImuReading

# Less than any burn gives, more than the pulses of attitude control.
ORDERED_MIN_M_S2 = 0.05
# The last metres, as believed: an altimeter that reads short may hold the belief there.
NEAR_GROUND_M = 10.0
# Of the fastest turn: what a turn makes of it at least, with the time to turn about, to speed up and to stop.
FOLLOWING_SHARE = 0.25


class Monitor(enum.IntEnum):
    """What is watched; the place of each in the arrays of this file."""

    TOUCHDOWN = 0
    ATTITUDE_DIVERGED = 1  # the axis is off its aim by more than a turn explains; acts: no thrust until it is back
    PROPELLANT_LOW = 2  # may not last to the ground; acts: straight down from here
    WEAK_THRUST = 3  # less counted than ordered; it only reports
    SILENT_ACCELEROMETERS = (
        4  # thrust ordered, and readings that never change, of all or for long of one; acts: ordered thrust is counted instead
    )
    BURN_TOO_LONG = 5  # acts: the burn ends
    GROUND_MISSING = 6  # sinks on where the ground is believed to be, and nothing touches; acts: refused ranges are heard again


class MonitorState(eqx.Module):
    count: Float[Array, " monitors"]
    raised: Bool[Array, " monitors"]  # ever
    delta_v_body_m_s: Vec3  # of the last cycle
    repeats: Vec3  # cycles in a row in which each accelerometer has read the same, thrust being ordered
    aim_lci: Vec3  # of the last cycle; zero before the first
    sunk_m: Scalar  # near the ground as believed, or below it
    excused_rad: Scalar  # of the error: what the aim's own turning made, less what a lander that follows has closed since
    gauge_long_kg: Scalar  # by which the gauge is believed to read long, from its first reading


class MonitorView(eqx.Module):
    """What the monitors look at this cycle."""

    pads: Scalar  # that report a touch
    axis_lci: Vec3  # that pushes
    aim_lci: Vec3  # where it is wanted, of the last cycle
    flying: Flag  # not down yet
    propellant_kg: Scalar  # by the gauge
    loaded_kg: Scalar  # at the start, as believed
    high: Flag  # before the last descent
    hovering_kg: Scalar  # that carrying the weight takes to the ground, at the present rate of descent
    accel_ordered_m_s2: Scalar
    accel_counted_m_s2: Scalar
    delta_v_body_m_s: Vec3
    burning: Flag  # on the way to another orbit
    burn_age_s: Scalar
    burn_expected_s: Scalar
    height_m: Scalar
    sink_m_s: Scalar
    descending: Flag


class Monitors(eqx.Module):
    """Limits, confirmation counts, and which monitors act."""

    confirm_cycles: Float[Array, " monitors"]
    acts: Bool[Array, " monitors"]
    pads_needed: Scalar  # that many votes are a touch
    attitude_error_max_rad: Scalar
    turn_max_rad_s: Scalar  # a turn at a quarter of this rate is no divergence
    propellant_min_kg: Scalar
    gauge_share: Scalar  # of its first reading's excess over the load that is the gauge's own
    gauge_margin_kg: Scalar  # by which it may still read long; counted while the last descent is still to come
    accel_share_min: Scalar  # of the ordered acceleration that must be counted
    repeats_max: Scalar  # that a sound accelerometer's noise allows
    burn_time_factor: Scalar  # of its expected duration that a burn may take
    ground_margin_m: Scalar  # that it may sink on near the ground, beyond the last metres
    cycle_s: Scalar
    aborting: Bool[Array, " monitors"] | None = None  # which of them call for an abort

    def init(self) -> MonitorState:
        zero = jnp.zeros(())
        return MonitorState(
            jnp.zeros(len(Monitor)), jnp.zeros(len(Monitor), dtype=bool), zero_vec3(), zero_vec3(), zero_vec3(), zero, zero, zero
        )

    def step(self, state: MonitorState, view: MonitorView) -> MonitorState:
        ordered = view.accel_ordered_m_s2 > ORDERED_MIN_M_S2
        repeats = self._repeats(state, view, ordered)
        fewest, most = (extreme(jnp.stack(repeats.components())) for extreme in (jnp.min, jnp.max))
        off_rad = computed_once(_apart_rad(view.axis_lci, view.aim_lci))
        excused_rad = self._excused_rad(state, view, off_rad)
        near = view.descending & (view.height_m < NEAR_GROUND_M)
        sunk_m = jnp.where(near, state.sunk_m + jnp.maximum(view.sink_m_s, 0.0) * self.cycle_s, 0.0)
        begun = state.aim_lci.norm_squared() > 0.0
        gauge_long_kg = jnp.where(begun, state.gauge_long_kg, self.gauge_share * (view.propellant_kg - view.loaded_kg))
        condition = jnp.stack(
            [
                view.pads >= self.pads_needed,
                view.flying & (off_rad - excused_rad > self.attitude_error_max_rad),
                view.propellant_kg - gauge_long_kg < self._least_kg(view),
                ordered & (view.accel_counted_m_s2 < self.accel_share_min * view.accel_ordered_m_s2),
                (fewest > 0.0) | (most > self.repeats_max),
                view.burning & (view.burn_age_s > self.burn_time_factor * view.burn_expected_s),
                sunk_m > NEAR_GROUND_M + self.ground_margin_m,
            ]
        )
        count = jnp.where(condition, state.count + 1.0, 0.0)
        raised = state.raised | (count >= self.confirm_cycles)
        return MonitorState(count, raised, view.delta_v_body_m_s, repeats, view.aim_lci, sunk_m, excused_rad, gauge_long_kg)

    def _repeats(self, state: MonitorState, view: MonitorView, ordered: Flag) -> Vec3:
        def longer(now: Scalar, before: Scalar, repeats: Scalar) -> Scalar:
            return jnp.where(ordered & (now == before), repeats + 1.0, 0.0)

        return jax.tree.map(longer, view.delta_v_body_m_s, state.delta_v_body_m_s, state.repeats)

    def _least_kg(self, view: MonitorView) -> Scalar:
        """In the last metres what suffices for them is enough."""
        late_kg = jnp.minimum(self.propellant_min_kg, view.hovering_kg)
        return jnp.where(view.high, self.propellant_min_kg + self.gauge_margin_kg, late_kg)

    def _excused_rad(self, state: MonitorState, view: MonitorView, off_rad: Scalar) -> Scalar:
        """Grows and shrinks with the error as the aim turns, and is to be closed at a rate that control keeps."""
        before_rad = jnp.where(state.aim_lci.norm_squared() > 0.0, _apart_rad(view.axis_lci, state.aim_lci), off_rad)
        closed_rad = FOLLOWING_SHARE * self.turn_max_rad_s * self.cycle_s
        return jnp.clip(state.excused_rad + off_rad - before_rad - closed_rad, 0.0, off_rad)

    def acting(self, state: MonitorState, monitor: Monitor) -> Flag:
        """Whether its condition stands confirmed now, and it acts."""
        return self.acts[monitor] & (state.count[monitor] >= self.confirm_cycles[monitor])

    def calling(self, state: MonitorState) -> Flag:
        """Whether one that may stands confirmed, and calls for an abort."""
        return jnp.asarray(False) if self.aborting is None else jnp.any(self.aborting & (state.count >= self.confirm_cycles))

    def strikes(self, state: MonitorState, monitor: Monitor, every_cycles: int) -> Flag:
        """The same, once for every time that its condition has held so long, to a task that looks every so many cycles."""
        return self.acting(state, monitor) & (state.count[monitor] % self.confirm_cycles[monitor] < every_cycles)

    def believed(self, state: MonitorState, imu: ImuReading, ordered_body_m_s: Vec3) -> ImuReading:
        """The reading, or, of accelerometers that are silent, the velocity that the ordered thrust gives in a cycle.

        What was ordered while silence was being confirmed is made up for in the first such cycle.
        """
        acting = self.acting(state, Monitor.SILENT_ACCELEROMETERS)
        confirm = self.confirm_cycles[Monitor.SILENT_ACCELEROMETERS]
        first = state.count[Monitor.SILENT_ACCELEROMETERS] == confirm

        def counted(read_m_s: Scalar, ordered_m_s: Scalar, repeats: Scalar) -> Scalar:
            missed_m_s = jnp.where(first, (ordered_m_s - read_m_s) * repeats, 0.0)
            return jnp.where(acting & (repeats >= confirm), ordered_m_s + missed_m_s, read_m_s)

        delta_v_body_m_s = jax.tree.map(counted, imu.delta_v_body_m_s, ordered_body_m_s, state.repeats)
        return eqx.tree_at(lambda i: i.delta_v_body_m_s, imu, delta_v_body_m_s)


def _apart_rad(a: Vec3, b: Vec3) -> Scalar:
    """Angle between two unit vectors."""
    return jnp.arccos(jnp.clip(a.dot(b), -1.0, 1.0))
