"""The upload itself: `pio run -t upload`, with the command of the board's tool, and its failure in one sentence."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinyclap_edge.boards import Board, load_boards
from tinyclap_edge.device.flash_errors import RETRY, explain
from tinyclap_edge.device.flash_tools import Choice, Job
from tinyclap_edge.device.platformio_core import platformio_environment
from tinyclap_edge.device.registry_project import REGISTRY_TIER
from tinyclap_edge.device.toolchain import ENVIRONMENT_VARIABLE
from tinyclap_edge.errors import DeviceError, ToolMissing

UPLOAD_VARIABLE = "TINYCLAP_UPLOAD"  # the bare platform's builder runs it as PlatformIO's UPLOADCMD
TIMEOUT_S = 600

Say = Callable[[str], None]


def upload(project: Path, board: Board, choice: Choice, job: Job, toolchain: str | None, on_line: Say) -> None:
    """Write the image of `job`. A tool that has several speeds is tried at each where the chip does not answer."""
    for attempt, baud in enumerate(choice.tool.bauds):
        if attempt:
            on_line(f"no answer; once more at {baud} baud")
        command = choice.command(replace(job, baud=baud))
        environment = platformio_environment() | {UPLOAD_VARIABLE: shlex.join(command).replace("$", "$$")}
        if toolchain:
            environment[ENVIRONMENT_VARIABLE] = toolchain
        code, output = run_platformio(["run", "-e", board.name, "-t", "upload"], project, environment, on_line)
        if code == 0:
            return
        if not RETRY.search(output):
            break
    raise explain(_upload_part(output, command), choice.tool.name, board.name, job.port)


def upload_by_registry(project: Path, board: Board, port: str, on_line: Say) -> None:
    """Build and flash a board of a registry platform by PlatformIO's own means, with the user's packages."""
    environment = {k: v for k, v in os.environ.items() if k != "PLATFORMIO_UPLOAD_PORT"} | {
        "PLATFORMIO_NO_ANSI": "true"
    }
    command = ["run", "-e", board.name, "-t", "upload", "--upload-port", port]
    code, output = run_platformio(command, project, environment, on_line)
    if code:
        raise explain(output, "PlatformIO", board.name, port)


def check_registry_platform(board: Board) -> None:
    """ToolMissing (3) unless the platform that builds a board of tier C is installed: PlatformIO would try its registry for
    a minute, and then say nothing where there is no network."""
    core = Path(os.environ.get("PLATFORMIO_CORE_DIR") or Path.home() / ".platformio")
    name = board.platformio.platform.split("@")[0]
    if not any(core.glob(f"platforms/{name}*/platform.json")):
        emulated = [b.name for b in load_boards().values() if b.tier != REGISTRY_TIER and b.emulator.unicorn]
        raise ToolMissing(
            f"{board.name} is built by PlatformIO's platform {board.platformio.platform}, which is not installed",
            f"with a network: pio pkg install -g -p {shlex.quote(board.platformio.platform)}; without one, boards that build here: "
            + ", ".join(emulated),
        )


def run_platformio(arguments: list[str], project: Path, environment: dict[str, str], on_line: Say) -> tuple[int, str]:
    """(exit code, all it said). Started in the project: PlatformIO reads its state before it looks at -d."""
    command = [sys.executable, "-m", "platformio", *arguments]
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            for raw in process.stdout:
                lines.append(raw.rstrip())
                on_line(lines[-1])
            code = process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DeviceError(
                "the upload does not end", "unplug the board, plug it in again, and flash it again"
            ) from None
        except BaseException:
            process.terminate()
            raise
    return code, "\n".join(lines)


def _upload_part(output: str, command: list[str]) -> str:
    """What the tool said: PlatformIO's and the compiler's words before it would only mislead. The command itself, which
    a verbose PlatformIO repeats, is left out."""
    _, _, said = output.partition("Uploading ")
    return (said or output).replace(shlex.join(command), "")
