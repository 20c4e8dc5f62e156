"""The laws of Apollo's lunar module, P63 to high gate and P64 to low gate.

**Model.** In a frame fixed to the site (up, forward, across), with time to go t and the target's place, velocity, acceleration and forward jerk:
`a = 12 (r_T - r) / t^2 - 6 (v_T + v) / t + a_T`, less gravity: acceleration quadratic in time. The time to go makes the forward jerk come out as
the target has it, a cubic solved by Newton's method. Forward is turned so that no cross jerk is needed. A phase ends some time before its target,
which is therefore never reached. Thrust begins low, while a gimbal would be trimmed, and goes to a fixed point, where the engine stays while more is
ordered than it can be throttled to; what is too much is taken from the level part. Below it the throttle follows.
Braking begins where the state at throttle-up meets the target of ignition, a linear function of height, offset and speed.
**Invalid when** the time to go is within a few seconds of zero.
**Neglects** the lead time of Apollo's two-second cycle (the law is evaluated anew each cycle here), the re-designation of the site by the crew, and
Coriolis acceleration, as Apollo's did.
**Reference.** Klumpp, Apollo lunar descent guidance, MIT CSDL R-695 (1971), and Automatica 10 (1974).
"""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.guidance.limits import upward_first
from perilune.fsw.guidance.request import ThrustRequest
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, select
from perilune.types import Flag, Index, Scalar
from perilune.wire.telemetry import Mode

UP = Vec3(0.0, 0.0, 1.0)

# Newton's steps on the time to go in each guidance cycle, and the share by which one may change it.
STEPS, STEP_MAX_SHARE = 2, 0.2
LEAST_S, MOST_S = 5.0, 900.0
# Before the first solution.
BRAKING_GUESS_S, APPROACH_GUESS_S = 590.0, 150.0


class ApolloState(eqx.Module):
    to_gate_s: Scalar  # until braking ends
    to_low_gate_s: Scalar  # until approach ends
    throttled: Flag  # the engine follows the order; else it stands at its fixed point
    lit_s: Scalar  # since ignition


class PlaceOfSite(eqx.Module):
    """Where the lander is, seen from the site, in straight axes: east, north, and up over the ground that is expected there."""

    r_m: Vec3
    v_m_s: Vec3
    speed_m_s: Scalar  # inertial
    gravity_m_s2: Vec3


class ApolloTarget(eqx.Module):
    """Of one phase, at time zero of its polynomial; forward is the way of flight."""

    up_m: Scalar
    forward_m: Scalar
    up_m_s: Scalar
    forward_m_s: Scalar
    up_m_s2: Scalar  # acceleration, gravity included
    forward_m_s2: Scalar
    forward_m_s3: Scalar
    ends_s: Scalar  # so long before time zero

    def axis(self, here: PlaceOfSite, to_go_s: Scalar) -> Vec3:
        """Forward, level at the site."""
        ahead = here.r_m + here.v_m_s * (0.25 * to_go_s)
        return -Vec3(ahead.x, ahead.y, jnp.zeros_like(ahead.z)).unit()

    def improved_s(self, here: PlaceOfSite, to_go_s: Scalar) -> Scalar:
        """Time to go to time zero of the target."""
        for _ in range(STEPS):
            forward = self.axis(here, to_go_s)
            t_s, place_m, speed_m_s = -to_go_s, here.r_m.dot(forward), here.v_m_s.dot(forward)
            linear = 18.0 * self.forward_m_s + 6.0 * speed_m_s
            value = ((self.forward_m_s3 * t_s + 6.0 * self.forward_m_s2) * t_s + linear) * t_s + 24.0 * (self.forward_m - place_m)
            slope = (3.0 * self.forward_m_s3 * t_s + 12.0 * self.forward_m_s2) * t_s + linear
            step_s = value / jnp.where(jnp.abs(slope) < 1.0, 1.0, slope)
            most_s = STEP_MAX_SHARE * to_go_s
            to_go_s = jnp.clip(to_go_s + jnp.clip(step_s, -most_s, most_s), LEAST_S, MOST_S)
        return to_go_s

    def thrust_m_s2(self, here: PlaceOfSite, to_go_s: Scalar) -> Vec3:
        """Thrust acceleration that the law asks for, in the axes of the site."""
        t_s, forward = jnp.maximum(to_go_s, LEAST_S), self.axis(here, to_go_s)
        miss_m = forward * self.forward_m + UP * self.up_m - here.r_m
        speeds_m_s = forward * self.forward_m_s + UP * self.up_m_s + here.v_m_s
        end_m_s2 = forward * self.forward_m_s2 + UP * self.up_m_s2
        return miss_m * (12.0 / t_s**2) - speeds_m_s * (6.0 / t_s) + end_m_s2 - here.gravity_m_s2


class ApolloIgnition(eqx.Module):
    """The state at throttle-up that braking is laid out for, and what a change of it is worth along the way."""

    up_m: Scalar
    forward_m: Scalar  # negative: before the site
    speed_m_s: Scalar  # inertial
    per_up: Scalar
    per_across_1_m: Scalar
    per_speed_s: Scalar

    def to_go_m(self, here: PlaceOfSite, trim_s: Scalar, trim_m_s2: Scalar) -> Scalar:
        """Way left to the place of ignition; positive before it."""
        level = Vec3(here.v_m_s.x, here.v_m_s.y, jnp.zeros_like(here.v_m_s.z)).unit()
        accel_m_s2 = here.gravity_m_s2 - here.v_m_s.unit() * trim_m_s2
        then_m = here.r_m + here.v_m_s * trim_s + accel_m_s2 * (0.5 * trim_s**2)
        across_m = then_m.x * level.y - then_m.y * level.x
        slower_m_s = here.speed_m_s + accel_m_s2.dot(here.v_m_s.unit()) * trim_s - self.speed_m_s
        wanted_m = self.forward_m + self.per_up * (then_m.z - self.up_m) + self.per_across_1_m * across_m**2 + self.per_speed_s * slower_m_s
        return wanted_m - then_m.dot(level)


class ApolloThrottle(eqx.Module):
    """How the descent engine is driven, as believed."""

    trim_s: Scalar
    trim_n: Scalar
    fixed_n: Scalar
    throttled_max_n: Scalar
    recover_n: Scalar  # below this order the throttle follows
    fix_n: Scalar  # above this one it goes back to the fixed point

    def follows(self, before: Flag, wanted_n: Scalar) -> Flag:
        return jnp.where(before, wanted_n < self.fix_n, wanted_n < self.recover_n)

    def most_n(self, state: ApolloState) -> Scalar:
        return jnp.where(state.throttled, self.throttled_max_n, self.fixed_n)

    def given_n(self, state: ApolloState, wanted_n: Scalar) -> Scalar:
        running_n = jnp.where(state.throttled, jnp.minimum(wanted_n, self.throttled_max_n), self.fixed_n)
        return jnp.where(state.lit_s < self.trim_s, self.trim_n, running_n)


class ApolloGuidance(eqx.Module):
    """Both phases, their ignition and their throttle."""

    ignition: ApolloIgnition
    braking: ApolloTarget
    approach: ApolloTarget
    throttle: ApolloThrottle

    def init(self) -> ApolloState:
        return ApolloState(jnp.asarray(BRAKING_GUESS_S), jnp.asarray(APPROACH_GUESS_S), jnp.asarray(False), jnp.zeros(()))

    def range_to_ignite_m(self, here: PlaceOfSite, mass_kg: Scalar) -> Scalar:
        return self.ignition.to_go_m(here, self.throttle.trim_s, self.throttle.trim_n / mass_kg)

    def plan(self, state: ApolloState, here: PlaceOfSite, mass_kg: Scalar, mode: Index) -> ApolloState:
        """The slow cycle: times to go, and whether the throttle follows."""
        late = mode > Mode.BRAKING
        braking_s = self.braking.improved_s(here, state.to_gate_s + self.braking.ends_s)
        before_s = jnp.where(late, state.to_low_gate_s, APPROACH_GUESS_S)
        approach_s = self.approach.improved_s(here, before_s + self.approach.ends_s)
        wanted = select(late, self.approach.thrust_m_s2(here, approach_s), self.braking.thrust_m_s2(here, braking_s))
        follows = (mode >= Mode.BRAKING) & self.throttle.follows(state.throttled, wanted.norm() * mass_kg)
        return ApolloState(braking_s - self.braking.ends_s, approach_s - self.approach.ends_s, follows, state.lit_s)

    def aged(self, state: ApolloState, mode: Index, dt_s: Scalar) -> ApolloState:
        braking_s = jnp.where(mode == Mode.BRAKING, dt_s, 0.0)
        approach_s = jnp.where(mode >= Mode.APPROACH, dt_s, 0.0)
        return ApolloState(state.to_gate_s - braking_s, state.to_low_gate_s - approach_s, state.throttled, state.lit_s + braking_s)

    def requests(self, state: ApolloState, here: PlaceOfSite, q_lci_site: Rotation, mass_kg: Scalar) -> tuple[ThrustRequest, ThrustRequest]:
        """Of braking and of approach."""
        most_m_s2 = self.throttle.most_n(state) / mass_kg
        asked = []
        for target, to_go_s in ((self.braking, state.to_gate_s), (self.approach, state.to_low_gate_s)):
            accel = upward_first(target.thrust_m_s2(here, to_go_s + target.ends_s), UP, most_m_s2)
            given_m_s2 = self.throttle.given_n(state, accel.norm() * mass_kg) / mass_kg
            asked.append(ThrustRequest(q_lci_site @ accel.unit(), given_m_s2, to_go_s))
        return asked[0], asked[1]
