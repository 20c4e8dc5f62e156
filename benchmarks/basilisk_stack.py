"""Perilune's closed loop beside a Basilisk stack, in one run on one core: microseconds a step of each, and the ratio.

    python benchmarks/basilisk_stack.py --basilisk-python BSK/bin/python

Basilisk (`bsk`) is no dependency of Perilune: it lives in an environment of its own, made with `python3.11 -m venv BSK` and
`BSK/bin/pip install bsk`. Its stack: spacecraft (RK4), a point-mass Moon, IMU, simpleNav, inertial3D, attTrackingError, mrpFeedback, and the
torque applied as external; one task of 0.1 s; no recording. A small steady torque keeps it at work. Times are processor time of the
measuring process. Perilune's is a whole flight as `ticks_per_second.py` flies it: by its program in C, and by XLA's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

STEP_S = 0.1
WARM_STEPS = 5_000
STEPS = 50_000
REPEATS = 5
GM_MOON_M3_S2 = 4.9028e12
DISTURBANCE_N_M = [[0.01], [-0.02], [0.03]]
INERTIA_KG_M2 = [900.0, 0.0, 0.0, 0.0, 900.0, 0.0, 0.0, 0.0, 700.0]


def basilisk_us_per_step() -> dict[str, float]:
    """Steady state of one process: the median of a few stretches, initialisation and warm-up left out."""
    stack = BasiliskStack()
    stack.run_to(WARM_STEPS)
    spent_us = []
    for k in range(REPEATS):
        started = time.process_time()
        stack.run_to(WARM_STEPS + (k + 1) * STEPS)
        spent_us.append(1e6 * (time.process_time() - started) / STEPS)
    return {"us_per_step": statistics.median(spent_us), "fastest_us": min(spent_us), "slowest_us": max(spent_us), **stack.settled()}


class BasiliskStack:
    """The stack, wired; importable only where `bsk` is installed."""

    def __init__(self) -> None:
        from Basilisk.utilities import SimulationBaseClass, macros

        self.nanos = macros.sec2nano
        self.simulation = SimulationBaseClass.SimBaseClass()
        process = self.simulation.CreateNewProcess("process")
        process.addTask(self.simulation.CreateNewTask("task", self.nanos(STEP_S)))
        self.kept = [*self._dynamics(), *self._sensors()]
        self._software()
        self.simulation.InitializeSimulation()

    def _add(self, module, name: str):
        module.ModelTag = name
        self.simulation.AddModelToTask("task", module)
        return module

    def _dynamics(self) -> list:
        from Basilisk.simulation import extForceTorque, gravityEffector, spacecraft

        moon = gravityEffector.GravBodyData()
        moon.planetName, moon.mu, moon.radEquator, moon.isCentralBody = "moon", GM_MOON_M3_S2, 1.7374e6, True
        self.craft = self._add(spacecraft.Spacecraft(), "craft")
        self.craft.gravField.gravBodies = spacecraft.GravBodyVector([moon])
        hub = self.craft.hub
        hub.mHub = 1300.0
        hub.IHubPntBc_B = [INERTIA_KG_M2[0:3], INERTIA_KG_M2[3:6], INERTIA_KG_M2[6:9]]
        hub.r_CN_NInit, hub.v_CN_NInit = [[1.7554e6], [0.0], [0.0]], [[0.0], [1.69e3], [0.0]]
        hub.sigma_BNInit, hub.omega_BN_BInit = [[0.1], [0.2], [-0.3]], [[0.001], [-0.01], [0.03]]
        self.push = self._add(extForceTorque.ExtForceTorque(), "torque")
        self.push.extTorquePntB_B = DISTURBANCE_N_M
        self.craft.addDynamicEffector(self.push)
        return [moon]

    def _sensors(self) -> list:
        from Basilisk.simulation import imuSensor, simpleNav

        self.imu = self._add(imuSensor.ImuSensor(), "imu")
        self.imu.scStateInMsg.subscribeTo(self.craft.scStateOutMsg)
        self.imu.setErrorBoundsAccel([1e-2] * 3)
        self.imu.setErrorBoundsGyro([1e-4] * 3)
        self.nav = self._add(simpleNav.SimpleNav(), "nav")
        self.nav.scStateInMsg.subscribeTo(self.craft.scStateOutMsg)
        return []

    def _software(self) -> None:
        from Basilisk.architecture import messaging
        from Basilisk.fswAlgorithms import attTrackingError, inertial3D, mrpFeedback

        wanted = self._add(inertial3D.inertial3D(), "wanted")
        wanted.sigma_R0N = [0.0, 0.0, 0.0]
        self.error = self._add(attTrackingError.attTrackingError(), "error")
        self.error.attNavInMsg.subscribeTo(self.nav.attOutMsg)
        self.error.attRefInMsg.subscribeTo(wanted.attRefOutMsg)
        control = self._add(mrpFeedback.mrpFeedback(), "control")
        control.K, control.Ki, control.P, control.integralLimit = 3.5, -1.0, 30.0, 0.1
        control.guidInMsg.subscribeTo(self.error.attGuidOutMsg)
        vehicle = messaging.VehicleConfigMsg().write(messaging.VehicleConfigMsgPayload(ISCPntB_B=INERTIA_KG_M2))
        control.vehConfigInMsg.subscribeTo(vehicle)
        self.push.cmdTorqueInMsg.subscribeTo(control.cmdTorqueOutMsg)
        self.kept += [wanted, control, vehicle]

    def run_to(self, steps: int) -> None:
        self.simulation.ConfigureStopTime(self.nanos(steps * STEP_S))
        self.simulation.ExecuteSimulation()

    def settled(self) -> dict[str, float]:
        """That the loop is closed: the attitude error at the end, against 0.37 at the start (modified Rodrigues parameters)."""
        return {"attitude_error_mrp": max(abs(part) for part in self.error.attGuidOutMsg.read().sigma_BR)}


def measured(command: list[str], core: int) -> dict:
    """Run a measurement in a process of its own, pinned to the core; its last line is JSON."""
    environment = dict(os.environ, XLA_FLAGS="--xla_cpu_multi_thread_eigen=false")
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--basilisk-python", type=Path, help="the interpreter of the environment that has bsk")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--only-basilisk", action="store_true", help="what the driver runs in Basilisk's interpreter")
    asked = parser.parse_args()
    if asked.only_basilisk:
        print(json.dumps(basilisk_us_per_step()))
        return
    if asked.basilisk_python is None:
        parser.error("--basilisk-python is needed")
    here = Path(__file__).resolve()
    before = measured([str(asked.basilisk_python), str(here), "--only-basilisk"], asked.core)
    ticks = [sys.executable, str(here.parent / "ticks_per_second.py"), "--width", str(asked.width), "--json", "--by"]
    ours = {by: measured([*ticks, by], asked.core) for by in ("lanes", "xla")}
    after = measured([str(asked.basilisk_python), str(here), "--only-basilisk"], asked.core)
    tell(before, ours, after)


def tell(before: dict, ours: dict, after: dict) -> None:
    theirs_us = 0.5 * (before["us_per_step"] + after["us_per_step"])
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    for name, one in (("Basilisk, before", before), ("Basilisk, after", after)):
        print(f"{name:<24} {one['us_per_step']:6.2f} us a step ({one['fastest_us']:.2f} to {one['slowest_us']:.2f})")
    for by, one in ours.items():
        for word in ("flown", "useful"):
            us = 1e-3 * one[f"{word}_ns"]
            print(f"{f'Perilune, {by}, {word}':<24} {us:6.2f} us a lander-tick: ratio {theirs_us / us:.1f}")


if __name__ == "__main__":
    main()
