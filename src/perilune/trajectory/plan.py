"""A whole mission, from the parking orbit to the ignition of the descent: every burn found, its cost stated, or one line why not.

**Model.** Guess by patched conics, then injection, insertion and the way to the site by differential correction under all forces. Injection
and insertion need each other - the burn decides which perilune to aim at, the arrival how fast it comes - and are found in turn until the
perilune stands still.
**Neglects** what execution and navigation get wrong: corrections are sized for it, and found when it is known (`corrections`).
"""

import functools
import math
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from perilune.constants import RADIUS_MOON_M
from perilune.moon.gravity import SphericalHarmonicField
from perilune.moon.time import DAY_S
from perilune.trajectory.arcs import arcs_of, burns_of, end_of, flown_earth
from perilune.trajectory.corrections import Correction, expected_m_s
from perilune.trajectory.desk import Desk, budget, opened, radii, refuse_stage
from perilune.trajectory.flightpath import Arc, MissionPlan, PlannedBurn, Reserve, moment
from perilune.trajectory.injection import IMPULSE_N, Injection, Parking, Perilune, Transfer, guesses, injection, outbound, with_burn
from perilune.trajectory.insertion import (
    Braking,
    Insertion,
    InsertionBurn,
    arrival_c3_m2_s2,
    first_guess_s,
    insertion,
    laid_out,
    solved_controls,
)
from perilune.trajectory.legs import coast, last
from perilune.trajectory.low_energy import SHORTEST_S, low_energy, with_real_burn
from perilune.trajectory.lowering import apsis_burn, apsis_change, apsis_legs
from perilune.trajectory.lunar_orbit import Approaching, Landing, chain
from perilune.trajectory.order import Descent, MissionOrder
from perilune.trajectory.over_site import off_middle_s, passes_in_time, passing
from perilune.trajectory.refusal import CorrectionError, OrderError, TransferError
from perilune.trajectory.transfer import insertion_m_s
from perilune.trajectory.way_down import Way, way_down, ways
from perilune.trajectory.windows import cheapest_flight_s

# The legs of the transfer meet so long before perilune, or at this share of a short flight.
MEETING_BEFORE_S, MEETING_SHARE = 2.0 * DAY_S, 0.4
# Injection and insertion are found in turn until the perilune to aim at, and the moment of ignition, stand still to this.
SETTLED_M, SETTLED_S = 0.1, 1e-3
TURNS_MAX = 10
# The moment of the trim may move by less than this from the one asked for.
TRIM_MOVES_S = 0.25 * DAY_S


class _Settled(NamedTuple):
    """Injection and insertion that fit together."""

    transfer: Transfer
    found: Injection
    case: Insertion
    burn: InsertionBurn


def plan_mission(order: MissionOrder, field: SphericalHarmonicField, earth_field: SphericalHarmonicField | None = None) -> MissionPlan:
    """The plan of a mission in a field of the Moon, and one of the Earth unless it is to be a point. A DeskError says in a line why there is none."""
    desk = opened(order, field, earth_field)
    transfer, guess = _chosen(desk)
    refuse_stage(order.launch, order.mass_kg, guess.delta_v_m_s)
    settled = _settled(desk, transfer, injection(transfer, guess)[0])
    reserves = _reserves(desk, settled)
    if reserves:
        desk = desk._replace(arriving_kg=order.mass_kg - sum(each.propellant_kg for each in reserves))
        settled = _settled(desk, settled.transfer, settled.found, settled.burn)
    arcs, burns = _flown_to_orbit(desk, settled)
    way, ignition_s = None, None
    more, more_burns = _lowered(desk, arcs[-1])
    arcs, burns = arcs + more, burns + more_burns
    if desk.site is not None:
        way, ignition_s, more, more_burns = _flown_to_ignition(desk, desk.site, arcs[-1])
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
        pass_s=None if way is None else way.over.t_s,
        way_down=None if way is None else way.told(desk.epoch),
        landing_kg=left_kg,
    )


def _transfer(desk: Desk) -> Transfer:
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


def _chosen(desk: Desk) -> tuple[Transfer, Injection]:
    """The guess, of the four pairs of planes, that costs least of those that pass over the site when wanted; a long flight by the Sun."""
    transfer, wanted = _transfer(desk), radii(desk.order)
    if _is_long(transfer):
        return low_energy(transfer, None if desk.site is None else functools.partial(off_middle_s, desk, transfer))
    starts = guesses(transfer)
    if desk.site is not None:
        starts = passing(desk, desk.site, transfer, starts)
    gm = float(desk.forces.moon_field.gm_m3_s2)

    def cost_m_s(start: Injection) -> float:
        excess_m_s = math.sqrt(max(start.perilune_speed_m_s**2 - 2.0 * gm / wanted.perilune_m, 0.0))
        return start.delta_v_m_s + float(insertion_m_s(np.asarray(excess_m_s), wanted.perilune_m, wanted.apolune_m))

    return transfer, min(starts, key=cost_m_s)


def _is_long(transfer: Transfer) -> bool:
    return float(transfer.perilune.t_s) - float(transfer.parking.t_s) > SHORTEST_S


def _settled(desk: Desk, transfer: Transfer, found: Injection, burn: InsertionBurn | None = None) -> _Settled:
    """Injection with the real burn, and insertion, in turn until neither moves; from an impulse, or from what was found before."""
    if burn is None:
        transfer = eqx.tree_at(lambda case: case.parking.engine, transfer, desk.order.launch.stage.engine())
        found = with_real_burn(transfer, found) if _is_long(transfer) else with_burn(transfer, found)
    gm = float(desk.forces.moon_field.gm_m3_s2)
    for _ in range(TURNS_MAX):
        found, _ = injection(transfer, found)
        case = _insertion_case(desk, transfer, found)
        burn = _braked(case, burn)
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


def _braked(case: Insertion, guess: InsertionBurn | None) -> InsertionBurn:
    """The insertion, or how long its burn is, where it cannot be: it falls while it brakes, or never comes to an orbit."""
    try:
        burn = insertion(case, guess)[0]
    except CorrectionError as error:
        about_s = first_guess_s(case)
        raise CorrectionError(f"{error}; it burns about {about_s:,.0f} s: use a stronger engine or a higher orbit") from None
    if burn.perilune_m < RADIUS_MOON_M:
        raise TransferError(
            f"the insertion burn takes {burn.first_s:.0f} s, so long that the flight would have to aim "
            f"{(RADIUS_MOON_M - burn.perilune_m) / 1e3:.0f} km below the ground; use a stronger engine or a higher orbit"
        )
    return burn


def _reserves(desk: Desk, settled: _Settled) -> tuple[Reserve, ...]:
    """The corrections that errors of the size stated will ask for, one after another."""
    wanted, order, transfer = desk.order.corrections, desk.order, settled.transfer
    if wanted is None:
        return ()
    t_s, start, legs = outbound(transfer.parking, jnp.asarray(settled.found.controls()[:3]), transfer.meeting_s)
    state, t_s = last(flown_earth(desk.forces, start, t_s, legs[:1])), t_s + legs[0].duration_s
    state = eqx.tree_at(lambda each: each.mass_kg, state, jnp.asarray(float(order.mass_kg)))
    sigmas, engine, reserves = (wanted.position_sigma_m, wanted.velocity_sigma_m_s), order.small_engine.engine(), []
    for number, epoch in enumerate(wanted.epochs, start=1):
        if float(desk.seconds(epoch)) < float(t_s):
            raise OrderError(
                f"correction {number} at {moment(epoch)} comes before the upper stage lets go at {moment(desk.epoch.after(float(t_s)))}"
            )
        case = Correction(desk.forces, state, t_s, desk.seconds(epoch), engine, transfer.perilune)
        size_m_s = expected_m_s(case, settled.found, *sigmas)
        duration_s = float(engine.duration_s(state.mass_kg, jnp.asarray(size_m_s)))
        after_kg = float(engine.mass_after_kg(state.mass_kg, duration_s))
        reserves.append(Reserve(f"correction {number}", order.small_engine, epoch, duration_s, size_m_s, float(state.mass_kg) - after_kg))
        state = last(flown_earth(desk.forces, state, t_s, (coast(case.burn_s - t_s),)))
        state, t_s = eqx.tree_at(lambda each: each.mass_kg, state, jnp.asarray(after_kg)), case.burn_s
        sigmas = (0.0, wanted.execution_share * size_m_s)
    return tuple(reserves)


def _insertion_case(desk: Desk, transfer: Transfer, found: Injection) -> Insertion:
    arrival, orbits = desk.order.arrival, radii(desk.order)
    engines = tuple(each.engine() for each in arrival.engines)
    braking = Braking(engines, tuple(jnp.asarray(float(each)) for each in arrival.later_s), jnp.asarray(float(desk.arriving_kg)))
    numbers = (found.perilune_node_rad, found.perilune_argument_rad, arrival_c3_m2_s2(desk.forces, transfer.perilune, found))
    wanted = (*numbers, orbits.perilune_m, orbits.apolune_m)
    return Insertion(desk.forces, braking, transfer.perilune, *(jnp.asarray(each) for each in wanted))


def _flown_to_orbit(desk: Desk, settled: _Settled) -> tuple[list[Arc], list[PlannedBurn]]:
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


def _lowered(desk: Desk, before: Arc) -> tuple[list[Arc], list[PlannedBurn]]:
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


def _flown_to_ignition(desk: Desk, site: tuple[Descent, Landing], before: Arc) -> tuple[Way, float, list[Arc], list[PlannedBurn]]:
    """From the orbit about the Moon to the ignition of the descent."""
    (descent, landing), t_s, state = site, before.end_s, end_of(desk.forces, before)
    case = Approaching(desk.forces, desk.order.small_engine.engine(), state, jnp.asarray(t_s), landing)
    over, trim_s = passes_in_time(desk, descent, case), float(desk.seconds(descent.trim))
    near = _nearer(case, trim_s)
    descent_s = None if descent.descent_burn is None else float(desk.seconds(descent.descent_burn))
    way, burns = way_down(near, ways(near, over, trim_s), descent_s, desk.epoch)
    names = (
        "orbit before the trim" if desk.order.lowering else "first orbit",
        "trim",
        "waiting orbit",
        "descent orbit",
        "pre-landing orbit",
    )
    arcs = arcs_of(desk.forces, "moon", names, state, t_s, chain(case, jnp.asarray(burns.controls())))
    engines = {"trim": desk.order.small_engine, "descent orbit": desk.order.small_engine}
    return way, burns.ignition_s, arcs, burns_of(desk.forces, desk.epoch, arcs, engines)


def _nearer(case: Approaching, trim_s: float) -> Approaching:
    """The same problem from a later state, so that the days before the trim are flown once and not in every step."""
    span_s = trim_s - TRIM_MOVES_S - float(case.t_start_s)
    if span_s < 0.0:
        return case
    there = Arc("", "moon", float(case.t_start_s), case.start, coast(span_s))
    return eqx.tree_at(lambda each: (each.start, each.t_start_s), case, (end_of(case.forces, there), jnp.asarray(there.end_s)))
