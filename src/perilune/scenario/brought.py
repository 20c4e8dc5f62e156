"""Files that a user brings beside the mission file: maps of the ground and fields of gravity."""

import hashlib
from pathlib import Path

from perilune.moon.gravity import SphericalHarmonicField, field_of
from perilune.moon.gravity_files import HarmonicCoefficients, read_gravity_field
from perilune.moon.lunar_field import lunar_field
from perilune.moon.maps import HeightMap, read_geotiff, read_pds
from perilune.scenario.errors import ScenarioError
from perilune.scenario.schema import MissionFile


def brought_files(file: MissionFile) -> dict[str, Path]:
    """By key of the mission file: every file that it names."""
    folder = file.folder or Path.cwd()
    return {key: folder / name for key, name in file.maps.items() if name is not None}


def hashes(file: MissionFile) -> dict[str, dict[str, str]]:
    """Name and SHA-256 of each, for the manifest: with them a flight can be flown again."""
    return {key: {"name": path.name, "sha256": hashlib.sha256(_bytes(key, path)).hexdigest()} for key, path in brought_files(file).items()}


def lunar_field_of(file: MissionFile) -> SphericalHarmonicField:
    """The field of a mission: its own file's, or the one that is in the package, to the degree asked."""
    path, degree = brought_files(file).get("gravity.file"), int(file.gravity.degree)
    whole = field_of(lunar_field() if path is None else coefficients(path, degree, "gravity.file"))
    return cut(whole, degree, "gravity.degree")


def cut(whole: SphericalHarmonicField, degree: int, key: str) -> SphericalHarmonicField:
    """A field to a degree that it has. ScenarioError names the key that asked for more."""
    if degree > whole.degree:
        raise ScenarioError(f"{key} is {degree}; the field has degree {whole.degree}: ask for no more, or bring a file (gravity.file)")
    return whole.truncated(degree)


def coefficients(path: Path, degree: int | None, key: str) -> HarmonicCoefficients:
    """A gravity field's file (.sha, .tab, .gfc, .cof). ScenarioError if it cannot be read."""
    content = _bytes(key, path)
    try:
        return read_gravity_field(str(path), content, degree)
    except ValueError as error:
        raise ScenarioError(f"{key}: {error}") from None


def map_at(path: Path) -> HeightMap:
    """A map of the ground: a PDS image with its label beside it, or a GeoTIFF. ScenarioError if it cannot be used."""
    key = "terrain.map"
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return read_geotiff(_bytes(key, path))
        return read_pds(*(_bytes(key, _beside(path, suffix)) for suffix in (".LBL", ".IMG")))
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{key}: reading '{path}' needs {error.name}; install it with: pip install 'perilune[maps]'") from None
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(f"{key}: cannot use '{path}': {error}") from None


def _bytes(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{key}: the file '{path}' cannot be read ({error.strerror})") from None


def _beside(path: Path, suffix: str) -> Path:
    upper, lower = path.with_suffix(suffix), path.with_suffix(suffix.lower())
    return lower if lower.exists() else upper
