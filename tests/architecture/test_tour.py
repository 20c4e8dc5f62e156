"""The code that the documentation quotes is the code that runs, and the files that it names are there."""

import re

import pytest
from source_tree import ROOT

QUOTED = re.compile(r"```python\n# (?P<file>(?:src|examples)/\S+)\n(?P<code>.*?)```", re.DOTALL)
PAGES = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)\)")
# Paths within the package, as the tour names them.
NAMED = re.compile(r"`((?:sim|world|fsw|faults|moon|math|dynamics|wire|scenario|report)/[\w/]+\.py)`")


def quotes() -> list[tuple[str, str]]:
    return [(found["file"], found["code"]) for page in PAGES for found in QUOTED.finditer(page.read_text(encoding="utf-8"))]


def test_the_tour_quotes_code():
    assert len(quotes()) >= 5


@pytest.mark.parametrize(("file", "code"), quotes())
def test_quoted_code_is_the_source(file, code):
    assert code in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_are_there(page):
    text = page.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [name for name in NAMED.findall(text) if not (ROOT / "src/perilune" / name).exists()]
    assert missing == []
