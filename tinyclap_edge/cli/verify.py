"""`verify`: an export's golden vectors on a target, byte for byte."""

from __future__ import annotations

from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, verb


@verb("verify")
@click.argument("bundle", type=click.Path())
@click.option("--target", default="emulator", show_default=True, help="python, host or emulator.")
@click.option(
    "--emulator", "engine", type=click.Choice(["unicorn", "qemu"]), help="Which emulator; unicorn by default."
)
def command(bundle: str, target: str, engine: str | None) -> dict[str, Any]:
    """Replay the golden vectors of an export (directory or .tce): PCM, log-mel, embedding, scores.

    Where a byte differs, the exit code is 6 and the first stage that does is named, and in the encoder the layer.
    """
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.bundle.verify import verify
    from tinyclap_edge.cli.source import check_target

    with open_bundle(bundle) as opened:
        check_target(opened.board, target, engine)
        with progress(f"replaying the golden vectors of {opened.board.name} on {target}"):
            data = verify(opened, target, engine)
    compiled = f", encoder's C {data['encoder_c']}" if data["encoder_c"] else ""
    result(f"{data['board']} on {data['target']} ({data['engine']}{compiled})")
    for stage, values in data["stages"].items():
        result(f"  {stage.replace('_q8', '')}: {values:,} values, every byte the same")
    result(f"{data['windows']} windows; digest {data['digest']}")
    return data
