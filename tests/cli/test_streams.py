"""What a shell does to a program: pipes that close, disks that fill, signals, words that look like markup."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli.command import cli

from tinyclap_edge.cli import output

SHELL = '"$PYTHON" -c "from tinyclap_edge.cli.main import run; run()" '


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """`tinyclap-edge LINE` in bash, which fails when any part of a pipe fails."""
    env = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", SHELL + line], capture_output=True, text=True, env=env, timeout=60
    )


@pytest.mark.parametrize("line", ["boards | head -1", "boards --json | head -1", "boards | true"])
def test_a_reader_that_leaves_early_is_no_error(line: str) -> None:
    done = shell(line)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_early_does_not_hide_a_later_error() -> None:
    done = shell("boards show nope --json | true")
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("line", ["boards", "boards --json", "boards show nope --json"])
def test_a_full_disk_behind_stdout_is_said_on_stderr(line: str) -> None:
    done = shell(line + " >/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to stdout (No space left on device)")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(("line", "code"), [("boards", 0), ("boards --json", 0), ("boards show nope --json", 2)])
def test_a_closed_stdout_swallows_the_answer_and_keeps_the_exit_code(line: str, code: int) -> None:
    done = shell(line + " >&-")
    assert (done.returncode, done.stderr) == (code, "")


def test_a_closed_stderr_keeps_the_exit_code() -> None:
    assert shell("boards show nope 2>&-").returncode == 2


def test_sigterm_leaves_no_temporary_directory(tmp_path: Path) -> None:
    temporary, wav = tmp_path / "tmp", tmp_path / "tone.wav"
    temporary.mkdir()
    soundfile.write(wav, 0.3 * np.sin(np.arange(48000) / 9), 16000)
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    code = "from tinyclap_edge.cli.main import run; run()"
    arguments = [sys.executable, "-c", code, "classify", str(wav), "--board", "stm32f4", "--student", "small"]
    with subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(temporary.glob("tinyclap-*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert list(temporary.iterdir()) == []


def test_debug_adds_the_traceback_and_keeps_fact_hint_and_exit_code() -> None:
    done = cli("boards", "show", "stm32h77", "--debug")
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback")
    assert "\nerror: unknown board 'stm32h77'\nhint: " in done.stderr
    done = cli("boards", "show", "stm32h77", "--debug", "--json")
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


def test_what_a_user_wrote_is_shown_letter_by_letter(capsys: pytest.CaptureFixture[str]) -> None:
    text = "a[/b] [red]c :dog: d"
    output.say(text)
    output.warn(text)
    with output.progress(text):
        pass
    output.table(text, [text], [[text]])
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [text, "warning: " + text, text + " ..."]
    assert shown.out.count(text) == 3


def test_the_progress_bar_of_a_terminal_shows_markup_as_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from rich.console import Console

    to = io.StringIO()
    monkeypatch.setattr(output, "console", lambda: Console(file=to, force_terminal=True, width=100, markup=False))
    with output.progress("exporting a[/b] :dog:", 3) as advance:
        advance(3)
    assert "exporting a[/b] :dog:" in to.getvalue()
