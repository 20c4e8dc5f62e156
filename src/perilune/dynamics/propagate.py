"""Motion of a point mass over long times: coasts, and burns under a constant thrust.

**Error.** Adaptive steps hold the local error at the tolerances below: 23 orbits of the Moon in 3 days end 0.4 mm from
the two-body solution. A coast that cannot be finished gives NaN in its own row and disturbs no other.
**Invalid when** the rates jump inside the interval (end it there and start another).
**Neglects** attitude: thrust points where the given direction says.
**Reference.** Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993): Dormand and Prince's method of order 8.
"""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix
from jax import lax
from jaxtyping import Array, Float

from perilune.constants import G0_M_S2
from perilune.dynamics.mass_flow import mass_rate_kg_s
from perilune.math.integrate import Rates, rk4_step
from perilune.math.vector import Vec3
from perilune.types import Scalar, Vector

# Local error allowed in a step, relative and absolute: two digits above float64, and below what any force model is worth.
TOLERANCE_RELATIVE = 1e-13
TOLERANCE_POSITION_M = 1e-7
TOLERANCE_VELOCITY_M_S = 1e-10
TOLERANCE_MASS_KG = 1e-10
# An event is found to this share of a step's time.
TOLERANCE_EVENT = 1e-12
STEPS_MAX = 100_000


class PointMass(eqx.Module):
    """State of a lander whose attitude does not matter."""

    r_lci_m: Vec3
    v_lci_m_s: Vec3
    mass_kg: Scalar


Acceleration = Callable[[Scalar, Vec3], Vec3]
Direction = Callable[[Scalar, PointMass], Vec3]
Condition = Callable[[Scalar, PointMass], Scalar]


def coast_rates(accel_lci_m_s2: Acceleration) -> Rates:
    """Equations of motion without thrust, under an acceleration (t_s, r_lci_m)."""

    def rates(t_s: Scalar, state: PointMass) -> PointMass:
        return PointMass(state.v_lci_m_s, accel_lci_m_s2(t_s, state.r_lci_m), jnp.zeros_like(state.mass_kg))

    return rates


def burn_rates(accel_lci_m_s2: Acceleration, thrust_n: Scalar, isp_s: Scalar, direction_lci: Direction, g0_m_s2: Scalar = G0_M_S2) -> Rates:
    """The same with constant thrust along a unit vector (t_s, state), and the propellant it costs."""

    def rates(t_s: Scalar, state: PointMass) -> PointMass:
        push = direction_lci(t_s, state) * (thrust_n / state.mass_kg)
        return PointMass(state.v_lci_m_s, accel_lci_m_s2(t_s, state.r_lci_m) + push, mass_rate_kg_s(thrust_n, isp_s, g0_m_s2))

    return rates


def propagated(
    rates: Rates,
    start: PointMass,
    t_start_s: Scalar,
    t_end_s: Scalar,
    save_at_s: Vector | None = None,
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> PointMass:
    """The state at `t_end_s`, or at the times `save_at_s` (leading axis) between, by adaptive steps; backwards too.

    Forward-mode derivatives (`jax.jacfwd`, the choice of targeting) work as it stands; for `jax.grad` pass
    `diffrax.RecursiveCheckpointAdjoint()`, which in turn refuses forward mode.
    """
    save = diffrax.SaveAt(t1=True) if save_at_s is None else diffrax.SaveAt(ts=save_at_s)
    rows = _solved(rates, start, (t_start_s, t_end_s), save, adjoint=adjoint)[1]
    return _unpacked(rows[0]) if save_at_s is None else jax.vmap(_unpacked)(rows)


def propagated_until(
    rates: Rates, start: PointMass, t_start_s: Scalar, t_latest_s: Scalar, condition: Condition, rising: bool
) -> tuple[Scalar, PointMass]:
    """Time and state where `condition` (t_s, state) first crosses zero in the sense asked for, or at `t_latest_s` if it does not."""
    event = diffrax.Event(
        lambda t, y, args, **_: condition(t, _unpacked(y)),
        optimistix.Newton(rtol=TOLERANCE_EVENT, atol=TOLERANCE_EVENT),
        direction=rising,
    )
    times, rows = _solved(rates, start, (t_start_s, t_latest_s), diffrax.SaveAt(t1=True), event=event)
    return times[0], _unpacked(rows[0])


def propagated_fixed(rates: Rates, start: PointMass, t_start_s: Scalar, dt_s: Scalar, steps: int) -> PointMass:
    """The state after a number of equal fourth-order steps."""

    def step(state: PointMass, index: Array) -> tuple[PointMass, None]:
        return rk4_step(rates, t_start_s + index * dt_s, state, dt_s), None

    return lax.scan(step, jax.tree.map(jnp.asarray, start), jnp.arange(float(steps)))[0]


def _solved(rates, start, span_s, save, adjoint=None, event=None) -> tuple[Vector, Float[Array, "times 7"]]:
    def slope(t_s: Any, row: Float[Array, "7"], _) -> Float[Array, "7"]:
        return _packed(rates(t_s, _unpacked(row)))

    allowed = [TOLERANCE_POSITION_M] * 3 + [TOLERANCE_VELOCITY_M_S] * 3 + [TOLERANCE_MASS_KG]
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        diffrax.Dopri8(),
        *span_s,
        dt0=None,
        y0=_packed(start),
        saveat=save,
        stepsize_controller=diffrax.PIDController(rtol=TOLERANCE_RELATIVE, atol=jnp.asarray(allowed)),
        adjoint=diffrax.ForwardMode() if adjoint is None else adjoint,
        event=event,
        max_steps=STEPS_MAX,
        throw=False,
    )
    good = (solution.result == diffrax.RESULTS.successful) | (solution.result == diffrax.RESULTS.event_occurred)
    return jnp.asarray(solution.ts), jnp.where(good, jnp.asarray(solution.ys), jnp.nan)


def _packed(state: PointMass) -> Float[Array, "7"]:
    numbers = (*state.r_lci_m.components(), *state.v_lci_m_s.components(), state.mass_kg)
    return jnp.stack([jnp.asarray(number, dtype=float) for number in numbers])


def _unpacked(row: Float[Array, "7"]) -> PointMass:
    x, y, z, vx, vy, vz, mass_kg = (row[i] for i in range(7))
    return PointMass(Vec3(x, y, z), Vec3(vx, vy, vz), mass_kg)
