"""Comparing a benchmark with an earlier one: what grew above the limit, and in which layer most.

The earlier one is a file of --json-path, from another machine or another day: nothing in it is believed before it has
been read here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.bundle.figures import SCHEMA, Figure, layers_of
from tinyclap_edge.errors import CorruptFile, GateFailed, UsageError

MAX_BYTES = 16 << 20
_PERCENT = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?) ?%")
_AGAIN = "measure a new baseline: `tinyclap-edge bench ... --json-path` at the commit to compare with"


@dataclass(frozen=True)
class Change:
    """One figure, before and now."""

    figure: Figure
    before: float
    regressed: bool

    @property
    def share(self) -> float:
        """(now - before) / before; infinite for growth from nothing."""
        grown = self.figure.value - self.before
        return grown / self.before if self.before else math.inf * grown if grown else 0.0

    def words(self) -> str:
        """The figure and both values."""
        return f"{self.figure.name} {_number(self.before)} -> {_number(self.figure.value)} {self.figure.unit} " + (
            f"({self.share:+.1%})" if math.isfinite(self.share) else "(from nothing)"
        )


@dataclass(frozen=True)
class Comparison:
    """Every figure, and the layer that grew most: (name, by how many instructions or bytes), by kind of growth."""

    changes: tuple[Change, ...]
    limit: float
    most_instructions: tuple[str, int] | None
    most_bytes: tuple[str, int] | None

    def regressions(self) -> list[Change]:
        """Those above the limit, the largest growth first."""
        return sorted((c for c in self.changes if c.regressed), key=lambda c: -c.share)

    def words(self, change: Change) -> str:
        """A regression in words, with the layer where one explains it."""
        most, unit = self.most_instructions, "instructions"
        if change.figure.unit == "bytes":
            most, unit = (self.most_bytes if change.figure.name == "flash" else None), "bytes of constants"
        if change.figure.name.startswith(("front end", "scoring")):
            most = None
        where = f"; the layer that grew most is {most[0]}, by {most[1]:,} {unit}" if most else ""
        return f"{change.words()}, limit {self.limit:.6g}%{where}"

    def require(self) -> None:
        """GateFailed (1) names the figure that grew most, where one grew above the limit."""
        found = self.regressions()
        if found:
            others = len(found) - 1
            more = f" (and {others} more figure{'s' * (others > 1)})" if others else ""
            raise GateFailed(
                f"regression: {self.words(found[0])}{more}",
                "undo the change, or accept it: make its figures the new baseline",
            )


def parse_percent(text: str) -> float:
    """'2%', '0.5 %' -> per cent, 0 to 1000. UsageError (2) for anything else."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None or float(match[1]) > 1000:
        hint = f"write --fail-above {text.strip()}%" if _PERCENT.fullmatch(text.strip() + "%") else "for example 2%"
        raise UsageError(f"--fail-above: {text!r} is no percentage from 0% to 1000%", hint)
    return float(match[1])


def read_baseline(path: Path) -> dict[str, Any]:
    """A file of --json-path. UsageError (2) where there is none or one of another schema, CorruptFile (7) for damage."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if not isinstance(data, dict):
            raise ValueError("it is no table")
    except FileNotFoundError:
        raise UsageError(f"--baseline: there is no file {path}", _AGAIN) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptFile(f"--baseline: {path} cannot be read ({error})", _AGAIN) from error
    version = data.get("schema_version")
    if not isinstance(version, int) or "figures" not in data:
        raise UsageError(f"--baseline: {path} is no file of `bench --json-path`", _AGAIN)
    if version != SCHEMA:
        raise UsageError(f"--baseline: {path} has version {version}, this tool compares version {SCHEMA}", _AGAIN)
    try:
        named = {str(f["name"]): float(f["value"]) for f in data["figures"]}
        model = {key: str(data["model"][key]) for key in ("name", "form")}
        where = {key: str(data[key]) for key in ("board", "target", "engine")}
        layers = _costs(layers_of(data))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptFile(f"--baseline: {path} holds no figures that can be compared", _AGAIN) from error
    if any(not math.isfinite(v) or v < 0 for v in named.values()):
        raise CorruptFile(f"--baseline: {path} holds a figure that is no amount", _AGAIN)
    return {"figures": named, "model": model, **where, "layer_costs": layers}


def check_place(baseline: dict[str, Any], board: str, target: str) -> None:
    """UsageError (2) unless the baseline was measured there; asked before anything runs."""
    for key, found in (("board", board), ("target", target)):
        if baseline[key] != found:
            raise UsageError(f"--baseline was measured on the {key} {baseline[key]}, not on {found}", _AGAIN)


def compare_figures(now: dict[str, Any], baseline: dict[str, Any], limit: float) -> Comparison:
    """now: figures.record's; baseline: read_baseline's; limit: per cent. UsageError (2) for another model or place."""
    check_place(baseline, now["board"], now["target"])
    if baseline["model"]["form"] != now["model"]["form"]:
        raise UsageError(
            f"--baseline is of another model: {baseline['model']['name']} has other layers than {now['model']['name']}",
            _AGAIN,
        )
    if baseline["engine"] != now["engine"]:
        raise UsageError(f"--baseline was measured by {baseline['engine']}, not by {now['engine']}", _AGAIN)
    figures = [Figure(**f) for f in now["figures"]]
    gone = sorted(set(baseline["figures"]) - {f.name for f in figures})
    if gone:
        raise UsageError(f"--baseline holds the figure {gone[0]!r}, which this run does not measure", _AGAIN)
    changes = []
    for figure in figures:
        before = baseline["figures"].get(figure.name)
        if before is not None:
            changes.append(Change(figure, before, figure.value > before * (1 + limit / 100)))
    grown: list[tuple[str, int, int]] = []
    for name, (instructions, size) in _costs(layers_of(now)).items():
        old = baseline["layer_costs"].get(name)
        if old is not None:
            grown.append((name, instructions - old[0], size - old[1]))
    by_count, by_bytes = (max(grown, key=lambda g: g[i], default=None) for i in (1, 2))
    return Comparison(
        tuple(changes), limit,
        (by_count[0], by_count[1]) if by_count and by_count[1] > 0 else None,
        (by_bytes[0], by_bytes[2]) if by_bytes and by_bytes[2] > 0 else None,
    )  # fmt: skip


def _costs(layers: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """(instructions, bytes of constants) by name; a layer of two functions (a mean's sums and its end) is one."""
    costs: dict[str, tuple[int, int]] = {}
    for layer in layers:
        so_far = costs.get(str(layer["name"]), (0, 0))
        costs[str(layer["name"])] = (
            so_far[0] + int(layer["instructions"]), so_far[1] + int(layer.get("const_bytes", 0)),
        )  # fmt: skip
    return costs


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
