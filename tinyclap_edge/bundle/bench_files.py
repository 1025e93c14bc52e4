"""A benchmark as files for CI: its record, JUnit's XML, and the JSON of github-action-benchmark."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tinyclap_edge.bundle.baseline import Comparison
from tinyclap_edge.errors import UsageError


def check_folder(option: str, path: str | None) -> None:
    """UsageError (2) for a file whose directory does not exist; asked before anything runs."""
    if path and not Path(path).parent.is_dir():
        raise UsageError(f"{option}: there is no directory {Path(path).parent}", "make it first")


def write_record(path: Path, record: dict[str, Any]) -> None:
    """figures.record's, which a later --baseline reads."""
    _write(path, json.dumps(record, indent=1) + "\n")


def write_action(path: Path, record: dict[str, Any]) -> None:
    """github-action-benchmark's "customSmallerIsBetter": a list of {name, unit, value, extra}."""
    place = f"{record['board']}/{record['model']['name']}"
    extra = f"{record['target']} ({record['engine']}), encoder {record['encoder']}"
    entries = [
        {"name": f"{place}: {f['name']}", "unit": f["unit"], "value": f["value"], "extra": extra}
        for f in record["figures"]
    ]
    _write(path, json.dumps(entries, indent=1) + "\n")


def write_junit(path: Path, record: dict[str, Any], comparison: Comparison | None) -> None:
    """One test case a figure; a regression is a failure. Without a baseline every case passes."""
    failed = {c.figure.name: comparison.words(c) for c in comparison.regressions()} if comparison else {}
    before = {c.figure.name: c.words() for c in comparison.changes} if comparison else {}
    place = f"bench.{record['board']}.{record['model']['name']}"
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites, "testsuite", name=_text(place), tests=str(len(record["figures"])), failures=str(len(failed)),
        errors="0", skipped="0",
    )  # fmt: skip
    properties = ElementTree.SubElement(suite, "properties")
    for key in ("board", "target", "engine", "encoder"):
        ElementTree.SubElement(properties, "property", name=key, value=_text(str(record[key])))
    for figure in record["figures"]:
        case = ElementTree.SubElement(suite, "testcase", classname=_text(place), name=figure["name"], time="0")
        if figure["name"] in failed:
            said = _text(failed[figure["name"]])
            ElementTree.SubElement(case, "failure", type="regression", message=said).text = said
        shown = before.get(figure["name"], f"{figure['name']} {figure['value']} {figure['unit']}")
        ElementTree.SubElement(case, "system-out").text = _text(shown)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    _write(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _text(text: str) -> str:
    """Without what XML 1.0 cannot hold (a file's name may hold anything)."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" else "?" for c in text)


def _write(path: Path, text: str) -> None:
    """Atomically: a reader sees the file before or after."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False, suffix=".tmp") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink()
            raise
