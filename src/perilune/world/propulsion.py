"""Engines and thrusters: from commands to a mean wrench and a mass flow over one substep."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import G0_M_S2
from perilune.math.through import whole
from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.wire.commands import Commands
from perilune.world.thrusters import Thrusters
from perilune.world.wrench import Wrench

# Below this throttle a chamber whose valve is shut counts as out: 0.01 % of full thrust. Otherwise the tail-off would decay into
# subnormal numbers, which are slow.
THROTTLE_OUT = 1e-4
# Keeps the division finite where nothing is wanted.
WANTED_LEAST_KG = 1e-12


class Engines(eqx.Module):
    """Main engines: throttle band, first-order lag, misalignment.

    **Model.** Ordered throttle below half the minimum shuts the valve, from there up to the minimum gives the minimum; steps of
    `throttle_quantum` where it is not zero. Thrust follows with one time constant rising and another falling, integrated
    exactly over the substep; mass flow follows thrust at constant Isp.
    **Invalid when** start-up is a sequence (valve, ignition, ramp) rather than a lag, or Isp changes with throttle.
    **Neglects** supply pressure, mixture ratio, thrust roughness, swirl torque, nozzle erosion.
    **Reference.** Sutton & Biblarz, Rocket Propulsion Elements: thrust, Isp and mass flow.
    """

    thrust_max_n: Float[Array, " engines"]
    isp_s: Float[Array, " engines"]
    throttle_min: Float[Array, " engines"]
    throttle_max: Float[Array, " engines"]
    throttle_quantum: Float[Array, " engines"]  # 0: continuous
    rise_tau_s: Float[Array, " engines"]
    fall_tau_s: Float[Array, " engines"]
    position_body_m: Float[Array, "engines 3"]
    push_body: Float[Array, "engines 3"]  # unit vectors: where each engine pushes the body, misalignment included
    thrust_scale: Float[Array, " engines"]
    isp_scale: Float[Array, " engines"]
    held: Float[Array, " engines"]  # 1: the valve stays where `held_throttle` says
    held_throttle: Float[Array, " engines"]

    def valve(self, throttle_cmd: Float[Array, " engines"]) -> Float[Array, " engines"]:
        """Throttle that the valves take for an order: band, dead band, steps, a valve that does not move."""
        step = jnp.where(self.throttle_quantum > 0.0, self.throttle_quantum, 1.0)
        stepped = jnp.where(self.throttle_quantum > 0.0, whole(throttle_cmd / step) * step, throttle_cmd)
        within = jnp.clip(stepped, self.throttle_min, self.throttle_max)
        lit = (throttle_cmd > 0.0) & (throttle_cmd >= 0.5 * self.throttle_min)
        return jnp.where(self.held > 0.0, self.held_throttle, jnp.where(lit, within, 0.0))

    def ordered(self, engine: int, throttle: Scalar, valve: Scalar, dt_s: Scalar) -> "EngineOrder":
        """One engine's way to where its valve stands now, in steps of `dt_s`."""
        tau_s = jnp.where(valve > throttle, self.rise_tau_s[engine], self.fall_tau_s[engine])
        left = jnp.exp(-dt_s / tau_s)
        full_n = self.thrust_max_n[engine] * self.thrust_scale[engine]
        push_n = Vec3(*(self.push_body[engine, i] for i in range(3))) * full_n
        arm_m = Vec3(*(self.position_body_m[engine, i] for i in range(3)))
        return EngineOrder(
            valve=valve,
            left=left,
            mean_left=(1.0 - left) * tau_s / dt_s,
            full=Wrench(push_n, arm_m.cross(push_n)),
            flow_full_kg_s=full_n / (self.isp_s[engine] * self.isp_scale[engine] * G0_M_S2),
        )


class EngineOrder(eqx.Module):
    """One engine during a cycle: the valve stands still, so one time constant serves."""

    valve: Scalar  # throttle that the engine tends to
    left: Scalar  # share of the distance to it that is left after a substep, and its mean over the substep
    mean_left: Scalar
    full: Wrench
    flow_full_kg_s: Scalar

    def lagged(self, throttle: Scalar) -> tuple[Scalar, Scalar]:
        """Throttle after a substep, and its mean over it."""
        gap = throttle - self.valve
        end = self.valve + gap * self.left
        return jnp.where((self.valve == 0.0) & (end < THROTTLE_OUT), 0.0, end), self.valve + gap * self.mean_left


class PropulsionState(eqx.Module):
    """What burns now, as a share of each engine's full thrust; by engine, as a tuple, for speed."""

    throttles: tuple[Scalar, ...]

    @property
    def throttle(self) -> Float[Array, " engines"]:
        return jnp.stack(self.throttles)


class Orders(eqx.Module):
    """Commands as they reach the nozzles, over some stretch of a cycle."""

    engines: tuple[EngineOrder, ...]
    thrusters: Wrench  # mean over the stretch
    thruster_flow_kg_s: Scalar


class Propulsion(eqx.Module):
    """All engines and thrusters, fed from one store of propellant.

    **Model.** When the propellant ends within a substep, everything gives the share of its impulse that was left, then nothing.
    **Neglects** separate tanks for separate propellants, unusable residuals, gas ingestion.
    """

    engines: Engines
    thrusters: Thrusters

    def init(self) -> PropulsionState:
        return PropulsionState((jnp.zeros(()),) * self.engines.thrust_max_n.shape[-1])

    def ordered(self, state: PropulsionState, commands: Commands, stretch_s: tuple[Scalar, Scalar], dt_s: Scalar) -> Orders:
        """What the commands come to over a stretch (start after the cycle's start, length), for substeps of `dt_s` within it."""
        valve = self.engines.valve(commands.throttle)
        ordered = tuple(self.engines.ordered(i, throttle, valve[i], dt_s) for i, throttle in enumerate(state.throttles))
        wrench, flow_kg_s = self.thrusters.output(self.thrusters.on_fraction(commands.thruster_on_s, *stretch_s))
        return Orders(ordered, wrench, flow_kg_s)

    def burn(self, state: PropulsionState, orders: Orders, propellant_kg: Scalar, dt_s: Scalar) -> tuple[PropulsionState, Wrench, Scalar]:
        """One substep under orders: new state, mean wrench, mean mass flow (kg/s)."""
        ends, total, flow_kg_s = [], orders.thrusters, orders.thruster_flow_kg_s
        for order, throttle in zip(orders.engines, state.throttles, strict=True):
            end, mean = order.lagged(throttle)
            ends.append(end)
            total, flow_kg_s = total + order.full.scaled(mean), flow_kg_s + order.flow_full_kg_s * mean

        wanted_kg = flow_kg_s * dt_s
        fed = jnp.where(wanted_kg > propellant_kg, jnp.maximum(propellant_kg, 0.0) / jnp.maximum(wanted_kg, WANTED_LEAST_KG), 1.0)
        alight = jnp.where(fed < 1.0, 0.0, 1.0)
        return PropulsionState(tuple(end * alight for end in ends)), total.scaled(fed), flow_kg_s * fed

    def advance(
        self, state: PropulsionState, commands: Commands, propellant_kg: Scalar, t_in_cycle_s: Scalar, dt_s: Scalar
    ) -> tuple[PropulsionState, Wrench, Scalar]:
        """One substep of `dt_s` that starts `t_in_cycle_s` after the cycle: new state, mean wrench, mean mass flow (kg/s).

        Resolves where in the cycle each pulse lies. A caller to whom that does not matter asks `ordered` once for the whole cycle
        and calls `burn` in each substep: the cycle's impulse is the same, a pulse is spread over it, and it costs a quarter.
        """
        return self.burn(state, self.ordered(state, commands, (t_in_cycle_s, dt_s), dt_s), propellant_kg, dt_s)


def engines(
    thrust_max_n: Float[np.ndarray, " engines"],
    isp_s: Float[np.ndarray, " engines"],
    throttle_band: tuple[Float[np.ndarray, " engines"], Float[np.ndarray, " engines"]],
    place: tuple[Float[np.ndarray, "engines 3"], Float[np.ndarray, "engines 3"]],
    tau_s: float = 0.15,
    throttle_quantum: float = 0.0,
) -> Engines:
    """Healthy engines; `throttle_band` is (minimum, maximum), `place` is (position in m, unit push), structure axes.

    The time constant of 0.15 s (rise and fall) is assumed, not published for these engines.
    """
    ones = jnp.ones(len(thrust_max_n))
    return Engines(
        thrust_max_n=jnp.asarray(thrust_max_n, dtype=float),
        isp_s=jnp.asarray(isp_s, dtype=float),
        throttle_min=jnp.asarray(throttle_band[0], dtype=float),
        throttle_max=jnp.asarray(throttle_band[1], dtype=float),
        throttle_quantum=throttle_quantum * ones,
        rise_tau_s=tau_s * ones,
        fall_tau_s=tau_s * ones,
        position_body_m=jnp.asarray(place[0], dtype=float),
        push_body=jnp.asarray(place[1], dtype=float),
        thrust_scale=ones,
        isp_scale=ones,
        held=0.0 * ones,
        held_throttle=0.0 * ones,
    )
