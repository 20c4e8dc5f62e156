"""The output folder of a flight: recording, report, manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from perilune.report.chapters import Story
from perilune.report.figures_ground import track_on_ground
from perilune.report.page import page
from perilune.report.record import Record
from perilune.report.relief import Ground, ReliefMap, relief_about
from perilune.scenario.brought import hashes
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.sim.recording import manifest, to_netcdf

# The approach map holds the site and this much of the track; the second map the end of the track and what is around it.
APPROACH_HALF_WIDTH_M = 45_000.0
LAST_HALF_WIDTH_M = 1_000.0


@runtime_checkable
class Flight(Protocol):
    """What the report needs of a flight."""

    @property
    def outcome(self) -> Mapping[str, Any]: ...

    @property
    def terrain(self) -> Ground | None: ...

    def dataset(self) -> Any: ...


def write_flight(flight: Flight, mission: MissionFile, folder: Path) -> dict[str, str | None]:
    """Write `flight.nc`, `report.html` and `manifest.json` into a folder that is there; returns the paths by kind.

    There are no raw packets in this version: what came down is the group `downlink` of the recording.
    """
    tree = flight.dataset()
    paths = {"recording": folder / "flight.nc", "report": folder / "report.html", "manifest": folder / "manifest.json"}
    files: dict[str, str | None] = {"recording": str(paths["recording"]), "downlink": None}
    files |= {kind: str(path) for kind, path in paths.items()}
    result = {**flight.outcome, "files": files}
    paths["recording"].write_bytes(to_netcdf(tree))
    record = Record(tree, _verdict_s(flight.outcome))
    paths["report"].write_text(page(Story(result, mission, record, maps_of(flight, mission, record))), encoding="utf-8")
    chosen = {key: result.get(key) for key in ("mission", "variant", "from", "faults", "seed", "width")} | {
        "files_brought": hashes(mission)
    }
    paths["manifest"].write_text(json.dumps(manifest(mission.text, chosen), indent=2, default=str) + "\n", encoding="utf-8")
    return files


def _verdict_s(outcome: Mapping[str, Any]) -> float:
    """When the lander came to rest, or was lost; the record goes on a little, of a lander that no longer moves."""
    ends = [float(event["met_s"]) for event in outcome.get("events", ()) if event["name"] == outcome["outcome"]]
    return ends[-1] if ends else float("inf")


def record_of(flight: Flight) -> Record:
    """The flight as figures look at it."""
    return Record(flight.dataset(), _verdict_s(flight.outcome))


def maps_of(flight: Flight, mission: MissionFile, record: Record) -> tuple[ReliefMap, ...]:
    """The approach and the last stretch, if the flight hands over the ground it flew over."""
    ground = getattr(flight, "terrain", None)
    if ground is None or not isinstance(mission, LanderFile) or not record.has("truth/r_site_m"):
        return ()
    site_deg = float(mission.site.latitude_deg), float(mission.site.longitude_deg)
    east_m, north_m = track_on_ground(record["truth/r_site_m"], float(mission.site.elevation_m))
    last = float(east_m[-1]), float(north_m[-1])
    reach_m = float(np.hypot(*last))
    approach = relief_about(ground, site_deg, _centre(east_m, north_m), max(APPROACH_HALF_WIDTH_M, 1.2 * reach_m))
    return approach, relief_about(ground, site_deg, last, LAST_HALF_WIDTH_M)


def _centre(east_m: np.ndarray, north_m: np.ndarray) -> tuple[float, float]:
    """Half a map up-track of the site, so that the map shows more of where the lander comes from."""
    come_from = np.array([east_m[0], north_m[0]])
    way = come_from / max(float(np.linalg.norm(come_from)), 1.0)
    return tuple(float(x) for x in 0.5 * APPROACH_HALF_WIDTH_M * way)  # type: ignore[return-value]
