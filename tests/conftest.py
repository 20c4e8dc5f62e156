"""What all tests share: double precision, compiled programs that are kept between runs, and examples are drawn without a clock.

Nothing of the package is imported here at the top: annotations are checked only in what is imported after pytest has started.
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pytest
from hypothesis import settings

CACHE = Path(__file__).parents[1] / ".cache" / "jax"
PLAIN = Path(__file__).parent / "plain_installation.py"

# Loops emitted the plain way compile a fifth faster, as those of single flights are (`scenario.programs.QUICK`).
PLAIN_LOOPS = "--xla_cpu_use_fusion_emitters=false"
if PLAIN_LOOPS not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {PLAIN_LOOPS}".strip()
# As the package itself says it when it comes first: programs that could throw call back into Python, and cannot be kept.
os.environ.setdefault("EQX_ON_ERROR", "nan")

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

# Tracing makes objects by the million, of which few are waste: the collector would take a fifth of the time to look for it.
gc.set_threshold(200_000, 50, 1000)

# Compilation makes the first example slow; a deadline would fail it for that.
settings.register_profile("perilune", deadline=None, derandomize=True)
settings.load_profile("perilune")

# What becomes of the other three landers of a batch must not touch the first; `test_batch_by_xla` flies it among healthy ones.
FAULTY_SEEDS = [0, 7, 8, 9]

# Files that look at the main job, or fly by the programs that it leaves, are one worker's.
SHARED = {
    "main job": (
        "test_luna25_plan",
        "test_voyage",
        "test_flight_api",
        "test_answers",
        "test_blindness",
        "test_orbit_flight",
        "test_lanes_flight",
        "test_coast",
        "test_campaign_inputs",
        "test_plan_refusals",
    ),
}
# What takes longest comes first: last, it would leave the other workers idle.
LONG_FIRST = ("main job", "test_project", "test_filter_consistency", "test_path_events")


def group_of(node_id: str) -> str:
    """The file of a test, or what its file belongs to."""
    name = Path(node_id.partition("::")[0]).stem
    return next((group for group, files in SHARED.items() if name in files), name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Each group is one worker's, or its fixtures would be made in all of them.

    Marks with `--dist loadgroup` do not do that: xdist 3.8 with pytest 9.2 passes over them without a word (pytest-xdist issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(items):
    def place(item) -> int:
        group = group_of(item.nodeid)
        return LONG_FIRST.index(group) if group in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def luna():
    """Luna-25, ready to fly."""
    from perilune.scenario.build import build
    from perilune.scenario.load import load

    return build(load("luna-25"))


class Told(NamedTuple):
    """A flight as the command line told of it."""

    result: dict[str, Any]
    standard_output: str
    standard_error: str
    folder: Path


@pytest.fixture(scope="session")
def main_job(tmp_path_factory):
    """`perilune fly luna-25 --json`, from separation to the surface, with nothing there that only the tests need.

    Its plan and its programs are kept where other flights find them.
    """
    folder = tmp_path_factory.mktemp("main_job") / "flight"
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(CACHE)}
    command = [sys.executable, str(PLAIN), "fly", "luna-25", "--seed", "0", "--json", "--out", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return Told(json.loads(done.stdout), done.stdout, done.stderr, folder)


@pytest.fixture(scope="session")
def luna_plan(main_job):
    """The desk's plan of Luna-25, as the flight left it."""
    from perilune.scenario.load import load
    from perilune.scenario.plan import PlannedMission, kept_plan
    from perilune.scenario.programs import kept_programs

    file = load("luna-25")
    with kept_programs(CACHE / "perilune") as programs:
        return PlannedMission(file, file.plan, kept_plan(file, programs))


@pytest.fixture(scope="session")
def programs(main_job):
    """Those that the main job has left."""
    from perilune.scenario.programs import kept_programs

    with kept_programs(CACHE / "perilune") as programs:
        yield programs


@pytest.fixture(scope="session")
def faulty_rows():
    """Of four landers the first is healthy; a weak engine, a thrust that is not a number, a silent velocimeter: each from the start of braking."""
    from perilune.faults.words import fault_rows

    (stuck,) = fault_rows("engine.stuck@phase=braking")
    return {
        1: fault_rows("engine.thrust-loss:0.4@phase=braking"),
        2: (stuck._replace(size=float("nan")),),
        3: fault_rows("velocimeter.dead@phase=braking"),
    }


@pytest.fixture(scope="session")
def among_faulty(luna, faulty_rows, programs):
    """A healthy lander and three that are not, each flown alone from its orbit to its end."""
    from flown_fleet import side_by_side

    return side_by_side(luna, FAULTY_SEEDS, faulty_rows, programs)
