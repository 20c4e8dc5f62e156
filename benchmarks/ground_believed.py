"""Does the ground about a site differ from place to place as the navigation filter believes? Height differences by distance.

    python benchmarks/ground_believed.py luna-25 hakuto-r-m1 resilience

World: 20,000 pairs of points within 3 km of the site, in random directions, through the look-up that flights use: root mean square, and what
one in a thousand exceeds. Filter: its noise for relief that is too small for its slope (`fsw.navigation.belief.GroundBelief`).
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import RADIUS_MOON_M
from perilune.fsw.navigation.ground import small_variance_m2
from perilune.math.vector import Vec3
from perilune.scenario.build import build
from perilune.scenario.load import load
from perilune.sim.mission import Mission

PAIRS, AROUND_M = 20_000, 3000.0
APART_M = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0, 32.0, 64.0)


def ground(mission: Mission):
    """Height (m) at places east and north of the site (m)."""
    up = mission.world.site.r_origin_lfme_m.unit().array()
    east = jnp.cross(jnp.array([0.0, 0.0, 1.0]), up)
    east = east / jnp.linalg.norm(east)
    north = jnp.cross(up, east)

    def one(east_m, north_m):
        place = RADIUS_MOON_M * up + east_m * east + north_m * north
        return mission.world.terrain.height_m(Vec3(*(place / jnp.linalg.norm(place))))

    return jax.jit(jax.vmap(one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("missions", nargs="+")
    draw = np.random.default_rng(3)
    east_m, north_m = draw.uniform(-AROUND_M, AROUND_M, (2, PAIRS))
    way = draw.uniform(0.0, 2.0 * np.pi, PAIRS)
    for name in parser.parse_args().missions:
        mission = build(load(name)).mission
        height_m = ground(mission)
        here_m = np.asarray(height_m(east_m, north_m))
        print(f"{name}\n{'apart m':>9}{'rms m':>9}{'1 in 1000':>11}{'believed m':>12}{'variance, world / believed':>28}")
        for apart_m in APART_M:
            there_m = np.asarray(height_m(east_m + apart_m * np.cos(way), north_m + apart_m * np.sin(way)))
            apart = there_m - here_m
            believed_m2 = float(small_variance_m2(mission.fsw.navigation.ground, jnp.asarray(apart_m)))
            told = f"{apart_m:>9g}{apart.std():>9.3f}{np.quantile(np.abs(apart), 0.999):>11.2f}{believed_m2**0.5:>12.3f}"
            print(f"{told}{apart.var() / believed_m2:>28.1f}", flush=True)


if __name__ == "__main__":
    main()
