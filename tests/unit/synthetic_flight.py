"""A made-up flight with every channel of the registry, for the report, the recording and the command line: no physics in it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perilune.sim.recording import CHANNELS, FILTER_STATES, recording_tree
from perilune.wire.telemetry import Mode

START_UTC = "2023-08-21T11:30:00Z"
CONTACT_S = 520.0
COASTS = {"met_s": np.array([-120.0, -60.0, 0.0]), "altitude_m": np.array([21e3, 19e3, 18e3])}


def steps(met_s: np.ndarray) -> np.ndarray:
    """Mode at each time."""
    edges = (30.0, 400.0, 430.0, 460.0, CONTACT_S, CONTACT_S + 5.0)
    modes = np.array([Mode.COAST, Mode.BRAKING, Mode.PITCH_UP, Mode.APPROACH, Mode.VERTICAL_DESCENT, Mode.TOUCHDOWN, Mode.SURFACE])
    return modes[np.searchsorted(edges, met_s, side="right")]


def quaternions(angle_rad: np.ndarray) -> np.ndarray:
    """About y."""
    half = 0.5 * angle_rad
    return np.stack([np.cos(half), 0 * half, np.sin(half), 0 * half], axis=1)


def motion(met_s: np.ndarray) -> dict[str, np.ndarray]:
    left = np.clip((CONTACT_S - met_s) / CONTACT_S, 0.0, 1.0)
    r = np.stack([40_000 * left**2, 330_000 * left**2, 18_000 * left**1.5 + 1.4], axis=1)
    v = np.stack([-90 * left, -1690 * left, -60 * np.sqrt(left) - 1.5 * (left > 0)], axis=1)
    rough = 60 * np.sin(r[:, 1] / 4000) * np.clip(left * 20, 0, 1)
    return {
        "truth/r_site_m": r,
        "truth/v_site_m_s": v,
        "truth/r_lci_m": r + 1.7e6,
        "truth/v_lci_m_s": v,
        "truth/altitude_m": np.maximum(r[:, 2] - rough, 1.4),
        "truth/ground_elevation_m": 374 + rough,
        "truth/vertical_speed_m_s": -v[:, 2],
        "truth/horizontal_speed_m_s": np.hypot(v[:, 0], v[:, 1]),
        "truth/tilt_deg": 88 * np.clip(left * 3, 0, 1) + 1.2,
        "truth/mass_kg": 690 + 610 * left,
        "truth/propellant_kg": 50 + 610 * left,
        "truth/thrust_n": 4750.0 * (left > 0.1) + 1300.0 * ((left <= 0.1) & (left > 0)),
        "truth/q_lci_body": quaternions(1.5 * left),
        "truth/throttle": np.stack([left > 0.1, (left <= 0.1) & (left > 0)], axis=1) * 1.0,
        "downlink/mode": steps(met_s),
    }


def belief(truth: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    samples = len(truth["downlink/mode"])
    fade = np.linspace(1.0, 0.01, samples)[:, None]
    sigma = np.concatenate([fade * 400, fade * 0.4, fade * 1e-4 + 1e-4, fade * 5e-4, fade * 2e-7], axis=1).repeat(3, axis=1)
    sigma = np.concatenate([sigma, fade * 600], axis=1)
    off = sigma * np.cumsum(rng.normal(size=sigma.shape) * 0.02, axis=0)
    fresh = (np.arange(samples) % 5 == 0) * 1.0
    noise = rng.normal(size=(samples, 3))
    gates = {"altimeter": 20.0, "velocimeter": 0.2, "star_tracker": 1e-4}
    seen = {
        "downlink/nav_r_lci_m": truth["truth/r_lci_m"] - off[:, :3],
        "downlink/nav_v_lci_m_s": truth["truth/v_lci_m_s"] - off[:, 3:6],
        "downlink/nav_q_lci_body": quaternions(2 * np.arccos(truth["truth/q_lci_body"][:, 0]) + off[:, 7]),
        "downlink/nav_sigma": sigma,
        "downlink/nav_terrain_m": truth["truth/ground_elevation_m"] - 374 - off[:, 15],
        "downlink/altitude_m": truth["truth/altitude_m"] + off[:, 2],
        "downlink/vertical_speed_m_s": truth["truth/vertical_speed_m_s"] + off[:, 5],
        "downlink/horizontal_speed_m_s": truth["truth/horizontal_speed_m_s"] + np.abs(off[:, 4]),
        "downlink/mass_kg": truth["truth/mass_kg"] + 3,
        "downlink/accel_cmd_m_s2": truth["truth/thrust_n"] / truth["truth/mass_kg"] * 1.01,
    }
    for column, (name, size) in enumerate(gates.items()):
        ratio = np.where(rng.uniform(size=samples) < 0.01, 9.0, noise[:, column])
        seen |= {f"downlink/{name}_innovation": ratio * size, f"downlink/{name}_innovation_sigma": np.full(samples, size)}
        seen |= {f"downlink/{name}_fresh": fresh, f"downlink/{name}_used": fresh * (np.abs(ratio) < 5.0)}
    return seen


def channels(met_s: np.ndarray) -> dict[str, np.ndarray]:
    """Every channel of the registry; those that nobody looks at are zero."""
    widths = {
        "axis": 3,
        "quaternion": 4,
        "state": len(FILTER_STATES),
        "engine": 2,
        "thruster": 20,
        "pad": 4,
        "monitor": 4,
        "inertial_unit": 2,
        "triad": 2,
    }
    blank = {name: np.zeros((len(met_s), widths[c.axis]) if c.axis else len(met_s)) for name, c in CHANNELS.items()}
    truth = motion(met_s)
    known = truth | belief(truth, np.random.default_rng(1))
    known |= {"truth/r_imu_lci_m": truth["truth/r_lci_m"], "truth/v_imu_lci_m_s": truth["truth/v_lci_m_s"]}
    return blank | known


def outcome(**changes: Any) -> dict[str, Any]:
    """As design section 11 has it, without the files."""
    contact = {
        "utc": "2023-08-21T11:38:40Z",
        "met_s": CONTACT_S,
        "latitude_deg": -69.55,
        "longitude_deg": 43.54,
        "elevation_m": 374.0,
        "miss_m": 812.0,
        "ground_slope_deg": 4.2,
        "vertical_speed_m_s": 1.53,
        "horizontal_speed_m_s": 0.21,
        "tilt_deg": 1.2,
    }
    limits = {"vertical_m_s": 3.0, "horizontal_m_s": 1.0, "tilt_deg": 15.0, "slope_deg": 15.0}
    events = [{"utc": "2023-08-21T11:30:30Z", "met_s": 30.0, "name": "braking", "detail": {"mass_kg": 1300.0}}]
    events.append({"utc": "2023-08-21T11:38:40Z", "met_s": CONTACT_S, "name": "contact", "detail": {}})
    return {
        "schema": 1,
        "mission": "luna-25",
        "variant": "nominal",
        "from": "descent",
        "faults": [],
        "seed": 7,
        "outcome": "landed",
        "cause": "at rest, upright, within its limits",
        "phase": "powered-descent",
        "contact": contact,
        "rest": {"utc": "2023-08-21T11:38:50Z", "tilt_deg": 4.4},
        "limits": limits,
        "propellant_left_kg": 50.0,
        "events": events,
        "observed": {},
    } | changes


class Hills:
    """Ground with waves, as `Terrain` is asked for it."""

    def height_m(self, direction_lfme):
        import jax.numpy as jnp

        return 374.0 + 300.0 * jnp.sin(900.0 * direction_lfme.x) * jnp.cos(700.0 * direction_lfme.y)


@dataclass(frozen=True)
class SyntheticFlight:
    outcome: dict[str, Any] = field(default_factory=outcome)
    terrain: Any = field(default_factory=Hills)
    recorded: tuple[str, ...] = tuple(CHANNELS)

    @property
    def time_s(self) -> np.ndarray:
        return np.arange(0.0, CONTACT_S + 12.0, 0.5)

    def dataset(self):
        known = channels(self.time_s)
        return recording_tree(self.time_s, {name: known[name] for name in self.recorded}, START_UTC, coasts=COASTS)
