"""Does the desk find its way from any date? Random launches from 2026 to 2030, no guess by hand: what converges, what it costs, why not.

python benchmarks/launch_dates.py --count 50
python benchmarks/launch_dates.py --count 50 --landing
python benchmarks/launch_dates.py --only 10,11 --landing

With `--landing` each flight is one of Luna-25's lander to a random site that the inclination reaches: insertion within 4 to 6 days, a trim
three days later, and the first month after it to land in.
"""

import argparse
import math
import time

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

from perilune.math.calling import called_by  # noqa: E402
from perilune.moon.earth_field import earth_field  # noqa: E402
from perilune.moon.gravity import field_of  # noqa: E402
from perilune.moon.lunar_field import lunar_field  # noqa: E402
from perilune.moon.time import DAY_S, epoch_from_utc  # noqa: E402
from perilune.scenario.load import load  # noqa: E402
from perilune.scenario.plan import desk_of  # noqa: E402
from perilune.scenario.programs import IN_MEMORY  # noqa: E402
from perilune.trajectory.flightpath import moment  # noqa: E402
from perilune.trajectory.order import Arrival, Launch, MissionOrder, Thruster  # noqa: E402
from perilune.trajectory.plan import plan_mission  # noqa: E402

YEARS = 5.0
# As `perilune plan` has them.
FIELD_DEGREE, EARTH_DEGREE = 8, 2
# By how much less than the inclination a site's latitude is.
REACH_LESS_DEG = 3.0


def order_of(rng: np.random.Generator, name: str) -> MissionOrder:
    """A launch at a random moment into a random plane, to a random near-polar orbit."""
    epoch = epoch_from_utc("2026-01-01T00:00:00").after(rng.uniform(0.0, YEARS * 365.25 * 86400.0))
    parking_rad, lunar_rad = math.radians(rng.uniform(30.0, 98.0)), math.radians(rng.uniform(70.0, 110.0))
    launch = Launch(epoch, rng.uniform(180e3, 400e3), parking_rad, Thruster("upper stage", 20e3, 332.0), 8300.0)
    arrival = Arrival(100e3, 100e3, lunar_rad, (Thruster("main", 4.5e3, 315.0),))
    return MissionOrder(name, 1750.0, 640.0, launch, arrival, Thruster("small", 300.0, 285.0))


def landing_order_of(rng: np.random.Generator, name: str, like: MissionOrder) -> MissionOrder:
    """The same, on to a landing at a random site, by a lander that is there."""
    order = order_of(rng, name)
    if like.descent is None:
        raise ValueError(f"{like.name} does not land")
    inclination_deg = math.degrees(order.arrival.inclination_rad)
    reach_deg = min(inclination_deg, 180.0 - inclination_deg) - REACH_LESS_DEG
    arrives = order.launch.injection.after(rng.uniform(4.0, 6.0) * DAY_S)
    descent = like.descent._replace(
        latitude_rad=math.radians(rng.uniform(-reach_deg, reach_deg)),
        longitude_rad=math.radians(rng.uniform(-180.0, 180.0)),
        trim=arrives.after(3.0 * DAY_S),
        descent_burn=None,
        earliest=arrives.after(4.0 * DAY_S),
        latest=arrives.after(32.0 * DAY_S),
        southbound=None,
    )
    arrival = order.arrival._replace(engines=like.arrival.engines, later_s=like.arrival.later_s, ignition=arrives)
    return order._replace(
        mass_kg=like.mass_kg, dry_mass_kg=like.dry_mass_kg, arrival=arrival, small_engine=like.small_engine, descent=descent
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument(
        "--only", type=lambda text: {int(part) for part in text.split(",")}, help="these rows alone, as the whole would have them"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--landing", action="store_true", help="on to a random site, with Luna-25's lander")
    asked = parser.parse_args()
    like = desk_of(load("luna-25")).order if asked.landing else None
    fields = field_of(lunar_field()).truncated(FIELD_DEGREE), field_of(earth_field()).truncated(EARTH_DEGREE)
    rng, seconds, reasons, costs = np.random.default_rng(asked.seed), [], [], {}
    for number in range(asked.count):
        name = f"random {number}"
        order = order_of(rng, name) if like is None else landing_order_of(rng, name, like)
        if asked.only and number not in asked.only:
            continue
        began = time.perf_counter()
        try:
            with called_by(IN_MEMORY):
                plan = plan_mission(order, *fields)
            flight_d = (plan.perilune_s - order.launch.injection.seconds_since(plan.epoch)) / 86400.0
            tale = f"{flight_d:.2f} d, injection {plan.burns[0].delta_v_m_s:.0f} m/s, after it {plan.total_m_s:.0f} m/s"
            if plan.pass_s is not None and order.descent is not None:
                wait_d = (plan.pass_s - plan.perilune_s) / DAY_S
                site_deg = math.degrees(order.descent.latitude_rad), math.degrees(order.descent.longitude_rad)
                tale += f", over {site_deg[0]:.1f} N {site_deg[1]:.1f} E {wait_d:.1f} d after arrival, {plan.landing_kg or math.nan:.0f} kg landed"
                tale += f", {plan.way_down}"
            for burn in plan.burns:
                costs.setdefault(burn.name, []).append(burn.delta_v_m_s)
        except ValueError as error:
            tale = f"FAILED: {error}"
            reasons.append(tale)
        seconds.append(time.perf_counter() - began)
        print(f"{number:3d} {moment(order.launch.injection)[:16]} {seconds[-1]:6.1f} s  {tale}", flush=True)
    print(
        f"{len(seconds) - len(reasons)} of {len(seconds)} converge; first plan {seconds[0]:.0f} s, median of the others {np.median(seconds[1:]):.1f} s"
    )
    for name, spent_m_s in costs.items():
        least, middle, most = np.percentile(spent_m_s, (0.0, 50.0, 100.0))
        print(f"{name}: {least:.1f} to {most:.1f} m/s, median {middle:.1f}")


if __name__ == "__main__":
    main()
