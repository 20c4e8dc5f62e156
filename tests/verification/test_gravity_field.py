"""The field against closed forms, its own potential, and an independent sum of associated Legendre functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lpmv

from perilune.math.vector import vec3
from perilune.moon.gravity import SphericalHarmonicField, field_of, point_mass_accel_m_s2
from perilune.moon.gravity_files import HarmonicCoefficients, normalisation
from perilune.moon.harmonics import UNROLLED_DEGREE_MAX, harmonic_sums
from perilune.moon.lunar_field import lunar_field

# Both sides are sums of some hundred terms in float64; the gradient is autodiff's, exact but for rounding.
GRADIENT_LIMIT = 1e-12
# The perturbation is a thousandth of the whole and sums terms of both signs.
PERTURBATION_LIMIT = 1e-11
CLOSED_FORM_LIMIT = 1e-13
KAULA_RMS = 2.5e-4  # Lunar degree variance: normalised coefficients of degree n have an rms of about this over n^2.

LUNAR = field_of(lunar_field())
# Enough for every branch of the unrolled sums, and second derivatives of it compile fast.
LOW = LUNAR.truncated(5)
RNG = np.random.default_rng(3)
PLACES_M = RNG.normal(size=(6, 3))
PLACES_M *= (1.74e6 + 1e6 * RNG.uniform(size=6) ** 2)[:, None] / np.linalg.norm(PLACES_M, axis=1)[:, None]
PLACES_M[0] = (0.0, 0.0, -1.75e6)


def kaula_field(degree: int) -> SphericalHarmonicField:
    """Random coefficients with the size of the Moon's."""
    rng = np.random.default_rng(degree)
    n = np.maximum(np.arange(degree + 1.0), 1.0)[:, None]
    c, s = (np.tril(rng.normal(size=(degree + 1, degree + 1))) * KAULA_RMS / n**2 for _ in range(2))
    c[:2], s[:2], s[:, 0], c[0, 0] = 0.0, 0.0, 0.0, 1.0
    return field_of(HarmonicCoefficients("random", 4.9e12, 1.738e6, c, s))


def relative(found, expected):
    return float(jnp.max(jnp.linalg.norm(found - expected, axis=-1) / jnp.linalg.norm(expected, axis=-1)))


@pytest.mark.parametrize("field", [LUNAR, kaula_field(40)], ids=["degree 10, unrolled", "degree 40, scanned"])
def test_acceleration_is_the_gradient_of_the_potential(field):
    def both(r_m):
        gradient = jax.grad(lambda at: field.potential_m2_s2(vec3(at)))(r_m)
        return field.accel_lfpa_m_s2(vec3(r_m)).array(), gradient

    accel, gradient = jax.jit(jax.vmap(both))(jnp.asarray(PLACES_M))
    assert relative(accel, gradient) < GRADIENT_LIMIT


def test_perturbation_is_the_gradient_of_its_own_potential():
    def both(r_m):
        gradient = jax.grad(lambda at: LOW.potential_m2_s2(vec3(at)) - LOW.gm_m3_s2 / vec3(at).norm())(r_m)
        return LOW.perturbation_accel_lfpa_m_s2(vec3(r_m)).array(), gradient

    accel, gradient = jax.jit(jax.vmap(both))(jnp.asarray(PLACES_M))
    assert relative(accel, gradient) < PERTURBATION_LIMIT


def test_no_mass_outside_the_moon():
    """Laplace's equation: the trace of the gravity gradient vanishes."""

    def gradient(r_m):
        return jax.jacfwd(lambda at: LOW.perturbation_accel_lfpa_m_s2(vec3(at)).array())(r_m)

    gradients = jax.jit(jax.vmap(gradient))(jnp.asarray(PLACES_M))
    size = jnp.linalg.norm(gradients, axis=(1, 2))
    assert jnp.all(jnp.abs(jnp.trace(gradients, axis1=1, axis2=2)) < PERTURBATION_LIMIT * size)
    assert jnp.all(jnp.abs(gradients - jnp.swapaxes(gradients, 1, 2)) < PERTURBATION_LIMIT * size[:, None, None])


@pytest.mark.parametrize("degree", [10, 24])
def test_potential_is_the_textbook_sum(degree):
    field = kaula_field(degree)
    found = jax.jit(jax.vmap(lambda r_m: field.potential_m2_s2(vec3(r_m)) * vec3(r_m).norm() / field.gm_m3_s2 - 1.0))(jnp.asarray(PLACES_M))
    for place_m, value in zip(PLACES_M, found, strict=True):
        # The found value is a small difference from 1: its own rounding is that of 1.
        assert value == pytest.approx(legendre_sum(field, place_m), rel=1e-11, abs=1e-15)


def legendre_sum(field, r_m):
    radius_m = np.linalg.norm(r_m)
    sine, longitude = r_m[2] / radius_m, np.arctan2(r_m[1], r_m[0])
    total = 0.0
    for n in range(1, field.degree + 1):
        for m in range(n + 1):
            # SciPy's functions carry the Condon-Shortley sign; geodesy's do not.
            legendre = (-1) ** m * lpmv(m, n, sine) * normalisation(n, m)
            trigonometric = field.c[n, m] * np.cos(m * longitude) + field.s[n, m] * np.sin(m * longitude)
            total += float((field.radius_m / radius_m) ** n * legendre * trigonometric)
    return total


def test_both_evaluations_give_the_same_sums(monkeypatch):
    field = kaula_field(UNROLLED_DEGREE_MAX)
    sums = {}
    for evaluation, degree_max in (("unrolled", UNROLLED_DEGREE_MAX), ("scanned", 0)):
        monkeypatch.setattr("perilune.moon.harmonics.UNROLLED_DEGREE_MAX", degree_max)
        evaluate = jax.jit(lambda direction, rho: harmonic_sums(direction, rho, field.c, field.s, 1))
        sums[evaluation] = jax.tree.leaves(evaluate(vec3((0.48, -0.6, 0.64)), jnp.asarray(0.97)))
    np.testing.assert_allclose(sums["unrolled"], sums["scanned"], rtol=1e-11)


def test_degree_zero_is_a_point_mass():
    r_m = vec3((1.1e6, -1.2e6, 0.9e6))
    accel = LUNAR.truncated(0).accel_lfpa_m_s2(r_m).array()
    np.testing.assert_array_equal(accel, point_mass_accel_m_s2(r_m, LUNAR.gm_m3_s2).array())


def test_oblateness_in_closed_form():
    c = np.zeros((3, 3))
    c[0, 0], c[2, 0] = 1.0, -9.09e-5
    field = field_of(HarmonicCoefficients("oblate", 4.9e12, 1.738e6, c, np.zeros((3, 3))))
    r_m = np.array([1.2e6, 0.7e6, -1.3e6])
    found = field.perturbation_accel_lfpa_m_s2(vec3(r_m)).array()
    j2, radius_m = 9.09e-5 * np.sqrt(5.0), np.linalg.norm(r_m)
    squeeze = 5.0 * (r_m[2] / radius_m) ** 2 - np.array([1.0, 1.0, 3.0])
    expected = 1.5 * j2 * 4.9e12 * 1.738e6**2 / radius_m**5 * r_m * squeeze
    assert relative(found, expected) < CLOSED_FORM_LIMIT


def test_a_turn_of_the_field_is_a_turn_of_the_place():
    """Rotation about z: C + i S of order m gains exp(i m angle) when the Moon turns by the angle."""
    angle = 0.7
    coefficients = lunar_field()
    phase = (coefficients.c + 1j * coefficients.s) * np.exp(1j * angle * np.arange(11))[None, :]
    turned = field_of(HarmonicCoefficients("turned", coefficients.gm_m3_s2, coefficients.radius_m, phase.real, phase.imag))
    spin = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    for place_m in PLACES_M[:2]:
        found = turned.perturbation_accel_lfpa_m_s2(vec3(spin @ place_m)).array()
        expected = spin @ np.asarray(LUNAR.perturbation_accel_lfpa_m_s2(vec3(place_m)).array())
        assert relative(found, expected) < PERTURBATION_LIMIT


def test_truncation_names_what_is_allowed():
    with pytest.raises(ValueError, match="ask for 0 to 10"):
        LUNAR.truncated(11)
