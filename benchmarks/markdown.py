"""Markdown from figures: tables, percentages with their intervals, numbers with separators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ABSENT = "*Not measured yet: `python -m benchmarks` writes this.*"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; `right` names the columns to align right."""
    rule = ["---:" if i in right else "---" for i in range(len(columns))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *rows))


def share(value: dict[str, Any], count: bool = True) -> str:
    """A proportion {value, low, high, n} as `97.1 % [96.2, 97.8], n = 2400`."""
    text = f"{100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"
    return f"{text}, n = {value['n']}" if count else text


def percent(value: float) -> str:
    """0.971 as `97.1 %`."""
    return f"{100 * value:.1f} %"


def number(value: int) -> str:
    """12345 as `12,345`."""
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes as a board's data sheet would say them."""
    return f"{count >> 20} MB" if count >= 1 << 20 and count % (1 << 20) == 0 else f"{count / 1024:.4g} KB"


def code(text: str) -> str:
    """Inline code; an empty text stays empty."""
    return f"`{text}`" if text else ""
