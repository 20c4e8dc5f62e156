"""Stand-ins for what only a landing needs: the tick is one program, and has a place for it in every spacecraft.

An orbiter has no legs, no unit that looks at the ground, and no mode of a descent. Here the lower edge of its hull stands for legs, its units
for the ground hear nothing, and nothing ever arms its descent. The Moon below it is a sphere: a coast that meets it ends there.
"""

import math

import jax.numpy as jnp

from perilune.fsw.guidance.approach import ApproachGuidance
from perilune.fsw.guidance.braking import BrakingGuidance
from perilune.fsw.guidance.guidance import Guidance
from perilune.fsw.guidance.vertical import VerticalGuidance
from perilune.fsw.navigation import belief
from perilune.fsw.navigation.gate import GatePolicy
from perilune.math.vector import vec3, zero_vec3
from perilune.moon.frames import Selenographic, SiteFrame, site_frame
from perilune.moon.terrain import spherical_terrain
from perilune.scenario.build_control import thrust_in
from perilune.scenario.build_descent import COS_INCIDENCE_MIN, NO_VELOCIMETER, Descent, Modes, Relief
from perilune.scenario.build_world import Landing
from perilune.scenario.schema import MissionFile
from perilune.world.landing_gear import GearNumbers, LandingGear, bell_and_roof, gear_from_numbers
from perilune.world.sensors.altimeter import Altimeter
from perilune.world.sensors.touchdown import TouchdownSwitches

# Places and directions must be something.
DOWN, CORNERS = (0.0, 0.0, -1.0), 3
# A unit that is never due costs nothing.
NEVER_TICKS = 2**30
RANGED = (
    "range_min_m",
    "range_max_m",
    "incidence_max_rad",
    "bias_sigma_m",
    "scale_sigma",
    "mount_sigma_rad",
    "noise_floor_m",
    "noise_slope",
)
NEVER = GatePolicy(threshold_sigmas=0.0, innovation_limit=0.0, readmit_after=math.inf, give_up_after=math.inf)
# Smooth ground, as the filter takes it: it has no reading of it.
SMOOTH = Relief(terrain_sigma_m=1000.0, slope_sigma=0.1, slope_correlation_m=2000.0, small_relief_m=10.0, small_slope=0.1)


def _site() -> SiteFrame:
    """The middle of the near side, from which nothing is counted."""
    return site_frame(Selenographic(jnp.asarray(0.0), jnp.asarray(0.0), jnp.asarray(0.0)))


def no_landing(file: MissionFile) -> Landing:
    """Of the world."""
    zero = jnp.asarray(0.0)
    never = {"dropout_probability": jnp.asarray(1.0), "period_ticks": jnp.asarray(NEVER_TICKS)}
    return Landing(
        site=_site(),
        gear=_hull(file),
        terrain=spherical_terrain(),
        altimeter=Altimeter(zero_vec3(), vec3(DOWN), (vec3(DOWN),), **dict.fromkeys(RANGED, zero), **never),
        velocimeter=None,
        touchdown=TouchdownSwitches(jnp.ones(CORNERS)),
    )


def _hull(file: MissionFile) -> LandingGear:
    hull, mass_kg = file.vehicle.hull, float(file.vehicle.mass_dry_kg)
    numbers = GearNumbers(float(hull.radius_m), 10.0 * mass_kg, 0.1, mass_kg, 0.5, 0.01, n_legs=CORNERS)
    return gear_from_numbers(numbers, bell_and_roof(float(hull.base_m), float(hull.radius_m), float(hull.top_m)))


def no_descent(file: MissionFile) -> Descent:
    """Of flight software."""
    thrust_n, exhaust_m_s = thrust_in(file, "burn")
    guidance = Guidance(
        braking=BrakingGuidance(*(jnp.asarray(number) for number in (1.7e6, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0))),
        approach=ApproachGuidance(6.0, 100.0, -1.0, 1.6, 1.0, 0.5),
        vertical=VerticalGuidance(1.0, 10.0, 0.3, 10.0, 0.5, 0.3, 0.3, 0.1),
        approach_wanted=False,
        braking_exhaust_m_s=exhaust_m_s,
        approach_thrust_n=thrust_n,
        approach_least_share=0.0,
        vertical_thrust_n=thrust_n,
        terrain_correlation_m=1e4,
    )
    return Descent(
        site=_site(),
        elevation_m=0.0,
        guidance=guidance,
        braking=(thrust_n, exhaust_m_s),
        altimeter=belief.AltimeterBelief(vec3(DOWN), zero_vec3(), 1.0, 0.0, COS_INCIDENCE_MIN),
        velocimeter=NO_VELOCIMETER,
        gates=(NEVER, NEVER),
        relief=SMOOTH,
        modes=Modes(1.0, 0.1, False, 100.0, 1.0),
        gate_downrange_m=0.0,
    )
