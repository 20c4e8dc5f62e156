"""All named faults, by family. A fault is one row in its family's file and one line in its page under `docs/faults`."""

from perilune.faults.families.computer import COMPUTER
from perilune.faults.families.engine import ENGINE
from perilune.faults.families.environment import ENVIRONMENT
from perilune.faults.families.sensor import SENSOR
from perilune.faults.families.structure import STRUCTURE
from perilune.faults.families.thruster import THRUSTER
from perilune.faults.named import NamedFault

FAMILIES: dict[str, dict[str, NamedFault]] = {
    "engine": ENGINE,
    "thruster": THRUSTER,
    "sensor": SENSOR,
    "computer": COMPUTER,
    "environment": ENVIRONMENT,
    "structure": STRUCTURE,
}
CATALOGUE: dict[str, NamedFault] = {name: fault for family in FAMILIES.values() for name, fault in family.items()}
