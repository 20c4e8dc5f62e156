"""Burns at the Moon against a.i. solutions' FreeFlyer and exact solutions (reports in the test suite of NASA's GMAT)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.orbit import (
    Elements,
    along_axes,
    elements_of,
    local_axes,
    period_s,
    state_of,
    time_to_anomaly_s,
    velocity_axes,
)
from perilune.dynamics.propagate import PointMass, burn_rates, coast_rates, propagated, propagated_until
from perilune.math.vector import vec3
from perilune.moon.gravity import point_mass_accel_m_s2

# GMAT and FreeFlyer differ by 1.05e-2 m; a printed angle of 1e-12 deg is 5e-8 m. Measured here: 5e-7 m.
POSITION_LIMIT_M = 1e-3
MASS_LIMIT_KG = 1e-9
# Print precision of the exact reports.
EXACT_LIMIT_M_S = 1e-9
APSIS_LIMIT_S = 1e-6

# The values that FreeFlyer used.
GM_MOON_M3_S2, G0_M_S2 = 4902.7991e9, 9.81
BURN_S, THRUST_N, ISP_S, MASS_START_KG, MASS_END_KG = 7200.0, 10.0, 300.0, 1575.0, 1550.5351681957472
START = (2737.5, 0.001, 12.85, 306.61, 314.19, 99.8877)

ALONG_X, DIAGONAL = np.array([1.0, 0.0, 0.0]), np.ones(3) / np.sqrt(3.0)


def inertial_axes(r_m, v_m_s):
    return vec3((1.0, 0.0, 0.0)), vec3((0.0, 1.0, 0.0)), vec3((0.0, 0.0, 1.0))


BURNS = {
    "along x of inertial axes": (
        ALONG_X,
        inertial_axes,
        (2643.2410554921453, 0.0497189434569114, 13.031555887177587, 306.224312407973, 322.07558225455142, 295.75195110937779),
    ),
    "along the velocity": (
        ALONG_X,
        velocity_axes,
        (2938.6144096153339, 0.0401025629133319, 12.85, 306.61, 154.59715877389030, 95.311756894367932),
    ),
    "diagonal of inertial axes": (
        DIAGONAL,
        inertial_axes,
        (2659.5021919568212, 0.0475739739323266, 12.449675668382925, 307.48104131119601, 7.2627342117667801, 243.63314955984694),
    ),
    "diagonal of local axes": (
        DIAGONAL,
        local_axes,
        (2849.9976469618264, 0.0245238532659449, 13.430565402452066, 305.48748527579090, 185.02473936845922, 70.681853402368091),
    ),
}


def state_from_degrees(a_km, e, i_deg, node_deg, argument_deg, anomaly_deg):
    angles = np.radians([i_deg, node_deg, argument_deg, anomaly_deg])
    return state_of(Elements(jnp.asarray(a_km * 1e3), jnp.asarray(e), *(jnp.asarray(angle) for angle in angles)), GM_MOON_M3_S2)


def pull_m_s2(t_s, r_lci_m):
    return point_mass_accel_m_s2(r_lci_m, GM_MOON_M3_S2)


@pytest.mark.parametrize("case", BURNS)
def test_finite_burn(case):
    direction, axes, expected = BURNS[case]

    def direction_lci(t_s, state):
        return along_axes(vec3(direction), axes(state.r_m, state.v_m_s))

    rates = burn_rates(pull_m_s2, THRUST_N, ISP_S, direction_lci, G0_M_S2)
    start = PointMass(*state_from_degrees(*START), jnp.asarray(MASS_START_KG))
    end = jax.jit(lambda at: propagated(rates, at, 0.0, BURN_S))(start)
    r_expected_m, _ = state_from_degrees(*expected)
    assert (end.r_m - r_expected_m).norm() < POSITION_LIMIT_M
    assert abs(end.mass_kg - MASS_END_KG) < MASS_LIMIT_KG


def test_impulse_in_velocity_axes():
    r_m, v_m_s = vec3((2050e3, 0.0, 0.0)), vec3((0.0, 1093.528701, 1093.528701))
    changed = v_m_s + along_axes(vec3((100.0, 100.0, 100.0)), velocity_axes(r_m, v_m_s))
    assert (changed - vec3((100.0, 1093.528701, 1234.95005723731))).norm() < EXACT_LIMIT_M_S


@pytest.mark.parametrize(("name", "anomaly_rad", "rising"), [("periapsis", 0.0, True), ("apoapsis", np.pi, False)])
def test_apsis_stops(name, anomaly_rad, rising):
    """A coast that ends where the radius is stationary ends at the exact anomaly, at the time of Kepler's equation."""
    start = PointMass(*state_from_degrees(2737.5, 0.2, 12.85, 306.61, 314.19, 220.0 if rising else 40.0), jnp.asarray(1.0))
    elements = elements_of(start.r_m, start.v_m_s, GM_MOON_M3_S2)
    latest_s = period_s(elements.semi_major_axis_m, GM_MOON_M3_S2)
    stop = jax.jit(lambda at: propagated_until(coast_rates(pull_m_s2), at, 0.0, latest_s, radial_speed_m_s, rising))
    t_s, end = stop(start)
    assert abs(t_s - time_to_anomaly_s(elements, anomaly_rad, GM_MOON_M3_S2)) < APSIS_LIMIT_S
    reached = elements_of(end.r_m, end.v_m_s, GM_MOON_M3_S2).true_anomaly_rad
    motion_rad_s = end.r_m.cross(end.v_m_s).norm() / end.r_m.norm_squared()
    assert abs(jnp.mod(reached - anomaly_rad + np.pi, 2 * np.pi) - np.pi) < APSIS_LIMIT_S * motion_rad_s


def radial_speed_m_s(t_s, state):
    return state.r_m.dot(state.v_m_s) / state.r_m.norm()
