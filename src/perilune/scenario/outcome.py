"""What became of a flight, as `--json` prints it: verdict, events, burns, and the real flight beside it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perilune.moon.frames import selenographic
from perilune.moon.time import Epoch
from perilune.scenario.beside import Farthest, Flown, FlownBurn, Place, beside
from perilune.scenario.build import Flightplan
from perilune.scenario.bus import BusRows
from perilune.scenario.in_orbit import misses, watched
from perilune.scenario.moments import track_of
from perilune.scenario.schema import LanderFile, MissionFile, OrbiterFile
from perilune.scenario.schema_place import epoch_of
from perilune.sim.mission import Phase, PhaseKind
from perilune.sim.outcome import Outcome, Verdict
from perilune.trajectory.flightpath import MissionPlan, Orbit
from perilune.wire.telemetry import Mode

# Of the ticks of powered phases: one a second.
POWERED_STRIDE = 10
# Who began nearer to the Earth than that came from it; who was farther than the Moon ever is went by way of the Sun.
NEAR_EARTH_KM, BEYOND_MOON_KM = 1e5, 4.1e5


class Story(NamedTuple):
    """What was flown: the record of the powered phases, the rows of the coasts, the phases, and of a whole mission its burns."""

    time_s: np.ndarray
    channels: dict[str, np.ndarray]
    coasts: dict[str, np.ndarray]
    phases: tuple[Phase, ...]
    burns: tuple[FlownBurn, ...] = ()
    stuck: str = ""  # why the ground knew no way on
    desk: MissionPlan | None = None  # of a whole mission

    def rows(self, epoch: Epoch) -> BusRows:
        """Coasts and, once a second, powered phases, for power, temperature and radio."""
        some = slice(None, None, POWERED_STRIDE)
        mode = self.channels["downlink/mode"][some]
        awake = {
            "met_s": self.time_s[some],
            "r_lci_m": self.channels["truth/r_lci_m"][some],
            "q_lci_body": self.channels["truth/q_lci_body"][some],
            "burning": ((mode >= Mode.BURN) & (mode < Mode.FREE_FALL)).astype(float),
            "devices_on": np.ones(len(mode)),
        }
        asleep = {**self.coasts, "burning": np.zeros(len(self.coasts["met_s"])), "devices_on": np.zeros(len(self.coasts["met_s"]))}
        order = np.argsort(np.concatenate([asleep["met_s"], awake["met_s"]]), kind="stable")
        return BusRows(epoch, **{name: np.concatenate([asleep[name], awake[name]])[order] for name in awake})


def outcome_of(plan: Flightplan, verdict: Verdict, story: Story, asked: dict[str, Any]) -> dict[str, Any]:
    """The result as `--json` prints it, files apart."""
    time_s, channels = story.time_s, story.channels
    file = plan.file
    fate, why, told = _judged(plan, verdict, story)
    contact = contact_of(plan, verdict) if bool(verdict.touched) else None
    rest = rest_of(plan, verdict) if fate in (Outcome.LANDED, Outcome.TIPPED_OVER) else None
    return {
        "schema": 1,
        "mission": file.name,
        "variant": asked["variant"],
        "from": asked["from"],
        "faults": asked["faults"],
        "seed": asked["seed"],
        "width": 1,
        "outcome": fate.name.lower(),
        "cause": story.stuck or _fallen(plan, verdict, story.phases) or why,
        "phase": Mode(int(channels["downlink/mode"][-1])).name.lower(),
        "contact": contact,
        "rest": rest,
        **told,
        "propellant_left_kg": float(channels["truth/propellant_kg"][-1]),
        "events": _events(plan, verdict, story),
        "burns": [_burn(plan, burn) for burn in story.burns],
        **({"as_flown": file.as_flown.model_dump(mode="json")} if asked["variant"] != "nominal" and file.as_flown else {}),
        "observed": _observed(
            file,
            Flown(
                time_s,
                channels["downlink/mode"],
                contact,
                plan.burn,
                story.burns,
                _place(plan, story.coasts),
                track_of(time_s, channels),
                farthest(story.coasts),
                story.desk,
                rest,
            ),
        ),
    }


def _judged(plan: Flightplan, verdict: Verdict, story: Story) -> tuple[Outcome, str, dict[str, Any]]:
    """What became of it, why, and by what that was judged: what a lander stands, or how an orbiter kept to its orbit."""
    fate, file = Outcome(int(verdict.outcome)), plan.file
    if isinstance(file, OrbiterFile):
        return _kept(file, fate, plan, story)
    fate = Outcome.LOST if fate is Outcome.FLYING else fate
    limits = {key: float(getattr(plan.lander.limits, key)) for key in ("vertical_m_s", "horizontal_m_s", "tilt_deg", "slope_deg")}
    return fate, cause(fate, verdict, plan.lander), {"limits": limits}


def _kept(file: OrbiterFile, fate: Outcome, plan: Flightplan, story: Story) -> tuple[Outcome, str, dict[str, Any]]:
    """The same of an orbiter."""
    last_s = max((burn.end_s for burn in story.burns if np.isfinite(burn.end_s)), default=np.inf)
    found = watched(story.coasts, last_s, plan.mission.world.ephemeris)
    wrong = misses(found, file.mapping)
    told = {"limits": {}, "orbit": None if found is None else found.told}
    if fate is not Outcome.FLYING:
        return fate, "a number in the state is not finite" if fate is Outcome.NUMERICAL else "it met the ground", told
    if wrong or story.stuck or found is None:
        return Outcome.LOST, "; ".join(wrong), told
    return Outcome.IN_ORBIT, found.words(), told


def _observed(file: MissionFile, flown: Flown) -> dict[str, Any]:
    """The mission file's own words, and beside each figure what was planned and flown here."""
    if file.observed is None:
        return {}
    told = file.observed.model_dump(mode="json")
    for row, figure in zip(told["figures"], file.observed.figures, strict=True):
        row["planned_here"], row["flown_here"] = beside(figure, flown)
    return told


def _place(plan: Flightplan, coasts: dict[str, np.ndarray]) -> Callable[[datetime], Place | None]:
    """Where it was at a moment of a coast, by the nearest row of its record."""

    def place(utc: datetime) -> Place | None:
        met_s = epoch_of(utc).seconds_since(plan.epoch)
        if "r_gci_m" not in coasts or not coasts["met_s"][0] <= met_s <= coasts["met_s"][-1]:
            return None
        row = int(np.argmin(np.abs(coasts["met_s"] - met_s)))
        return Place(coasts["r_gci_m"][row], coasts["r_lci_m"][row])

    return place


def farthest(coasts: dict[str, np.ndarray]) -> Farthest | None:
    """From the Earth, by the record; None for a flight that began about the Moon."""
    if "r_gci_m" not in coasts:
        return None
    away_km = 1e-3 * np.linalg.norm(coasts["r_gci_m"], axis=1)
    top = int(np.argmax(away_km))
    return Farthest(float(coasts["met_s"][top]), float(away_km[top])) if away_km[0] < NEAR_EARTH_KM else None


def _turned_back(story: Story) -> list[tuple[float, str, dict[str, Any]]]:
    """The farthest point of a way beyond the Moon, and when the desk had it."""
    top = farthest(story.coasts)
    if story.desk is None or top is None or top.distance_km < BEYOND_MOON_KM:
        return []
    planned_utc = story.desk.epoch.after(story.desk.farthest()[0]).utc()
    return [(top.met_s, "farthest_from_earth", {"distance_km": top.distance_km, "planned_utc": planned_utc})]


def _burn(plan: Flightplan, burn: FlownBurn) -> dict[str, Any]:
    """A burn as planned before launch, as ordered from the orbit that tracking found, and as flown."""
    ordered, planned = burn.ordered, burn.planned
    return {
        "name": burn.name,
        "engine": burn.engine,
        "planned": {
            "utc": _utc(plan, burn.planned_met_s),
            "duration_s": planned.duration_s,
            "delta_v_m_s": planned.delta_v_m_s,
            "one_sigma": planned.orbit_after is None,  # of a correction only its size is expected
        },
        "ordered": None if ordered is None else {"duration_s": ordered.duration_s, "delta_v_m_s": ordered.delta_v_m_s},
        "flown": {"utc": _utc(plan, burn.start_s), "met_s": burn.start_s, "duration_s": burn.end_s - burn.start_s} if burn.made else None,
        "orbit_after": None if burn.orbit_after is None else _orbit(burn.orbit_after),
    }


def _utc(plan: Flightplan, met_s: float) -> str:
    return plan.epoch.after(met_s).utc()


def _orbit(orbit: Orbit) -> dict[str, Any]:
    bound = bool(np.isfinite(orbit.apoapsis_altitude_m))
    return {
        "periapsis_altitude_km": orbit.periapsis_altitude_m / 1e3,
        "apoapsis_altitude_km": orbit.apoapsis_altitude_m / 1e3 if bound else None,
        "inclination_deg": float(np.degrees(orbit.inclination_rad)),
    }


def _fallen(plan: Flightplan, verdict: Verdict, phases: tuple[Phase, ...]) -> str:
    """A coast that met the ground, in words; nothing if the flight ended otherwise."""
    tick, contact = float(verdict.contact.met_s) / float(plan.mission.tick_s), verdict.contact
    coasts = [phase for phase in phases if phase.kind is PhaseKind.COAST and phase.start_tick < tick < phase.end_tick]
    if not bool(verdict.touched) or not coasts:
        return ""
    speed_m_s = float(np.hypot(contact.vertical_m_s, contact.horizontal_m_s))
    return f"its orbit met the ground, at {speed_m_s:.0f} m/s and {float(contact.vertical_m_s):.0f} m/s of them down"


def cause(fate: Outcome, verdict: Verdict, file: LanderFile) -> str:
    """One line on why it ended as it did."""
    contact, limits = verdict.contact, file.limits
    over = []
    if float(contact.vertical_m_s) > limits.vertical_m_s:
        over.append(f"{float(contact.vertical_m_s):.2f} m/s down, limit {limits.vertical_m_s:g}")
    if float(contact.horizontal_m_s) > limits.horizontal_m_s:
        over.append(f"{float(contact.horizontal_m_s):.2f} m/s sideways, limit {limits.horizontal_m_s:g}")
    if np.degrees(contact.tilt_rad) > limits.tilt_deg:
        over.append(f"tilted by {np.degrees(contact.tilt_rad):.1f} deg, limit {limits.tilt_deg:g}")
    slope, rest_deg = f"on ground sloping {np.degrees(contact.slope_rad):.1f} deg", float(np.degrees(verdict.end_tilt_rad))
    hull = " on its hull," if rest_deg <= limits.rest_tilt_deg else ""  # nothing else makes no landing of such a tilt
    return {
        Outcome.LANDED: f"at rest, upright, {slope}",
        Outcome.TIPPED_OVER: f"at rest{hull} at a tilt of {rest_deg:.0f} deg, {slope}",
        Outcome.CRASHED: f"touched the ground at {', '.join(over)}",
        Outcome.LOST: "time ran out before it came to rest",
        Outcome.IN_ORBIT: "in the orbit that was wanted",
        Outcome.NUMERICAL: "a number in the state is not finite",
    }[fate]


def contact_of(plan: Flightplan, verdict: Verdict) -> dict[str, Any]:
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
        "miss_m": float(angle * target.norm()) if isinstance(plan.file, LanderFile) else None,
        "ground_slope_deg": float(np.degrees(contact.slope_rad)),
        "vertical_speed_m_s": float(contact.vertical_m_s),
        "horizontal_speed_m_s": float(contact.horizontal_m_s),
        "tilt_deg": float(np.degrees(contact.tilt_rad)),
    }


def rest_of(plan: Flightplan, verdict: Verdict) -> dict[str, Any]:
    return {"utc": plan.epoch.after(float(verdict.end_met_s)).utc(), "tilt_deg": float(np.degrees(verdict.end_tilt_rad))}


def _events(plan: Flightplan, verdict: Verdict, story: Story) -> list[dict[str, Any]]:
    """Changes of mode, the farthest point of the way, first contact and rest, in order."""
    time_s, mode = story.time_s, story.channels["downlink/mode"]
    marks, lit_s, names = [(0.0, "start", {})], 0.0, {round(burn.start_s, 1): burn.name for burn in story.burns}
    for i in np.flatnonzero(np.diff(mode, prepend=mode[0])):
        before, now = Mode(int(mode[i - 1])), Mode(int(mode[i]))
        lasted = {"burn_s": float(time_s[i]) - lit_s} if before is Mode.BURN else {}
        lit_s = float(time_s[i]) if now is Mode.BURN else lit_s
        named = {"burn": names[round(lit_s, 1)]} if now is Mode.BURN and round(lit_s, 1) in names else {}
        marks.append((float(time_s[i]), now.name.lower(), {"from": before.name.lower(), **lasted, **named}))
    marks += _turned_back(story)
    if bool(verdict.touched):
        marks.append((float(verdict.contact.met_s), "contact", {}))
    if float(verdict.end_met_s) > 0.0:
        marks.append((float(verdict.end_met_s), Outcome(int(verdict.outcome)).name.lower(), {}))
    ordered = sorted(marks, key=lambda mark: mark[0])
    return [{"utc": plan.epoch.after(met_s).utc(), "met_s": met_s, "name": name, "detail": detail} for met_s, name, detail in ordered]
