"""What a person sees: the command lines of the pages, run in an empty directory, with what they print and return.

python -m benchmarks.console        writes benchmarks/results/console.json
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.store import ROOT, save_result

SESSION = (  # name, command line; they run in this order, in one directory that holds examples/
    (
        "export",
        'tinyclap-edge export --board stm32h7 --labels "dog barking, glass breaking, rain, speech" --out doorman',
    ),
    ("build", "tinyclap-edge build doorman"),
    (
        "classify",
        "tinyclap-edge classify examples/dog_barking.wav examples/glass_breaking.wav --bundle doorman --target emulator",
    ),
    ("bench", "tinyclap-edge bench --bundle doorman"),
    ("students", "tinyclap-edge students list"),
    (
        "labels",
        'tinyclap-edge labels encode "kettle whistling" "owl" --student nucleo --encoder doorman --out night.tlp',
    ),
    ("unknown-board", "tinyclap-edge export --board stm32h8 --labels rain --out x"),
    ("same-words", 'tinyclap-edge export --board stm32h7 --labels "rain, Rain" --out x'),
)
_RUN = "import sys; sys.argv[0] = 'tinyclap-edge'; from tinyclap_edge.cli.main import run; run()"


def main() -> None:
    """Run the session."""
    with tempfile.TemporaryDirectory(prefix="tce-console-") as work:
        shutil.copytree(
            ROOT / "examples", Path(work) / "examples", ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )
        save_result("console", {"session": {name: _run(line, Path(work)) for name, line in SESSION}})


def _run(line: str, folder: Path) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'export'}", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *shlex.split(line)[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(line, "->", done.returncode, flush=True)
    return {
        "command": line,
        "exit_code": done.returncode,
        "stdout": _lines(done.stdout, folder),
        "stderr": _lines(done.stderr, folder),
    }


def _lines(text: str, folder: Path) -> list[str]:
    """Lines without trailing spaces, blank ones at the ends, and the temporary directory's name."""
    shown = text.replace(f"{folder.resolve()}{os.sep}", "").replace(f"{folder}{os.sep}", "")
    lines = [line.rstrip() for line in shown.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


if __name__ == "__main__":
    main()
