"""Motion of a point mass over long times: coasts, and burns under a constant thrust.

**Error.** Adaptive steps hold the local error at the tolerance given (`TIGHT` here): 23 orbits of the Moon in 3 days end 0.4 mm from
the two-body solution. A coast that cannot be finished gives NaN in its own row and disturbs no other.
**Invalid when** the rates jump inside the interval (end it there and start another).
**Neglects** attitude: thrust points where the given direction says.
**Reference.** Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993): Dormand and Prince's method of order 8.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
from perilune.types import Flag, Index, Scalar, Vector


class Tolerance(NamedTuple):
    """Local error allowed in a step: relative, or absolute where that is more."""

    relative: float
    position_m: float
    velocity_m_s: float
    mass_kg: float


# Two digits above float64, and below what any force model is worth.
TIGHT = Tolerance(1e-13, 1e-7, 1e-10, 1e-10)
# For the search of a design, where metres count for nothing.
LOOSE = Tolerance(1e-10, 1e-3, 1e-6, 1e-6)
# An event is found to this share of a step's time.
TOLERANCE_EVENT = 1e-12
STEPS_MAX = 100_000


class PointMass(eqx.Module):
    """State of a lander whose attitude does not matter, in inertial axes about the centre for which the acceleration is given."""

    r_m: Vec3
    v_m_s: Vec3
    mass_kg: Scalar


Acceleration = Callable[[Scalar, Vec3], Vec3]
Direction = Callable[[Scalar, PointMass], Vec3]
Condition = Callable[[Scalar, PointMass], Scalar]


def coast_rates(accel_m_s2: Acceleration) -> Rates:
    """Equations of motion without thrust, under an acceleration (t_s, r_m)."""

    def rates(t_s: Scalar, state: PointMass) -> PointMass:
        return PointMass(state.v_m_s, accel_m_s2(t_s, state.r_m), jnp.zeros_like(state.mass_kg))

    return rates


def burn_rates(accel_m_s2: Acceleration, thrust_n: Scalar, isp_s: Scalar, direction: Direction, g0_m_s2: Scalar = G0_M_S2) -> Rates:
    """The same with constant thrust along a unit vector (t_s, state), and the propellant it costs."""

    def rates(t_s: Scalar, state: PointMass) -> PointMass:
        push = direction(t_s, state) * (thrust_n / state.mass_kg)
        return PointMass(state.v_m_s, accel_m_s2(t_s, state.r_m) + push, mass_rate_kg_s(thrust_n, isp_s, g0_m_s2))

    return rates


def propagated(
    rates: Rates,
    start: PointMass,
    t_start_s: Scalar,
    t_end_s: Scalar,
    save_at_s: Vector | None = None,
    adjoint: diffrax.AbstractAdjoint | None = None,
    tolerance: Tolerance = TIGHT,
) -> PointMass:
    """The state at `t_end_s`, or at the times `save_at_s` (leading axis) between, by adaptive steps; backwards too.

    Forward-mode derivatives (`jax.jacfwd`, the choice of targeting) work as it stands; for `jax.grad` pass
    `diffrax.RecursiveCheckpointAdjoint()`, which in turn refuses forward mode.
    """
    save = diffrax.SaveAt(t1=True) if save_at_s is None else diffrax.SaveAt(ts=save_at_s)
    chosen = {} if adjoint is None else {"adjoint": adjoint}
    rows = _solved(rates, start, (t_start_s, t_end_s), save, tolerance, **chosen)[1]
    return _unpacked(rows[0]) if save_at_s is None else jax.vmap(_unpacked)(rows)


def propagated_until(
    rates: Rates,
    start: PointMass,
    t_start_s: Scalar,
    t_latest_s: Scalar,
    condition: Condition,
    rising: bool,
    tolerance: Tolerance = TIGHT,
) -> tuple[Scalar, PointMass]:
    """Time and state where `condition` (t_s, state) first crosses zero in the sense asked for, or at `t_latest_s` if it does not."""
    event = diffrax.Event(
        lambda t, y, args, **_: condition(t, _unpacked(y)),
        optimistix.Newton(rtol=TOLERANCE_EVENT, atol=TOLERANCE_EVENT),
        direction=rising,
    )
    times, rows = _solved(rates, start, (t_start_s, t_latest_s), diffrax.SaveAt(t1=True), tolerance, event=event)
    return times[0], _unpacked(rows[0])


class Steps(NamedTuple):
    """The ends of a solver's own steps: times, and rows of position, velocity, mass; padded with NaN to a fixed length, `count` are true.

    Finished: no room was lacking.
    """

    times_s: Vector
    rows: Float[Array, "steps 7"]
    count: Index
    finished: Flag


def stepped(
    rates: Rates,
    start: PointMass,
    span_s: Vector,
    steps_s: tuple[Scalar, Scalar],
    done: Callable[[Scalar, PointMass], Flag],
    tolerance: Tolerance,
    room: int,
) -> Steps:
    """The start and at most `room` steps after it, up to the end of the span or the first step that ends where `done` holds.

    `steps_s`: the first step (signed) and the longest. All times are values: one program, called again from where it stopped, flies any coast.
    """
    save = diffrax.SaveAt(t0=True, steps=True)
    event = diffrax.Event(lambda t, y, args, **_: done(t, _unpacked(y)))
    first_s, step_max_s = steps_s
    solution = _solution(rates, start, (span_s[0], span_s[1]), save, tolerance, step_max_s, dt0=first_s, event=event, max_steps=room)
    reached = jnp.isfinite(solution.ts)
    rows = jnp.where(reached[:, None] & jnp.isfinite(solution.ys), solution.ys, jnp.nan)
    return Steps(jnp.where(reached, solution.ts, jnp.nan), rows, jnp.sum(reached), _good(solution))


def propagated_fixed(rates: Rates, start: PointMass, t_start_s: Scalar, dt_s: Scalar, steps: int) -> PointMass:
    """The state after a number of equal fourth-order steps."""

    def step(state: PointMass, index: Array) -> tuple[PointMass, None]:
        return rk4_step(rates, t_start_s + index * dt_s, state, dt_s), None

    return lax.scan(step, jax.tree.map(jnp.asarray, start), jnp.arange(float(steps)))[0]


def _solved(*arguments, **choices) -> tuple[Vector, Float[Array, "times 7"]]:
    """Times and rows of a coast; NaN if it could not be finished."""
    solution = _solution(*arguments, **choices)
    return jnp.asarray(solution.ts), jnp.where(_good(solution), jnp.asarray(solution.ys), jnp.nan)


def _good(solution) -> Flag:
    return (solution.result == diffrax.RESULTS.successful) | (solution.result == diffrax.RESULTS.event_occurred)


def _solution(rates, start, span_s, save, tolerance, step_max_s=None, **choices) -> Any:
    def slope(t_s: Any, row: Float[Array, "7"], _) -> Float[Array, "7"]:
        return _packed(rates(t_s, _unpacked(row)))

    allowed = [tolerance.position_m] * 3 + [tolerance.velocity_m_s] * 3 + [tolerance.mass_kg]
    usual = dict(dt0=None, adjoint=diffrax.ForwardMode(), max_steps=STEPS_MAX)
    return diffrax.diffeqsolve(
        diffrax.ODETerm(slope),
        diffrax.Dopri8(),
        *span_s,
        y0=_packed(start),
        saveat=save,
        stepsize_controller=diffrax.PIDController(rtol=tolerance.relative, atol=jnp.asarray(allowed), dtmax=step_max_s),
        throw=False,
        **(usual | choices),
    )


def _packed(state: PointMass) -> Float[Array, "7"]:
    numbers = (*state.r_m.components(), *state.v_m_s.components(), state.mass_kg)
    return jnp.stack([jnp.asarray(number, dtype=float) for number in numbers])


def _unpacked(row: Float[Array, "7"]) -> PointMass:
    x, y, z, vx, vy, vz, mass_kg = (row[i] for i in range(7))
    return PointMass(Vec3(x, y, z), Vec3(vx, vy, vz), mass_kg)
