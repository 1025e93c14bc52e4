"""A small firmware with the real label code behind a pty, for the tests: on this PC, or on an emulated STM32F4."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from device.fake_firmware import ARENA, DIM, ENCODER_ID, FRONTEND_ID, OUTPUT_ZERO_POINT, expected_windows, write_parts
from device.images import HOP, compile_project, fake_config

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.board_sound import FedSound, Sound
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.platformio_project import FirmwareParts, write_project
from tinyclap_edge.device.serial_board import EmulatorBoard, HostBoard
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import score

BOARD = "stm32f4"
PCM = np.random.default_rng(6).integers(-20000, 20000, 2000).astype(np.int16)


def pack(labels: int, seed: int = 0, encoder: str = ENCODER_ID) -> LabelPack:
    """A pack for the small firmware."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-127, 128, (labels, DIM)).astype(np.int8)
    rows[:, 0] = 127
    names = tuple(f"sound {seed}.{i}" for i in range(labels))
    return LabelPack(encoder, FRONTEND_ID, names, rows, np.arange(labels, dtype=np.int16))


def lines_of(pcm: np.ndarray, labels: LabelPack, first: int = 0) -> list[str]:
    """The W lines that the firmware must write with these labels, from window `first` on."""
    windows = [embedding for embedding, _ in expected_windows(pcm, HOP)]
    scores = score(labels, np.stack(windows), OUTPUT_ZERO_POINT)
    return [
        f"W {i} E {e.tobytes().hex()} S {','.join(map(str, s))}"
        for i, (e, s) in enumerate(zip(windows, scores.tolist(), strict=True))
        if i >= first
    ]


class Firmware:
    """The project, and its images, compiled when they are first needed."""

    def __init__(self, folder: Path, hop_frames: int = HOP) -> None:
        parts = write_parts(folder / "parts")
        self.folder, self.image_pack = folder, pack(3)
        made = FirmwareParts(parts["encoder"], ARENA, 0, parts["frontend"], self.image_pack.to_bytes())
        config = fake_config(hop_frames=hop_frames)
        self.project = write_project(folder / "project", find_board(BOARD), made, config).directory

    @cached_property
    def elf(self) -> Path:
        return compile_project(self.project, find_board(BOARD))

    @cached_property
    def program(self) -> Path:
        return HostTarget().build(self.project, self.folder / "program")

    def with_labels(self, labels: bytes, elf: Path) -> Path:
        """A copy of the image whose own pack is another one of the same length."""
        image, own = self.elf.read_bytes(), self.image_pack.to_bytes()
        assert image.count(own) == 1 and len(labels) == len(own)
        elf.write_bytes(image.replace(own, labels))
        return elf

    @contextmanager
    def emulated(
        self, folder: Path, sound: Sound | None = None, watchdog_ms: int | None = None, elf: Path | None = None
    ):
        sound, flash = sound or FedSound(), folder / "labels.flash"
        with EmulatorBoard(find_board(BOARD), elf or self.elf, sound, flash, watchdog_ms=watchdog_ms) as running:
            yield running

    @contextmanager
    def on_this_pc(self, folder: Path):
        with HostBoard(self.program, folder, PCM) as running:
            yield running


@cache
def built_firmware() -> Firmware:
    """One for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="tce-firmware-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Firmware(folder)
