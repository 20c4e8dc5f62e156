"""One flight from a mission file: `perilune.load`, `perilune.fly`, and what comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from perilune.faults.catalogue import FaultError, fault_row
from perilune.faults.effects import COMMAND_LINES
from perilune.faults.plan import FaultRow, Kind
from perilune.faults.seams import words_of
from perilune.moon.frames import selenographic
from perilune.moon.terrain import Terrain
from perilune.moon.time import Epoch
from perilune.scenario.beside import Flown, beside, burn_span_s
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.load import load
from perilune.scenario.programs import Programs, kept_programs
from perilune.scenario.schema import MissionFile
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.coast import ROW_S, ROWS, Orbit, trail
from perilune.sim.mission import Mission, PhaseKind
from perilune.sim.outcome import Outcome, Verdict
from perilune.sim.progress import Progress
from perilune.sim.recording import recording_tree
from perilune.types import Scalar
from perilune.wire.telemetry import Mode

ProgressCall = Callable[[Progress], None]


@dataclass
class Flight:
    """A flown mission: what became of it, and every channel of its record."""

    outcome: dict[str, Any]
    time_s: np.ndarray = field(repr=False)  # mission elapsed time of each record
    channels: dict[str, np.ndarray] = field(repr=False)
    epoch: Epoch
    terrain: Terrain | None = field(repr=False, default=None)
    coasts: dict[str, np.ndarray] = field(repr=False, default_factory=dict)  # a row a minute: `met_s`, height, place

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.outcome["events"]

    def dataset(self):
        """The record as an xarray tree: time and key variables at the root, groups `truth` and `downlink`."""
        about = {key: str(self.outcome[key]) for key in ("mission", "variant", "outcome")}
        return recording_tree(self.time_s, self.channels, self.epoch.utc(), about, self.coasts)


def fly(
    mission: MissionFile | str | Path,
    seed: int = 0,
    from_phase: str | None = None,
    faults: Sequence[str] | str = (),
    progress: ProgressCall | None = None,
    keep_in: Path | None = None,
    as_flown: bool = False,
) -> Flight:
    """Fly one mission from its earliest entry, or from `from_phase`, and record every tick, and of coasts a row a minute.

    `mission` is a loaded file, a name of the catalogue or a path; `faults` are words as on the command line, `NAME[:size][@trigger]`.
    With `as_flown` it meets what the real flight met, and nothing else: the published cause, from the file's table of that name.
    In the folder `keep_in`, your own, compiled programs are kept: the next flight of the same kind starts within seconds.
    Raises ScenarioError for input that cannot be flown.
    """
    file = load(mission) if isinstance(mission, str | Path) else mission
    if isinstance(faults, str):
        faults = (faults,)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**31:
        raise ScenarioError(f"seed is {seed!r}; it must be a whole number from 0 to {2**31 - 1}")
    if from_phase is not None and from_phase not in file.entries:
        raise ScenarioError(f"--from {from_phase}: {file.name} has no such start; {nearest(from_phase, file.entries)}")
    if as_flown and file.as_flown is None:
        raise ScenarioError(f"--as-flown: the mission file of {file.name} does not say what went wrong; it has no table [as_flown]")
    variant = "as-flown" if as_flown else "nominal"
    asked = {"variant": variant, "seed": int(seed), "from": from_phase or file.entries[0], "faults": list(faults)}
    with kept_programs(keep_in) as programs:
        return _flown(file, asked, programs, progress or (lambda _: None))


def _flown(file: MissionFile, asked: dict[str, Any], programs: Programs, progress: ProgressCall) -> Flight:
    lost = _lost_commands(file) if asked["variant"] == "as-flown" else ()
    plan = build(file, (*_rows(file, asked["faults"]), *lost), programs, asked["from"])
    _check_words(plan, asked["faults"])
    fleet = fleet_of(plan.mission, plan.spread, jnp.asarray([asked["seed"]]), programs)
    records, times, coasts = [], [], []
    verdict: Verdict | None = None
    shape = programs.shape(sim.start, fleet, jnp.asarray(plan.phases[0].start_tick))
    for chunk in sim.fly(fleet, plan.phases, all_channels, programs, shape):
        verdict = jax.tree.map(lambda a: np.asarray(a)[0], chunk.states.verdict)
        if chunk.phase.kind is PhaseKind.COAST:
            coasts.append(chunk)
            continue
        records.append(jax.tree.map(lambda a: np.asarray(a)[:, 0], chunk.record))
        # A record shows what was true, and what was believed, when the sensors looked.
        times.append((chunk.first_tick + np.arange(sim.CHUNK_TICKS)) * float(plan.mission.tick_s))
        progress(_look(plan, chunk, records[-1], times[-1]))
    if verdict is None or not records:
        raise ScenarioError(f"{file.name}: no powered phase was flown")
    channels = {name: np.concatenate([record[name] for record in records]) for name in records[0]}
    time_s = np.concatenate(times)
    outcome = _outcome(plan, verdict, (time_s, channels), asked)
    own = eqx.combine(jax.tree.map(lambda a: a[0], eqx.filter(fleet.own, eqx.is_array)), fleet.shared)
    return Flight(outcome, time_s, channels, plan.epoch, own.world.terrain, _trails(own, coasts, programs))


def _lost_commands(file: MissionFile) -> tuple[FaultRow, ...]:
    """What the real flight met, as rows that act from the start."""
    lost = file.as_flown.lost_commands if file.as_flown is not None else ()
    return tuple(FaultRow(Kind.COMMAND_LOST, unit=COMMAND_LINES.index(command), size=1.0) for command in lost)


def _rows(file: MissionFile, faults: Sequence[str]) -> tuple[FaultRow, ...]:
    counts = {"engine": sum(g.count for g in file.engines), "thruster": sum(g.count for g in file.thrusters)}
    try:
        rows = tuple(fault_row(words) for words in faults)
    except FaultError as error:
        raise ScenarioError(str(error)) from None
    for words, row in zip(faults, rows, strict=True):
        kind = words.partition(".")[0]
        if row.unit >= counts.get(kind, row.unit + 1):
            raise ScenarioError(f"--fault {words}: {file.name} has {counts[kind]} {kind}s, numbered from 0")
    return rows


def _check_words(plan: Flightplan, faults: Sequence[str]) -> None:
    """Flight software's memory ends somewhere; how many words it has is known when it is built."""
    struck = [(words, row) for words, row in zip(faults, _rows(plan.file, faults), strict=True) if row.kind is Kind.STATE_UPSET]
    if not struck:
        return
    count = len(words_of(eqx.filter_eval_shape(plan.mission.fsw.init, jnp.zeros(()))))
    for words, row in struck:
        if row.unit >= count:
            raise ScenarioError(f"--fault {words}: flight software of {plan.file.name} has {count} words of state, numbered from 0")


def _trails(mission: Mission, coasts: list[sim.Chunk], programs: Programs) -> dict[str, np.ndarray]:
    """Every coast anew from where it began, for the record: the flight itself keeps only its end."""
    pieces = []
    for chunk in coasts:
        before = jax.tree.map(lambda a: a[0], chunk.before)
        now_s = chunk.first_tick * float(mission.tick_s)
        over_s = float(np.asarray(chunk.states.verdict.end_met_s)[0])
        end_s = over_s if over_s > 0.0 else chunk.phase.end_tick * float(mission.tick_s)
        orbit = Orbit(before.world.body.r_lci_m, before.world.body.v_lci_m_s)
        while now_s < end_s:
            orbit, rows = programs(_trail, mission, orbit, jnp.asarray(now_s), jnp.asarray(end_s))
            pieces.append({name: np.asarray(row) for name, row in rows.items()})
            now_s += ROWS * ROW_S
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]} if pieces else {}
    kept = np.diff(joined["met_s"], prepend=-1.0) > 0.0 if joined else slice(None)
    return {name: row[kept] for name, row in joined.items()}


@eqx.filter_jit
def _trail(mission: Mission, orbit: Orbit, start_s: Scalar, end_s: Scalar) -> tuple[Orbit, dict[str, Array]]:
    return trail(mission.world, orbit, start_s, end_s)


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


def _outcome(plan: Flightplan, verdict: Verdict, record: tuple[np.ndarray, dict[str, np.ndarray]], asked: dict[str, Any]) -> dict[str, Any]:
    """The result as `--json` prints it, files apart."""
    time_s, channels = record
    file, limits = plan.file, plan.file.limits
    fate = Outcome(int(verdict.outcome))
    if fate is Outcome.FLYING:
        fate = Outcome.LOST
    contact = _contact(plan, verdict) if bool(verdict.touched) else None
    return {
        "schema": 1,
        "mission": file.name,
        "variant": asked["variant"],
        "from": asked["from"],
        "faults": asked["faults"],
        "seed": asked["seed"],
        "width": 1,
        "outcome": fate.name.lower(),
        "cause": _fallen(plan, verdict) or cause(fate, verdict, file),
        "phase": Mode(int(channels["downlink/mode"][-1])).name.lower(),
        "contact": contact,
        "rest": _rest(plan, verdict) if fate in (Outcome.LANDED, Outcome.TIPPED_OVER) else None,
        "limits": {key: float(getattr(limits, key)) for key in ("vertical_m_s", "horizontal_m_s", "tilt_deg", "slope_deg")},
        "propellant_left_kg": float(channels["truth/propellant_kg"][-1]),
        "events": _events(plan, verdict, time_s, channels["downlink/mode"]),
        **({"as_flown": file.as_flown.model_dump(mode="json")} if asked["variant"] == "as-flown" and file.as_flown else {}),
        "observed": _observed(file, Flown(time_s, channels["downlink/mode"], contact, plan.burn)),
    }


def _observed(file: MissionFile, flown: Flown) -> dict[str, Any]:
    """The mission file's own words, and beside each figure what was planned and flown here."""
    if file.observed is None:
        return {}
    told = file.observed.model_dump(mode="json")
    for row, figure in zip(told["figures"], file.observed.figures, strict=True):
        row["planned_here"], row["flown_here"] = beside(figure, flown)
    return told


def _fallen(plan: Flightplan, verdict: Verdict) -> str:
    """A coast that met the ground, in words; nothing if the flight ended otherwise."""
    tick, contact = float(verdict.contact.met_s) / float(plan.mission.tick_s), verdict.contact
    coasts = [phase for phase in plan.phases if phase.kind is PhaseKind.COAST and phase.start_tick < tick < phase.end_tick]
    if not bool(verdict.touched) or not coasts:
        return ""
    speed_m_s = float(np.hypot(contact.vertical_m_s, contact.horizontal_m_s))
    return f"its orbit met the ground, at {speed_m_s:.0f} m/s and {float(contact.vertical_m_s):.0f} m/s of them down"


def cause(fate: Outcome, verdict: Verdict, file: MissionFile) -> str:
    """One line on why it ended as it did."""
    contact, limits = verdict.contact, file.limits
    over = []
    if float(contact.vertical_m_s) > limits.vertical_m_s:
        over.append(f"{float(contact.vertical_m_s):.2f} m/s down, limit {limits.vertical_m_s:g}")
    if float(contact.horizontal_m_s) > limits.horizontal_m_s:
        over.append(f"{float(contact.horizontal_m_s):.2f} m/s sideways, limit {limits.horizontal_m_s:g}")
    if np.degrees(contact.tilt_rad) > limits.tilt_deg:
        over.append(f"tilted by {np.degrees(contact.tilt_rad):.1f} deg, limit {limits.tilt_deg:g}")
    slope = f"on ground sloping {np.degrees(contact.slope_rad):.1f} deg"
    return {
        Outcome.LANDED: f"at rest, upright, {slope}",
        Outcome.TIPPED_OVER: f"at rest at a tilt of {np.degrees(verdict.end_tilt_rad):.0f} deg, {slope}",
        Outcome.CRASHED: f"touched the ground at {', '.join(over)}",
        Outcome.LOST: "time ran out before it came to rest",
        Outcome.IN_ORBIT: "in the orbit that was wanted",
        Outcome.NUMERICAL: "a number in the state is not finite",
    }[fate]


def _contact(plan: Flightplan, verdict: Verdict) -> dict[str, Any]:
    contact, site = verdict.contact, plan.mission.world.site
    place = selenographic(contact.r_lfme_m)
    target = site.r_origin_lfme_m
    angle = jnp.arctan2(contact.r_lfme_m.cross(target).norm(), contact.r_lfme_m.dot(target))
    return {
        "utc": plan.epoch.after(float(contact.met_s)).utc(),
        "met_s": float(contact.met_s),
        "latitude_deg": float(np.degrees(place.latitude_rad)),
        "longitude_deg": float(np.degrees(place.longitude_rad)),
        "elevation_m": float(place.elevation_m),
        "miss_m": float(angle * target.norm()),
        "ground_slope_deg": float(np.degrees(contact.slope_rad)),
        "vertical_speed_m_s": float(contact.vertical_m_s),
        "horizontal_speed_m_s": float(contact.horizontal_m_s),
        "tilt_deg": float(np.degrees(contact.tilt_rad)),
    }


def _rest(plan: Flightplan, verdict: Verdict) -> dict[str, Any]:
    return {"utc": plan.epoch.after(float(verdict.end_met_s)).utc(), "tilt_deg": float(np.degrees(verdict.end_tilt_rad))}


def _events(plan: Flightplan, verdict: Verdict, time_s: np.ndarray, mode: np.ndarray) -> list[dict[str, Any]]:
    """Changes of mode, first contact and rest, in order."""
    marks, burnt = [(0.0, "start", {})], burn_span_s(time_s, mode)
    for i in np.flatnonzero(np.diff(mode, prepend=mode[0])):
        before = Mode(int(mode[i - 1]))
        lasted = {"burn_s": burnt[1] - burnt[0]} if burnt is not None and before is Mode.DESCENT_ORBIT_BURN else {}
        marks.append((float(time_s[i]), Mode(int(mode[i])).name.lower(), {"from": before.name.lower(), **lasted}))
    if bool(verdict.touched):
        marks.append((float(verdict.contact.met_s), "contact", {}))
    if float(verdict.end_met_s) > 0.0:
        marks.append((float(verdict.end_met_s), Outcome(int(verdict.outcome)).name.lower(), {}))
    ordered = sorted(marks, key=lambda mark: mark[0])
    return [{"utc": plan.epoch.after(met_s).utc(), "met_s": met_s, "name": name, "detail": detail} for met_s, name, detail in ordered]
