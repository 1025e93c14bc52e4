"""Which bundle a verb works on: the one that is named, or one exported on the spot for a board."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.cli.output import progress, say, warn
from tinyclap_edge.errors import ToolMissing, UsageError

DEFAULT_LABELS = (
    "dog barking", "rain", "police siren", "guitar", "glass breaking", "clock ticking", "doorbell", "car engine",
    "speech", "piano",
)  # fmt: skip


@contextmanager
def bundle_for(
    bundle: str | None, board: str | None, student: str | None, labels: str | None, target: str, engine: str | None
) -> Iterator[Bundle]:
    """`bundle` as it is (its board must be `board`, if that is given), else a temporary export for `board`.

    Raises as `check_target` does, before the export.
    """
    if bundle:
        if student or labels:
            raise UsageError("--bundle already has its student and labels", "leave out --student and --labels")
        with open_bundle(bundle) as opened:
            if board and board != opened.board.name:
                raise UsageError(
                    f"{bundle} was exported for {opened.board.name}, not for {board}",
                    f"export it for {board}, or leave out --board",
                )
            check_target(opened.board, target, engine)
            yield opened
        return
    if not board:
        raise UsageError("which board?", "give --board, or --bundle with an export")
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.bundle.export import ExportRequest, export_bundle
    from tinyclap_edge.fit.shipped import best_shipped
    from tinyclap_edge.labels.encode import parse_labels
    from tinyclap_edge.students.presets import find_student

    found = find_board(board)
    check_target(found, target, engine)
    chosen = find_student(student) if student else best_shipped(found)
    words = parse_labels(labels.split(",")) if labels is not None else DEFAULT_LABELS
    with tempfile.TemporaryDirectory(prefix="tinyclap-") as work:
        request = ExportRequest.make(found, chosen, words)
        with progress(f"exporting {chosen.name} for {found.name}", ExportRequest.STEPS) as advance:
            export_bundle(request, Path(work) / "bundle", advance, warn)
        if not labels:
            say(f"labels: {', '.join(words)} (choose others with --labels)")
        with open_bundle(Path(work) / "bundle") as opened:
            yield opened


def check_target(board: Board, target: str, engine: str | None) -> None:
    """Whether this PC can run `board` on `target`, asked before anything is exported or built.

    UsageError (2) for an unknown target or a board that the emulator does not model, ToolMissing (3) without QEMU,
    ModuleNotFoundError without unicorn.
    """
    from tinyclap_edge.bundle.run import TARGETS
    from tinyclap_edge.device.emulator.qemu_target import qemu_available
    from tinyclap_edge.device.targets import QemuTarget, emulator_target

    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}", f"one of {', '.join(TARGETS)}")
    if target != "emulator":
        return
    qemu = isinstance(emulator_target(board, engine), QemuTarget)
    if not (board.emulator.qemu if qemu else board.emulator.unicorn):
        raise UsageError(
            f"{engine} has no model of {board.name} ({board.core})", "`tinyclap-edge boards` lists the emulated ones"
        )
    if qemu and not qemu_available(board):
        raise ToolMissing("the emulator qemu-system-arm is not installed", "apt-get install qemu-system-arm")
    if not qemu:
        import_module("unicorn")  # the frame names the line that installs a missing package
