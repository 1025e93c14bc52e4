"""`fit` held against what it foretells: images that are linked, instructions that are counted, and its own speed.

python -m benchmarks.fit [COUNT]     COUNT random configurations a board (20), writes benchmarks/results/fit.json

Every row is one firmware with random weights, written as an export writes it, compiled as PlatformIO would: the image that
is flashed is linked, and the one that counts is run over one window of noise. None of the configurations is in the
calibration. A row is kept as soon as it is there, so that a measurement which was stopped goes on; it is made anew once
firmware, generator, calibration or board have changed.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.store import EMULATED, ESTIMATED, ROOT, load_results, save_result
from tinyclap_edge.boards import Board, find_board, load_boards
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.calibrate_code import count_firmware
from tinyclap_edge.fit.calibration_set import random_configurations
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.cost import Cost, Use, cost_of, static_ram
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.measure import SampleProject, compile_project, write_sample_project
from tinyclap_edge.fit.shipped import preset_table
from tinyclap_edge.fit.solver import recommend
from tinyclap_edge.fit.space import Axes, corners, evaluate

BOARDS = ("stm32f4", "stm32h7", "esp32c3", "mps3-an547")
COUNT, SEED, LABELS = 20, 20261128, 8
STREAMS = 3  # configurations a board whose firmware computes every row once
STREAMED_HOPS = 4
QUESTION_S = 0.25  # of latency: a question that every board can answer with a network that plans quickly
DECIDES = ("firmware", "export/tinyclap_export", "tinyclap_edge/fit", "boards.yaml")  # what a row depends on


def main(count: int | None = None) -> None:
    """Everything; see the head of the module."""
    found: dict[str, Any] = {
        "labels": LABELS,
        "seed": SEED,
        "rows": [],
        "streams": [],
        "kinds": {"instructions": EMULATED, "times": ESTIMATED},
    }
    known = {row["key"]: row for rows in _written() for row in rows if "key" in row}
    with tempfile.TemporaryDirectory(prefix="tce-fit-") as work:
        for name in BOARDS:
            board = find_board(name)
            configurations = random_configurations(count or COUNT, SEED)
            streamed = [c for c in configurations if not c.net.se][: min(STREAMS, count or COUNT)]
            for part, measure, chosen in (("rows", row, configurations), ("streams", stream_row, streamed)):
                for i, configuration in enumerate(chosen):
                    key = _key(part, board, configuration)
                    # one folder for all of a board: the compiler keeps what it has compiled by path and content
                    made = known.get(key) or {"key": key, **measure(configuration, board, i, Path(work) / name)}
                    found[part].append(made)
                    save_result("fit", {**_rest(), **found})
                    print(f"{name}, {part} {i + 1}: {made['encoder_error']:+.2%}", file=sys.stderr, flush=True)
    found["speed"] = speed()
    found["answers"] = [answer(board) for board in load_boards().values()]
    found["presets"] = [use.to_dict() for use in preset_table()]
    save_result("fit", found)


def _written() -> list[list[dict[str, Any]]]:
    result = load_results().get("fit", {})
    return [result.get("rows", []), result.get("streams", [])]


def _rest() -> dict[str, Any]:
    """What an unfinished measurement leaves as it was, so that the tables of the pages stand meanwhile."""
    result = load_results().get("fit", {})
    return {name: result[name] for name in ("speed", "answers", "presets") if name in result}


def _key(part: str, board: Board, configuration: Configuration) -> str:
    """Names a row by all that decides it."""
    whole = f"{part} {board.name} {configuration.text()} {LABELS} {_sources()}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1)
def _sources() -> str:
    digest = hashlib.sha256()
    for place in DECIDES:
        root = ROOT / place
        paths = [root] if root.is_file() else sorted(p for s in ("*.[ch]", "*.py", "*.json") for p in root.rglob(s))
        for path in paths:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def row(configuration: Configuration, board: Board, seed: int, work: Path) -> dict[str, Any]:
    """One firmware: foretold, linked, run."""
    spec = configuration.frontend
    cost = cost_of(configuration, board, Use(spec.frames * spec.hop_samples / spec.sample_rate_hz, LABELS))
    sample = _sample(cost, board, seed, work, "auto")
    counting = compile_project(sample.folder, board)
    counted = count_firmware(counting, board, configuration)
    return {
        **_linked(sample, board, cost),
        "encoder_predicted": cost.instructions["encoder"],
        "encoder_emulated": counted.encoder,
        "encoder_error": cost.instructions["encoder"] / counted.encoder - 1,
        "frontend_error": cost.instructions["frontend"] / counted.logmel - 1,
        "toolchain": find_toolchain(board).version,
    }


def stream_row(configuration: Configuration, board: Board, seed: int, work: Path) -> dict[str, Any]:
    """One firmware that computes every row once: foretold, linked, run for some hops after its first window."""
    spec = configuration.frontend
    hop_rows = min(spec.frames, max(1, round(1.28 * spec.sample_rate_hz / spec.hop_samples)))
    cost = cost_of(
        configuration, board, Use(hop_rows * spec.hop_samples / spec.sample_rate_hz, LABELS, continuous=True)
    )
    sample = _sample(cost, board, seed, work, "continuous")
    counting = compile_project(sample.folder, board)
    settled = spec.frames // hop_rows + 2  # hops until the first embedding has come for certain
    runs = [count_firmware(counting, board, configuration, hop_rows * n) for n in (settled, settled + STREAMED_HOPS)]
    emulated = (runs[1].encoder - runs[0].encoder) / STREAMED_HOPS
    return {
        **_linked(sample, board, cost),
        "hop_rows": hop_rows,
        "encoder_predicted": cost.instructions["encoder"],
        "encoder_emulated": round(emulated),
        "encoder_error": cost.instructions["encoder"] / emulated - 1,
    }


def _sample(cost: Cost, board: Board, seed: int, work: Path, schedule: str) -> SampleProject:
    """The project of a configuration, its memory as an export's."""
    for made in (work / "firmware").glob("*.o"):
        made.unlink()
    configuration, ring = cost.configuration, cost.ring.samples
    static = static_ram(board, configuration.frontend, configuration.r, ring)
    isa = machine_of(board).isa
    return write_sample_project(configuration, board, isa, seed, work, LABELS, schedule, static, ring)


def _linked(sample: SampleProject, board: Board, cost: Cost) -> dict[str, Any]:
    """The image that is flashed against what was planned of it."""
    image: ElfImage = read_elf(compile_project(sample.folder, board, for_chip=has_port(board)))
    used = image.bytes_by_region(board.regions, board.name)
    ram = {r.name: r.used for r in cost.regions if r.kind == "ram"}
    linked = {r.name: used[r.name] for r in board.regions if r.kind == "ram" and r.name in used}
    return {
        "board": board.name,
        "image": "of the chip" if has_port(board) else "of the emulated board",
        "configuration": cost.configuration.text(),
        "macs": cost.macs,
        "schedule": cost.schedule,
        "ram_planned": ram,
        "ram_linked": linked,
        "ram_exact": ram == linked,
        "flash_planned": cost.flash_bytes,
        "flash_linked": image.flash_bytes,
        "flash_error": cost.flash_bytes / image.flash_bytes - 1,
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
