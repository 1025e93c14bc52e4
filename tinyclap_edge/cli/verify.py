"""`verify`: an export's golden vectors on a target, byte for byte."""

from __future__ import annotations

from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, verb, warn
from tinyclap_edge.cli.port_options import Wired, at_once, port_options, wired
from tinyclap_edge.errors import UsageError


@verb("verify")
@click.argument("bundle", type=click.Path())
@click.option("--target", default="emulator", show_default=True, help="python, host, emulator or serial.")
@click.option(
    "--emulator", "engine", type=click.Choice(["unicorn", "qemu"]), help="Which emulator; unicorn by default."
)
@port_options
@click.option("--board", help="With --hardware-map: must be the export's.")
def command(
    bundle: str, target: str, engine: str | None, port: str | None, baud: int | None, hardware_map: str | None,
    board: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Replay the golden vectors of an export (directory or .tce): PCM, log-mel, embedding, scores.

    Where a byte differs, the exit code is 6 and the first stage that does is named, and in the encoder the layer.
    With --target serial the board on --port is verified, or all those of --hardware-map at once.
    """
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.bundle.verify import read_golden, verify
    from tinyclap_edge.cli.source import check_target

    if target != "serial" and (port or hardware_map or baud):
        raise UsageError(
            "--port, --baud and --hardware-map go with --target serial", "leave them out, or change --target"
        )
    with open_bundle(bundle) as opened:
        name = opened.board.name
        if board and board != name:
            raise UsageError(f"{bundle} was exported for {name}, not for {board}", "leave out --board")
        check_target(opened.board, target, engine)
        boards = wired(port, baud, hardware_map, name) if target == "serial" else [Wired(name, "", 0)]
        total = len(boards) * len(read_golden(opened)[1].embeddings) if target == "serial" else None
        with progress(f"replaying the golden vectors of {name} on {target}", total) as advance:
            done, failed = at_once(
                boards, lambda d: verify(opened, target, engine, port=d.port, baud=d.baud, advance=advance)
            )
    for _, data in done:
        _show(data)
    for device, error in failed if len(boards) > 1 else []:
        warn(f"{device.id}: {error.fact}" + (f" ({error.hint})" if error.hint else ""))
    if failed:
        raise failed[0][1]
    return done[0][1] if len(done) == 1 else {"boards": [{"id": device.id, **data} for device, data in done]}


def _show(data: dict[str, Any]) -> None:
    compiled = f", encoder's C {data['encoder_c']}" if data["encoder_c"] else ""
    result(f"{data['board']} on {data['target']} ({data['engine']}{compiled})")
    for stage, values in data["stages"].items():
        result(f"  {stage.replace('_q8', '')}: {values:,} values, every byte the same")
    result(f"{data['windows']} embeddings; digest {data['digest']}")
