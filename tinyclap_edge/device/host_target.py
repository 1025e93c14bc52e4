"""The `host` target: an exported project's own C, compiled for this PC with the host port and run as a program."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.device.build import BuildFailed
from tinyclap_edge.device.platformio_project import read_project
from tinyclap_edge.device.run_result import RunResult, command_line, parse_console
from tinyclap_edge.device.toolchain import ZIG_INSTALL, find_host_cc
from tinyclap_edge.errors import DeviceError, ToolMissing
from tinyclap_edge.resources import firmware_dir

LIBRARIES = ("app", "encoder", "frontend", "gate", "labels", "protocol")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
TIMEOUT_S = 600


@dataclass(frozen=True)
class HostTarget:
    """Runs the C of one firmware project on this PC. `build` compiles; `run` takes what it returned."""

    flags: tuple[str, ...] = FLAGS
    name: str = "host"

    def build(self, project: Path | str, out: Path | str, encoder: Path | None = None) -> Path:
        """Compile the project into the program `out`. ToolMissing without a compiler, BuildFailed with its words.

        encoder: a library of the portable kernels that takes the place of the project's own, which holds its board's.
        """
        project, out = Path(project), Path(out)
        read_project(project)
        compiler = find_host_cc()
        if compiler is None:
            raise ToolMissing("no C compiler for this PC is installed", ZIG_INSTALL)
        own = {name: project / "lib" / name for name in LIBRARIES}
        if encoder is not None:
            own["encoder"] = encoder
        folders = [project / "src", *own.values(), own["encoder"] / "engine"]
        sources = [path for folder in folders for path in sorted(folder.glob("*.c"))]
        ports = firmware_dir() / "ports"
        includes = [f"-I{folder}" for folder in (*folders, ports)]
        files = [str(path) for path in (*sources, *sorted((ports / "host").glob("*.c")))]
        done = subprocess.run(
            [*compiler, *self.flags, *includes, *files, "-o", str(out)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BuildFailed(f"the C of {project} does not compile here: {done.stderr.strip()[:400]}")
        return out

    def run(self, elf: Path | str, pcm: np.ndarray, hop_frames: int | None = None) -> RunResult:
        """One run of the built program over int16 PCM (n,)."""
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="tce-host-") as work:
            Path(work, "pcm.bin").write_bytes(np.ascontiguousarray(pcm, "<i2").tobytes())
            command = [os.fspath(Path(elf).resolve()), *command_line(hop_frames).split()]
            try:
                done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise DeviceError(f"the host program did not finish: {error}") from error
        banner, windows, stack = parse_console(done.stdout, done.returncode)
        return RunResult(banner, windows, stack, None, {}, "host", time.perf_counter() - started)
