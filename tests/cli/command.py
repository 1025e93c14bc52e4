"""Running the command line as a user does: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def cli(*args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """tinyclap-edge ARGS; `env` adds to the environment (an empty value removes a name)."""
    merged = {**os.environ, "COLUMNS": "120", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **(env or {})}
    code = "from tinyclap_edge.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, env=merged, cwd=cwd, timeout=300
    )


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence of fact, at most one hint, the exit code, and no traceback."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.endswith("...")]
    assert lines[0].startswith("error: "), done.stderr
    assert len(lines) <= 2 and (len(lines) == 1 or lines[1].startswith("hint: ")), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
