"""Whose gyros agree with the stars, while those of several inertial units disagree."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.fsw.navigation.belief import StarTrackerBelief
from perilune.math.rotation import Rotation, from_rotation_vector, identity
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar
from perilune.wire.measurements import StarTrackerReading


class StarCheckState(eqx.Module):
    q_lci_body: Rotation  # by the stars, when the gyros last agreed
    turned: tuple[Rotation, ...]  # since then, by each unit
    turned_used: Rotation  # by what was used
    off: Bool[Array, " units"]  # at the last stars since they disagree


class StarCheck(eqx.Module):
    """Turns since the last star reading at which all gyros agreed.

    **Model.** Each unit's turns lead from that attitude to one of its own; at every later reading a unit is *off* whose attitude is away
    from the stars by more than `sigmas` of what two readings differ by, about the boresight and across it.
    **Invalid when** the lander has slept since: then all are off.
    **Neglects** bias, noise and scale of sound gyros beside those of the head: a few tens of microradians in a minute.
    """

    sigmas: Scalar

    def init(self, units: int) -> StarCheckState:
        none = identity("body", "body")
        return StarCheckState(identity("lci", "body"), (none,) * units, none, jnp.zeros(units, dtype=bool))

    def step(
        self, state: StarCheckState, turns_rad: tuple[Vec3, ...], stars: StarTrackerReading, agree: Flag, belief: StarTrackerBelief
    ) -> StarCheckState:
        """After a cycle; what is used of it comes after (`using`)."""
        turned = tuple(before @ _turn(more) for before, more in zip(state.turned, turns_rad, strict=True))
        off_now = jnp.stack([self._off(state.q_lci_body @ each, stars.q_lci_body, belief) for each in turned])
        off = jnp.where(stars.valid, off_now, state.off) & jnp.logical_not(agree)
        return StarCheckState(state.q_lci_body, turned, state.turned_used, off)

    def using(self, state: StarCheckState, turn_rad: Vec3, stars: StarTrackerReading, agree: Flag) -> StarCheckState:
        """With what was used of a cycle; where all agree, from these stars on."""
        after = eqx.tree_at(lambda s: s.turned_used, state, state.turned_used @ _turn(turn_rad))
        anew = eqx.tree_at(lambda s: s.q_lci_body, self.init(len(state.turned)), stars.q_lci_body)
        return jax.tree.map(lambda new, old: jnp.where(stars.valid & agree, new, old), anew, after)

    def missed_rad(self, state: StarCheckState) -> Float[Array, " units"]:
        """By how much each has turned otherwise than what was used."""
        return jnp.stack([(state.turned_used.inverse() @ each).rotation_vector_rad().norm() for each in state.turned])

    def _off(self, q_lci_body: Rotation, q_stars_lci_body: Rotation, belief: StarTrackerBelief) -> Flag:
        error = (q_lci_body.inverse() @ q_stars_lci_body).rotation_vector_rad()
        about = error.dot(belief.boresight_body)
        across = error - belief.boresight_body * about
        square = (about / belief.about_sigma_rad) ** 2 + across.norm_squared() / belief.across_sigma_rad**2
        return square > 2.0 * self.sigmas**2


def _turn(vector_rad: Vec3) -> Rotation:
    return from_rotation_vector(vector_rad, "body", "body")
