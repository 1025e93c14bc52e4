"""`bench --target serial`: boards on their ports, one or all of a hardware map at once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyclap_edge.cli.output import progress, result, say, table, warn
from tinyclap_edge.cli.port_options import Wired, at_once, wired
from tinyclap_edge.errors import TinyclapError, UsageError

if TYPE_CHECKING:
    from tinyclap_edge.bundle.read import Bundle
    from tinyclap_edge.device.build import BuildResult

STAGE_NAMES = {"frontend": "front end", "encoder": "encoder", "labels": "scoring", "total": "one window"}


@dataclass(frozen=True)
class SerialOptions:
    """What --target serial adds to bench."""

    port: str | None
    baud: int | None
    hardware_map: str | None
    min_seconds: float
    measurements: str | None

    def check(self, target: str) -> None:
        """UsageError for options of a port with another target, or no port with this one."""
        if target != "serial" and (self.port or self.hardware_map or self.baud):
            raise UsageError(
                "--port, --baud and --hardware-map go with --target serial",
                f"leave them out, or replace --target {target}",
            )


def bench_boards(
    bundle: Bundle, options: SerialOptions, windows: int
) -> tuple[list[tuple[Wired, dict[str, Any]]], list[tuple[Wired, TinyclapError]]]:
    """Every board that is meant, each in a thread of its own: what they measured, and those that failed.

    The error of a board that is the only one is raised.
    """
    from tinyclap_edge.bundle.run import prepare
    from tinyclap_edge.bundle.serial_bench import STAGES, bench_serial, keep_measurement
    from tinyclap_edge.bundle.serial_target import SerialReady
    from tinyclap_edge.device.board_ports import check_port

    boards = wired(options.port, options.baud, options.hardware_map, bundle.board.name)
    if len(boards) == 1:
        check_port(boards[0].port, boards[0].baud)  # before the build
    with progress("counting instructions in the emulator"):
        built, counted = _image(bundle), _counted(bundle)

    def run(device: Wired) -> dict[str, Any]:
        ready = prepare(bundle, "serial", Path(), port=device.port, baud=device.baud)
        assert isinstance(ready, SerialReady)
        data = bench_serial(ready, windows, options.min_seconds, built, counted, advance)
        kept = keep_measurement(ready, data, Path(options.measurements) if options.measurements else None)
        return {**data, "measurement": str(kept) if kept else None}

    what = f"timing {len(boards)} board{'s' if len(boards) > 1 else ''}"
    with progress(what, len(boards) * windows * len(STAGES)) as advance:
        done, failed = at_once(boards, run)
    if failed and len(boards) == 1:
        raise failed[0][1]
    for device, error in failed:
        warn(f"{device.id}: {error.fact}" + (f" ({error.hint})" if error.hint else ""))
    return done, failed


def _image(bundle: Bundle) -> BuildResult | None:
    """The image that is on the board, for its sizes; None where this PC cannot build it."""
    from tinyclap_edge.device.build import build

    try:
        return build(bundle.firmware)
    except TinyclapError as error:
        warn(f"no sizes of the image: {error.fact}")
        return None


def _counted(bundle: Bundle) -> dict[str, Any] | None:
    """Instructions of one window by layer; None where no emulator counts them."""
    from tinyclap_edge.bundle.bench import bench
    from tinyclap_edge.bundle.run import prepare

    if not bundle.board.emulator.unicorn:
        warn(f"no emulator counts the instructions of {bundle.board.core}: cycles are not compared with them")
        return None
    with tempfile.TemporaryDirectory() as work:
        try:
            return bench(prepare(bundle, "emulator", Path(work)), 1)
        except (TinyclapError, ModuleNotFoundError) as error:
            warn(f"no instructions were counted: {error}")
            return None


def show_serial(data: dict[str, Any]) -> None:
    """Stages with their times, then sizes; where the measurement went."""
    emulated = data["emulated"]
    how = "the emulated board's clock" if emulated else "measured"
    cycles, counted = data.get("cycles"), data.get("instructions", {})
    rows = []
    for key, name in STAGE_NAMES.items():
        name = data.get("per", name) if key == "total" else name
        row = [name, f"{data['seconds'][key] * 1e3:,.3f} ms", f"{cycles[key]:,}" if cycles else ""]
        row.append(f"{counted[key]:,}" if key in counted else "")
        row.append(f"{cycles[key] / counted[key]:.2f}" if cycles and counted.get(key) else "")
        rows.append([*row, f"{data['runs'][key]:,}" if key in data["runs"] else ""])
    columns = [data["port"], f"time ({how})", "cycles", "instructions (emulated)", "cycles each", "runs"]
    table("", columns, rows, right=(1, 2, 3, 4, 5))
    if "clock_hz" in data:
        result(f"the core runs at {data['clock_hz'] / 1e6:.1f} MHz")
    if "energy_mj" in data:
        result(f"energy (estimated): {data['energy_mj']:.3g} mJ ({data['energy_source']})")
    if "bytes_by_region" in data:
        table(
            "",
            ["region (linked image)", "bytes"],
            [[n, f"{s:,}"] for n, s in data["bytes_by_region"].items()],
            right=(1,),
        )
    if "stack_bytes" in data:
        result(f"stack used (painted): {data['stack_bytes']:,} bytes")
    parity = data["parity"]
    what = "embeddings" if "per" in data else "windows"
    result(f"{parity['windows']} {what} equal the integer reference byte for byte; digest {parity['digest']}")
    if data["measurement"]:
        say(f"`fit --board {data['board']}` now uses {data['measurement']}")
    elif emulated:
        say("this port is a program, not a board: nothing is kept for `fit`")
