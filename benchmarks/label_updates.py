"""A label pack of full size on its way into a board: how long a push takes, and what survives cut power and damage.

The push is of the board's own time: the firmware of the chip, on the models of its UART and flash, at 115,200 baud. The
power is cut in every erase and every write of an update, and again in each of the next one, by label_cuts.c around the
firmware's own code, on flashes of the geometries that boards have.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.board_time import BoardInTime
from benchmarks.exports import exports
from benchmarks.store import EMULATED, MEASURED, save_result
from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.build import build
from tinyclap_edge.device.emulator.chips import find_chip
from tinyclap_edge.device.label_flash import label_flash
from tinyclap_edge.device.link_labels import push
from tinyclap_edge.device.link_port import BAUD
from tinyclap_edge.device.toolchain import ZIG_INSTALL, find_host_cc
from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.resources import firmware_dir

LABELS, DIM, NAME_BYTES = 50, 128, (12, 32, 64)
LIMIT_S = 1.5
BOARDS = (("small", "stm32f4"), ("small", "nrf52840"), ("nucleo", "stm32h7"), ("small", "rp2040"), ("esp", "esp32c3"))
ROOM_BYTES = {"stm32h7": 0xF000}  # of a pack while its sector is erased in the background: ports/stm32h743
ENCODER, FRONTEND = "0123456789abcdef", "fedcba9876543210"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


def full_pack(name_bytes: int, seed: int, encoder: str = ENCODER, frontend: str = FRONTEND) -> bytes:
    """50 labels of 128 entries with names of so many bytes."""
    rows = np.random.default_rng(seed).integers(-127, 128, (LABELS, DIM)).astype(np.int8)
    names = tuple(f"sound {seed}.{i} ".ljust(name_bytes, "x") for i in range(LABELS))
    return LabelPack(encoder, frontend, names, rows, np.zeros(LABELS, np.int16)).to_bytes()


def time_pushes(bundle: Bundle) -> list[dict[str, Any]]:
    """One row for each length of names: seconds of the board's time from the first byte of HELLO to its last answer."""
    board = BoardInTime(bundle.board, build(bundle.firmware).elf)
    link = board.link()
    board.read()
    own = LabelPack.from_bytes((bundle.folder / "labels.tlp").read_bytes())
    rows = []
    for name_bytes in NAME_BYTES:
        pack = full_pack(name_bytes, name_bytes, own.encoder_id, own.frontend_id)
        begun, wire = board.now_s, link.sent_bytes + link.received_bytes
        device = push(link, pack)
        seconds, wire = board.now_s - begun, link.sent_bytes + link.received_bytes - wire
        assert device.labels == LABELS
        rows.append(
            {
                "board": bundle.board.name,
                "title": bundle.board.title,
                "name_bytes": name_bytes,
                "pack_bytes": len(pack),
                "wire_bytes": wire,
                "wire_s": round(wire * 10 / BAUD, 3),
                "seconds": round(seconds, 3),
                "repeated": link.repeated,
            }
        )
    return rows


def build_cuts(out: Path) -> Path:
    """Compile label_cuts.c."""
    compiler = find_host_cc()
    if compiler is None:
        raise ToolMissing("no C compiler for this PC is installed", ZIG_INSTALL)
    labels, protocol = firmware_dir() / "labels", firmware_dir() / "protocol"
    sources = [Path(__file__).with_name("label_cuts.c"), *sorted(labels.glob("*.c")), protocol / "tce_crc32.c"]
    command = [*compiler, *FLAGS, f"-I{labels}", f"-I{protocol}", *map(str, sources), "-o", str(out)]
    subprocess.run(command, check=True)
    return out


def cut_power(program: Path, work: Path, packs: tuple[bytes, bytes, bytes], geometry: tuple[int, int, int, int]) -> Any:
    """Outcomes of every cut of the update from the first pack to the second, and of the next one to the third.

    geometry: bytes of a sector, sectors of a slot, bytes that are programmed at once, and of a pack that may wait while its
    sector is erased in the background; 0: erases are waited for.
    """
    files = []
    for i, pack in enumerate(packs):
        files.append(work / f"pack{i}.tlp")
        files[-1].write_bytes(pack)
    return _run(program, *files, *geometry)


def damage(program: Path, work: Path, pack: bytes) -> Any:
    """How many truncations and single-bit flips of a pack there are, and how many are accepted."""
    (work / "whole.tlp").write_bytes(pack)
    return _run(program, work / "whole.tlp")


def _run(*command: object) -> Any:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _cuts(program: Path, work: Path) -> list[dict[str, Any]]:
    packs = (full_pack(12, 1), full_pack(12, 2), full_pack(64, 3))
    rows, known = [], set()
    for _, name in BOARDS:
        board = find_board(name)
        slots = label_flash(board, 0)
        assert slots is not None
        sectors = slots.slot_bytes // slots.sector_bytes
        geometry = (slots.sector_bytes, sectors, slots.program_bytes, ROOM_BYTES.get(board.name, 0))
        if geometry not in known:
            known.add(geometry)
            rows.append({"title": board.title, "geometry": geometry, **cut_power(program, work, packs, geometry)})
    return rows


def main() -> None:
    """Measure and write results/label_updates.json."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        program = build_cuts(work / "label_cuts")
        cuts, damaged = _cuts(program, work), damage(program, work, full_pack(12, 1))
    pushes: list[dict[str, Any]] = []
    with exports() as export:
        for student, name in BOARDS:
            if find_chip(find_board(name)) is not None:
                pushes += time_pushes(export(student, name))
                print(name, pushes[-1]["seconds"], "s", flush=True)
    save_result(
        "label_updates",
        {
            "kind": {"push": EMULATED, "cuts": MEASURED, "damage": MEASURED},
            "labels": LABELS,
            "dim": DIM,
            "baud": BAUD,
            "limit_s": LIMIT_S,
            "push": pushes,
            "cuts": cuts,
            "damage": damaged,
        },
    )


if __name__ == "__main__":
    main()
