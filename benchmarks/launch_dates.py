"""Does the desk find its way from any date? Random launches from 2026 to 2030, no guess by hand: what converges, what it costs, why not.

python benchmarks/launch_dates.py --count 50
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
from perilune.moon.time import epoch_from_utc  # noqa: E402
from perilune.scenario.programs import IN_MEMORY  # noqa: E402
from perilune.trajectory.flightpath import moment  # noqa: E402
from perilune.trajectory.order import Arrival, Launch, MissionOrder, Thruster  # noqa: E402
from perilune.trajectory.plan import plan_mission  # noqa: E402

YEARS = 5.0
# As `perilune plan` has them.
FIELD_DEGREE, EARTH_DEGREE = 8, 2


def order_of(rng: np.random.Generator, name: str) -> MissionOrder:
    """A launch at a random moment into a random plane, to a random near-polar orbit."""
    epoch = epoch_from_utc("2026-01-01T00:00:00").after(rng.uniform(0.0, YEARS * 365.25 * 86400.0))
    parking_rad, lunar_rad = math.radians(rng.uniform(30.0, 98.0)), math.radians(rng.uniform(70.0, 110.0))
    launch = Launch(epoch, rng.uniform(180e3, 400e3), parking_rad, Thruster("upper stage", 20e3, 332.0), 8300.0)
    arrival = Arrival(100e3, 100e3, lunar_rad, (Thruster("main", 4.5e3, 315.0),))
    return MissionOrder(name, 1750.0, 640.0, launch, arrival, Thruster("small", 300.0, 285.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    fields = field_of(lunar_field()).truncated(FIELD_DEGREE), field_of(earth_field()).truncated(EARTH_DEGREE)
    rng, seconds, reasons = np.random.default_rng(asked.seed), [], []
    for number in range(asked.count):
        order = order_of(rng, f"random {number}")
        began = time.perf_counter()
        try:
            with called_by(IN_MEMORY):
                plan = plan_mission(order, *fields)
            flight_d = (plan.perilune_s - order.launch.injection.seconds_since(plan.epoch)) / 86400.0
            tale = f"{flight_d:.2f} d, injection {plan.burns[0].delta_v_m_s:.0f} m/s, insertion {plan.total_m_s:.0f} m/s"
        except ValueError as error:
            tale = f"FAILED: {error}"
            reasons.append(tale)
        seconds.append(time.perf_counter() - began)
        print(f"{number:3d} {moment(order.launch.injection)[:16]} {seconds[-1]:6.1f} s  {tale}", flush=True)
    print(
        f"{asked.count - len(reasons)} of {asked.count} converge; first plan {seconds[0]:.0f} s, median of the others {np.median(seconds[1:]):.1f} s"
    )


if __name__ == "__main__":
    main()
