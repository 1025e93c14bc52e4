"""`emulate` as a user runs it: a process that prints a port, answers on it, and ends cleanly at Ctrl-C."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.device.link_labels import show
from tinyclap_edge.device.link_port import open_link

RUN = "from tinyclap_edge.cli.main import run; run()"


@pytest.mark.slow
def test_a_board_is_there_until_ctrl_c(exports, tmp_path: Path) -> None:
    export = exports("stm32f4")
    command = [sys.executable, "-c", RUN, "emulate", str(export), "--flash", str(tmp_path / "labels.flash")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    # what a background job of a shell inherits is deaf to Ctrl-C
    hears = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=hears
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.startswith("/dev/"), process.stderr.read() if process.stderr else ""
        with open_link(port) as link:
            device, labels = show(link)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    with open_bundle(export) as bundle:
        assert [label.name for label in labels] == bundle.labels and device.board == "stm32f4"
    assert "stopped" in said and "Traceback" not in said
