"""A real campaign by one, two and four workers and on a local cluster, killed again and again: is it the same table, byte for byte?

python benchmarks/campaign_kills.py luna-25 --cases 2000 --keep FOLDER
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from perilune.campaign.table import CASES, CaseTable

COMMAND = (sys.executable, "-m", "perilune.cli", "campaign")
LOOK_S = 0.02
# A worker that is not heard of for so long is given up (dask's own default is five minutes).
SILENT = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s"}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("mission")
    words.add_argument("--cases", type=int, default=2000)
    words.add_argument("--width", type=int, default=64, help="narrow batches leave many files to be caught between")
    words.add_argument("--kills", type=int, default=5)
    words.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    words.add_argument("--keep", type=Path, required=True, help="a folder for the campaigns; it must not exist yet")
    given = words.parse_args()
    given.keep.mkdir(parents=True)
    what = (given.mission, "-n", str(given.cases), "--width", str(given.width))
    files = -(-given.cases // given.width)
    draw = random.Random(given.seed)

    flown(what, given.keep / "warm", "--workers", "2")  # programs are made here, so that what follows flies
    whole, seconds = given.keep / "2-workers", flown(what, given.keep / "2-workers", "--workers", "2")
    print(f"in one go by 2 workers: {seconds:.0f} s, {tell(whole, given.cases)}", flush=True)
    for workers in ("1", "4"):
        alone = given.keep / f"{workers}-workers"
        took = flown(what, alone, "--workers", workers)
        print(f"{workers} workers: {took:.0f} s, {verdict(whole, alone, given.cases)}", flush=True)
    killed = given.keep / "killed"
    kill_whole(what, killed, (given.kills, files, seconds), draw)
    print(f"killed {given.kills} times: {verdict(whole, killed, given.cases)}", flush=True)
    cluster = given.keep / "cluster"
    took = flown(what, cluster, "--scheduler", "local", "--workers", "2")
    print(f"local cluster of 2: {took:.0f} s, {verdict(whole, cluster, given.cases)}", flush=True)
    for what_happens, sent in (("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)):
        bereft = given.keep / f"cluster-worker-{what_happens}"
        took = lose_worker(what, bereft, (files, sent), draw)
        print(f"local cluster, a worker {what_happens}: {took:.0f} s, {verdict(whole, bereft, given.cases)}", flush=True)


def begun(*words: str) -> subprocess.Popen[str]:
    """In a process group of its own, so that it dies with all that it started."""
    all_of_them, told = {**os.environ, **SILENT}, subprocess.PIPE
    return subprocess.Popen((*COMMAND, *words), env=all_of_them, start_new_session=True, stdout=subprocess.DEVNULL, stderr=told, text=True)


def ended(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{process.args} failed:\n{said}")


def flown(what: tuple[str, ...], out: Path, *how: str) -> float:
    """Seconds by the clock, start of Python included."""
    began = time.perf_counter()
    ended(begun(*what, "--out", str(out), *how))
    return time.perf_counter() - began


def kill_whole(what: tuple[str, ...], out: Path, expected: tuple[int, int, float], draw: random.Random) -> None:
    """SIGKILL to the whole group, so many times, each at a moment drawn evenly from a share of what is left; then the rest in one go."""
    kills, files, seconds = expected
    process = begun(*what, "--out", str(out), "--workers", "2")
    for left in range(kills, 0, -1):
        missing = 1.0 - CaseTable(out).count() / files
        moment_s = draw.uniform(0.0, seconds * (1.0 + missing) / (left + 1))
        began = time.perf_counter()
        # The first of all has left a manifest before it is killed: without one there is nothing to go on with.
        while process.poll() is None and (time.perf_counter() - began < moment_s or not (out / "manifest.json").exists()):
            time.sleep(LOOK_S)
        if process.poll() is not None:
            sys.exit(f"it ended before kill {kills - left + 1}: {process.stderr and process.stderr.read()}")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        there = [path.suffix for path in (out / CASES).glob("*")]
        print(
            f"  killed after {time.perf_counter() - began:.1f} s: {there.count('.parquet')} of {files} files whole, {there.count('.part')} half written",
            flush=True,
        )
        process = begun("--resume", str(out), "--workers", "2")
    ended(process)


def lose_worker(what: tuple[str, ...], out: Path, lost: tuple[int, signal.Signals], draw: random.Random) -> float:
    """One of the processes that fly gets a signal when a share of the files is there; who watches over it starts another. Seconds in all."""
    files, sent = lost
    after, began = draw.randint(files // 4, files // 2), time.perf_counter()
    process = begun(*what, "--out", str(out), "--scheduler", "local", "--workers", "2")
    while process.poll() is None and CaseTable(out).count() < after:
        time.sleep(LOOK_S)
    workers = [
        each for each in psutil.Process(process.pid).children(recursive=True) if any("spawn_main" in word for word in each.cmdline())
    ]
    victim = draw.choice(workers)
    victim.send_signal(sent)
    print(f"  one of {len(workers)} workers gets {sent.name} with {CaseTable(out).count()} of {files} files there", flush=True)
    ended(process)
    return time.perf_counter() - began


def verdict(whole: Path, other: Path, cases: int) -> str:
    """Of two tables: every file has the same bytes, and every case is there once."""
    ours, theirs = (hashes(folder) for folder in (whole, other))
    apart = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return f"{tell(other, cases)}, " + (f"APART in {apart}" if apart else f"the same {len(ours)} files, byte for byte")


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / CASES).iterdir()}


def tell(folder: Path, cases: int) -> str:
    numbers = CaseTable(folder).read(("case",))["case"]
    once = np.array_equal(numbers, np.arange(cases))
    return f"each of {cases:,} cases once" if once else f"CASES WRONG: {len(numbers)} rows, {len(np.unique(numbers))} cases"


if __name__ == "__main__":
    main()
