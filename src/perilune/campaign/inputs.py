"""What a flight draws at its start, as one flat vector of standard normal numbers with names and units.

Dispersions of the mission file, errors of sensors that last the flight, and the error of the state vector that the ground sends. What is
drawn tick by tick stays the flight's own.
"""

import zlib
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import special

from perilune.math.random import NORMAL, Given, Stream, stream_of_seed
from perilune.moon.relief import CELLS, REGIONAL_SPACING_M
from perilune.scenario.build import Flightplan
from perilune.scenario.disperse import dispersed
from perilune.scenario.errors import ScenarioError, nearest
from perilune.world.sensors import IMU_NAMES

DEEPEST = 4  # names on the way to a draw, and a tick

XYZ = ("x", "y", "z")
TRIAD = tuple(f"{what}.{axis}" for what in ("bias", "scale", "tilt_next", "tilt_last") for axis in XYZ)
MOUNT = tuple(f"mount.{axis}" for axis in XYZ)
# What the draws of a place are, in order.
WORDS = {
    "dispersions/dry mass": ("",),
    "dispersions/propellant": ("",),
    "dispersions/friction": ("",),
    "dispersions/centre of mass": XYZ,
    "dispersions/inertia": XYZ,
    "dispersions/relief": ("east", "north", "turn"),
    **{f"sensors/{unit}/{triad}": TRIAD for unit in IMU_NAMES for triad in ("accelerometers", "gyros")},
    "sensors/star tracker": MOUNT,
    "sensors/altimeter": ("bias", "scale", *MOUNT),
    "sensors/clock": ("offset", "drift"),
    "sensors/gauge": ("bias",),
    "tracking": ("radial", "along", "cross", "radial_speed", "along_speed", "cross_speed"),
}
SIGMA = "sigma"  # sizes of sensors and tracking are those of the mission file


@dataclass(frozen=True)
class Input:
    """One number of the vector. Its value is `start + size * z`, or `start + size * u` with u the share of the normal law below z."""

    way: str  # of `perilune.math.random.Given`
    name: str
    unit: str
    law: str
    start: float
    size: float

    @property
    def column(self) -> str:
        return f"{self.name.replace('.', '_')}_{self.unit}" if self.unit else self.name.replace(".", "_")

    def values(self, standard: np.ndarray) -> np.ndarray:
        """In the input's unit."""
        return self.start + self.size * (standard if self.law == NORMAL else special.ndtr(standard))

    def standard(self, values: np.ndarray) -> np.ndarray:
        """The standard normal numbers of values; ScenarioError where there are none."""
        if self.size == 0.0:
            raise ScenarioError(f"{self.name} has no size in the mission file, so no law can act on it; give it one with settings")
        share = (values - self.start) / self.size
        if self.law == NORMAL:
            return share
        if np.any((share <= 0.0) | (share >= 1.0)):
            raise ScenarioError(f"{self.name} must lie between {self.start:g} and {self.start + self.size:g} {self.unit}")
        return special.ndtri(share)


def inputs_of(plan: Flightplan) -> tuple[Input, ...]:
    """Every draw of a flight's start, in the order in which they are asked for."""
    noted: dict[str, str] = {}

    def note(way: str, law: str) -> None:
        noted.setdefault(way, law)

    given = Given(jnp.zeros(0), (), "", note)

    def started(seed: Int[Array, ""]) -> None:
        stream = stream_of_seed(seed, given)
        mission = dispersed(plan.mission, plan.spread, seed, given)
        world = mission.world.init(mission.start, mission.propellant_kg, stream.named("sensors"), 0)
        mission.world.tracking.state_vector(world.body.r_lci_m, world.body.v_lci_m_s, 0.0, stream.named("tracking"))

    jax.eval_shape(started, jax.ShapeDtypeStruct((), jnp.int64))
    sizes = _sizes(plan)
    velocimeter = plan.lander.sensors.velocimeter
    beams = 0 if velocimeter is None else velocimeter.beams
    more = (f"{what}_scale.{beam}" for what in ("speed", "range") for beam in range(beams))
    words = {**WORDS, "sensors/velocimeter": (*MOUNT, *more)}
    return tuple(_input(way, law, words, sizes) for way, law in noted.items())


def _sizes(plan: Flightplan) -> dict[str, tuple[str, float, float]]:
    """Unit, start and size of what the mission file disperses, by name."""
    d = plan.lander.dispersions
    percents = {"thrust": d.thrust_percent, "isp": d.isp_percent, "lag": d.lag_percent, "thruster": d.thruster_percent}
    percents |= {"dry_mass": d.mass_dry_percent, "propellant": d.propellant_percent, "inertia": d.inertia_percent}
    friction, tile_km = plan.lander.terrain.friction, 1e-3 * CELLS * REGIONAL_SPACING_M
    return {
        **{name: ("percent", 0.0, float(size)) for name, size in percents.items()},
        "misalignment": ("deg", 0.0, float(d.misalignment_deg)),
        "centre_of_mass": ("mm", 0.0, float(d.com_mm)),
        "friction": ("", float(friction.low), float(friction.high) - float(friction.low)),
        "relief.turn": ("deg", 0.0, 360.0),
        "relief": ("km", 0.0, tile_km),
    }


def _input(way: str, law: str, words: dict[str, tuple[str, ...]], sizes: dict[str, tuple[str, float, float]]) -> Input:
    place, _, index = way.rpartition("/")
    last = words[place][int(index)] if place in words else index
    parts = [part.replace(" ", "_") for part in place.split("/") if part not in ("dispersions", "sensors")]
    name = ".".join([*parts, last] if last else parts)
    plain = (SIGMA, 0.0, 1.0) if law == NORMAL else ("share", 0.0, 1.0)
    unit, start, size = (sizes.get(name) or sizes.get(parts[0]) or plain) if place.startswith("dispersions") else plain
    return Input(way, name, unit, law, start, size)


def named(inputs: tuple[Input, ...], name: str) -> int:
    """The place of an input in the vector; ScenarioError for a name that is none."""
    names = [each.name for each in inputs]
    if name not in names:
        raise ScenarioError(f"there is no input '{name}'; {nearest(name, names)}")
    return names.index(name)


def tracked_tick(plan: Flightplan) -> int:
    """When the ground sends its state vector."""
    return next((phase.start_tick for phase in plan.phases if phase.uplink_at_start), 0)


def drawn(inputs: tuple[Input, ...], seeds: np.ndarray, tick: int) -> np.ndarray:
    """What flights draw by themselves, as standard normal numbers [flight, input]; the ground's state vector at a tick."""
    words, depths, indices = [], [], []
    for each in inputs:
        *names, index = each.way.split("/")
        chain = [zlib.crc32(name.encode()) for name in names] + ([tick] if names[0] == "tracking" else [])
        words.append(chain + [0] * (DEEPEST - len(chain)))
        depths.append(len(chain))
        indices.append(int(index))
    return np.array(_drawn(jnp.asarray(seeds), jnp.asarray(words), jnp.asarray(depths), jnp.asarray(indices)))


@eqx.filter_jit
def _drawn(
    seeds: Int[Array, " flights"], words: Int[Array, "inputs deepest"], depths: Int[Array, " inputs"], indices: Int[Array, " inputs"]
) -> Float[Array, "flights inputs"]:
    def one(seed: Int[Array, ""], chain: Int[Array, " deepest"], depth: Int[Array, ""], index: Int[Array, ""]) -> Array:
        stream = stream_of_seed(seed)
        for place in range(DEEPEST):
            stream = Stream(jnp.where(place < depth, stream.at(chain[place]).key, stream.key))
        return jnp.asarray(stream.normal(index))

    over_inputs = jax.vmap(one, in_axes=(None, 0, 0, 0))
    return jax.vmap(over_inputs, in_axes=(0, None, None, None))(seeds, words, depths, indices)
