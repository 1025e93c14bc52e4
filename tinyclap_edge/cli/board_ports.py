"""`boards ports`: which boards are plugged in, and a hardware map of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, table, verb


@verb("boards ports")
@click.option(
    "--ask", is_flag=True, help="Ask each port by HELLO which board it is; opening a port resets some boards."
)
@click.option("--out", type=click.Path(dir_okay=False), help="Write or renew this hardware map (twister's format).")
def ports(ask: bool, out: str | None) -> dict[str, Any]:
    """List the serial ports of this PC, and the boards that they can be.

    An existing map keeps what you wrote in it: boards that are gone are marked, new ones are added.
    """
    from tinyclap_edge.device.board_ports import survey
    from tinyclap_edge.device.hardware_map import map_text, merged, read_map

    with progress("looking at the ports"):
        found = survey(ask)
    rows = [[d.serial, " ".join(d.platforms), d.product, d.id, d.runner, d.notes] for d in found]
    if rows:
        table("", ["port", "board", "product", "id", "runner", ""], rows)
    else:
        result("no board's port is connected; some USB cables carry power only")
    if out:
        path = Path(out)
        devices = merged(read_map(path), found) if path.exists() else found
        _write(path, map_text(devices))
        result(f"{out}: {len(devices)} boards, {sum(d.connected for d in devices)} connected")
    return {"ports": [asdict(d) for d in found], "out": out}


def _write(path: Path, text: str) -> None:
    """The whole map or none."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
