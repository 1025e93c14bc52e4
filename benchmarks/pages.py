"""Generated tables inside written pages.

A page marks the place of the table NAME by `<!-- table:NAME -->` and `<!-- /table -->` on lines of their own; whatever
stands between them is replaced. The tables themselves are in tables.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.store import ROOT, Results
from benchmarks.tables import TABLES

_PLACE = re.compile(r"^<!-- table:([\w-]+) -->\n(.*?)^<!-- /table -->$", re.MULTILINE | re.DOTALL)
_ANY = re.compile(r"<!-- table:|<!-- /table -->")


def pages() -> list[Path]:
    """Every page that may hold tables."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def render(text: str, results: Results) -> str:
    """The page with its tables made anew. ValueError for an unknown table or a marker without its partner."""
    made = _PLACE.sub(lambda place: _fill(place[1], results), text)
    if len(_ANY.findall(text)) != 2 * len(_PLACE.findall(text)):
        raise ValueError("a table's marker has no partner")
    return made


def _fill(name: str, results: Results) -> str:
    if name not in TABLES:
        raise ValueError(f"there is no table {name!r}")
    return f"<!-- table:{name} -->\n{TABLES[name](results).strip()}\n<!-- /table -->"


def outdated(results: Results) -> list[str]:
    """Names of the pages that differ from what the results say."""
    return [
        page.relative_to(ROOT).as_posix()
        for page in pages()
        if (text := page.read_text(encoding="utf-8")) != render(text, results)
    ]


def rewrite(results: Results) -> list[str]:
    """Bring every page up to date; returns the names of those that changed."""
    stale = outdated(results)
    for name in stale:
        page = ROOT / name
        page.write_text(render(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    return stale
