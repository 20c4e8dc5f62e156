"""The rows of a coast for the record, made anew from where it began: the flight itself keeps only its end."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from perilune.dynamics.cislunar import Cislunar
from perilune.math.calling import called_by
from perilune.scenario.programs import Programs, lander
from perilune.sim import fly as sim
from perilune.sim.coast import ROW_S, ROWS, Orbit, trail
from perilune.sim.cruise import cruise_rows
from perilune.sim.mission import Mission
from perilune.types import Scalar


def trail_of(mission: Mission, chunk: sim.Chunk, forces: Cislunar | None, programs: Programs) -> list[dict[str, np.ndarray]]:
    """Pieces of a coast, in order: of a mission, with the forces of its way from the Earth where the coast is a part of that."""
    rows = _cruised(mission, chunk, forces, programs) if chunk.legs and forces is not None else _coasted(mission, chunk, programs)
    assert chunk.before is not None  # a coast says where it began
    attitude = np.array([float(np.asarray(part)[0]) for part in jax.tree.leaves(chunk.before.world.body.q_lci_body)])
    return [{**some, "q_lci_body": np.tile(attitude, (len(some["met_s"]), 1))} for some in rows]


def joined(pieces: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One row for each time."""
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]} if pieces else {}
    kept = np.diff(joined["met_s"], prepend=-1.0) > 0.0 if joined else slice(None)
    return {name: row[kept] for name, row in joined.items()}


def _cruised(mission: Mission, chunk: sim.Chunk, forces: Cislunar, programs: Programs) -> list[dict[str, np.ndarray]]:
    with called_by(programs):
        return [cruise_rows(mission, forces, leg) for leg in chunk.legs]


def _coasted(mission: Mission, chunk: sim.Chunk, programs: Programs) -> list[dict[str, np.ndarray]]:
    before, pieces = lander(chunk.before), []
    now_s = chunk.first_tick * float(mission.tick_s)
    over_s = float(np.asarray(chunk.states.verdict.end_met_s)[0])
    end_s = over_s if over_s > 0.0 else chunk.phase.end_tick * float(mission.tick_s)
    orbit = Orbit(before.world.body.r_lci_m, before.world.body.v_lci_m_s)
    while now_s < end_s:
        orbit, rows = programs(hour_of_coast, mission, orbit, jnp.asarray(now_s), jnp.asarray(end_s))
        pieces.append({name: np.asarray(row) for name, row in rows.items()})
        now_s += ROWS * ROW_S
    return pieces


@eqx.filter_jit
def hour_of_coast(mission: Mission, orbit: Orbit, start_s: Scalar, end_s: Scalar) -> tuple[Orbit, dict[str, Array]]:
    return trail(mission.world, orbit, start_s, end_s)
