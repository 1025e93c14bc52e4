"""The firmware's protocol code, compiled for this PC once a session, and a device of it for the tests."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tinyclap_edge.device.link_frames import Damaged, Event, Frame, Text
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.resources import firmware_dir

FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
HERE = Path(__file__).parent / "protocol"
FOLDERS = ("protocol", "labels", "app")
COMMANDS = firmware_dir() / "app" / "tce_commands.c"
SOURCES = [path for name in FOLDERS[:2] for path in sorted((firmware_dir() / name).glob("*.c"))] + [COMMANDS]
INCLUDES = [f"-I{firmware_dir() / name}" for name in FOLDERS]
ENCODER, FRONTEND = "0123456789abcdef", "fedcba9876543210"


def pack_bytes(labels: int = 3, dim: int = 8, seed: int = 0, encoder: str = ENCODER, name: str = "sound") -> bytes:
    """A small label pack, other rows and names for another seed."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-127, 128, (labels, dim)).astype(np.int8)
    rows[:, 0] = 127
    names = tuple(f"{name} {seed}.{i}" for i in range(labels))
    thresholds = rng.integers(-32768, 32768, labels).astype(np.int16)
    return LabelPack(encoder, FRONTEND, names, rows, thresholds, 0).to_bytes()


@functools.cache
def library() -> ctypes.CDLL:
    """The shared library. Kept between sessions under a name that its sources and the compiler decide."""
    compiler = find_host_cc()
    assert compiler, "a compiler for this PC is part of the test environment (cc, gcc, clang or ziglang)"
    headers = [path for folder in FOLDERS for path in sorted((firmware_dir() / folder).glob("*.h"))]
    seal = hashlib.sha256(repr((compiler, FLAGS)).encode())
    for path in (*SOURCES, *headers, HERE / "link_device.c"):
        seal.update(path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"tce-link-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    out = folder / f"device-{seal.hexdigest()[:16]}.so"
    if not out.is_file():
        fresh = out.with_suffix(f".{os.getpid()}")
        files = [str(path) for path in (*SOURCES, HERE / "link_device.c")]
        subprocess.run([*compiler, *FLAGS, *INCLUDES, "-shared", "-fPIC", *files, "-o", str(fresh)], check=True)
        fresh.replace(out)
    lib = ctypes.CDLL(str(out))
    lib.device_new.restype = ctypes.c_void_p
    lib.device_flash.restype = ctypes.POINTER(ctypes.c_uint8)
    for name in ("free", "take", "pack", "slot", "generation", "operations", "broken_rules", "repeated", "capacity"):
        getattr(lib, f"device_{name}").argtypes = [ctypes.c_void_p] + [ctypes.c_void_p] * (name in ("take", "pack"))
    lib.device_background.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
    lib.device_start.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_uint32]
    lib.device_update.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32]
    lib.device_program.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32]
    lib.device_push.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32]
    lib.packs_accepted.argtypes = [ctypes.c_char_p, ctypes.c_uint32]
    lib.device_flash.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return lib


class NativeDevice:
    """A device with simulated flash. Its stream is `read` and `write`, so that a Link may stand on it."""

    def __init__(
        self,
        image: bytes | None = None,
        sector: int = 4096,
        sectors: int = 1,
        unit: int = 4,
        room: int = 0,
        dim: int = 8,
        polls: int = 2,
    ) -> None:
        """room: bytes of a pack that may wait while an erase goes on in the background, which `polls` looks find going on;
        0: erases are waited for."""
        self.lib = library()
        self.image = image if image is not None else pack_bytes()
        self.handle = self.lib.device_new(self.image, len(self.image), dim, sector, sectors, unit)
        if room:
            self.lib.device_background(self.handle, room, polls)
        self._buffer = ctypes.create_string_buffer(1 << 20)
        self.start()

    def __del__(self) -> None:
        self.lib.device_free(self.handle)

    def start(self, cut_at: int = 0, seed: int = 1) -> int:
        """A reset; the power is cut again in flash operation number `cut_at`, 0: never."""
        return int(self.lib.device_start(self.handle, cut_at, seed))

    def update(self, pack: bytes, chunk: int = 256) -> int:
        """An update without the link."""
        return int(self.lib.device_update(self.handle, pack, len(pack), chunk))

    def write(self, data: bytes) -> None:
        self.lib.device_push(self.handle, data, len(data))

    def read(self) -> bytes:
        count = self.lib.device_take(self.handle, self._buffer)
        return ctypes.string_at(self._buffer, count)

    def program(self, offset: int, data: bytes) -> None:
        """The flash's own programming, past the slots."""
        self.lib.device_program(self.handle, offset, data, len(data))

    @property
    def pack(self) -> bytes:
        """The pack in use."""
        count = self.lib.device_pack(self.handle, self._buffer)
        return ctypes.string_at(self._buffer, count)

    @property
    def flash(self) -> np.ndarray:
        """The flash itself, to look at and to damage."""
        size = ctypes.c_uint32()
        at = self.lib.device_flash(self.handle, ctypes.byref(size))
        return np.ctypeslib.as_array(at, (size.value,))

    def fact(self, name: str) -> int:
        """slot, generation, operations, broken_rules, repeated or capacity."""
        return int(getattr(self.lib, f"device_{name}")(self.handle))


def c_encode(frame: Frame) -> bytes:
    """A frame's bytes by the C."""
    out = ctypes.create_string_buffer(512)
    count = library().codec_encode(frame.type, frame.sequence, frame.payload, len(frame.payload), out)
    return out.raw[:count]


def c_decode(data: bytes) -> list[Event]:
    """Every event of a stream by the C; neighbouring bytes of text as one."""
    out = ctypes.create_string_buffer(16 + 8 * len(data))
    used = library().codec_decode(data, len(data), out)
    events: list[Event] = []
    at, raw = 0, out.raw[:used]
    while at < used:
        kind, length = raw[at], int.from_bytes(raw[at + 1 : at + 3], "little")
        body = raw[at + 3 : at + 3 + length]
        at += 3 + length
        if kind == 1 and events and isinstance(events[-1], Text):
            events[-1] = Text(events[-1].data + body)
        else:
            events.append(Text(body) if kind == 1 else Frame(body[0], body[1], body[2:]) if kind == 2 else Damaged())
    return events
