"""Runs the command line as on a machine with a plain installation: what only the tests bring cannot be imported.

`python tests/plain_installation.py fly luna-25`
"""

import sys
from importlib.machinery import PathFinder
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


def absent_packages() -> set[str]:
    plain = plain_distributions()
    return {package for package, owners in packages_distributions().items() if not plain & {canonicalize_name(owner) for owner in owners}}


def hide(packages: set[str]) -> None:
    """Nothing of these is found any more, as if they were not there."""
    usual = PathFinder.find_spec

    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in packages else usual(name, path, target)

    PathFinder.find_spec = find_spec
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


if __name__ == "__main__":
    absent = absent_packages()
    assert {"dask", "distributed", "zarr", "rasterio", "pytest"} <= absent, "these come with the tests only"
    hide(absent)
    sys.argv[0] = "perilune"

    from perilune.cli import app

    app()
