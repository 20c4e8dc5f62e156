"""When do altimeter and velocimeter range, and what do they read without noise?"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.constants import RADIUS_MOON_M
from perilune.math.random import stream_of_seed
from perilune.math.rotation import Rotation, from_rotation_vector
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.wire.commands import DevicesOn
from perilune.world.kinematics import Kinematics
from perilune.world.sensors.altimeter import Altimeter
from perilune.world.sensors.beam import cone_beams, footprint_rays
from perilune.world.sensors.sensor import Increments, Seen
from perilune.world.sensors.velocimeter import Velocimeter

DOWN = vec3((0.0, 0.0, -1.0))
DEGREE_RAD = math.pi / 180.0
COM_M = vec3((0.0, 0.0, 1.3))
# Positions are some 1.7e6 m in float64: 2e-10 m each, over a few operations.
RANGE_ROUNDING_M = 1e-8
SPEED_ROUNDING_M_S = 1e-11


class Hit(eqx.Module):
    range_m: jax.Array
    cos_incidence: jax.Array
    hit: jax.Array


class FlatGround(eqx.Module):
    """A plane across the pole at the height of the sphere; a miss comes with an infinite range."""

    def raycast(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> Hit:
        cosine = -direction_lfme.z
        hit = cosine > 0.0
        return Hit(jnp.where(hit, (r_lfme_m.z - RADIUS_MOON_M) / cosine, jnp.inf), cosine, hit)


def seen(altitude_m: float = 1000.0, tilt_deg: float = 0.0, v_m_s=(0.0, 0.0, 0.0), omega_rad_s=(0.0, 0.0, 0.0)) -> Seen:
    """Tilted about x; the velocity is given in lfme axes."""
    turn = vec3((tilt_deg * DEGREE_RAD, 0.0, 0.0))
    q_lfme_body: Rotation = from_rotation_vector(turn, "lfme", "body")
    r_m, still, on = vec3((0.0, 0.0, RADIUS_MOON_M + altitude_m)), zero_vec3(), jnp.asarray(True)
    truth = Kinematics(
        r_lci_m=r_m,
        v_lci_m_s=still,
        q_lci_body=q_lfme_body.relabelled("lci", "body"),
        omega_body_lci_rad_s=vec3(omega_rad_s),
        com_body_m=COM_M,
        r_lfme_m=r_m,
        v_lfme_in_lfme_m_s=vec3(v_m_s),
        q_lfme_body=q_lfme_body,
        sun_direction_lci=vec3((1.0, 0.0, 0.0)),
        earth_direction_lci=vec3((0.0, 1.0, 0.0)),
    )
    increments = Increments(still, still, 0.1)
    return Seen(truth, increments, FlatGround(), jnp.zeros(4, dtype=bool), 100.0, 0.0, DevicesOn(on, on, on), on)


def altimeter(antenna_m=(0.0, 0.0, 0.0), rays: tuple[Vec3, ...] = (DOWN,), dropout: float = 0.0) -> Altimeter:
    return Altimeter(vec3(antenna_m), DOWN, rays, 2.0, 5e3, 50.0 * DEGREE_RAD, 0.0, 0.0, 0.0, 0.0, 0.0, dropout, 2)


def velocimeter(antenna_m=(0.0, 0.0, 0.0), incidence_max_deg: float = 60.0) -> Velocimeter:
    beams = cone_beams(DOWN, 20.0 * DEGREE_RAD, 4)
    limit_rad = incidence_max_deg * DEGREE_RAD
    return Velocimeter(vec3(antenna_m), beams, 1.0, 5e3, limit_rad, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1)


def ranged(unit: Altimeter, scene: Seen, tick: int = 0):
    stream = stream_of_seed(1)
    return unit.measure(unit.init(stream), scene, stream.at(tick), tick)[1]


def doppler(unit: Velocimeter, scene: Seen):
    stream = stream_of_seed(1)
    return unit.measure(unit.init(stream), scene, stream.at(0), 0)[1]


def test_range_is_from_the_antenna_not_the_centre_of_mass():
    reading = ranged(altimeter(antenna_m=(0.4, 0.0, 0.8)), seen(1000.0))
    assert float(reading.range_m) == pytest.approx(1000.0 - 0.5, abs=RANGE_ROUNDING_M)
    assert bool(reading.valid)


def test_slant_range_of_a_tilted_beam():
    reading = ranged(altimeter(antenna_m=(0.0, 0.0, 1.3)), seen(1000.0, tilt_deg=40.0))
    assert float(reading.range_m) == pytest.approx(1000.0 / math.cos(40.0 * DEGREE_RAD), abs=RANGE_ROUNDING_M)


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (seen(6000.0), "beyond its range"),
        (seen(2.5), "below its range"),
        (seen(1000.0, tilt_deg=51.0), "beyond its incidence"),
        (seen(1000.0, tilt_deg=120.0), "looks at the sky"),
    ],
)
def test_blank_when_it_cannot_range(scene, why):
    reading = ranged(altimeter(), scene)
    assert not bool(reading.valid), why
    assert float(reading.range_m) == 0.0


@pytest.mark.parametrize(("tick", "expected"), [(0, True), (1, False), (2, True)])
def test_reads_at_its_own_rate(tick, expected):
    assert bool(ranged(altimeter(), seen(), tick).valid) is expected


def test_readings_drop_out_as_often_as_stated():
    unit, count, probability = altimeter(dropout=0.2), 4000, 0.2
    readings = jax.vmap(lambda k: unit._reading(unit.init(stream_of_seed(1)), seen(), stream_of_seed(1).at(k)))(jnp.arange(count))
    lost = count - int(jnp.sum(readings.valid))
    four_sigma = 4.0 * math.sqrt(count * probability * (1.0 - probability))
    assert abs(lost - count * probability) < four_sigma


def test_footprint_rays_have_the_second_moment_of_the_spot():
    """Mean square offset of an evenly lit disc of radius a is a^2 / 2; here a = tan of a small half angle."""
    half_rad = 0.01
    rays = footprint_rays(DOWN, half_rad, 6)
    offsets = np.asarray([[float(r.x) / -float(r.z), float(r.y) / -float(r.z)] for r in rays])
    assert (offsets**2).sum(axis=1).mean() == pytest.approx(half_rad**2 / 2.0, rel=half_rad**2)
    assert np.abs(offsets.mean(axis=0)).max() < 1e-15


def test_footprint_reads_flat_ground_without_bias_when_level():
    rays = footprint_rays(DOWN, 5.0 * DEGREE_RAD, 3)
    reading = ranged(altimeter(antenna_m=(0.0, 0.0, 1.3), rays=rays), seen(1000.0))
    assert float(reading.range_m) == pytest.approx(1000.0, abs=RANGE_ROUNDING_M)


def test_velocimeter_solves_back_to_the_velocity_of_its_antenna():
    """Least squares over the beams returns body velocity plus omega x lever."""
    antenna_m, v_m_s, omega_rad_s = (1.0, 0.5, 0.2), (12.0, -7.0, -30.0), (0.02, -0.03, 0.05)
    unit, scene = velocimeter(antenna_m), seen(1000.0, tilt_deg=15.0, v_m_s=v_m_s, omega_rad_s=omega_rad_s)
    closing = np.asarray(doppler(unit, scene).closing_speed_m_s)
    beams = np.asarray([b.array() for b in unit.beams_body])
    solved, *_ = np.linalg.lstsq(beams, closing, rcond=None)
    v_body = np.asarray((scene.truth.q_lfme_body.inverse() @ vec3(v_m_s)).array())
    lever = np.asarray(antenna_m) - np.asarray(COM_M.array())
    np.testing.assert_allclose(solved, v_body + np.cross(omega_rad_s, lever), atol=SPEED_ROUNDING_M_S)


def test_closing_speed_is_positive_toward_the_ground():
    reading = doppler(velocimeter(), seen(1000.0, v_m_s=(0.0, 0.0, -10.0)))
    np.testing.assert_allclose(reading.closing_speed_m_s, 10.0 * math.cos(20.0 * DEGREE_RAD), atol=SPEED_ROUNDING_M_S)


def test_velocimeter_loses_beam_by_beam():
    """Tilted by 30 degrees, beams meet flat ground at up to 50 degrees: only those beyond the limit go, and read zero."""
    reading = doppler(velocimeter(incidence_max_deg=45.0), seen(1000.0, tilt_deg=30.0, v_m_s=(0.0, 0.0, -10.0)))
    valid = np.asarray(reading.valid)
    assert 0 < valid.sum() < 4
    assert not np.asarray(reading.closing_speed_m_s)[~valid].any()
    assert not np.asarray(reading.range_m)[~valid].any()
    assert np.all(np.asarray(reading.range_m)[valid] > 1000.0 - 1.3)


def test_cone_beams_are_unit_vectors_at_the_cone_angle():
    axis = vec3((0.6, 0.0, -0.8))
    for beam in cone_beams(axis, 0.35, 5):
        assert float(beam.norm()) == pytest.approx(1.0, abs=1e-15)
        assert float(beam.dot(axis)) == pytest.approx(math.cos(0.35), abs=1e-15)
