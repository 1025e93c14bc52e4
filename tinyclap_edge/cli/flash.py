"""`flash`: firmware onto a board, by the tool that the board needs, and the board's own word that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import progress, result, say, verb, warn
from tinyclap_edge.cli.port_options import Wired, port_options, wired

if TYPE_CHECKING:
    from tinyclap_edge.device.flash import Flashed


@verb("flash")
@click.argument("bundle", required=False, type=click.Path())
@click.option("--board", help="Board; not needed with BUNDLE.")
@click.option("--student", help="Without BUNDLE: small, esp, nucleo, or a .safetensors file.")
@click.option("--labels", help="Without BUNDLE: sounds in words, separated by commas.")
@port_options
@click.option(
    "--tool", help="openocd, stlink, pyocd, esptool or uf2; by default the first of the board's that is here."
)
@click.option("--probe", default=None, help="Serial number of the debug probe, where several are connected.")
@click.option("--drive", type=click.Path(file_okay=False), help="Where the board's UF2 drive is mounted.")
@click.option("--toolchain", type=click.Choice(["zig", "gcc"]), help="Compiler; by default zig where it is installed.")
@click.option("--timeout", "seconds", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds that the board has to answer behind the upload.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Show everything that PlatformIO and the tool say.")
def command(
    bundle: str | None, board: str | None, student: str | None, labels: str | None, port: str | None, baud: int | None,
    hardware_map: str | None, tool: str | None, probe: str | None, drive: str | None, toolchain: str | None,
    seconds: float, verbose: bool,
) -> dict[str, Any]:  # fmt: skip
    """Build the firmware of an export, write it to a board, and wait until the board says that it runs it.

    Without BUNDLE, an export for --board is made on the spot. With --hardware-map, every connected board of that kind is flashed.
    """
    from tinyclap_edge.cli.source import bundle_for
    from tinyclap_edge.device.flash import Place, Ready, check, find_tool, flash
    from tinyclap_edge.device.flash_tools import RUNNERS
    from tinyclap_edge.errors import TinyclapError

    if board and not bundle:
        from tinyclap_edge.boards import find_board

        find_tool(find_board(board), tool)  # before an export is made: it would be of no use without a tool
    ready: list[tuple[Wired, Ready]] = []
    failed: list[tuple[Wired, TinyclapError]] = []
    done = []
    with bundle_for(bundle, board, student, labels, "python", None) as opened:
        name = opened.board.name
        boards = wired(port, baud, hardware_map, name) if port or hardware_map else [Wired(name, "", baud or 0)]

        def failing(device: Wired, error: TinyclapError) -> None:
            if len(boards) == 1:
                raise error
            warn(f"{device.id}: {error.fact}" + (f" ({error.hint})" if error.hint else ""))
            failed.append((device, error))

        for device in boards:  # all of them before anything is built
            place = Place(
                device.port, device.baud, probe or device.probe, drive or "", tool or RUNNERS.get(device.runner)
            )
            try:
                with progress(f"checking tool, port and size of {name}"):
                    checked = check(opened.firmware, opened.board, place)
            except TinyclapError as error:
                failing(device, error)
                continue
            ready.append((device, checked))
        for device, checked in ready:
            try:
                flashed = flash(checked, toolchain, say, say if verbose else _quiet, seconds)
            except TinyclapError as error:
                failing(device, error)
                continue
            show(flashed)
            done.append({"id": device.id, **_facts(flashed)})
    if failed:
        device, first = failed[0]
        raise type(first)(
            f"{len(failed)} of {len(boards)} boards are not flashed; {device.id}: {first.fact}", first.hint
        )
    return {"flashed": done}


def _quiet(line: str) -> None:
    """What tools print is for --verbose."""


def show(flashed: Flashed) -> None:
    """One line a board."""
    device = flashed.device
    result(
        f"{flashed.board} on {flashed.port} runs encoder {device.encoder_id}, front end {device.frontend_id}, {device.labels} labels "
        f"({flashed.image_bytes:,} bytes by {flashed.tool}, {flashed.seconds:.0f} s)"
    )


def _facts(flashed: Flashed) -> dict[str, Any]:
    device = flashed.device
    return {
        "board": flashed.board, "port": flashed.port, "tool": flashed.tool, "image_bytes": flashed.image_bytes,
        "seconds": round(flashed.seconds, 2), "version": device.version, "encoder": device.encoder_id,
        "frontend": device.frontend_id, "labels": device.labels,
    }  # fmt: skip
