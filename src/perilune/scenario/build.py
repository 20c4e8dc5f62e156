"""The only place where world and flight software are constructed: from a mission file to a mission that flies."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.dynamics.rigid_body import RigidBody
from perilune.faults.plan import FaultPlan, FaultRow, fault_plan
from perilune.fsw.control.attitude import pointing
from perilune.fsw.guidance.braking import BrakingAim, BrakingGuidance, BrakingState
from perilune.fsw.guidance.request import LocalState
from perilune.math.calling import Call, call
from perilune.math.vector import Vec3, vec3
from perilune.moon.ephemeris import Ephemeris, load_ephemeris
from perilune.moon.frames import moon_orientation
from perilune.moon.time import Epoch
from perilune.scenario.beside import Burn
from perilune.scenario.brought import brought_files
from perilune.scenario.build_control import braking_thrust, thrust_in
from perilune.scenario.build_descent import braking_guidance
from perilune.scenario.build_fsw import Moments, build_fsw, orbit_burn_duration_s, timer_s
from perilune.scenario.build_world import landing_of, world_of
from perilune.scenario.disperse import Spread, spread_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.never_lands import no_landing
from perilune.scenario.programs import DIRECT, Programs
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.scenario.schema_place import epoch_of
from perilune.sim.coast import Orbit, coasted_orbit
from perilune.sim.fly import CHUNK_TICKS
from perilune.sim.mission import Mission, Phase, PhaseKind, fall_after
from perilune.sim.outcome import Limits
from perilune.trajectory.pre_landing import Ellipse, PlaneError, ellipse_of_altitudes, orbit_normal, state_going_down
from perilune.types import Scalar
from perilune.world.plant import World

# Assumed when the flight is laid out; the flight itself takes as long as it takes.
FINAL_DESCENT_S = 120.0
WINDOW_S, AFTER_IGNITION_S = 40_000.0, 10_000.0
# After a coast of more than this the ground sends a new state vector: it takes an orbit or two to track and determine it.
TRACKED_AFTER_S = 4.0 * 3600.0
REST_SPEED_M_S, REST_RATE_RAD_S, REST_S = 0.05, 0.01, 1.0


class Flightplan(NamedTuple):
    """A mission ready to fly: what flies, the phases, the dispersions, and when mission elapsed time zero is."""

    mission: Mission
    phases: tuple[Phase, ...]
    spread: Spread
    epoch: Epoch
    file: MissionFile
    burn: Burn | None = None  # to the descent orbit, if the flight makes it

    @property
    def lander(self) -> LanderFile:
        """The file of a mission that lands."""
        if not isinstance(self.file, LanderFile):
            raise ScenarioError(f"{self.file.name} does not land: it stays in orbit")
        return self.file


class _Orbits(NamedTuple):
    """The flight's geometry, worked back from the landing."""

    ignition: Ellipse
    ignition_m: float  # radius
    braking_s: float
    arc_rad: float
    start_s: float  # before ignition
    burn_before_ignition_s: float  # middle of the descent-orbit burn; zero if the flight makes none


def build(file: MissionFile, faults: tuple[FaultRow, ...] = (), programs: Programs = DIRECT, entry: str | None = None) -> Flightplan:
    """Everything that a flight from an entry needs, the file's last one by default; ScenarioError when the orbit cannot reach the site."""
    if not isinstance(file, LanderFile):
        raise ScenarioError(f"{file.name} does not land: it stays in orbit, and flies from separation alone")
    entry = entry or file.entries[-1]
    table = fault_table(faults)
    # A file beside it may change while the mission file does not, so such a mission is built anew.
    shelf = None if brought_files(file) else programs.shelf
    words = f"{entry} {file.model_dump_json()}"
    parts = shelf.find("mission", words) if shelf is not None else None
    if parts is None:
        parts = _laid_out(file, entry, programs)
        if shelf is not None:
            shelf.put("mission", words, parts)
    mission, phases, spread, epoch, burn = parts
    return Flightplan(eqx.tree_at(lambda m: m.faults, mission, table), phases, spread, epoch, file, burn)


def _laid_out(file: LanderFile, entry: str, programs: Programs) -> tuple[Mission, tuple[Phase, ...], Spread, Epoch, Burn | None]:
    """The flight plan of a file, without faults."""
    orbits = _orbits(file, entry, programs)
    landing = epoch_of(file.orbit.landing_utc)
    ignition_s = orbits.start_s
    epoch = landing.after(-(orbits.start_s + orbits.braking_s + FINAL_DESCENT_S))
    ephemeris = load_ephemeris(epoch, max(window_s(file), orbits.start_s + AFTER_IGNITION_S))
    world = build_world(file, ephemeris)
    at_ignition = _at_ignition(file, world, orbits)
    start, burn_m_s = _back_to_start(file, (world, at_ignition), orbits, programs)
    more_kg = _burnt_before_last_entry_kg(file, entry, burn_m_s)
    burn_s = orbit_burn_duration_s(file, burn_m_s, more_kg)
    burn_at_s = ignition_s - orbits.burn_before_ignition_s - 0.5 * burn_s if file.burns_from(entry) else math.inf
    moments = Moments(burn_at_s, burn_m_s, ignition_s, more_kg)
    mission = mission_of(file, world, moments, _body((world, start), min(burn_at_s, ignition_s), programs))
    burn = Burn(burn_at_s, burn_m_s, burn_s, timer_s(file, burn_s, to_descent=True)) if burn_m_s > 0.0 else None
    return mission, _phases(file, entry, moments, burn_s), spread_of(file), epoch, burn


def build_world(file: MissionFile, ephemeris: Ephemeris) -> World:
    """The nominal world of a mission."""
    return world_of(file, landing_of(file) if isinstance(file, LanderFile) else no_landing(file), ephemeris)


def window_s(file: MissionFile) -> float:
    """What the ephemeris of every flight of a file covers at least: as long as its longest, so that all of them are one program. One of few lengths, so that
    missions of about a length are one too."""
    if file.plan is None:
        return WINDOW_S
    longest_s = (file.ends_utc - file.plan.injection_utc).total_seconds() + AFTER_IGNITION_S
    return WINDOW_S * 2.0 ** max(0, math.ceil(math.log2(longest_s / WINDOW_S)))


def mission_of(file: MissionFile, world: World, moments: Moments, start: RigidBody) -> Mission:
    """World and flight software together, without faults."""
    return Mission(
        world=world,
        fsw=build_fsw(file, world.ephemeris, moments),
        faults=fault_plan(),
        limits=_limits(file),
        start=start,
        propellant_kg=jnp.asarray(float(file.vehicle.propellant_kg) + moments.more_kg),
        tick_s=jnp.asarray(float(file.flight_software.cycle_s)),
    )


def _burnt_before_last_entry_kg(file: LanderFile, entry: str, burn_m_s: float) -> float:
    """What a descent-orbit burn before the last entry takes: the file gives the mass at that entry."""
    if entry == file.entries[-1] or burn_m_s <= 0.0:
        return 0.0
    return float(file.vehicle.mass_start_kg) * math.expm1(burn_m_s / thrust_in(file, "burn")[1])


def fault_table(faults: tuple[FaultRow, ...]) -> FaultPlan:
    try:
        return fault_plan(faults)
    except ValueError as error:
        raise ScenarioError(f"--fault: {error}") from None


def _limits(file: MissionFile) -> Limits:
    stands, axis = (math.inf,) * 5 + (float(file.vehicle.hull.radius_m),), None
    if isinstance(file, LanderFile):
        limits = file.limits
        speeds = float(limits.vertical_m_s), float(limits.horizontal_m_s)
        angles = math.radians(limits.tilt_deg), math.radians(limits.slope_deg), math.radians(limits.rest_tilt_deg)
        stands = (*speeds, *angles, 2.0 * float(file.legs.pad_circle_m) / math.sqrt(2.0))
        axis = None if limits.rest_axis is None else vec3(limits.rest_axis).unit()
    numbers = (*stands, REST_SPEED_M_S, REST_RATE_RAD_S, REST_S)
    return Limits(*(jnp.asarray(number) for number in numbers), rest_axis_body=axis)


def _orbits(file: LanderFile, entry: str, programs: Programs) -> _Orbits:
    orbit, burns = file.orbit, file.burns_from(entry)
    ignition = ellipse_of_altitudes(*(1e3 * km for km in orbit.at_ignition_km))
    before = _before_burn(file) if burns else ignition
    ignition_m = _ignition_radius_m(file, ignition)
    braking_s, range_m = braking_estimate(file, ignition, programs)
    mean_radius_m = 0.5 * (ignition_m + RADIUS_MOON_M + float(file.site.elevation_m))
    arc_rad = (range_m + float(file.flight_software.braking.gate_downrange_m)) / mean_radius_m
    burn_s = float(orbit.descent.burn_before_ignition_orbits) * ignition.period_s if burns and orbit.descent is not None else 0.0
    start_s = float(orbit.start_before_ignition_orbits) * before.period_s
    if entry != file.entries[-1] and orbit.descent is not None:
        start_s = burn_s + float(orbit.descent.start_before_burn_orbits or 0.0) * before.period_s
    return _Orbits(ignition, ignition_m, braking_s, arc_rad, math.ceil(start_s / 10.0) * 10.0, burn_s)


def _ignition_radius_m(file: LanderFile, ellipse: Ellipse) -> float:
    altitude_km = file.orbit.ignition_altitude_km
    return ellipse.periapsis_m if altitude_km is None else RADIUS_MOON_M + 1e3 * float(altitude_km)


def _before_burn(file: LanderFile) -> Ellipse:
    """The orbit that the descent-orbit burn leaves."""
    return ellipse_of_altitudes(1e3 * float(file.orbit.periapsis_altitude_km), 1e3 * float(file.orbit.apoapsis_altitude_km))


def braking_estimate(file: LanderFile, ellipse: Ellipse, programs: Call = call) -> tuple[float, float]:
    """Duration (s) and range over the ground (m) of the braking, by the guidance law itself, run to convergence where it begins."""
    guidance: BrakingGuidance = braking_guidance(file)
    thrust_n, exhaust_m_s = braking_thrust(file)
    radius_m = _ignition_radius_m(file, ellipse)
    speed, down_m_s = ellipse.going_down_m_s(radius_m)
    local = LocalState(
        up_lci=vec3((0.0, 0.0, 1.0)),
        downrange_lci=vec3((1.0, 0.0, 0.0)),
        cross_lci=vec3((0.0, 1.0, 0.0)),
        radius_m=jnp.asarray(radius_m),
        altitude_m=jnp.asarray(radius_m - RADIUS_MOON_M),
        vertical_speed_m_s=jnp.asarray(-down_m_s),
        v_ground_lci_m_s=vec3((speed, 0.0, -down_m_s)),
        ground_speed_m_s=jnp.asarray(0.0),
        gravity_m_s2=jnp.asarray(GM_MOON_M3_S2 / radius_m**2),
    )
    zero = jnp.asarray(0.0)
    mass_kg = jnp.asarray(float(file.vehicle.mass_start_kg))
    aim = BrakingAim(local, jnp.asarray(thrust_n), jnp.asarray(exhaust_m_s), mass_kg, zero, zero)
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), guidance.init())  # of settled type: one program, not two
    for _ in range(40):
        state = programs(_guided, guidance, state, aim)
    return float(state.time_to_go_s), float(state.range_m)


@eqx.filter_jit
def _guided(guidance: BrakingGuidance, state: BrakingState, aim: BrakingAim) -> BrakingState:
    return guidance.update(state, aim, jnp.asarray(False))


@eqx.filter_jit
def _coasted(world: World, orbit: Orbit, start_s: Scalar, duration_s: Scalar) -> Orbit:
    return coasted_orbit(world, orbit, start_s, duration_s)


def _at_ignition(file: LanderFile, world: World, orbits: _Orbits) -> Orbit:
    """Where braking begins, at the lowest point of the orbit or on the way down to it, on the plane that holds the site when it is reached."""
    ignition_s = orbits.start_s
    landing_s = ignition_s + orbits.braking_s + FINAL_DESCENT_S
    q_lci_lfme = moon_orientation(world.ephemeris, jnp.asarray(landing_s)).q_lfme_lci.inverse()
    site = np.asarray((q_lci_lfme @ world.site.r_origin_lfme_m.unit()).array())
    pole = np.asarray((q_lci_lfme @ vec3((0.0, 0.0, 1.0))).array())
    try:
        normal = orbit_normal(site, pole, math.radians(file.orbit.inclination_deg), file.orbit.direction == "southbound")
    except PlaneError as error:
        raise ScenarioError(f"orbit.inclination_deg: {error}") from None
    r_lci_m, v_lci_m_s = state_going_down(orbits.ignition, orbits.ignition_m, site, normal, orbits.arc_rad)
    return Orbit(vec3(r_lci_m), vec3(v_lci_m_s))


def _back_to_start(file: LanderFile, ignition: tuple[World, Orbit], orbits: _Orbits, programs: Programs) -> tuple[Orbit, float]:
    """The state at mission elapsed time zero, and the velocity that the descent-orbit burn takes out (m/s)."""
    world, at_ignition = ignition
    if orbits.burn_before_ignition_s == 0.0:
        return programs(_coasted, world, at_ignition, jnp.asarray(orbits.start_s), jnp.asarray(-orbits.start_s)), 0.0
    burn_at_s = orbits.start_s - orbits.burn_before_ignition_s
    high = programs(_coasted, world, at_ignition, jnp.asarray(orbits.start_s), jnp.asarray(-orbits.burn_before_ignition_s))
    radius_m, speed_m_s = float(high.r_lci_m.norm()), float(high.v_lci_m_s.norm())
    burn_m_s = _before_burn(file).speed_m_s(radius_m) - speed_m_s
    faster = Orbit(high.r_lci_m, high.v_lci_m_s + high.v_lci_m_s.unit() * burn_m_s)
    return programs(_coasted, world, faster, jnp.asarray(burn_at_s), jnp.asarray(-burn_at_s)), burn_m_s


def _body(beginning: tuple[World, Orbit], first_burn_s: float, programs: Programs) -> RigidBody:
    """At the start, held in the attitude in which the first burn begins: flying backwards, +x down."""
    world, start = beginning
    then = programs(_coasted, world, start, jnp.asarray(0.0), jnp.asarray(first_burn_s))
    backwards, keel = -then.v_lci_m_s.unit(), -then.r_lci_m.cross(then.v_lci_m_s).unit()
    still = Vec3(*(jnp.zeros(()) for _ in range(3)))
    return RigidBody(start.r_lci_m, start.v_lci_m_s, pointing(backwards, keel.cross(backwards)), still)


def _phases(file: LanderFile, entry: str, moments: Moments, burn_s: float) -> tuple[Phase, ...]:
    """The file's phases from an entry, on the clock, in whole chunks of ticks."""
    chunk_s = CHUNK_TICKS * float(file.flight_software.cycle_s)
    ends = {
        "descent_orbit_burn": moments.orbit_burn_s,
        "burn_over": moments.orbit_burn_s + burn_s,
        "ignition": moments.ignition_s,
    }
    phases, now, known_at = [], 0, -math.inf
    for phase in file.phases_from(entry):
        lead_s, linger_s = float(phase.lead_s or 0.0), float(phase.linger_s or 0.0)
        if phase.until == "rest":
            end = now + math.ceil(float(phase.longest_s) / chunk_s)
        else:
            at_s = ends[phase.until] - lead_s + linger_s
            end = max(now, math.floor(at_s / chunk_s) if phase.kind == "coast" else math.ceil(at_s / chunk_s))
        powered = phase.kind == "powered"
        tracked = powered and (now - known_at) * chunk_s > TRACKED_AFTER_S
        phases.append(Phase(phase.name, PhaseKind(phase.kind), now * CHUNK_TICKS, end * CHUNK_TICKS, tracked))
        now, known_at = end, end if powered else known_at
    return (*phases, fall_after(phases[-1], float(file.flight_software.cycle_s)))
