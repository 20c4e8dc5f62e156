"""What the active rows amount to this cycle: a few numbers per unit, all zero when nothing is wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perilune.faults.plan import ROWS, FaultPlan, FaultState, Kind, active
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar


class Effects(eqx.Module):
    """Sums over the rows; flags are 0 or 1."""

    thrust_loss: Float[Array, " engines"]
    isp_drop: Float[Array, " engines"]
    engine_stuck: Float[Array, " engines"]
    engine_stuck_throttle: Float[Array, " engines"]
    thruster_open: Float[Array, " thrusters"]
    thruster_shut: Float[Array, " thrusters"]
    accelerometer_dead: Scalar
    accelerometer_bias_m_s2: Vec3
    gyro_drift_rad_s: Vec3
    altimeter_dead: Scalar
    altimeter_bias_m: Scalar
    altimeter_late: Scalar
    altimeter_valid_below_m: Scalar
    velocimeter_dead: Scalar
    clock_jump_s: Scalar
    upset_word: Int[Array, " rows"]  # of flight software's memory; its size is zero where nothing is upset
    upset_size: Float[Array, " rows"]
    command_lost: Float[Array, " lines"]


COMMAND_LINES = ("engines", "thrusters", "accelerometers_on", "altimeter_on", "velocimeter_on")


def no_effects(engines: int, thrusters: int) -> Effects:
    zero, vector = jnp.zeros(()), Vec3(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))
    e, t = jnp.zeros(engines), jnp.zeros(thrusters)
    scalars = dict.fromkeys(
        (
            "accelerometer_dead",
            "altimeter_dead",
            "altimeter_bias_m",
            "altimeter_late",
            "altimeter_valid_below_m",
            "velocimeter_dead",
            "clock_jump_s",
        ),
        zero,
    )
    return Effects(
        thrust_loss=e,
        isp_drop=e,
        engine_stuck=e,
        engine_stuck_throttle=e,
        thruster_open=t,
        thruster_shut=t,
        accelerometer_bias_m_s2=vector,
        gyro_drift_rad_s=vector,
        upset_word=jnp.zeros(ROWS, dtype=int),
        upset_size=jnp.zeros(ROWS),
        command_lost=jnp.zeros(len(COMMAND_LINES)),
        **scalars,
    )


class _Rows(eqx.Module):
    plan: FaultPlan
    on: Bool[Array, " rows"]

    def flag(self, kind: Kind) -> Scalar:
        return jnp.any(self.on & (self.plan.kind == kind)).astype(float)

    def total(self, kind: Kind) -> Scalar:
        return jnp.sum(jnp.where(self.on & (self.plan.kind == kind), self.plan.size, 0.0))

    def per_unit(self, kind: Kind, count: int, ones: bool = False) -> Float[Array, " n"]:
        mine = self.on & (self.plan.kind == kind)
        amount = jnp.ones_like(self.plan.size) if ones else self.plan.size
        units = jnp.arange(count)[:, None] == self.plan.unit[None, :]
        total = jnp.sum(jnp.where(units & mine[None, :], amount[None, :], 0.0), axis=1)
        return jnp.minimum(total, 1.0) if ones else total

    def axes(self, kind: Kind) -> Vec3:
        x, y, z = self.per_unit(kind, 3)
        return Vec3(x, y, z)


def _summed(plan: FaultPlan, on: Bool[Array, " rows"], quiet: Effects) -> Effects:
    rows = _Rows(plan, on)
    engines, thrusters = quiet.thrust_loss.shape[-1], quiet.thruster_open.shape[-1]
    upset = on & (plan.kind == Kind.STATE_UPSET)
    return Effects(
        thrust_loss=jnp.minimum(rows.per_unit(Kind.ENGINE_THRUST_LOSS, engines), 1.0),
        isp_drop=jnp.minimum(rows.per_unit(Kind.ENGINE_ISP_DROP, engines), 0.99),
        engine_stuck=rows.per_unit(Kind.ENGINE_STUCK, engines, ones=True),
        engine_stuck_throttle=rows.per_unit(Kind.ENGINE_STUCK, engines),
        thruster_open=rows.per_unit(Kind.THRUSTER_STUCK_ON, thrusters, ones=True),
        thruster_shut=rows.per_unit(Kind.THRUSTER_STUCK_OFF, thrusters, ones=True),
        accelerometer_dead=rows.flag(Kind.ACCELEROMETER_DEAD),
        accelerometer_bias_m_s2=rows.axes(Kind.ACCELEROMETER_BIAS),
        gyro_drift_rad_s=rows.axes(Kind.GYRO_DRIFT),
        altimeter_dead=rows.flag(Kind.ALTIMETER_DEAD),
        altimeter_bias_m=rows.total(Kind.ALTIMETER_BIAS),
        altimeter_late=rows.flag(Kind.ALTIMETER_LATE),
        altimeter_valid_below_m=rows.total(Kind.ALTIMETER_LATE),
        velocimeter_dead=rows.flag(Kind.VELOCIMETER_DEAD),
        clock_jump_s=rows.total(Kind.CLOCK_JUMP),
        upset_word=plan.unit,
        upset_size=jnp.where(upset, plan.size, 0.0),
        command_lost=rows.per_unit(Kind.COMMAND_LOST, len(COMMAND_LINES), ones=True),
    )


def effects_now(plan: FaultPlan, state: FaultState, t_s: Scalar, quiet: Effects, axis_name: str) -> tuple[Effects, Flag]:
    """Effects of the rows active now, and whether any lander of the batch has one.

    Summing the rows is gated on that flag: a batch of healthy landers pays for the comparison only.
    """
    on = active(plan, state, t_s)
    any_on = jax.lax.pmax(jnp.any(on).astype(jnp.int32), axis_name) > 0
    return jax.lax.cond(any_on, lambda: _summed(plan, on, quiet), lambda: quiet), any_on
