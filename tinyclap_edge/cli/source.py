"""Which bundle a verb works on: the one that is named, or one exported on the spot for a board."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.cli.output import progress, say, warn
from tinyclap_edge.errors import UsageError

DEFAULT_LABELS = (
    "dog barking", "rain", "police siren", "guitar", "glass breaking", "clock ticking", "doorbell", "car engine",
    "speech", "piano",
)  # fmt: skip


@contextmanager
def bundle_for(
    bundle: str | None, board: str | None, student: str | None = None, labels: str | None = None
) -> Iterator[Bundle]:
    """`bundle` as it is (its board must be `board`, if that is given), else a temporary export for `board`."""
    if bundle:
        if student or labels:
            raise UsageError("--bundle already has its student and labels", "leave out --student and --labels")
        with open_bundle(bundle) as opened:
            if board and board != opened.board.name:
                raise UsageError(
                    f"{bundle} was exported for {opened.board.name}, not for {board}",
                    f"export it for {board}, or leave out --board",
                )
            yield opened
        return
    if not board:
        raise UsageError("which board?", "give --board, or --bundle with an export")
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.bundle.export import ExportRequest, export_bundle
    from tinyclap_edge.labels.encode import parse_labels
    from tinyclap_edge.students.presets import find_student, student_for

    found = find_board(board)
    chosen = find_student(student) if student else student_for(found)
    words = parse_labels(labels.split(",")) if labels else DEFAULT_LABELS
    with tempfile.TemporaryDirectory(prefix="tinyclap-") as work:
        request = ExportRequest.make(found, chosen, words)
        with progress(f"exporting {chosen.name} for {found.name}", ExportRequest.STEPS) as advance:
            export_bundle(request, Path(work) / "bundle", advance, warn)
        if not labels:
            say(f"labels: {', '.join(words)} (choose others with --labels)")
        with open_bundle(Path(work) / "bundle") as opened:
            yield opened
