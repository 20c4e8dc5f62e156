"""What a campaign is: all that its table depends on, from a campaign file or from words."""

import tomllib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy import special, stats

from perilune.scenario.errors import ScenarioError, from_validation, unknown_key
from perilune.scenario.schema_quantity import complain

# A case costs 17 ms of a core in batches of 64, 16 of 128, 12.4 of 256 and 12.2 of 512.
WIDTH = 256
CASES = 1000
# Of those that did not land, so many have their histories kept unless it is said how many.
FAILED, FAILED_FIRST = "failed", 20

NEEDS = {
    "normal": ("mean", "sigma"),
    "truncated_normal": ("mean", "sigma", "low", "high"),
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "fixed": ("value",),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, given: Any) -> Any:
        wrong = (
            [(key, unknown_key(key, cls.model_fields)) for key in given if key not in cls.model_fields] if isinstance(given, dict) else []
        )
        if wrong:
            raise complain(*wrong)
        return given


class Law(_Strict):
    """How an input is drawn instead of as the mission file says, in the input's own unit."""

    law: Literal["normal", "truncated_normal", "uniform", "triangular", "fixed"]
    mean: float | None = None
    sigma: float | None = Field(default=None, gt=0.0)
    low: float | None = None
    mode: float | None = None
    high: float | None = None
    value: float | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Law":
        wanted = NEEDS[self.law]
        for key in ("mean", "sigma", "low", "mode", "high", "value"):
            if (getattr(self, key) is None) == (key in wanted):
                raise complain((key, f"is {'missing' if key in wanted else 'too much'}; a {self.law} law has {', '.join(wanted)}"))
        order = [getattr(self, key) for key in ("low", "mode", "high") if key in wanted]
        if order != sorted(order) or (order and order[0] == order[-1]):
            raise complain(("low", f"is {self.low:g} and high {self.high:g}; they must rise"))
        return self

    def values(self, standard: np.ndarray) -> np.ndarray:
        """The law's quantiles at the probabilities of standard normal numbers."""
        told = {key: float(getattr(self, key)) for key in NEEDS[self.law]}
        if self.law == "fixed":
            return np.full_like(standard, told["value"])
        if self.law == "normal":
            return told["mean"] + told["sigma"] * standard
        share, low, width = special.ndtr(standard), told["low"], told["high"] - told["low"]
        if self.law == "uniform":
            return low + width * share
        if self.law == "triangular":
            return stats.triang.ppf(share, (told["mode"] - low) / width, loc=low, scale=width)
        mean, sigma = told["mean"], told["sigma"]
        return stats.truncnorm.ppf(share, (low - mean) / sigma, (told["high"] - mean) / sigma, loc=mean, scale=sigma)


class Together(_Strict):
    """Inputs that are drawn together: each pair has this correlation, in standard normal space."""

    inputs: list[str] = Field(min_length=2)
    coefficient: float = Field(gt=-1.0, lt=1.0)

    @model_validator(mode="after")
    def _can_be(self) -> "Together":
        least = -1.0 / (len(self.inputs) - 1)
        if self.coefficient <= least:
            raise complain(("coefficient", f"is {self.coefficient:g}; of {len(self.inputs)} inputs it must be above {least:.3g}"))
        return self

    def factor(self) -> np.ndarray:
        """Lower triangle that joins independent numbers."""
        count = len(self.inputs)
        return np.linalg.cholesky(np.full((count, count), self.coefficient) + (1.0 - self.coefficient) * np.eye(count))


class Chosen(NamedTuple):
    """Cases whose histories are kept: by number, and the first so many that did not land."""

    cases: tuple[int, ...] = ()
    failed: int = 0


def read_chosen(words: str) -> Chosen:
    """From `3,17,4711`, `failed` or `failed:50`; ValueError for anything else."""
    which, colon, count = words.partition(":")
    if which.strip() == FAILED:
        return Chosen(failed=_whole(count) if colon else FAILED_FIRST)
    return Chosen(cases=tuple(sorted({_whole(word) for word in words.split(",")}))) if words else Chosen()


def _whole(word: str) -> int:
    if not word.strip().isdecimal():
        raise ValueError(word)
    return int(word)


class Asked(_Strict):
    """A campaign. Its table depends on this and on the mission file, and on nothing else."""

    mission: str
    cases: int = Field(default=CASES, ge=1, le=100_000_000)
    seed: int = Field(default=0, ge=0, lt=2**31)
    design: Literal["random", "latin", "sobol"] = "random"
    width: int = Field(default=WIDTH, ge=1, le=65_536)
    until_width: float | None = Field(default=None, gt=0.0, lt=1.0)
    variant: Literal["nominal", "as-flown", "mended"] = "nominal"
    from_phase: str | None = None
    faults: list[str] = []
    settings: dict[str, Any] = {}
    inputs: dict[str, Law] = {}
    correlated: list[Together] = []
    histories: str = ""

    @model_validator(mode="after")
    def _histories_are_of_its_cases(self) -> "Asked":
        try:
            beyond = [case for case in self.chosen.cases if case >= self.cases]
        except ValueError:
            raise complain(("histories", f"is '{self.histories}'; write cases as 3,17,4711, or {FAILED}, or {FAILED}:50")) from None
        if beyond:
            raise complain(("histories", f"asks for case {beyond[0]}; the last one is {self.cases - 1}"))
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "Asked":
        if self.design == "latin" and self.until_width is not None:
            raise complain(("until_width", "goes with designs random and sobol; a latin hypercube is of a fixed count of cases"))
        if self.settings and self.variant != "nominal":
            raise complain(("settings", f"are of the nominal mission; they do not go with {self.variant}"))
        return self

    @property
    def chunks(self) -> int:
        return -(-self.cases // self.width)

    def chunk(self, number: int) -> tuple[int, int]:
        """First case and count of a chunk."""
        first = number * self.width
        return first, min(self.width, self.cases - first)

    @property
    def chosen(self) -> Chosen:
        return read_chosen(self.histories)

    def table_depends_on(self) -> dict[str, Any]:
        """All but how many cases, which may grow, and whose histories are kept."""
        return self.model_dump(exclude={"until_width", "histories"} | ({"cases"} if self.design != "latin" else set()))


def asked(given: dict[str, Any], origin: str = "campaign") -> Asked:
    """ScenarioError with a line for each thing that is wrong."""
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        raise from_validation(error, origin) from None


def asked_of(name_or_path: str | Path, changes: dict[str, Any]) -> Asked:
    """A campaign file, in which `mission` names a mission or a file beside it, or else a mission by name or path; with changes."""
    words = str(name_or_path)
    table = _campaign_file(Path(words)) if words.endswith(".toml") else None
    return asked({**(table or {"mission": words}), **changes}, words if table else "campaign")


def _campaign_file(path: Path) -> dict[str, Any] | None:
    """Its table; None for what is a mission file, or no file at all, of which others complain."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    mission = table.get("mission")
    if not isinstance(mission, str):
        return None
    return {**table, "mission": str(path.parent / mission) if mission.endswith(".toml") else mission}


def refuse_unlike(one: Asked, other: Asked) -> None:
    """ScenarioError unless both have the same table, as far as both go."""
    mine, theirs = one.table_depends_on(), other.table_depends_on()
    wrong = [f"{key} was {theirs[key]!r} and is now {mine[key]!r}" for key in mine if mine[key] != theirs.get(key)]
    if wrong:
        raise ScenarioError([f"--resume: {line}; a campaign that is resumed must be the same" for line in wrong])
