"""The firmware's label code, compiled for this PC, and small packs to give it."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.resources import firmware_dir

FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror"]


class CLabels(ctypes.Structure):
    """tce_labels of firmware/labels/tce_labels.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("entries", "rows", "names", "encoder_id", "frontend_id")),
        *((name, ctypes.c_int32) for name in ("count", "dim", "stride", "background")),
    )


class Native:
    """The shared library with NumPy at its edge."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        self.lib.tce_labels_open.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        self.lib.tce_labels_score.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]
        self.lib.tce_labels_match.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        self.lib.tce_labels_name.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]
        self.lib.tce_labels_name.restype = ctypes.c_void_p
        self.lib.tce_labels_threshold.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        self.lib.tce_labels_threshold.restype = ctypes.c_int16

    def open(self, data: bytes, offset: int = 0) -> tuple[int, CLabels, np.ndarray]:
        """Return code, view, and the bytes that the view points into, `offset` bytes off an aligned address."""
        held = np.frombuffer(bytes(offset) + data + b"\xff", np.uint8).copy()
        view = CLabels()
        code = self.lib.tce_labels_open(held.ctypes.data + offset, len(data), ctypes.byref(view))
        return code, view, held

    def score(self, view: CLabels, embeddings: np.ndarray, zero_point: int) -> np.ndarray:
        """(n, labels) int16, one call an embedding."""
        out = np.zeros((len(embeddings), view.count), np.int16)
        for embedding, row in zip(np.ascontiguousarray(embeddings), out, strict=True):
            assert not self.lib.tce_labels_score(ctypes.byref(view), embedding.ctypes.data, zero_point, row.ctypes.data)
        return out

    def name(self, view: CLabels, label: int) -> str:
        length = ctypes.c_int32()
        at = self.lib.tce_labels_name(ctypes.byref(view), label, ctypes.byref(length))
        return ctypes.string_at(at, length.value).decode()


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    compiler = find_host_cc()
    assert compiler, "a compiler for this PC is part of the test environment (cc, gcc, clang or ziglang)"
    out = tmp_path_factory.mktemp("labels") / "libtce_labels.so"
    source = firmware_dir() / "labels" / "tce_labels.c"
    subprocess.run([*compiler, *FLAGS, "-shared", "-fPIC", str(source), "-o", str(out)], check=True)
    return Native(out)


@pytest.fixture(scope="session")
def make_pack() -> Callable[..., LabelPack]:
    def make(labels: int = 3, dim: int = 6, seed: int = 0, background: int | None = None) -> LabelPack:
        rng = np.random.default_rng(seed)
        rows = rng.integers(-127, 128, (labels, dim)).astype(np.int8)
        rows[:, 0] = 127
        names = tuple(f"{'sound é' if i % 2 else 'sound'} {i}" for i in range(labels))
        thresholds = rng.integers(-32768, 32768, labels).astype(np.int16)
        return LabelPack("0123456789abcdef", "fedcba9876543210", names, rows, thresholds, background)

    return make
