"""Campaigns on many machines: dask.distributed carries chunks to workers and brings rows back; only this process writes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from perilune.campaign.asked import Asked, asked
from perilune.campaign.run import Crew
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import Columns
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import Programs
from perilune.scenario.shelf import Shelf

LOCAL = "local"
ANSWERS_S = 10.0
AHEAD = 2  # chunks for each thread of the cluster: one that flies, and the next

_squadrons: dict[str, Squadron] = {}
_making = Lock()


@contextmanager
def cluster(squadron: Squadron, address: str, workers: int | None = None, keep_in: Path | None = None) -> Iterator[Crew]:
    """The workers of a scheduler, or of a local cluster of processes made for this campaign.

    A chunk of a worker that is lost is flown by another: its rows are the same.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ScenarioError("--scheduler needs dask: pip install 'perilune[cluster]'") from None
    if address != LOCAL:
        try:
            client = Client(address, timeout=ANSWERS_S)
        except (OSError, ValueError) as error:
            raise ScenarioError(f"--scheduler {address}: no scheduler answers ({error})") from None
        with client:
            yield _crew(client, squadron, keep_in)
        return
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as local, Client(local) as client:
        yield _crew(client, squadron, keep_in)


def _crew(client: Any, squadron: Squadron, keep_in: Path | None) -> Crew:
    threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    words = squadron.asked.model_dump_json()
    there = partial(fly_there, words, squadron.file.sha256, None if keep_in is None else str(keep_in))
    return Crew(client.get_executor(pure=False, retries=3), there, AHEAD * max(threads, 1))


def fly_there(words: str, sha256: str, keep_in: str | None, first: int, count: int) -> Columns:
    """On a worker: cases from the first on. The mission is made ready once a process."""
    with _making:
        if words not in _squadrons:
            _squadrons.clear()  # of the campaign before
            _squadrons[words] = _ready(asked(json.loads(words)), sha256, keep_in)
        squadron = _squadrons[words]
    return squadron.fly(first, count)


def _ready(wanted: Asked, sha256: str, keep_in: str | None) -> Squadron:
    squadron = Squadron(wanted, Programs(Shelf(Path(keep_in)) if keep_in else None))
    if squadron.file.sha256 != sha256:
        raise ScenarioError(f"the mission '{wanted.mission}' of a worker is not that of the campaign")
    return squadron
