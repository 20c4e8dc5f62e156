"""The same campaign on a local cluster, of which a worker is killed on the way."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import stub_campaign
from stub_campaign import flown, wanted
from test_campaign import same

from perilune.campaign import cluster as cluster_module
from perilune.campaign.cluster import cluster
from perilune.campaign.run import Crew, run
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable
from perilune.scenario.errors import ScenarioError

distributed = pytest.importorskip("distributed")
CASES = 250


def slowly(first: int, count: int):
    return stub_campaign.rows(first, count, pause_s=0.1)


def test_a_lost_worker_loses_nothing_and_doubles_nothing(tmp_path, monkeypatch):
    """Killed by a signal with chunks in flight: they are flown by the other, and the table is that of one thread."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}")  # for the workers
    flown(tmp_path / "alone", CASES)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=60) as local,
        distributed.Client(local) as client,
    ):
        pids = list(client.run(os.getpid).values())
        there = CaseTable(tmp_path / "cluster")

        def kill() -> None:
            while there.count() < 4:
                time.sleep(0.01)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        standing = run(wanted(CASES), there, Crew(client.get_executor(pure=False, retries=3), slowly, 4))
        killer.join()
        assert pids[0] not in client.run(os.getpid).values()
    assert standing.flown == CASES
    assert same(there.read(), CaseTable(tmp_path / "alone").read())
    assert np.array_equal(there.read(("case",))["case"], np.arange(CASES))


def test_a_scheduler_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(cluster_module, "ANSWERS_S", 0.3)
    squadron = Squadron.__new__(Squadron)
    with pytest.raises(ScenarioError, match="no scheduler answers"), cluster(squadron, "tcp://127.0.0.1:1"):
        pass
