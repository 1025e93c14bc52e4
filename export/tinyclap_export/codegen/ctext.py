"""Pieces of C text: numbers, arrays, struct initialisers, comments. Pure functions of their arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

WIDTH = 118
_KEYWORDS = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
}  # fmt: skip


def is_identifier(name: str) -> bool:
    """Lower-case C identifier that can follow the prefix tce_."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) is not None and name not in _KEYWORDS


def comment_text(text: str) -> str:
    """Foreign text (tensor names) made safe inside a C comment: printable ASCII, no comment or trigraph marks, short.

    Converters name a fused operator by all its parts, separated by semicolons: the last part stands for it.
    """
    text = text.split(";")[-1]
    text = text if len(text) <= 80 else "..." + text[-77:]
    printable = "".join(c if " " <= c <= "~" else "?" for c in text)
    return printable.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").rstrip("\\")


def block_comment(lines: list[str]) -> list[str]:
    """/* first\\n * second ... */ from lines that are already safe."""
    body = [("/* " if i == 0 else " * ") + line for i, line in enumerate(lines)]
    body[-1] += " */"
    return [line.rstrip() for line in body]


def wrap(items: list[str], indent: str = "    ") -> list[str]:
    """Comma-separated items, as many a line as fit."""
    lines, current = [], indent
    for item in items:
        piece = item + ","
        if len(current) + len(piece) + 1 > WIDTH and current.strip():
            lines.append(current.rstrip())
            current = indent
        current += piece + " "
    lines.append(current.rstrip())
    return lines


def array_items(values: np.ndarray) -> list[str]:
    """Initialiser items, in C's order."""
    return [_integer(v) for v in values.reshape(-1).tolist()]


def _integer(value: int) -> str:
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


def initialiser(fields: Mapping[str, Any], pointer: Mapping[str, str], indent: str) -> list[str]:
    """Designated initialisers, one field a line except small nested structs and plain numbers, which share lines.

    pointer: C name of each array a Ref may name.
    """
    lines: list[str] = []
    pending: list[str] = []

    def flush() -> None:
        if pending:
            lines.extend(wrap(pending, indent))
            pending.clear()

    for name, value in fields.items():
        if isinstance(value, Mapping):
            flush()
            inner = initialiser(value, pointer, indent + "    ")
            if len(inner) == 1 and len(inner[0].strip()) + len(name) + 8 < WIDTH:
                lines.append(f"{indent}.{name} = {{{inner[0].strip().rstrip(',')}}},")
            else:
                lines += [f"{indent}.{name} = {{", *inner, f"{indent}}},"]
        elif isinstance(value, list | tuple):
            pending.append(f".{name} = {{{', '.join(_integer(int(v)) for v in value)}}}")
        elif isinstance(value, int | np.integer):
            pending.append(f".{name} = {_integer(int(value))}")
        else:  # a Ref
            pending.append(f".{name} = {pointer[value.key]}")
    flush()
    return lines


def real(value: float) -> str:
    """A C float literal that reads back as the same float32."""
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return text + "f"
