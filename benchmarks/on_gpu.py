"""The same campaign on the GPU that JAX sees and on this machine's processor: cases per second, and the ratio. Needs `pip install 'jax[cuda12]'`.

    python benchmarks/on_gpu.py luna-25 --cases 20000 --width 4096

Each runs twice, in processes of its own, the second time with its programs made. Without a GPU it says so and ends with status 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SEEN = "import jax; print(jax.devices('gpu')[0].device_kind)"


def python(code: list[str], platforms: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JAX_PLATFORMS": platforms}
    return subprocess.run([sys.executable, *code], env=environment, capture_output=True, text=True, check=False)


def cases_a_second(mission: str, cases: int, width: int, platforms: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "campaign"
        words = ["campaign", mission, "-n", str(cases), "--width", str(width), "--out", str(out)]
        done = python(["-m", "perilune.cli", *words], platforms)
        if done.returncode:
            sys.exit(f"on {platforms}: {done.stderr.strip()}")
        return float(json.loads((out / "result.json").read_text())["cases_a_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mission")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=4096, help="flights in a batch on the GPU; the processor has the usual 256")
    asked = parser.parse_args()
    seen = python(["-c", SEEN], "cuda")
    if seen.returncode:
        sys.exit("JAX sees no GPU here: nothing was measured")
    rates = {}
    for platforms, width in (("cpu", 256), ("cuda,cpu", asked.width)):
        cold, rates[platforms] = (cases_a_second(asked.mission, asked.cases, width, platforms) for _ in range(2))
        print(f"{platforms:<10}{rates[platforms]:>10.1f} cases a second ({cold:.1f} the first time)", flush=True)
    print(f"{seen.stdout.strip()}: {rates['cuda,cpu'] / rates['cpu']:.1f} times {os.cpu_count()} cores of this machine")


if __name__ == "__main__":
    main()
