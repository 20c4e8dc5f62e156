"""The table of a mission file: no unknown keys, every number within what is possible, every number with a source."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import core_schema

from perilune.scenario.errors import unknown_key
from perilune.scenario.schema_quantity import Quantity, Triplet, around, complain


@dataclass(frozen=True)
class Within:
    """What a number may be at all; its bounds must be possible too."""

    low: int | float = -math.inf
    high: int | float = math.inf
    meaning: str = ""
    above: bool = False  # the lower end itself is refused

    @property
    def words(self) -> str:
        meaning = f" ({self.meaning})" if self.meaning else ""
        if math.isinf(self.high):
            return f"it must be {'above' if self.above else 'at least'} {self.low:g}{meaning}"
        return f"it must lie in {'(' if self.above else '['}{self.low:g}, {self.high:g}]{meaning}"

    def check(self, given: Quantity | Triplet) -> Quantity | Triplet:
        """The same number, or a complaint about the first component (of value or bounds) that cannot be."""
        bounds = given.provenance
        for key, components in (("", given.components), ("low", bounds.low), ("high", bounds.high)):
            for number in components:
                if not (self.low < number if self.above else self.low <= number) or number > self.high:
                    raise complain((key, f"is {number:g}; {self.words}"))
        return given

    def __get_pydantic_core_schema__(self, source_type: Any, handler: GetCoreSchemaHandler):
        return core_schema.no_info_after_validator_function(self.check, handler(source_type))

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "description": self.words}


def _points_somewhere(given: Triplet) -> Triplet:
    if not any(given.components):
        raise complain(("", "is [0, 0, 0]; it must point somewhere"))
    return given


Number: TypeAlias = Quantity
Positive: TypeAlias = Annotated[Quantity, Within(0, above=True)]
NonNegative: TypeAlias = Annotated[Quantity, Within(0)]
Percent: TypeAlias = Annotated[Quantity, Within(0, 100, "percent")]
Share: TypeAlias = Annotated[Quantity, Within(0, 1, "a share of the whole")]
Latitude: TypeAlias = Annotated[Quantity, Within(-90, 90, "degrees, north positive")]
Longitude: TypeAlias = Annotated[Quantity, Within(-180, 360, "degrees, east positive")]
AcuteAngle: TypeAlias = Annotated[Quantity, Within(0, 90, "degrees")]
Angle: TypeAlias = Annotated[Quantity, Within(0, 180, "degrees")]
Correlation: TypeAlias = Annotated[Quantity, Within(-0.999, 0.999, "a correlation")]
Elevation: TypeAlias = Annotated[Quantity, Within(-10_000, 11_000, "metres over the sphere of 1737.4 km")]
Direction: TypeAlias = Annotated[Triplet, Within(-1, 1, "a unit vector in structure axes"), AfterValidator(_points_somewhere)]
Position: TypeAlias = Annotated[Triplet, Within(-20, 20, "metres in structure axes")]
PositiveTriplet: TypeAlias = Annotated[Triplet, Within(0, above=True)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=64)]


class Table(BaseModel):
    """A table of a mission file: unknown keys are refused, and plain numbers rest on the table's `source`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="what the plain numbers of this table rest on: a citation, assumed, derived or design"
    )
    within_percent: float | None = Field(
        default=None, gt=0, le=100, description="bounds of those assumed numbers of this table that state none"
    )

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            wrong = [(key, unknown_key(key, cls.model_fields)) for key in given if key not in cls.model_fields]
            if wrong:
                raise complain(*wrong)
        return given

    @model_validator(mode="after")
    def _numbers_have_sources(self) -> "Table":
        complaints = []
        for key, value in self.numbers():
            settled = self._settled(value)
            complaints += [(key, text) for text in _faults_of(settled)]
            object.__setattr__(self, key, settled)  # before anyone has seen it
        if complaints:
            raise complain(*complaints)
        return self

    def numbers(self) -> Iterator[tuple[str, Quantity | Triplet]]:
        """Every number that stands in this very table, by key."""
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, Quantity | Triplet):
                yield key, value

    def _settled(self, value: Quantity | Triplet) -> Quantity | Triplet:
        provenance = replace(value.provenance, source=value.provenance.source or self.source)
        if provenance.assumed and not provenance.bounded and self.within_percent is not None:
            low, high = around(value.components, self.within_percent)
            provenance = replace(provenance, low=low, high=high)
        return value.resting_on(provenance)


def _faults_of(value: Quantity | Triplet) -> Iterator[str]:
    if value.provenance.source is None:
        yield "has no source; cite one here or as `source` of its table (a publication, assumed, derived or design)"
    elif value.provenance.assumed and not value.provenance.bounded:
        yield "is assumed but has no bounds; give low and high, or within_percent"
