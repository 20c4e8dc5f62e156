"""The desk's programs of a flight, made before they are asked for: each is asked for nothing, since what it is made of is known without a plan."""

import jax.numpy as jnp
import numpy as np

from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import vec3
from perilune.trajectory.corrections import Correction, correction_map
from perilune.trajectory.desk import landing_of, radii
from perilune.trajectory.flight_desk import Arriving, insertion_map, moved, seen_from_earth
from perilune.trajectory.injection import Perilune
from perilune.trajectory.insertion import Braking
from perilune.trajectory.lowering import apsis_change, apsis_map
from perilune.trajectory.lunar_orbit import Approaching, approach_map, descent_map
from perilune.trajectory.order import MissionOrder

# Somewhere above the Moon, where all forces have values.
SOMEWHERE = PointMass(vec3((2e6, 0.0, 0.0)), vec3((0.0, 1.5e3, 0.0)), jnp.asarray(1.0))
NOTHING = 0.0  # columns of a derivative


def rehearse_desk(forces: Cislunar, order: MissionOrder) -> None:
    """Make the programs with which burns are found in flight."""
    zero, small = jnp.asarray(0.0), order.small_engine.engine()
    for centre in ("earth", "moon"):
        moved(forces, centre, 0.0, SOMEWHERE, 0.0)
    seen_from_earth(forces, zero, SOMEWHERE)
    orbits, engines = radii(order), tuple(each.engine() for each in order.arrival.engines)
    braking = Braking(engines, tuple(jnp.asarray(each) for each in order.arrival.later_s), jnp.asarray(order.mass_kg))
    arriving = Arriving(forces, braking, SOMEWHERE, zero, jnp.asarray(orbits.perilune_m), jnp.asarray(orbits.apolune_m))
    insertion_map(np.zeros(2), arriving, NOTHING)
    for row in order.lowering[:1]:
        apsis_map(np.zeros(2), (apsis_change(forces, SOMEWHERE, 0.0, row), jnp.asarray(1.0)), NOTHING)
    if order.descent is not None:
        approaching = Approaching(forces, small, SOMEWHERE, zero, landing_of(order))
        descent_map(np.zeros(4), approaching, NOTHING)
        approach_map(np.zeros(7), approaching, NOTHING)
    perilune = Perilune(jnp.asarray(orbits.perilune_m), jnp.asarray(order.arrival.inclination_rad), zero)
    correction_map(np.zeros(6), Correction(forces, SOMEWHERE, zero, zero, small, perilune), NOTHING)
