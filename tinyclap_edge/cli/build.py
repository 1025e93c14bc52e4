"""`build`: an exported firmware project -> an ELF image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb


@verb("build")
@click.argument("bundle", type=click.Path())
@click.option("--toolchain", type=click.Choice(["zig", "gcc"]), help="Compiler; by default zig where it is installed.")
@click.option("-v", "--verbose", is_flag=True, help="Show everything that PlatformIO says.")
def command(bundle: str, toolchain: str | None, verbose: bool) -> dict[str, Any]:
    """Build the firmware of an export (a directory written by `export`) with PlatformIO, offline."""
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.device.build import build
    from tinyclap_edge.errors import UsageError

    if not Path(bundle).is_dir():
        raise UsageError(f"there is no export directory {bundle}", "`tinyclap-edge export` writes one")
    with open_bundle(bundle) as opened, progress(f"building {opened.board.name}"):
        built = build(opened.firmware, toolchain, on_line=say if verbose else None, verbose=verbose)
        regions = {r.name: r for r in opened.board.regions}
    rows = [
        [
            name,
            regions[name].kind,
            f"{used:,}",
            f"{regions[name].size_bytes:,}",
            f"{used / regions[name].size_bytes:.1%}",
        ]
        for name, used in built.bytes_by_region.items()
    ]
    table("", ["region", "kind", "used", "of", ""], rows, right=(2, 3, 4))
    result(str(built.elf))
    return {
        "elf": str(built.elf),
        "flash_bytes": built.flash_bytes,
        "ram_bytes": built.ram_bytes,
        "bytes_by_region": built.bytes_by_region,
        "toolchain": built.toolchain,
        "seconds": round(built.seconds, 2),
    }
