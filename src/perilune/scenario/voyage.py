"""The whole mission in flight: coast, track, find the next burn, send it up, let flight software make it; then the descent.

The ground knows the orbit as tracking gives it, with its error, and the mass as the lander tells it; the desk finds each burn from that.
"""

import math
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.dynamics.events import Body
from perilune.dynamics.propagate import PointMass
from perilune.dynamics.rigid_body import RigidBody
from perilune.math.calling import called_by
from perilune.math.random import Stream
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.scenario.beside import FlownBurn
from perilune.scenario.build_fsw import timer_s
from perilune.scenario.build_voyage import Voyage, flying, resting
from perilune.scenario.bus import BusRows, bus_history
from perilune.scenario.programs import Programs, lander, settled
from perilune.scenario.schema import MissionFile, OrbiterFile
from perilune.scenario.ticks import Ticks, recorded
from perilune.sim import fly as sim
from perilune.sim.coast import Orbit
from perilune.sim.cruise import Cruise, cruise, placed
from perilune.sim.mission import FALL_S, MissionState, Phase, PhaseKind
from perilune.trajectory.desk import landing_of, radii
from perilune.trajectory.flight_desk import (
    Known,
    OrderedBurn,
    Wanted,
    corrected_course,
    descent_burn,
    insertion_burns,
    lowering_burn,
    trim_burn,
)
from perilune.trajectory.flightpath import orbit_of
from perilune.trajectory.lunar_orbit import Approaching, Pass, ignition_s, passes
from perilune.trajectory.order import Thruster
from perilune.trajectory.refusal import DeskError, PassError
from perilune.trajectory.route import Down, Due
from perilune.trajectory.way_down import way_down, ways
from perilune.types import Index, Scalar
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import BurnRow, FlightOrders, burn_table, no_burn
from perilune.world.tracking import GroundTracking

# Coasts end on whole seconds.
GRID_S = 10.0
# Before this, the cruise is integrated about the Earth.
MOON_NEAR_S = 86400.0
DAY_S = 86400.0
# How often the ground tries again, where no station hears the lander.
LISTEN_S = 300.0
BACKWARDS = (zero_vec3(), zero_vec3())


class UnheardError(DeskError):
    """The ground can neither find the orbit nor send anything up."""


class Journey:
    """A voyage under way, one lander: where it is, and what it has burnt so far."""

    def __init__(self, voyage: Voyage, fleet: sim.Fleet, programs: Programs, ticks: Ticks | None = None):
        self.voyage, self.fleet, self.programs = voyage, fleet, programs
        self.ticks = ticks or recorded(programs)
        self.file: MissionFile = voyage.plan.file
        _, self.cruising, self.settings = flying(self.file)
        self.tick_s = float(voyage.plan.mission.tick_s)
        self.tick = 0
        self.in_orbit = False
        self.stuck = ""  # why the ground knew no way on, if so
        self.aim = voyage.route.aim
        self.down = voyage.route.down
        self.ignition_s = math.inf if self.down is None else self.down.ignition_s
        self.burns: list[FlownBurn] = []
        self.states: MissionState = programs(sim.start, fleet, jnp.asarray(0))
        self.contact = self.tick, self.states  # the last in which an orbit was found

    def fly(self) -> Iterator[sim.Chunk]:
        """Every coast and every hundred ticks, to the ground or to the last phase's end."""
        try:
            with called_by(self.programs):
                ends = (self._mapped,) if self.down is None else (self._lowered, self._landed)
                for leg in (self._corrected, self._inserted, self._stepped_down, *ends):
                    yield from leg()
                    if self.over():
                        return
        except (DeskError, ArithmeticError) as error:
            self.stuck = str(error)

    def over(self) -> bool:
        return sim.all_over(self.states)

    # Clocks: mission elapsed time starts at separation, the plan's clock before the injection.

    def _met_s(self, plan_s: float) -> float:
        return plan_s - self.voyage.route.separation_s

    def _tick_at(self, met_s: float) -> int:
        """The whole grid of coasts, not after a time and not before now."""
        return max(self.tick, round(math.floor(met_s / GRID_S) * GRID_S / self.tick_s))

    @property
    def now_s(self) -> float:
        return self.tick * self.tick_s

    # What the ground does.

    def _heard(self) -> bool:
        """Whether a station has a link to it now, by the radio that the report tells of; always, of a file without one."""
        if self.file.radio is None:
            return True
        body = lander(self.states.world.body)
        r_lci_m = np.array([_numbers(body.r_lci_m)])
        q_lci_body = np.array([[float(part) for part in jax.tree.leaves(body.q_lci_body)]])
        row = BusRows(self.voyage.plan.epoch, np.array([self.now_s]), r_lci_m, q_lci_body)
        return bool(bus_history(self.file, row, programs=self.programs)["heard"][0])

    def _known(self) -> Known:
        """The orbit as tracking has it, and the mass as flight software tells it."""
        body, stream, tick = lander(self.states.world.body), lander(self.states.stream), jnp.asarray(self.tick)
        if self.in_orbit:
            r_lci_m, v_lci_m_s = self.programs(_tracked_in_orbit, self.voyage.plan.mission.world.tracking, body, stream, tick)
        else:
            errors = jnp.asarray(float(self.cruising.position_m)), jnp.asarray(1e-3 * float(self.cruising.velocity_mm_s))
            r_lci_m, v_lci_m_s = self.programs(_tracked_on_the_way, errors, body, stream, tick)
        plan_s = self.now_s + self.voyage.route.separation_s
        return Known(plan_s, _numbers(r_lci_m), _numbers(v_lci_m_s), float(np.asarray(self.states.fsw.mass_kg)[0]))

    def _timer_s(self, due: Due, burn: OrderedBurn) -> float:
        return timer_s(self.file, burn.duration_s, to_descent=self.down is not None and due == self.down.descent)

    def _row(self, due: Due, burn: OrderedBurn) -> BurnRow:
        """A line of the burn table. What runs on after cut-off is taken off, as the ground expects it."""
        file, name = self.file, burn.engine.name
        engines = np.repeat([group.name == name for group in file.engines], [group.count for group in file.engines])
        tails = [float(group.fall_tau_s) for group in file.engines if group.name == name]
        cycle_s = float(file.flight_software.cycle_s)
        accel_m_s2 = burn.delta_v_m_s / burn.duration_s
        return BurnRow(
            start_s=jnp.asarray(self._met_s(burn.ignition_s)),
            delta_v_m_s=jnp.asarray(burn.delta_v_m_s - accel_m_s2 * (sum(tails) + 0.5 * cycle_s)),
            timer_s=jnp.asarray(self._timer_s(due, burn)),
            follow=jnp.asarray(burn.follow),
            held_lci=vec3(burn.direction),
            engines=jnp.asarray(engines),
            axial_thrusters=jnp.asarray(any(group.name == name for group in file.thrusters)),
        )

    def _orders(self, burns: list[tuple[Due, OrderedBurn]], rest: tuple[Vec3, Vec3]) -> FlightOrders:
        rows = [self._row(*burn) for burn in burns] or [no_burn(sum(group.count for group in self.file.engines))]
        return FlightOrders(burn_table(rows), jnp.asarray(self._met_s(self.ignition_s)), *rest, jnp.asarray(True))

    def _rest(self) -> tuple[Vec3, Vec3]:
        """Where body +z and +x look while it coasts: panels to the Sun, an antenna to the Earth as nearly as that allows."""
        ephemeris, r_lci_m = self.voyage.plan.mission.world.ephemeris, lander(self.states.world.body.r_lci_m)
        return self.programs(_ends, resting(self.file, ephemeris, r_lci_m, self.now_s, self.programs))

    # What the lander does.

    def _coast(self, name: str, until_s: float) -> Iterator[sim.Chunk]:
        """Asleep, in whole grids, to a mission elapsed time."""
        end = self._tick_at(until_s)
        if end == self.tick:
            return
        phase, before = Phase(name, PhaseKind.COAST, self.tick, end, False), self.states
        if self.in_orbit:
            self.states = self.programs(sim.sleep, self.fleet, self.states, jnp.asarray(self.tick), jnp.asarray(end))
            legs = ()
        else:
            legs = self._cruised(until_s=end * self.tick_s)
        self.tick = end
        yield sim.Chunk(self.states, None, phase.start_tick, phase, before, legs)

    def _cruised(self, until_s: float) -> tuple[Cruise, ...]:
        near_s = self._met_s(self.voyage.route.aim.t_s) - MOON_NEAR_S
        body = lander(self.states.world.body)
        orbit, legs = Orbit(body.r_lci_m, body.v_lci_m_s), []
        stops: tuple[tuple[Body, float], ...] = (("earth", min(until_s, near_s)), ("moon", until_s))
        now_s = self.now_s
        for centre, stop_s in stops:
            if stop_s > now_s:
                leg, orbit = cruise(self.voyage.forces, centre, orbit, now_s, stop_s)
                legs.append(leg)
                now_s = stop_s
        end = jnp.asarray(round(until_s / self.tick_s))
        self.states = self.programs(placed, self.fleet, self.states, orbit, end)
        return tuple(legs)

    def _awake(self, name: str, orders: FlightOrders | None, longest_s: float, burns: int = 0) -> Iterator[sim.Chunk]:
        """Powered: until the burns are made and some time has passed, until the lander is down, or at the longest. No orders: nothing is sent."""
        first = self.tick
        end = first + math.ceil(longest_s / self.tick_s / sim.CHUNK_TICKS) * sim.CHUNK_TICKS
        phase = Phase(name, PhaseKind.POWERED, first, end, orders is not None)
        self._wake(orders)
        while self.tick < end and not self.over() and not (burns and self._lingered(burns)):
            begun = self.tick
            self.states, record = self.ticks(self.fleet, self.states, begun)
            self.tick += sim.CHUNK_TICKS
            yield sim.Chunk(self.states, record, begun, phase)
        self.states = settled(self.states)

    def _wake(self, orders: FlightOrders | None) -> None:
        """Flight software goes on from the state vector of now, if a station hears the lander, else from that of the last contact: what it
        was sent there it has carried on by itself."""
        now, nothing = jnp.asarray(self.tick), sim.nothing_new(self.fleet)
        sent, uplinked = (nothing, False) if orders is None else (settled(orders), True)
        if uplinked and self._heard():
            self._set_clock(self.tick)
        elif uplinked:
            tick, states = self.contact
            self._set_clock(tick)
            told = self.programs(sim.wake, self.fleet, states, jnp.asarray(tick), jnp.asarray(True), sent)
            self.states = eqx.tree_at(lambda s: s.fsw, self.states, told.fsw)
            sent, uplinked = nothing, False
        self.states = self.programs(sim.wake, self.fleet, self.states, now, jnp.asarray(uplinked), sent)

    def _set_clock(self, tick: int) -> None:
        """With a state vector goes the time that it is of: left to drift from separation on, the clock would be a second off after four months,
        and the orbit by 1.6 km along the track."""
        self.fleet = eqx.tree_at(lambda f: f.shared.world.sensors.clock.t_set_s, self.fleet, jnp.asarray(tick * self.tick_s))

    def _lingered(self, burns: int) -> bool:
        modes = jax.tree.map(lambda a: np.asarray(a)[0], self.states.fsw.modes)
        since_s = float(np.asarray(self.states.fsw.filter.clock_s)[0]) - float(modes.since_s)
        return bool(modes.burns_over >= burns) and modes.mode == Mode.COAST and since_s >= float(self.settings.linger_s)

    def _burnt(self, planned: tuple[Due, ...], ordered: tuple[OrderedBurn, ...], rest: tuple[Vec3, Vec3]) -> Iterator[sim.Chunk]:
        """Coast to the burns, make them, and note what they were."""
        flight, name = self.settings, planned[0].name
        start_s = self._met_s(ordered[0].ignition_s)
        burns = list(zip(planned, ordered, strict=True))
        last_s = sum(max(burn.duration_s, self._timer_s(due, burn)) for due, burn in burns)
        yield from self._coast("lunar-orbit" if self.in_orbit else "cruise", start_s - float(flight.lead_s))
        if self.over():
            return
        self.in_orbit = self.in_orbit or planned == self.voyage.route.insertion
        longest_s = start_s + last_s + float(flight.linger_s) - self.now_s + 2.0 * GRID_S
        spans = []
        for chunk in self._awake(name.replace(" ", "-"), self._orders(burns, rest), longest_s, len(ordered)):
            spans.append(chunk)
            yield chunk
        self._note(planned, ordered, spans)

    def _note(self, planned: tuple[Due, ...], ordered: tuple[OrderedBurn, ...], chunks: list[sim.Chunk]) -> None:
        """What the burns were, by the mode that flight software reported; and the orbit after the last of them."""
        mode = np.concatenate([np.asarray(chunk.record["downlink/mode"])[:, 0] for chunk in chunks])
        ticks = np.concatenate([chunk.first_tick + np.arange(sim.CHUNK_TICKS) for chunk in chunks])
        burning = np.concatenate([[False], mode == Mode.BURN, [False]])
        starts, ends = np.flatnonzero(np.diff(burning.astype(int)) == 1), np.flatnonzero(np.diff(burning.astype(int)) == -1)
        body = lander(self.states.world.body)
        state = PointMass(body.r_lci_m, body.v_lci_m_s, jnp.asarray(1.0))
        after = orbit_of(self.voyage.desk.forces, "moon", self.now_s + self.voyage.route.separation_s, state) if self.in_orbit else None
        for number, (due, burn) in enumerate(zip(planned, ordered, strict=True)):
            made = number < len(starts)
            start_s, end_s = (float(ticks[min(at[number], len(ticks) - 1)]) * self.tick_s if made else math.nan for at in (starts, ends))
            self.burns.append(
                FlownBurn(
                    due.name,
                    due.engine,
                    due,
                    burn,
                    self._met_s(due.ignition_s),
                    start_s,
                    end_s,
                    after if number + 1 == len(ordered) else None,
                )
            )

    # The mission, burn by burn.

    def _tracked(self, ignition_s: float, name: str = "", lead_s: float | None = None) -> Iterator[sim.Chunk]:
        """Coast to the last look at the orbit before a burn: a station has to hear the lander, to find its orbit and to send up what follows."""
        name = name or ("lunar-orbit" if self.in_orbit else "cruise")
        awake_s = self._met_s(ignition_s) - (float(self.settings.lead_s) if lead_s is None else lead_s)
        yield from self._coast(name, self._met_s(ignition_s) - float(self.settings.tracked_before_s))
        while not self.over() and not self._heard():
            if self.now_s + LISTEN_S > awake_s:
                raise UnheardError(f"no station hears it in the {float(self.settings.tracked_before_s) / 60.0:.0f} minutes before a burn")
            yield from self._coast(name, self.now_s + LISTEN_S)
        self.contact = self.tick, self.states

    def _corrected(self) -> Iterator[sim.Chunk]:
        thruster = self.voyage.desk.order.small_engine
        for due in self.voyage.route.corrections:
            yield from self._tracked(due.ignition_s)
            burn, self.aim = corrected_course(self.voyage.desk.forces, self._known(), due.ignition_s, thruster, self.aim)
            if burn is None:
                self.burns.append(FlownBurn(due.name, due.engine, due, None, self._met_s(due.ignition_s), math.nan, math.nan, None))
            else:
                yield from self._burnt((due,), (burn,), self._rest())

    def _inserted(self) -> Iterator[sim.Chunk]:
        due, order = self.voyage.route.insertion, self.voyage.desk.order
        yield from self._tracked(due[0].ignition_s)
        wanted = Wanted(radii(order).perilune_m, radii(order).apolune_m, order.arrival.engines, order.arrival.later_s)
        guess = due[0].ignition_s, due[0].duration_s
        yield from self._burnt(due, insertion_burns(self.voyage.desk.forces, self._known(), wanted, guess), self._rest())

    def _stepped_down(self) -> Iterator[sim.Chunk]:
        """From a wide orbit down, apsis by apsis."""
        for due, row in zip(self.voyage.route.lowering, self.voyage.desk.order.lowering, strict=True):
            yield from self._tracked(due.ignition_s)
            if self.over():
                return
            burn = lowering_burn(self.voyage.desk.forces, self._known(), row, due.ignition_s + 0.5 * due.duration_s)
            yield from self._burnt((due,), (burn,), self._rest())

    def _lowered(self) -> Iterator[sim.Chunk]:
        """Trim, and the burn to the orbit from which it brakes."""
        down, thruster = self._way_down(), self.voyage.desk.order.small_engine
        yield from self._tracked(down.trim.ignition_s)
        if self.over():
            return
        case, descent = self._approaching(thruster), self.voyage.desk.order.descent
        descent_s = None if descent is None or descent.descent_burn is None else down.descent.ignition_s
        tried = ways(case, [self._pass(case)], down.trim.ignition_s)
        _, way = way_down(case, tried, descent_s, self.voyage.desk.epoch)
        trim = trim_burn(case, way, thruster)
        if trim is not None:
            yield from self._burnt((down.trim,), (trim,), self._rest())
        yield from self._tracked(way.descent_s)
        if self.over():
            return
        burn, self.ignition_s = descent_burn(self._approaching(thruster), way, thruster)
        yield from self._burnt((down.descent,), (burn,), BACKWARDS)

    def _landed(self) -> Iterator[sim.Chunk]:
        """The wait in the last orbit, and the powered descent. Within an orbit, or unheard, nobody tracks: flight software goes by
        what it knows."""
        phases = self.voyage.plan.lander.phases
        last = phases[-1]
        lead_s = max((float(phase.lead_s or 0.0) for phase in phases if phase.until == "ignition"), default=300.0)
        tracked = self._met_s(self.ignition_s) - float(self.settings.tracked_before_s) > self.now_s
        if tracked:
            try:
                yield from self._tracked(self.ignition_s, "pre-landing-orbit", lead_s)
            except UnheardError:
                tracked = False
            if self.over():
                return
        if tracked:
            self.ignition_s = ignition_s(self._approaching(self.voyage.desk.order.small_engine), self.ignition_s)
        yield from self._coast("pre-landing-orbit", self._met_s(self.ignition_s) - lead_s)
        if not self.over():
            orders = self._orders([], BACKWARDS) if tracked else None
            yield from self._awake(last.name, orders, lead_s + float(last.longest_s))
        if not self.over():
            yield from self._coast("fall", self.now_s + FALL_S)

    def _mapped(self) -> Iterator[sim.Chunk]:
        """In the orbit where it works, for as long as it is watched."""
        if isinstance(self.file, OrbiterFile):
            yield from self._coast("mapping", self.now_s + float(self.file.mapping.watched_days) * DAY_S)

    def _way_down(self) -> Down:
        if self.down is None:
            raise ValueError("the plan does not lead to a landing")
        return self.down

    def _approaching(self, thruster: Thruster) -> Approaching:
        known, desk = self._known(), self.voyage.desk
        landing = landing_of(desk.order)
        return Approaching(desk.forces, thruster.engine(), known.about_moon(), jnp.asarray(known.t_s), landing)

    def _pass(self, case: Approaching) -> Pass:
        """The pass of the plane over the site that is nearest to the planned one."""
        planned_s = float(self.voyage.desk.pass_s or self._way_down().ignition_s)
        found = passes(case, planned_s + DAY_S)
        if not found:
            raise PassError("the plane of the orbit does not pass over the site any more")
        return min(found, key=lambda each: abs(each.t_s - planned_s))


def _tracked_in_orbit(tracking: GroundTracking, body: RigidBody, stream: Stream, tick: Index) -> tuple[Vec3, Vec3]:
    sent = tracking.state_vector(body.r_lci_m, body.v_lci_m_s, jnp.zeros(()), stream.named("orbit determination").at(tick))
    return sent.r_lci_m, sent.v_lci_m_s


def _tracked_on_the_way(errors: tuple[Scalar, Scalar], body: RigidBody, stream: Stream, tick: Index) -> tuple[Vec3, Vec3]:
    drawn = stream.named("orbit determination").at(tick)
    return body.r_lci_m + drawn.normal_vec3(0) * errors[0], body.v_lci_m_s + drawn.normal_vec3(3) * errors[1]


def _ends(q_lci_body: Rotation) -> tuple[Vec3, Vec3]:
    return q_lci_body @ vec3((0.0, 0.0, 1.0)), q_lci_body @ vec3((1.0, 0.0, 0.0))


def _numbers(vector: Vec3) -> np.ndarray:
    return np.array([float(component) for component in vector.components()])
