"""Where the orbit of Luna-25 met the ground after the burn of 19 August 2023, for every burn that the public record allows.

    python benchmarks/luna25_impact_band.py --picture docs/luna-25-impact.png

**Model.** Given: the orbit of 91.4 by 112.6 km, inclined by 82.087 degrees, ascending node at 270.53 degrees selenographic on 16 August
09:03 UTC (the frame is not stated: our reading), carried to 19 August by our gravity; 1,309 kg; ignition at 11:10 UTC within a minute; thrust
against the motion, such that 84 s of it would have made a perilune of 18 km; 127 s of it. Not given, and so swept: the argument of latitude at
ignition and the argument of perilune. Left out: burns during which, or between which and the impact (or 11:57), the Earth is below the limb.
**Neglects** the tail-off of thrust, errors of attitude, the difference between osculating and mean elements, and relief: the ground is the
sphere of 1,737.4 km (a kilometre of height is worth about 25 s and 42 km).
**Reference.** Roscosmos, 2023-08-20 and 2023-10-03; NASA LRO, 2023-08-31 (crater at 57.865 S 61.360 E).
"""

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.constants import G0_M_S2, GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3, vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import moon_orientation, selenographic
from perilune.moon.time import epoch_from_utc
from perilune.scenario.build import build_world
from perilune.scenario.load import load
from perilune.sim.coast import Orbit, coasted_orbit, orbit_rates
from perilune.types import Flag, Scalar
from perilune.world.plant import World

NODE_UTC, IGNITION_UTC = "2023-08-16T09:03:00", "2023-08-19T11:10:00"
PERILUNE_KM, APOLUNE_KM, INCLINATION_DEG, NODE_DEG = 91.4, 112.6, 82.087, 270.53
MASS_KG, ISP_S = 1309.0, 285.0
PLANNED_S, FLOWN_S, WANTED_KM = 84.0, 127.0, 18.0
CRATER_DEG, SITE_DEG = (-57.865, 61.360), (-69.545, 43.544)
LOST_S = 47.0 * 60.0  # 11:57, from ignition
IMPACT_S = 48.0 * 60.0  # 11:58
STEP_S, WATCHED_S = 4.0, 4200.0
BURN_STEPS = 42
FITTED_M = 20e3
WIDTH = 1024


class Burning(eqx.Module):
    orbit: Orbit
    mass_kg: Scalar


class Fate(eqx.Module):
    """What became of one burn."""

    delta_v_m_s: Scalar
    thrust_n: Scalar
    apolune_km: Scalar  # of the orbit that was planned
    seen: Flag  # the Earth over the limb all the while
    struck: Flag
    after_ignition_s: Scalar
    latitude_deg: Scalar
    longitude_deg: Scalar
    along_m: Scalar  # of the crater, ahead of the impact along the track
    cross_m: Scalar  # of the crater, off the track


class _Fall(eqx.Module):
    orbit: Orbit
    struck: Flag
    t_s: Scalar
    r_lfme_m: Vec3
    seen: Flag
    nearest: Scalar  # cosine of the least angle to the crater
    cross_m: Scalar
    to_crater_s: Scalar


class Plane(NamedTuple):
    """At ignition, in the axes of the mean Earth / rotation axis frame as it then stands."""

    inclination_rad: float
    node_rad: float


def kepler_state(world: World, t_s: Scalar, plane: Plane, latitude_argument_rad: Scalar, perilune_argument_rad: Scalar) -> Orbit:
    """A point of the published ellipse."""
    low_m, high_m = RADIUS_MOON_M + 1e3 * PERILUNE_KM, RADIUS_MOON_M + 1e3 * APOLUNE_KM
    a_m, e = 0.5 * (low_m + high_m), (high_m - low_m) / (high_m + low_m)
    anomaly = latitude_argument_rad - perilune_argument_rad
    p_m = a_m * (1.0 - e * e)
    r_m = p_m / (1.0 + e * jnp.cos(anomaly))
    speed = math.sqrt(GM_MOON_M3_S2 / p_m)
    node = Vec3(jnp.cos(plane.node_rad), jnp.sin(plane.node_rad), jnp.zeros(()))
    pole = Vec3(
        jnp.sin(plane.node_rad) * jnp.sin(plane.inclination_rad),
        -jnp.cos(plane.node_rad) * jnp.sin(plane.inclination_rad),
        jnp.cos(plane.inclination_rad) * jnp.ones(()),
    )
    aside = pole.cross(node)
    up = node * jnp.cos(latitude_argument_rad) + aside * jnp.sin(latitude_argument_rad)
    along = pole.cross(up)
    v = up * (speed * e * jnp.sin(anomaly)) + along * (speed * (1.0 + e * jnp.cos(anomaly)))
    q_lci_lfme = moon_orientation(world.ephemeris, t_s).q_lfme_lci.inverse()
    return Orbit(q_lci_lfme @ (up * r_m), q_lci_lfme @ v)


def plane_of(world: World, t_s: Scalar, orbit: Orbit) -> tuple[Scalar, Scalar]:
    """Inclination and longitude of the ascending node, in the same axes."""
    pole = moon_orientation(world.ephemeris, t_s).q_lfme_lci @ orbit.r_lci_m.cross(orbit.v_lci_m_s).unit()
    return jnp.arccos(pole.z), jnp.arctan2(pole.x, -pole.y)


def apses_km(orbit: Orbit) -> tuple[Scalar, Scalar]:
    """Osculating altitudes."""
    r, v = orbit.r_lci_m, orbit.v_lci_m_s
    a_m = 1.0 / (2.0 / r.norm() - v.norm_squared() / GM_MOON_M3_S2)
    momentum = r.cross(v).norm_squared()
    e = jnp.sqrt(jnp.maximum(1.0 - momentum / (GM_MOON_M3_S2 * a_m), 1e-12))
    return (a_m * (1.0 - e) - RADIUS_MOON_M) / 1e3, (a_m * (1.0 + e) - RADIUS_MOON_M) / 1e3


def burnt(world: World, orbit: Orbit, start_s: Scalar, duration_s: Scalar, thrust_n: Scalar) -> Burning:
    """Thrust against the motion."""
    flow_kg_s = thrust_n / (ISP_S * G0_M_S2)

    def rates(t_s: Scalar, now: Burning) -> Burning:
        free = orbit_rates(world, t_s, now.orbit)
        push = now.orbit.v_lci_m_s.unit() * (-thrust_n / now.mass_kg)
        return Burning(Orbit(free.r_lci_m, free.v_lci_m_s + push), -flow_kg_s)

    dt_s = duration_s / BURN_STEPS

    def one(number: Scalar, now: Burning) -> Burning:
        return rk4_step(rates, start_s + number * dt_s, now, dt_s)

    return jax.lax.fori_loop(0, BURN_STEPS, one, Burning(orbit, jnp.asarray(MASS_KG)))


def needed_thrust_n(world: World, orbit: Orbit, start_s: Scalar) -> Scalar:
    """Such that the planned time makes the wanted perilune; secant steps."""

    def missed_km(thrust_n: Scalar) -> Scalar:
        return apses_km(burnt(world, orbit, start_s, jnp.asarray(PLANNED_S), thrust_n).orbit)[0] - WANTED_KM

    def better(_: Scalar, pair: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        before_n, now_n, before_km, now_km = pair
        slope = (now_km - before_km) / jnp.where(now_n == before_n, jnp.inf, now_n - before_n)
        next_n = jnp.where(slope == 0.0, now_n, now_n - now_km / jnp.where(slope == 0.0, 1.0, slope))
        return now_n, next_n, now_km, missed_km(next_n)

    first, second = jnp.asarray(260.0), jnp.asarray(320.0)
    return jax.lax.fori_loop(0, 6, better, (first, second, missed_km(first), missed_km(second)))[1]


def earth_seen(world: World, t_s: Scalar, r_lci_m: Vec3) -> Flag:
    """Over the limb of a smooth Moon."""
    radius_m = r_lci_m.norm()
    sin_up = r_lci_m.dot(world.ephemeris.r_earth_lci_m(t_s).unit()) / radius_m
    return sin_up > -jnp.sqrt(jnp.maximum(1.0 - (RADIUS_MOON_M / radius_m) ** 2, 0.0))


def fate(world: World, plane: Plane, start_s: Scalar, latitude_argument_rad: Scalar, perilune_argument_rad: Scalar) -> Fate:
    """One burn, and the fall after it."""
    orbit = kepler_state(world, start_s, plane, latitude_argument_rad, perilune_argument_rad)
    thrust_n = needed_thrust_n(world, orbit, start_s)
    planned = burnt(world, orbit, start_s, jnp.asarray(PLANNED_S), thrust_n)
    flown = burnt(world, orbit, start_s, jnp.asarray(FLOWN_S), thrust_n)
    crater = place(*CRATER_DEG)
    off_s = start_s + FLOWN_S

    def one(number: Scalar, now: _Fall) -> _Fall:
        t_s = off_s + number * STEP_S
        after = rk4_step(lambda t, x: orbit_rates(world, t, x), t_s, now.orbit, jnp.asarray(STEP_S))
        r = moon_orientation(world.ephemeris, t_s + STEP_S).q_lfme_lci @ after.r_lci_m
        before = moon_orientation(world.ephemeris, t_s).q_lfme_lci @ now.orbit.r_lci_m
        above_m, above_before_m = r.norm() - RADIUS_MOON_M, before.norm() - RADIUS_MOON_M
        hits = ~now.struck & (above_m <= 0.0)
        share = above_before_m / (above_before_m - above_m)
        where = before + (r - before) * share
        waited_s = t_s + STEP_S - start_s
        watched = ~now.struck & ~hits & (waited_s <= LOST_S)
        close = r.unit().dot(crater)
        normal = before.cross(r).unit()
        nearer = close > now.nearest
        return _Fall(
            orbit=after,
            struck=now.struck | hits,
            t_s=jnp.where(hits, t_s + share * STEP_S, now.t_s),
            r_lfme_m=jax.tree.map(lambda a, b: jnp.where(hits, a, b), where, now.r_lfme_m),
            seen=now.seen & (~watched | earth_seen(world, t_s + STEP_S, after.r_lci_m)),
            nearest=jnp.maximum(close, now.nearest),
            cross_m=jnp.where(nearer, jnp.arcsin(normal.dot(crater)) * RADIUS_MOON_M, now.cross_m),
            to_crater_s=jnp.where(nearer, waited_s, now.to_crater_s),
        )

    seen = earth_seen(world, start_s, orbit.r_lci_m) & earth_seen(world, off_s, flown.orbit.r_lci_m)
    zero = jnp.zeros(())
    fall = _Fall(flown.orbit, jnp.asarray(False), zero, vec3((1.0, 0.0, 0.0)), seen, zero - 1.0, zero, zero)
    fall = jax.lax.fori_loop(0, int(WATCHED_S / STEP_S), one, fall)
    ground = selenographic(fall.r_lfme_m)
    apart = jnp.arccos(jnp.clip(fall.r_lfme_m.unit().dot(crater), -1.0, 1.0)) * RADIUS_MOON_M
    along = jnp.sqrt(jnp.maximum(apart**2 - fall.cross_m**2, 0.0))
    return Fate(
        delta_v_m_s=-ISP_S * G0_M_S2 * jnp.log(flown.mass_kg / MASS_KG),
        thrust_n=thrust_n,
        apolune_km=apses_km(planned.orbit)[1],
        seen=fall.seen,
        struck=fall.struck,
        after_ignition_s=fall.t_s - start_s,
        latitude_deg=jnp.degrees(ground.latitude_rad),
        longitude_deg=jnp.degrees(ground.longitude_rad),
        along_m=jnp.where(fall.to_crater_s >= fall.t_s - start_s, along, -along),
        cross_m=fall.cross_m,
    )


def place(latitude_deg: float, longitude_deg: float) -> Vec3:
    """Unit vector, mean Earth / rotation axis."""
    latitude, longitude = math.radians(latitude_deg), math.radians(longitude_deg)
    return vec3((math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)))


def world_and_plane() -> tuple[World, Plane, float, float]:
    """The world from the time of the node on, the plane at ignition, its spread over unknown phases (rad), and ignition (s)."""
    epoch = epoch_from_utc(NODE_UTC)
    ignition_s = epoch_from_utc(IGNITION_UTC).seconds_since(epoch)
    world = build_world(load("luna-25"), load_ephemeris(epoch, ignition_s + 2.0 * WATCHED_S))
    given = Plane(math.radians(INCLINATION_DEG), math.radians(NODE_DEG))

    @eqx.filter_jit
    def carried(world: World, phases):
        def one(phase):
            start = kepler_state(world, jnp.asarray(0.0), given, phase[0], phase[1])
            return plane_of(world, jnp.asarray(ignition_s), coasted_orbit(world, start, jnp.asarray(0.0), jnp.asarray(ignition_s)))

        return jax.vmap(one)(phases)

    around = np.radians(np.arange(0.0, 360.0, 60.0))
    phases = jnp.asarray([(u, w) for u in around for w in around])
    inclination, node = (np.asarray(each) for each in carried(world, phases))
    middle = math.atan2(np.sin(node).mean(), np.cos(node).mean())
    spread = float(np.abs((node - middle + math.pi) % (2.0 * math.pi) - math.pi).max())
    return world, Plane(float(inclination.mean()), middle), spread, ignition_s


def swept(world: World, plane: Plane, ignition_s: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows (delay s, argument of latitude deg, argument of perilune deg), and their fates."""
    rows = np.array([(d, u, w) for d in (-60.0, 0.0, 60.0) for u in np.arange(0.0, 360.0, 2.0) for w in np.arange(0.0, 360.0, 6.0)])

    @eqx.filter_jit
    def some(world: World, these):
        return jax.vmap(lambda row: fate(world, plane, ignition_s + row[0], jnp.radians(row[1]), jnp.radians(row[2])))(these)

    pieces = []
    for first in range(0, len(rows), WIDTH):
        these = rows[first : first + WIDTH]
        filled = np.concatenate([these, np.repeat(these[-1:], WIDTH - len(these), axis=0)])
        pieces.append(jax.tree.map(np.asarray, some(world, jnp.asarray(filled))))
    joined = jax.tree.map(lambda *parts: np.concatenate(parts)[: len(rows)], *pieces)
    return rows, {name: getattr(joined, name) for name in Fate.__dataclass_fields__}


class Band(NamedTuple):
    """What the allowed burns say; each a (least, middle, greatest)."""

    count: int
    cross_km: tuple[float, float, float]
    minutes: tuple[float, float, float]
    latitude_deg: tuple[float, float, float]
    along_km: tuple[float, float, float]


def band_of(fates: dict[str, np.ndarray], chosen: np.ndarray) -> Band:
    def spread(values: np.ndarray) -> tuple[float, float, float]:
        return float(values[chosen].min()), float(np.median(values[chosen])), float(values[chosen].max())

    return Band(
        int(chosen.sum()),
        spread(fates["cross_m"] / 1e3),
        spread(fates["after_ignition_s"] / 60.0),
        spread(fates["latitude_deg"]),
        spread(fates["along_m"] / 1e3),
    )


def tell(rows: np.ndarray, fates: dict[str, np.ndarray], allowed: np.ndarray) -> None:
    falls = allowed & fates["struck"]
    print(f"{len(rows)} burns, {int(allowed.sum())} with the Earth in view throughout, {int(falls.sum())} of them meet the ground")
    for name, chosen in selections(fates, falls):
        band = band_of(fates, chosen)
        print(f"\n{name}: {band.count} burns")
        print("  [predictive] crater off the ground track, east +, km: {:7.1f} {:7.1f} {:7.1f}".format(*band.cross_km))
        print("  [predictive] ignition to impact, min (flown 48, 47-48): {:6.2f} {:7.2f} {:7.2f}".format(*band.minutes))
        print("  [a band] latitude of the impact, deg (real -57.87):    {:7.2f} {:7.2f} {:7.2f}".format(*band.latitude_deg))
        print("  [a band] crater ahead of the impact, km:               {:7.0f} {:7.0f} {:7.0f}".format(*band.along_km))
    print(f"\nvelocity taken out, m/s: {fates['delta_v_m_s'][falls].min():.1f} to {fates['delta_v_m_s'][falls].max():.1f}")
    print(f"thrust, N: {fates['thrust_n'][falls].min():.0f} to {fates['thrust_n'][falls].max():.0f}")
    near = falls & (np.abs(fates["along_m"]) < FITTED_M)
    u_deg, w_deg = rows[near, 1], rows[near, 2]
    minutes = fates["after_ignition_s"][near] / 60.0
    print(f"[fitted, not predicted] {int(near.sum())} burns come down within {FITTED_M / 1e3:.0f} km of the crater along the track:")
    print(f"  arguments of latitude {u_deg.min():.0f} to {u_deg.max():.0f} deg, of perilune {w_deg.min():.0f} to {w_deg.max():.0f} deg,")
    print(f"  {minutes.min():.1f} to {minutes.max():.1f} min after ignition")


def selections(fates: dict[str, np.ndarray], falls: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """All that is allowed; and those whose planned apolune rounds to the 100 km that were published."""
    return [("all", falls), ("planned apolune 95 to 105 km", falls & (np.abs(fates["apolune_km"] - 100.0) <= 5.0))]


def polar(latitude_deg: np.ndarray | float, longitude_deg: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Degrees from the south pole, the meridian of Greenwich upward, east to the right."""
    away, turn = 90.0 + np.asarray(latitude_deg), np.radians(longitude_deg)
    return away * np.sin(turn), away * np.cos(turn)


def draw(fates: dict[str, np.ndarray], falls: np.ndarray, picture: Path) -> None:
    """The map, the distance off the track, and time with place: what the record leaves open, and what is known."""
    from perilune.report import style

    narrow = selections(fates, falls)[1][1]
    with style.drawing(columns=3, height_in=4.6) as (figure, (chart, across, times)):
        figure.suptitle("Luna-25, 19 August 2023: where a burn of 127 s in place of 84 s may end", fontsize=11, fontweight="bold")
        draw_map(chart, fates, falls)
        across.hist(-fates["cross_m"][falls] / 1e3, bins=np.arange(-1.0, 6.25, 0.25), color=style.TRUTH)
        across.axvline(0.0, color=style.BAD, lw=2)
        across.annotate("the crater", (0.0, 1.0), (4, -12), xycoords=("data", "axes fraction"), textcoords="offset points", color=style.BAD)
        across.set(title="Off the track [predicted]", xlabel="track, east of the crater [km]", ylabel="burns", xlim=(-1.0, 6.0))
        for chosen, colour, label in ((falls, style.FAINT, "allowed burns"), (narrow, style.TRUTH, "planned apolune 95–105 km")):
            minutes, latitude = fates["after_ignition_s"][chosen] / 60.0, fates["latitude_deg"][chosen]
            times.scatter(minutes, latitude, s=3, color=colour, lw=0, label=label, rasterized=True)
        times.plot((LOST_S / 60.0, IMPACT_S / 60.0), (CRATER_DEG[0],) * 2, color=style.BAD, lw=3, label="flown: 47 to 48 min")
        times.plot(IMPACT_S / 60.0, CRATER_DEG[0], "*", ms=12, mfc=style.BAD, mec="white")
        times.set(title="Time [predicted], place [a band]", xlabel="minutes from ignition to impact", ylabel="latitude of the impact [°]")
        times.set(ylim=(-90.0, 35.0), xlim=(37.0, 49.0))
        times.legend(loc="upper left")
        figure.savefig(picture, dpi=90)


def draw_map(axes, fates: dict[str, np.ndarray], falls: np.ndarray) -> None:
    from perilune.report import style

    turns = np.linspace(-30.0, 150.0, 91)
    for latitude_deg in (-75.0, -60.0, -45.0, -30.0, -15.0, 0.0):
        axes.plot(*polar(latitude_deg, turns), color="#dde3ea", lw=0.6)
        axes.annotate(f"{latitude_deg:.0f}°", polar(latitude_deg, 95.0), fontsize=7, color=style.FAINT)
    for longitude_deg in range(0, 121, 30):
        axes.plot(*polar(np.array([-90.0, 8.0]), longitude_deg), color="#dde3ea", lw=0.6)
        axes.annotate(f"{longitude_deg}° E", polar(12.0, longitude_deg), fontsize=7, color=style.FAINT, ha="center")
    axes.plot(
        *polar(fates["latitude_deg"][falls], fates["longitude_deg"][falls]),
        ".",
        ms=2,
        color=style.TRUTH,
        label="impacts that the record allows",
    )
    axes.plot(*polar(*CRATER_DEG), "*", ms=13, mfc=style.BAD, mec="white", label="the crater (LRO)")
    axes.plot(*polar(*SITE_DEG), "o", ms=7, mfc="none", mec=style.INK, mew=1.5, label="the planned site")
    axes.set(title="About the south pole", xlim=(-12.0, 112.0), ylim=(-30.0, 112.0), aspect="equal")
    axes.axis("off")
    axes.legend(loc="lower right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="draw the map here")
    parser.add_argument("--keep", type=Path, help="keep the numbers here (.npz)")
    asked = parser.parse_args()
    world, plane, spread, ignition_s = world_and_plane()
    inclination_deg, node_deg = math.degrees(plane.inclination_rad), math.degrees(plane.node_rad) % 360.0
    print(f"plane at ignition: inclination {inclination_deg:.3f} deg, node {node_deg:.3f} deg east")
    print(f"(the unknown phase of the orbit moves the node by at most {math.degrees(spread):.3f} deg)")
    rows, fates = swept(world, plane, ignition_s)
    if asked.keep is not None:
        np.savez(asked.keep, rows=rows, **fates)
    tell(rows, fates, fates["seen"])
    if asked.picture is not None:
        draw(fates, fates["seen"] & fates["struck"], asked.picture)


if __name__ == "__main__":
    main()
