"""Apollo's laws against the flown pad loads: the first pass of P63 to its printed digits, and whole brakings of Apollo 14 and 16 by a point mass.

Targets and states at throttle-up are those of the flown pad loads (decoded by indy91's AGCPadloadGenerator, MIT licence). The first pass and the replays
were computed independently: rotating site, fixed throttle point of 0.945 of 10,500 lbf, specific impulse 303 s, throttle recovered at 0.57.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from perilune.constants import G0_M_S2, GM_MOON_M3_S2
from perilune.fsw.guidance.apollo import ApolloGuidance, ApolloIgnition, ApolloTarget, ApolloThrottle, PlaceOfSite
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3
from perilune.scenario.build_descent import descent_of
from perilune.scenario.load import load_lander
from perilune.wire.telemetry import Mode

NAMES = ("up_m", "forward_m", "up_m_s", "forward_m_s", "up_m_s2", "forward_m_s2", "forward_m_s3", "ends_s")
FT_M, LB_KG, RATED_N = 0.3048, 0.45359237, 46706.0
SPIN_RAD_S = 2.66170e-6
FIRST_PASS_S, FIRST_PASS_M_S2 = 1e-3, 1e-5  # the last digits of what is compared
# Of an independent replay with another step and another rule for what is saturated.
P64_TIME_S, P64_HEIGHT_M, RECOVERY_S = 20.0, 800.0 * FT_M, 20.0
STEP_S, CYCLES = 1.0, 620

# Up, forward: place, speed, acceleration; forward jerk; seconds before the target at which the phase ends.
BRAKING = {
    11: (52.375, -3254.8125, -32.27119446, -0.3170013428, 0.1902249642, -2.775019966, -0.005738399977, 62.0),
    14: (-540.625, -4415.9375, -51.23901367, -23.65684509, -0.1972774044, -2.564704046, 0.002516824082, 62.0),
    16: (-950.5, -3578.8125, -59.88388062, -50.82855225, -0.218921341, -2.530587371, -0.004609690407, 62.0),
}
APPROACH = (33.875, -8.1875, -1.521682739, 0.07553100586, -0.0799796544, -0.1560570672, 0.0005509939172, 12.0)
# State at throttle-up: up, forward, inertial speed; radius of the site; mass.
THROTTLE_UP = {
    11: (-39782.4375, -436655.6875, 1690.256119, 1735418.0, 33663.95 * LB_KG),
    14: (-42777.375, -446525.875, 1690.557098, 1736684.8, 34150.2 * LB_KG),
    16: (-48630.4375, -471715.5625, 1689.646912, 1737830.1, 36685.2 * LB_KG),
}
FIRST_PASS = {11: 589.0068, 14: 562.5136, 16: 663.8188}
# From ignition, 26 s before throttle-up: throttle recovered, approach begins, and at which height.
REPLAY = {14: (396.0, 514.0, 7816.0 * FT_M), 16: (450.0, 556.0, 8073.0 * FT_M)}


def numbers(module, values):
    return module(*(jnp.asarray(value) for value in values))


def law(mission: int) -> ApolloGuidance:
    up_m, forward_m, speed_m_s, _, _ = THROTTLE_UP[mission]
    return ApolloGuidance(
        ignition=numbers(ApolloIgnition, (up_m, forward_m, speed_m_s, -0.6176310182, -2.477034116e-06, -410.0)),
        braking=numbers(ApolloTarget, BRAKING[mission]),
        approach=numbers(ApolloTarget, APPROACH),
        throttle=numbers(ApolloThrottle, (0.0, 0.1 * RATED_N, 0.945 * RATED_N, 0.6 * RATED_N, 0.57 * RATED_N, 0.63 * RATED_N)),
    )


def seen(r_m: Vec3, v_m_s: Vec3, site_radius_m: float, speed_m_s: float = 0.0) -> PlaceOfSite:
    """Gravity of a point below the site."""
    from_centre_m = r_m + vec3((0.0, 0.0, site_radius_m))
    gravity_m_s2 = from_centre_m * (-GM_MOON_M3_S2 / from_centre_m.norm() ** 3)
    return PlaceOfSite(r_m, v_m_s, jnp.asarray(speed_m_s), gravity_m_s2)


def at_throttle_up(mission: int) -> tuple[Vec3, Vec3]:
    """In east, north, up, flying west; the ground moves east."""
    up_m, forward_m, speed_m_s, site_radius_m, _ = THROTTLE_UP[mission]
    from_centre_m = vec3((-forward_m, 0.0, site_radius_m + up_m))
    radius_m = from_centre_m.norm()
    along = Vec3(-from_centre_m.z, jnp.zeros(()), from_centre_m.x) / radius_m
    return vec3((-forward_m, 0.0, up_m)), along * speed_m_s - vec3((1.0, 0.0, 0.0)) * (SPIN_RAD_S * radius_m)


@pytest.mark.parametrize("mission", BRAKING)
def test_the_first_pass_has_apollos_time_to_go(mission):
    r_m, v_m_s = at_throttle_up(mission)
    here, to_go_s = seen(r_m, v_m_s, THROTTLE_UP[mission][3]), jnp.asarray(600.0)
    for _ in range(5):
        to_go_s = law(mission).braking.improved_s(here, to_go_s)
    assert float(to_go_s) == pytest.approx(FIRST_PASS[mission], abs=FIRST_PASS_S)


def test_the_first_pass_asks_for_apollos_acceleration():
    r_m, v_m_s = at_throttle_up(11)
    here = seen(r_m, v_m_s, THROTTLE_UP[11][3])
    asked = law(11).braking.thrust_m_s2(here, jnp.asarray(FIRST_PASS[11])) + here.gravity_m_s2
    assert float(asked.z) == pytest.approx(-2.39704, abs=FIRST_PASS_M_S2)
    assert float(-asked.x) == pytest.approx(-4.50231, abs=FIRST_PASS_M_S2)
    assert float(asked.y) == 0.0


def test_ignition_is_where_throttle_up_meets_its_target():
    """From the state at throttle-up back over the trim phase: no way is left to ignition there, and 1.7 km a second before it."""
    r_m, v_m_s = at_throttle_up(11)
    here = seen(r_m, v_m_s, THROTTLE_UP[11][3], THROTTLE_UP[11][2])
    ignition = law(11).ignition
    assert float(ignition.to_go_m(here, jnp.asarray(0.0), jnp.asarray(0.0))) == pytest.approx(0.0, abs=1e-6)
    before = eqx.tree_at(lambda h: h.r_m, here, r_m - v_m_s)
    assert float(ignition.to_go_m(before, jnp.asarray(0.0), jnp.asarray(0.0))) == pytest.approx(1641.5 + 0.6176 * 421.5, abs=1.0)
    faster = eqx.tree_at(lambda h: h.speed_m_s, here, here.speed_m_s + 1.0)
    assert float(ignition.to_go_m(faster, jnp.asarray(0.0), jnp.asarray(0.0))) == pytest.approx(-410.0, abs=1e-6)


def test_the_throttle_follows_below_its_recovery_and_does_not_hunt():
    throttle = law(11).throttle
    shares = [0.9, 0.6, 0.58, 0.56, 0.59, 0.62, 0.64, 0.6]
    follows, told = jnp.asarray(False), []
    for share in shares:
        follows = throttle.follows(follows, jnp.asarray(share * RATED_N))
        told.append(bool(follows))
    assert told == [False, False, False, True, True, True, False, False]


@eqx.filter_jit
def braked(guidance: ApolloGuidance, start: tuple[Vec3, Vec3], site_radius_m, mass_kg):
    """Point mass, planar, one law pass a second: state, time to go and throttle of every second."""

    def second(carry, _):
        r_m, v_m_s, mass_kg, state = carry
        here = seen(r_m, v_m_s, site_radius_m)
        state = guidance.plan(state, here, mass_kg, jnp.asarray(int(Mode.BRAKING)))
        asked, _ = guidance.requests(state, here, identity("lci", "site"), mass_kg)
        accel = asked.direction_lci * asked.accel_m_s2 + here.gravity_m_s2
        r_m, v_m_s = r_m + v_m_s * STEP_S + accel * (0.5 * STEP_S**2), v_m_s + accel * STEP_S
        mass_kg = mass_kg - asked.accel_m_s2 * mass_kg / (303.0 * G0_M_S2) * STEP_S
        state = guidance.aged(state, jnp.asarray(int(Mode.BRAKING)), STEP_S)
        return (r_m, v_m_s, mass_kg, state), (r_m, state.to_gate_s, state.throttled)

    begin = (*start, mass_kg, guidance.init())
    return jax.lax.scan(second, begin, None, length=CYCLES)[1]


@functools.cache
def replayed(mission: int):
    radius_m, mass_kg = THROTTLE_UP[mission][3:]
    r_m, to_gate_s, throttled = braked(law(mission), at_throttle_up(mission), jnp.asarray(radius_m), jnp.asarray(mass_kg))
    recovery, gate = int(jnp.argmax(throttled)), int(jnp.argmax(to_gate_s <= 0.0))
    from_centre_m = jnp.sqrt(r_m.x[gate] ** 2 + (r_m.z[gate] + radius_m) ** 2)
    return recovery + 26.0, gate + 26.0, float(from_centre_m) - radius_m


@pytest.mark.parametrize("mission", REPLAY)
def test_a_braking_is_over_when_and_where_the_replay_has_it(mission):
    recovery_s, gate_s, height_m = REPLAY[mission]
    told = replayed(mission)
    assert told[0] == pytest.approx(recovery_s, abs=RECOVERY_S)
    assert told[1] == pytest.approx(gate_s, abs=P64_TIME_S)
    assert told[2] == pytest.approx(height_m, abs=P64_HEIGHT_M)


def test_the_file_flies_what_was_loaded():
    """Its tables, through the builder; typed here from the pad load on their own, in feet where it is told so."""
    laws = descent_of(load_lander("apollo-11"), 1.0).guidance.apollo
    assert laws is not None
    assert tuple(float(getattr(laws.braking, name)) for name in NAMES) == BRAKING[11]
    assert tuple(float(getattr(laws.approach, name)) for name in NAMES) == APPROACH
    assert float(laws.ignition.forward_m) == pytest.approx(-1432597.4 * FT_M, abs=0.1)
    assert float(laws.braking.forward_m) == pytest.approx(-10678.596 * FT_M, abs=0.1)
    assert (float(laws.throttle.fixed_n), float(laws.throttle.recover_n)) == pytest.approx((0.94 * RATED_N, 0.57 * RATED_N))
