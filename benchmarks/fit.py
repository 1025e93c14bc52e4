"""`fit` held against what it foretells: images that are linked, instructions that are counted, and its own speed.

python -m benchmarks.fit [COUNT]     COUNT random configurations a board (20), writes benchmarks/results/fit.json

Every row is one firmware with random weights, written as an export writes it, compiled as PlatformIO would, and run over
one window of noise. None of the configurations is in the calibration.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.store import EMULATED, ESTIMATED, save_result
from tinyclap_edge.boards import Board, find_board, load_boards
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.calibrate_code import count_firmware
from tinyclap_edge.fit.calibration_set import random_configurations
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.cost import Use, cost_of
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.measure import compile_project, write_sample_project
from tinyclap_edge.fit.shipped import preset_table
from tinyclap_edge.fit.solver import recommend
from tinyclap_edge.fit.space import Axes, corners, evaluate

BOARDS = ("stm32f4", "stm32h7", "esp32c3", "mps3-an547")
COUNT, SEED, LABELS = 20, 20261121, 8
QUESTION_S = 0.25  # of latency: a question that every board can answer with a network that plans quickly


def main(count: int | None = None) -> None:
    """Everything; see the head of the module."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="tce-fit-") as work:
        for name in BOARDS:
            board = find_board(name)
            for i, configuration in enumerate(random_configurations(count or COUNT, SEED)):
                rows.append(row(configuration, board, i, Path(work) / name))
                print(f"{name} {i + 1}: {rows[-1]['encoder_error']:+.2%}", file=sys.stderr, flush=True)
    save_result(
        "fit",
        {
            "labels": LABELS,
            "rows": rows,
            "speed": speed(),
            "answers": [answer(board) for board in load_boards().values()],
            "presets": [use.to_dict() for use in preset_table()],
            "kinds": {"instructions": EMULATED, "times": ESTIMATED},
        },
    )


def row(configuration: Configuration, board: Board, seed: int, work: Path) -> dict[str, Any]:
    """One firmware: foretold, linked, run."""
    isa = machine_of(board).isa
    sample = write_sample_project(configuration, board, isa, seed, work, LABELS)
    elf = compile_project(sample.folder, board)
    image = read_elf(elf)
    used = image.bytes_by_region(board.regions, board.name)
    spec = configuration.frontend
    cost = cost_of(configuration, board, Use(spec.frames * spec.hop_samples / spec.sample_rate_hz, LABELS))
    ram = {r.name: r.used for r in cost.regions if r.kind == "ram"}
    counted = count_firmware(elf, board, configuration)
    return {
        "board": board.name,
        "configuration": configuration.text(),
        "macs": cost.macs,
        "schedule": cost.schedule,
        "ram_planned": ram,
        "ram_linked": {name: used[name] for name in ram},
        "ram_exact": all(used[name] == size for name, size in ram.items()),
        "flash_planned": cost.flash_bytes,
        "flash_linked": image.flash_bytes,
        "flash_error": cost.flash_bytes / image.flash_bytes - 1,
        "encoder_predicted": cost.instructions["encoder"],
        "encoder_emulated": counted.encoder,
        "encoder_error": cost.instructions["encoder"] / counted.encoder - 1,
        "frontend_error": cost.instructions["frontend"] / counted.logmel - 1,
        "toolchain": find_toolchain(board).version,
    }


def speed() -> dict[str, Any]:
    """Configurations a second of the bounds, and the time of a whole answer, in CPU seconds of one core."""
    board = find_board("stm32h7")
    started = time.process_time()
    found = evaluate(corners(Axes(), board)[0], machine_of(board), Use())
    bounds = time.process_time() - started
    started = time.process_time()
    answered = recommend(board)
    return {
        "configurations_per_second": round(len(found) / bounds),
        "answer_cpu_s": round(time.process_time() - started, 1),
        "searched": answered.searched,
    }


def answer(board: Board) -> dict[str, Any]:
    """What a board is told."""
    try:
        found = recommend(board, Budgets(latency_s=QUESTION_S)).recommended
    except DoesNotFit as no:
        return {"board": board.name, "fits": False, "why": no.fact}
    return {
        "board": board.name,
        "fits": True,
        "configuration": found.configuration.text(),
        "params": found.params,
        "macs": found.macs,
        "ram_bytes": found.ram_bytes,
        "flash_bytes": found.flash_bytes,
        "latency_s": round(found.latency.typical_s, 4),
        "cycles_per_instruction": found.latency.cycles_per_instruction,
        "source": found.latency.source,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
