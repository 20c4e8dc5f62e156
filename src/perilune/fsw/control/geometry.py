"""Makes an allocator from where the thrusters sit and push, as flight software believes. Host side, numpy."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from perilune.fsw.control.allocation import Allocator, EngineShares
from perilune.math.vector import vec3

SENSES = ("+x", "-x", "+y", "-y", "+z", "-z")
# Patterns weigh a net force this much against torque, and an uneven share this much (N m per N, and relative): small enough that the torque stays exact.
FORCE_WEIGHT_M = 1e-2
EVENNESS_WEIGHT = 1e-4
# A pattern must give its torque this closely (relative to it).
PATTERN_ERROR_MAX = 1e-3


class EngineBelief(NamedTuple):
    thrust_n: Float[np.ndarray, " engines"]
    throttle_min: Float[np.ndarray, " engines"]  # equal to the maximum: fixed
    throttle_max: Float[np.ndarray, " engines"]


class ThrusterBelief(NamedTuple):
    position_body_m: Float[np.ndarray, "thrusters 3"]
    push_body: Float[np.ndarray, "thrusters 3"]
    thrust_n: Float[np.ndarray, " thrusters"]
    pulse_min_s: Float[np.ndarray, " thrusters"]
    is_axial: Bool[np.ndarray, " thrusters"]  # those that push along +z and may give thrust; the others are for attitude


def allocation_from_geometry(
    engines: EngineBelief,
    thrusters: ThrusterBelief,
    com_body_m: Float[np.ndarray, "3"],
    cycle_s: float = 0.1,
    axial_duty_min: float = 0.1,
) -> Allocator:
    """Allocator for torques about a believed centre of mass (m, structure axes).

    Raises ValueError when some axis of torque cannot be given.
    """
    force_n = thrusters.thrust_n[:, None] * thrusters.push_body
    torque_n_m = np.cross(thrusters.position_body_m - com_body_m, force_n)
    axial = _axial_patterns(force_n, torque_n_m, thrusters.is_axial)
    attitude = _attitude_patterns(force_n, torque_n_m, ~thrusters.is_axial)
    least = (thrusters.pulse_min_s / cycle_s)[None, :]
    return Allocator(
        engines=EngineShares(*(jnp.asarray(column, dtype=float) for column in engines)),
        is_axial=jnp.asarray(thrusters.is_axial, dtype=float),
        axial_full_n=jnp.asarray(float(force_n[thrusters.is_axial, 2].sum())),
        axial_duty_min=jnp.asarray(axial_duty_min),
        axial_duty_per_n_m=jnp.asarray(axial),
        attitude_duty_per_n_m=jnp.asarray(attitude),
        output_full=jnp.asarray(np.concatenate([torque_n_m, force_n[:, 2:]], axis=1)),
        pulse_min_s=jnp.asarray(thrusters.pulse_min_s, dtype=float),
        axial_step_n_m=vec3([*_step_n_m((axial - axial.min(axis=1, keepdims=True)) * thrusters.is_axial, least), 0.0]),
        attitude_step_n_m=vec3(np.maximum(*_step_n_m(attitude, least).reshape(3, 2).T)),
        cycle_s=jnp.asarray(cycle_s),
    )


def _step_n_m(patterns: Float[np.ndarray, "rows thrusters"], least_duty: Float[np.ndarray, "1 thrusters"]) -> Float[np.ndarray, " rows"]:
    """Torque (N m) at which the first thruster of each pattern has a pulse long enough; zero for an empty pattern."""
    torque = np.divide(least_duty, patterns, out=np.full(patterns.shape, np.inf), where=patterns > 1e-12)
    first = torque.min(axis=1, initial=np.inf)
    return np.where(np.isfinite(first), first, 0.0)


def _axial_patterns(force_n: np.ndarray, torque_n_m: np.ndarray, is_axial: np.ndarray) -> Float[np.ndarray, "2 thrusters"]:
    patterns = np.zeros((2, len(is_axial)))
    if not is_axial.any():
        return patterns
    effect = np.stack([force_n[is_axial, 2], torque_n_m[is_axial, 0], torque_n_m[is_axial, 1]])
    if np.linalg.matrix_rank(effect) < 3:
        raise ValueError(
            f"{is_axial.sum()} axial thrusters cannot give pitch and yaw at constant thrust; three or more are needed that do not "
            "stand in a line: move them, or mark them as attitude thrusters"
        )
    patterns[:, is_axial] = np.linalg.pinv(effect)[:, 1:].T
    return patterns


def _attitude_patterns(force_n: np.ndarray, torque_n_m: np.ndarray, is_attitude: np.ndarray) -> Float[np.ndarray, "6 thrusters"]:
    from scipy.optimize import nnls  # a quarter of a second, which a mission that is built already does without

    patterns = np.zeros((6, len(is_attitude)))
    torque, force = torque_n_m[is_attitude].T, force_n[is_attitude].T
    evenness = EVENNESS_WEIGHT * np.linalg.norm(torque, axis=0).max(initial=0.0) * np.eye(is_attitude.sum())
    system = np.concatenate([torque, FORCE_WEIGHT_M * force, evenness])
    for row, sense in enumerate(SENSES):
        wanted = np.zeros(len(system))
        wanted[row // 2] = 1.0 if row % 2 == 0 else -1.0
        duty = nnls(system, wanted)[0] if is_attitude.any() else np.zeros(0)
        duty = duty / max(wanted[:3] @ torque @ duty, 1e-12)
        if np.abs(torque @ duty - wanted[:3]).max() > PATTERN_ERROR_MAX:
            raise ValueError(
                f"no pulses of the {is_attitude.sum()} attitude thrusters give a torque about {sense} alone: "
                "check their positions and directions, or add thrusters; each axis needs both senses"
            )
        patterns[row, is_attitude] = duty
    return patterns
