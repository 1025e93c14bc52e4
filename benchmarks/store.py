"""Result files: benchmarks/results/NAME.json, one a measurement. No clock enters one: the same code, the same file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1

MEASURED, EMULATED, ESTIMATED = "measured", "emulated", "estimated"  # where a figure comes from

Results = dict[str, dict[str, Any]]  # by the name of the measurement


def load_results() -> Results:
    """Every result that is there."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def save_result(name: str, data: dict[str, Any]) -> None:
    """Write one result, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".tmp")
    text = json.dumps({"schema_version": SCHEMA_VERSION, **data}, indent=1, ensure_ascii=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)
