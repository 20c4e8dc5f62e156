"""The slosh pendulum against its closed form and against conservation of momentum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.vector import Vec3, vec3
from perilune.world.slosh import Slosh, SloshDrive, SloshState

MASS_KG, PROPELLANT_KG, DT_S = 1300.0, 660.0, 0.025
SWING_KG = 0.2 * PROPELLANT_KG
CARRIED_KG = MASS_KG - SWING_KG
COM_M = vec3((0.0, 0.0, 1.4))
ROUNDING = 1e-11  # relative, over a thousand substeps of sums


def a_slosh(damping: float = 0.02, offset_max_m: float = 0.4) -> Slosh:
    numbers = (0.2, 0.4, 1.7, damping, 0.3, offset_max_m)
    return Slosh(*(jnp.asarray(n) for n in numbers))


def started(x_m: float, vx_m_s: float = 0.0) -> SloshState:
    return SloshState(jnp.asarray(x_m), jnp.asarray(0.0), jnp.asarray(vx_m_s), jnp.asarray(0.0))


def swung(slosh: Slosh, state: SloshState, force_body_n: Vec3, dt_s: float, count: int):
    """Offset, its rate and the body's lateral speed after each substep, body free to move."""
    drive = SloshDrive(force_body_n, vec3((0.0, 0.0, 0.0)), jnp.asarray(MASS_KG), COM_M, jnp.asarray(PROPELLANT_KG))

    def substep(carry, _):
        state, v_m_s = carry
        state, wrench = slosh.advance(state, drive, dt_s)
        v_m_s = v_m_s + (force_body_n.x + wrench.force_body_n.x) / MASS_KG * dt_s
        return (state, v_m_s), (state.x_m, state.vx_m_s, v_m_s)

    return jax.jit(lambda: jax.lax.scan(substep, (state, jnp.asarray(0.0)), None, length=count)[1])()


def closed_form(thrust_n: float, damping: float) -> tuple[float, float]:
    """Damped frequency (rad/s) and decay (1/s) of liquid and body together, both free."""
    gain = MASS_KG / CARRIED_KG
    omega = np.sqrt(thrust_n / MASS_KG / 0.4)
    decay = gain * damping * omega
    return float(np.sqrt(gain * omega**2 - decay**2)), float(decay)


@pytest.mark.parametrize("damping", [0.0, 0.02, 0.1])
def test_frequency_and_damping_of_the_coupled_pair(damping: float) -> None:
    x_m, _, _ = swung(a_slosh(damping), started(0.02), vec3((0.0, 0.0, 4750.0)), DT_S, 800)
    frequency, decay = closed_form(4750.0, damping)
    t_s = DT_S * np.arange(1, 801)
    ideal = 0.02 * np.exp(-decay * t_s) * (np.cos(frequency * t_s) + decay / frequency * np.sin(frequency * t_s))
    # Midpoint rule: phase falls behind by t * omega^3 dt^2 / 12, here 0.039 rad in 20 s (and twice that is allowed).
    allowed_m = 0.02 * 2.0 * 20.0 * frequency**3 * DT_S**2 / 12.0
    assert np.abs(np.asarray(x_m) - ideal).max() < allowed_m


def test_error_falls_with_the_square_of_the_step() -> None:
    frequency, decay = closed_form(4750.0, 0.02)
    ideal = 0.02 * np.exp(-decay * 10.0) * (np.cos(frequency * 10.0) + decay / frequency * np.sin(frequency * 10.0))
    errors = []
    for halving in (1, 2, 4, 8):
        x_m, _, _ = swung(a_slosh(), started(0.02), vec3((0.0, 0.0, 4750.0)), DT_S / halving, 400 * halving)
        errors.append(abs(float(x_m[-1]) - ideal))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.1), orders


def test_momentum_across_is_that_of_the_force() -> None:
    force = vec3((30.0, 0.0, 4750.0))
    _, rate_m_s, v_m_s = swung(a_slosh(), started(0.05, 0.1), force, DT_S, 1000)
    momentum = MASS_KG * np.asarray(v_m_s) + SWING_KG * (np.asarray(rate_m_s) - 0.1)
    np.testing.assert_allclose(momentum, 30.0 * DT_S * np.arange(1, 1001), rtol=ROUNDING, atol=1e-9)


def test_momentum_is_kept_when_the_wall_stops_the_liquid() -> None:
    x_m, rate_m_s, v_m_s = swung(a_slosh(offset_max_m=0.06), started(0.05, 0.5), vec3((0.0, 0.0, 4750.0)), DT_S, 200)
    assert np.abs(x_m).max() <= 0.06 * (1.0 + ROUNDING)
    momentum = MASS_KG * np.asarray(v_m_s) + SWING_KG * (np.asarray(rate_m_s) - 0.5)
    np.testing.assert_allclose(momentum, 0.0, atol=1e-9)


def test_liquid_loses_energy_but_never_gains_it() -> None:
    x_m, rate_m_s, v_m_s = (np.asarray(a) for a in swung(a_slosh(), started(0.1), vec3((0.0, 0.0, 4750.0)), DT_S, 1000))
    spring = SWING_KG * 4750.0 / MASS_KG / 0.4
    energy = 0.5 * CARRIED_KG * v_m_s**2 + 0.5 * SWING_KG * (rate_m_s + v_m_s) ** 2 + 0.5 * spring * x_m**2
    assert np.all(np.diff(energy) <= 1e-12 * energy[0])
    assert energy[-1] < 0.5 * energy[0]


def test_hanging_still_it_adds_only_the_moment_of_its_offset() -> None:
    slosh, force = a_slosh(damping=0.5), vec3((20.0, 0.0, 4750.0))
    drive = SloshDrive(force, vec3((0.0, 0.0, 0.0)), jnp.asarray(MASS_KG), COM_M, jnp.asarray(PROPELLANT_KG))
    hanging_m = -20.0 / 4750.0 * 0.4
    state, wrench = slosh.advance(started(hanging_m), drive, DT_S)
    np.testing.assert_allclose(state.x_m, hanging_m, rtol=1e-12)
    np.testing.assert_allclose(wrench.force_body_n.array(), 0.0, atol=1e-11)
    # The liquid's weight in the accelerated frame, off the axis by its offset: m_s * a_z * x about y.
    expected = SWING_KG * 4750.0 / MASS_KG * hanging_m
    np.testing.assert_allclose(wrench.torque_about(COM_M).array(), [0.0, expected, 0.0], rtol=1e-10, atol=1e-11)


def test_without_thrust_the_floor_holds_the_liquid() -> None:
    slosh = a_slosh()
    assert float(slosh.frequency_rad_s(0.0)) == pytest.approx(0.3)
    assert float(slosh.frequency_rad_s(-1.0)) == pytest.approx(0.3)
