"""`make calibrate`: run small encoders in the emulators, fit the instruction model, measure code, write calibration.json.

python -m tinyclap_edge.fit.calibrate [CORE ...]              only these cores; the others stay as they are
python -m tinyclap_edge.fit.calibrate --only firmware         after a change of anything but kernels and code generator
python -m tinyclap_edge.fit.calibrate --only ports            after a change of the drivers of a board

Coefficients are found by non-negative least squares over relative errors, a variant of a kernel at a time: a loop's
turn cannot take less than no instructions, and a layer of a thousand counts as much as one of a million.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.boards import find_board, load_boards
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.fit.calibrate_code import measure_firmware, measure_port
from tinyclap_edge.fit.calibration_set import CORES, STANDS_FOR, calibration_configurations
from tinyclap_edge.fit.instruction_model import CALIBRATION, SCHEDULE, calls_of
from tinyclap_edge.fit.measure import Counted, count_encoder

SCHEMA_VERSION = 1
PARTS = ("kernels", "firmware", "ports")
DIGITS = 4
SIBLING = 0.03  # weight of a layer of the same kernel with another store

Rows = dict[str, list[tuple[dict[str, float], float]]]  # by variant: terms of one call, instructions of one call


def main() -> int:
    """See the head of the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tinyclap_edge.fit.calibrate", description="Calibrate the cost model."
    )
    parser.add_argument("cores", nargs="*", help=f"of {', '.join(CORES)}; by default all")
    parser.add_argument(
        "--only",
        choices=PARTS,
        help="kernels when the engine has changed, firmware when the rest has, ports when drivers have",
    )
    options = parser.parse_args()
    asked = options.cores or list(CORES)
    unknown = [name for name in asked if name not in CORES]
    if unknown:
        parser.error(f"no core {unknown[0]!r}; there are {', '.join(CORES)}")
    found = json.loads(CALIBRATION.read_text(encoding="utf-8")) if CALIBRATION.is_file() else {}
    machines, ports = found.get("machines", {}), found.get("ports", {})
    for name in asked:
        for part, measure in (("kernels", calibrate_kernels), ("firmware", calibrate_firmware)):
            if options.only in (None, part):
                machines[name] = {**machines.get(name, {}), **measure(name, machines)}
                _save(machines, ports)
    if options.only in (None, "ports"):
        for board in (b for b in load_boards().values() if has_port(b)):
            with tempfile.TemporaryDirectory(prefix="tce-calibrate-") as work:
                ports[board.name] = measure_port(board, kernel_isa(board), Path(work) / "firmware")
            say(f"port of {board.name}: {ports[board.name]}")
            _save(machines, ports)
    return 0


def _save(machines: dict[str, Any], ports: dict[str, Any]) -> None:
    """Write what is known so far."""
    known = {core: machines[core] for core in CORES if core in machines}
    drivers = {board: ports[board] for board in load_boards() if board in ports}
    data = {"schema_version": SCHEMA_VERSION, "stands_for": STANDS_FOR, "machines": known, "ports": drivers}
    temporary = CALIBRATION.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, CALIBRATION)


def calibrate_kernels(name: str, machines: dict[str, Any]) -> dict[str, Any]:
    """The instruction model of one core. machines: those that are calibrated already."""
    core = CORES[name]
    if core.kernels:
        return {key: machines[core.kernels][key] for key in ("isa", "instructions", "source")}
    board = find_board(core.board)
    rows: Rows = defaultdict(list)
    configurations = calibration_configurations()[: core.encoders]
    with tempfile.TemporaryDirectory(prefix="tce-calibrate-") as work:
        for i, configuration in enumerate(configurations):
            # one folder for all: the compiler keeps what it has compiled by path and content, and kernels recur
            counted = count_encoder(configuration, board, core.isa, i + 1, Path(work) / "encoder")
            collect(rows, counted, core.isa)
            say(f"{name}: encoder {i + 1} of {len(configurations)}: {counted.total:,} instructions")
    return {
        "isa": core.isa,
        "instructions": solve_all(rows),
        "source": f"emulated on {board.name} ({board.core}), {core.isa} kernels, {find_toolchain(board).version}: "
        f"{len(configurations)} encoders of random weights",
    }


def calibrate_firmware(name: str, machines: dict[str, Any]) -> dict[str, Any]:
    """What lies around the encoder: front end, scoring, code, static data. machines: those that are calibrated already."""
    core = CORES[name]
    if core.firmware:
        return {key: machines[core.firmware][key] for key in ("frontend", "labels", "code", "static_bytes")}
    with tempfile.TemporaryDirectory(prefix="tce-calibrate-") as work:
        board = find_board(core.board)
        return measure_firmware(board, core.isa, Path(work) / "firmware", say=lambda text: say(f"{name}: {text}"))


def collect(rows: Rows, counted: Counted, isa: str) -> None:
    """Adds what one encoder's layers took, a call each."""
    calls = calls_of(counted.plan, isa)
    for call, total in zip(calls, counted.layers, strict=False):
        rows[call.variant].append(({k: float(v) for k, v in call.terms.items()}, total / call.count))
    if calls[-1].variant == SCHEDULE:
        rows[SCHEDULE].append(({k: float(v) for k, v in calls[-1].terms.items()}, float(counted.between)))


def solve_all(rows: Rows) -> dict[str, dict[str, float]]:
    """Every variant. The same kernel with other stores says, quietly, what a variant's own layers leave open."""
    solved = {}
    for variant, found in sorted(rows.items()):
        kernel = variant.rpartition(" ")[0]
        siblings = [row for other, more in sorted(rows.items()) for row in more
                    if other != variant and kernel and other.rpartition(" ")[0] == kernel]  # fmt: skip
        solved[variant] = solve(found, siblings)
    return solved


def solve(
    found: list[tuple[dict[str, float], float]], siblings: Sequence[tuple[dict[str, float], float]] = ()
) -> dict[str, float]:
    """Instructions of each term, none below 0. siblings: rows that weigh SIBLING as much."""
    from scipy.optimize import nnls

    names = list(found[0][0])
    every = [*found, *siblings]
    weights = np.array([1.0] * len(found) + [SIBLING] * len(siblings))
    wanted = np.array([total for _, total in every])
    terms = np.array([[row[name] for name in names] for row, _ in every])  # (rows, terms)
    scale = np.maximum(terms.max(axis=0), 1.0)  # so that no column dwarfs another
    costs, _ = nnls(terms / scale * (weights / wanted)[:, None], weights, maxiter=50 * len(names))
    return {name: round(float(c), DIGITS) for name, c in zip(names, costs / scale, strict=True) if c > 0}


def say(text: str) -> None:
    """Progress, a line each."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
