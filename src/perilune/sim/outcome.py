"""What became of the lander: latched once, from the truth, and never changed after."""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.math.batching import where_needed
from perilune.math.vector import Vec3, zero_vec3
from perilune.moon.terrain import Terrain
from perilune.types import Flag, Index, Scalar
from perilune.world.plant import WorldState


class Outcome(enum.IntEnum):
    """How a flight can end.

    FLYING: not over. LANDED: at rest upright, contact within the limits. TIPPED_OVER: at rest, not upright. CRASHED: contact beyond the
    limits. LOST: neither down nor in the orbit that was wanted when time ran out. IN_ORBIT: ends where an orbiter
    should. NUMERICAL: a number in the state is not finite; our fault, or a case beyond the model.
    """

    FLYING = 0
    LANDED = 1
    TIPPED_OVER = 2
    CRASHED = 3
    LOST = 4
    IN_ORBIT = 5
    NUMERICAL = 6


class Limits(eqx.Module):
    """What this lander stands, from its mission file."""

    vertical_m_s: Scalar
    horizontal_m_s: Scalar
    tilt_rad: Scalar
    slope_rad: Scalar
    rest_tilt_rad: Scalar  # at rest it stands on its legs up to this tilt
    footprint_m: Scalar  # baseline over which the ground's slope counts
    rest_speed_m_s: Scalar
    rest_rate_rad_s: Scalar
    rest_s: Scalar  # how long it must stay below both
    rest_axis_body: Vec3 | None = None  # points up in the attitude in which it means to rest; without one, +z


class Contact(eqx.Module):
    """The first touch of any pad or part, relative to the ground."""

    met_s: Scalar
    r_lfme_m: Vec3
    vertical_m_s: Scalar  # positive down
    horizontal_m_s: Scalar
    tilt_rad: Scalar
    slope_rad: Scalar
    propellant_kg: Scalar


class Verdict(eqx.Module):
    outcome: Index
    contact: Contact
    touched: Flag
    quiet_s: Scalar  # time at rest so far
    end_met_s: Scalar
    end_tilt_rad: Scalar

    def over(self) -> Flag:
        return self.outcome != Outcome.FLYING

    def latched(self, before: WorldState, after: WorldState, judge: tuple[Terrain, Limits], t_s: Scalar) -> "Verdict":
        """One tick further. The speeds of the first touch are those just before it: the ground has not acted yet."""
        terrain, limits = judge
        first = jnp.logical_and(after.touch.ever, jnp.logical_not(self.touched))
        contact = where_needed(first, _contact, self.contact, before, after, terrain, limits, t_s)
        motion = after.seen
        moving = (motion.v_lfme_in_lfme_m_s.norm() > limits.rest_speed_m_s) | (motion.omega_body_lci_rad_s.norm() > limits.rest_rate_rad_s)
        quiet_s = jnp.where(after.touch.ever & ~moving, self.quiet_s + after.increments.dt_s, 0.0)
        tilt_rad = _tilt(after, limits.rest_axis_body)
        outcome = _judged(after, contact, limits, quiet_s, tilt_rad)
        open_yet = self.outcome == Outcome.FLYING
        ends = open_yet & (outcome != Outcome.FLYING)
        return Verdict(
            outcome=jnp.where(open_yet, outcome, self.outcome),
            contact=contact,
            touched=self.touched | after.touch.ever,
            quiet_s=quiet_s,
            end_met_s=jnp.where(ends, t_s, self.end_met_s),
            end_tilt_rad=jnp.where(ends, tilt_rad, self.end_tilt_rad),
        )

    def fallen(self, state: WorldState, judge: tuple[Terrain, Limits], t_s: Scalar, struck: Flag) -> "Verdict":
        """After a coast: on the ground, asleep, at the speed of an orbit."""
        terrain, limits = judge
        ends = struck & (self.outcome == Outcome.FLYING)
        contact = _contact(state, state, terrain, limits, t_s)
        return Verdict(
            outcome=jnp.where(ends, int(Outcome.CRASHED), self.outcome),
            contact=jax.tree.map(lambda a, b: jnp.where(ends, a, b), contact, self.contact),
            touched=self.touched | ends,
            quiet_s=self.quiet_s,
            end_met_s=jnp.where(ends, t_s, self.end_met_s),
            end_tilt_rad=jnp.where(ends, contact.tilt_rad, self.end_tilt_rad),
        )


def _tilt(state: WorldState, axis_body: Vec3 | None = None) -> Scalar:
    """Of +z, or of another axis, from the vertical."""
    up = state.seen.r_lfme_m.unit()
    axis = state.seen.q_lfme_body @ (Vec3(0.0, 0.0, 1.0) if axis_body is None else axis_body)
    return jnp.arccos(jnp.clip(axis.dot(up), -1.0, 1.0))


def _contact(before: WorldState, after: WorldState, terrain: Terrain, limits: Limits, t_s: Scalar) -> Contact:
    r_lfme_m, v_m_s = before.seen.r_lfme_m, before.seen.v_lfme_in_lfme_m_s
    up = r_lfme_m.unit()
    vertical_m_s = -v_m_s.dot(up)
    return Contact(
        met_s=jnp.asarray(t_s, dtype=float),
        r_lfme_m=r_lfme_m,
        vertical_m_s=vertical_m_s,
        horizontal_m_s=(v_m_s + up * vertical_m_s).norm(),
        tilt_rad=_tilt(before),
        slope_rad=terrain.mean_slope_at(r_lfme_m, limits.footprint_m),
        propellant_kg=after.propellant_kg,
    )


def _judged(state: WorldState, contact: Contact, limits: Limits, quiet_s: Scalar, tilt_rad: Scalar) -> Index:
    hard = (contact.vertical_m_s > limits.vertical_m_s) | (contact.horizontal_m_s > limits.horizontal_m_s)
    hard = hard | (contact.tilt_rad > limits.tilt_rad)
    at_rest = quiet_s >= limits.rest_s
    upright = (tilt_rad <= limits.rest_tilt_rad) & ~state.touch.hull
    finite = jnp.isfinite(state.body.r_lci_m.norm_squared() + state.body.q_lci_body.w + state.propellant_kg)
    verdict = jnp.asarray(int(Outcome.FLYING))
    verdict = jnp.where(at_rest, jnp.where(upright, int(Outcome.LANDED), int(Outcome.TIPPED_OVER)), verdict)
    verdict = jnp.where(state.touch.ever & hard, int(Outcome.CRASHED), verdict)
    return jnp.where(finite, verdict, int(Outcome.NUMERICAL))


def undecided() -> Verdict:
    zero = jnp.zeros(())
    contact = Contact(zero, zero_vec3(), zero, zero, zero, zero, zero)
    return Verdict(jnp.asarray(int(Outcome.FLYING)), contact, jnp.asarray(False), zero, zero, zero)
