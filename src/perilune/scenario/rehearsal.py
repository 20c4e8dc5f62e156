"""Beside the plan: the programs that a flight from separation will ask for are made before it does, by a lander that goes nowhere.

A flight does not depend on it: what is not made here is made when it is asked for.
"""

import math

import jax.numpy as jnp
import numpy as np

from perilune.dynamics.rigid_body import RigidBody
from perilune.math.calling import called_by
from perilune.math.rotation import identity
from perilune.math.vector import vec3, zero_vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import Epoch
from perilune.scenario.build import build_world, mission_of, window_s
from perilune.scenario.build_fsw import Moments
from perilune.scenario.build_voyage import flying, true_forces
from perilune.scenario.bus import BusRows, bus_history
from perilune.scenario.disperse import fleet_of, lander_of, spread_of
from perilune.scenario.plan import desk_of
from perilune.scenario.programs import Programs, settled
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_place import epoch_of
from perilune.scenario.trails import hour_of_coast
from perilune.sim import fly as sim
from perilune.sim.channels import all_channels
from perilune.sim.coast import Orbit
from perilune.sim.cruise import cruise, cruise_rows, placed
from perilune.sim.mission import Mission
from perilune.trajectory.rehearsal import rehearse_desk

# A low orbit about the Moon, and a short coast.
R_LCI_M, V_LCI_M_S, COAST_S = (1.9e6, 0.0, 0.0), (0.0, 0.0, 1.6e3), 600.0


def rehearse(file: MissionFile, programs: Programs) -> None:
    """Make the programs, those that take longest first."""
    epoch, span_s = epoch_of(flying(file)[0].injection_utc), window_s(file)
    ephemeris = load_ephemeris(epoch, span_s)
    body = settled(RigidBody(vec3(R_LCI_M), vec3(V_LCI_M_S), identity("lci", "body"), zero_vec3()))
    mission = mission_of(file, build_world(file, ephemeris), Moments(math.inf, 0.0, 0.0, 0.0), body)
    with called_by(programs):
        own = _flown(file, mission, programs)
        desk = desk_of(file)
        rehearse_desk(desk.forces, desk.order)
        _on_the_way(file, own, epoch, span_s)
        _looked_back(file, own, epoch, programs)


def _flown(file: MissionFile, mission: Mission, programs: Programs) -> Mission:
    """Start, ticks, sleep. The mission as the lander has it."""
    fleet = fleet_of(mission, spread_of(file), jnp.asarray([0]), programs)
    tick, orders = jnp.asarray(0), sim.nothing_new(fleet)
    states = programs(sim.start, fleet, tick)
    programs(sim.fly_chunk, fleet, states, tick, all_channels)
    programs(sim.sleep, fleet, states, tick, tick)
    programs(sim.wake, fleet, states, tick, jnp.asarray(True), orders)
    programs(placed, fleet, states, Orbit(mission.start.r_lci_m, mission.start.v_lci_m_s), tick)
    return lander_of(fleet)


def _on_the_way(file: MissionFile, mission: Mission, epoch: Epoch, span_s: float) -> None:
    """Coasts about the Earth and the Moon, and their rows."""
    forces = true_forces(file, flying(file)[0], epoch, span_s)
    orbit = Orbit(mission.start.r_lci_m, mission.start.v_lci_m_s)
    for centre in ("earth", "moon"):
        leg, _ = cruise(forces, centre, orbit, 0.0, COAST_S)
        cruise_rows(mission, forces, leg)


def _looked_back(file: MissionFile, mission: Mission, epoch: Epoch, programs: Programs) -> None:
    """Rows of a coast about the Moon; power, temperature and radio."""
    orbit = Orbit(mission.start.r_lci_m, mission.start.v_lci_m_s)
    programs(hour_of_coast, mission, orbit, jnp.asarray(0.0), jnp.asarray(0.0))
    if file.power is not None:
        bus_history(file, BusRows(epoch, np.array([0.0, COAST_S]), np.array([R_LCI_M, R_LCI_M])), programs=programs)
