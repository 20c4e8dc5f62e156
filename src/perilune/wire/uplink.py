"""What the ground sends up. Times are those of the onboard clock."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Flag, Index, Scalar, Vector

# Rows of a burn table: as many burns as may follow each other before the ground looks again.
BURNS = 2


class StateVector(eqx.Module):
    """An orbit determination: state at a time of the onboard clock, and its covariance in radial, along, cross axes."""

    clock_s: Scalar
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    covariance_rac: Float[Array, "6 6"]  # position (m), velocity (m/s)
    valid: Flag


class BurnRow(eqx.Module):
    """A burn: it ends on counted velocity, or on its back-up timer."""

    start_s: Scalar
    delta_v_m_s: Scalar
    timer_s: Scalar
    follow: Scalar  # thrust along (1) or against (-1) the velocity, or held along `held_lci` (0)
    held_lci: Vec3
    engines: Bool[Array, " engines"]
    axial_thrusters: Flag

    def direction_lci(self, v_lci_m_s: Vec3) -> Vec3:
        """Where the thrust pushes."""
        return v_lci_m_s.unit() * self.follow + self.held_lci


class BurnTable(eqx.Module):
    """Burns, one after another, as a `BurnRow` has them; a row that is not used starts at infinity."""

    start_s: Float[Array, " burns"]
    delta_v_m_s: Float[Array, " burns"]
    timer_s: Float[Array, " burns"]
    follow: Float[Array, " burns"]
    held_lci: Float[Array, "burns 3"]
    engines: Bool[Array, "burns engines"]
    axial_thrusters: Bool[Array, " burns"]

    def row(self, number: Index) -> BurnRow:
        """The row of that number; of one beyond the last, a burn that never starts."""
        here = number == jnp.arange(BURNS)

        def chosen(column: Vector) -> Scalar:
            return jnp.sum(jnp.where(here, column, 0.0))

        return BurnRow(
            start_s=jnp.min(jnp.where(here, self.start_s, jnp.inf)),
            delta_v_m_s=chosen(self.delta_v_m_s),
            timer_s=chosen(self.timer_s),
            follow=chosen(self.follow),
            held_lci=Vec3(*(chosen(self.held_lci[:, axis]) for axis in range(3))),
            engines=jnp.any(self.engines & jnp.expand_dims(here, 1), axis=0),
            axial_thrusters=jnp.any(self.axial_thrusters & here),
        )


def no_burn(engines: int) -> BurnRow:
    """A row that is not used."""
    zero = jnp.zeros(())
    return BurnRow(jnp.asarray(math.inf), zero, zero, zero, zero_vec3(), jnp.zeros(engines, dtype=bool), jnp.asarray(False))


def burn_table(rows: Sequence[BurnRow]) -> BurnTable:
    """At least one row and at most `BURNS`, in order of time."""
    filled = [*rows, *[no_burn(rows[0].engines.shape[-1])] * (BURNS - len(rows))]
    told = [{**vars(row), "held_lci": row.held_lci.array()} for row in filled]
    return BurnTable(**{name: jnp.stack([jnp.asarray(row[name]) for row in told]) for name in told[0]})


class FlightOrders(eqx.Module):
    """The burn table, when braking is expected to begin, and how the lander rests when there is nothing to burn."""

    burns: BurnTable
    ignition_s: Scalar
    rest_z_lci: Vec3  # where the thrust axis looks; zero: backwards
    rest_x_lci: Vec3  # where body +x looks
    valid: Flag


class Uplink(eqx.Module):
    state_vector: StateVector
    orders: FlightOrders


def no_orders(engines: int) -> FlightOrders:
    """Nothing to do, and not valid."""
    return FlightOrders(burn_table([no_burn(engines)]), jnp.asarray(math.inf), zero_vec3(), zero_vec3(), jnp.asarray(False))
