"""What flying a plan needs of it: where it begins, what the corrections aim at, and when each burn is due. Numbers alone."""

from typing import NamedTuple

import numpy as np

from perilune.dynamics.propagate import PointMass
from perilune.moon.frames import q_lfme_lci
from perilune.trajectory.flight_desk import Aim, moved
from perilune.trajectory.flightpath import MissionPlan, Orbit, PlannedBurn, Reserve


class Due(NamedTuple):
    """A burn as the plan has it; seconds of the plan's clock."""

    name: str
    engine: str
    ignition_s: float
    duration_s: float
    delta_v_m_s: float
    orbit_after: Orbit | None = None  # unknown for a correction: its size is only expected


class Down(NamedTuple):
    """From the orbit about the Moon to the braking."""

    trim: Due
    descent: Due
    ignition_s: float  # of the braking


class Route(NamedTuple):
    """Times count TDB seconds from the plan's epoch; the state at separation is seen from the Moon."""

    separation_s: float
    r_lci_m: tuple[float, float, float]
    v_lci_m_s: tuple[float, float, float]
    aim: Aim
    corrections: tuple[Due, ...]
    insertion: tuple[Due, ...]
    lowering: tuple[Due, ...]
    down: Down | None  # none for a plan that ends in orbit

    @property
    def stops(self) -> tuple[tuple[Due, ...], ...]:
        """The burns, those together that follow at once."""
        last = () if self.down is None else ((self.down.trim,), (self.down.descent,))
        return (*((due,) for due in self.corrections), self.insertion, *((due,) for due in self.lowering), *last)


def route_of(plan: MissionPlan) -> Route:
    """Of a plan."""
    outbound, inbound = plan.arcs[1], next(arc for arc in plan.arcs if arc.name == "inbound")
    state = plan.forces.lci_of_gci(outbound.t_s, outbound.start.r_m, outbound.start.v_m_s)
    lowest = moved(plan.forces, "moon", inbound.t_s, inbound.start, plan.perilune_s - inbound.t_s)
    due = {burn.name: _due(plan, burn) for burn in (*plan.burns, *plan.reserves)}
    return Route(
        separation_s=plan.separation_s,
        r_lci_m=_three(state[0]),
        v_lci_m_s=_three(state[1]),
        aim=_aim(plan, lowest),
        corrections=tuple(burn for name, burn in due.items() if name.startswith("correction")),
        insertion=tuple(burn for name, burn in due.items() if name.startswith("lunar orbit insertion")),
        lowering=tuple(burn for name, burn in due.items() if name.startswith("lowering")),
        down=None if plan.ignition_s is None else Down(due["trim"], due["descent orbit"], plan.ignition_s),
    )


def _due(plan: MissionPlan, burn: PlannedBurn | Reserve) -> Due:
    after = burn.orbit_after if isinstance(burn, PlannedBurn) else None
    return Due(burn.name, burn.engine.name, burn.ignition.seconds_since(plan.epoch), burn.duration_s, burn.delta_v_m_s, after)


def _three(vector) -> tuple[float, float, float]:
    x, y, z = (float(component) for component in vector.components())
    return x, y, z


def _aim(plan: MissionPlan, lowest: PointMass) -> Aim:
    """Angles to the Moon's equator at that time, as `injection.at_perilune` counts them."""
    turn = np.asarray(q_lfme_lci(plan.forces.ephemeris, plan.perilune_s).dcm())
    r, v = (turn @ np.asarray(part.array()) for part in (lowest.r_m, lowest.v_m_s))
    normal = np.cross(r, v) / np.linalg.norm(np.cross(r, v))
    node = np.array([-normal[1], normal[0], 0.0]) / np.hypot(normal[0], normal[1])
    argument_rad = np.arctan2(r @ np.cross(normal, node), r @ node)
    angles = (np.arccos(normal[2]), np.arctan2(node[1], node[0]), argument_rad)
    inclination_rad, node_rad, argument_rad = (float(angle) for angle in angles)
    speed_m_s, radius_m = float(np.linalg.norm(v)), float(np.linalg.norm(r))
    return Aim(plan.perilune_s, radius_m, inclination_rad, node_rad, argument_rad, speed_m_s)
