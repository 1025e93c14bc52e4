"""A model image in an emulator: rows of input in, rows of output and counted instructions out.

unicorn runs Cortex-M and RV32 images with every call answered in memory; QEMU runs what only it models (Cortex-M55),
with a real file of inputs and a plugin of ours that counts.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.emulator.attribution import PhaseMap
from tinyclap_edge.device.emulator.counting import make_counter
from tinyclap_edge.device.emulator.qemu_target import MACHINES, _check_memory
from tinyclap_edge.device.emulator.semihosting import SemihostingFiles
from tinyclap_edge.device.emulator.unicorn_target import _Machine
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.engine.counted import Counts, counts_of, model_phases
from tinyclap_edge.errors import DeviceError, ToolMissing, UsageError

ENGINES = ("unicorn", "qemu")
INPUTS_FILE = "inputs.bin"
DEFAULT_TIMEOUT_S = 600.0
_PLUGIN = Path(__file__).with_name("qemu_counter.c")
_ROW = re.compile(r"Y (\d+) ([0-9a-f]+)")
_END = re.compile(r"END samples=(\d+) stack=(\d+)")


@dataclass(frozen=True)
class Emulated:
    """One run over n samples. outputs: (n, bytes of all outputs) uint8. counts: None where nothing counts."""

    outputs: np.ndarray
    counts: Counts | None
    stack_bytes: int
    engine: str


def choose_engine(board: Board, engine: str | None = None) -> str:
    """ "unicorn" where it has the board's core, else "qemu"; `engine` insists on one.

    UsageError (2) for a board that it does not model, ToolMissing (3) where QEMU is not installed.
    """
    if engine not in (None, *ENGINES):
        raise UsageError(f"unknown emulator {engine!r}", f"one of {', '.join(ENGINES)}")
    modelled = {"unicorn": board.emulator.unicorn, "qemu": board.emulator.qemu}
    if engine is None:
        engine = next((name for name in ENGINES if modelled[name]), None)
        if engine is None:
            raise UsageError(
                f"no emulator here runs {board.name} ({board.core})",
                "--target host runs the same integers; `tinyclap-edge boards` lists the emulated boards",
            )
    elif not modelled[engine]:
        raise UsageError(
            f"{engine} has no model of {board.name} ({board.core})", "`tinyclap-edge boards` lists the emulated ones"
        )
    if engine == "qemu":
        machine = MACHINES.get(board.emulator.qemu)
        if machine is None:
            raise UsageError(f"QEMU has no machine for {board.name}", "`tinyclap-edge boards` lists the emulated ones")
        if shutil.which(machine.program) is None:
            raise ToolMissing(f"{machine.program} is not installed", f"apt-get install {machine.package}")
    return engine


def emulate(board: Board, elf: Path, rows: np.ndarray, engine: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> Emulated:
    """Runs a model image over rows (n, bytes of all inputs) uint8. DeviceError when the image fails or never ends."""
    image = read_elf(elf)
    phases = model_phases(image)
    text, code, counted = (_unicorn if engine == "unicorn" else _qemu)(board, elf, image, phases, rows, timeout_s)
    outputs, stack = parse_rows(text, code, len(rows))
    counts = counts_of(phases, counted, len(rows)) if counted is not None else None
    return Emulated(outputs, counts, stack, engine)


def parse_rows(text: str, exit_code: int | None, samples: int) -> tuple[np.ndarray, int]:
    """Outputs (samples, bytes) uint8 and stack bytes from the runner's text; DeviceError for anything incomplete."""
    rows: list[bytes] = []
    for line in text.splitlines():
        if line.startswith("ERROR "):
            raise DeviceError(f"the image stopped: {line.removeprefix('ERROR ')}", "is it built for this model?")
        if match := _ROW.fullmatch(line):
            if int(match[1]) != len(rows):
                raise DeviceError(f"the image printed row {match[1]} where {len(rows)} was due")
            rows.append(bytes.fromhex(match[2]))
        elif (match := _END.fullmatch(line)) and int(match[1]) == len(rows) == samples and exit_code == 0:
            return np.frombuffer(b"".join(rows), np.uint8).reshape(samples, -1), int(match[2])
    last = (text.splitlines() or ["no text at all"])[-1][:80]
    raise DeviceError(
        f"the image did not finish (exit code {exit_code}, {len(rows)} of {samples} rows); its last words: {last}",
        "exit code 70 is a CPU fault: most often the stack is too small" if exit_code == 70 else "build it again",
    )


def _unicorn(
    board: Board, elf: Path, image: ElfImage, phases: PhaseMap, rows: np.ndarray, timeout_s: float
) -> tuple[str, int | None, list[int]]:
    files = SemihostingFiles({INPUTS_FILE: rows.tobytes()})
    machine = _Machine(board, image, files)
    counter = make_counter(image, phases)
    counter.attach(machine.engine)
    machine.run(timeout_s)
    return files.console.decode("ascii", "replace"), files.exit_code, counter.counts()


def _qemu(
    board: Board, elf: Path, image: ElfImage, phases: PhaseMap, rows: np.ndarray, timeout_s: float
) -> tuple[str, int | None, list[int] | None]:
    machine = MACHINES[board.emulator.qemu]
    _check_memory(image, machine, board)
    plugin = counter_plugin()
    command = [machine.program, "-M", board.emulator.qemu, "-kernel", "model.elf", "-display", "none",
               "-serial", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native"]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="tce-qemu-") as work:
        folder = Path(work)
        (folder / INPUTS_FILE).write_bytes(rows.tobytes())
        shutil.copyfile(elf, folder / "model.elf")
        lines = [f"{a} {b} {p}" for a, b, p in zip(phases.starts, phases.ends, phases.phases, strict=True)]
        (folder / "map.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
        counting = ["-plugin", f"{plugin},map=map.txt,out=counts.txt"] if plugin is not None else []
        done = _start_qemu([*command, *counting], work, timeout_s)
        if counting and done.returncode and not done.stdout and "plugin" in done.stderr:
            done = _start_qemu(command, work, timeout_s)  # a QEMU that was built without plugins
        if not done.stdout and done.returncode:
            complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DeviceError(f"QEMU ended with exit code {done.returncode}: {complaint}", "QEMU 7.2 or later is known")
        return done.stdout, done.returncode, _read_counts(folder / "counts.txt", phases)


def _start_qemu(command: list[str], work: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=work, timeout=timeout_s, capture_output=True, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"the image ran longer than {timeout_s:g} s in QEMU", "give it fewer rows") from error
    except OSError as error:
        raise DeviceError(f"QEMU could not be started: {error.strerror}") from error


def _read_counts(path: Path, phases: PhaseMap) -> list[int] | None:
    if not path.is_file():
        return None
    counts = [0] * phases.count
    for line in path.read_text(encoding="ascii").splitlines():
        phase, number = (int(word) for word in line.split())
        counts[phase] = number
    return counts


def counter_plugin() -> Path | None:
    """qemu_counter.c compiled for this PC, kept in the user's cache by the hash of its source; None where that fails."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyclap-edge"
    path = root / f"qemu_counter-{hashlib.sha256(_PLUGIN.read_bytes()).hexdigest()[:16]}.so"
    compiler = find_host_cc()
    try:
        if not path.exists():
            if compiler is None:
                return None
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root) as work:  # renamed when complete: another run may look
                built = Path(work) / "counter.so"
                command = [*compiler, "-O2", "-shared", "-fPIC", "-Wl,-z,undefs", "-o", str(built), str(_PLUGIN)]
                if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode != 0:
                    return None
                built.replace(path)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if "," in str(path) else path  # QEMU's options have no way to quote a comma
