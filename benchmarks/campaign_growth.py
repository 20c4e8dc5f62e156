"""What a case costs, and how much memory a campaign takes, from a hundred cases to a hundred thousand: the last is the one before, resumed.

python benchmarks/campaign_growth.py luna-25 --sizes 100 1000 10000 100000 --keep FOLDER
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from perilune.campaign.asked import WIDTH
from perilune.campaign.campaign import cores
from perilune.campaign.table import CaseTable

COMMAND = (sys.executable, "-m", "perilune.cli", "campaign")
LOOK_S, GB = 0.5, 1e9


class Run(NamedTuple):
    """Of one process: clock, processor, processor until the last case was on disk, and the most memory that was resident until then and at all."""

    clock_s: float
    processor_s: float
    flying_s: float
    flying_gb: float
    most_gb: float


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("mission")
    words.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    words.add_argument("--keep", type=Path, required=True, help="a folder for the campaigns; it must not exist yet")
    asked = words.parse_args()
    asked.keep.mkdir(parents=True)
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}; batches of {WIDTH}", flush=True)
    measured((asked.mission, "-n", "1", "--out", str(asked.keep / "warm")), asked.keep / "warm", 1)  # programs are made here
    before, there = 0, None
    for size in asked.sizes:
        resumes = there is not None and size == asked.sizes[-1] and len(asked.sizes) > 1
        folder = there if resumes and there is not None else asked.keep / str(size)
        given = ("--resume", str(folder)) if resumes else (asked.mission, "--out", str(folder))
        run = measured((*given, "-n", str(size)), folder, -(-size // WIDTH))
        # A batch that was not full is flown again.
        flown = size - (before // WIDTH * WIDTH if resumes else 0)
        tell(size, flown, run)
        before, there = size, folder


def tell(size: int, flown: int, run: Run) -> None:
    print(
        f"{size:,} cases, {flown:,} of them flown: {run.clock_s:.0f} s by the clock, {run.processor_s:.0f} s of processor, "
        f"{1e3 * run.processor_s / flown:.2f} ms a case (flights {1e3 * run.flying_s / flown:.2f}); "
        f"memory {run.flying_gb:.2f} GB while flying, {run.most_gb:.2f} GB at most; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def measured(words: tuple[str, ...], folder: Path, files: int) -> Run:
    """A campaign in a process of its own, its threads and children with it."""
    began = time.perf_counter()
    process = subprocess.Popen((*COMMAND, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen, table = psutil.Process(process.pid), CaseTable(folder)
    flying_s, flying_gb, most_gb = 0.0, 0.0, 0.0
    while True:
        time.sleep(LOOK_S)
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        most_gb = max(most_gb, seen.memory_info().rss / GB)
        if table.count() < files:
            times = seen.cpu_times()
            flying_s, flying_gb = times.user + times.system, most_gb
    if status:
        sys.exit(f"{' '.join(words)} failed")
    return Run(time.perf_counter() - began, used.ru_utime + used.ru_stime, flying_s, flying_gb, max(most_gb, used.ru_maxrss * 1024 / GB))


if __name__ == "__main__":
    main()
