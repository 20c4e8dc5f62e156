"""Numbers that know their bounds and where they came from.

In a mission file a number is either plain, and then rests on the `source` of its table, or a table of its own:

    thrust_n = { value = 4750, low = 4600, high = 5200, source = "derived", note = "from the insertion burn" }

`source` is a citation (publisher and date), or one of three words: `assumed` (history does not give it; bounds are obligatory),
`derived` (computed from cited figures) or `design` (our own choice, as the settings of flight software are).
Bounds are `low` and `high`, or `within_percent` about the value.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from perilune.scenario.errors import unknown_key

ASSUMED = "assumed"
PROVENANCE_KEYS = ("value", "low", "high", "within_percent", "source", "note")

Components = tuple[float, ...]


def complain(*complaints: tuple[str, str]) -> PydanticCustomError:
    """An error that `errors.from_validation` turns into one line a complaint; each is (key or "", text)."""
    return PydanticCustomError("perilune", "{complaints}", {"complaints": complaints})


@dataclass(frozen=True)
class Provenance:
    """Bounds (a number for each component) and source of a number; no bounds where the source needs none."""

    low: Components = ()
    high: Components = ()
    source: str | None = None
    note: str = ""

    @property
    def assumed(self) -> bool:
        return self.source == ASSUMED

    @property
    def bounded(self) -> bool:
        return bool(self.low)


UNKNOWN = Provenance()


class Quantity(float):
    """A number of a mission file; it calculates as the plain float that it is."""

    provenance: Provenance

    def __new__(cls, value: float, provenance: Provenance = UNKNOWN):
        quantity = super().__new__(cls, value)
        quantity.provenance = provenance
        return quantity

    @property
    def low(self) -> float:
        return self.provenance.low[0] if self.provenance.bounded else float(self)

    @property
    def high(self) -> float:
        return self.provenance.high[0] if self.provenance.bounded else float(self)

    @property
    def components(self) -> Components:
        return (float(self),)

    def resting_on(self, provenance: Provenance) -> "Quantity":
        return Quantity(float(self), provenance)

    @classmethod
    def components_of(cls, given: object) -> Components:
        return (finite(given),)

    @classmethod
    def of(cls, components: Components, provenance: Provenance) -> "Quantity":
        return cls(components[0], provenance)

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: Any, handler: GetCoreSchemaHandler):
        to_plain = core_schema.plain_serializer_function_ser_schema(float)
        return core_schema.no_info_plain_validator_function(lambda given: read(cls, given), serialization=to_plain)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return json_form({"type": "number"})


class Triplet(tuple[float, float, float]):
    """Three numbers along x, y, z of the structure axes, with one provenance."""

    provenance: Provenance

    def __new__(cls, value: Components, provenance: Provenance = UNKNOWN):
        triplet = super().__new__(cls, value)
        triplet.provenance = provenance
        return triplet

    @property
    def components(self) -> Components:
        return tuple(self)

    def resting_on(self, provenance: Provenance) -> "Triplet":
        return Triplet(tuple(self), provenance)

    @classmethod
    def components_of(cls, given: object) -> Components:
        if not isinstance(given, list | tuple) or len(given) != 3:
            raise complain(("", f"is {given!r}; it must be three numbers [x, y, z]"))
        return tuple(finite(each) for each in given)

    @classmethod
    def of(cls, components: Components, provenance: Provenance) -> "Triplet":
        return cls(components, provenance)

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: Any, handler: GetCoreSchemaHandler):
        to_plain = core_schema.plain_serializer_function_ser_schema(list)
        return core_schema.no_info_plain_validator_function(lambda given: read(cls, given), serialization=to_plain)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return json_form({"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3})


Measured = TypeVar("Measured", Quantity, Triplet)


def finite(given: object) -> float:
    """The number itself; words, truth values, nan and infinity are refused."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise complain(("", f"is {given!r}; it must be a number"))
    return float(given)


def read(kind: type[Measured], given: object) -> Measured:
    """A number, or its table with bounds and source, from the file."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        return kind.of(kind.components_of(given), UNKNOWN)
    wrong = [(key, unknown_key(key, PROVENANCE_KEYS)) for key in given if key not in PROVENANCE_KEYS]
    if wrong:
        raise complain(*wrong)
    if "value" not in given:
        raise complain(("value", "is missing; a number given as a table needs one"))
    value = kind.components_of(given["value"])
    low, high = _bounds(kind, value, given)
    return kind.of(value, Provenance(low, high, _words(given, "source"), _words(given, "note") or ""))


def _words(given: Mapping, key: str) -> str | None:
    if key not in given:
        return None
    if not isinstance(given[key], str) or not given[key].strip():
        raise complain((key, f"is {given[key]!r}; it must be words"))
    return given[key]


def around(value: Components, percent: float) -> tuple[Components, Components]:
    """Bounds at a percentage of each component about it."""
    reach = [abs(x) * percent / 100 for x in value]
    return tuple(x - r for x, r in zip(value, reach, strict=True)), tuple(x + r for x, r in zip(value, reach, strict=True))


def _bounds(kind: type[Quantity] | type[Triplet], value: Components, given: Mapping) -> tuple[Components, Components]:
    if "within_percent" in given:
        percent = finite(given["within_percent"])
        if "low" in given or "high" in given:
            raise complain(("within_percent", "stands beside low or high; give bounds one way"))
        if not 0.0 < percent <= 100.0:
            raise complain(("within_percent", f"is {percent:g}; it must lie above 0 and up to 100"))
        return around(value, percent)
    if ("low" in given) != ("high" in given):
        raise complain(("", "has one bound; give both low and high"))
    if "low" not in given:
        return (), ()
    low, high = kind.components_of(given["low"]), kind.components_of(given["high"])
    for at_least, number, at_most in zip(low, value, high, strict=True):
        if not at_least <= number <= at_most:
            raise complain(("value", f"is {number:g}; it must lie within its own bounds [{at_least:g}, {at_most:g}]"))
    return low, high


def json_form(plain: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a number that may be plain or a table with bounds and source."""
    text = {"type": "string"}
    keys = {"value": plain, "low": plain, "high": plain, "within_percent": {"type": "number"}, "source": text, "note": text}
    return {"anyOf": [plain, {"type": "object", "properties": keys, "required": ["value"], "additionalProperties": False}]}
