"""Writes the tables of docs/faults from the catalogue, and leaves the words above them: `python docs/fault_pages.py`."""

from pathlib import Path

from perilune.faults.catalogue import FAMILIES
from perilune.faults.named import NamedFault

PAGES = Path(__file__).with_name("faults")
MARK = "<!-- From here on written by docs/fault_pages.py, from the catalogue. -->"
HEAD = "| fault | what happens | unit | size | range | lasts | strikes | shown by |"


def page(family: str, words: str) -> str:
    """A family's page: the words before the mark, and the table after it."""
    rows = [_row(name, fault) for name, fault in FAMILIES[family].items()]
    return "\n".join([words.partition(MARK)[0] + MARK, "", HEAD, "|---" * 8 + "|", *rows, ""])


def _row(name: str, fault: NamedFault) -> str:
    size, span = (f"{fault.size:g} {fault.unit}", f"{fault.low:g} to {fault.high:g}") if fault.unit else ("-", "-")
    strikes = ", ".join(dict.fromkeys(f"{s.channel} {s.operation.name.lower()}" for s in fault.strikes))
    cells = (f"`{name}`", fault.about, str(fault.units) or "-", size, span, lasting(fault), strikes, fault.shown)
    return f"| {' | '.join(cells)} |"


def lasting(fault: NamedFault) -> str:
    """How long it lasts, in words."""
    named = {None: "its size", float("inf"): "to the end", 0.0: "one cycle"}
    return named.get(fault.lasts_s, f"{fault.lasts_s} s")


def main() -> None:
    for family in FAMILIES:
        path = PAGES / f"{family}.md"
        path.write_text(page(family, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
