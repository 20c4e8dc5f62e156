"""What the steps of a plan share: the order, its clock, the forces; and what is refused before anything is computed."""

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import G0_M_S2, GM_EARTH_M3_S2, RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar, EarthFigure
from perilune.moon.earth import load_earth_orientation
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import Selenographic
from perilune.moon.gravity import SphericalHarmonicField
from perilune.moon.time import DAY_S, Epoch
from perilune.trajectory.flightpath import PlannedBurn, moment
from perilune.trajectory.lunar_orbit import Landing
from perilune.trajectory.order import Descent, Launch, MissionOrder
from perilune.trajectory.refusal import BudgetError, OrderError, TransferError
from perilune.trajectory.transfer import plane_normals
from perilune.trajectory.windows import FLIGHT_MAX_S, OrbitPair

# What the ephemeris covers before the injection and after the last event.
BEFORE_S, AFTER_S = 0.25 * DAY_S, 1.0 * DAY_S
EPHEMERIS_STEP_S = 20.0 * DAY_S
# The longest injection burn, in turns of the parking orbit.
TURNS_MAX = 2.0


class Desk(NamedTuple):
    """What all steps of a plan share. Times count from `epoch`."""

    order: MissionOrder
    epoch: Epoch
    forces: Cislunar
    site: tuple[Descent, Landing] | None
    arriving_kg: float  # at the Moon, corrections made

    def seconds(self, epoch: Epoch) -> jax.Array:
        return jnp.asarray(epoch.seconds_since(self.epoch))


def opened(order: MissionOrder, field: SphericalHarmonicField, earth_field: SphericalHarmonicField | None) -> Desk:
    """Refuses what no flight can mend, and loads the ephemeris."""
    _refuse_disorder(order)
    site = None if order.descent is None else (order.descent, landing_of(order))
    epoch = order.launch.injection.after(-BEFORE_S)
    last_epoch = order.launch.injection.after(FLIGHT_MAX_S)
    ends = [row.epoch for row in order.lowering] + ([] if order.descent is None else [order.descent.latest])
    for each in (order.arrival.ignition, *ends):
        last_epoch = last_epoch if each is None else max(last_epoch, each)
    # One of few lengths, so that missions of about a length share their compiled programs.
    span_s = EPHEMERIS_STEP_S * 2.0 ** max(0, math.ceil(math.log2((last_epoch.seconds_since(epoch) + AFTER_S) / EPHEMERIS_STEP_S)))
    figure = None if earth_field is None else EarthFigure(load_earth_orientation(epoch, span_s), earth_field)
    return Desk(order, epoch, Cislunar(load_ephemeris(epoch, span_s), field, figure), site, order.mass_kg)


def _refuse_disorder(order: MissionOrder) -> None:
    """OrderError unless the events that have a date follow one another."""
    events = [("the injection", order.launch.injection)]
    if order.corrections is not None:
        events += [(f"correction {number}", epoch) for number, epoch in enumerate(order.corrections.epochs, start=1)]
    if order.arrival.ignition is not None:
        events.append(("the insertion", order.arrival.ignition))
    events += [(f"lowering {number}", row.epoch) for number, row in enumerate(order.lowering, start=1)]
    if order.descent is not None:
        events.append(("the trim", order.descent.trim))
        events += [] if order.descent.descent_burn is None else [("the descent-orbit burn", order.descent.descent_burn)]
        events.append(("the end of the time to land", order.descent.latest))
    for (before, earlier), (after, later) in itertools.pairwise(events):
        if not earlier < later:
            raise OrderError(f"{after} at {moment(later)} does not come after {before} at {moment(earlier)}; give them in order")
    if order.descent is not None and not order.descent.earliest < order.descent.latest:
        ends = f"from {moment(order.descent.earliest)} to {moment(order.descent.latest)}"
        raise OrderError(f"the time to land, {ends}, ends before it begins; give the earlier date first")


def landing_of(order: MissionOrder) -> Landing:
    """What the descent asks of the orbit. TransferError if no plane of that inclination holds the site."""
    descent = order.descent
    if descent is None:
        raise OrderError("no landing is wanted")
    site = Selenographic(jnp.asarray(descent.latitude_rad), jnp.asarray(descent.longitude_rad), jnp.asarray(descent.elevation_m))
    towards = site.direction_lfme()
    plane_normals(np.asarray(towards.array()), np.array([0.0, 0.0, 1.0]), order.arrival.inclination_rad, "the landing site")
    numbers = (
        descent.arc_rad,
        descent.braking_s,
        RADIUS_MOON_M + descent.periapsis_altitude_m,
        RADIUS_MOON_M + descent.apoapsis_altitude_m,
    )
    return Landing(towards, *(jnp.asarray(float(number)) for number in numbers))


def radii(order: MissionOrder) -> OrbitPair:
    """Parking orbit and the orbit about the Moon, by radii."""
    arrival, launch = order.arrival, order.launch
    return OrbitPair(
        RADIUS_EARTH_M + launch.parking_altitude_m,
        launch.parking_inclination_rad,
        RADIUS_MOON_M + arrival.periapsis_altitude_m,
        RADIUS_MOON_M + arrival.apoapsis_altitude_m,
    )


def budget(order: MissionOrder, burns: list[PlannedBurn]) -> float | None:
    """Mass after the descent, if one is wanted. BudgetError if it is less than the empty lander."""
    after_kg = burns[-1].mass_after_kg
    landed_kg = after_kg
    if order.descent is not None:
        landed_kg = after_kg * math.exp(-order.descent.delta_v_m_s / (order.descent.isp_s * G0_M_S2))
    if landed_kg < order.dry_mass_kg:
        raise BudgetError(
            f"too little propellant: {order.mass_kg - order.dry_mass_kg:.0f} kg on board; the burns to the descent take "
            f"{order.mass_kg - after_kg:.0f} kg and the descent {after_kg - landed_kg:.0f} kg, "
            f"{order.dry_mass_kg - landed_kg:.0f} kg more than there is; fly lighter, burn better or choose a higher orbit"
        )
    return None if order.descent is None else landed_kg


def refuse_stage(launch: Launch, spacecraft_kg: float, injection_m_s: float) -> None:
    """BudgetError for a stage that cannot take the spacecraft with it; TransferError for one that takes too long."""
    exhaust_m_s = launch.stage.isp_s * G0_M_S2
    left_kg = launch.stage_mass_kg * math.exp(-injection_m_s / exhaust_m_s)
    if left_kg < spacecraft_kg:
        raise BudgetError(
            f"{launch.stage.name}, {launch.stage_mass_kg:,.0f} kg at ignition, is left with {left_kg:,.0f} kg after an injection of "
            f"{injection_m_s:,.0f} m/s: less than the spacecraft, {spacecraft_kg:,.0f} kg; give it more propellant or a better engine"
        )
    burn_s = (launch.stage_mass_kg - left_kg) * exhaust_m_s / launch.stage.thrust_n
    turn_s = 2.0 * math.pi * math.sqrt((RADIUS_EARTH_M + launch.parking_altitude_m) ** 3 / GM_EARTH_M3_S2)
    if burn_s > TURNS_MAX * turn_s:
        raise TransferError(
            f"{launch.stage.name} takes {burn_s / 3600.0:,.1f} h to leave the parking orbit, {burn_s / turn_s:,.1f} turns about the Earth; "
            f"the desk plans one burn of at most {TURNS_MAX:g} turns: use a stronger stage"
        )
