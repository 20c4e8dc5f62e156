"""Do the lander's units read, stay silent and keep to themselves as they should?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import ARCSEC_RAD, RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.wire.commands import DevicesOn
from perilune.world.kinematics import Kinematics
from perilune.world.sensors import Sensors
from perilune.world.sensors.altimeter import Altimeter
from perilune.world.sensors.beam import HEIGHT_MAX_M, cone_beams
from perilune.world.sensors.clock import Clock
from perilune.world.sensors.gauge import PropellantGauge
from perilune.world.sensors.imu import Imu, InertialTriad
from perilune.world.sensors.sensor import Increments, Seen
from perilune.world.sensors.star_tracker import StarTracker
from perilune.world.sensors.touchdown import TouchdownSwitches
from perilune.world.sensors.velocimeter import Velocimeter

DOWN = vec3((0.0, 0.0, -1.0))
ALL_ON = DevicesOn(*(jnp.asarray(True),) * 3)


class Hit(eqx.Module):
    range_m: jax.Array
    cos_incidence: jax.Array
    hit: jax.Array


class FlatGround(eqx.Module):
    """A plane across the pole, this high over the sphere."""

    height_m: float = 0.0

    def raycast(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> Hit:
        cosine = -direction_lfme.z
        range_m = (r_lfme_m.z - RADIUS_MOON_M - self.height_m) / cosine
        return Hit(range_m, cosine, (cosine > 0.0) & (range_m > 0.0))


def sensors() -> Sensors:
    accelerometers = InertialTriad(4.9e-4, 1e-4, 1e-4, 2.94e-4, 0.3e-3, 49.0)
    gyros = InertialTriad(2.4e-7, 5e-5, 1e-4, 2.9e-6, 0.2e-6, 1.047)
    tracker = StarTracker(vec3((0.0, 0.0, 1.0)), 10 * ARCSEC_RAD, 60 * ARCSEC_RAD, 0.0, 0.035, 0.52, 0.17, 5)
    altimeter = Altimeter(zero_vec3(), DOWN, (DOWN,), 1.0, 30e3, 0.87, 2.0, 0.0, 0.0, 5.0, 0.003, 0.0, 5)
    beams = cone_beams(DOWN, 0.35, 4)
    velocimeter = Velocimeter(zero_vec3(), beams, 1.0, 5e3, 1.0, 0.1, 0.005, 0.0, 1.0, 0.005, 0.0, 0.0, 0.0, 1)
    return Sensors(
        imu=Imu(zero_vec3(), accelerometers, gyros),
        star_tracker=tracker,
        altimeter=altimeter,
        velocimeter=velocimeter,
        touchdown=TouchdownSwitches(jnp.zeros(4)),
        clock=Clock(0.0, 1e-3, 1e-7),
        gauge=PropellantGauge(5.0, 0.5),
    )


def truth(altitude_m) -> Kinematics:
    """Upright over the pole, descending, the Sun and the Earth at right angles."""
    r_m = vec3((0.0, 0.0, RADIUS_MOON_M)) + vec3((0.0, 0.0, 1.0)) * altitude_m
    v_m_s = vec3((3.0, -2.0, -20.0))
    return Kinematics(
        r_lci_m=r_m,
        v_lci_m_s=v_m_s,
        q_lci_body=identity("lci", "body"),
        omega_body_lci_rad_s=zero_vec3(),
        com_body_m=vec3((0.0, 0.0, 1.3)),
        r_lfme_m=r_m,
        v_lfme_in_lfme_m_s=v_m_s,
        q_lfme_body=identity("lfme", "body"),
        sun_direction_lci=vec3((-1.0, 0.0, 0.0)),
        earth_direction_lci=vec3((0.0, 1.0, 0.0)),
    )


def seen(altitude_m=3e3, on: DevicesOn = ALL_ON, near: bool = True) -> Seen:
    gate = jnp.asarray(near)
    return Seen(
        truth=truth(altitude_m),
        increments=Increments(vec3((0.1, 0.2, 0.3)), vec3((1e-3, 0.0, 0.0)), 0.1),
        terrain=FlatGround(),
        pads_touching=jnp.asarray([False, True, False, False]),
        propellant_kg=100.0,
        t_s=1000.0,
        devices_on=on,
        watched=gate,
    )


@jax.jit
def measured(parts: Sensors, scene: Seen, seed, tick):
    """Compiled once: a unit drawn from this seed and what it reads on this tick."""
    stream = stream_of_seed(seed)
    states = parts.init(stream)
    after, readings = parts.measure(states, scene, stream, tick)
    return states, after, readings


def draws_kept(parts: Sensors, other: Sensors, name: str) -> bool:
    """Whether a unit's errors and reading are the same bits in two sets of units."""
    results = []
    for one in (parts, other):
        states, _, readings = measured(one, seen(), 7, 5)
        results.append((getattr(states, name), getattr(readings, name)))
    return bool(eqx.tree_equal(*results))


def test_every_unit_reads_near_the_ground():
    *_, readings = measured(sensors(), seen(), 1, 5)
    assert bool(readings.imu.valid)
    assert bool(readings.star_tracker.valid)
    assert bool(readings.altimeter.valid)
    assert bool(jnp.all(readings.velocimeter.valid))


def test_slow_units_are_silent_between_their_ticks():
    readings = [measured(sensors(), seen(), 1, tick)[2] for tick in range(6)]
    valid = [(bool(m.star_tracker.valid), bool(m.altimeter.valid)) for m in readings]
    assert valid == [(True, True)] + [(False, False)] * 4 + [(True, True)]


def test_without_power_accelerometers_read_exactly_zero_and_still_pass_as_valid():
    off = DevicesOn(jnp.asarray(False), jnp.asarray(True), jnp.asarray(True))
    _, after, readings = measured(sensors(), seen(on=off), 1, 0)
    assert [float(c) for c in readings.imu.delta_v_body_m_s.components()] == [0.0, 0.0, 0.0]
    assert [float(c) for c in after.imu.accelerometers.residual.components()] == [0.0, 0.0, 0.0]
    assert bool(readings.imu.valid)
    assert float(readings.imu.delta_theta_body_rad.x) == pytest.approx(1e-3, abs=1e-5)


def test_without_power_beams_are_silent():
    off = DevicesOn(jnp.asarray(True), jnp.asarray(False), jnp.asarray(False))
    *_, readings = measured(sensors(), seen(on=off), 1, 0)
    assert not bool(readings.altimeter.valid)
    assert float(readings.altimeter.range_m) == 0.0
    assert not bool(jnp.any(readings.velocimeter.valid))
    assert not bool(jnp.any(readings.velocimeter.closing_speed_m_s))


def test_one_units_errors_change_no_other_units_draws():
    louder = eqx.tree_at(lambda s: (s.star_tracker.sigma_across_rad, s.altimeter.noise_floor_m), sensors(), (1.0, 50.0))
    for name in ("imu", "velocimeter"):
        assert draws_kept(sensors(), louder, name)
    assert not draws_kept(sensors(), louder, "altimeter")


def test_number_of_beams_changes_no_other_units_draws_nor_the_first_beams():
    fewer = eqx.tree_at(lambda s: s.velocimeter.beams_body, sensors(), sensors().velocimeter.beams_body[:3])
    with jax.disable_jit():  # two structures are two programs; operation by operation they must agree to the bit
        (states, _, readings), (their_states, _, their_readings) = (measured(parts, seen(), 7, 5) for parts in (sensors(), fewer))
    for name in ("imu", "star_tracker", "altimeter"):
        assert bool(eqx.tree_equal(getattr(states, name), getattr(their_states, name)))
        assert bool(eqx.tree_equal(getattr(readings, name), getattr(their_readings, name)))
    speeds, their_speeds = (each.velocimeter.closing_speed_m_s for each in (readings, their_readings))
    np.testing.assert_array_equal(speeds[:3], their_speeds)


def test_more_inertial_units_change_no_draw_and_have_errors_of_their_own():
    more = eqx.tree_at(lambda s: s.spare_imus, sensors(), (sensors().imu, sensors().imu))
    with jax.disable_jit():
        (states, _, readings), (their_states, _, their_readings) = (measured(parts, seen(), 7, 5) for parts in (sensors(), more))
    assert bool(eqx.tree_equal(states, eqx.tree_at(lambda s: s.spare_imus, their_states, ())))
    assert bool(eqx.tree_equal(readings, eqx.tree_at(lambda r: r.spare_imus, their_readings, ())))
    units = (their_states.imu, *their_states.spare_imus)
    assert len({float(unit.accelerometers.scale.x) for unit in units}) == len({float(unit.gyros.scale.x) for unit in units}) == 3


def test_a_low_batch_mate_does_not_make_a_high_lander_read():
    """Each lander's reading is the same bits beside one that ranges as alone, and a lander out of reach reads nothing."""
    parts, heights_m = sensors(), jnp.asarray([HEIGHT_MAX_M + 31e3, 3e3, HEIGHT_MAX_M + 31e3])
    # Ground that no Moon has: only the lander's own reach can keep its reading blank.
    peak_m = HEIGHT_MAX_M + 5e3

    def reading(altitude_m):
        stream = stream_of_seed(1)
        scene = eqx.tree_at(lambda s: s.terrain.height_m, seen(altitude_m), jnp.where(altitude_m > 1e4, peak_m, 0.0))
        readings = parts.measure(parts.init(stream), scene, stream, 0)[1]
        return readings.altimeter, readings.velocimeter

    together, alone = jax.jit(jax.vmap(reading))(heights_m), jax.jit(jax.vmap(reading))(heights_m[jnp.asarray([0, 0, 0])])
    assert together[0].valid.tolist() == [False, True, False]
    assert together[1].valid.any(axis=1).tolist() == [False, True, False]
    for one, other in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_nobody_watching_means_no_rays():
    """After a lander's verdict its beams are blank; nothing else of its readings moves."""
    watched, unwatched = (measured(sensors(), seen(near=near), 1, 0)[2] for near in (True, False))
    assert bool(watched.altimeter.valid) and not bool(unwatched.altimeter.valid)
    assert bool(watched.velocimeter.valid.any()) and not bool(unwatched.velocimeter.valid.any())
    assert bool(eqx.tree_equal(watched.imu, unwatched.imu))


def test_shared_tick_keeps_slow_work_in_real_branches():
    """Under vmap with one tick for all, the star tracker stays a `cond`; with a tick each, it becomes a select."""
    parts, seeds = sensors(), jnp.arange(8)

    def lander(seed, altitude_m, tick):
        stream = stream_of_seed(seed)
        return parts.measure(parts.init(stream), seen(altitude_m), stream, tick)[1]

    def conds(tick_axis, tick) -> int:
        batched = jax.vmap(lambda seed, altitude_m, tick: lander(seed, altitude_m, tick).star_tracker, in_axes=(0, 0, tick_axis))
        return str(jax.make_jaxpr(batched)(seeds, jnp.full(8, 3e3), tick)).count("= cond[")

    # Two more, for the gathering of the rows that the two ranging units need.
    assert conds(None, jnp.asarray(5)) == 3
    assert conds(0, jnp.full(8, 5)) == 2


def test_switches_latch_and_a_failed_one_never_closes():
    switches = TouchdownSwitches(jnp.asarray([0.0, 0.0, 1.0, 0.0]))
    state = switches.init(stream_of_seed(1))
    touching = eqx.tree_at(lambda s: s.pads_touching, seen(), jnp.asarray([False, True, True, False]))
    lifted = eqx.tree_at(lambda s: s.pads_touching, seen(), jnp.zeros(4, dtype=bool))
    state, first = switches.measure(state, touching, stream_of_seed(1), 0)
    _, second = switches.measure(state, lifted, stream_of_seed(1), 1)
    assert first.tolist() == second.tolist() == [False, True, False, False]


def test_clock_runs_off_from_when_it_was_set():
    clock = Clock(t_set_s=400.0, offset_sigma_s=1e-3, drift_sigma=1e-7)
    state = clock.init(stream_of_seed(2))
    _, clock_s = clock.measure(state, seen(), stream_of_seed(2), 0)
    assert float(clock_s) == pytest.approx(1000.0 + float(state.offset_s) + 600.0 * float(state.drift), abs=1e-12)
    assert 0.0 < abs(float(state.offset_s)) < 5e-3


def test_gauge_is_never_negative():
    gauge = PropellantGauge(bias_sigma_kg=50.0, noise_sigma_kg=5.0)
    empty = eqx.tree_at(lambda s: s.propellant_kg, seen(), 0.0)

    def reading(seed):
        stream = stream_of_seed(seed)
        return gauge.measure(gauge.init(stream), empty, stream.at(1), 1)[1]

    readings = np.asarray(jax.vmap(reading)(jnp.arange(64)))
    assert readings.min() == 0.0
    assert readings.max() > 0.0


def test_a_lander_without_a_velocimeter_hears_no_beams():
    units = eqx.tree_at(lambda s: s.velocimeter, sensors(), None)
    stream = stream_of_seed(jnp.asarray(3)).named("sensors")
    _, readings = units.measure(units.init(stream), seen(), stream, jnp.asarray(5))
    assert readings.velocimeter.valid.shape == readings.velocimeter.closing_speed_m_s.shape == (0,)
    assert bool(readings.altimeter.valid)
