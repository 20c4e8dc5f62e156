"""Explicit braking guidance: from orbit to a gate near the site, close to the least propellant.

**Model.** Polar form over a round Moon. The radial share of the thrust is `A + B t + C(t)`: `C` carries gravity less the centrifugal term,
`A` and `B` are solved so that radius and radial speed meet the gate at the end of the burn (the linear-tangent form of the
optimal steering). The cross share is `D + E t`, solved for the plane through the site. The time to go is corrected once a cycle from
the horizontal speed that the burn would leave. The distance that the burn covers gives the moment of ignition, and the throttle when the engines have one.
**Invalid when** the thrust is so low that the thrust direction cannot carry the weight (`radial share > 1`).
**Neglects** Coriolis acceleration and the change of `C` other than linear; closed-loop updates remove both.
**Reference.** Chandler & Smith, J. Spacecraft & Rockets 4 (1967), iterative guidance mode; McHenry et al., J. Astronautical Sciences 27 (1979),
powered explicit guidance.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.fsw.guidance.request import LocalState, ThrustRequest
from perilune.types import Flag, Scalar

# Gauss-Legendre nodes and weights of order 5 on [0, 1]: exact to degree 9 (Abramowitz & Stegun, table 25.4).
_NODES = (0.046910077030668, 0.230765344947158, 0.5, 0.769234655052841, 0.953089922969332)
_WEIGHTS = (0.118463442528095, 0.239314335249683, 0.284444444444444, 0.239314335249683, 0.118463442528095)


class BrakingState(eqx.Module):
    """The solution held between guidance cycles."""

    time_to_go_s: Scalar
    radial_share: Scalar  # A
    radial_share_rate_1_s: Scalar  # B
    cross_share: Scalar  # D
    cross_share_rate_1_s: Scalar  # E
    lift_now: Scalar  # C at the last solution
    lift_rate_1_s: Scalar
    range_m: Scalar  # over the ground, from here to the end of the burn
    throttle: Scalar  # share of full braking thrust
    since_solution_s: Scalar


class BrakingAim(eqx.Module):
    """What the solution starts from, this cycle."""

    local: LocalState
    thrust_n: Scalar  # full braking thrust, as believed
    exhaust_speed_m_s: Scalar
    mass_kg: Scalar
    range_to_gate_m: Scalar
    cross_of_site_m: Scalar  # offset of the site from the plane of motion, along `cross`
    gate_lift_m: Scalar = 0.0  # how much higher than the site the ground at the gate is expected to be


class _Profile(eqx.Module):
    """Acceleration of a burn of constant thrust: a(t) = exhaust speed / (tau - t)."""

    exhaust_speed_m_s: Scalar
    tau_s: Scalar

    def accel(self, t_s: Scalar) -> Scalar:
        return self.exhaust_speed_m_s / (self.tau_s - t_s)

    def moments(self, duration_s: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
        """Integrals of a and a t, and their integrals, over the burn."""
        b0 = -self.exhaust_speed_m_s * jnp.log1p(-duration_s / self.tau_s)
        b1 = b0 * self.tau_s - self.exhaust_speed_m_s * duration_s
        c0 = b0 * duration_s - b1
        c1 = c0 * self.tau_s - 0.5 * self.exhaust_speed_m_s * duration_s**2
        return b0, b1, c0, c1


class BrakingGuidance(eqx.Module):
    """Targets at the end of braking, relative to the ground."""

    gate_radius_m: Scalar
    gate_vertical_speed_m_s: Scalar  # positive up
    gate_horizontal_speed_m_s: Scalar
    throttle_nominal: Scalar
    throttle_min: Scalar
    throttle_max: Scalar
    freeze_s: Scalar  # the solution is held below this time to go

    def init(self) -> BrakingState:
        zero = jnp.zeros(())
        start_s = jnp.asarray(400.0)  # any start converges in a few cycles, long before ignition
        return BrakingState(start_s, zero, zero, zero, zero, zero, zero, zero, jnp.asarray(self.throttle_nominal, dtype=float), zero)

    def update(self, state: BrakingState, aim: BrakingAim, burning: Flag) -> BrakingState:
        """One guidance cycle: correct the time to go, solve the steering, and the throttle once the burn is on."""
        throttle = jnp.where(burning, self._throttle(state, aim), self.throttle_nominal)
        solved = self._solve(state, aim, throttle)
        frozen = burning & (state.time_to_go_s < self.freeze_s)
        return _select(frozen, state, solved)

    def _throttle(self, state: BrakingState, aim: BrakingAim) -> Scalar:
        """Braking distance goes as one over the thrust: scale by predicted over wanted distance."""
        wanted_m = jnp.maximum(aim.range_to_gate_m, 1.0)
        scale = jnp.clip(state.range_m / wanted_m, 0.8, 1.25)
        settling = state.time_to_go_s < 4.0 * self.freeze_s  # the ratio grows noisy as both go to zero
        return jnp.where(settling, state.throttle, jnp.clip(state.throttle * scale, self.throttle_min, self.throttle_max))

    def _solve(self, state: BrakingState, aim: BrakingAim, throttle: Scalar) -> BrakingState:
        local = aim.local
        gate_radius_m = self.gate_radius_m + aim.gate_lift_m
        profile = _Profile(aim.exhaust_speed_m_s, aim.mass_kg * aim.exhaust_speed_m_s / (aim.thrust_n * throttle))
        t_go = jnp.clip(state.time_to_go_s, 1.0, 0.95 * profile.tau_s)
        speed = local.v_ground_lci_m_s.dot(local.downrange_lci)
        orbital = speed + local.ground_speed_m_s
        lift_0 = (local.gravity_m_s2 - orbital**2 / local.radius_m) / profile.accel(0.0)
        orbital_end = self.gate_horizontal_speed_m_s + local.ground_speed_m_s
        gravity_end = local.gravity_m_s2 * (local.radius_m / gate_radius_m) ** 2
        lift_end = (gravity_end - orbital_end**2 / gate_radius_m) / profile.accel(t_go)
        lift_rate = (lift_end - lift_0) / t_go

        b0, b1, c0, c1 = profile.moments(t_go)
        drop_m_s = self.gate_vertical_speed_m_s - local.vertical_speed_m_s
        drop_m = gate_radius_m - local.radius_m - local.vertical_speed_m_s * t_go
        share, share_rate = _two_by_two(b0, b1, c0, c1, drop_m_s, drop_m)
        # In the plane of motion the cross speed is zero by the choice of axes; the site may lie beside it.
        cross, cross_rate = _two_by_two(b0, b1, c0, c1, 0.0, aim.cross_of_site_m)

        # Sinking toward the centre speeds the horizontal motion up: v_h r is what gravity leaves alone.
        sink_m_s = (local.radius_m - gate_radius_m) / t_go
        left_m_s = speed + sink_m_s / local.radius_m * state.range_m
        covered_m = jnp.zeros_like(t_go)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            t_s = node * t_go
            radial = share + share_rate * t_s + lift_0 + lift_rate * t_s
            sideways = cross + cross_rate * t_s
            along = jnp.sqrt(jnp.maximum(1.0 - radial**2 - sideways**2, 0.01))
            slowing = weight * t_go * profile.accel(t_s) * along
            left_m_s = left_m_s - slowing
            covered_m = covered_m + slowing * (t_go - t_s)
        end_along = jnp.sqrt(jnp.maximum(1.0 - (share + share_rate * t_go + lift_end) ** 2, 0.01))
        correction_s = (left_m_s - self.gate_horizontal_speed_m_s) / (profile.accel(t_go) * end_along)
        return BrakingState(
            time_to_go_s=jnp.clip(t_go + jnp.clip(correction_s, -0.3 * t_go, 0.3 * t_go), 1.0, 0.95 * profile.tau_s),
            radial_share=share,
            radial_share_rate_1_s=share_rate,
            cross_share=cross,
            cross_share_rate_1_s=cross_rate,
            lift_now=lift_0,
            lift_rate_1_s=lift_rate,
            range_m=speed * t_go - covered_m,
            throttle=throttle,
            since_solution_s=jnp.zeros_like(t_go),
        )

    def request(self, state: BrakingState, local: LocalState, full_accel_m_s2: Scalar) -> ThrustRequest:
        """Steering at this instant from the held solution."""
        t_s = state.since_solution_s
        radial = jnp.clip(state.radial_share + state.lift_now + (state.radial_share_rate_1_s + state.lift_rate_1_s) * t_s, -0.9, 0.9)
        cross = jnp.clip(state.cross_share + state.cross_share_rate_1_s * t_s, -0.4, 0.4)
        along = jnp.sqrt(jnp.maximum(1.0 - radial**2 - cross**2, 0.01))
        direction = local.up_lci * radial + local.cross_lci * cross - local.downrange_lci * along
        return ThrustRequest(direction.unit(), full_accel_m_s2 * state.throttle, state.time_to_go_s)

    def advance(self, state: BrakingState, dt_s: Scalar, burning: Flag) -> BrakingState:
        """Let the held solution grow older by one cycle of flight software."""
        step_s = jnp.where(burning, dt_s, 0.0)
        return eqx.tree_at(
            lambda s: (s.time_to_go_s, s.since_solution_s), state, (state.time_to_go_s - step_s, state.since_solution_s + step_s)
        )


def _two_by_two(b0: Scalar, b1: Scalar, c0: Scalar, c1: Scalar, speed_change_m_s: Scalar, place_change_m: Scalar) -> tuple[Scalar, Scalar]:
    """Solve b0 A + b1 B = speed change, c0 A + c1 B = place change."""
    determinant = b0 * c1 - b1 * c0
    return (speed_change_m_s * c1 - place_change_m * b1) / determinant, (b0 * place_change_m - c0 * speed_change_m_s) / determinant


def _select(flag: Flag, when_true: BrakingState, when_false: BrakingState) -> BrakingState:
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), when_true, when_false)
