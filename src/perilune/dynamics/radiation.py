"""The push of sunlight on a spacecraft: a ball, in the shadows of the Earth and the Moon.

**Model.** Pressure falls with the square of the distance from the Sun; the force points away from it.
**Error.** Real spacecraft are not balls: 10 to 30 % of a force that is 1e-7 m/s2 for 0.02 m2/kg.
**Invalid when** the area turned to the Sun changes in flight.
**Neglects** light that the Earth and the Moon reflect and radiate, and the change of area over mass as propellant is spent.
**Reference.** Montenbruck & Gill, Satellite Orbits (2000), section on solar radiation pressure; IAU 2015 resolution B3 for the irradiance.
"""

import equinox as eqx

from perilune.constants import ASTRONOMICAL_UNIT_M, RADIUS_EARTH_M, RADIUS_MOON_M, SPEED_OF_LIGHT_M_S
from perilune.math.vector import Vec3
from perilune.moon.eclipse import discs, sunlit_share
from perilune.types import Scalar

# IAU 2015 resolution B3: nominal total solar irradiance at one astronomical unit.
SOLAR_IRRADIANCE_W_M2 = 1361.0


class Cannonball(eqx.Module):
    """Area over mass, and the factor by which reflection adds to the push: 1 absorbs all, 2 sends all back."""

    area_over_mass_m2_kg: Scalar
    reflectivity: Scalar = 1.5
    irradiance_w_m2: Scalar = SOLAR_IRRADIANCE_W_M2

    def accel_m_s2(self, r_sun_m: Vec3, r_earth_m: Vec3, r_moon_m: Vec3) -> Vec3:
        """Acceleration [m/s2] from where the spacecraft sees the three centres [m]."""
        share = sunlit_share(discs(r_earth_m, r_sun_m, RADIUS_EARTH_M)) * sunlit_share(discs(r_moon_m, r_sun_m, RADIUS_MOON_M))
        square = r_sun_m.norm_squared()
        pressure_pa = self.irradiance_w_m2 / SPEED_OF_LIGHT_M_S * (ASTRONOMICAL_UNIT_M**2 / square)
        return r_sun_m.unit() * (-share * pressure_pa * self.reflectivity * self.area_over_mass_m2_kg)
