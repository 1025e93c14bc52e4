"""The application's parts that listen, compiled for this PC once a session: see device/app_parts.c."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tinyclap_edge.device.link_frames import Frame, FrameDecoder
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.resources import firmware_dir

FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-shared", "-fPIC"]
SOURCES = (
    *(f"app/tce_{name}.c" for name in ("capture", "events", "health", "monitor")),
    "labels/tce_labels.c",
    *(f"protocol/tce_{name}.c" for name in ("link", "frame", "cobs", "crc32")),
)
LISTEN, RECORD, FROZEN = 0, 1, 2


@functools.cache
def library() -> ctypes.CDLL:
    """The shared library."""
    compiler = find_host_cc()
    assert compiler, "a compiler for this PC is part of the test environment (cc, gcc, clang or ziglang)"
    out = Path(tempfile.mkdtemp(prefix="tce-app-")) / "parts.so"
    includes = [f"-I{firmware_dir() / name}" for name in ("app", "labels", "protocol", "ports")]
    sources = [str(firmware_dir() / name) for name in SOURCES]
    here = str(Path(__file__).parent / "device" / "app_parts.c")
    subprocess.run([*compiler, *FLAGS, *includes, here, *sources, "-o", str(out)], check=True)
    lib = ctypes.CDLL(str(out))
    lib.parts_new.restype = ctypes.c_void_p
    for name, arguments in {
        "free": "p", "time": "pu", "take": "pbu", "mode": "pu", "read": "pb", "dropped": "p",
        "mode_now": "p", "command": "pubub", "hello": "p", "window": "pubbb", "sent": "pb",
    }.items():  # fmt: skip
        kinds = {"p": ctypes.c_void_p, "u": ctypes.c_uint32, "b": ctypes.c_void_p}
        getattr(lib, f"parts_{name}").argtypes = [kinds[letter] for letter in arguments]
    lib.health_start.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    lib.health_step.argtypes = [ctypes.c_void_p, *[ctypes.c_uint32] * 3]
    return lib


class Parts:
    """A board's listening: `pack` are its labels."""

    def __init__(self, pack: bytes = b"", ring_samples: int = 256) -> None:
        self.lib, self._pack = library(), ctypes.create_string_buffer(pack, max(len(pack), 1))
        self.handle = self.lib.parts_new(ring_samples, self._pack, len(pack))
        self._decoder = FrameDecoder()

    def __del__(self) -> None:
        self.lib.parts_free(self.handle)

    def take(self, samples: np.ndarray) -> None:
        """A half arrives."""
        samples = np.ascontiguousarray(samples, np.int16)
        self.lib.parts_take(self.handle, samples.ctypes.data, len(samples))

    def mode(self, mode: int | None = None) -> int:
        if mode is not None:
            self.lib.parts_mode(self.handle, mode)
        return int(self.lib.parts_mode_now(self.handle))

    def read(self) -> np.ndarray:
        """All that is unread."""
        out = np.zeros(1 << 16, np.int16)
        return out[: self.lib.parts_read(self.handle, out.ctypes.data)].copy()

    @property
    def dropped(self) -> int:
        return int(self.lib.parts_dropped(self.handle))

    def time(self, seconds: float) -> None:
        self.lib.parts_time(self.handle, int(seconds * 1e6))

    def command(self, command: int, payload: bytes = b"") -> bytes | int:
        """The answer, or the number of the refusal."""
        answer = ctypes.create_string_buffer(300)
        count = self.lib.parts_command(self.handle, command, payload, len(payload), answer)
        return answer.raw[:count] if count >= 0 else -count

    def hello(self) -> None:
        self.lib.parts_hello(self.handle)

    def window(self, index: int, scores: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """(smoothed scores (labels,) int16, labels that begin)."""
        scores = np.ascontiguousarray(scores, np.int16)
        smoothed, begins = np.zeros(len(scores), np.int16), np.zeros(len(scores), np.uint8)
        self.lib.parts_window(self.handle, index, scores.ctypes.data, smoothed.ctypes.data, begins.ctypes.data)
        return smoothed, [int(label) for label in np.flatnonzero(begins)]

    def frames(self) -> list[Frame]:
        """Notifications that were sent."""
        out = ctypes.create_string_buffer(1 << 16)
        count = self.lib.parts_sent(self.handle, out)
        return [event for event in self._decoder.feed(out.raw[:count]) if isinstance(event, Frame)]

    def start(self, cause: int) -> int:
        """A start of health: the reason of safe mode."""
        return int(self.lib.health_start(self.handle, cause))

    def step(self, samples: int, rows: int, windows: int = 0) -> int:
        """How often the watchdog was fed."""
        return int(self.lib.health_step(self.handle, samples, rows, windows))
