"""`emulate`: an export as a serial board behind a pty, so that whatever talks to a board can be tried without one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, verb
from tinyclap_edge.errors import UsageError


@verb("emulate")
@click.argument("bundle", type=click.Path())
@click.option("--audio", type=click.Path(dir_okay=False), help="What it listens to, again and again; default: silence.")
@click.option("--flash", type=click.Path(dir_okay=False), help="File that keeps pushed labels; default: forgotten.")
@click.option("--baud", type=click.IntRange(300), help="Make bytes take the time they take at this speed.")
@click.option(
    "--watchdog", type=click.IntRange(100), metavar="MS", help="Reset it when it hangs for so long; default: never."
)
@click.option(
    "--chip", is_flag=True, help="Run the image that is flashed, on models of the chip's peripherals; slower."
)
@click.option("--port-file", type=click.Path(dir_okay=False), help="File to write the port's name to.")
def command(
    bundle: str,
    audio: str | None,
    flash: str | None,
    baud: int | None,
    watchdog: int | None,
    chip: bool,
    port_file: str | None,
) -> dict[str, Any]:
    """Run an export (directory or .tce) as a serial board in the emulator until Ctrl-C; its port is printed."""
    from tinyclap_edge.bundle.board import chip_board, emulated_board
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.device.chip_board import ChipBoard
    from tinyclap_edge.device.serial_board import EmulatorBoard

    if chip and watchdog:
        raise UsageError("--watchdog goes without --chip", "the chip's own watchdog is in its image")
    with open_bundle(bundle) as opened, tempfile.TemporaryDirectory(prefix="tce-board-") as work:
        kept = Path(flash) if flash else Path(work) / "labels.flash"
        with progress(f"building {opened.board.name}"):
            board: ChipBoard | EmulatorBoard = (
                chip_board(opened, kept, audio, baud) if chip else emulated_board(opened, kept, audio, baud, watchdog)
            )
        with board as running:
            result(running.port)
            say(f"{opened.board.name} listens, Ctrl-C ends it; `tinyclap-edge labels show --port {running.port}`")
            if port_file:
                Path(port_file).write_text(running.port + "\n", encoding="utf-8")
            try:
                running.join()
            except KeyboardInterrupt:
                say("stopped")
            return {
                "port": running.port,
                "board": opened.board.name,
                "lost_bytes": running.line.lost_bytes,
                "resets": running.resets,
            }
