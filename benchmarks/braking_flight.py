"""A point mass braked by the flight guidance: no sensors, no attitude, a round Moon. What the law itself is worth.

Guidance runs once a second and the direction of thrust is renewed ten times a second, as in the flight software; between, it stands
still in inertial axes. The mass is believed from the flow that was ordered. Motion is integrated by the classical Runge-Kutta method at each tenth of a second.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from braking_optimum import Braking, direct, indirect

from perilune.constants import G0_M_S2, GM_MOON_M3_S2, MOON_SPIN_RAD_S, RADIUS_MOON_M
from perilune.fsw.guidance.braking import BrakingAim, BrakingGuidance, BrakingState, in_plane
from perilune.fsw.guidance.request import LocalState, horizontal_of
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3, vec3
from perilune.trajectory.pre_landing import ellipse_of_altitudes
from perilune.types import Scalar

TICK_S = 0.1
GUIDANCE_EVERY = 10
CONVERGE_CYCLES = 40


class BrakingCase(NamedTuple):
    """The lander, the lowest point of its orbit, where braking begins, and the gate, where it ends."""

    name: str
    periapsis_altitude_m: float
    apoapsis_altitude_m: float
    mass_kg: float
    thrust_n: float  # full
    exhaust_speed_m_s: float
    throttle: tuple[float, float, float]  # nominal, least, most
    site_elevation_m: float
    gate_altitude_m: float
    gate_sink_m_s: float
    gate_forward_m_s: float
    freeze_s: float = 8.0
    longest_s: float = 460.0  # a flight that takes longer is none

    @property
    def radius_m(self) -> float:
        return RADIUS_MOON_M + self.periapsis_altitude_m

    @property
    def speed_m_s(self) -> float:
        return ellipse_of_altitudes(self.periapsis_altitude_m, self.apoapsis_altitude_m).speed_m_s(self.radius_m)

    @property
    def gate_radius_m(self) -> float:
        return RADIUS_MOON_M + self.site_elevation_m + self.gate_altitude_m


def exhaust_speed_m_s(thrusts_and_isps: tuple[tuple[float, float], ...]) -> float:
    """Of engines burning together: (thrust in N, specific impulse in s) each."""
    thrust_n = sum(thrust for thrust, _ in thrusts_and_isps)
    return thrust_n / sum(thrust / (isp * G0_M_S2) for thrust, isp in thrusts_and_isps)


# The numbers of the mission files of this repository, which carry their sources.
LUNA_25 = BrakingCase(
    "Luna-25", 18e3, 100e3, 1300.0, 4750.0, exhaust_speed_m_s(((4750.0, 315.0),)), (1.0, 1.0, 1.0), 374.0, 2000.0, 25.0, 12.0
)
HAKUTO_R_M1 = BrakingCase(
    "Hakuto-R M1",
    25e3,
    100e3,
    800.0,
    1620.0,
    exhaust_speed_m_s(((420.0, 318.0), (1200.0, 300.0))),
    (0.9, 0.6, 0.96),
    -3000.0,
    3000.0,
    60.0,
    50.0,
    longest_s=820.0,
)


class Deviation(eqx.Module):
    """How the flight differs from what guidance was told."""

    thrust_scale: Scalar = 1.0
    altitude_m: Scalar = 0.0
    cross_m: Scalar = 0.0  # of the site from the plane of the orbit, on the ground
    range_scale: Scalar = 1.0  # distance to the gate at ignition over the distance that braking takes
    spin_rad_s: Scalar = 0.0  # of the Moon, about an axis 60 degrees from the normal of the orbit

    @classmethod
    def batch(cls, *rows: "Deviation") -> "Deviation":
        return jax.tree.map(lambda *values: jnp.asarray(values, dtype=float), *rows)


class Arrival(NamedTuple):
    """At the end of braking; errors are flown less wanted."""

    propellant_kg: Scalar
    burn_s: Scalar
    altitude_error_m: Scalar
    vertical_error_m_s: Scalar  # positive up
    forward_error_m_s: Scalar
    cross_speed_m_s: Scalar
    cross_miss_m: Scalar
    range_left_m: Scalar  # to the gate, on the ground
    throttle: Scalar


class _Body(NamedTuple):
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    mass_kg: Scalar


class _Flight(NamedTuple):
    body: _Body
    believed_mass_kg: Scalar
    guidance: BrakingState
    burn_s: Scalar
    over: Scalar


def guidance_of(case: BrakingCase) -> BrakingGuidance:
    nominal, least, most = case.throttle
    settings = (case.gate_radius_m, -case.gate_sink_m_s, case.gate_forward_m_s, nominal, least, most, case.freeze_s)
    return BrakingGuidance(*(jnp.asarray(value) for value in settings))


def local_state(r_lci_m: Vec3, v_lci_m_s: Vec3, spin_lci_rad_s: Vec3) -> LocalState:
    radius_m = r_lci_m.norm()
    up = r_lci_m / radius_m
    ground = spin_lci_rad_s.cross(r_lci_m)
    v_ground = v_lci_m_s - ground
    downrange = horizontal_of(v_ground, up).unit()
    return LocalState(
        up_lci=up,
        downrange_lci=downrange,
        cross_lci=up.cross(downrange),
        radius_m=radius_m,
        altitude_m=radius_m - RADIUS_MOON_M,
        vertical_speed_m_s=v_ground.dot(up),
        v_ground_lci_m_s=v_ground,
        ground_speed_m_s=ground.dot(downrange),
        gravity_m_s2=GM_MOON_M3_S2 / radius_m**2,
    )


def start_of(case: BrakingCase, deviation: Deviation) -> tuple[Vec3, Vec3]:
    """At the lowest point, moving along +y in the plane z = 0; r_lci_m, v_lci_m_s."""
    zero = jnp.zeros_like(jnp.asarray(deviation.altitude_m, dtype=float))
    return Vec3(case.radius_m + deviation.altitude_m, zero, zero), Vec3(zero, zero + case.speed_m_s, zero)


def _spin(deviation: Deviation) -> Vec3:
    rate = jnp.asarray(deviation.spin_rad_s, dtype=float)
    return Vec3(rate * 0.0, rate * jnp.sin(jnp.pi / 3.0), rate * jnp.cos(jnp.pi / 3.0))


def _aim(case: BrakingCase, local: LocalState, mass_kg: Scalar, gate_lci: Vec3) -> BrakingAim:
    mean_radius_m = 0.5 * (local.radius_m + case.gate_radius_m)
    along = jnp.arctan2(gate_lci.dot(local.downrange_lci), gate_lci.dot(local.up_lci))
    across = jnp.arcsin(jnp.clip(gate_lci.dot(local.cross_lci), -1.0, 1.0))
    zero = jnp.zeros_like(local.radius_m)
    return BrakingAim(
        local, zero + case.thrust_n, zero + case.exhaust_speed_m_s, zero + mass_kg, along * mean_radius_m, across * mean_radius_m
    )


def converged(case: BrakingCase, deviation: Deviation) -> tuple[BrakingState, Scalar]:
    """The solution just before ignition and the times to go of the cycles that led to it."""
    guidance = guidance_of(case)
    r_lci_m, v_lci_m_s = start_of(case, deviation)
    local = local_state(r_lci_m, v_lci_m_s, _spin(deviation))
    aim = _aim(case, local, case.mass_kg, local.up_lci)

    def cycle(state: BrakingState, _: None) -> tuple[BrakingState, Scalar]:
        new = guidance.update(state, aim, jnp.asarray(False))
        return new, new.time_to_go_s

    return jax.lax.scan(cycle, guidance.init(), None, length=CONVERGE_CYCLES)


def _gate_direction(case: BrakingCase, deviation: Deviation, range_m: Scalar) -> Vec3:
    """Where the gate lies, at ignition."""
    mean_radius_m = 0.5 * (case.radius_m + deviation.altitude_m + case.gate_radius_m)
    along, across = deviation.range_scale * range_m / mean_radius_m, deviation.cross_m / mean_radius_m
    return Vec3(jnp.cos(along) * jnp.cos(across), jnp.sin(along) * jnp.cos(across), jnp.sin(across))


def _turned(direction: Vec3, spin: Vec3, t_s: Scalar) -> Vec3:
    """A place on the turning ground; the turn is a thousandth of a radian, so two terms are exact to a millimetre."""
    step = spin.cross(direction)
    return direction + step * t_s + spin.cross(step) * (0.5 * t_s**2)


def _moved(body: _Body, force_lci_n: Vec3, flow_kg_s: Scalar) -> _Body:
    def rates(_: Scalar, now: _Body) -> _Body:
        pull = now.r_lci_m * (-GM_MOON_M3_S2 / now.r_lci_m.norm() ** 3)
        return _Body(now.v_lci_m_s, pull + force_lci_n / now.mass_kg, -flow_kg_s + now.mass_kg * 0.0)

    return rk4_step(rates, 0.0, body, TICK_S)


def flight(case: BrakingCase, deviation: Deviation) -> Arrival:
    """One braking, ignition to gate."""
    guidance, spin, normal = guidance_of(case), _spin(deviation), vec3((0.0, 0.0, 1.0))
    solution, _ = converged(case, deviation)
    gate_at_ignition = _gate_direction(case, deviation, solution.range_m)
    r_lci_m, v_lci_m_s = start_of(case, deviation)

    def tick(now: _Flight, index: Scalar) -> tuple[_Flight, None]:
        local = in_plane(local_state(now.body.r_lci_m, now.body.v_lci_m_s, spin), normal)
        gate = _turned(gate_at_ignition, spin, now.burn_s)
        aim = _aim(case, local, now.believed_mass_kg, gate)
        aged = guidance.advance(now.guidance, TICK_S, jnp.asarray(True))
        state = jax.lax.cond(index % GUIDANCE_EVERY == 0, lambda s: guidance.update(s, aim, jnp.asarray(True)), lambda s: s, aged)
        over = now.over | (local.v_ground_lci_m_s.dot(local.downrange_lci) <= case.gate_forward_m_s) | (state.time_to_go_s <= 0.05)
        request = guidance.request(state, local, case.thrust_n / now.believed_mass_kg)
        ordered_n = request.accel_m_s2 * now.believed_mass_kg
        thrust_n = ordered_n * deviation.thrust_scale
        body = _moved(now.body, request.direction_lci * thrust_n, thrust_n / case.exhaust_speed_m_s)
        believed_kg = now.believed_mass_kg - ordered_n / case.exhaust_speed_m_s * TICK_S
        return _held(over, now, _Flight(body, believed_kg, state, now.burn_s + TICK_S, over)), None

    mass_kg = jnp.asarray(case.mass_kg)
    start = _Flight(_Body(r_lci_m, v_lci_m_s, mass_kg), mass_kg, solution, jnp.zeros(()), jnp.asarray(False))
    end, _ = jax.lax.scan(tick, start, jnp.arange(round(case.longest_s / TICK_S)))
    return _arrival(case, end, spin, _turned(gate_at_ignition, spin, end.burn_s))


def _held(over: Scalar, now: _Flight, new: _Flight) -> _Flight:
    kept = jax.tree.map(lambda a, b: jnp.where(over, a, b), now, new)
    return kept._replace(over=over)


def _arrival(case: BrakingCase, end: _Flight, spin: Vec3, gate_lci: Vec3) -> Arrival:
    local = local_state(end.body.r_lci_m, end.body.v_lci_m_s, spin)
    # Cross speed and miss are told in the plane of the start, which a lander at rest no longer has.
    normal = Vec3(0.0, 0.0, 1.0)
    forward = normal.cross(local.up_lci).unit()
    return Arrival(
        propellant_kg=case.mass_kg - end.body.mass_kg,
        burn_s=jnp.where(end.over, end.burn_s, jnp.nan),
        altitude_error_m=local.radius_m - case.gate_radius_m,
        vertical_error_m_s=local.vertical_speed_m_s + case.gate_sink_m_s,
        forward_error_m_s=local.v_ground_lci_m_s.dot(local.downrange_lci) - case.gate_forward_m_s,
        cross_speed_m_s=local.v_ground_lci_m_s.dot(normal),
        cross_miss_m=(local.up_lci.z - gate_lci.z) * case.gate_radius_m,
        range_left_m=jnp.arctan2(gate_lci.dot(forward), gate_lci.dot(local.up_lci)) * case.gate_radius_m,
        throttle=end.guidance.throttle,
    )


def flights(case: BrakingCase, deviations: Deviation) -> Arrival:
    """Many brakings at once; every leaf of `deviations` has one row a flight."""
    return eqx.filter_jit(jax.vmap(lambda deviation: flight(case, deviation)))(deviations)


def fixed(case: BrakingCase) -> BrakingCase:
    """The same lander at its nominal throttle all the way: the distance flown is as it comes."""
    return case._replace(throttle=(case.throttle[0],) * 3)


def problem_of(case: BrakingCase, throttle: float = 1.0) -> Braking:
    """The same braking as an optimal control problem; full thrust there is this throttle here."""
    thrust_n, gate = throttle * case.thrust_n, (case.gate_radius_m, case.gate_sink_m_s, case.gate_forward_m_s)
    return Braking(case.radius_m, case.speed_m_s, case.mass_kg, thrust_n, case.exhaust_speed_m_s, *gate)


SENSITIVITY = {
    "nominal": Deviation(),
    "turning Moon": Deviation(spin_rad_s=MOON_SPIN_RAD_S),
    "thrust +2 %": Deviation(thrust_scale=1.02),
    "thrust -2 %": Deviation(thrust_scale=0.98),
    "start 1 km high": Deviation(altitude_m=1000.0),
    "start 1 km low": Deviation(altitude_m=-1000.0),
    "site 5 km aside": Deviation(cross_m=5000.0),
    "5 km aside, thrust +2 %": Deviation(thrust_scale=1.02, cross_m=5000.0),
    "5 km aside, thrust -2 %": Deviation(thrust_scale=0.98, cross_m=5000.0),
}


def main() -> None:
    """Prints the guidance law beside the optimum, and what deviations do to the state at the gate."""
    for case in (LUNA_25, fixed(HAKUTO_R_M1)):
        law = flights(case, Deviation.batch(Deviation()))
        best = indirect(problem_of(case, case.throttle[0]), float(law.burn_s[0]))
        again = direct(problem_of(case, case.throttle[0]), float(law.burn_s[0]))
        print(f"\n{case.name}, throttle {case.throttle[0]}, downrange free")
        print(f"  guidance {float(law.propellant_kg[0]):9.3f} kg {float(law.burn_s[0]):9.2f} s")
        print(
            f"  indirect {best.optimum.propellant_kg:9.3f} kg {best.optimum.burn_s:9.2f} s, largest switching function {best.switching.max():.1e}"
        )
        print(f"  direct   {again.propellant_kg:9.3f} kg {again.burn_s:9.2f} s")
    for case in (LUNA_25, HAKUTO_R_M1):
        print(
            f"\n{case.name}: deviations\n{'':26s}propellant kg, burn s, errors: altitude m, down m/s, forward m/s, cross m/s, cross m, range m; throttle"
        )
        arrivals = np.array(flights(case, Deviation.batch(*SENSITIVITY.values())))
        for name, row in zip(SENSITIVITY, arrivals.T, strict=True):
            print(f"  {name:24s}" + "".join(f"{value:10.2f}" for value in row))


if __name__ == "__main__":
    main()
