"""An export as a serial board: its image, built by PlatformIO, in the emulator behind a pty."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyclap_edge.audio import read_audio
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.board_sound import PacedSound
from tinyclap_edge.device.build import build
from tinyclap_edge.device.chip_board import ChipBoard
from tinyclap_edge.device.serial_board import EmulatorBoard
from tinyclap_edge.errors import UsageError


def emulated_board(
    bundle: Bundle,
    flash: Path,
    audio: Path | str | None = None,
    baud: int | None = None,
    watchdog_ms: int | None = None,
) -> EmulatorBoard:
    """A board that is ready to start: use it as a context.

    flash: the file that keeps its labels; audio: a sound file that it hears again and again at its own speed, silence by
    default; baud: the speed of its line, None: no slower than this PC; watchdog_ms: of its watchdog, None: it has none.
    UsageError for a board that unicorn has no core of; else as `build` and `read_audio`.
    """
    sound = _sound(bundle, flash, audio)
    image = build(bundle.firmware, semihosting=True).elf
    return EmulatorBoard(bundle.board, image, sound, flash, bundle.hop_frames, baud, watchdog_ms)


def chip_board(bundle: Bundle, flash: Path, audio: Path | str | None = None, baud: int | None = None) -> ChipBoard:
    """The same, but the image that is flashed, with the chip's own drivers, on models of its peripherals.

    UsageError for a board whose chip has none.
    """
    sound = _sound(bundle, flash, audio)
    if not has_port(bundle.board):
        raise UsageError(f"{bundle.board.name} has no drivers of its own here", "emulate it without --chip")
    return ChipBoard(bundle.board, build(bundle.firmware).elf, sound, flash, baud)


def _sound(bundle: Bundle, flash: Path, audio: Path | str | None) -> PacedSound:
    if not bundle.board.emulator.unicorn:
        raise UsageError(
            f"unicorn has no model of {bundle.board.name} ({bundle.board.core})",
            "`tinyclap-edge boards` lists the emulated ones",
        )
    if flash.exists() and not flash.is_file():
        raise UsageError(f"{flash} is no file", "name the file that keeps the labels")
    rate = bundle.spec.sample_rate_hz
    return PacedSound(np.zeros(rate, np.int16) if audio is None else read_audio(audio, rate).pcm, rate)
