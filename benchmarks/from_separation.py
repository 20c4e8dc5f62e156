"""Whole missions from separation to the ground, seed after seed: every burn as planned, as flown and as it really was.

python benchmarks/from_separation.py hakuto-r-m1 resilience --seeds 3 --keep FOLDER
"""

import argparse
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import perilune  # noqa: E402
from perilune.campaign.statistics import wilson_interval  # noqa: E402
from perilune.scenario.errors import ScenarioError  # noqa: E402
from perilune.scenario.programs import Programs, kept_programs  # noqa: E402

GOOD = ("landed", "in_orbit")

HEAD = f"{'':32}{'planned s':>10}{'ordered s':>10}{'flown s':>10}{'orbit after, km':>22}"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("missions", nargs="+")
    asked.add_argument("--seeds", type=int, default=3, help="how many")
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    asked.add_argument("--keep", type=Path, default=None, help="keep plans and programs there for the next seed")
    words = asked.parse_args()
    for name in words.missions:
        with kept_programs(words.keep) as programs:
            fates = [fate(name, seed, programs) for seed in range(words.first, words.first + words.seeds)]
        good = sum(fate in GOOD for fate in fates)
        low, high = wilson_interval(good, len(fates))
        print(f"\n{name}: {good} of {len(fates)} in the orbit, or on the ground, as was wanted ({100 * low:.1f} to {100 * high:.1f} %)")


def fate(name: str, seed: int, programs: Programs) -> str:
    began = time.process_time()
    try:
        flight = perilune.fly(name, seed=seed, keep_in=programs)
    except ScenarioError as error:  # no burn could be found at all
        print(f"\n{name}, seed {seed}: {error}")
        return "lost"
    tell(flight.outcome, time.process_time() - began)
    return flight.outcome["outcome"]


def tell(outcome: dict, cpu_s: float) -> None:
    print(f"\n{outcome['mission']}, seed {outcome['seed']}: {outcome['outcome']}, {outcome['cause']} ({cpu_s:.0f} s of processor)")
    contact = outcome["contact"]
    if contact is not None:
        print(
            f"touchdown {contact['utc']}, {contact['miss_m']:.0f} m from the target, {contact['vertical_speed_m_s']:.2f} m/s down, "
            f"{contact['horizontal_speed_m_s']:.2f} m/s sideways, {outcome['propellant_left_kg']:.0f} kg of propellant left"
        )
    print(HEAD)
    for burn in outcome["burns"]:
        ordered, flown = burn["ordered"], burn["flown"]
        lengths = [burn["planned"]["duration_s"], *(None if each is None else each["duration_s"] for each in (ordered, flown))]
        cells = "".join(f"{'-':>10}" if length is None else f"{length:10.1f}" for length in lengths)
        print(f"{burn['name']:32}{cells}{_orbit(burn['orbit_after']):>22}")
    for figure in outcome["observed"]["figures"]:
        numbers = [figure[key] for key in ("planned", "flown", "planned_here", "flown_here")]
        if numbers[2] is not None or numbers[3] is not None:
            print(f"  {figure['name']} [{figure['unit']}]: " + ", ".join("-" if number is None else f"{number:.1f}" for number in numbers))


def _orbit(orbit: dict | None) -> str:
    if orbit is None or orbit["apoapsis_altitude_km"] is None:
        return ""
    return f"{orbit['periapsis_altitude_km']:.0f} x {orbit['apoapsis_altitude_km']:.0f}"


if __name__ == "__main__":
    main()
