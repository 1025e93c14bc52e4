"""One window through an export's C with a watch on its layers: in unicorn, and on this PC.

In unicorn the very image runs: at the entry of each layer's function the one before it is complete. On this PC a copy
of the generated C is compiled that reports each layer's call; the layers themselves are compiled as they are.
"""

from __future__ import annotations

import ctypes
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.host import HostEncoder, compile_shared
from tinyclap_export.host_stream import HostStream

from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.layer_watch import LayerWatch
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.semihosting import SemihostingFiles
from tinyclap_edge.device.emulator.unicorn_target import DEFAULT_TIMEOUT_S, virtual_board
from tinyclap_edge.device.run_result import command_line
from tinyclap_edge.errors import NumbersDiffer
from tinyclap_edge.frontend.native import NativeLogMel
from tinyclap_edge.frontend.spec import FrontendSpec

QUANTIZE = "tce_logmel_quantize_row"  # (q8, out, count, ...): the log-mel of a row is complete when it is called
_CALL = re.compile(r"^( +)(tce_\w+_layer_\w+)\(arena(, y)?\);$", re.MULTILINE)
_TRACE = "extern void (*tce_watch)(const char *, int32_t, const uint8_t *);"
_TRACE_C = "#include <stdint.h>\n{extern}\nvoid (*tce_watch)(const char *, int32_t, const uint8_t *) = 0;\n"


def watch_image(board: Board, elf: Path, pcm: np.ndarray, hop_frames: int, watch: LayerWatch) -> None:
    """Run an image in unicorn over the PCM of one window, from `stream_of_windows`, or of a stream. DeviceError as any run."""
    image = read_elf(elf)
    files = SemihostingFiles({"pcm.bin": np.ascontiguousarray(pcm, "<i2").tobytes()}, command_line(hop_frames))
    machine = virtual_board(board, image, files)
    arguments = _argument_registers(image.machine)
    _Probes(machine.engine, arguments, watch).attach({f.address: f.name for f in image.functions})
    machine.run(DEFAULT_TIMEOUT_S)


def _argument_registers(machine: str) -> tuple[int, int, int]:
    if machine == "arm":
        from unicorn import arm_const as arm

        return arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2
    from unicorn import riscv_const as riscv

    return riscv.UC_RISCV_REG_A0, riscv.UC_RISCV_REG_A1, riscv.UC_RISCV_REG_A2


class _Probes:
    """Hooks at function entries; what the function before has made is looked at then."""

    def __init__(self, engine: Any, arguments: tuple[int, int, int], watch: LayerWatch) -> None:
        self._engine, self._arguments, self._watch = engine, arguments, watch
        self._names: dict[int, str] = {}
        self._layer: tuple[str, int, int] | None = None  # function, arena, y of the call under way
        self._input: tuple[int, int] | None = None  # address, bytes of the input row under way
        self._rows = 0

    def attach(self, functions: dict[int, str]) -> None:
        from unicorn import UC_HOOK_CODE

        ends = ("tce_labels_score", "tce_encoder_output")
        self._names = {a: n for a, n in functions.items() if n in (*self._watch.places, QUANTIZE, *ends)}
        for address in self._names:
            self._engine.hook_add(UC_HOOK_CODE, self._entered, begin=address, end=address)

    def _entered(self, engine: Any, address: int, size: int, user: Any) -> None:
        if self._watch.found is not None:
            return
        name = self._names[address]
        first, second, third = (int(engine.reg_read(register)) for register in self._arguments)
        self._finish()
        if name == QUANTIZE:
            self._watch.row("log-mel", self._rows, bytes(engine.mem_read(first, 2 * third)))
            self._input = second, third
        elif name in self._watch.places:
            self._layer = name, first, second

    def _finish(self) -> None:
        if self._input is not None:
            self._watch.row("network input", self._rows, bytes(self._engine.mem_read(*self._input)))
            self._input, self._rows = None, self._rows + 1
        if self._layer is not None:
            function, arena, y = self._layer
            span = self._watch.span(function, y)
            if span is not None:
                self._watch.called(function, y, bytes(self._engine.mem_read(arena + span[0], span[1])))
            self._layer = None


class _ExportedLogMel(NativeLogMel):
    """The front end of an export, from its own files."""

    def __init__(self, spec: FrontendSpec, sources: Path) -> None:
        self.spec = spec
        self._library = compile_shared(sorted(sources.glob("*.c")), [sources])
        self._scratch = np.empty(spec.n_fft, np.int32)


def watch_frontend(sources: Path, spec: FrontendSpec, pcm: np.ndarray, quant: Any, watch: LayerWatch) -> None:
    """The front end's C in `sources`, compiled for this PC, on one window. quant: of the network's input."""
    native = _ExportedLogMel(spec, sources)
    features = native.frames(pcm)
    inputs = native.quantize(features, float(quant.s), quant.z)
    for index, (row, codes) in enumerate(zip(features, inputs, strict=True)):
        watch.row("log-mel", index, row.astype("<i2").tobytes())
        watch.row("network input", index, codes.tobytes())


def _reported(call: re.Match[str]) -> str:
    space, function, y = call[1], call[2], call[3]
    return f'{space}{function}(arena{y or ""});\n{space}tce_watch("{function}", {"y" if y else "-1"}, arena);'


def watch_library(
    library: Path, work: Path, inputs: np.ndarray, watch: LayerWatch, at: Sequence[int] | None = None
) -> None:
    """A generated library of the portable kernels on the reference's own input (frames, mels) int8.

    at: of a continuous library, the rows after which it is asked for an embedding; inputs are then (rows, mels).
    library: the folder with tce_encoder.c; `work` gets the copy that reports. NumbersDiffer where it has no calls.
    """
    shutil.copytree(library, work)
    source = work / "tce_encoder.c"
    text, calls = _CALL.subn(_reported, source.read_text(encoding="ascii"))
    if not calls:
        raise NumbersDiffer(f"{library} has no layer that could be watched", "export it again")
    source.write_text(f"#include <stdint.h>\n{_TRACE}\n{text}", encoding="ascii")
    (work / "tce_watch.c").write_text(_TRACE_C.format(extern=_TRACE), encoding="ascii")
    sources = [*sorted(work.glob("*.c")), *sorted((work / "engine").glob("*.c"))]
    shared = compile_shared(sources, [work])
    header = (work / "tce_encoder.h").read_text(encoding="ascii")

    @ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p)
    def called(function: bytes, y: int, arena: int) -> None:
        span = watch.span(function.decode(), y)
        if span is not None:
            watch.called(function.decode(), y, ctypes.string_at(arena + span[0], span[1]))

    ctypes.c_void_p.in_dll(shared, "tce_watch").value = ctypes.cast(called, ctypes.c_void_p).value
    if at is None:
        HostEncoder.from_shared(shared, "encoder", header).run(inputs[None])
    else:
        HostStream.from_shared(shared, "encoder", header).run(inputs, at)
