"""Do the errors of each unit have the size, the axes and the independence that it states?"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import ARCSEC_RAD, RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import Vec3, any_normal_to, vec3, zero_vec3
from perilune.wire.commands import DevicesOn
from perilune.world.kinematics import Kinematics
from perilune.world.sensors.altimeter import Altimeter
from perilune.world.sensors.beam import cone_beams
from perilune.world.sensors.clock import Clock
from perilune.world.sensors.gauge import PropellantGauge
from perilune.world.sensors.imu import InertialTriad
from perilune.world.sensors.sensor import Increments, Seen
from perilune.world.sensors.star_tracker import StarTracker
from perilune.world.sensors.velocimeter import Velocimeter

COUNT = 20_000
# Standard errors of a mean are 1 / sqrt(n) and of a standard deviation 1 / sqrt(2 n), in sigma; 4.5 of them, for some 60 comparisons.
MEAN_LIMIT = 4.5 / math.sqrt(COUNT)
SPREAD_LIMIT = 4.5 / math.sqrt(2.0 * COUNT)
DOWN = vec3((0.0, 0.0, -1.0))
RANGE_M = 2000.0
V_M_S = (12.0, -7.0, -30.0)


class Hit(eqx.Module):
    range_m: jax.Array
    cos_incidence: jax.Array
    hit: jax.Array


class Sphere(eqx.Module):
    """The bare sphere, in closed form."""

    def raycast(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> Hit:
        toward_m = -r_lfme_m.dot(direction_lfme)
        square_m2 = toward_m**2 - r_lfme_m.norm_squared() + RADIUS_MOON_M**2
        range_m = toward_m - jnp.sqrt(jnp.maximum(square_m2, 0.0))
        met = r_lfme_m + direction_lfme * range_m
        return Hit(range_m, -met.unit().dot(direction_lfme), (square_m2 > 0.0) & (range_m > 0.0))


def seen() -> Seen:
    r_m, still, on = vec3((0.0, 0.0, RADIUS_MOON_M + RANGE_M)), zero_vec3(), jnp.asarray(True)
    upright = from_rotation_vector(zero_vec3(), "lfme", "body")
    q_lci_body = from_rotation_vector(vec3((0.3, -0.5, 0.7)), "lci", "body")
    sun, earth = vec3((1.0, 0.0, 0.0)), vec3((0.0, 1.0, 0.0))
    truth = Kinematics(r_m, still, q_lci_body, still, still, r_m, vec3(V_M_S), upright, sun, earth)
    increments = Increments(still, still, 0.1)
    return Seen(truth, increments, Sphere(), jnp.zeros(4, dtype=bool), 100.0, 0.0, DevicesOn(on, on, on), on)


def over_ticks(reading):
    """`reading(stream)` for many ticks of one flight."""
    return jax.jit(jax.vmap(lambda tick: reading(stream_of_seed(5).named("unit").at(tick))))(jnp.arange(COUNT))


def over_flights(draw):
    return jax.jit(jax.vmap(lambda seed: draw(stream_of_seed(seed).named("unit"))))(jnp.arange(COUNT))


def is_standard_normal(values) -> None:
    values = np.asarray(values)
    assert abs(values.mean()) < MEAN_LIMIT
    assert values.std() == pytest.approx(1.0, abs=SPREAD_LIMIT)


def test_star_tracker_errs_little_across_and_more_about_its_boresight():
    boresight, sigma_across_rad, sigma_about_rad = vec3((0.6, 0.0, 0.8)), 10.0 * ARCSEC_RAD, 60.0 * ARCSEC_RAD
    tracker = StarTracker(boresight, sigma_across_rad, sigma_about_rad, 0.0, 0.035, 0.52, 0.17, 5)
    scene, state = seen(), tracker.init(stream_of_seed(1))
    q_body_lci = scene.truth.q_lci_body.inverse()

    across = any_normal_to(boresight)

    def parts_in_sigmas(stream):
        q_meas = tracker._reading(state, scene.truth, stream).q_lci_body
        error_rad = (q_body_lci @ q_meas).rotation_vector_rad()
        aside_rad = error_rad.dot(across), error_rad.dot(boresight.cross(across))
        return aside_rad[0] / sigma_across_rad, aside_rad[1] / sigma_across_rad, error_rad.dot(boresight) / sigma_about_rad

    parts = over_ticks(parts_in_sigmas)
    for part in parts:
        is_standard_normal(part)
    correlation = np.corrcoef(np.asarray(parts)) - np.eye(3)
    assert np.abs(correlation).max() < MEAN_LIMIT


def test_altimeter_noise_grows_with_range_as_stated():
    unit = Altimeter(zero_vec3(), DOWN, (DOWN,), 1.0, 30e3, 0.87, 0.0, 0.0, 0.0, 5.0, 0.003, 0.0, 5)
    readings = over_ticks(lambda stream: unit._reading(unit.init(stream_of_seed(1)), seen(), stream))
    assert bool(jnp.all(readings.valid))
    is_standard_normal((readings.range_m - RANGE_M) / (5.0 + 0.003 * RANGE_M))


def test_altimeter_bias_and_scale_are_the_flights_own():
    unit = Altimeter(zero_vec3(), DOWN, (DOWN,), 1.0, 30e3, 0.87, 2.0, 1e-3, 0.0, 0.0, 0.0, 0.0, 5)
    states = over_flights(unit.init)
    is_standard_normal(states.bias_m / 2.0)
    is_standard_normal(states.scale / 1e-3)
    stream = stream_of_seed(9)
    readings = [unit._reading(unit.init(stream), seen(), stream.at(k)).range_m for k in (0, 1)]
    assert float(readings[0]) == float(readings[1]) != RANGE_M


def test_velocimeter_noise_is_of_its_size_on_each_beam_alone():
    beams = cone_beams(DOWN, math.radians(20.0), 4)
    unit = Velocimeter(zero_vec3(), beams, 1.0, 5e3, 1.0, 0.1, 0.005, 0.0, 1.0, 0.005, 0.0, 0.0, 0.0, 1)
    state, scene = unit.init(stream_of_seed(1)), seen()
    readings = over_ticks(lambda stream: unit._reading(state, scene, stream))
    closing_m_s = np.asarray([float(vec3(V_M_S).dot(beam)) for beam in beams])
    ranges_m = np.asarray([float(Sphere().raycast(scene.truth.r_lfme_m, beam).range_m) for beam in beams])
    speed = (np.asarray(readings.closing_speed_m_s) - closing_m_s) / (0.1 + 0.005 * np.abs(closing_m_s))
    reach = (np.asarray(readings.range_m) - ranges_m) / (1.0 + 0.005 * ranges_m)
    columns = np.concatenate([speed, reach], axis=1).T
    for column in columns:
        is_standard_normal(column)
    assert np.abs(np.corrcoef(columns) - np.eye(8)).max() < MEAN_LIMIT


def test_velocimeter_scale_is_the_flights_own():
    unit = Velocimeter(zero_vec3(), cone_beams(DOWN, 0.35, 4), 1.0, 5e3, 1.0, 0.0, 0.0, 2e-3, 0.0, 0.0, 3e-3, 1e-3, 0.0, 1)
    states = over_flights(unit.init)
    for k in range(4):
        is_standard_normal(states.speed_scale[:, k] / 2e-3)
        is_standard_normal(states.range_scale[:, k] / 3e-3)
    is_standard_normal(states.mount_body_rad.x / 1e-3)


def test_inertial_constants_have_their_sizes():
    triad = InertialTriad(4.9e-4, 1e-4, 1e-3, 1e-4, 1e-4, 49.0)
    states = over_flights(triad.init)
    for drawn, sigma in (
        (states.bias_per_s, 4.9e-4),
        (states.scale, 1e-4),
        (states.tilt_next_rad, 1e-3),
        (states.tilt_last_rad, 1e-3),
    ):
        for component in (drawn.x, drawn.y, drawn.z):
            is_standard_normal(np.asarray(component) / sigma)


def test_clock_and_gauge_have_their_sizes():
    clocks = over_flights(Clock(0.0, 1e-3, 1e-7).init)
    is_standard_normal(clocks.offset_s / 1e-3)
    is_standard_normal(clocks.drift / 1e-7)
    gauge = PropellantGauge(5.0, 0.5)
    is_standard_normal(over_flights(gauge.init).bias_kg / 5.0)
    state = gauge.init(stream_of_seed(1))
    readings_kg = over_ticks(lambda stream: gauge.measure(state, seen(), stream, 0)[1])
    is_standard_normal((readings_kg - 100.0 - state.bias_kg) / 0.5)
