"""Constants, each with its unit in the name and its source beside it."""

# NAIF kernel gm_de440.tpc (Park et al. 2021, DE440): GM of the Moon, the Earth and the Sun.
GM_MOON_M3_S2 = 4902.800118457549e9
GM_EARTH_M3_S2 = 398600.4355070226e9
GM_SUN_M3_S2 = 132712440041.27942e9

# Mean lunar radius to which LOLA elevations refer (PDS label of LDEM_4: 1737.4 km).
RADIUS_MOON_M = 1_737_400.0

# Equatorial radius of the Earth and of the Sun, for pointing exclusion and eclipse (IAU WGCCRE 2015, pck00011.tpc).
RADIUS_EARTH_M = 6_378_136.6
RADIUS_SUN_M = 695_700_000.0

# Standard gravity, exact by definition (BIPM, 3rd CGPM 1901); it turns Isp into exhaust speed.
G0_M_S2 = 9.80665

# Sidereal rotation rate of the Moon: 13.17635815 deg/day (IAU WGCCRE 2015, pck00011.tpc).
MOON_SPIN_RAD_S = 2.6616994576329732e-06

# SI: speed of light, exact; astronomical unit, exact (IAU 2012 B2).
SPEED_OF_LIGHT_M_S = 299_792_458.0
ASTRONOMICAL_UNIT_M = 149_597_870_700.0

ARCSEC_RAD = 4.84813681109536e-06
