"""Monitors with confirmation counters: a condition counts once it has held for a number of cycles in a row."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from perilune.types import Scalar


class Monitor(enum.IntEnum):
    """What is watched; the place of each in the arrays of this file."""

    TOUCHDOWN = 0
    ATTITUDE_DIVERGED = 1
    PROPELLANT_LOW = 2
    DEAF_ACCELEROMETERS = 3  # thrust ordered, nothing counted


class MonitorState(eqx.Module):
    count: Float[Array, " monitors"]
    raised: Bool[Array, " monitors"]


class MonitorView(eqx.Module):
    """What the monitors look at this cycle."""

    touched: Scalar
    attitude_error_rad: Scalar
    propellant_kg: Scalar
    accel_ordered_m_s2: Scalar
    accel_counted_m_s2: Scalar


class Monitors(eqx.Module):
    """Limits and confirmation counts. They report; only touchdown acts, in this version."""

    confirm_cycles: Float[Array, " monitors"]
    attitude_error_max_rad: Scalar
    propellant_min_kg: Scalar
    accel_share_min: Scalar  # of the ordered acceleration that must be counted

    def init(self) -> MonitorState:
        return MonitorState(count=jnp.zeros(len(Monitor)), raised=jnp.zeros(len(Monitor), dtype=bool))

    def step(self, state: MonitorState, view: MonitorView) -> MonitorState:
        deaf = (view.accel_ordered_m_s2 > 0.0) & (view.accel_counted_m_s2 < self.accel_share_min * view.accel_ordered_m_s2)
        condition = jnp.stack(
            [
                view.touched > 0.0,
                view.attitude_error_rad > self.attitude_error_max_rad,
                view.propellant_kg < self.propellant_min_kg,
                deaf,
            ]
        )
        count = jnp.where(condition, state.count + 1.0, 0.0)
        return MonitorState(count=count, raised=state.raised | (count >= self.confirm_cycles))
