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
from perilune.fsw.navigation.waking import Orbit, carried  # noqa: E402
from perilune.moon.gravity import field_of  # noqa: E402
from perilune.moon.lunar_field import lunar_field  # noqa: E402
from perilune.scenario.build import build  # noqa: E402

ORBITS_KM, SPANS_S, DRAWS = ((100.0, 100.1), (18.0, 100.0)), (1800.0, 3600.0, 7100.0), 64
INCLINATIONS_DEG = (80.0, 95.0)


def main() -> None:
    file = perilune.load("resilience")
    believed = build(file).mission.fsw.navigation.gravity
    true = eqx.tree_at(lambda g: g.perturbation.field, believed, field_of(lunar_field()).truncated(int(file.gravity.degree)))
    for low_km, high_km in ORBITS_KM:
        starts = jax.vmap(lambda each: state_of(each, jnp.asarray(GM_MOON_M3_S2)))(drawn(low_km, high_km))
        for span_s in SPANS_S:
            ours, theirs = (jax.vmap(lambda r, v, g=g, s=span_s: flown(g, r, v, s))(*starts) for g in (believed, true))
            along = jax.vmap(lambda a, b: (a.r_lci_m - b.r_lci_m).dot(b.v_lci_m_s.unit()))(ours, theirs)
            up = jax.vmap(lambda a, b: (a.r_lci_m - b.r_lci_m).dot(b.r_lci_m.unit()))(ours, theirs)
            told_m = float(believed.noise_m_s2_sqrt_s) * math.sqrt(span_s**3 / 3.0)
            rms_m = (math.sqrt(float(jnp.mean(each**2))) for each in (along, up))
            off = "along {:4.0f} m, radial {:4.0f} m".format(*rms_m)
            print(
                f"{low_km:3.0f} x {high_km:3.0f} km, {span_s:4.0f} s: {off} rms of {DRAWS} orbits; the covariance gains {told_m:3.0f} m",
                flush=True,
            )


def drawn(low_km: float, high_km: float) -> Elements:
    """Steep orbits of that size, turned by chance."""
    chance = np.random.default_rng(0)
    a_m = RADIUS_MOON_M + 500.0 * (low_km + high_km)
    sizes = np.full(DRAWS, a_m), np.full(DRAWS, 500.0 * (high_km - low_km) / a_m)
    inclination_rad = np.radians(chance.uniform(*INCLINATIONS_DEG, DRAWS))
    return Elements(*(jnp.asarray(each) for each in (*sizes, inclination_rad, *chance.uniform(0.0, 2.0 * math.pi, (3, DRAWS)))))


def flown(gravity, r_lci_m, v_lci_m_s, span_s: float) -> Orbit:
    begin = jnp.eye(6)
    return carried(Orbit(r_lci_m, v_lci_m_s, begin[:3], begin[3:]), gravity, 0.0, span_s)


if __name__ == "__main__":
    main()
