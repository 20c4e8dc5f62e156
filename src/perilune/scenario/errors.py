"""Bad input, told in one line a complaint: the key path, what was given, what is allowed."""

import difflib
import re
from collections.abc import Iterable
from datetime import date

from pydantic import ValidationError

# A key ends in the longest of these that fits: `_m_s` is not read as `_s`.
UNIT_WORDS = {
    "kj_k": "kilojoules a kelvin",
    "bit_s": "bits a second",
    "kg_m2": "kilogram square metres",
    "rad_s": "radians a second",
    "deg_s": "degrees a second",
    "km_h": "kilometres an hour",
    "km_s": "kilometres a second",
    "m_s2": "metres a second squared",
    "m_s": "metres a second",
    "arcsec": "seconds of arc",
    "percent": "percent",
    "orbits": "orbits",
    "mrad": "milliradians",
    "urad": "microradians",
    "deg": "degrees",
    "rad": "radians",
    "ppm": "parts a million",
    "dbi": "decibels over isotropic",
    "mhz": "megahertz",
    "utc": "UTC",
    "min": "minutes",
    "ms": "milliseconds",
    "ug": "micro-g",
    "kg": "kilograms",
    "km": "kilometres",
    "mm": "millimetres",
    "kn": "kilonewtons",
    "kw": "kilowatts",
    "wh": "watt-hours",
    "db": "decibels",
    "m2": "square metres",
    "hz": "hertz",
    "ft": "feet",
    "lb": "pounds",
    "m": "metres",
    "n": "newtons",
    "s": "seconds",
    "g": "standard gravities",
    "w": "watts",
    "k": "kelvin",
}
UNIT_SUFFIX = re.compile(rf"^(?P<stem>.+?)_(?P<unit>{'|'.join(UNIT_WORDS)})$")


class ScenarioError(ValueError):
    """What the user gave cannot be flown; `complaints` holds one line for each thing that is wrong."""

    def __init__(self, complaints: str | Iterable[str], origin: str = ""):
        self.complaints = (complaints,) if isinstance(complaints, str) else tuple(complaints)
        self.origin = origin
        prefix = f"{origin}: " if origin else ""
        super().__init__("\n".join(prefix + line for line in self.complaints))


def split_unit(key: str) -> tuple[str, str]:
    """`thrust_n` is `("thrust", "n")`; a key that names no unit is `(key, "")`."""
    found = UNIT_SUFFIX.match(key)
    return (found["stem"], found["unit"]) if found else (key, "")


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A clause that proposes the nearest allowed word, or lists them all."""
    allowed = sorted(allowed)
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(allowed)}"


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    """What is wrong with a key that the table does not have: its unit, if that is all, or its spelling."""
    allowed = list(allowed)
    stem, unit = split_unit(key)
    for other in allowed:
        other_stem, other_unit = split_unit(other)
        if other_stem == stem and other_unit and other != key:
            return f"is given in {UNIT_WORDS[unit] if unit else 'no unit'}; the key here is {other} ({UNIT_WORDS[other_unit]})"
    return f"is not a key of this table; {nearest(key, allowed)}"


def key_path(location: Iterable[str | int]) -> str:
    """`("engines", 0, "thrust_n")` is `engines[0].thrust_n`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def from_validation(error: ValidationError, origin: str) -> ScenarioError:
    """Every complaint of pydantic in our form."""
    return ScenarioError([line for each in error.errors(include_url=False) for line in _lines(each)], origin)


def _lines(each) -> Iterable[str]:
    context = each.get("ctx", {})
    path = key_path(each["loc"])
    if each["type"] == "perilune":
        for key, text in context["complaints"]:
            yield f"{key_path((*each['loc'], key)) if key else path or 'the file'} {text}"
    elif each["type"] == "missing":
        yield f"{path} is missing; it is required"
    elif each["type"] == "literal_error":
        yield f"{path} is {each['input']!r}; it must be one of {context['expected']}"
    elif each["type"] == "timezone_aware":
        yield f"{path} is {_shown(each['input'])}; it must say that it is in UTC (end it with Z)"
    elif each["type"] in ("model_type", "model_attributes_type"):
        yield f"{path} is {_shown(each['input'])}; it must be a table"
    else:
        yield f"{path} is {_shown(each['input'])}; {each['msg'][0].lower()}{each['msg'][1:]}"


def _shown(given: object) -> str:
    text = given.isoformat() if isinstance(given, date) else repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
