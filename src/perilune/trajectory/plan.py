"""A whole mission, from the parking orbit to the ignition of the descent: every burn found, its cost stated, or one line why not.

**Model.** Guess by patched conics, then injection, insertion and the way to the site by differential correction under all forces. Injection
and insertion need each other - the burn decides which perilune to aim at, the arrival how fast it comes - and are found in turn until the
perilune stands still.
**Neglects** what execution and navigation get wrong: corrections are sized for it, and found when it is known (`corrections`).
"""

import functools
import itertools
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import G0_M_S2, RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar, EarthFigure
from perilune.moon.earth import load_earth_orientation
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import Selenographic
from perilune.moon.gravity import SphericalHarmonicField
from perilune.moon.time import DAY_S, Epoch
from perilune.trajectory.arcs import arcs_of, burns_of, end_of, flown_earth
from perilune.trajectory.corrections import Correction, expected_m_s
from perilune.trajectory.flightpath import Arc, MissionPlan, PlannedBurn, Reserve, moment
from perilune.trajectory.injection import IMPULSE_N, Injection, Parking, Perilune, Transfer, guesses, injection, outbound, with_burn
from perilune.trajectory.insertion import Braking, Insertion, InsertionBurn, arrival_c3_m2_s2, insertion, laid_out, solved_controls
from perilune.trajectory.legs import coast, last
from perilune.trajectory.low_energy import SHORTEST_S, low_energy, with_real_burn
from perilune.trajectory.lowering import apsis_burn, apsis_change, apsis_legs
from perilune.trajectory.lunar_orbit import (
    Approaching,
    Landing,
    OrbitBurns,
    Pass,
    approach,
    chain,
    first_guess,
    passes,
    passes_of_plane,
)
from perilune.trajectory.order import Descent, MissionOrder
from perilune.trajectory.refusal import BudgetError, CorrectionError, OrderError, PassError, TransferError
from perilune.trajectory.transfer import insertion_m_s, plane_normals
from perilune.trajectory.windows import FLIGHT_MAX_S, OrbitPair, cheapest_flight_s

# The legs of the transfer meet so long before perilune, or at this share of a short flight.
MEETING_BEFORE_S, MEETING_SHARE = 2.0 * DAY_S, 0.4
# Injection and insertion are found in turn until the perilune to aim at, and the moment of ignition, stand still to this.
SETTLED_M, SETTLED_S = 0.1, 1e-3
TURNS_MAX = 10
# A pass is predicted with a plane that stands still; the node drifts by a degree in days, which the Moon turns in two hours.
PREDICTION_S = 0.4 * DAY_S
# What the ephemeris covers before the injection and after the last event.
BEFORE_S, AFTER_S = 0.25 * DAY_S, 1.0 * DAY_S
EPHEMERIS_STEP_S = 20.0 * DAY_S


class _Desk(NamedTuple):
    """What all steps of a plan share. Times count from `epoch`."""

    order: MissionOrder
    epoch: Epoch
    forces: Cislunar
    site: tuple[Descent, Landing] | None
    arriving_kg: float  # at the Moon, corrections made

    def seconds(self, epoch: Epoch) -> jax.Array:
        return jnp.asarray(epoch.seconds_since(self.epoch))


class _Settled(NamedTuple):
    """Injection and insertion that fit together."""

    transfer: Transfer
    found: Injection
    case: Insertion
    burn: InsertionBurn


def plan_mission(order: MissionOrder, field: SphericalHarmonicField, earth_field: SphericalHarmonicField | None = None) -> MissionPlan:
    """The plan of a mission in a field of the Moon, and one of the Earth unless it is to be a point. A DeskError says in a line why there is none."""
    desk = _opened(order, field, earth_field)
    transfer, guess = _chosen(desk)
    settled = _settled(desk, transfer, injection(transfer, guess)[0])
    reserves = _reserves(desk, settled)
    if reserves:
        desk = desk._replace(arriving_kg=order.mass_kg - sum(each.propellant_kg for each in reserves))
        settled = _settled(desk, settled.transfer, settled.found, settled.burn)
    arcs, burns = _flown_to_orbit(desk, settled)
    over, ignition_s = None, None
    more, more_burns = _lowered(desk, arcs[-1])
    arcs, burns = arcs + more, burns + more_burns
    if desk.site is not None:
        over, ignition_s, more, more_burns = _flown_to_ignition(desk, desk.site, arcs[-1])
        arcs, burns = arcs + more, burns + more_burns
    left_kg = budget(order, burns)
    c3 = arrival_c3_m2_s2(desk.forces, settled.transfer.perilune, settled.found)
    return MissionPlan(
        order=order,
        epoch=desk.epoch,
        forces=desk.forces,
        burns=tuple(burns),
        reserves=reserves,
        arcs=tuple(arcs),
        perilune_s=float(settled.transfer.perilune.t_s),
        perilune_altitude_m=settled.burn.perilune_m - RADIUS_MOON_M,
        excess_m_s=math.sqrt(max(c3, 0.0)),
        ignition_s=ignition_s,
        pass_s=None if over is None else over.t_s,
        landing_kg=left_kg,
    )


def _opened(order: MissionOrder, field: SphericalHarmonicField, earth_field: SphericalHarmonicField | None) -> _Desk:
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
    return _Desk(order, epoch, Cislunar(load_ephemeris(epoch, span_s), field, figure), site, order.mass_kg)


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


def _transfer(desk: _Desk) -> Transfer:
    """The transfer with an impulse, to the perilune of the orbit wanted."""
    order, wanted = desk.order, radii(desk.order)
    departure_s = desk.seconds(order.launch.injection)
    if order.arrival.ignition is not None:
        perilune_s = desk.seconds(order.arrival.ignition)
    else:
        perilune_s = departure_s + cheapest_flight_s(desk.forces.ephemeris, float(departure_s), wanted)
    impulse = order.launch.stage._replace(thrust_n=IMPULSE_N).engine()
    plane = jnp.asarray(wanted.parking_m), jnp.asarray(wanted.inclination_rad)
    parking = Parking(*plane, impulse, jnp.asarray(order.launch.stage_mass_kg), departure_s)
    perilune = Perilune(jnp.asarray(wanted.perilune_m), jnp.asarray(order.arrival.inclination_rad), perilune_s)
    before_s = jnp.minimum(MEETING_BEFORE_S, MEETING_SHARE * (perilune_s - departure_s))
    return Transfer(desk.forces, parking, perilune, perilune_s - before_s)


def _chosen(desk: _Desk) -> tuple[Transfer, Injection]:
    """The guess, of the four pairs of planes, that costs least of those that pass over the site when wanted; a long flight by the Sun."""
    transfer, wanted = _transfer(desk), radii(desk.order)
    if _is_long(transfer):
        return low_energy(transfer, None if desk.site is None else functools.partial(_off_middle_s, desk, transfer))
    starts = guesses(transfer)
    if desk.site is not None:
        starts = _passing(desk, desk.site, transfer, starts)
    gm = float(desk.forces.moon_field.gm_m3_s2)

    def cost_m_s(start: Injection) -> float:
        excess_m_s = math.sqrt(max(start.perilune_speed_m_s**2 - 2.0 * gm / wanted.perilune_m, 0.0))
        return start.delta_v_m_s + float(insertion_m_s(np.asarray(excess_m_s), wanted.perilune_m, wanted.apolune_m))

    return transfer, min(starts, key=cost_m_s)


def _is_long(transfer: Transfer) -> bool:
    return float(transfer.perilune.t_s) - float(transfer.parking.t_s) > SHORTEST_S


def _passing(desk: _Desk, site: tuple[Descent, Landing], transfer: Transfer, starts: tuple[Injection, ...]) -> tuple[Injection, ...]:
    """Those starts whose plane, if it stood still, would pass over the site in the time allowed. PassError if none does."""
    found = [(start, *_over(desk, transfer, start)) for start in starts]
    good = tuple(start for start, passing, _ in found if passing)
    if not good:
        raise PassError(_no_pass(desk, site[0], [each for _, _, told in found for each in told]))
    return good


def _over(desk: _Desk, transfer: Transfer, start: Injection) -> tuple[bool, list[Pass]]:
    """Whether the plane of an arrival, if it stood still, would pass over the site in the time allowed; and all passes."""
    if desk.site is None:
        return True, []
    (descent, landing), perilune_s = desk.site, float(transfer.perilune.t_s)
    earliest_s, latest_s = (float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    over = passes_of_plane(transfer, start, landing.site_lfme, perilune_s, latest_s + DAY_S)
    return any(earliest_s - PREDICTION_S < each.t_s < latest_s + PREDICTION_S and _wanted(each, descent) for each in over), over


def _off_middle_s(desk: _Desk, transfer: Transfer, start: Injection) -> float:
    """How far from the middle of the time allowed the plane of an arrival would pass over the site; infinite if it would not in time."""
    passing, over = _over(desk, transfer, start)
    if desk.site is None or not passing:
        return math.inf
    descent = desk.site[0]
    middle_s = 0.5 * sum(float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    return min(abs(each.t_s - middle_s) for each in over if _wanted(each, descent))


def _wanted(over: Pass, descent: Descent) -> bool:
    return descent.southbound is None or over.southbound == descent.southbound


def _no_pass(desk: _Desk, descent: Descent, told: list[Pass]) -> str:
    moments = sorted(f"{moment(desk.epoch.after(each.t_s))} ({'south' if each.southbound else 'north'}bound)" for each in told)
    times = ", ".join(moments) or "never in that time"
    return (
        f"the orbit plane does not pass over the site between {moment(descent.earliest)} and {moment(descent.latest)} "
        f"{'' if descent.southbound is None else ('southbound' if descent.southbound else 'northbound') + ' '}"
        f"as wanted; it does: {times}; move the landing, the arrival by as much, or the inclination"
    )


def _settled(desk: _Desk, transfer: Transfer, found: Injection, burn: InsertionBurn | None = None) -> _Settled:
    """Injection with the real burn, and insertion, in turn until neither moves; from an impulse, or from what was found before."""
    if burn is None:
        transfer = eqx.tree_at(lambda case: case.parking.engine, transfer, desk.order.launch.stage.engine())
        found = with_real_burn(transfer, found) if _is_long(transfer) else with_burn(transfer, found)
    gm = float(desk.forces.moon_field.gm_m3_s2)
    for _ in range(TURNS_MAX):
        found, _ = injection(transfer, found)
        case = _insertion_case(desk, transfer, found)
        burn, _ = insertion(case, burn)
        _refuse_aim_below_ground(burn)
        wanted_s = float(transfer.perilune.t_s)
        if desk.order.arrival.ignition is not None:
            wanted_s = float(desk.seconds(desk.order.arrival.ignition)) - burn.ignition_from_perilune_s
        aim_m, moved_s = burn.perilune_m - float(transfer.perilune.radius_m), wanted_s - float(transfer.perilune.t_s)
        if abs(aim_m) < SETTLED_M and abs(moved_s) < SETTLED_S:
            return _Settled(transfer, found, case, burn)
        # The same energy at another height: a flight of months that arrived with another would have left from elsewhere.
        found = found._replace(perilune_speed_m_s=math.sqrt(float(case.c3_m2_s2) + 2.0 * gm / burn.perilune_m))
        aim = (jnp.asarray(burn.perilune_m), jnp.asarray(wanted_s))
        transfer = eqx.tree_at(lambda case: (case.perilune.radius_m, case.perilune.t_s), transfer, aim)
    raise CorrectionError(f"injection and insertion do not settle; the perilune to aim at still moves by {aim_m:.3g} m and {moved_s:.3g} s")


def _refuse_aim_below_ground(burn: InsertionBurn) -> None:
    """A burn so long that it falls while it brakes."""
    if burn.perilune_m < RADIUS_MOON_M:
        raise TransferError(
            f"the insertion burn takes {burn.first_s:.0f} s, so long that the flight would have to aim "
            f"{(RADIUS_MOON_M - burn.perilune_m) / 1e3:.0f} km below the ground; use a stronger engine or a higher orbit"
        )


def _reserves(desk: _Desk, settled: _Settled) -> tuple[Reserve, ...]:
    """The corrections that errors of the size stated will ask for, one after another."""
    wanted, order, transfer = desk.order.corrections, desk.order, settled.transfer
    if wanted is None:
        return ()
    t_s, start, legs = outbound(transfer.parking, jnp.asarray(settled.found.controls()[:3]), transfer.meeting_s)
    state, t_s = last(flown_earth(desk.forces, start, t_s, legs[:1])), t_s + legs[0].duration_s
    state = eqx.tree_at(lambda each: each.mass_kg, state, jnp.asarray(float(order.mass_kg)))
    sigmas, engine, reserves = (wanted.position_sigma_m, wanted.velocity_sigma_m_s), order.small_engine.engine(), []
    for number, epoch in enumerate(wanted.epochs, start=1):
        case = Correction(desk.forces, state, t_s, desk.seconds(epoch), engine, transfer.perilune)
        size_m_s = expected_m_s(case, settled.found, *sigmas)
        duration_s = float(engine.duration_s(state.mass_kg, jnp.asarray(size_m_s)))
        after_kg = float(engine.mass_after_kg(state.mass_kg, duration_s))
        reserves.append(Reserve(f"correction {number}", order.small_engine, epoch, duration_s, size_m_s, float(state.mass_kg) - after_kg))
        state = last(flown_earth(desk.forces, state, t_s, (coast(case.burn_s - t_s),)))
        state, t_s = eqx.tree_at(lambda each: each.mass_kg, state, jnp.asarray(after_kg)), case.burn_s
        sigmas = (0.0, wanted.execution_share * size_m_s)
    return tuple(reserves)


def _insertion_case(desk: _Desk, transfer: Transfer, found: Injection) -> Insertion:
    arrival, orbits = desk.order.arrival, radii(desk.order)
    engines = tuple(each.engine() for each in arrival.engines)
    braking = Braking(engines, tuple(jnp.asarray(float(each)) for each in arrival.later_s), jnp.asarray(float(desk.arriving_kg)))
    numbers = (found.perilune_node_rad, found.perilune_argument_rad, arrival_c3_m2_s2(desk.forces, transfer.perilune, found))
    wanted = (*numbers, orbits.perilune_m, orbits.apolune_m)
    return Insertion(desk.forces, braking, transfer.perilune, *(jnp.asarray(each) for each in wanted))


def _flown_to_orbit(desk: _Desk, settled: _Settled) -> tuple[list[Arc], list[PlannedBurn]]:
    """From ignition of the upper stage to the orbit about the Moon."""
    transfer, order = settled.transfer, desk.order
    t_s, start, legs = outbound(transfer.parking, jnp.asarray(settled.found.controls()[:3]), transfer.meeting_s)
    arcs = arcs_of(desk.forces, "earth", ("translunar injection", "outbound"), start, float(t_s), legs)
    lowest, legs = laid_out(settled.case, jnp.asarray(solved_controls(settled.case, settled.burn)))
    back = Arc("", "moon", float(transfer.perilune.t_s), lowest, legs[0])
    ignition_s, ignited = back.t_s + float(legs[0].duration_s), end_of(desk.forces, back)
    arcs.append(Arc("inbound", "moon", ignition_s, ignited, coast(transfer.meeting_s - ignition_s)))
    names = tuple(f"lunar orbit insertion {each.name}" for each in order.arrival.engines)
    arcs += arcs_of(desk.forces, "moon", names, ignited, ignition_s, legs[1:])
    engines = {"translunar injection": order.launch.stage} | dict(zip(names, order.arrival.engines, strict=True))
    return arcs, burns_of(desk.forces, desk.epoch, arcs, engines)


def _lowered(desk: _Desk, before: Arc) -> tuple[list[Arc], list[PlannedBurn]]:
    """From the orbit after insertion to the one from which the lander goes down, burn by burn."""
    arcs, burns = [], []
    for number, row in enumerate(desk.order.lowering, start=1):
        case = apsis_change(desk.forces, end_of(desk.forces, before), before.end_s, row)
        legs = apsis_legs(case, *apsis_burn(case, float(desk.seconds(row.epoch))).solved())
        names = ("first orbit" if number == 1 else f"orbit before lowering {number}", f"lowering {number}")
        more = arcs_of(desk.forces, "moon", names, case.start, before.end_s, legs)
        arcs, burns = arcs + more, burns + burns_of(desk.forces, desk.epoch, more, {names[1]: row.engine})
        before = more[-1]
    return arcs, burns


def _flown_to_ignition(desk: _Desk, site: tuple[Descent, Landing], before: Arc) -> tuple[Pass, float, list[Arc], list[PlannedBurn]]:
    """From the orbit about the Moon to the ignition of the descent."""
    (descent, landing), t_s, state = site, before.end_s, end_of(desk.forces, before)
    case = Approaching(desk.forces, desk.order.small_engine.engine(), state, jnp.asarray(t_s), landing)
    over = _pass(desk, descent, case)
    descent_s = None if descent.descent_burn is None else float(desk.seconds(descent.descent_burn))
    guess = first_guess(case, over, float(desk.seconds(descent.trim)), descent_s)
    burns: OrbitBurns = approach(case, guess)[0]
    names = (
        "orbit before the trim" if desk.order.lowering else "first orbit",
        "trim",
        "waiting orbit",
        "descent orbit",
        "pre-landing orbit",
    )
    arcs = arcs_of(desk.forces, "moon", names, state, t_s, chain(case, jnp.asarray(burns.controls())))
    engines = {"trim": desk.order.small_engine, "descent orbit": desk.order.small_engine}
    return over, burns.ignition_s, arcs, burns_of(desk.forces, desk.epoch, arcs, engines)


def _pass(desk: _Desk, descent: Descent, case: Approaching) -> Pass:
    earliest_s, latest_s = (float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    found = passes(case, latest_s)
    wanted = [each for each in found if each.t_s > earliest_s and _wanted(each, descent)]
    if not wanted:
        raise PassError(_no_pass(desk, descent, found or passes(case, latest_s + DAY_S)))
    return wanted[0]


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
