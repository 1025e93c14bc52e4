"""Two counters behind one interface: the C hook where this PC has a compiler, plain Python otherwise. They count alike."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Protocol

from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.device.emulator.attribution import INHERIT, START, PhaseMap
from tinyclap_edge.device.toolchain import find_host_cc

_SOURCE = Path(__file__).with_name("block_counter.c")


class Counter(Protocol):
    """Counts the instructions of a run by phase."""

    def attach(self, engine: Any) -> None:
        """Adds the block hook to a unicorn engine."""

    def counts(self) -> list[int]:
        """Instructions by phase."""


class PythonCounter:
    """Block hook in Python: about 30 million instructions a second."""

    def __init__(self, image: ElfImage, phases: PhaseMap) -> None:
        self._phases = phases
        self._code = [(s.address, s.data) for s in image.sections if s.executable and s.in_file]
        self._thumb = image.machine == "arm"
        self._known: dict[tuple[int, int], tuple[int, int]] = {}
        self._counts = [0] * phases.count
        self._phase = START

    def attach(self, engine: Any) -> None:
        """Adds the hook."""
        from unicorn import UC_HOOK_BLOCK

        engine.hook_add(UC_HOOK_BLOCK, self._block)

    def counts(self) -> list[int]:
        """Instructions by phase."""
        return list(self._counts)

    def _block(self, _engine: Any, address: int, size: int, _user: Any) -> None:
        known = self._known.get((address, size))
        if known is None:
            known = (count_instructions(self._code, address, size, self._thumb), self._phases.phase_at(address))
            self._known[address, size] = known
        instructions, phase = known
        if phase != INHERIT:
            self._phase = phase
        self._counts[self._phase] += instructions


def count_instructions(code: list[tuple[int, bytes]], address: int, size: int, thumb: bool) -> int:
    """Instructions in `size` bytes at `address`, by their lengths. `code` holds (address, bytes) of the executable sections."""
    for start, data in code:
        if not start <= address <= address + size <= start + len(data):
            continue
        at, count = address - start, 0
        end = at + size
        while at < end:
            wide = data[at + 1] >> 3 >= 0x1D if thumb else data[at] & 3 == 3
            at += 4 if wide else 2
            count += 1
        return count
    return size // 2


class _State(ctypes.Structure):
    _fields_ = [
        ("starts", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("phases", ctypes.c_void_p),
        ("functions", ctypes.c_uint32),
        ("code_starts", ctypes.c_void_p),
        ("code_sizes", ctypes.c_void_p),
        ("code_bytes", ctypes.c_void_p),
        ("codes", ctypes.c_uint32),
        ("thumb", ctypes.c_uint32),
        ("phase", ctypes.c_int32),
        ("overflow", ctypes.c_uint32),
        ("counts", ctypes.c_void_p),
    ]


class NativeCounter:
    """The hook of block_counter.c."""

    def __init__(self, library: ctypes.CDLL, image: ElfImage, phases: PhaseMap) -> None:
        self._library = library
        codes = [(s.address, s.data) for s in image.sections if s.executable and s.in_file]
        n, m = len(phases.starts), len(codes)
        bytes_of = [ctypes.create_string_buffer(data, len(data)) for _, data in codes]
        self._counts = (ctypes.c_uint64 * phases.count)()
        # everything that C points into is kept alive by this object
        self._keep: list[Any] = [
            (ctypes.c_uint32 * n)(*phases.starts),
            (ctypes.c_uint32 * n)(*phases.ends),
            (ctypes.c_int32 * n)(*phases.phases),
            (ctypes.c_uint32 * m)(*(a for a, _ in codes)),
            (ctypes.c_uint32 * m)(*(len(d) for _, d in codes)),
            (ctypes.c_void_p * m)(*(ctypes.addressof(b) for b in bytes_of)),
            bytes_of,
        ]
        library.tce_counter_size.restype = ctypes.c_uint64
        self._memory = ctypes.create_string_buffer(library.tce_counter_size())
        state = _State.from_buffer(self._memory)
        for name, array in zip(
            ("starts", "ends", "phases", "code_starts", "code_sizes", "code_bytes"), self._keep, strict=False
        ):
            setattr(state, name, ctypes.addressof(array))
        state.functions, state.codes = n, m
        state.thumb = int(image.machine == "arm")
        state.phase = START
        state.counts = ctypes.addressof(self._counts)

    def attach(self, engine: Any) -> None:
        """Adds the hook through unicorn's own library, since its Python class wraps every callback in Python."""
        from unicorn import UC_HOOK_BLOCK
        from unicorn.unicorn_py3.unicorn import uclib

        self._handle = ctypes.c_size_t()
        hook = ctypes.cast(self._library.tce_counter_block, ctypes.c_void_p)
        status = uclib.uc_hook_add(
            engine._uch,
            ctypes.byref(self._handle),
            UC_HOOK_BLOCK,
            hook,
            ctypes.c_void_p(ctypes.addressof(self._memory)),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),  # begin > end: every address
        )
        if status != 0:
            raise OSError(f"uc_hook_add failed with {status}")

    def counts(self) -> list[int]:
        """Instructions by phase."""
        return list(self._counts)


def _library() -> ctypes.CDLL | None:
    """block_counter.c compiled for this PC, kept in the user's cache by the hash of its source; None where that fails."""
    source = _SOURCE.read_bytes()
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyclap-edge"
    path = root / f"block_counter-{hashlib.sha256(source).hexdigest()[:16]}.so"
    try:
        if not path.exists():
            compiler = find_host_cc()
            if compiler is None:
                return None
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=root
            ) as work:  # renamed when complete: another run may look at the same time
                built = Path(work) / "counter.so"
                command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(built), str(_SOURCE)]
                if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode != 0:
                    return None
                built.replace(path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.TimeoutExpired):
        return None


def make_counter(image: ElfImage, phases: PhaseMap) -> Counter:
    """The fastest counter that works here."""
    library = _library()
    try:
        import unicorn.unicorn_py3.unicorn as binding

        usable = library is not None and hasattr(binding, "uclib")
    except ImportError:
        usable = False
    return NativeCounter(library, image, phases) if library is not None and usable else PythonCounter(image, phases)
