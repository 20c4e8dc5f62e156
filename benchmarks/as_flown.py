"""Flights as they were flown, 200 seeds each: what is predicted beside what was observed, and the same seeds without the flaw: with the cause
and the settings that mend it, where the file has them, else as planned. Where the cause itself is left to chance, how often it comes about.

What the record leaves open of a cause is drawn within its bounds, anew for each batch of seeds.

python benchmarks/as_flown.py hakuto-r-m1 resilience --seeds 200 --draws 8
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import cases, odds, on_fair_ground
from perilune.campaign.statistics import wilson_interval
from perilune.moon.time import Epoch
from perilune.report.history import event_of, time_difference
from perilune.scenario.beside import Flown, beside
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.flight import met_in_flight
from perilune.scenario.load import drawn, load_lander, variant_of
from perilune.scenario.moments import CHANNELS, track_of
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.outcome import contact_of, rest_of
from perilune.scenario.schema import LanderFile
from perilune.scenario.schema_place import ObservedEvent, ObservedFigure, epoch_of
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.outcome import Outcome
from perilune.wire.telemetry import Mode

# Told of every mission, whether history has it or not.
ALWAYS = (ObservedFigure(name="tilt at touchdown", unit="deg"), ObservedFigure(name="tilt at rest", unit="deg"))


class Told(NamedTuple):
    """A flight, as far as its record tells."""

    fate: Outcome
    flown: Flown
    epoch: Epoch

    def after_s(self, event: ObservedEvent) -> float | None:
        """By which this flight was later there than the real one; None for what it has no such moment of."""
        contact, which = self.flown.contact, event_of(event.name.lower())
        ignition = self.flown.track.span("ignition") if which == "braking" else None
        moments = {
            "contact": contact and contact["met_s"],
            "braking": ignition and self.flown.time_s[ignition[0]],
        }
        met_s = moments.get(which)
        return None if met_s is None else self.epoch.after(float(met_s)).seconds_since(epoch_of(event.utc))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("missions", nargs="+")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--no-other", action="store_true", help="leave out the flights without the flaw")
    parser.add_argument("--other-only", action="store_true", help="fly these alone")
    asked = parser.parse_args()
    for name in asked.missions:
        if not asked.other_only:
            as_flown(name, asked.seeds, asked.draws)
            by_chance(load_lander(name), asked.seeds)
        if not asked.no_other:
            without_it(name, asked.seeds, asked.seeds // asked.draws)


def recorder(mission, frame):
    channels = all_channels(mission, frame)
    return {name: channels[name] for name in CHANNELS}


def as_flown(name: str, seeds: int, draws: int) -> None:
    file, flights = load_lander(name), []
    draws = draws if open_numbers(file.as_flown.instead) else 1
    for draw in range(draws):
        flights += of_batch(drawn(file, draw), range(draw * seeds // draws, (draw + 1) * seeds // draws))
        lost = [told for told in flights if told.fate is not Outcome.LANDED]
        print(f"{name}: {len(flights)} flown, {len(lost)} lost", flush=True)
    print(f"{name} as flown: {share(len(lost), len(flights))} lost: {dict(Counter(told.fate.name.lower() for told in flights))}")
    named = {figure.name for figure in file.observed.figures}
    for figure in (*file.observed.figures, *(other for other in ALWAYS if other.name not in named)):
        values = [value for told in lost if (value := beside(figure, told.flown)[1]) is not None]
        if values:
            middle, ends = spread(values)
            told = f"planned {figure.planned}, flown {figure.flown}"
            print(
                f"  {figure.name} [{figure.unit}]: {told}; predicted {middle:.3g} ({ends[0]:.3g} to {ends[1]:.3g}), {len(values)} of the lost"
            )
    for event in file.observed.events:
        late_s = [value for told in lost if (value := told.after_s(event)) is not None]
        if late_s:
            middle_s, ends_s = spread(late_s)
            here = f"predicted {event.utc + timedelta(seconds=middle_s):%Y-%m-%d %H:%M:%S}"
            off = " to ".join(time_difference(end_s) for end_s in ends_s)
            print(f"  {event.name} [UTC]: flown {event.utc:%Y-%m-%d %H:%M:%S}; {here} ({off}), {len(late_s)} of the lost")


def of_batch(file: LanderFile, seeds: range) -> Iterator[Told]:
    plan = build(file, met_in_flight(file))
    fleet = fleet_of(plan.mission, plan.spread, jnp.asarray(seeds))
    records, times, states = [], [], None
    for chunk in sim.fly(fleet, plan.phases, recorder):
        states = chunk.states
        if chunk.record is not None:
            records.append(jax.tree.map(np.asarray, chunk.record))
            times.append((chunk.first_tick + np.arange(sim.CHUNK_TICKS)) * float(plan.mission.tick_s))
    record = {key: np.concatenate([some[key] for some in records]) for key in CHANNELS}
    verdicts = jax.tree.map(np.asarray, states.verdict)
    for i in range(len(seeds)):
        verdict = jax.tree.map(lambda a, i=i: a[i], verdicts)
        yield told_of(plan, verdict, np.concatenate(times), {name: row[:, i] for name, row in record.items()})


def told_of(plan: Flightplan, verdict, time_s: np.ndarray, record: dict[str, np.ndarray]) -> Told:
    fate, over_s = Outcome(int(verdict.outcome)), float(verdict.end_met_s)
    aloft = time_s <= (over_s or np.inf)  # the record goes on until the last of the batch is down
    time_s, record = time_s[aloft], {name: rows[aloft] for name, rows in record.items()}
    contact = contact_of(plan, verdict) if bool(verdict.touched) else None
    rest = rest_of(plan, verdict) if fate in (Outcome.LANDED, Outcome.TIPPED_OVER) else None
    flown = Flown(time_s, record["downlink/mode"], contact, plan.burn, track=track_of(time_s, record), rest=rest)
    return Told(fate, flown, plan.epoch)


def spread(values: list[float]) -> tuple[float, tuple[float, float]]:
    """Median, and 5 to 95 %."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return float(middle), (float(low), float(high))


def share(some: int, of_all: int) -> str:
    low, high = wilson_interval(some, max(of_all, 1))
    return f"{some} of {of_all} ({100 * low:.0f} to {100 * high:.0f} %)"


def open_numbers(table) -> bool:
    """Whether the cause has numbers that the record leaves open."""
    return any(value.get("source") == "assumed" or open_numbers(value) for value in table.values() if isinstance(value, dict))


def by_chance(file: LanderFile, seeds: int) -> None:
    """How often arrays of mixed priorities lose the command, and how often that is the end; from the first burn that takes the chance."""
    if not file.sensors.imu.mixed_array_loss_percent:
        return
    plan = build(with_settings(file, {"flight_software.arrays": "mixed"}), entry=file.phases[0].entry)
    silent, states = np.zeros(seeds, dtype=bool), None
    for chunk in sim.fly(fleet_of(plan.mission, plan.spread, jnp.arange(seeds)), plan.phases, call=in_lanes(shelf_beside_jax())):
        states = chunk.states
        burning = np.asarray(states.fsw.modes.mode) == Mode.BURN
        silent |= burning & ~np.asarray(states.world.devices_on.accelerometers)
    lost = np.asarray(states.verdict.outcome) != Outcome.LANDED
    chance = float(file.sensors.imu.mixed_array_loss_percent)
    print(
        f"{file.name}, arrays of mixed priorities, each losing the lower one with {chance:g} %: accelerometers off in {share(silent.sum(), seeds)};"
    )
    print(
        f"  of those {share((lost & silent).sum(), silent.sum())} are lost, of the others {share((lost & ~silent).sum(), (~silent).sum())}"
    )


def without_it(name: str, seeds: int, width: int) -> None:
    file = load_lander(name)
    variant = "mended" if "mended" in file.variants else "nominal"
    if variant == "mended":
        mended = variant_of(file, "mended")
        plan = build(mended, met_in_flight(mended))
    else:
        plan = build(file)
    rows = list(cases(plan, range(seeds), width))
    print(f"{name} {variant}: on ground within the slope limit {odds(plan, on_fair_ground(plan, rows))}; all flights {odds(plan, rows)}")


if __name__ == "__main__":
    main()
