"""What a coast about the Moon leaves out: `sim/coast.py` (RK4 of 10 s; Moon, Earth, Sun) beside the adaptive propagator with planets and sunlight.

python benchmarks/coast_difference.py
"""

import math

import equinox as eqx
import jax.numpy as jnp

import perilune
from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.dynamics.orbit import Elements, state_of
from perilune.moon.ephemeris import load_ephemeris
from perilune.scenario.build import build_world, window_s
from perilune.scenario.build_voyage import flying, true_forces
from perilune.scenario.schema_place import epoch_of
from perilune.sim.coast import Orbit, coasted_orbit
from perilune.sim.cruise import cruise

ORBITS_KM = ((91.4, 112.6), (18.0, 100.0))
DAYS = (0.5, 1.0, 2.0, 5.0)
PLANE_DEG = (82.0, 230.0, 200.0)


def main() -> None:
    file = perilune.load("luna-25")
    plan, span_s = flying(file)[0], window_s(file)
    epoch = epoch_of(file.when).after(-1.1 * max(DAYS) * 86400.0)
    world = build_world(file, load_ephemeris(epoch, span_s))
    forces = {"planets": plan.model_copy(update={"sunlight": None}), "planets and sunlight": plan}
    coasted = eqx.filter_jit(coasted_orbit)
    for low_km, high_km in ORBITS_KM:
        a_m = RADIUS_MOON_M + 500.0 * (low_km + high_km)
        angles = (jnp.asarray(math.radians(each)) for each in (*PLANE_DEG, 20.0))
        r_m, v_m_s = state_of(
            Elements(jnp.asarray(a_m), jnp.asarray(500.0 * (high_km - low_km) / a_m), *angles), jnp.asarray(GM_MOON_M3_S2)
        )
        for days in DAYS:
            here = coasted(world, Orbit(r_m, v_m_s), jnp.asarray(0.0), jnp.asarray(days * 86400.0))
            for name, wishes in forces.items():
                _, there = cruise(true_forces(file, wishes, epoch, span_s), "moon", Orbit(r_m, v_m_s), 0.0, days * 86400.0)
                apart = there.r_lci_m - here.r_lci_m
                told = f"{float(apart.norm()):7.2f} m, {float(apart.dot(here.v_lci_m_s.unit())):+7.2f} m along"
                print(f"{low_km:5.1f} x {high_km:5.1f} km, {days:3.1f} days, less {name:21s} {told}", flush=True)


if __name__ == "__main__":
    main()
