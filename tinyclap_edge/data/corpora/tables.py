"""The tables of corpora: CSV and tab-separated text, JSON, YAML, each read with a limit and with its columns checked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import CorruptFile

MAX_BYTES = 1 << 30  # the largest real one, AudioSet's unbalanced_train_segments.csv, has 0.1 GB


def read_table(
    path: Path, columns: Sequence[str], delimiter: str = ",", header: bool = True, comments: bool = False
) -> list[dict[str, str]]:
    """Rows of a table as {column: text}, stripped of nothing.

    With a header, `columns` must be among its names and all its columns are returned; without one, `columns` name them.
    comments: lines that begin with '#' are skipped. CorruptFile (7) names the file, and the line or column.
    """
    lines: Iterable[str] = io.StringIO(read_text(path), newline="")  # a quoted field may hold a line break
    if comments:
        lines = [line for line in lines if not line.startswith("#")]
    try:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=comments, strict=True)
        parsed = [row for row in reader if any(row)]
    except csv.Error as error:
        raise CorruptFile(f"{path} is not a table ({error})", "copy it again") from error
    if not parsed:
        raise CorruptFile(f"{path} holds no rows", "copy it again")
    names = [name.strip() for name in parsed[0]] if header else list(columns)
    for column in columns:
        if column not in names:
            raise CorruptFile(f"{path} has no column {column!r}", f"its columns are {', '.join(names)[:200]}")
    rows = []
    for number, values in enumerate(parsed[1 if header else 0 :], 2 if header else 1):
        if len(values) < len(names) and (header or len(values) < len(columns)):
            raise CorruptFile(f"{path}, row {number}: {len(values)} columns instead of {len(names)}", "copy it again")
        rows.append(dict(zip(names, values, strict=False)))
    return rows


def read_text(path: Path) -> str:
    """A text file. Clotho's tables come in Windows encodings too, so what is not UTF-8 is read as cp1252."""
    if not path.is_file():
        raise CorruptFile(f"{path} is missing", "the corpus is not whole: copy it again")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path} has {path.stat().st_size:,} bytes, more than any table of a corpus")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_json(path: Path) -> Any:
    """A JSON file. CorruptFile (7) where it is none."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise CorruptFile(f"{path} is not JSON ({error})", "copy it again") from error


def read_yaml(path: Path) -> Any:
    """A YAML file, by the safe loader. CorruptFile (7) where it is none."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(read_text(path), Loader=loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise CorruptFile(f"{path} is not YAML ({str(error).splitlines()[0]})", "copy it again") from error


def whole_number(text: str, path: Path, column: str) -> int:
    """An integer of a table. CorruptFile (7) names file and column."""
    try:
        return int(text)
    except ValueError:
        raise CorruptFile(f"{path}: {column} is {text!r}, not a whole number", "copy it again") from None


def seconds(text: str, path: Path, column: str) -> float:
    """A time in seconds. CorruptFile (7) names file and column."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e7:
        raise CorruptFile(f"{path}: {column} is {text!r}, not a time in seconds", "copy it again")
    return value
