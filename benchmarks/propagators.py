"""Perilune's propagator beside heyoka, nyx and Basilisk: how far apart they end, and how long a propagation takes.

    PERILUNE_REFERENCE_DATA=DATA python benchmarks/propagators.py --heyoka-python H/bin/python --nyx-python N/bin/python --basilisk-python B/bin/python

Each peer lives in an environment of its own (`pip install heyoka jplephem`, `nyx-space`, `bsk`); one that is not given is left out. All fly the
Earth, the Moon and the Sun as point masses with the same GM and DE440 (an excerpt, and naif0012.tls, in DATA/kernels): a lunar orbit of three days
(STK's, 2004; STK adds the planets, 2 cm), a transfer of 36 hours (GMAT's, 2022), and one of five days from a parking orbit. heyoka has no
ephemeris of its own, so Earth, Moon and Sun are integrated too, from DE440's places; Basilisk holds a planet's velocity over its step.
Seconds are processor time of one core for one propagation, once everything is compiled and loaded; compiling is told apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GM_KM3_S2 = {"earth": 398600.4415, "moon": 4902.8005821478, "sun": 132712440017.99}
DAY_S = 86400.0
# Centre, date, duration, state (km, km/s), published end or None.
CASES = {
    "lunar orbit, 3 d": dict(
        centre="moon",
        utc="2004-06-01T12:00:00",
        duration_s=3 * DAY_S,
        state=(-1486.7921171915452, 0.0, 1486.792117191543, -0.142927729144255, -1.631407624437537, 0.142927729144255),
        end=(-1154.314599560124, -1778.0458948763423, 1161.3987898558626),
    ),
    "transfer, 36 h": dict(
        centre="earth",
        utc="2022-11-27T05:55:49",
        duration_s=1.5 * DAY_S,
        state=(-752.9485277404609, 5624.035455855085, 3278.632833875311, -7.683161946015461, -0.8606703014186993, -0.08561403537028035),
        end=(-6151.500843512164, 1833.914559118256, 1384.255278442759),
    ),
    "transfer, 5 d": dict(
        centre="earth",
        utc="2023-08-11T00:33:00",
        duration_s=5 * DAY_S,
        state=(-1500.0, -5800.0, -2700.0, 10.5, -2.7, 0.5),
        end=None,
    ),
}
REPEATS = 20
# Basilisk asks SPICE for the planets once a step.
BASILISK_STEP_S = 10.0
PEERS = ("heyoka", "nyx", "basilisk")
ID = {"earth": 399, "moon": 301, "sun": 10}


def kernel(name: str) -> str:
    return str(Path(os.environ["PERILUNE_REFERENCE_DATA"]) / "kernels" / name)


DE440 = "de440_excerpt_2000_2040_sun_emb_earth_moon_jup.bsp"


def timed(fly) -> dict:
    """The end of a propagation [km], how long the first one took, and the others on average (processor time)."""
    started = time.process_time()
    fly()
    first_s = time.process_time() - started
    started = time.process_time()
    for _ in range(REPEATS):
        end = fly()
    return {"end_km": [float(x) for x in end], "seconds": (time.process_time() - started) / REPEATS, "first_s": first_s}


def perilune_case(case: dict) -> dict:
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jplephem.spk import SPK

    from perilune.dynamics.cislunar import Cislunar
    from perilune.dynamics.propagate import PointMass, coast_rates, propagated
    from perilune.math.vector import vec3
    from perilune.moon.ephemeris import Ephemeris, load_ephemeris
    from perilune.moon.gravity import SphericalHarmonicField
    from perilune.moon.series import fitted_records
    from perilune.moon.time import epoch_from_utc

    epoch = epoch_from_utc(case["utc"])
    whole, fraction = epoch.jd_tdb()
    from_record_s = ((whole - 2451544.5 + fraction) % 4.0) * DAY_S
    with SPK.open(kernel(DE440)) as spk:

        def records(plus, minus):
            def places_m(times_s):
                return (
                    spk[plus].compute(whole, fraction + times_s / DAY_S) - spk[minus].compute(whole, fraction + times_s / DAY_S)
                ).T * 1e3

            return fitted_records(places_m, -from_record_s, 4 * DAY_S, 4, 14)

        moon, sun = records((3, 301), (3, 399)), records((0, 10), (0, 3))
    ephemeris = Ephemeris(moon, sun, load_ephemeris(epoch, DAY_S).libration_rad, jnp.asarray(1.0 / (1.0 + 81.3005682214972154)))
    gm = {name: jnp.asarray(value * 1e9) for name, value in GM_KM3_S2.items()}
    field = SphericalHarmonicField(gm["moon"], jnp.asarray(1738e3), jnp.ones((1, 1)), jnp.zeros((1, 1)))
    forces = Cislunar(ephemeris, field, gm_earth_m3_s2=gm["earth"], gm_sun_m3_s2=gm["sun"])

    def end(state, duration_s):
        start = PointMass(vec3(state[:3]), vec3(state[3:]), jnp.asarray(1.0))
        accel = forces.accel_lci_m_s2 if case["centre"] == "moon" else forces.accel_gci_m_s2
        return propagated(coast_rates(accel), start, 0.0, duration_s).r_m.array()

    state, duration_s = jnp.asarray(case["state"]) * 1e3, jnp.asarray(case["duration_s"])
    one = eqx.filter_jit(end)
    found = timed(lambda: np.asarray(one(state, duration_s)) / 1e3)
    many = eqx.filter_jit(jax.vmap(end, in_axes=(0, None)))
    states = jnp.tile(state, (100, 1)).at[:, 4].add(jnp.linspace(0.0, 0.1, 100))
    batch = timed(lambda: np.asarray(many(states, duration_s))[0] / 1e3)
    return found | {"batch_s": batch["seconds"] / 100}


def heyoka_case(case: dict) -> dict:
    import heyoka
    import numpy as np
    from jplephem.spk import SPK

    jd = case["jd_tdb"]
    with SPK.open(kernel(DE440)) as spk:

        def state(pair):
            r_km, v_km_day = spk[pair].compute_and_differentiate(*jd)
            return np.concatenate([r_km, v_km_day / DAY_S])

        earth, moon = state((3, 399)), state((3, 301))
        sun = state((0, 10)) - state((0, 3))
    places = {"earth": earth, "moon": moon, "sun": sun}
    centre = case["centre"]
    others = [name for name in places if name != centre]
    names = [f"{axis}_{body}" for body in (*others, "craft") for axis in ("x", "y", "z", "vx", "vy", "vz")]
    variable = dict(zip(names, heyoka.make_vars(*names), strict=True))

    def place(body):
        return [variable[f"{axis}_{body}"] for axis in "xyz"]

    def cube(vector):
        return heyoka.sum([x * x for x in vector]) ** -1.5

    system = []
    for body in (*others, "craft"):
        r = place(body)
        gm = GM_KM3_S2[centre] + GM_KM3_S2.get(body, 0.0)
        accel = [-gm * x * cube(r) for x in r]
        for third in others:
            if third != body:
                d = place(third)
                gap = [a - b for a, b in zip(d, r, strict=True)]
                accel = [a + GM_KM3_S2[third] * (g * cube(gap) - x * cube(d)) for a, g, x in zip(accel, gap, d, strict=True)]
        system += [(variable[f"{axis}_{body}"], variable[f"v{axis}_{body}"]) for axis in "xyz"]
        system += [(variable[f"v{axis}_{body}"], a) for axis, a in zip("xyz", accel, strict=True)]
    begin = np.concatenate([*(places[name] - places[centre] for name in others), case["state"]])
    started = time.process_time()
    integrator = heyoka.taylor_adaptive(system, begin.tolist())
    compile_s = time.process_time() - started

    def fly():
        integrator.time = 0.0
        integrator.state[:] = begin
        integrator.propagate_until(case["duration_s"])
        return integrator.state[-6:-3]

    found = timed(fly)
    return found | {"first_s": compile_s}


def nyx_case(case: dict) -> dict:
    from nyx_space import Orbit, Spacecraft
    from nyx_space.anise import Almanac
    from nyx_space.anise.constants import Frames
    from nyx_space.anise.utils import convert_tpc
    from nyx_space.mission_design import (
        AccelModels,
        Dynamics,
        ForceModels,
        IntegratorMethod,
        IntegratorOptions,
        PointMasses,
        Propagator,
    )
    from nyx_space.time import Epoch, Unit

    with tempfile.TemporaryDirectory() as folder:
        gm, constants = Path(folder) / "gm.tpc", Path(folder) / "constants.pca"
        lines = [f"BODY{ID[name]}_GM = ( {value!r} )" for name, value in GM_KM3_S2.items()]
        gm.write_text("KPL/PCK\n\n\\begindata\n" + "\n".join(lines) + "\n\\begintext\n")
        convert_tpc(kernel("pck00011.tpc"), str(gm), str(constants))
        almanac = Almanac(kernel(DE440)).load(str(constants))
    frame = almanac.frame_info(Frames.EARTH_J2000 if case["centre"] == "earth" else Frames.MOON_J2000)
    orbit = Orbit.from_cartesian(*case["state"], Epoch(f"{case['utc']} UTC"), frame)
    pulls = PointMasses([ID[name] for name in GM_KM3_S2 if name != case["centre"]])
    options = IntegratorOptions(min_step=Unit.Second * 1e-3, max_step=Unit.Day * 1, tolerance=1e-13)
    propagator = Propagator(Dynamics(AccelModels(point_masses=pulls), ForceModels()), almanac, IntegratorMethod.DormandPrince78, options)

    def fly():
        end = propagator.for_duration(Spacecraft(orbit), Unit.Second * case["duration_s"], trajectory=False).state.orbit
        return end.x_km, end.y_km, end.z_km

    return timed(fly)


def basilisk_case(case: dict) -> dict:
    import numpy as np
    from Basilisk.simulation import gravityEffector, spacecraft, spiceInterface, svIntegrators
    from Basilisk.utilities import SimulationBaseClass, macros

    def built():
        simulation = SimulationBaseClass.SimBaseClass()
        simulation.CreateNewProcess("process").addTask(simulation.CreateNewTask("task", macros.sec2nano(BASILISK_STEP_S)))
        spice = spiceInterface.SpiceInterface()
        spice.SPICELoaded, spice.SPICEDataPath = True, str(Path(kernel("x")).parent) + "/"
        for name in ("naif0012.tls", DE440, "pck00011.tpc"):
            spice.loadSpiceKernel(name, spice.SPICEDataPath)
        spice.addPlanetNames(spiceInterface.StringVector(list(GM_KM3_S2)))
        spice.planetFrames = spiceInterface.StringVector(["J2000"] * len(GM_KM3_S2))
        spice.UTCCalInit, spice.zeroBase = case["utc"].replace("T", " ") + " (UTC)", case["centre"]
        simulation.AddModelToTask("task", spice, 10)
        craft = spacecraft.Spacecraft()
        bodies = []
        for place, (name, gm) in enumerate(GM_KM3_S2.items()):
            body = gravityEffector.GravBodyData()
            body.planetName, body.mu, body.isCentralBody = name, gm * 1e9, name == case["centre"]
            body.planetBodyInMsg.subscribeTo(spice.planetStateOutMsgs[place])
            bodies.append(body)
        craft.gravField.gravBodies = spacecraft.GravBodyVector(bodies)
        integrator = svIntegrators.svIntegratorRKF78(craft)
        integrator.relTol, integrator.absTol = 1e-13, 1e-6
        craft.setIntegrator(integrator)
        craft.hub.mHub = 1.0
        craft.hub.r_CN_NInit = [[x * 1e3] for x in case["state"][:3]]
        craft.hub.v_CN_NInit = [[x * 1e3] for x in case["state"][3:]]
        simulation.AddModelToTask("task", craft, 5)
        simulation.kept = (spice, bodies, integrator, craft)
        simulation.InitializeSimulation()
        simulation.ConfigureStopTime(macros.sec2nano(case["duration_s"]))
        return simulation, craft

    spent = []
    for _ in range(2):
        simulation, craft = built()
        started = time.process_time()
        simulation.ExecuteSimulation()
        spent.append(time.process_time() - started)
        end_km = np.array(craft.scStateOutMsg.read().r_CN_N) / 1e3
    return {"end_km": end_km.tolist(), "seconds": spent[-1], "first_s": spent[0]}


def told(command: list[str], core: int, given: str) -> dict:
    """A measurement in a process of its own, on one core; its last line is JSON."""
    environment = dict(os.environ, XLA_FLAGS="--xla_cpu_multi_thread_eigen=false")
    pinned = lambda: os.sched_setaffinity(0, {core})  # noqa: E731
    done = subprocess.run(command, input=given, env=environment, check=False, capture_output=True, text=True, preexec_fn=pinned)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def with_epoch(case: dict) -> dict:
    """The date as heyoka's environment, which has no time scales, needs it."""
    from perilune.moon.time import epoch_from_utc

    return case | {"jd_tdb": epoch_from_utc(case["utc"]).jd_tdb()}


def apart_m(one_km, other_km) -> float:
    return 1e3 * sum((a - b) ** 2 for a, b in zip(one_km, other_km, strict=True)) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in PEERS:
        parser.add_argument(f"--{peer}-python", help=f"the interpreter of the environment that has {peer}")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--only", choices=("perilune", *PEERS), help="what the driver runs in each interpreter")
    asked = parser.parse_args()
    if "PERILUNE_REFERENCE_DATA" not in os.environ:
        parser.error("PERILUNE_REFERENCE_DATA must name the folder that has kernels/")
    if asked.only:
        print(json.dumps(FLIERS[asked.only](json.loads(sys.stdin.read()))))
        return
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    for name, case in CASES.items():
        compare(name, with_epoch(case), asked)


def compare(name: str, case: dict, asked) -> None:
    print(f"\n{name:<18} {'from Perilune':>14} {'from published':>15} {'a propagation':>14} {'the first':>10}")
    ours_km = None
    for who in ("perilune", *PEERS):
        interpreter = sys.executable if who == "perilune" else getattr(asked, f"{who}_python")
        if interpreter is None:
            print(f"{who:<18} left out: --{who}-python is not given")
            continue
        found = told([interpreter, str(Path(__file__).resolve()), "--only", who], asked.core, json.dumps(case))
        ours_km = ours_km or found["end_km"]
        published = f"{apart_m(found['end_km'], case['end']):.5f} m" if case["end"] else "-"
        first = f"{found['first_s']:.2f} s"
        print(f"{who:<18} {apart_m(found['end_km'], ours_km):12.5f} m {published:>15} {1e3 * found['seconds']:11.2f} ms {first:>10}")
        if "batch_s" in found:
            print(f"{'  100 at once':<18} {'':>14} {'':>15} {1e3 * found['batch_s']:11.2f} ms")


FLIERS = {"perilune": perilune_case, "heyoka": heyoka_case, "nyx": nyx_case, "basilisk": basilisk_case}

if __name__ == "__main__":
    main()
