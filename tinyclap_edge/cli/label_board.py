"""`labels push`, `labels pull` and `labels show --port`: the labels of a running board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.label_files import describe, read_pack_file, write_file
from tinyclap_edge.cli.output import progress, result, table, verb

if TYPE_CHECKING:
    from tinyclap_edge.device.link import Device


@verb("labels push")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--port", required=True, help="The serial port of the board, for example /dev/ttyACM0.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
def push(file: str, port: str, baud: int) -> dict[str, Any]:
    """Give a running board another label pack; it uses it at once and keeps it."""
    import time

    from tinyclap_edge.device.link_labels import push as send
    from tinyclap_edge.device.link_port import open_link

    data = read_pack_file(file)
    described = describe(data)  # before the port is opened: what is no pack never reaches a board
    with open_link(port, baud) as link, progress(f"pushing {file}", len(data)) as advance:
        started = time.perf_counter()
        device = send(link, data, advance)
        seconds = time.perf_counter() - started
    kept = "the pack it had already" if link.sent_bytes < len(data) else f"{len(data):,} bytes in {seconds:.2f} s"
    result(f"{device.board} on {port}: {device.labels} labels, {kept}")
    sent = {"sent_bytes": link.sent_bytes, "received_bytes": link.received_bytes, "repeated_requests": link.repeated}
    return {
        "path": file,
        "port": port,
        "sha256": described["sha256"],
        "seconds": round(seconds, 3),
        **sent,
        **_device(device),
    }


@verb("labels pull")
@click.option("--port", required=True, help="The serial port of the board, for example /dev/ttyACM0.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write, for example labels.tlp.")
def pull(port: str, baud: int, out: str) -> dict[str, Any]:
    """Read the label pack that a running board uses into a file."""
    from tinyclap_edge.device.link_labels import pull as receive
    from tinyclap_edge.device.link_port import open_link

    with open_link(port, baud) as link, progress(f"pulling from {port}"):
        data = receive(link)
    write_file(Path(out), data)
    described = describe(data)
    result(f"{out}: {len(described['labels'])} labels, r = {described['dim']}, {len(data):,} bytes")
    return {"path": out, "port": port, "bytes": len(data), **described}


def show_board(port: str, baud: int) -> dict[str, Any]:
    from tinyclap_edge.device.link_labels import show
    from tinyclap_edge.device.link_port import open_link

    with open_link(port, baud) as link:
        device, labels = show(link)
    rows = [
        [
            str(i),
            x.name,
            f"{x.threshold:.3f}",
            "" if x.score is None else f"{x.score:.3f}",
            "none of these" if x.background else "",
        ]
        for i, x in enumerate(labels)
    ]
    table("", ["", "label", "threshold", "newest score", ""], rows, right=(0, 2, 3))
    origin = "of the firmware itself" if device.slot is None else f"pushed, generation {device.generation}"
    result(f"{device.board} on {port}: {origin}  ·  encoder {device.encoder_id}  ·  r = {device.dim}")
    shown = [{"name": x.name, "threshold": x.threshold, "score": x.score, "background": x.background} for x in labels]
    return {"port": port, **_device(device), "labels": shown}


def _device(device: Device) -> dict[str, Any]:
    """What a device says of itself, for --json."""
    from dataclasses import asdict

    return {"device": asdict(device)}
