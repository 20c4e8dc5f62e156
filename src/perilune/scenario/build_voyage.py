"""From a mission file with a plan to a mission that flies from separation."""

import math
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.rigid_body import RigidBody
from perilune.math.calling import called_by
from perilune.math.random import stream_of_seed
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.moon.ephemeris import Ephemeris, load_ephemeris
from perilune.moon.time import DAY_S, Epoch
from perilune.scenario.brought import brought_files
from perilune.scenario.build import AFTER_IGNITION_S, Flightplan, build_world, mission_of, window_s
from perilune.scenario.build_fsw import Moments
from perilune.scenario.bus import coast_attitude
from perilune.scenario.disperse import spread_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.forces import Forces
from perilune.scenario.plan import kept_plan
from perilune.scenario.programs import DIRECT, Programs, settled
from perilune.scenario.schema import SEPARATION, LanderFile, MissionFile, OrbiterFile
from perilune.scenario.schema_plan import CruiseTracking, FlightOfPlan, Plan
from perilune.sim.mission import Phase, PhaseKind, fall_after
from perilune.trajectory.flightpath import MissionPlan
from perilune.trajectory.route import Due, Route, route_of
from perilune.types import Index, Scalar, Vector

# A coast and a burn by the plan, for a look ahead: the flight itself decides when each begins.
SPARE_S = 60.0


class Voyage(NamedTuple):
    """What a flight from separation is made of."""

    plan: Flightplan
    desk: MissionPlan
    route: Route
    forces: Cislunar  # of the truth; its clock is mission elapsed time

    @property
    def last_look_s(self) -> float:
        """When the orbit is tracked for the last burn, as planned; mission elapsed time."""
        before_s = float(flying(self.plan.file)[2].tracked_before_s)
        return self.route.stops[-1][0].ignition_s - self.route.separation_s - before_s


def flying(file: MissionFile) -> tuple[Plan, CruiseTracking, FlightOfPlan]:
    """The plan of a file, if it can be flown."""
    plan = file.plan
    if plan is None or plan.flight is None or plan.tracking is None or SEPARATION not in file.entries:
        raise ScenarioError(f"{file.name} cannot be flown from separation: its [plan] needs flight, tracking and, for a lander, landing")
    return plan, plan.tracking, plan.flight


def build_voyage(file: MissionFile, programs: Programs, seed: int) -> Voyage:
    """Everything that a flight from separation needs, faults apart; the injection's error is drawn from the seed.

    What is the same for every seed is kept, unless a file beside it may change it.
    """
    shelf = None if brought_files(file) else programs.shelf
    words = file.model_dump_json()
    voyage = shelf.find("voyage", words) if shelf is not None else None
    if voyage is None:
        voyage = _laid_out(file, programs)
        if shelf is not None:
            shelf.put("voyage", words, voyage)
    start = _let_go(file, voyage, seed, programs)
    return voyage._replace(plan=voyage.plan._replace(mission=eqx.tree_at(lambda m: m.start, voyage.plan.mission, start)))


def _laid_out(file: MissionFile, programs: Programs) -> Voyage:
    """The voyage of a lander that is let go where and as it was planned."""
    plan, _, settings = flying(file)
    desk = kept_plan(file, programs)
    with called_by(programs):
        route = route_of(desk)
    epoch = desk.epoch.after(route.separation_s)
    # What flight software believes of the Moon's turning and the Earth's place is right at this time.
    ignition_s = (route.insertion[0] if route.down is None else route.down).ignition_s - route.separation_s
    span_s = max(window_s(file), ignition_s + AFTER_IGNITION_S)
    world = build_world(file, load_ephemeris(epoch, span_s))
    moments = Moments(math.inf, 0.0, ignition_s, float(plan.separation_kg) - float(file.vehicle.mass_start_kg))
    attitude = resting(file, world.ephemeris, vec3(route.r_lci_m), 0.0, programs)
    mission = mission_of(file, world, moments, RigidBody(vec3(route.r_lci_m), vec3(route.v_lci_m_s), attitude, zero_vec3()))
    forces = true_forces(file, plan, epoch, span_s)
    return Voyage(Flightplan(mission, _foreseen(file, route, settings), spread_of(file), epoch, file), desk, route, forces)


def true_forces(file: MissionFile, plan: Plan, epoch: Epoch, span_s: float) -> Cislunar:
    """What acts on the way from the Earth to the Moon; its clock starts at the epoch."""
    light = plan.sunlight
    acting = Forces(moon_degree=int(file.gravity.degree), moon_gravity_file=brought_files(file).get("gravity.file"))
    if light is not None:
        area_over_mass = float(light.area_m2) / float(plan.separation_kg)
        acting = replace(acting, area_over_mass_m2_kg=area_over_mass, reflectivity=float(light.reflectivity))
    return acting.over(epoch, span_s)


def _let_go(file: MissionFile, voyage: Voyage, seed: int, programs: Programs) -> RigidBody:
    """Where the upper stage lets go: the planned state with the injection's error, the sides to the Sun, at rest."""
    errors, mission = flying(file)[0].errors, voyage.plan.mission
    sigmas = (0.0, 0.0) if errors is None else (float(errors.position_m), float(errors.velocity_m_s))
    r_lci_m, v_lci_m_s = programs(_erring, mission.start, jnp.asarray(sigmas), jnp.asarray(seed))
    attitude = resting(file, mission.world.ephemeris, r_lci_m, 0.0, programs)
    return settled(RigidBody(r_lci_m, v_lci_m_s, attitude, zero_vec3()))


def _erring(start: RigidBody, sigmas: Vector, seed: Index) -> tuple[Vec3, Vec3]:
    stream = stream_of_seed(seed).named("injection")
    return start.r_lci_m + stream.normal_vec3(0) * sigmas[0], start.v_lci_m_s + stream.normal_vec3(3) * sigmas[1]


def resting(file: MissionFile, ephemeris: Ephemeris, r_lci_m: Vec3, met_s: float, programs: Programs = DIRECT) -> Rotation:
    """The attitude of a long coast (q_lci_body): the side of the panels to the Sun, an antenna to the Earth as nearly as that allows."""
    sun_axis, antenna_axis = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    if file.power is not None and file.radio is not None:
        sun_axis, antenna_axis = file.power.sun_axis, file.radio.antennas[0].axis
    return programs(_looking, ephemeris, r_lci_m, jnp.asarray(met_s), (vec3(sun_axis), vec3(antenna_axis)))


def _looking(ephemeris: Ephemeris, r_lci_m: Vec3, met_s: Scalar, axes_body: tuple[Vec3, Vec3]) -> Rotation:
    sun, earth = ((towards - r_lci_m).unit() for towards in (ephemeris.r_sun_lci_m(met_s), ephemeris.r_earth_lci_m(met_s)))
    return coast_attitude(sun, earth, *(axis.unit() for axis in axes_body))


def _foreseen(file: MissionFile, route: Route, settings: FlightOfPlan) -> tuple[Phase, ...]:
    """The phases as the plan has them; the flight itself moves them by what it finds."""
    tick_s = float(file.flight_software.cycle_s)
    phases, now = [], 0
    for stop in route.stops:
        name = stop[0].name.replace(" ", "-")
        first, last = _ticks(stop, route, settings, tick_s)
        phases += [Phase(f"to-{name}", PhaseKind.COAST, now, first, False), Phase(name, PhaseKind.POWERED, first, last, True)]
        now = last
    return (*phases, *_last_phases(file, route, now))


def _last_phases(file: MissionFile, route: Route, now: int) -> tuple[Phase, ...]:
    """The wait and the descent of a lander; the time for which an orbiter is watched."""
    tick_s = float(file.flight_software.cycle_s)
    if isinstance(file, OrbiterFile):
        watched = round(float(file.mapping.watched_days) * DAY_S / tick_s)
        return (Phase("mapping", PhaseKind.COAST, now, now + watched, False),)
    if not isinstance(file, LanderFile) or route.down is None:
        return ()
    descent = file.phases[-1]
    ignition = round((route.down.ignition_s - route.separation_s) / tick_s)
    rest = ignition + round(float(descent.longest_s) / tick_s)
    wait = Phase("pre-landing-orbit", PhaseKind.COAST, now, ignition, False)
    down = Phase(descent.name, PhaseKind.POWERED, ignition, rest, True)
    return wait, down, fall_after(down, tick_s)


def _ticks(stop: tuple[Due, ...], route: Route, settings: FlightOfPlan, tick_s: float) -> tuple[int, int]:
    start_s = stop[0].ignition_s - route.separation_s
    end_s = start_s + sum(due.duration_s for due in stop) + float(settings.linger_s) + SPARE_S
    return round((start_s - float(settings.lead_s)) / tick_s), round(end_s / tick_s)
