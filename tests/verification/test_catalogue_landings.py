"""Landings that are unlike the others, in models of their own: an engine cut above the ground, and a lander that lies down.

Beresheet: the file's guidance, modes and allocation fly a point mass straight down, without navigation, as the engine is lit and shut.
SLIM: the file's legs and hull meet tilted ground, with friction and motion drawn as a flight brings them.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.control.allocation import Demand
from perilune.fsw.guidance.request import LocalState
from perilune.fsw.modes import ModeView
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import epoch_from_utc
from perilune.scenario.build_fsw import Moments, build_fsw
from perilune.scenario.build_world import landing_gear_of
from perilune.scenario.load import load
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import no_burn
from perilune.world.contact import ContactBody, ContactLoad, GroundPlane, advance_contact

GRAVITY_M_S2 = GM_MOON_M3_S2 / RADIUS_MOON_M**2
CYCLE_S = 0.1

# SLIM: as 64 dispersed flights touch the ground, a little widened: tilt and rate of its lean, speed down.
TRIALS, TILT_DEG, LEAN_RAD_S, SINK_M_S = 32, (11.0, 1.0), (0.17, 0.03), (2.8, 0.15)
FINE_S, SECONDS = 0.005, 15
# Of 32 trials at most one may end otherwise: on the steepest ground, of no friction, it may stay on the edge.
TRIALS_LOST_MAX = 1


def falling(height_m, sink_m_s) -> LocalState:
    up, east, north = vec3((0.0, 0.0, 1.0)), vec3((1.0, 0.0, 0.0)), vec3((0.0, 1.0, 0.0))
    v_m_s = Vec3(0.0 * sink_m_s, 0.0 * sink_m_s, -sink_m_s)
    return LocalState(up, east, north, RADIUS_MOON_M + height_m, height_m, -sink_m_s, v_m_s, 0.0 * height_m, GRAVITY_M_S2 + 0.0 * height_m)


@pytest.fixture(scope="module")
def beresheet():
    """Height, sink, mode and throttle of the engine, every cycle, from the gate to the ground."""
    file = load("beresheet")
    ephemeris = load_ephemeris(epoch_from_utc("2019-04-11T19:00:00"), 2000.0)
    fsw = build_fsw(file, ephemeris, Moments(math.inf, 0.0, 0.0))
    engine_n, small_n = float(file.engines[0].thrust_n), sum(g.count * float(g.thrust_n) for g in file.thrusters if g.thrust_in)
    flow_s_m = 1.0 / (float(file.engines[0].isp_s) * 9.80665)

    def cycle(now, tick):
        height, sink, mass, modes, allocation = now
        local = falling(height, sink)
        accel = fsw.guidance.vertical.accel_lci_m_s2(local)
        view = ModeView(
            tick * CYCLE_S,
            no_burn(1),
            jnp.asarray(False),
            jnp.asarray(1e5),
            jnp.asarray(1.0),
            jnp.asarray(0.0),
            height,
            jnp.asarray(0.0),
            *[jnp.asarray(False)] * 3,
        )
        modes = fsw.modes.step(modes, view, jnp.asarray(0.0))
        thrust_n = jnp.where(modes.mode == Mode.FREE_FALL, 0.0, accel.norm() * mass)
        allocation, given = fsw.allocation.allocate(allocation, Demand(thrust_n, zero_vec3()), fsw.modes.use(modes.mode, no_burn(1)))
        push_n = given.throttle[0] * engine_n + jnp.clip(given.thrust_n - given.throttle[0] * engine_n, 0.0, small_n)
        faster = sink + (GRAVITY_M_S2 - push_n / mass) * CYCLE_S
        down = height <= 0.0
        after = (
            jnp.where(down, height, height - 0.5 * (sink + faster) * CYCLE_S),
            jnp.where(down, sink, faster),
            mass - push_n * flow_s_m * CYCLE_S,
        )
        return (*after, modes, allocation), (height, sink, modes.mode, given.throttle[0])

    modes = eqx.tree_at(lambda m: m.mode, fsw.modes.init(jnp.asarray(0.0)), jnp.asarray(int(Mode.VERTICAL_DESCENT)))
    start = jnp.asarray(1500.0), jnp.asarray(20.0), jnp.asarray(190.0), modes, fsw.allocation.init()
    told = eqx.filter_jit(lambda: jax.lax.scan(cycle, start, jnp.arange(1500.0)))()[1]
    return [np.asarray(column) for column in told]


def test_beresheet_falls_burns_is_cut_and_falls_again(beresheet):
    height_m, sink_m_s, mode, throttle = beresheet
    assert height_m[-1] <= 0.0
    lit = np.flatnonzero(np.diff(throttle, prepend=0.0))
    assert throttle[0] == 0.0 and len(lit) == 2, "shut, lit once, and cut"
    cut = np.flatnonzero(mode == Mode.FREE_FALL)[0]
    # 5 m under the legs, 5.8 m under the centre of mass; one cycle at 1 m/s.
    assert height_m[cut] == pytest.approx(5.8, abs=0.2)
    assert sink_m_s[cut] < 1.2
    # The fall of 5.8 m from there, to one cycle.
    assert sink_m_s[-1] == pytest.approx(
        math.sqrt(sink_m_s[cut] ** 2 + 2.0 * GRAVITY_M_S2 * height_m[cut]), abs=2.0 * GRAVITY_M_S2 * CYCLE_S
    )


def touching_down(gear, drawn):
    """One lander from the first touch to rest: cosine of its axis of rest from the normal, hull on the ground in the last second, speed left."""
    slope, azimuth, friction, tilt, sink, lean = drawn
    gear = eqx.tree_at(lambda g: (g.pad.friction, g.hull.friction), gear, (friction, friction))
    normal = Vec3(jnp.sin(slope) * jnp.cos(azimuth), jnp.sin(slope) * jnp.sin(azimuth), jnp.cos(slope))
    q = Rotation(jnp.cos(0.5 * tilt), Vec3(0.0 * tilt, jnp.sin(0.5 * tilt), 0.0 * tilt), "site", "body")
    com = vec3((0.0, 0.0, 1.0))
    lowest = jnp.min(jnp.stack([(q @ (leg.r_pad_body_m - com)).dot(normal) for leg in gear.legs]))
    zero = 0.0 * tilt
    body = ContactBody(Vec3(zero, zero, 0.01 - lowest / normal.z), Vec3(zero, zero, -sink), q, Vec3(zero, lean, zero))
    load_now = ContactLoad(jnp.asarray(215.0), vec3((112.0, 97.0, 82.0)), com, vec3((0.0, 0.0, -215.0 * GRAVITY_M_S2)), zero_vec3())
    planes = (GroundPlane(zero_vec3(), normal),) * len(gear.legs)

    def second(now, _):
        state, body, _ = now
        state, body, report = advance_contact(gear, state, body, planes, load_now, jnp.asarray(FINE_S), round(1.0 / FINE_S))
        return (state, body, report.hull_touching), None

    (_, body, struck), _ = jax.lax.scan(second, (gear.init(), body, jnp.asarray(False)), None, length=SECONDS)
    return (body.q_site_body @ vec3((-1.0, 0.0, 0.0))).dot(normal), struck, body.v_site_m_s.norm()


def test_slim_comes_to_rest_on_its_side():
    file = load("slim")
    assert tuple(file.limits.rest_axis or ()) == (-1.0, 0.0, 0.0)
    rng = np.random.default_rng(24)
    slopes = np.minimum(np.abs(rng.normal(0.0, np.radians(6.0), TRIALS)), np.radians(float(file.limits.slope_deg)))
    drawn = (
        slopes,
        rng.uniform(0.0, 2.0 * np.pi, TRIALS),
        rng.uniform(0.4, 1.0, TRIALS),
        np.radians(rng.normal(*TILT_DEG, TRIALS)),
        rng.normal(*SINK_M_S, TRIALS),
        rng.normal(*LEAN_RAD_S, TRIALS),
    )
    gear = landing_gear_of(file)
    cosine, struck, speed_m_s = jax.jit(jax.vmap(lambda *one: touching_down(gear, one)))(*(jnp.asarray(column) for column in drawn))
    assert np.all(np.asarray(speed_m_s) < 0.05)
    lies = (np.asarray(cosine) > np.cos(np.radians(float(file.limits.rest_tilt_deg)))) & ~np.asarray(struck)
    assert np.sum(~lies) <= TRIALS_LOST_MAX
