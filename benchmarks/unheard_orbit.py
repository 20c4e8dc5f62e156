"""How far flight software's own field leads an orbit astray that it carries on unheard, and how much of that its covariance knows.

python benchmarks/unheard_orbit.py
"""

import math

import jax

jax.config.update("jax_enable_x64", True)

import equinox as eqx  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import perilune  # noqa: E402
from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M  # noqa: E402
from perilune.dynamics.orbit import Elements, state_of  # noqa: E402
from perilune.fsw.navigation.belief import GravityBelief  # noqa: E402
from perilune.fsw.navigation.waking import Orbit, carried  # noqa: E402
from perilune.math.vector import Vec3  # noqa: E402
from perilune.moon.gravity import field_of  # noqa: E402
from perilune.moon.lunar_field import lunar_field  # noqa: E402
from perilune.scenario.build import build  # noqa: E402
from perilune.types import Scalar  # noqa: E402

ORBITS_KM, SPANS_S, DRAWS = ((100.0, 100.1), (18.0, 100.0)), (1800.0, 3600.0, 7100.0), 64
INCLINATIONS_DEG = (80.0, 95.0)
EARTH_DAYS, MONTH_DAYS = 10.0, 27.32


def main() -> None:
    file = perilune.load("resilience")
    believed = build(file).mission.fsw.navigation.gravity
    finer = eqx.tree_at(lambda g: g.perturbation.field, believed, field_of(lunar_field()).truncated(int(file.gravity.degree)))
    later = eqx.tree_at(lambda g: g.perturbation.r_earth_lci_m, believed, turned(believed.perturbation.r_earth_lci_m))
    for low_km, high_km in ORBITS_KM:
        starts = jax.vmap(lambda each: state_of(each, jnp.asarray(GM_MOON_M3_S2)))(drawn(low_km, high_km))
        for span_s in SPANS_S:
            told_m = float(believed.noise_m_s2_sqrt_s) * math.sqrt(span_s**3 / 3.0)
            print(f"{low_km:3.0f} x {high_km:3.0f} km, {span_s:4.0f} s, rms of {DRAWS} orbits; the covariance gains {told_m:3.0f} m")
            ours = all_flown(believed, starts, span_s)
            for name, gravity in {"the world's degree": finer, f"the Earth {EARTH_DAYS:g} days on": later}.items():
                along_m, up_m = apart_m(ours, all_flown(gravity, starts, span_s))
                print(f"    {name:22} along {along_m:4.0f} m, radial {up_m:4.0f} m", flush=True)


def all_flown(gravity: GravityBelief, starts: tuple[Vec3, Vec3], span_s: float) -> Orbit:
    begin = jnp.eye(6)
    return jax.vmap(lambda r, v: carried(Orbit(r, v, begin[:3], begin[3:]), gravity, 0.0, span_s))(*starts)


def apart_m(ours: Orbit, theirs: Orbit) -> tuple[float, float]:
    """Root mean square along the motion and along the radius."""

    def parts(a: Orbit, b: Orbit) -> tuple[Scalar, Scalar]:
        off = a.r_lci_m - b.r_lci_m
        return off.dot(b.v_lci_m_s.unit()), off.dot(b.r_lci_m.unit())

    along, up = (math.sqrt(float(jnp.mean(each**2))) for each in jax.vmap(parts)(ours, theirs))
    return along, up


def turned(r_earth_lci_m: Vec3) -> Vec3:
    """As the Moon goes about the Earth, in the plane of the equator."""
    angle_rad = 2.0 * math.pi * EARTH_DAYS / MONTH_DAYS
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    x, y, z = r_earth_lci_m.components()
    return Vec3(cosine * x - sine * y, sine * x + cosine * y, z)


def drawn(low_km: float, high_km: float) -> Elements:
    """Steep orbits of that size, turned by chance."""
    chance = np.random.default_rng(0)
    a_m = RADIUS_MOON_M + 500.0 * (low_km + high_km)
    sizes = np.full(DRAWS, a_m), np.full(DRAWS, 500.0 * (high_km - low_km) / a_m)
    inclination_rad = np.radians(chance.uniform(*INCLINATIONS_DEG, DRAWS))
    return Elements(*(jnp.asarray(each) for each in (*sizes, inclination_rad, *chance.uniform(0.0, 2.0 * math.pi, (3, DRAWS)))))


if __name__ == "__main__":
    main()
