"""A coast between the Earth and the Moon: the lander moves under every force while flight software sleeps.

**Model.** `dynamics.path`: adaptive steps about the body that is near. **Neglects** attitude dynamics, attitude propellant and sensors.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.events import Body, seen
from perilune.dynamics.path import Path, flown
from perilune.dynamics.propagate import TIGHT, PointMass
from perilune.dynamics.rigid_body import RigidBody
from perilune.math.calling import call
from perilune.math.vector import Vec3
from perilune.sim.coast import Orbit, told
from perilune.sim.fly import Fleet
from perilune.sim.mission import Mission, MissionState
from perilune.types import Index, Scalar, Vector

# Rows of the record: two hours at this spacing are one call of the compiled program.
ROW_S, ROWS = 600.0, 12


class Cruise(NamedTuple):
    """A path about a centre, and the stretch of it that is flown [s]."""

    centre: Body
    path: Path
    start_s: float
    end_s: float


def cruise(forces: Cislunar, centre: Body, orbit: Orbit, start_s: float, end_s: float) -> tuple[Cruise, Orbit]:
    """The path from a state seen from the Moon, and the state at its end."""
    about = orbit if centre == "moon" else call(_seen_from_earth, forces, jnp.asarray(start_s), orbit)
    start = PointMass(about.r_lci_m, about.v_lci_m_s, jnp.asarray(1.0))
    *_, path = flown(forces, centre, start, (start_s, end_s), TIGHT, 0.0)
    if float(path.times_s[-1]) != end_s:
        raise ArithmeticError(f"the coast from {start_s:.0f} s cannot be finished: it meets a sphere, or the forces have no value there")
    leg = Cruise(centre, path, start_s, end_s)
    return leg, call(_on_path, forces, centre, path, jnp.asarray(end_s))


@eqx.filter_jit
def _seen_from_earth(forces: Cislunar, t_s: Scalar, orbit: Orbit) -> Orbit:
    return Orbit(*forces.gci_of_lci(t_s, orbit.r_lci_m, orbit.v_lci_m_s))


@eqx.filter_jit
def _on_path(forces: Cislunar, centre: Body, path: Path, t_s: Scalar) -> Orbit:
    return Orbit(*seen(forces, centre, t_s, *path.state(t_s)).state("moon"))


@eqx.filter_jit
def placed(fleet: Fleet, states: MissionState, orbit: Orbit, end_tick: Index) -> MissionState:
    """The lander of a batch of one at the end of a cruise, its attitude held."""

    def one(own: Mission, state: MissionState) -> MissionState:
        mission = eqx.combine(own, fleet.shared)
        still = Vec3(*(jnp.zeros_like(c) for c in state.world.body.omega_body_lci_rad_s.components()))
        body = RigidBody(orbit.r_lci_m, orbit.v_lci_m_s, state.world.body.q_lci_body, still)
        return eqx.tree_at(lambda s: s.world, state, mission.world.placed(state.world, body, end_tick * mission.tick_s))

    return jax.vmap(one)(fleet.own, states)


def cruise_rows(mission: Mission, forces: Cislunar, leg: Cruise) -> dict[str, np.ndarray]:
    """A row every ten minutes, and the end."""
    times_s = np.append(np.arange(leg.start_s, leg.end_s, ROW_S), leg.end_s)
    padded = np.append(times_s, np.full(-len(times_s) % ROWS, leg.end_s)).reshape(-1, ROWS)
    pieces = [call(_rows, mission, forces, leg.centre, leg.path, jnp.asarray(some)) for some in padded]
    return {name: np.concatenate([np.asarray(piece[name]) for piece in pieces])[: len(times_s)] for name in pieces[0]}


@eqx.filter_jit
def _rows(mission: Mission, forces: Cislunar, centre: Body, path: Path, times_s: Vector) -> dict[str, Array]:
    return jax.vmap(lambda t_s: told(mission.world, _orbit_at(forces, centre, path, t_s), t_s))(times_s)


def _orbit_at(forces: Cislunar, centre: Body, path: Path, t_s: Scalar) -> Orbit:
    return Orbit(*seen(forces, centre, t_s, *path.state(t_s)).state("moon"))
