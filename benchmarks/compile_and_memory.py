"""What a flight costs before it flies: seconds to compile each program, how often each is traced, and the peak of memory, by width of batch.

    taskset -c 0 env XLA_FLAGS=--xla_cpu_multi_thread_eigen=false python benchmarks/compile_and_memory.py luna-25 --widths 1 128 512

Each width is measured in a process of its own with no compile cache. A program's seconds are those of its first call less those of its second:
tracing, lowering and compiling together, in processor time, so that others on the machine count little. Memory is the peak resident set of the process.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PEAK_UNIT_B = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT_B / 2**20


def measured(mission: str, width: int) -> dict:
    """One width, in this process."""
    began = time.process_time()
    import jax
    import jax.numpy as jnp

    from perilune.scenario.build import build
    from perilune.scenario.disperse import fleet_of
    from perilune.scenario.load import load
    from perilune.sim import fly as sim

    rows = {"import_s": time.process_time() - began}
    traced = _count_traces(sim)
    spent: dict[str, float] = {}
    began = time.process_time()
    plan = build(load(mission))
    rows["build_s"] = time.process_time() - began
    rows["built_mib"] = peak_mib()
    fleet = _cold(jax, spent, "disperse", lambda: fleet_of(plan.mission, plan.spread, jnp.arange(width)))
    first, last = (jnp.asarray(tick) for tick in (plan.phases[0].start_tick, plan.phases[0].end_tick))
    states = _cold(jax, spent, "start", lambda: sim.start(fleet, first))
    asleep = _cold(jax, spent, "sleep", lambda: sim.sleep(fleet, states, first, last))
    awake = _cold(jax, spent, "wake", lambda: sim.wake(fleet, asleep, last, jnp.asarray(True), sim.nothing_new(fleet)))
    later, _ = _cold(jax, spent, "chunk", lambda: sim.fly_chunk(fleet, awake, last, sim.no_record))
    # Another place, another tick, other seeds: nothing may be traced again.
    other = fleet_of(plan.mission, plan.spread, jnp.arange(width) + width)
    jax.block_until_ready(sim.fly_chunk(other, later, last + sim.CHUNK_TICKS, sim.no_record))
    return {**rows, "compile_s": spent, "traces": dict(traced), "peak_mib": peak_mib()}


def _cold(jax, spent: dict[str, float], name: str, program: Callable):
    """The first call of a program, and what it took more than the second."""
    times = []
    for _ in range(2):
        began = time.process_time()
        result = jax.block_until_ready(program())
        times.append(time.process_time() - began)
    spent[name] = times[0] - times[1]
    return result


def _count_traces(sim) -> dict[str, int]:
    """How often the tick's own Python runs: once a trace of the program that holds it, whatever the number of calls."""
    counts = {"tick": 0}
    step = sim.step

    def counting(*arguments):
        counts["tick"] += 1
        return step(*arguments)

    sim.step = counting
    return counts


def in_a_process(mission: str, width: int) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    command = [sys.executable, str(Path(__file__).resolve()), mission, "--widths", str(width), "--inside"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mission", nargs="?", default="luna-25")
    parser.add_argument("--widths", type=int, nargs="+", default=[1, 128, 512])
    parser.add_argument("--inside", action="store_true", help="measure in this very process, and print JSON")
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(measured(asked.mission, asked.widths[0])))
        return
    names = ("disperse", "start", "sleep", "wake", "chunk")
    print(f"{asked.mission}, load of the machine {os.getloadavg()[0]:.1f}, cores allowed {len(os.sched_getaffinity(0))}; seconds and MiB")
    print(f"{'width':>6}{'import':>8}{'build':>8}" + "".join(f"{name:>10}" for name in names) + f"{'traces':>8}{'built':>8}{'peak':>8}")
    for width in asked.widths:
        row = in_a_process(asked.mission, width)
        compiled = "".join(f"{row['compile_s'][name]:>10.1f}" for name in names)
        told = f"{width:>6}{row['import_s']:>8.1f}{row['build_s']:>8.1f}{compiled}"
        print(f"{told}{row['traces']['tick']:>8}{row['built_mib']:>8.0f}{row['peak_mib']:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
