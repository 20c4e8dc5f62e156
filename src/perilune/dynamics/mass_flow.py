"""Propellant: what thrust costs.

**Model.** Exhaust speed Isp x g0, constant while a burn lasts; mass flow is thrust over exhaust speed.
**Invalid when** Isp is zero or mass is not positive.
**Neglects** propellant lost without thrust (chill-down, leaks) and relativity.
**Reference.** Sutton & Biblarz, Rocket Propulsion Elements, chapter 2.
"""

import jax.numpy as jnp

from perilune.constants import G0_M_S2
from perilune.types import Scalar


def mass_rate_kg_s(thrust_n: Scalar, isp_s: Scalar, g0_m_s2: Scalar = G0_M_S2) -> Scalar:
    """Rate of the lander's mass [kg/s]: negative while thrust acts."""
    return -thrust_n / (isp_s * g0_m_s2)


def delta_v_m_s(mass_start_kg: Scalar, mass_end_kg: Scalar, isp_s: Scalar, g0_m_s2: Scalar = G0_M_S2) -> Scalar:
    """What burning from one mass to another gives without gravity [m/s]."""
    return isp_s * g0_m_s2 * jnp.log(mass_start_kg / mass_end_kg)


def mass_after_kg(mass_start_kg: Scalar, delta_v_wanted_m_s: Scalar, isp_s: Scalar, g0_m_s2: Scalar = G0_M_S2) -> Scalar:
    """Mass left after a change of speed without gravity [kg]."""
    return mass_start_kg * jnp.exp(-delta_v_wanted_m_s / (isp_s * g0_m_s2))


def burn_time_s(mass_start_kg: Scalar, delta_v_wanted_m_s: Scalar, thrust_n: Scalar, isp_s: Scalar) -> Scalar:
    """Seconds that a burn of constant thrust takes for a change of speed, without gravity."""
    spent_kg = mass_start_kg - mass_after_kg(mass_start_kg, delta_v_wanted_m_s, isp_s)
    return -spent_kg / mass_rate_kg_s(thrust_n, isp_s)
