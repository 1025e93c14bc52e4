"""The C front end, compiled for this computer and called from Python."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tinyclap_export.errors import ExportError
from tinyclap_export.host import find_compiler

from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.frontend.quantize import input_multiplier
from tinyclap_edge.frontend.reference import frame_pcm
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import emit_c
from tinyclap_edge.resources import firmware_dir

FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-fno-sanitize=undefined")  # zig turns the sanitizer on by itself
INSTALL_COMPILER = 'pip install "tinyclap-edge[zig]"'


class NativeLogMel:
    """The firmware's front end as a shared library. Raises ToolMissing when there is no C compiler."""

    def __init__(self, spec: FrontendSpec) -> None:
        self.spec = spec
        self._library = ctypes.CDLL(str(shared_library(spec)))
        self._scratch = np.empty(spec.n_fft, np.int32)  # tce_logmel is 4 n_fft bytes

    def frames(self, pcm: np.ndarray) -> np.ndarray:
        """Log-mel in 1/256 dB of int16 PCM (n,): int16 (T, mel_bins). See fixed.logmel_q8."""
        pcm = np.ascontiguousarray(pcm)
        count = len(frame_pcm(pcm, self.spec))
        rows = np.empty((count, self.spec.mel_bins), np.int16)
        scratch, source, target = (array.ctypes.data for array in (self._scratch, pcm, rows))
        for t in range(count):
            self._library.tce_logmel_frame(
                ctypes.c_void_p(scratch),
                ctypes.c_void_p(source + 2 * t * self.spec.hop_samples),
                ctypes.c_void_p(target + 2 * t * self.spec.mel_bins),
            )
        return rows

    def quantize(self, q8: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
        """int16 features of any shape to int8. See quantize.quantize_features."""
        multiplier, shift = input_multiplier(scale, self.spec)
        q8 = np.ascontiguousarray(q8, np.int16)
        out = np.empty(q8.shape, np.int8)
        self._library.tce_logmel_quantize_row(
            ctypes.c_void_p(q8.ctypes.data),
            ctypes.c_void_p(out.ctypes.data),
            ctypes.c_int(q8.size),
            ctypes.c_int32(multiplier),
            ctypes.c_int(shift),
            ctypes.c_int32(zero_point),
        )
        return out


@functools.lru_cache(maxsize=16)
def shared_library(spec: FrontendSpec) -> Path:
    """The compiled library, from the user's cache where it has been built before.

    Its name hashes sources, tables, compiler and flags. It is written beside its place and renamed, so that two
    processes may build it at once.
    """
    compiler = host_compiler()
    folder = firmware_dir() / "frontend"
    with tempfile.TemporaryDirectory(prefix="tce-logmel-") as scratch:
        tables = emit_c(spec, Path(scratch))
        inputs = [*sorted(folder.glob("*.h")), *sorted(folder.glob("*.c")), *tables]
        digest = hashlib.sha256(repr((compiler, FLAGS, sys.platform)).encode())
        for path in inputs:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        target = cache_dir() / f"logmel-{digest.hexdigest()[:24]}.{'dll' if os.name == 'nt' else 'so'}"
        if target.exists():
            return target
        sources = [str(path) for path in inputs if path.suffix == ".c"]
        built = Path(scratch) / target.name
        command = [*compiler, *FLAGS, f"-I{folder}", f"-I{scratch}", *sources, "-o", str(built)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines()
            raise ToolMissing(
                f"{compiler[0]} cannot compile the front end: {lines[0] if lines else 'it says nothing'}",
                f"install another compiler: {INSTALL_COMPILER}",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(f".{os.getpid()}.tmp")
        shutil.copyfile(built, beside)
        beside.replace(target)
    return target


def host_compiler() -> tuple[str, ...]:
    """The command that compiles C for this computer; ToolMissing where there is none."""
    try:
        return tuple(find_compiler())
    except ExportError as error:
        raise ToolMissing(error.fact, INSTALL_COMPILER) from error


def cache_dir() -> Path:
    """Where compiled libraries are kept: $TINYCLAP_CACHE, or the user's cache directory."""
    if os.environ.get("TINYCLAP_CACHE"):
        return Path(os.environ["TINYCLAP_CACHE"]) / "native"
    if os.name == "nt":
        root = Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local")))
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "tinyclap-edge" / "native"
