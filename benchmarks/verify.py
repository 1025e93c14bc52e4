"""`verify` of the shipped students on every kind of core: golden vectors replayed, PCM to scores, every byte compared."""

from __future__ import annotations

from typing import Any

from benchmarks.exports import exports
from benchmarks.store import EMULATED, MEASURED, save_result
from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.verify import verify
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.errors import NumbersDiffer

RUNS = (  # student, board, target
    ("nucleo", "stm32h7", "host"),
    ("small", "stm32f4", "emulator"),
    ("nucleo", "stm32h7", "emulator"),
    ("esp", "rp2350", "emulator"),
    ("nucleo", "mps3-an547", "emulator"),
    ("esp", "esp32c3", "emulator"),
)


def main() -> None:
    """Verify and write results/verify.json; a board whose emulator is absent is left out, a difference is recorded."""
    rows: list[dict[str, Any]] = []
    with exports() as export:
        for student, name, target in RUNS:
            board = find_board(name)
            if target == "emulator" and not board.emulator.unicorn and not qemu_available(board):
                continue
            bundle = export(student, name)
            try:
                found, identical = verify(bundle, target), True
            except NumbersDiffer as error:
                found, identical = {"fact": error.fact}, False
            rows.append(
                {
                    "student": student,
                    "encoder": bundle.manifest["encoder"]["id"],
                    "board": name,
                    "core": "this PC" if target == "host" else board.core,
                    "target": target,
                    "engine": found.get("engine", ""),
                    "windows": found.get("windows", 0),
                    "identical": identical,
                    "provenance": MEASURED if target == "host" else EMULATED,
                }
            )
            print(name, target, "identical" if identical else found["fact"], flush=True)
    save_result("verify", {"rows": rows})


if __name__ == "__main__":
    main()
