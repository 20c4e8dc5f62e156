"""Pulsed thrusters: fixed thrust, on-off valves, commanded by an on-time within the cycle."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import G0_M_S2
from perilune.math.through import only_if
from perilune.math.vector import Vec3
from perilune.types import Scalar
from perilune.world.wrench import Wrench


class Thrusters(eqx.Module):
    """Valves that open at the start of the cycle and close after the on-time ordered.

    **Model.** Rectangular pulses at constant thrust; a pulse shorter than the valve can make does not happen.
    **Invalid when** pulses are as short as the chamber needs to build pressure (a few ms).
    **Neglects** rise and decay of thrust, lower Isp of short pulses, supply pressure, plume impingement.
    **Reference.** Wie, Space Vehicle Dynamics and Control (1998), chapter on thruster control.
    """

    wrench_full: Float[Array, "thrusters 6"]  # force (N) and torque about the structure origin (N m) when open, body axes
    flow_full_kg_s: Float[Array, " thrusters"]
    pulse_min_s: Float[Array, " thrusters"]
    thrust_scale: Float[Array, " thrusters"]
    isp_scale: Float[Array, " thrusters"]
    open: Float[Array, " thrusters"]  # share of the flow area that does not close: 1 is stuck open
    shut: Float[Array, " thrusters"]  # share that does not open: 1 is stuck shut

    def on_fraction(self, on_s: Float[Array, " thrusters"], t_in_cycle_s: Scalar, dt_s: Scalar) -> Float[Array, " thrusters"]:
        """Share of the substep from `t_in_cycle_s`, `dt_s` long, during which each valve is open."""
        pulse_s = only_if(on_s >= self.pulse_min_s, on_s)
        share = jnp.minimum((pulse_s - t_in_cycle_s) * (1.0 / dt_s), 1.0)
        ordered = only_if(share > 0.0, share)
        return jnp.maximum(ordered, self.open) * (1.0 - self.shut)

    def output(self, fraction: Float[Array, " thrusters"]) -> tuple[Wrench, Scalar]:
        """Mean wrench and mass flow (kg/s) of valves open for that share of the time."""
        thrust = fraction * self.thrust_scale
        w = thrust @ self.wrench_full
        flow_kg_s = jnp.sum(thrust * self.flow_full_kg_s / self.isp_scale)
        return Wrench(Vec3(w[0], w[1], w[2]), Vec3(w[3], w[4], w[5])), flow_kg_s


def thrusters(
    position_body_m: Float[np.ndarray, "thrusters 3"],
    push_body: Float[np.ndarray, "thrusters 3"],
    thrust_n: Float[np.ndarray, " thrusters"],
    isp_s: Float[np.ndarray, " thrusters"],
    pulse_min_s: Float[np.ndarray, " thrusters"],
) -> Thrusters:
    """Thrusters at given places (m, structure axes) that push the body along unit vectors (structure axes)."""
    force_n = thrust_n[:, None] * push_body
    torque_n_m = np.cross(position_body_m, force_n)
    ones = jnp.ones(len(thrust_n))
    return Thrusters(
        wrench_full=jnp.asarray(np.concatenate([force_n, torque_n_m], axis=1)),
        flow_full_kg_s=jnp.asarray(thrust_n / (isp_s * G0_M_S2)),
        pulse_min_s=jnp.asarray(pulse_min_s, dtype=float),
        thrust_scale=ones,
        isp_scale=ones,
        open=jnp.zeros(len(thrust_n)),
        shut=jnp.zeros(len(thrust_n)),
    )
