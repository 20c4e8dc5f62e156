"""One flight from a mission file: `perilune.load`, `perilune.fly`, and what comes back."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.faults.plan import FaultRow
from perilune.faults.words import rows_of
from perilune.math.calling import Call, called_by
from perilune.moon.terrain import Terrain
from perilune.moon.time import Epoch
from perilune.scenario.ahead import Ahead
from perilune.scenario.build import Flightplan, build, fault_table
from perilune.scenario.build_voyage import build_voyage
from perilune.scenario.bus import BUS_CHANNELS, bus_history, bus_summary
from perilune.scenario.disperse import fleet_of, lander_of
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.faults import never_began, read_faults, refuse_late
from perilune.scenario.impact_band import BAND_CHANNELS, Swept, impact_band, left_of_track_km
from perilune.scenario.load import load, variant_of
from perilune.scenario.outcome import Story, outcome_of
from perilune.scenario.programs import Programs, kept_programs
from perilune.scenario.rehearsal import rehearse
from perilune.scenario.schema import SEPARATION, LanderFile, MissionFile
from perilune.scenario.trails import joined, trail_of
from perilune.scenario.voyage import Journey
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.mission import PhaseKind
from perilune.sim.progress import Progress
from perilune.sim.recording import recording_tree
from perilune.wire.telemetry import Mode

ProgressCall = Callable[[Progress], None]

# What is of another type is refused in words, also where annotations are checked as the program runs.
if TYPE_CHECKING:
    Entry: TypeAlias = str | None
    Faults: TypeAlias = Sequence[str] | str
else:
    Entry = Faults = object


@dataclass
class Flight:
    """A flown mission: what became of it, and every channel of its record."""

    outcome: dict[str, Any]
    time_s: np.ndarray = field(repr=False)  # mission elapsed time of each record
    channels: dict[str, np.ndarray] = field(repr=False)
    epoch: Epoch
    terrain: Terrain | None = field(repr=False, default=None)
    coasts: dict[str, np.ndarray] = field(repr=False, default_factory=dict)  # a row a minute: `met_s`, height, place, state
    bus: dict[str, np.ndarray] = field(repr=False, default_factory=dict)  # of a whole mission: power, temperature and radio
    verdict: Any = field(repr=False, default=None)  # `perilune.sim.outcome.Verdict`, of one lander
    impacts: dict[str, np.ndarray] = field(repr=False, default_factory=dict)  # of burns that the record allows: `BAND_CHANNELS`

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.outcome["events"]

    def dataset(self):
        """The record as an xarray tree: time and key variables at the root, groups `truth` and `downlink`."""
        about = {key: str(self.outcome[key]) for key in ("mission", "variant", "outcome")}
        beside = {"bus": (self.bus, BUS_CHANNELS), "impacts": (self.impacts, BAND_CHANNELS)}
        return recording_tree(self.time_s, self.channels, self.epoch.utc(), about, self.coasts, beside)


def fly(
    mission: MissionFile | str | Path,
    seed: int = 0,
    from_phase: Entry = None,
    faults: Faults = (),
    progress: ProgressCall | None = None,
    keep_in: Path | Ahead | Programs | None = None,
    variant: str = "nominal",
) -> Flight:
    """Fly one mission from its earliest entry, or from `from_phase`, and record every tick, and of coasts a row a minute.

    `mission` is a loaded file, a name of the catalogue or a path; `faults` are words as on the command line, `NAME[:size][@trigger]`.
    The variant `as-flown` meets what the real flight met, and nothing else: the published cause, from the file's table of that name.
    `mended` meets it too, with the settings that would have saved it.
    In the folder `keep_in`, your own, compiled programs are kept: the next flight of the same kind starts within seconds. Who flies one
    after another has them from `kept_programs(folder)` instead, once for all.
    Raises ScenarioError for input that cannot be flown.
    """
    file = mission if isinstance(mission, MissionFile) else load(mission)
    if isinstance(faults, str):
        faults = (faults,)
    if not isinstance(faults, Sequence) or not all(isinstance(words, str) for words in faults):
        raise ScenarioError(
            f"faults are {faults!r}; they are words, as 'engine.thrust-loss:0.4@phase=braking', or a list of such; () is none"
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**31:
        raise ScenarioError(f"seed is {seed!r}; it must be a whole number from 0 to {2**31 - 1}")
    if from_phase is not None and from_phase not in file.entries:
        raise ScenarioError(f"--from {from_phase}: {file.name} has no such start; {nearest(str(from_phase), file.entries)}")
    file = variant_of(file, variant)
    fault_table((*rows_of([fault.words for fault in read_faults(file, faults)]), *_met(file, variant)))
    asked = {"variant": variant, "seed": int(seed), "from": from_phase or file.entries[0], "faults": list(faults)}
    with kept_programs(keep_in) as programs, ThreadPoolExecutor(max_workers=1) as beside:
        return _flown(file, asked, (programs, beside), progress or (lambda _: None))


class _Underway(NamedTuple):
    """A flight that sets out: its plan, the lander, what it yields, and of a whole mission the journey that notes its burns."""

    plan: Flightplan
    fleet: sim.Fleet
    chunks: Iterator[sim.Chunk]
    journey: Journey | None = None


def _set_out(file: MissionFile, asked: dict[str, Any], programs: Programs, beside: ThreadPoolExecutor) -> _Underway:
    rows, seed = rows_of(asked["faults"]), asked["seed"]
    if asked["from"] != SEPARATION:
        plan = build(file, (*rows, *_met(file, asked["variant"])), programs, asked["from"])
        fleet = fleet_of(plan.mission, plan.spread, jnp.asarray([seed]), programs)
        shape = programs.shape(sim.start, fleet, jnp.asarray(plan.phases[0].start_tick))
        return _Underway(plan, fleet, sim.fly(fleet, plan.phases, all_channels, programs, shape))
    # The programs of the flight take as long to make as the plan. Who asks for one that is being made waits for it.
    if not programs.coming:
        beside.submit(rehearse, file, programs)
    voyage = build_voyage(file, programs, seed)
    lost = _met(file, asked["variant"], voyage.last_look_s)
    mission = eqx.tree_at(lambda m: m.faults, voyage.plan.mission, fault_table((*rows, *lost)))
    voyage = voyage._replace(plan=voyage.plan._replace(mission=mission))
    fleet = fleet_of(mission, voyage.plan.spread, jnp.asarray([seed]), programs)
    journey = Journey(voyage, fleet, programs)
    return _Underway(voyage.plan, fleet, journey.fly(), journey)


def recorded(
    plan: Flightplan, fleet: sim.Fleet, asked: dict[str, Any], programs: Programs, progress: ProgressCall, call: Call | None = None
) -> Flight:
    """A lander that is ready, a batch of one, flown with everything recorded; `asked` says what the flight is, as its outcome tells it.

    `call` runs the programs of the flight, if it is not `programs`.
    """
    underway = _Underway(plan, fleet, sim.fly(fleet, plan.phases, all_channels, call or programs))
    with ThreadPoolExecutor(max_workers=1) as beside:
        return _watched(underway, asked, (programs, beside), progress)


def _flown(file: MissionFile, asked: dict[str, Any], made_by: tuple[Programs, ThreadPoolExecutor], progress: ProgressCall) -> Flight:
    underway = _set_out(file, asked, *made_by)
    refuse_late(underway.plan, asked["faults"])
    swept = made_by[1].submit(impact_band, file, made_by[0]) if _leads_to_the_ground(file, asked) else None
    flight = _watched(underway, asked, made_by, progress)
    return flight if swept is None else with_impacts(flight, swept.result())


def _leads_to_the_ground(file: MissionFile, asked: dict[str, Any]) -> bool:
    """Whether the flight makes the burn of which the file tells where it led."""
    if asked["variant"] != "as-flown" or not isinstance(file, LanderFile) or file.as_flown is None or file.as_flown.impact is None:
        return False
    return asked["from"] == SEPARATION or file.burns_from(asked["from"])


def with_impacts(flight: Flight, swept: Swept) -> Flight:
    """The flight, and beside it all that the record allows of its burn."""
    place = swept.told["observed"]["latitude_deg"], swept.told["observed"]["longitude_deg"]
    told = {**swept.told, "crater_left_of_this_track_km": [left_of_track_km(flight.coasts, place)]}
    return replace(flight, outcome={**flight.outcome, "impacts": told}, impacts=swept.rows)


def _watched(underway: _Underway, asked: dict[str, Any], made_by: tuple[Programs, ThreadPoolExecutor], progress: ProgressCall) -> Flight:
    programs, beside = made_by
    plan, fleet, chunks, journey = underway
    own = lander_of(fleet)
    powered, coasts, trails = [], [], []
    for chunk in chunks:
        if chunk.phase.kind is PhaseKind.COAST:
            coasts.append(chunk)
            trails.append(beside.submit(trail_of, own, chunk, None if journey is None else journey.voyage.forces, programs))
            continue
        record = jax.tree.map(lambda a: np.asarray(a)[:, 0], chunk.record)
        # A record shows what was true, and what was believed, when the sensors looked.
        powered.append((chunk, record, (chunk.first_tick + np.arange(sim.CHUNK_TICKS)) * float(plan.mission.tick_s)))
        progress(_look(plan, *powered[-1]))
    if not powered:
        why = "no powered phase was flown" if journey is None else f"the ground found no first burn: {journey.stuck}"
        raise ScenarioError(f"{plan.file.name}: {why}")
    flown = sorted((*coasts, *(each[0] for each in powered)), key=lambda chunk: chunk.first_tick)
    last = flown[-1].states
    verdict, began_s = (jax.tree.map(lambda a: np.asarray(a)[0], part) for part in (last.verdict, last.faults.began_s))
    story = Story(
        time_s=np.concatenate([times for _, _, times in powered]),
        channels={name: np.concatenate([record[name] for _, record, _ in powered]) for name in powered[0][1]},
        coasts=joined([rows for trail in trails for rows in trail.result()]),
        phases=tuple(dict.fromkeys(chunk.phase for chunk in flown)),
        **({"burns": tuple(journey.burns), "stuck": journey.stuck, "desk": journey.voyage.desk} if journey is not None else {}),
    )
    silent = never_began(asked["faults"], began_s.tolist(), float(story.time_s[-1]))
    with called_by(programs):
        outcome = {**outcome_of(plan, verdict, story, asked), "never_began": silent}
    bus, told = _bus(plan.file, story, plan, programs) if journey is not None else ({}, {})
    return Flight({**outcome, **told}, story.time_s, story.channels, plan.epoch, own.world.terrain, story.coasts, bus, verdict)


def _bus(file: MissionFile, story: Story, plan: Flightplan, programs: Programs) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Power, temperature and radio along the flight, and what the result says of them; nothing for a file without their tables."""
    if file.power is None:
        return {}, {}
    rows = story.rows(plan.epoch)
    history = bus_history(file, rows, programs=programs)
    return {"met_s": rows.met_s, **history}, {"bus": bus_summary(file, rows, history)}


def _met(file: MissionFile, variant: str, from_s: float = 0.0) -> tuple[FaultRow, ...]:
    return () if variant == "nominal" else met_in_flight(file, from_s)


def met_in_flight(file: MissionFile, from_s: float = 0.0) -> tuple[FaultRow, ...]:
    """What the real flight met: faults, and commands lost from the start or from a mission elapsed time."""
    told = file.as_flown
    if told is None:
        return ()
    lost = [f"command.lost.{command}@met={from_s!r}.." for command in told.lost_commands]
    return rows_of([*(fault.words for fault in read_faults(file, told.faults)), *lost])


def _look(plan: Flightplan, chunk: sim.Chunk, record: dict[str, np.ndarray], times: np.ndarray) -> Progress:
    powered = [phase for phase in plan.phases if phase.kind is PhaseKind.POWERED]
    # Powered phases are given more time than they take, so a flight ends before the share is one.
    total = sum(phase.end_tick - phase.start_tick for phase in powered)
    before = sum(phase.end_tick - phase.start_tick for phase in powered if phase.end_tick <= chunk.first_tick)
    flown = before + chunk.first_tick + sim.CHUNK_TICKS - chunk.phase.start_tick
    engines = np.asarray(plan.mission.world.propulsion.engines.thrust_max_n)
    return Progress(
        phase=chunk.phase.name,
        mode=Mode(int(record["downlink/mode"][-1])).name.lower(),
        met_s=float(times[-1]),
        share=min(1.0, flown / total),
        altitude_m=float(record["truth/altitude_m"][-1]),
        vertical_speed_m_s=float(record["truth/vertical_speed_m_s"][-1]),
        horizontal_speed_m_s=float(record["truth/horizontal_speed_m_s"][-1]),
        mass_kg=float(record["truth/mass_kg"][-1]),
        throttle=float(np.sum(record["truth/throttle"][-1] * engines) / np.sum(engines)),
    )
