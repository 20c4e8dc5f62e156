"""Explicit braking guidance: from orbit to a gate near the site, close to the least propellant.

**Model.** Polar form over a round Moon. The radial share of the thrust is `A + B t + C(t)`: `C` carries gravity less the centrifugal term,
`A` and `B` are solved so that radius and radial speed meet the gate at the end of the burn (the linear-tangent form of the
optimal steering). The cross share is `D + E t`, solved for the plane through the site; the plane of flight that gives the axes is held from
ignition. The time to go is corrected once a cycle from the angular momentum that the burn would leave. The distance that the burn covers
gives the moment of ignition, and the throttle when the engines have one. Near the end first `B` and `E` are held, then all.
**Invalid when** the thrust is so low that the thrust direction cannot carry the weight (`radial share > 1`).
**Neglects** the turning of the Moon within the burn, and `C` beyond a parabola; closed-loop updates remove both.
**Reference.** Chandler & Smith, J. Spacecraft & Rockets 4 (1967), iterative guidance mode; McHenry et al., J. Astronautical Sciences 27 (1979),
powered explicit guidance.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.fsw.guidance.request import LocalState, ThrustRequest, horizontal_of
from perilune.math.vector import Vec3
from perilune.types import Flag, Scalar

# Gauss-Legendre nodes and weights of order 5 on [0, 1]: exact to degree 9 (Abramowitz & Stegun, table 25.4).
_NODES = (0.046910077030668, 0.230765344947158, 0.5, 0.769234655052841, 0.953089922969332)
_WEIGHTS = (0.118463442528095, 0.239314335249683, 0.284444444444444, 0.239314335249683, 0.118463442528095)


# In multiples of `freeze_s`: below these times to go the throttle is held, and then the place is given up.
THROTTLE_HELD_FREEZES = 4.0
PLACE_HELD_FREEZES = 3.0


# A gate that must be reached in less time than this may be met sinking slower than planned, down to this share; the margin keeps the planned
# way, whose sink grows to the end, out of it.
SURPRISE_S, SLOW_SHARE, EVEN_MARGIN = 100.0, 0.2, 1.5


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
    cross_of_site_m: Scalar  # offset of the site from the plane of flight, along `cross`
    gate_lift_m: Scalar = 0.0  # how much higher than the site the ground at the gate is expected to be


def in_plane(local: LocalState, normal_lci: Vec3) -> LocalState:
    """The same state, downrange and across along a plane of flight that is held: the velocity turns as it shrinks, the axes must not."""
    cross_lci = horizontal_of(normal_lci, local.up_lci).unit()
    return eqx.tree_at(lambda s: (s.downrange_lci, s.cross_lci), local, (cross_lci.cross(local.up_lci), cross_lci))


class _Profile(eqx.Module):
    """Acceleration of a burn of constant thrust: a(t) = exhaust speed / (tau - t)."""

    exhaust_speed_m_s: Scalar
    tau_s: Scalar

    def accel(self, t_s: Scalar) -> Scalar:
        return self.exhaust_speed_m_s / (self.tau_s - t_s)

    def speed_m_s(self, duration_s: Scalar) -> Scalar:
        """Integral of a over the burn."""
        return -self.exhaust_speed_m_s * jnp.log1p(-duration_s / self.tau_s)

    def moments(self, duration_s: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar]:
        """Integrals of a and a t, and their integrals, over the burn."""
        b0 = self.speed_m_s(duration_s)
        b1 = b0 * self.tau_s - self.exhaust_speed_m_s * duration_s
        c0 = b0 * duration_s - b1
        c1 = c0 * self.tau_s - 0.5 * self.exhaust_speed_m_s * duration_s**2
        return b0, b1, c0, c1


class _Lift(eqx.Module):
    """Share of the thrust that carries the weight, gravity less the centrifugal term: a parabola over the burn."""

    start: Scalar
    middle: Scalar
    end: Scalar

    def _bow(self) -> Scalar:
        return 4.0 * self.middle - 2.0 * (self.start + self.end)

    def at(self, part: float) -> Scalar:
        return self.start + (self.end - self.start) * part + self._bow() * (part * (1.0 - part))

    def rate_1_s(self, duration_s: Scalar) -> Scalar:
        """At the start."""
        return (self.end - self.start + self._bow()) / duration_s


class _Fall(eqx.Module):
    """Radius over the burn: the cubic through both ends with their vertical speeds."""

    start_m: Scalar
    start_m_s: Scalar
    end_m: Scalar
    end_m_s: Scalar
    duration_s: Scalar

    def radius_m_at(self, part: float) -> Scalar:
        left = 1.0 - part
        slopes_m = (self.start_m_s * left - self.end_m_s * part) * (part * left * self.duration_s)
        return self.start_m * (left**2 * (1.0 + 2.0 * part)) + self.end_m * (part**2 * (3.0 - 2.0 * part)) + slopes_m


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
        solved = self._solve(state, aim, throttle, burning)
        frozen = burning & (state.time_to_go_s < self.freeze_s)
        return _select(frozen, state, solved)

    def _throttle(self, state: BrakingState, aim: BrakingAim) -> Scalar:
        """Braking distance goes as one over the thrust: scale by predicted over wanted distance."""
        wanted_m = jnp.maximum(aim.range_to_gate_m, 1.0)
        # The solution is a cycle old: what has been flown since then is no longer to be braked.
        flown_m = aim.local.v_ground_lci_m_s.dot(aim.local.downrange_lci) * state.since_solution_s
        scale = jnp.clip((state.range_m - flown_m) / wanted_m, 0.8, 1.25)
        settling = state.time_to_go_s < THROTTLE_HELD_FREEZES * self.freeze_s  # the ratio grows noisy as both go to zero
        return jnp.where(settling, state.throttle, jnp.clip(state.throttle * scale, self.throttle_min, self.throttle_max))

    def _solve(self, state: BrakingState, aim: BrakingAim, throttle: Scalar, burning: Flag) -> BrakingState:
        local = aim.local
        gate_radius_m = self.gate_radius_m + aim.gate_lift_m
        profile = _Profile(aim.exhaust_speed_m_s, aim.mass_kg * aim.exhaust_speed_m_s / (aim.thrust_n * throttle))
        t_go = jnp.clip(state.time_to_go_s, 1.0, 0.95 * profile.tau_s)
        lift = self._lift(local, profile, gate_radius_m, t_go)
        # Toward the end the place is given up and the speed alone is aimed at: what corrects both grows without bound.
        place_held = burning & (state.time_to_go_s < PLACE_HELD_FREEZES * self.freeze_s)
        moments = profile.moments(t_go)
        drop_m_s = self._end_vertical_speed(local, gate_radius_m, t_go) - local.vertical_speed_m_s
        drop_m = gate_radius_m - local.radius_m - local.vertical_speed_m_s * t_go
        share, share_rate = _steering(moments, drop_m_s, drop_m, place_held, state.radial_share_rate_1_s)
        sideways_m_s = local.v_ground_lci_m_s.dot(local.cross_lci)
        aside_m = aim.cross_of_site_m - sideways_m_s * t_go
        cross, cross_rate = _steering(moments, -sideways_m_s, aside_m, place_held, state.cross_share_rate_1_s)

        # Thrust alone changes the angular momentum; sinking speeds the horizontal motion up.
        fall = _Fall(local.radius_m, local.vertical_speed_m_s, gate_radius_m, self.gate_vertical_speed_m_s, t_go)
        momentum = local.radius_m * local.v_ground_lci_m_s.dot(local.downrange_lci)
        left, angle_rad = momentum, jnp.zeros_like(t_go)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            t_s = node * t_go
            radial = share + share_rate * t_s + lift.at(node)
            sideways = cross + cross_rate * t_s
            along = jnp.sqrt(jnp.maximum(1.0 - radial**2 - sideways**2, 0.01))
            torque = profile.accel(t_s) * along * fall.radius_m_at(node)
            left = left - weight * t_go * torque
            coasting, slowing = momentum / fall.radius_m_at(node) ** 2, torque * (t_go - t_s) / fall.radius_m_at(0.5 + 0.5 * node) ** 2
            angle_rad = angle_rad + weight * t_go * (coasting - slowing)
        left_m_s = left / gate_radius_m
        end_along = jnp.sqrt(jnp.maximum(1.0 - (share + share_rate * t_go + lift.end) ** 2, 0.01))
        correction_s = (left_m_s - self.gate_horizontal_speed_m_s) / (profile.accel(t_go) * end_along)
        return BrakingState(
            time_to_go_s=jnp.clip(t_go + jnp.clip(correction_s, -0.3 * t_go, 0.3 * t_go), 1.0, 0.95 * profile.tau_s),
            radial_share=share,
            radial_share_rate_1_s=share_rate,
            cross_share=cross,
            cross_share_rate_1_s=cross_rate,
            lift_now=lift.start,
            lift_rate_1_s=lift.rate_1_s(t_go),
            range_m=angle_rad * 0.5 * (local.radius_m + gate_radius_m),
            throttle=throttle,
            since_solution_s=jnp.zeros_like(t_go),
        )

    def _lift(self, local: LocalState, profile: _Profile, gate_radius_m: Scalar, t_go_s: Scalar) -> _Lift:
        start_m_s = local.v_ground_lci_m_s.dot(local.downrange_lci)
        shed = profile.speed_m_s(0.5 * t_go_s) / profile.speed_m_s(t_go_s)
        speeds = (start_m_s, start_m_s + (self.gate_horizontal_speed_m_s - start_m_s) * shed, self.gate_horizontal_speed_m_s)
        radii = (local.radius_m, 0.5 * (local.radius_m + gate_radius_m), gate_radius_m)
        shares = []
        for part, speed, radius in zip((0.0, 0.5, 1.0), speeds, radii, strict=True):
            weight_m_s2 = local.gravity_m_s2 * (local.radius_m / radius) ** 2 - (speed + local.ground_speed_m_s) ** 2 / radius
            shares.append(weight_m_s2 / profile.accel(part * t_go_s))
        return _Lift(*shares)

    def _end_vertical_speed(self, local: LocalState, gate_radius_m: Scalar, t_go_s: Scalar) -> Scalar:
        """At the gate. A first range may show the ground far nearer than believed: then the lander cannot both lose that much height in the
        time left and arrive sinking as planned, and it arrives slower rather than climb first."""
        even_m_s = 2.0 * (gate_radius_m - local.radius_m) / t_go_s - local.vertical_speed_m_s
        wanted_m_s = self.gate_vertical_speed_m_s
        surprised = jnp.clip(EVEN_MARGIN * even_m_s, wanted_m_s, SLOW_SHARE * wanted_m_s)
        return jnp.where(t_go_s < SURPRISE_S, surprised, wanted_m_s)

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


def _steering(
    moments: tuple[Scalar, Scalar, Scalar, Scalar],
    speed_change_m_s: Scalar,
    place_change_m: Scalar,
    place_held: Flag,
    held_rate_1_s: Scalar,
) -> tuple[Scalar, Scalar]:
    """Solve b0 A + b1 B = speed change, c0 A + c1 B = place change; with the place held, the first alone with the B there is."""
    b0, b1, c0, c1 = moments
    rate_1_s = (b0 * place_change_m - c0 * speed_change_m_s) / (b0 * c1 - b1 * c0)
    rate_1_s = jnp.where(place_held, held_rate_1_s, rate_1_s)
    return (speed_change_m_s - b1 * rate_1_s) / b0, rate_1_s


def _select(flag: Flag, when_true: BrakingState, when_false: BrakingState) -> BrakingState:
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), when_true, when_false)
