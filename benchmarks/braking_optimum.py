"""The least propellant that a braking from orbit to a gate can cost, by two methods that share nothing but the equations of motion.

**Model.** Point mass in the plane of its orbit about a round Moon that does not turn: radius r, vertical speed u, horizontal speed v, angle
flown. Thrust between two limits, in any direction; constant exhaust speed.
Units inside the solvers: the gate's radius, circular speed there and the mass at ignition are 1.

1. *Indirect*: the necessary conditions. With the thrust along minus the costate of velocity and full all the way, and the angle flown left
   free, three unknowns (two costates, duration) meet three conditions at the gate by shooting. The switching function tells whether full
   thrust was right.
2. *Direct*: pitch (and throttle) as straight lines between nodes, the least propellant sought by sequential quadratic programming.

**Neglects** attitude: thrust turns at once. A lower bound, therefore, for any guidance.
**Reference.** Bryson & Ho, Applied Optimal Control (1975); Lawden, Optimal Trajectories for Space Navigation (1963) for the primer vector.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import Bounds, minimize, root

from perilune.constants import GM_MOON_M3_S2

# Tight enough that propellant is right to a gram: 1e-9 of a mass of a tonne.
SHOOTING_RTOL = 1e-10
STEPS_PER_NODE = 8
ANGLE, MASS = 3, 4


class Braking(NamedTuple):
    """The problem, in SI units."""

    radius_m: float
    horizontal_m_s: float
    mass_kg: float
    thrust_n: float  # full
    exhaust_speed_m_s: float
    gate_radius_m: float
    gate_sink_m_s: float
    gate_forward_m_s: float

    @property
    def speed_unit_m_s(self) -> float:
        return float(np.sqrt(GM_MOON_M3_S2 / self.gate_radius_m))

    @property
    def time_unit_s(self) -> float:
        return self.gate_radius_m / self.speed_unit_m_s

    @property
    def accel(self) -> float:
        """Of full thrust on the mass at ignition."""
        return self.thrust_n / self.mass_kg * self.time_unit_s / self.speed_unit_m_s

    @property
    def exhaust(self) -> float:
        return self.exhaust_speed_m_s / self.speed_unit_m_s

    def start(self) -> np.ndarray:
        """Radius, vertical speed, horizontal speed, angle flown, mass."""
        return np.array([self.radius_m / self.gate_radius_m, 0.0, self.horizontal_m_s / self.speed_unit_m_s, 0.0, 1.0])

    def gate(self) -> np.ndarray:
        return np.array([1.0, -self.gate_sink_m_s / self.speed_unit_m_s, self.gate_forward_m_s / self.speed_unit_m_s])


class Optimum(NamedTuple):
    propellant_kg: float
    burn_s: float
    angle_rad: float  # flown over the ground
    miss: float  # of the conditions at the gate, own units


class Extremal(NamedTuple):
    """What the indirect method found, along the way."""

    optimum: Optimum
    t_s: np.ndarray
    pitch_rad: np.ndarray  # of the thrust over the horizontal that points backwards
    hamiltonian: np.ndarray  # zero for an extremal of free duration
    switching: np.ndarray  # negative where full thrust is right


def motion(state: np.ndarray, push_up: np.ndarray, push_along: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Rates; the first axis is the state, what follows is a batch."""
    r, u, v = state[:3]
    return np.stack([u, v**2 / r - 1.0 / r**2 + push_up, -u * v / r + push_along, v / r, -flow + 0.0 * r])


def _extremal_rates(problem: Braking, y: np.ndarray) -> np.ndarray:
    r, u, v, _, mass, p_r, p_u, p_v, _ = y
    primer = np.hypot(p_u, p_v)
    accel = problem.accel / mass
    rates = motion(y[:5], -accel * p_u / primer, -accel * p_v / primer, np.asarray(problem.accel / problem.exhaust))
    p_r_rate = p_u * (v**2 / r**2 - 2.0 / r**3) - p_v * u * v / r**2
    return np.concatenate([rates, [p_r_rate, -p_r + p_v * v / r, -2.0 * p_u * v / r + p_v * u / r, -primer * accel / mass]])


def _shot(problem: Braking, unknowns: np.ndarray, dense: int = 0) -> np.ndarray:
    """From two costates and the duration to the gate; the costate of mass is counted from zero at ignition."""
    p_r, p_u, duration = unknowns
    start = np.concatenate([problem.start(), [p_r, p_u, 1.0, 0.0]])
    times = np.linspace(0.0, duration, dense) if dense else [duration]
    run = solve_ivp(
        lambda _, y: _extremal_rates(problem, y), (0.0, duration), start, "DOP853", t_eval=times, rtol=SHOOTING_RTOL, atol=SHOOTING_RTOL
    )
    return run.y if dense else run.y[:, -1]


def indirect(problem: Braking, burn_guess_s: float) -> Extremal:
    """Full thrust all the way, angle flown free."""
    guess_t = burn_guess_s / problem.time_unit_s
    # Thrust level at ignition and half of it upward at the end: how a braking looks.
    found = root(lambda x: _shot(problem, x)[:3] - problem.gate(), [0.5 / guess_t, 0.0, guess_t], tol=1e-10)
    y = _shot(problem, found.x, dense=200)
    end = y[:, -1]
    propellant_kg = problem.mass_kg * (1.0 - end[MASS])
    optimum = Optimum(propellant_kg, found.x[2] * problem.time_unit_s, float(end[ANGLE]), float(np.abs(end[:3] - problem.gate()).max()))
    return _checked(problem, optimum, y)


def _checked(problem: Braking, optimum: Optimum, y: np.ndarray) -> Extremal:
    """Hamiltonian and switching function of least propellant: the costates' scale and the mass's end value follow from free ends."""
    r, u, v, _, mass, p_r, p_u, p_v, p_m = y
    primer, thrust = np.hypot(p_u, p_v), problem.accel
    drift = p_r * u + p_u * (v**2 / r - 1.0 / r**2) - p_v * u * v / r
    p_m = p_m - p_m[-1]
    # Zero Hamiltonian at the gate fixes the scale: scale (drift - thrust primer / m) + thrust / exhaust = 0.
    scale = -(thrust / problem.exhaust) / (drift[-1] - thrust * primer[-1] / mass[-1])
    switching = 1.0 / problem.exhaust - scale * (primer / mass + p_m / problem.exhaust)
    t_s = np.linspace(0.0, optimum.burn_s, len(r))
    return Extremal(optimum, t_s, np.arctan2(-p_u, p_v), scale * drift + thrust * switching, switching)


class _Course(NamedTuple):
    """Pitch and throttle at equally spaced nodes, and the duration."""

    pitch: np.ndarray
    throttle: np.ndarray
    duration: np.ndarray


def _course(x: np.ndarray, nodes: int, throttle: tuple[float, float]) -> _Course:
    """From the solver's variables, last axis; a fixed throttle is no variable."""
    fixed = throttle[0] == throttle[1]
    levels = np.full((*x.shape[:-1], nodes), throttle[0]) if fixed else x[..., nodes : 2 * nodes]
    return _Course(x[..., :nodes], levels, x[..., -1])


def _flown(problem: Braking, course: _Course) -> np.ndarray:
    """State at the end, for a batch of courses, by Runge-Kutta steps that end on the nodes."""
    nodes = course.pitch.shape[-1]
    steps = (nodes - 1) * STEPS_PER_NODE
    state = np.repeat(problem.start()[:, None], course.pitch.shape[0], axis=1)
    step = course.duration / steps

    def rates(now: np.ndarray, place: float) -> np.ndarray:
        left = min(int(place), nodes - 2)
        part = place - left
        pitch = (1.0 - part) * course.pitch[:, left] + part * course.pitch[:, left + 1]
        thrust = problem.accel * ((1.0 - part) * course.throttle[:, left] + part * course.throttle[:, left + 1])
        return motion(now, thrust / now[MASS] * np.sin(pitch), -thrust / now[MASS] * np.cos(pitch), thrust / problem.exhaust)

    for k in range(steps):
        place, half = k / STEPS_PER_NODE, 0.5 / STEPS_PER_NODE
        k1 = rates(state, place)
        k2 = rates(state + 0.5 * step * k1, place + half)
        k3 = rates(state + 0.5 * step * k2, place + half)
        k4 = rates(state + step * k3, place + 2.0 * half)
        state = state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return state


def _with_gradient(values: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences, all in one batch."""
    step = 1e-6
    shifts = step * np.eye(len(x))
    batch = values(np.concatenate([x[None], x + shifts, x - shifts]))
    n = len(x)
    return batch[:, 0], (batch[:, 1 : n + 1] - batch[:, n + 1 :]) / (2.0 * step)


def direct(
    problem: Braking, burn_guess_s: float, throttle: tuple[float, float] = (1.0, 1.0), angle_rad: float | None = None, nodes: int = 16
) -> Optimum:
    """Least propellant with the throttle between two limits; `angle_rad` fixes the angle flown, else it is free."""
    gate = problem.gate() if angle_rad is None else np.append(problem.gate(), angle_rad)
    last: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def ends(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if x.tobytes() not in last:
            last.clear()
            last[x.tobytes()] = _with_gradient(lambda batch: _flown(problem, _course(batch, nodes, throttle)), x)
        return last[x.tobytes()]

    levels = [] if throttle[0] == throttle[1] else [np.full(nodes, 0.5 * sum(throttle))]
    start = np.concatenate([np.linspace(0.0, 0.5, nodes), *levels, [burn_guess_s / problem.time_unit_s]])
    bounds = [(-1.5, 1.5)] * nodes + [throttle] * (nodes if levels else 0) + [(0.01, 5.0)]
    found = minimize(
        lambda x: -ends(x)[0][MASS],
        start,
        jac=lambda x: -ends(x)[1][MASS],
        bounds=Bounds(*np.transpose(bounds)),
        constraints={"type": "eq", "fun": lambda x: ends(x)[0][: len(gate)] - gate, "jac": lambda x: ends(x)[1][: len(gate)]},
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-10},
    )
    end = ends(found.x)[0]
    miss = float(np.abs(end[: len(gate)] - gate).max())
    return Optimum(problem.mass_kg * (1.0 - end[MASS]), found.x[-1] * problem.time_unit_s, float(end[ANGLE]), miss)
