"""What one window costs on each emulated board: instructions, memory by region, stack, and an estimated time.

python -m benchmarks.encoders        writes benchmarks/results/encoders.json
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.exports import LABELS, exports
from benchmarks.store import EMULATED, ESTIMATED, save_result
from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import prepare
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.device.toolchain import find_toolchain

PAIRS = (  # student, board
    ("small", "stm32f4"),
    ("small", "nrf52840"),
    ("small", "rp2040"),
    ("esp", "esp32c3"),
    ("esp", "rp2350"),
    ("esp", "stm32u5"),
    ("nucleo", "stm32l4"),
    ("nucleo", "stm32h7"),
    ("nucleo", "teensy41"),
    ("nucleo", "mps3-an547"),
)
WINDOWS = 2


def main() -> None:
    """Every pair; a board whose emulator is absent is left out."""
    with exports() as export:
        rows = [row for student, board in PAIRS if (row := measure(export(student, board)))]
    save_result("encoders", {"windows": WINDOWS, "labels": len(LABELS), "rows": rows})


def measure(bundle: Bundle) -> dict[str, Any] | None:
    """One row; None where nothing here emulates the board. NumbersDiffer (6) when a byte is not the reference's."""
    board, encoder = bundle.board, bundle.manifest["encoder"]
    if not board.emulator.unicorn and not qemu_available(board):
        return None
    with tempfile.TemporaryDirectory() as work:
        found = bench(prepare(bundle, "emulator", Path(work)), WINDOWS)
    print(encoder["student"], board.name, found.get("instructions", {}).get("total", "not counted"), flush=True)
    sizes = {region.name: region for region in board.regions}
    return {
        "student": encoder["student"],
        "encoder": encoder["id"],
        "board": board.name,
        "title": board.title,
        "core": board.core,
        "clock_hz": board.clock_hz,
        "emulator": found["engine"],
        "toolchain": find_toolchain(board, found["toolchain"]).version,
        "r": encoder["r"],
        "params": encoder["params"],
        "macs": encoder["macs"],
        "arena_bytes": encoder["arena_bytes"],
        "flash_bytes": found["flash_bytes"],
        "regions": {
            name: {"kind": sizes[name].kind, "used": used, "of": sizes[name].size_bytes}
            for name, used in found["bytes_by_region"].items()
        },
        "stack_bytes": found["stack_bytes"],
        "instructions": found.get("instructions"),
        "instructions_per_mac": found.get("instructions_per_mac"),
        "layers": found.get("layers"),
        "estimate": found.get("estimate"),
        "drift": found["drift"],
        "parity": found["parity"],
        "provenance": {"instructions": EMULATED, "memory": "linked image", "stack": EMULATED, "estimate": ESTIMATED},
    }


if __name__ == "__main__":
    main()
