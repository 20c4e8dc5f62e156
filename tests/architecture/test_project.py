"""The project's own files: pins, hooks, and the check that continuous integration runs."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_that_is_asked_for_is_pinned_and_no_pin_has_an_address():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[\w.\-]+==[\w.\-+]+", line) for line in lines)
    pinned = {plain(line.split("==")[0]) for line in lines}
    asked = [
        *PROJECT["project"]["dependencies"],
        *(each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra),
    ]
    names = {plain(re.match(r"[\w.\-]+", each).group()) for each in asked} - {"perilune"}
    assert names <= pinned


def test_the_check_fails_when_reference_data_are_named_but_cannot_be_read():
    environment = {**os.environ, "PERILUNE_REFERENCE_DATA": str(ROOT / "nowhere")}
    told = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert "cannot be read" in told.stderr


def test_the_checker_of_types_has_nothing_to_say():
    told = subprocess.run([sys.executable, "-m", "pyright"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_hooks_before_a_commit_are_local():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
    assert "Apache" in " ".join(PROJECT["project"]["classifiers"])


def test_python_3_11_is_enough():
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_annotations_are_checked_in_every_package_that_has_them():
    """But for those that have none, which `perilune.lanes` has for a reason."""
    (words,) = re.findall(r"--jaxtyping-packages=(\S+)", PROJECT["tool"]["pytest"]["ini_options"]["addopts"])
    *checked, _ = words.split(",")
    folders = {path.parent.name for path in (ROOT / "src" / "perilune").glob("*/__init__.py")}
    assert {f"perilune.{name}" for name in folders - {"cli", "lanes", "missions"}} == set(checked)


def test_the_tests_that_are_left_out_of_the_check_are_run_by_a_command_of_their_own():
    commands = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^test: style\n.*-m 'not long'$", commands, re.MULTILINE) and re.search(
        r"^test-long:.*\n.*-m long$", commands, re.MULTILINE
    )
