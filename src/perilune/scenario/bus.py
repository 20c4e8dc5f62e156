"""Power, temperature and radio along a flown mission, as the record and the report want them.

**Error.** Each row's light, attitude and use last until the next row: rows a minute apart in a low orbit see shadows and windows to half a row.
**Neglects** shadows and windows that begin and end between two rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import ASTRONOMICAL_UNIT_M, RADIUS_EARTH_M, RADIUS_MOON_M, SPEED_OF_LIGHT_M_S
from perilune.dynamics.radiation import SOLAR_IRRADIANCE_W_M2
from perilune.math.rotation import Rotation, from_axes
from perilune.math.vector import Vec3, any_normal_to, select, vec3
from perilune.moon.earth import load_earth_orientation
from perilune.moon.eclipse import discs, sunlit_share
from perilune.moon.ephemeris import Ephemeris, load_ephemeris
from perilune.moon.time import Epoch
from perilune.scenario.build import window_s
from perilune.scenario.build_bus import bus_of, unit_rows
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import DIRECT, Programs, settled
from perilune.scenario.schema import MissionFile
from perilune.sim.recording import Channel
from perilune.types import Scalar
from perilune.world.bus import Bus, BusState, Outside
from perilune.world.power import Use
from perilune.world.thermal import MoonLight, moon_light

# Rows that one call of a compiled program takes, the last call filled up: one program, whatever the mission.
CHUNK = 4096
# Longest step between rows: a tenth of the shadow of a low lunar orbit (45 min), and short against the thermostat's cycle.
STEP_MAX_S = 240.0

BUS_CHANNELS: Mapping[str, Channel] = {
    "sunlit": Channel("1", "share of the Sun's disc that the Earth and the Moon leave free"),
    "power_generated_w": Channel("W", "what panels and generator can give"),
    "power_used_w": Channel("W", "electric power used"),
    "power_balance_w": Channel("W", "what there is less what is asked for, before the battery"),
    "state_of_charge": Channel("1", "charge of the battery over full"),
    "alive": Channel("1", "1 where all power asked for was there"),
    "temperature_k": Channel("K", "temperature of the equipment"),
    "heating": Channel("1", "1 where the heaters are on"),
    "station": Channel("1", "station that sees the lander with the best margin, by its place in the file; -1 is none"),
    "elevation_deg": Channel("degree", "over the horizon of that station, or of the one where it stands highest"),
    "range_km": Channel("km", "to that station"),
    "light_time_s": Channel("s", "one way, to that station"),
    "link_margin_db": Channel("1", "decibels of Eb/N0 over what the data rate needs; NaN where no station sees it"),
    "behind_moon": Channel("1", "1 where the Moon hides that station"),
    "heard": Channel("1", "1 where a station sees it, the margin is not below zero, and it has power"),
}


@dataclass(frozen=True)
class BusRows:
    """A flight in n rows: Moon-centred places [m], attitude, and what was on. `met_s` rises; it counts TDB seconds from `epoch`.

    `q_lci_body` is scalar first; a row of NaN, or None for all, is the attitude of a coast: the file's `sun_axis` to the Sun, and the
    first antenna as near to the Earth as that allows. Shares from 0 to 1; the transmitter is on unless told otherwise.
    """

    epoch: Epoch
    met_s: Float[np.ndarray, " n"]
    r_lci_m: Float[np.ndarray, "n 3"]
    q_lci_body: Float[np.ndarray, "n 4"] | None = None
    burning: Float[np.ndarray, " n"] | None = None
    devices_on: Float[np.ndarray, " n"] | None = None
    transmitting: Float[np.ndarray, " n"] | None = None

    def __post_init__(self):
        count = len(self.met_s)
        if count == 0 or np.any(np.diff(self.met_s) < 0.0):
            raise ScenarioError("the rows of a flight must be there, and their met_s must not fall")
        for name in ("r_lci_m", "q_lci_body", "burning", "devices_on", "transmitting"):
            given = getattr(self, name)
            if given is not None and len(given) != count:
                raise ScenarioError(f"the rows of a flight have {len(given)} of {name} and {count} times")

    @property
    def use(self) -> Float[np.ndarray, "n 3"]:
        """Transmitter, devices, valves."""
        given = ((self.transmitting, 1.0), (self.devices_on, 0.0), (self.burning, 0.0))
        return np.stack([np.full(len(self.met_s), usual) if row is None else np.asarray(row, dtype=float) for row, usual in given], axis=1)


class Sky(NamedTuple):
    """What is the same for all rows of a flight."""

    ephemeris: Ephemeris
    sun_axis_body: Vec3
    antenna_axis_body: Vec3


def bus_history(
    file: MissionFile, rows: BusRows, ephemeris: Ephemeris | None = None, programs: Programs = DIRECT
) -> dict[str, Float[np.ndarray, " n"]]:
    """The channels of `BUS_CHANNELS` along the rows. Host only; a row costs microseconds, after a few seconds of compilation.

    Without an ephemeris (whose window must start at `rows.epoch`) one is cut for the flight. A row holds the state at its time and the
    power from it to the next. Raises `ScenarioError` where the file has no tables for it.
    """
    duration_s = max(float(rows.met_s[-1]), window_s(file))  # of one length, so that all flights of a file share a program
    bus = bus_of(file, load_earth_orientation(rows.epoch, duration_s))
    sky = Sky(load_ephemeris(rows.epoch, duration_s) if ephemeris is None else ephemeris, *_axes_of(file))
    unknown = np.full((len(rows.met_s), 4), np.nan)
    q_lci_body = unknown if rows.q_lci_body is None else np.asarray(rows.q_lci_body, dtype=float)
    chunks = [programs(_seen, bus, sky, *parts) for parts in _chunks(rows.met_s, rows.r_lci_m, q_lci_body)]
    seen = {name: np.concatenate([np.asarray(chunk[name]) for chunk in chunks])[: len(rows.met_s)] for name in chunks[0]}
    kept = _kept(bus, rows, seen.pop("outside"), programs)
    heard = (seen["closed"] > 0.0) & (kept["alive"] > 0.0) & (rows.use[:, 0] > 0.0)
    found = {**seen, **kept, "heard": heard.astype(float)}
    return {name: found[name] for name in BUS_CHANNELS}


def _axes_of(file: MissionFile) -> tuple[Vec3, Vec3]:
    if file.power is None or file.radio is None:
        raise ScenarioError(f"{file.name}: the mission file has no tables [power] and [radio]")
    rows = unit_rows([file.power.sun_axis, file.radio.antennas[0].axis])
    return vec3(rows[0]), vec3(rows[1])


def _chunks(*columns: np.ndarray):
    """Pieces of equal length, the last filled up with its last row."""
    count = len(columns[0])
    for first in range(0, count, CHUNK):
        index = np.minimum(np.arange(first, first + CHUNK), count - 1)
        yield tuple(jnp.asarray(column[index], dtype=float) for column in columns)


@eqx.filter_jit
def _seen(bus: Bus, sky: Sky, met_s: Array, r_lci_m: Array, q_lci_body: Array) -> dict[str, Array]:
    """All that depends on place, attitude and time alone, for a chunk of rows."""
    return jax.vmap(lambda t_s, r_m, q: _seen_once(bus, sky, t_s, vec3(r_m), q))(met_s, r_lci_m, q_lci_body)


def _seen_once(bus: Bus, sky: Sky, t_s: Scalar, r_lci_m: Vec3, q: Float[Array, "4"]) -> dict[str, Array]:
    r_sun_m, r_earth_m = sky.ephemeris.r_sun_lci_m(t_s) - r_lci_m, sky.ephemeris.r_earth_lci_m(t_s) - r_lci_m
    coasting = coast_attitude(r_sun_m.unit(), r_earth_m.unit(), sky.sun_axis_body, sky.antenna_axis_body)
    given = Rotation(q[0], Vec3(q[1], q[2], q[3]), "lci", "body")
    q_lci_body = jax.tree.map(lambda a, b: jnp.where(jnp.isnan(q[0]), a, b), coasting, given)
    lit, full_w_m2 = sunlit(r_lci_m, r_sun_m, r_earth_m), SOLAR_IRRADIANCE_W_M2 * ASTRONOMICAL_UNIT_M**2 / r_sun_m.norm_squared()
    sun_body = q_lci_body.inverse() @ r_sun_m.unit()
    moon = moon_light(r_lci_m, sky.ephemeris.r_sun_lci_m(t_s).unit(), full_w_m2)
    contact = bus.radio.contact(t_s, -r_earth_m, r_lci_m, q_lci_body)
    told = {
        "sunlit": lit,
        "outside": jnp.stack([lit * full_w_m2, *sun_body.components(), *moon]),
        "station": contact.station,
        "elevation_deg": jnp.degrees(contact.elevation_rad),
        "range_km": 1e-3 * contact.range_m,
        "light_time_s": contact.range_m / SPEED_OF_LIGHT_M_S,
        "link_margin_db": contact.margin_db,
        "behind_moon": 1.0 - contact.clear,
        "closed": 1.0 * contact.closed,
    }
    return {name: jnp.asarray(each) for name, each in told.items()}


def sunlit(r_lci_m: Vec3, r_sun_m: Vec3, r_earth_m: Vec3) -> Scalar:
    """Share of the Sun's disc that shows, from where the lander sees Sun and Earth; ground below the sphere lies on a smaller one."""
    radius_m = jnp.minimum(RADIUS_MOON_M, r_lci_m.norm())
    return sunlit_share(discs(-r_lci_m, r_sun_m, radius_m)) * sunlit_share(discs(r_earth_m, r_sun_m, RADIUS_EARTH_M))


def coast_attitude(sun_lci: Vec3, earth_lci: Vec3, sun_axis_body: Vec3, antenna_axis_body: Vec3) -> Rotation:
    """One axis to the Sun, another as near to the Earth as that allows (unit vectors)."""
    q_lci_held = _triad(sun_lci, earth_lci, "lci")
    return q_lci_held @ _triad(sun_axis_body, antenna_axis_body, "body").inverse()


def _triad(first: Vec3, second: Vec3, frame: str) -> Rotation:
    """Axes made of two directions; where these lie on one line, any second one serves."""
    across = first.cross(second)
    alone = across.norm_squared() < 1e-12
    z = select(alone, any_normal_to(first), across.unit())
    return from_axes(first, z.cross(first), z, frame, "held")


def _kept(bus: Bus, rows: BusRows, outside: np.ndarray, programs: Programs) -> dict[str, np.ndarray]:
    """Charge and temperature along the rows, stepped finer where rows lie far apart."""
    length_s = np.diff(rows.met_s, append=rows.met_s[-1])
    pieces = np.maximum(np.ceil(length_s / STEP_MAX_S).astype(int), 1)
    row = np.repeat(np.arange(len(pieces)), pieces)
    state, told = settled(bus.init()), []
    for parts in _chunks((length_s / pieces)[row], outside[row], rows.use[row]):
        dt_s = jnp.where(jnp.arange(CHUNK) < len(row) - len(told) * CHUNK, parts[0], 0.0)
        state, stepped = programs(_stepped, bus, state, dt_s, parts[1], parts[2])
        told.append({name: np.asarray(each) for name, each in stepped.items()})
    steps = {name: np.concatenate([each[name] for each in told])[: len(row)] for name in told[0]}
    starts = np.cumsum(pieces) - pieces
    means = {"power_used_w", "power_balance_w", "power_generated_w"}
    return {name: np.add.reduceat(each, starts) / pieces if name in means else each[starts] for name, each in steps.items()}


@eqx.filter_jit
def _stepped(bus: Bus, state: BusState, dt_s: Array, outside: Array, use: Array) -> tuple[BusState, dict[str, Array]]:
    def one(before: BusState, step: tuple[Array, Array, Array]) -> tuple[BusState, dict[str, Array]]:
        length_s, around, on = step
        light_w_m2, x, y, z, *moon = around
        use_now = Use(jnp.zeros(()), on[0], on[1], on[2])
        after, flow = bus.advanced(before, Outside(light_w_m2, Vec3(x, y, z), MoonLight(*moon), use_now), length_s)
        told = {
            "power_generated_w": flow.generated_w,
            "power_used_w": flow.used_w,
            "power_balance_w": flow.balance_w,
            "state_of_charge": before.charge_j / bus.power.battery.capacity_j,
            "alive": jnp.where(flow.alive, 1.0, 0.0),
            "temperature_k": before.temperature_k,
            "heating": jnp.where(after.heating, 1.0, 0.0),
        }
        return after, told

    return jax.lax.scan(one, state, (dt_s, outside, use))


class Span(NamedTuple):
    """From when to when [mission elapsed time, s], between rows half-way."""

    start_s: float
    end_s: float


def spans(met_s: Float[np.ndarray, " n"], flag: np.ndarray) -> list[Span]:
    """Where a flag holds."""
    on = np.concatenate([[False], np.asarray(flag, dtype=bool), [False]])
    middle_s = np.concatenate([met_s[:1], 0.5 * (met_s[1:] + met_s[:-1]), met_s[-1:]])
    edges = np.flatnonzero(np.diff(on))
    return [Span(float(middle_s[start]), float(middle_s[end])) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def contacts(file: MissionFile, rows: BusRows, history: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Windows in which the lander is heard, by station, for the report."""
    stations = file.radio.stations if file.radio is not None else ()
    found = []
    for number, station in enumerate(stations):
        held = (history["station"] == number) & (history["heard"] > 0.0)
        found += [{"station": station.name, **_told(rows.epoch, span)} for span in spans(rows.met_s, held)]
    return sorted(found, key=lambda window: window["start_met_s"])


def eclipses(rows: BusRows, history: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Spans with less than half of the Sun's disc, for the report."""
    return [_told(rows.epoch, span) for span in spans(rows.met_s, history["sunlit"] < 0.5)]


def bus_summary(file: MissionFile, rows: BusRows, history: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The answers: is the energy balance positive, how low did the battery fall, how warm was it, and when was it heard."""
    length_s = np.diff(rows.met_s, append=rows.met_s[-1])
    total_s, lowest = float(np.sum(length_s)), int(np.argmin(history["state_of_charge"]))

    def mean(name: str) -> float:
        return float(np.sum(history[name] * length_s) / total_s) if total_s > 0.0 else float(history[name][0])

    return {
        "generated_mean_w": mean("power_generated_w"),
        "used_mean_w": mean("power_used_w"),
        "energy_balance_positive": mean("power_balance_w") > 0.0,
        "lowest_charge": {"share": float(history["state_of_charge"][lowest]), "utc": rows.epoch.after(float(rows.met_s[lowest])).utc()},
        "alive_throughout": bool(np.all(history["alive"] > 0.0)),
        "temperature_k": [float(np.min(history["temperature_k"])), float(np.max(history["temperature_k"]))],
        "heard_share": mean("heard"),
        "contacts": contacts(file, rows, history),
        "eclipses": eclipses(rows, history),
    }


def _told(epoch: Epoch, span: Span) -> dict[str, Any]:
    return {
        "start_utc": epoch.after(span.start_s).utc(),
        "end_utc": epoch.after(span.end_s).utc(),
        "start_met_s": span.start_s,
        "duration_s": span.end_s - span.start_s,
    }
