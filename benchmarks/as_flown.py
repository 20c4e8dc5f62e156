"""Flights as they were flown, 200 seeds each: what is predicted beside what was observed, and the same seeds without the flaw: with the cause
and the settings that mend it, where the file has them, else as planned.

What the record leaves open of a cause is drawn within its bounds, anew for each batch of seeds.

python benchmarks/as_flown.py hakuto-r-m1 resilience --seeds 200 --draws 8
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.runner import cases, odds, on_fair_ground
from perilune.campaign.statistics import wilson_interval
from perilune.scenario.beside_descent import of_descent
from perilune.scenario.build import build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.flight import met_in_flight
from perilune.scenario.load import drawn, load_lander, variant_of
from perilune.scenario.moments import CHANNELS, track_of
from perilune.scenario.outcome import contact_of
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.outcome import Outcome


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
        if not asked.no_other:
            without_it(name, asked.seeds, asked.seeds // asked.draws)


def recorder(mission, frame):
    channels = all_channels(mission, frame)
    return {name: channels[name] for name in CHANNELS}


def as_flown(name: str, seeds: int, draws: int) -> None:
    file, figures, fates = load_lander(name), {}, []
    draws = draws if open_numbers(file.as_flown.instead) else 1
    for draw in range(draws):
        batch = np.arange(draw * seeds // draws, (draw + 1) * seeds // draws)
        variant = drawn(file, draw)
        plan = build(variant, met_in_flight(variant))
        fleet = fleet_of(plan.mission, plan.spread, jnp.asarray(batch))
        records, times, states = [], [], None
        for chunk in sim.fly(fleet, plan.phases, recorder):
            states = chunk.states
            if chunk.record is not None:
                records.append(jax.tree.map(np.asarray, chunk.record))
                times.append((chunk.first_tick + np.arange(sim.CHUNK_TICKS)) * float(plan.mission.tick_s))
        record = {key: np.concatenate([some[key] for some in records]) for key in CHANNELS}
        time_s, verdicts = np.concatenate(times), jax.tree.map(np.asarray, states.verdict)
        for i in range(len(batch)):
            verdict = jax.tree.map(lambda a, i=i: a[i], verdicts)
            fates.append(Outcome(int(verdict.outcome)).name)
            contact = contact_of(plan, verdict) if bool(verdict.touched) else None
            track = track_of(time_s, {name: row[:, i] for name, row in record.items()})
            for figure in file.observed.figures:
                value = of_descent(figure.name, figure.unit, track, contact)
                if value is not None and fates[-1] != "LANDED":
                    figures.setdefault(figure.name, []).append(value)
        lost = sum(fate != "LANDED" for fate in fates)
        print(f"{name}: {len(fates)} flown, {lost} lost", flush=True)
    low, high = wilson_interval(lost, len(fates))
    print(f"{name} as flown: {lost} of {len(fates)} lost ({100 * low:.0f} to {100 * high:.0f} %)")
    for figure in file.observed.figures:
        if figure.name in figures:
            values = np.array(figures[figure.name])
            q = np.quantile(values, [0.05, 0.5, 0.95])
            told = f"planned {figure.planned}, flown {figure.flown}"
            print(f"  {figure.name} [{figure.unit}]: {told}; predicted {q[1]:.3g} ({q[0]:.3g} to {q[2]:.3g}), {len(values)} of the lost")


def open_numbers(table) -> bool:
    """Whether the cause has numbers that the record leaves open."""
    return any(value.get("source") == "assumed" or open_numbers(value) for value in table.values() if isinstance(value, dict))


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
