"""Low-energy transfers between the dates of real missions: what the desk finds beside what was flown. A minute or three each.

python benchmarks/low_energy.py
"""

import math
import time

import jax

jax.config.update("jax_enable_x64", True)

from perilune.math.calling import called_by  # noqa: E402
from perilune.moon.earth_field import earth_field  # noqa: E402
from perilune.moon.gravity import field_of  # noqa: E402
from perilune.moon.lunar_field import lunar_field  # noqa: E402
from perilune.moon.time import epoch_from_utc  # noqa: E402
from perilune.scenario.programs import IN_MEMORY  # noqa: E402
from perilune.trajectory.order import Arrival, Launch, MissionOrder, Thruster  # noqa: E402
from perilune.trajectory.plan import plan_mission  # noqa: E402

# As `perilune plan` has them.
FIELD_DEGREE, EARTH_DEGREE = 8, 2
STAGE, STAGE_KG = Thruster("upper stage", 90e3, 348.0), 14_000.0
# Name, injection, insertion, orbit about the Moon (km), mass (kg), engine (N, s), and what was flown.
MISSIONS = (
    (
        "hakuto-r-m1",
        "2022-12-11T08:18:00",
        "2023-03-21T01:20:00",
        (100, 6000),
        1050.0,
        (420.0, 318.0),
        "apogee 1.376 million km on 20 January",
    ),
    (
        "resilience",
        "2025-01-15T07:35:00",
        "2025-05-06T20:32:00",
        (70, 5800),
        1000.0,
        (420.0, 318.0),
        "apogee 1.1 million km, insertion 9 min",
    ),
    ("danuri", "2022-08-04T23:55:00", "2022-12-16T17:00:00", (109, 8920), 678.0, (126.0, 227.0), "apogee 1.56 million km"),
)


def main() -> None:
    fields = field_of(lunar_field()).truncated(FIELD_DEGREE), field_of(earth_field()).truncated(EARTH_DEGREE)
    for name, injection, insertion, altitudes_km, mass_kg, (thrust_n, isp_s), flown in MISSIONS:
        launch = Launch(epoch_from_utc(injection), 200e3, math.radians(28.5), STAGE, STAGE_KG)
        engines = (Thruster("main", thrust_n, isp_s),)
        arrival = Arrival(1e3 * altitudes_km[0], 1e3 * altitudes_km[1], 0.5 * math.pi, engines, (), epoch_from_utc(insertion))
        order = MissionOrder(name, mass_kg, 0.3 * mass_kg, launch, arrival, Thruster("small", 100.0, 220.0))
        began = time.perf_counter()
        try:
            with called_by(IN_MEMORY):
                tell(plan_mission(order, *fields), flown)
        except ValueError as error:
            print(f"{name}: FAILED: {error}")
        print(f"  {time.perf_counter() - began:.0f} s", flush=True)


def tell(plan, flown: str) -> None:
    burn, (top_s, far_m) = plan.burns[-1], plan.farthest()
    print(
        f"{plan.order.name}: injection {plan.burns[0].delta_v_m_s:.0f} m/s, apogee {far_m / 1e9:.3f} million km on {plan.utc(top_s)[:10]}, "
        f"insertion {burn.delta_v_m_s:.0f} m/s in {burn.duration_s:.0f} s (flown: {flown})"
    )


if __name__ == "__main__":
    main()
