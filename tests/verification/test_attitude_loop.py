"""Attitude control, allocation, actuators and slosh around a rigid body: it converges, holds, slews and rests."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.dynamics.thruster_layout import Layout, axial_ring, couples_on_three_axes, eight_on_three_axes, joined, tilted
from perilune.fsw.control.allocation import ActuatorUse, AllocationState, Allocator, Demand
from perilune.fsw.control.attitude import AttitudeControl, AttitudeControlState, AttitudeEstimate, AttitudeRequest
from perilune.fsw.control.geometry import EngineBelief, ThrusterBelief, allocation_from_geometry
from perilune.math.rotation import Rotation, from_rotation_vector, identity
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.types import Flag, Scalar
from perilune.wire.commands import Commands, DevicesOn, empty_array
from perilune.wire.measurements import ImuReading
from perilune.world.mass_properties import MassProperties
from perilune.world.propulsion import Propulsion, PropulsionState, engines
from perilune.world.slosh import Slosh, SloshDrive, SloshState
from perilune.world.thrusters import thrusters

Make = Callable[..., "Vehicle"]
CYCLE_S, SUBSTEPS = 0.1, 4
DT_S = CYCLE_S / SUBSTEPS
COUNT = 3000  # cycles of every flight, so that one program serves: 300 s
# Held pointing: a third of a degree loses 1e-5 of the thrust, and is about the misalignment itself.
HOLD_MAX_DEG = 0.3
HOLD_MAX_DEG_S = 0.3  # a star tracker bears 2 deg/s, a camera less
# Some 55 N m on 900 kg m2 is learnt in 0.5 s: 1.7 deg/s, which the feedback turns back at 1.3 deg at its peak;
# wrong inertia, lags and 0.1 s cycles at most double it.
IGNITION_MAX_DEG = 2.6
RATE_MAX_DEG_S = 3.0
QUIET_DEG = 0.5
# All three axes at the edge of the dead band, and a tenth for turning round.
REST_MAX_DEG = 1.1 * 3**0.5 * QUIET_DEG
# 90 deg at 3 deg/s takes 30 s; starting, stopping at 0.01 rad/s2 and settling take some 15 s more.
SLEW_MAX_S = 50.0
QUIET = jnp.asarray(True)


class Vehicle(eqx.Module):
    propulsion: Propulsion
    mass: MassProperties
    inertia_believed: Scalar  # over the true one
    slosh: Slosh
    control: AttitudeControl
    allocator: Allocator


class Flying(eqx.Module):
    q_lci_body: Rotation
    omega_rad_s: Vec3
    propellant_kg: Scalar
    propulsion: PropulsionState
    slosh: SloshState
    control: AttitudeControlState
    allocation: AllocationState


def numbers(*values: float) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(v) for v in values)


def control_settings() -> AttitudeControl:
    deg = np.pi / 180.0
    return AttitudeControl(*numbers(0.6, 0.8, RATE_MAX_DEG_S * deg, 0.01, 0.5, 150.0, 1.0, 0.5 * deg, QUIET_DEG * deg, 3.0))


def built(
    layout: Layout, axial: int, thrust_n: np.ndarray, pulse_min_s: np.ndarray, engine: dict, mass: tuple[MassProperties, float]
) -> Vehicle:
    """World with a misaligned first engine, belief without; beside the mass properties, the share of inertia believed in."""
    count = len(engine["thrust_n"])
    up = np.tile([0.0, 0.0, 1.0], (count, 1))
    askew = np.deg2rad(0.25) * np.r_[1.0, np.zeros(count - 1)]
    push = tilted(up, askew, 0.0 * askew)
    band = (engine["throttle_min"], np.ones(count))
    belief = EngineBelief(engine["thrust_n"], *band)
    is_axial = np.arange(len(thrust_n)) < axial
    return Vehicle(
        propulsion=Propulsion(
            engines(engine["thrust_n"], engine["isp_s"], band, (engine["place_m"], push)),
            thrusters(*layout, thrust_n, np.where(is_axial, 285.0, 220.0), pulse_min_s),
        ),
        mass=mass[0],
        inertia_believed=jnp.asarray(mass[1]),
        slosh=Slosh(*numbers(0.2, 0.4, 1.6, 0.02, 0.3, 0.4)),
        control=control_settings(),
        allocator=allocation_from_geometry(belief, ThrusterBelief(*layout, thrust_n, pulse_min_s, is_axial), np.array([0.0, 0.0, 1.4])),
    )


def luna(believed: float = 1.0) -> Vehicle:
    layout = joined(axial_ring(8, 1.2), couples_on_three_axes(1.2, 1.4))
    mass = MassProperties(
        *numbers(640.0, 660.0),
        vec3((0, 0, 1.5)),
        vec3((0, 0, 1.3)),
        vec3((900, 900, 700)),
        vec3((550, 550, 450)),
        vec3((0.005, 0.005, 0.0)),
    )
    engine = {
        "thrust_n": np.array([4750.0, 800.0, 800.0]),
        "isp_s": np.array([315.0, 300.0, 300.0]),
        "throttle_min": np.array([1.0, 0.4, 0.4]),
        "place_m": np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]]),
    }
    return built(layout, 8, np.r_[np.full(8, 37.5), np.full(12, 6.0)], np.full(20, 0.02), engine, (mass, believed))


def ispace(believed: float = 1.0) -> Vehicle:
    layout = joined(axial_ring(6, 0.8), eight_on_three_axes(1.1, 1.1))
    mass = MassProperties(
        *numbers(355.0, 445.0),
        vec3((0, 0, 1.2)),
        vec3((0, 0, 1.0)),
        vec3((450, 450, 380)),
        vec3((220, 220, 200)),
        vec3((0.005, 0.005, 0.0)),
    )
    engine = {"thrust_n": np.array([420.0]), "isp_s": np.array([318.0]), "throttle_min": np.ones(1), "place_m": np.zeros((1, 3))}
    thrust_n = np.r_[np.full(6, 200.0), np.full(8, 22.0)]
    return built(layout, 6, thrust_n, np.r_[np.full(6, 0.01), np.full(8, 0.02)], engine, (mass, believed))


def torque_n_m(vehicle: Vehicle, now: Flying, commands: Commands, t_in_cycle_s: Scalar) -> tuple[Flying, Vec3]:
    mass_kg, com_m, inertia = vehicle.mass.at(now.propellant_kg)
    propulsion, thrust, flow_kg_s = vehicle.propulsion.advance(now.propulsion, commands, now.propellant_kg, t_in_cycle_s, DT_S)
    spin = per_inertia(thrust.torque_about(com_m), inertia)
    slosh, push = vehicle.slosh.advance(now.slosh, SloshDrive(thrust.force_body_n, spin, mass_kg, com_m, now.propellant_kg), DT_S)
    after = (propulsion, slosh, now.propellant_kg - flow_kg_s * DT_S)
    return eqx.tree_at(lambda s: (s.propulsion, s.slosh, s.propellant_kg), now, after), (thrust + push).torque_about(com_m)


def per_inertia(torque: Vec3, inertia: Vec3) -> Vec3:
    return Vec3(*(t / i for t, i in zip(torque.components(), inertia.components(), strict=True)))


def substep(vehicle: Vehicle, now: Flying, commands: Commands, t_in_cycle_s: Scalar) -> tuple[Flying, Vec3]:
    """Also the angle turned."""
    now, torque = torque_n_m(vehicle, now, commands, t_in_cycle_s)
    inertia = vehicle.mass.at(now.propellant_kg)[2]
    spin = per_inertia(torque - now.omega_rad_s.cross(now.omega_rad_s.scaled_by(inertia)), inertia)
    turned = (now.omega_rad_s + spin * (0.5 * DT_S)) * DT_S
    q = (now.q_lci_body @ from_rotation_vector(turned, "body", "body")).normalised()
    return eqx.tree_at(lambda s: (s.q_lci_body, s.omega_rad_s), now, (q, now.omega_rad_s + spin * DT_S)), turned


def cycle(vehicle: Vehicle, now: Flying, turned_rad: Vec3, request: AttitudeRequest, order: tuple[Scalar, ActuatorUse]):
    """Flight software with perfect sensors, then one cycle of truth."""
    inertia = vehicle.mass.at(now.propellant_kg)[2] * vehicle.inertia_believed
    imu = ImuReading(zero_vec3(), turned_rad, jnp.asarray(True))
    estimate = AttitudeEstimate(now.q_lci_body, imu, zero_vec3(), inertia)
    control, torque = vehicle.control.step(now.control, request, estimate, CYCLE_S)
    allocation, given = vehicle.allocator.allocate(now.allocation, Demand(order[0], torque), order[1])
    now = eqx.tree_at(lambda s: (s.control, s.allocation), now, (control.given(given.torque_body_n_m), allocation))
    off = jnp.asarray(False)
    commands = Commands(given.throttle, given.thruster_on_s, DevicesOn(off, off, off), empty_array())

    def advanced(carry, t_in_cycle_s):
        now, turned = substep(vehicle, carry[0], commands, t_in_cycle_s)
        return (now, carry[1] + turned), None

    return jax.lax.scan(advanced, (now, zero_vec3()), DT_S * jnp.arange(SUBSTEPS))[0]


@eqx.filter_jit
def _flown(vehicle: Vehicle, start: Flying, request: AttitudeRequest, order: tuple[Scalar, ActuatorUse]):

    def body(carry, _):
        now, turned = cycle(vehicle, *carry, request, order)
        error = (now.q_lci_body.inverse() @ request.q_lci_body_cmd.relabelled("lci", "cmd")).rotation_vector_rad()
        return (now, turned), (error.norm(), now.omega_rad_s.norm(), now.propellant_kg)

    carry, history = jax.lax.scan(body, (start, start.omega_rad_s * CYCLE_S), None, length=COUNT)
    return carry[0], history


def flown(vehicle: Vehicle, start: Flying, request: AttitudeRequest, order: tuple[Scalar, ActuatorUse]) -> tuple[np.ndarray, ...]:
    """Error (deg), rate (deg/s) and propellant (kg) after each cycle."""
    error_rad, rate_rad_s, left_kg = (np.asarray(a) for a in _flown(vehicle, start, request, order)[1])
    return np.rad2deg(error_rad), np.rad2deg(rate_rad_s), left_kg


def at_rest(vehicle: Vehicle, error_rad: tuple[float, float, float]) -> Flying:
    """Off the wanted attitude, not turning."""
    q = from_rotation_vector(vec3(error_rad), "lci", "body")
    full_kg = jnp.asarray(vehicle.mass.propellant_full_kg)
    control, allocation = vehicle.control.init(identity("lci", "body")), vehicle.allocator.init()
    return Flying(q, zero_vec3(), full_kg, vehicle.propulsion.init(), vehicle.slosh.init(), control, allocation)


def use(engines_on: tuple[bool, ...], axial_thrust: bool, axial_torque: bool) -> ActuatorUse:
    return ActuatorUse(jnp.asarray(engines_on), jnp.asarray(axial_thrust), jnp.asarray(axial_torque), jnp.asarray(True))


def coasting(vehicle: Vehicle) -> tuple[Scalar, ActuatorUse]:
    return jnp.asarray(0.0), use((False,) * len(vehicle.allocator.engines.thrust_n), False, False)


def request_of(quiet: Flag) -> AttitudeRequest:
    return AttitudeRequest(identity("lci", "body"), quiet)


BURNS = {
    "luna-ktd": (luna, 4750.0, use((True, False, False), False, True), 1.0),
    "luna-ktd-inertia-believed-20%-low": (luna, 4750.0, use((True, False, False), False, True), 0.8),
    "luna-ktd-inertia-believed-25%-high": (luna, 4750.0, use((True, False, False), False, True), 1.25),
    "luna-dmp": (luna, 1100.0, use((False, True, True), False, True), 1.0),
    "ispace-braking": (ispace, 1400.0, use((True,), True, True), 1.0),
    "ispace-main-alone": (ispace, 420.0, use((True,), False, False), 1.0),
}


@pytest.mark.parametrize("name", BURNS)
def test_a_burn_with_a_misaligned_engine_is_held(name: str) -> None:
    """A quarter of a degree and 5 mm an axis: some 40 N m for Luna-25's main engine."""
    make, thrust_n, allowed, believed = BURNS[name]
    vehicle = make(believed=believed)
    error_deg, rate_deg_s, _ = flown(vehicle, at_rest(vehicle, (0.0, 0.0, 0.0)), request_of(~QUIET), (jnp.asarray(thrust_n), allowed))
    assert error_deg.max() < IGNITION_MAX_DEG
    assert error_deg[200:].max() < HOLD_MAX_DEG
    assert rate_deg_s[200:].max() < HOLD_MAX_DEG_S


@pytest.mark.parametrize("make", [luna, ispace])
def test_a_slew_of_90_deg_completes(make: Make) -> None:
    vehicle = make()
    error_deg, rate_deg_s, left_kg = flown(vehicle, at_rest(vehicle, (0.9, -1.2, 0.5)), request_of(QUIET), coasting(vehicle))
    there = int(np.argmax(error_deg < QUIET_DEG))
    assert error_deg[0] > 90.0
    assert 0 < there * CYCLE_S < SLEW_MAX_S
    assert error_deg[there:].max() < REST_MAX_DEG
    assert rate_deg_s.max() < 1.05 * RATE_MAX_DEG_S
    assert left_kg[0] - left_kg[there] < 0.1


def ideal_g_per_h(vehicle: Vehicle) -> float:
    """A shortest pulse at each edge of the dead band, leaving half its step of rate behind: the steady limit cycle of three axes."""
    allocator, inertia = vehicle.allocator, np.asarray(vehicle.mass.inertia_full_kg_m2.array())
    step_n_m = np.asarray(allocator.attitude_step_n_m.array())
    crossing_s = 2.0 * np.deg2rad(QUIET_DEG) / (0.5 * step_n_m * CYCLE_S / inertia)
    on_s = step_n_m[:, None] * np.asarray(allocator.attitude_duty_per_n_m)[::2] * CYCLE_S
    on_s = np.where(on_s > 0.999 * np.asarray(allocator.pulse_min_s), on_s, 0.0)
    pulse_kg = on_s @ np.asarray(vehicle.propulsion.thrusters.flow_full_kg_s)
    return float(np.sum(pulse_kg / crossing_s) * 3.6e6)


@pytest.mark.parametrize("make", [luna, ispace])
def test_a_coast_uses_what_its_limit_cycle_must(make: Make) -> None:
    """In an hour: 18 g for 12 couples of 6 N, 75 g for 8 thrusters of 22 N (ideal 12 and 152); the last 200 s are looked at here."""
    vehicle = make()
    start = eqx.tree_at(lambda s: s.omega_rad_s, at_rest(vehicle, (0.002, -0.002, 0.001)), vec3((1e-4, 2e-4, -1e-4)))
    error_deg, _, left_kg = flown(vehicle, start, request_of(QUIET), coasting(vehicle))
    assert error_deg.max() < REST_MAX_DEG
    hours = CYCLE_S * (COUNT - 1000) / 3600.0
    # Rates are not yet halved after 100 s, and single pulses count: 3 times the ideal.
    assert 1e3 * (left_kg[1000] - left_kg[-1]) / hours < 3.0 * ideal_g_per_h(vehicle)


def test_slosh_does_not_grow_under_control() -> None:
    vehicle = luna()
    start = eqx.tree_at(lambda s: s.slosh.x_m, at_rest(vehicle, (0.0, 0.0, 0.0)), jnp.asarray(0.1))
    order = (jnp.asarray(4750.0), BURNS["luna-ktd"][2])
    end = _flown(vehicle, start, request_of(~QUIET), order)[0]
    assert float(jnp.hypot(end.slosh.x_m, end.slosh.y_m)) < 0.01
