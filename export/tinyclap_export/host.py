"""Generated C on this PC: compile a library to a shared object, call it through ctypes.

    HostEncoder(c_dir).run(x)     x: int8 (n, ...), one sample a row; returns int8 (n, ...)

The same C files go into firmware, so what runs here are the integers a board computes.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyclap_export.errors import ExportError

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
_BUILT: dict[tuple[str, ...], ctypes.CDLL] = {}  # shared objects of this process, by content and command


def find_compiler() -> list[str]:
    """A C compiler for this PC as a command line: $CC, cc, gcc, clang, or zig (of the ziglang package, or on PATH).

    Raises ExportError (exit code 3) with the line that installs one.
    """
    named = os.environ.get("CC")
    if named:
        return named.split()
    for program in ("cc", "gcc", "clang"):
        if shutil.which(program):
            return [program]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    if shutil.which("zig"):
        return ["zig", "cc"]
    raise ExportError("no C compiler was found", "pip install ziglang", exit_code=3)


def compile_shared(
    sources: Sequence[Path],
    include_dirs: Sequence[Path] = (),
    flags: Sequence[str] = ("-O2",),
    compiler: Sequence[str] | None = None,
) -> ctypes.CDLL:
    """Compile C files into one shared object and load it. Built once a process for the same contents and command.

    Raises ExportError (exit code 3) with the compiler's first error line when it fails.
    """
    command = list(compiler or find_compiler())
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    for folder in include_dirs:
        for include in sorted(folder.rglob("*.h")):
            digest.update(include.read_bytes())
    key = (digest.hexdigest(), *command, *flags)
    if key not in _BUILT:
        with tempfile.TemporaryDirectory(prefix="tce-host-") as build:
            shared = Path(build) / "encoder.so"
            includes = [f"-I{d}" for d in include_dirs]
            line = [*command, "-std=c11", *flags, *WARNINGS, *includes, "-shared", "-fPIC", *map(str, sources),
                    "-o", str(shared)]  # fmt: skip
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                message = next((ln for ln in done.stderr.splitlines() if "error" in ln), done.stderr.strip()[:200])
                raise ExportError(f"the C compiler failed: {message}", f"command: {command[0]}", exit_code=3)
            _BUILT[key] = ctypes.CDLL(str(shared))  # stays mapped after the file is gone
    return _BUILT[key]


def header_macros(text: str) -> dict[str, float]:
    """Numeric #define lines of a generated header, by name; integers stay int."""
    found: dict[str, float] = {}
    for name, value in re.findall(r"^#define (TCE_\w+) \(?(-?[0-9.e+-]+?)f?\)?$", text, re.MULTILINE):
        found[name] = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
    return found


class HostEncoder:
    """A generated library, compiled and loaded. Sizes come from its header, so the folder is all it needs."""

    def __init__(
        self,
        c_dir: str | Path,
        name: str = "encoder",
        flags: Sequence[str] = ("-O2",),
        compiler: Sequence[str] | None = None,
    ) -> None:
        folder = Path(c_dir)
        header = folder / f"tce_{name}.h"
        if not header.is_file():
            raise ExportError(f"{folder} holds no tce_{name}.h", "generate the library first", exit_code=2)
        text = header.read_text()
        sources = sorted(folder.glob("*.c")) + sorted((folder / "engine").glob("*.c"))
        library = compile_shared(sources, [folder], flags, compiler)
        self._attach(library, name, text)

    @classmethod
    def from_shared(cls, library: ctypes.CDLL, name: str, header_text: str) -> HostEncoder:
        """An encoder inside a shared object that holds several (one compilation for many graphs)."""
        encoder = cls.__new__(cls)
        encoder._attach(library, name, header_text)
        return encoder

    def _attach(self, library: ctypes.CDLL, name: str, header_text: str) -> None:
        macros = header_macros(header_text)
        stem = f"TCE_{name.upper()}_"
        self.name = name
        self.macros = {key.removeprefix(stem): value for key, value in macros.items() if key.startswith(stem)}
        self.arena_bytes = int(self.macros["ARENA_BYTES"])
        self.layer_functions = re.findall(rf"^void (tce_{name}_layer_\w+)\(", header_text, re.MULTILINE)
        shape = re.search(r"^/\* .*: int8 ([\[\]0-9]+|scalar) \*/\n#define " + stem + "OUTPUT_BYTES", header_text, re.M)
        self.output_shape = tuple(int(d) for d in re.findall(r"\d+", shape.group(1))) if shape else ()
        self._library = library
        self._arena = np.zeros(self.arena_bytes + 16, np.uint8)
        start = -self._arena.ctypes.data % 16
        self.arena = self._arena[start : start + self.arena_bytes]  # (arena_bytes,) uint8, 16-byte aligned
        self._pointer = ctypes.c_void_p(self.arena.ctypes.data)
        self._run = getattr(library, f"tce_{name}_run")
        self._run.restype = None

    def _offset(self, which: str) -> int:
        function = getattr(self._library, f"tce_{self.name}_{which}")
        function.restype = ctypes.c_void_p
        return int(function(self._pointer)) - self.arena.ctypes.data

    def _view(self, which: str) -> np.ndarray:
        offset, size = self._offset(which), int(self.macros[f"{which.upper()}_BYTES"])
        return self.arena[offset : offset + size].view(np.int8)

    def run(self, *inputs: np.ndarray) -> np.ndarray:
        """int8 (n, ...) inputs, one array a graph input, to the first output's int8 (n, ...).

        Row i of the result belongs to row i of the inputs; the graph's own leading dimension of 1 is not repeated.
        """
        batches = [self._rows(i, x) for i, x in enumerate(inputs)]
        out = np.empty((len(batches[0]), int(self.macros["OUTPUT_BYTES"])), np.int8)
        views = [self._view("input" + ("" if i == 0 else f"_{i}")) for i in range(len(batches))]
        result = self._view("output")
        for row in range(len(out)):
            for view, batch in zip(views, batches, strict=True):
                view[:] = batch[row]
            self._run(self._pointer)
            out[row] = result
        shape = self.output_shape[1:] if self.output_shape[:1] == (1,) else self.output_shape
        return out.reshape(len(out), *shape)

    def _rows(self, index: int, x: np.ndarray) -> np.ndarray:
        suffix = "" if index == 0 else f"_{index}"
        size = int(self.macros[f"INPUT{suffix}_BYTES"])
        if x.dtype != np.int8 or x.ndim < 1 or x.size != len(x) * size:
            raise ExportError(f"input {index} is {x.dtype}{list(x.shape)}, not int8 with {size} codes a sample",
                              "quantize the input and stack samples along the first axis", exit_code=2)  # fmt: skip
        return np.ascontiguousarray(x).reshape(len(x), size)

    def run_rows(self, inputs: np.ndarray) -> np.ndarray:
        """As `run`, but row after row through `push` (schedule `rows`), in the smaller arena that this needs.

        Raises ExportError (exit code 6) if anything behind that arena was written.
        """
        if "PUSH_ARENA_BYTES" not in self.macros:
            raise ExportError(f"the library {self.name} takes no rows", "generate it with schedule='rows'", exit_code=2)
        batch = self._rows(0, inputs)
        behind = self.arena[int(self.macros["PUSH_ARENA_BYTES"]) :]
        rows, row_bytes = (int(self.macros[f"INPUT_{what}"]) for what in ("ROWS", "ROW_BYTES"))
        start, push = (getattr(self._library, f"tce_{self.name}_{what}") for what in ("start", "push"))
        start.restype = push.restype = None
        out = np.empty((len(batch), int(self.macros["OUTPUT_BYTES"])), np.int8)
        for index, sample in enumerate(batch):
            behind[:] = 0xA5
            start(self._pointer)
            for row in range(rows):
                push(self._pointer, ctypes.c_void_p(sample.ctypes.data + row * row_bytes))
            out[index] = self._view("output")
            if np.any(behind != 0xA5):
                raise ExportError(f"the library {self.name} writes behind its arena", "report this bug", exit_code=6)
        shape = self.output_shape[1:] if self.output_shape[:1] == (1,) else self.output_shape
        return out.reshape(len(out), *shape)

    def output(self, index: int = 0) -> np.ndarray:
        """A copy of output `index` of the last sample that ran, flat int8."""
        return self._view("output" + ("" if index == 0 else f"_{index}")).copy()

    def steps(self, *inputs: np.ndarray):
        """Run one sample layer by layer: yields the layer's index after each, with the arena as that layer left it."""
        for i, x in enumerate(inputs):
            self._view("input" + ("" if i == 0 else f"_{i}"))[:] = self._rows(i, x[None])[0]
        for index, function in enumerate(self.layer_functions):
            layer = getattr(self._library, function)
            layer.restype = None
            layer(self._pointer)
            yield index
