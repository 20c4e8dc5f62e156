"""Is the navigation filter honest in the full world? Squared errors over what the filter says of them, in 256 flights of each mission.

    python benchmarks/filter_honesty.py luna-25 hakuto-r-m1 resilience --seeds 256 --picture honesty.png

NEES: error' P^-1 error over its number of states, mean over the flights; NIS: innovation squared over its predicted variance. Both are 1 for
an honest filter, above 1 if it is too sure of itself, below 1 if it is too modest. Truth is that of the very cycle of the filter's update.
Attitude is that of the body, with the mounting of the star tracker's head added to what the filter says of the head's. Terrain is
the ground under the lander over the reference sphere that flight software holds, which follows from the filter's states of the ground where
its ranges meet it; height is over that ground.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from perilune.fsw.app import FILTER_EVERY
from perilune.fsw.navigation.filter import NavigationFilter
from perilune.fsw.navigation.ground import below
from perilune.fsw.navigation.state import (
    ATTITUDE,
    AXES_OF_ATTITUDE,
    AXES_OF_TERRAIN,
    BIAS_ACCEL,
    BIAS_GYRO,
    POSITION,
    STATES,
    TERRAIN,
    VELOCITY,
    FilterState,
    whole,
)
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.sim import fly as sim
from perilune.sim.mission import Mission, MissionState, PhaseKind
from perilune.sim.step import LANDERS, step
from perilune.types import Index
from perilune.wire.telemetry import Mode
from perilune.world.plant import WorldState

STATES_OF = {
    "position": POSITION,
    "velocity": VELOCITY,
    "attitude": ATTITUDE,
    "accel bias": BIAS_ACCEL,
    "gyro bias": BIAS_GYRO,
    "terrain": (TERRAIN,),
    "total": tuple(range(STATES)),
}
# Beside them the height over the ground, position along the vertical less terrain: what a landing needs of the two.
BLOCKS = (*STATES_OF, "height")
CHANNELS = ("star_tracker", "altimeter", "velocimeter", "velocimeter_range")
# The bounds on the ratio in the full world.
LOW, HIGH = 0.5, 1.3
# Of a squared normal number of variance one.
MEDIAN_OF_CHI2, ONE_IN_1000_OF_CHI2 = 0.4549, 10.83
INSTANTS = {"first": 0.0, "middle": 0.5, "last": 1.0}


def errors(mission: Mission, truth: WorldState, state: MissionState) -> jax.Array:
    """Truth minus estimate, in the order of the filter's states."""
    nav, body = state.fsw.filter.nav, truth.body
    _, com_body_m, _ = mission.world.mass.at(truth.propellant_kg)
    arm_m = mission.world.r_imu_body_m - com_body_m
    r_imu_lci_m = body.r_lci_m + body.q_lci_body @ arm_m
    v_imu_lci_m_s = body.v_lci_m_s + body.q_lci_body @ body.omega_body_lci_rad_s.cross(arm_m)
    ground_m = truth.seen.r_lfme_m.norm() - truth.altitude_m - mission.fsw.ground.reference_radius_m
    imu = truth.sensors.imu
    parts = (
        r_imu_lci_m - nav.r_lci_m,
        v_imu_lci_m_s - nav.v_lci_m_s,
        (body.q_lci_body @ nav.q_lci_body.inverse()).rotation_vector_rad(),
        imu.accelerometers.bias_per_s - nav.bias_accel_m_s2,
        imu.gyros.bias_per_s - nav.bias_gyro_rad_s,
    )
    return jnp.concatenate([*(part.array() for part in parts), (ground_m - nav.terrain_m)[None]])


def told_covariance(navigation: NavigationFilter, known: FilterState) -> jax.Array:
    """Of the lander and the ground below it, from the filter's own of the head's attitude and the ground where its ranges end."""
    under = below(navigation.ground_below(known.nav), known.sounding)
    told = jnp.eye(STATES, STATES + 1).at[TERRAIN, TERRAIN].set(under.of_height).at[TERRAIN, STATES].set(under.of_slope)
    more = navigation.star_tracker.mount_sigma_rad**2 * AXES_OF_ATTITUDE + under.variance_m2 * AXES_OF_TERRAIN
    return told @ whole(known.P, known.border) @ told.T + jnp.diag(more)


def look(mission: Mission, truth: WorldState, state: MissionState) -> dict[str, jax.Array]:
    """One lander at one update of its filter."""
    error, P = errors(mission, truth, state), told_covariance(mission.fsw.navigation, state.fsw.filter)
    sigma = jnp.sqrt(jnp.diagonal(P))
    scaled, correlation = error / sigma, P / (sigma[:, None] * sigma[None, :])
    nees = []
    for block in STATES_OF.values():
        part = scaled[jnp.asarray(block)]
        inner = correlation[jnp.asarray(block)][:, jnp.asarray(block)]
        nees.append(part @ jnp.linalg.solve(inner, part) / len(block))
    up = state.fsw.filter.nav.r_lci_m.unit().array()
    height = jnp.zeros(STATES).at[jnp.asarray(POSITION)].set(up).at[TERRAIN].set(-1.0)
    nees.append((height @ error) ** 2 / (height @ P @ height))
    reports = [getattr(state.fsw.filter.reports, name) for name in CHANNELS]
    return {
        "error": jnp.append(error, height @ error),
        "sigma": jnp.append(sigma, jnp.sqrt(height @ P @ height)),
        "nees": jnp.stack(nees),
        "nis": jnp.stack([(report.innovation / report.sigma) ** 2 for report in reports]),
        "fresh": jnp.stack([report.fresh for report in reports]),
        "used": jnp.stack([report.used for report in reports]),
        "mode": state.mode,
        "altitude_m": truth.altitude_m,
        "flying": ~state.verdict.over() & ~truth.touch.ever,
    }


@eqx.filter_jit
def watched_chunk(fleet: sim.Fleet, states: MissionState, first_tick: Index):
    """As `sim.fly_chunk`, with a look at each update of the filter."""

    def one(own: Mission, state: MissionState, tick: Index):
        mission = eqx.combine(own, fleet.shared)
        state, frame = step(mission, state, sim.silence(mission), tick)
        shape = jax.eval_shape(look, mission, frame.truth, state)
        blank = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shape)
        return state, jax.lax.cond(tick % FILTER_EVERY == 0, lambda: look(mission, frame.truth, state), lambda: blank)

    def everyone(states: MissionState, tick: Index):
        return jax.vmap(one, in_axes=(0, 0, None), axis_name=LANDERS)(fleet.own, states, tick)

    return jax.lax.scan(everyone, states, first_tick + jnp.arange(sim.CHUNK_TICKS))


def looks(plan: Flightplan, seeds: range) -> Iterator[dict[str, np.ndarray]]:
    """All looks of a batch, a chunk at a time: [update, lander, ...]."""
    fleet = fleet_of(plan.mission, plan.spread, jnp.asarray(list(seeds)))
    states = sim.start(fleet, jnp.asarray(plan.phases[0].start_tick))
    for phase in plan.phases:
        first, last = jnp.asarray(phase.start_tick), jnp.asarray(phase.end_tick)
        if phase.kind is PhaseKind.COAST:
            states = sim.sleep(fleet, states, first, last)
            continue
        states = sim.wake(fleet, states, first, jnp.asarray(phase.uplink_at_start), sim.nothing_new(fleet))
        for tick in range(phase.start_tick, phase.end_tick, sim.CHUNK_TICKS):
            states, record = watched_chunk(fleet, states, jnp.asarray(tick))
            updates = [i for i in range(sim.CHUNK_TICKS) if (tick + i) % FILTER_EVERY == 0]
            kept = {name: np.asarray(values)[updates] for name, values in record.items()}
            kept["met_s"] = (tick + np.array(updates)) * float(plan.mission.tick_s)
            yield kept
            if bool(np.all(np.asarray(states.verdict.over()))):
                return


@dataclass(frozen=True)
class Flown:
    """Every look at every lander, [update, lander, ...]."""

    looks: dict[str, np.ndarray]

    @property
    def flying(self) -> np.ndarray:
        return self.looks["flying"]

    def in_mode(self, mode: Mode) -> np.ndarray:
        return self.flying & (self.looks["mode"] == mode)

    def at(self, mode: Mode, share: float) -> list[tuple[int, int]]:
        """Each lander's update at a share of its time in a mode."""
        rows = []
        inside = self.in_mode(mode)
        for lander in range(inside.shape[1]):
            updates = np.flatnonzero(inside[:, lander])
            if updates.size:
                rows.append((int(updates[round(share * (updates.size - 1))]), lander))
        return rows


def flown(plan: Flightplan, seeds: range, width: int) -> Flown:
    batches = []
    for first in range(seeds.start, seeds.stop, width):
        parts = list(looks(plan, range(first, first + width)))
        batches.append({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    longest = min(len(batch["met_s"]) for batch in batches), max(len(batch["met_s"]) for batch in batches)
    joined = {
        name: np.concatenate([_padded(batch[name], longest[1]) for batch in batches], axis=1) for name in batches[0] if name != "met_s"
    }
    joined["met_s"] = max((batch["met_s"] for batch in batches), key=len)
    return Flown(joined)


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])


def tell(name: str, record: Flown) -> None:
    print(f"\n{name}: {record.flying.shape[1]} flights. NEES over its expected value, mean over flights (* outside {LOW} to {HIGH})")
    print(f"{'mode':<20}{'instant':<9}{'flights':>8}" + "".join(f"{block:>12}" for block in BLOCKS))
    for mode in Mode:
        for instant, share in INSTANTS.items():
            rows = record.at(mode, share)
            if len(rows) >= 10:
                nees = np.array([record.looks["nees"][row] for row in rows])
                print(f"{mode.name.lower():<20}{instant:<9}{len(rows):>8}" + "".join(_marked(value) for value in nees.mean(axis=0)))
    tell_tail(record)
    tell_channels(record)


def tell_tail(record: Flown) -> None:
    """Of the height at the last instant before contact: is it all flights by a factor, or a few by much?

    The median of a squared normal number is 0.455 of its mean; what lies beyond the one in a thousand of that law is called a surprise.
    """
    rows = record.at(Mode.VERTICAL_DESCENT, 1.0)
    if len(rows) < 10:
        return
    nees = np.array([record.looks["nees"][row][BLOCKS.index("height")] for row in rows])
    factor = float(np.median(nees)) / MEDIAN_OF_CHI2
    surprised = nees > factor * ONE_IN_1000_OF_CHI2
    print(
        f"height, last instant: NEES {nees.mean():.2f} in the mean; a factor of {factor:.2f} by the median; {int(surprised.sum())} of {len(rows)} flights "
        f"beyond one in a thousand of that carry {100 * nees[surprised].sum() / nees.sum():.0f} % of the sum; without them {nees[~surprised].mean():.2f}"
    )


def tell_channels(record: Flown) -> None:
    print("NIS over its expected value, mean over all fresh readings; of those, refused")
    print(f"{'mode':<20}" + "".join(f"{channel:>28}" for channel in CHANNELS))
    for mode in Mode:
        inside = record.in_mode(mode)
        cells = []
        for k in range(len(CHANNELS)):
            fresh = inside & record.looks["fresh"][..., k]
            nis, used = record.looks["nis"][fresh][:, k], record.looks["used"][fresh][:, k]
            cells.append(f"{_marked(nis.mean())} {len(nis):>8}{100 * np.mean(~used):>5.1f} %" if len(nis) else "-")
        if any(cell != "-" for cell in cells):
            print(f"{mode.name.lower():<20}" + "".join(f"{cell:>28}" for cell in cells))


def _marked(value: float) -> str:
    return f"{value:>10.2f} {' ' if LOW <= value <= HIGH else '*'}"


def draw(records: dict[str, Flown], path: Path) -> None:
    """The ratio of each block against the time to touchdown, one panel a mission."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(records), 1, figsize=(10, 3.6 * len(records)), squeeze=False, constrained_layout=True)
    for axis, (name, record) in zip(axes[:, 0], records.items(), strict=True):
        nees, to_go_s = _by_time_to_go(record)
        axis.axhspan(LOW, HIGH, color="0.9")
        axis.axhline(1.0, color="0.6", linewidth=0.8)
        for k, block in enumerate(BLOCKS):
            axis.plot(to_go_s, nees[:, k], label=block, linewidth=2.0 if block == "total" else 1.0)
        axis.set(title=name, yscale="log", ylim=(0.1, 20.0), xlabel="time to touchdown [s]", ylabel="NEES / expected")
        axis.invert_xaxis()
    axes[0, 0].legend(ncols=4, fontsize=8)
    figure.savefig(path, dpi=130)


def _by_time_to_go(record: Flown) -> tuple[np.ndarray, np.ndarray]:
    """Mean over flights, each flight's last look set to zero."""
    counts = record.flying.sum(axis=0)
    longest = int(counts.max())
    table = np.full((longest, record.flying.shape[1], len(BLOCKS)), np.nan)
    for lander, count in enumerate(counts):
        table[longest - count :, lander] = record.looks["nees"][:count, lander]
    enough = np.sum(np.isfinite(table[..., 0]), axis=1) >= 0.5 * len(counts)
    met_s = record.looks["met_s"]
    return np.nanmean(table[enough], axis=1), (longest - 1 - np.flatnonzero(enough)) * (met_s[1] - met_s[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("missions", nargs="+")
    parser.add_argument("--seeds", type=int, default=256)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the looks themselves, as .npz")
    asked = parser.parse_args()
    records = {}
    for name in asked.missions:
        records[name] = flown(build(load(name)), range(asked.seeds), asked.width)
        tell(name, records[name])
        if asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            np.savez(asked.keep / f"{name}.npz", **records[name].looks)
    if asked.picture is not None:
        draw(records, asked.picture)


if __name__ == "__main__":
    main()
