"""Lock 1: imports point down and flight software is blind to the truth. Each contract is seen to break on a planted import."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import PACKAGE, ROOT, files, imported, place

LINTER = Path(sys.executable).with_name("lint-imports")
MAY_OPEN_FILES = ("scenario", "campaign", "investigation", "ground", "report", "cli")
OPENERS = {
    "read_bytes",
    "read_text",
    "write_bytes",
    "write_text",
    "loadtxt",
    "genfromtxt",
    "fromfile",
    "open_dataset",
    "np.load",
    "jnp.load",
    "open",
}


def lint(folder: Path) -> str:
    """What import-linter says of the package that lies in a folder; empty when it is content."""
    told = subprocess.run([LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return "" if told.returncode == 0 else told.stdout + told.stderr


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The tree again, where leaks can be planted; it lies beside its settings, and so goes before the installed one."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(PACKAGE, folder / "perilune", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_all_contracts_are_kept(copied):
    assert lint(copied) == ""


BLIND = "Flight software is blind to the truth"
DOWN = "Imports point down"
PLANTS = [
    ("fsw/guidance/braking.py", "from perilune.world.plant import World", BLIND),
    ("fsw/control/attitude.py", "from perilune.world import thrusters", BLIND),
    ("fsw/navigation/filter.py", "def leak():\n    from perilune.sim.step import step\n    return step", BLIND),
    ("fsw/sequencer.py", "import perilune.faults.plan", BLIND),
    ("faults/seams.py", "from perilune.fsw.app import FswState", "Faults and trajectory are blind to flight software"),
    ("world/plant.py", "from perilune.fsw.modes import ModeState", DOWN),
    ("math/vector.py", "from perilune.moon.time import Epoch", DOWN),
    ("shortcuts/__init__.py", '"""A room that nobody has planned."""', DOWN),
]


@pytest.mark.parametrize(("file", "leak", "contract"), PLANTS, ids=[f"{file}: {leak[:40]}" for file, leak, _ in PLANTS])
def test_a_planted_import_breaks_its_contract(copied, file, leak, contract):
    target = copied / "perilune" / file
    before = target.read_text(encoding="utf-8") if target.exists() else None
    target.parent.mkdir(exist_ok=True)
    target.write_text(f"{before or ''}\n{leak}\n", encoding="utf-8")
    try:
        told = lint(copied)
    finally:
        if before is None:
            shutil.rmtree(target.parent)
        else:
            target.write_text(before, encoding="utf-8")
    assert f"{contract} BROKEN" in told
    if "import" in leak:
        assert "perilune." + file.removesuffix(".py").replace("/", ".") in told


def opened(source: str) -> list[str]:
    """Calls that open a file; package data read through importlib.resources is everybody's."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            whole = ast.unparse(node.func)
            if (whole in OPENERS or whole.rpartition(".")[2] in OPENERS - {"open"}) and "files(" not in whole:
                found.append(ast.unparse(node))
    return found


def test_files_are_opened_where_they_may_be():
    elsewhere = [path for path in files() if path.relative_to(PACKAGE).parts[0] not in MAY_OPEN_FILES]
    assert {place(path): opened(path.read_text(encoding="utf-8")) for path in elsewhere if opened(path.read_text(encoding="utf-8"))} == {}


@pytest.mark.parametrize("planted", ["open('truth.csv')", "Path('a').read_text()", "np.load('moon.npy')"])
def test_an_opened_file_is_seen(planted):
    assert opened(f"x = {planted}") == [planted]


# Lock 6: no randomness and no time but the onboard clock's, which comes in the measurements.
FORBIDDEN_IN_FSW = ("perilune.math.random", "jax.random", "random", "numpy.random", "time", "datetime", "perilune.moon.time")


def chance_or_time(source: str) -> set[str]:
    return {name for name in imported(source) if any(name == f or name.startswith(f + ".") for f in FORBIDDEN_IN_FSW)}


def test_flight_software_imports_neither_chance_nor_time():
    assert {place(path): chance_or_time(path.read_text(encoding="utf-8")) for path in files("fsw")} == {
        place(path): set() for path in files("fsw")
    }


@pytest.mark.parametrize(
    "planted", ["from perilune.math.random import Stream", "import jax.random as jr", "from jax import random", "import time"]
)
def test_an_import_of_chance_or_time_is_seen(planted):
    assert chance_or_time(f"def f():\n    {planted}\n")
