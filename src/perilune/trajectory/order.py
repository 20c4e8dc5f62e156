"""What the flight-dynamics desk is asked for: places, dates, orbits and engines, in SI and radians."""

from typing import NamedTuple

import jax.numpy as jnp

from perilune.moon.time import Epoch
from perilune.trajectory.legs import Engine


class Thruster(NamedTuple):
    """An engine, or several that burn together, by name."""

    name: str
    thrust_n: float
    isp_s: float

    def engine(self) -> Engine:
        return Engine(jnp.asarray(float(self.thrust_n)), jnp.asarray(float(self.isp_s)))


class Launch(NamedTuple):
    """The parking orbit and the stage that leaves it; `injection` is the middle of its burn."""

    injection: Epoch
    parking_altitude_m: float
    parking_inclination_rad: float
    stage: Thruster
    stage_mass_kg: float  # at ignition, spacecraft included


class Arrival(NamedTuple):
    """The orbit about the Moon, the engines that enter it and when; without a time the cheapest flight is taken."""

    periapsis_altitude_m: float
    apoapsis_altitude_m: float
    inclination_rad: float
    engines: tuple[Thruster, ...]
    later_s: tuple[float, ...] = ()  # how long the second and later engines burn
    ignition: Epoch | None = None


class Corrections(NamedTuple):
    """Mid-course corrections and what they are sized for: one standard deviation of each component, assumed."""

    epochs: tuple[Epoch, ...]
    position_sigma_m: float
    velocity_sigma_m_s: float
    execution_share: float  # of a correction, left over as an error of velocity in each axis


class Lowering(NamedTuple):
    """A burn about the Moon, at the apsis nearest to a time, that brings the other apsis to a height."""

    epoch: Epoch
    at_periapsis: bool
    altitude_m: float
    engine: Thruster


class Descent(NamedTuple):
    """The site, the orbit to ignite in, and what the braking takes."""

    latitude_rad: float
    longitude_rad: float
    elevation_m: float
    periapsis_altitude_m: float
    apoapsis_altitude_m: float
    arc_rad: float
    braking_s: float
    delta_v_m_s: float
    isp_s: float
    trim: Epoch
    descent_burn: Epoch | None  # None: half an orbit before braking
    earliest: Epoch
    latest: Epoch
    southbound: bool | None = None


class MissionOrder(NamedTuple):
    """One flight to the Moon."""

    name: str
    mass_kg: float  # spacecraft at separation
    dry_mass_kg: float
    launch: Launch
    arrival: Arrival
    small_engine: Thruster  # corrections, trim, descent orbit
    corrections: Corrections | None = None
    descent: Descent | None = None
    lowering: tuple[Lowering, ...] = ()
