"""Where a firmware image runs: one interface over the emulators.

target = emulator_target(board)
result = target.run(elf, pcm)              # every window of a stream, hop after hop
result = run_windows(target, elf, windows, spec)      # one result for each independent window
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.qemu_target import QemuTarget
from tinyclap_edge.device.emulator.unicorn_target import UnicornTarget
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.errors import DeviceError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

ENGINES = ("unicorn", "qemu")


class Target(Protocol):
    """Runs an image on PCM."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    def run(self, elf: Path | str, pcm: np.ndarray, hop_frames: int | None = None) -> RunResult:
        """pcm: (n,) int16 at the front end's rate. `hop_frames`: rows between windows, the image's own by default."""


def emulator_target(board: Board, engine: str | None = None, count: bool = True) -> Target:
    """The emulator of a board: unicorn where it has the core, else QEMU; `engine` insists on one.

    count: whether unicorn counts instructions (slower). UsageError for a board that no emulator runs.
    """
    if engine not in (None, *ENGINES):
        raise UsageError(f"unknown emulator {engine!r}", f"one of {', '.join(ENGINES)}")
    if engine == "unicorn" or (engine is None and board.emulator.unicorn):
        return UnicornTarget(board, count=count)
    if engine == "qemu" or board.emulator.qemu:
        return QemuTarget(board)
    raise UsageError(f"no emulator runs {board.name} ({board.core})", "`tinyclap-edge boards` lists the emulated ones")


def stream_of_windows(windows: np.ndarray, spec: FrontendSpec) -> tuple[np.ndarray, int]:
    """(n, window_total_samples) int16 -> (PCM, hop in frames) whose n windows are exactly these.

    Neighbouring windows of a stream share samples when the hop is `frames` rows (a frame is longer than its hop), so
    they are set apart by silence up to the next whole frame that starts behind the window.
    """
    length = spec.window_total_samples
    if windows.ndim != 2 or windows.shape[1] != length:
        raise UsageError(f"windows of shape {windows.shape} where (n, {length}) is wanted")
    hop_frames = -(-length // spec.hop_samples)
    stream = np.zeros((len(windows), hop_frames * spec.hop_samples), np.int16)
    stream[:, :length] = windows
    return stream.reshape(-1), hop_frames


def run_windows(target: Target, elf: Path | str, windows: np.ndarray, spec: FrontendSpec) -> RunResult:
    """Runs independent windows (n, window_total_samples) int16 in one go; DeviceError unless n results come back."""
    pcm, hop_frames = stream_of_windows(windows, spec)
    result = target.run(elf, pcm, hop_frames)
    if len(result.windows) != len(windows):
        raise DeviceError(f"{len(windows)} windows went in, {len(result.windows)} results came out")
    return result
