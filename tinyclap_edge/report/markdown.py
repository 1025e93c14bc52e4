"""Tables as GitHub Markdown. Labels and file names are anyone's text: what could break a table or the page is escaped."""

from __future__ import annotations

import re

from tinyclap_edge.report.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*_\[\]<>|&#~$])")
_LINK = re.compile(r"(?i)\b(https?|ftp|www)(?=[:.])|(?<![a-z0-9])@|@(?=[a-z0-9-]+\.)")


def escape(text: str) -> str:
    """One line of text that Markdown shows as it is."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    return _LINK.sub(lambda m: m[0] + "\u200b", _SPECIAL.sub(r"\\\1", flat))  # a zero-width space ends an autolink


def render(t: Table, level: int = 3) -> str:
    """Heading, table and note; folded tables inside <details>."""
    head = "| " + " | ".join(_cell(c) for c in t.columns) + " |"
    rule = "|" + "|".join(" --- " if i in t.words else " ---: " for i in range(len(t.columns))) + "|"
    body = ["| " + " | ".join(_cell(c) for c in row) + " |" for row in t.rows]
    block = "\n".join([head, rule, *body])
    note = f"\n\n{escape(t.note)}" if t.note else ""
    if t.folded:
        return f"<details>\n<summary>{escape(t.title)}</summary>\n\n{block}{note}\n\n</details>\n"
    return f"{'#' * level} {escape(t.title)}\n\n{block}{note}\n"


def _cell(cell: Cell) -> str:
    parts = [escape(cell.text)]
    if cell.detail:
        parts.append(f"({escape(cell.detail)})")
    if cell.tag:
        parts.append(f"`{cell.tag}`")
    return " ".join(part for part in parts if part)
