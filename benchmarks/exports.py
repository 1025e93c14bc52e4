"""Exports that the measurements share: one for each pair of student and board, in a temporary directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.cli.source import DEFAULT_LABELS
from tinyclap_edge.students.presets import find_student

LABELS = DEFAULT_LABELS  # those of `tinyclap-edge demo`

Open = Callable[[str, str], Bundle]  # (student, board) -> its export


@contextmanager
def exports() -> Iterator[Open]:
    """Yields a function that exports a pair when it is first asked for. DoesNotFit (5) where a student is too large."""
    known: dict[tuple[str, str], Bundle] = {}
    with tempfile.TemporaryDirectory(prefix="tce-benchmarks-") as work:

        def get(student: str, board: str) -> Bundle:
            if (student, board) not in known:
                out = Path(work) / f"{student}-{board}"
                export_bundle(ExportRequest.make(find_board(board), find_student(student), LABELS), out)
                with open_bundle(out) as opened:
                    known[student, board] = opened
            return known[student, board]

        yield get
