"""The same dispersed descents under each guidance law: propellant, accuracy, failures, and what a call of the law costs.

python benchmarks/guidance_shootout.py resilience apollo-11 --flights 1000 --keep FOLDER
"""

import argparse
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.asked import WIDTH
from perilune.campaign.campaign import cores
from perilune.campaign.kept import Kept
from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import Case, cases, reason
from perilune.campaign.statistics import wilson_interval
from perilune.cli.terminal import keep_compiled_programs
from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.guidance.apollo import ApolloState, PlaceOfSite
from perilune.fsw.guidance.braking import BrakingAim
from perilune.fsw.guidance.gravity_turn import thrust_share
from perilune.fsw.guidance.request import LocalState
from perilune.math.rotation import identity
from perilune.math.vector import Vec3
from perilune.scenario.build import build
from perilune.scenario.build_descent import descent_of
from perilune.scenario.load import load_lander
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.programs import kept_programs
from perilune.scenario.schema import LanderFile
from perilune.wire.telemetry import Mode

GRAVITY_M_S2 = GM_MOON_M3_S2 / RADIUS_MOON_M**2
APPROACH = "flight_software.approach"
# The turn begins nearly level, and its thrust with it.
TURN_TILT_DEG = 80.0
LANDERS, CALLS = 512, 200


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("missions", nargs="+")
    words.add_argument("--flights", type=int, default=1000, help="of each law, seeds from 0")
    words.add_argument("--keep", type=Path, required=True, help="flights lie there, and are not flown again")
    asked = words.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    with kept_programs(keep_compiled_programs()):
        for name in asked.missions:
            print(f"\n{name}, {asked.flights} flights\n{HEAD}")
            for law, file in laws(load_lander(name)):
                kept = f"{name}-{asked.flights}-{re.sub('[^a-z0-9]+', '-', law.lower())}"
                rows = flown(file, asked.flights, Kept(asked.keep), kept)
                print(told(law, file, rows), flush=True)
    print("\na call, one core, batch of 512")
    for law, ns in costs():
        print(f"{law:42}{ns:8.0f} ns")


def laws(file: LanderFile) -> Iterator[tuple[str, LanderFile]]:
    """The file under each law; where it has Apollo's laws they come first, and the others fly without."""
    if file.flight_software.apollo is not None:
        yield "Apollo, P63 and P64", file
    for gain, words in ((6, "E-guidance = ZEM/ZEV"), (9, "half-way"), (12, "Apollo without jerk")):
        yield f"explicit, then k = {gain}: {words}", explicit(with_settings(file, {f"{APPROACH}.gain": gain}))
    turn = {
        f"{APPROACH}.law": "gravity_turn",
        f"{APPROACH}.tilt_max_deg": TURN_TILT_DEG,
        "flight_software.braking.gate_downrange_m": turn_m(file),
    }
    yield "explicit, then a gravity turn", explicit(with_settings(file, turn))


def explicit(file: LanderFile) -> LanderFile:
    return file.model_copy(update={"flight_software": file.flight_software.model_copy(update={"apollo": None})})


def turn_m(file: LanderFile) -> float:
    """How far a gravity turn leads from the gate: the gate is moved so that it ends over the site."""
    braking, approach = file.flight_software.braking, file.flight_software.approach
    down, ahead = float(braking.vertical_m_s), float(braking.horizontal_m_s)
    deceleration_m_s2 = float(file.flight_software.vertical_descent.deceleration_m_s2)
    height = float(braking.gate_altitude_m) - float(approach.end_altitude_m)
    rest_m, way_m, step_s = 0.5 * float(approach.end_vertical_m_s) ** 2 / deceleration_m_s2, 0.0, 0.01
    share = float(thrust_share(math.hypot(down, ahead), down / math.hypot(down, ahead), height + rest_m, GRAVITY_M_S2))
    while height > 0.0:
        speed = math.hypot(down, ahead)
        way_m, height = way_m + ahead * step_s, height - down * step_s
        down += GRAVITY_M_S2 * (1.0 - share * down / speed) * step_s
        ahead -= GRAVITY_M_S2 * share * ahead / speed * step_s
    return way_m


def flown(file: LanderFile, flights: int, kept: Kept, name: str) -> list[Case]:
    rows = kept.find(name)
    if rows is None:
        plan, call = build(file), in_lanes(shelf_beside_jax())
        parts = [range(first, min(first + WIDTH, flights)) for first in range(0, flights, WIDTH)]
        rows = list(cases(plan, parts[0], WIDTH, call=call))  # programs are made
        with ThreadPoolExecutor(max_workers=cores()) as threads:
            rows += [row for part in threads.map(lambda part: list(cases(plan, part, WIDTH, call=call)), parts[1:]) for row in part]
        kept.put(name, rows)
    return rows


HEAD = f"{'law':42}{'land':>22}{'propellant used kg':>24}{'left kg, 1 %':>14}{'miss m, 50 %, 95 %':>22}  failures"


def told(law: str, file: LanderFile, rows: list[Case]) -> str:
    whys = [reason(file, row) for row in rows]
    landed = sum(why == "" for why in whys)
    low, high = wilson_interval(landed, len(rows))
    down = [row for row, why in zip(rows, whys, strict=True) if why == ""]
    left = np.array([row.propellant_kg for row in down])
    used = float(file.vehicle.propellant_kg) - left
    miss = np.hypot([row.along_m for row in down], [row.across_m for row in down])
    failures = "; ".join(f"{count} {why}" for why, count in Counter(why for why in whys if why).most_common())
    odds = f"{100 * landed / len(rows):.1f} ({100 * low:.1f} to {100 * high:.1f})"
    spent, places = f"{np.mean(used):.1f} +- {np.std(used):.1f}", f"{np.median(miss):.0f}, {np.quantile(miss, 0.95):.0f}"
    return f"{law:42}{odds:>22}{spent:>24}{np.quantile(left, 0.01):14.1f}{places:>22}  {failures}"


def costs() -> Iterator[tuple[str, float]]:
    """Nanoseconds of one core for one lander's call, in a batch."""
    ispace, eagle = descent_of(load_lander("resilience"), 1.0).guidance, descent_of(load_lander("apollo-11"), 1.0).guidance
    turn = descent_of(with_settings(load_lander("resilience"), {f"{APPROACH}.law": "gravity_turn"}), 1.0).guidance.approach
    yield "explicit braking, a plan (once a second)", ns_per_call(lambda r, v: _planned(ispace.braking, r, v))
    yield "Apollo, a plan (once a second)", ns_per_call(lambda r, v: _apollo_planned(eagle.apollo, r, v))
    yield "Apollo, a cycle", ns_per_call(lambda r, v: _apollo_asked(eagle.apollo, r, v))
    for name, law in (("approach k = 6 to 12, a cycle", ispace.approach), ("gravity turn, a cycle", turn)):
        yield name, ns_per_call(lambda r, v, law=law: law.request(law.started(r, v), r, v, GRAVITY_M_S2)[0])


def _planned(braking: Any, r: Vec3, v: Vec3) -> Vec3:
    x, y, z = Vec3(1.0, 0.0, 0.0), Vec3(0.0, 1.0, 0.0), Vec3(0.0, 0.0, 1.0)
    local = LocalState(z, x, y, RADIUS_MOON_M + r.z, r.z, v.z, v, 0.0, GRAVITY_M_S2)
    aim = BrakingAim(local, 2000.0, 3000.0, 600.0, 3e5 + r.x, r.y)
    state = braking.update(braking.init(), aim, jnp.asarray(True))
    return braking.request(state, local, 3.0).direction_lci * state.time_to_go_s


def _seen(r: Vec3, v: Vec3) -> PlaceOfSite:
    return PlaceOfSite(r, v, v.norm(), Vec3(0.0, 0.0, -GRAVITY_M_S2))


def _apollo_planned(law: Any, r: Vec3, v: Vec3) -> Vec3:
    state = law.plan(law.init(), _seen(r, v), 10_000.0, jnp.asarray(int(Mode.BRAKING)))
    return Vec3(state.to_gate_s, state.to_low_gate_s, state.lit_s)


def _apollo_asked(law: Any, r: Vec3, v: Vec3) -> Vec3:
    state = ApolloState(r.x, r.z, jnp.asarray(False), r.y)
    brake, approach = law.requests(state, _seen(r, v), identity("lci", "site"), 10_000.0)
    return brake.direction_lci * brake.accel_m_s2 + approach.direction_lci * approach.accel_m_s2


def ns_per_call(law: Callable[[Vec3, Vec3], Vec3]) -> float:
    draw = np.random.default_rng(0)
    r = Vec3(*(jnp.asarray(3000.0 + 100.0 * draw.standard_normal(LANDERS)) for _ in range(3)))
    v = Vec3(*(jnp.asarray(-50.0 + 5.0 * draw.standard_normal(LANDERS)) for _ in range(3)))

    @jax.jit
    def many(r: Vec3, v: Vec3) -> Vec3:
        def once(r: Vec3, _: None) -> tuple[Vec3, None]:
            asked = jax.vmap(law)(r, v)
            return r + asked * 1e-9, None  # the next call needs this one

        return jax.lax.scan(once, r, None, length=CALLS)[0]

    jax.block_until_ready(many(r, v))
    spent = []
    for _ in range(5):
        began = time.process_time()
        jax.block_until_ready(many(r, v))
        spent.append(time.process_time() - began)
    return 1e9 * min(spent) / (LANDERS * CALLS)


if __name__ == "__main__":
    main()
