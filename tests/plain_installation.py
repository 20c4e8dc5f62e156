"""Runs the command line as on a machine with a plain installation: what only the tests bring cannot be imported.

`python tests/plain_installation.py fly luna-25`
"""

import sys
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What every virtual environment has.
OF_THE_ENVIRONMENT = {"pip", "setuptools"}


def plain_distributions() -> set[str]:
    """Perilune, what it needs without any extra, and what that needs."""
    found, open_ends = set(), [Requirement("perilune")]
    while open_ends:
        wanted = open_ends.pop()
        asked = frozenset({"", *wanted.extras})
        name = canonicalize_name(wanted.name)
        if (name, asked) in found:
            continue
        found.add((name, asked))
        for line in requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in asked):
                open_ends.append(needed)
    return {name for name, _ in found} | OF_THE_ENVIRONMENT


class Absent:
    """Finds nothing of the packages named: an import of one fails as if it were not there."""

    def __init__(self, packages: set[str]):
        self.packages = packages

    def find_spec(self, name: str, path=None, target=None):
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r}: a plain installation has none", name=name)


def absent_packages() -> set[str]:
    plain = plain_distributions()
    return {package for package, owners in packages_distributions().items() if not plain & {canonicalize_name(owner) for owner in owners}}


if __name__ == "__main__":
    absent = absent_packages()
    assert {"dask", "distributed", "zarr", "rasterio", "pytest"} <= absent, "these come with the tests only"
    for package in absent & set(sys.modules):
        del sys.modules[package]
    sys.meta_path.insert(0, Absent(absent))
    sys.argv[0] = "perilune"

    from perilune.cli import app

    app()
