"""What real boards were measured at: one JSON file a board, which `bench --target serial` writes and `fit` reads.

    read_measurement("stm32f4")         # Measurement, or None where this board was never measured

The files are DIRECTORY/measured/BOARD.json. DIRECTORY is what --measurements or TINYCLAP_EDGE_MEASUREMENTS names, else
tinyclap-edge in the user's configuration folder. Only a board's own cycle counter makes such a file: what an emulator
counts is no measurement.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import CorruptFile, UsageError

ENVIRONMENT_VARIABLE = "TINYCLAP_EDGE_MEASUREMENTS"
SCHEMA = 1
PROVENANCE = "measured"
MAX_BYTES = 1 << 16
_BOARD = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "measure again: `tinyclap-edge bench --target serial --port P --board B`, or delete the file"


@dataclass(frozen=True)
class Measurement:
    """One window on a board: front end, encoder and scores. ValueError for a record that cannot be one."""

    board: str
    cycles: int  # of the board's own counter
    instructions: int  # of the same image and window, counted in the emulator
    cycles_per_instruction: float
    clock_hz: int  # of the counter
    encoder_sha256: str  # of encoder.tflite
    date: str  # ISO 8601, a day
    provenance: str = PROVENANCE

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kind = {"int": int, "float": float, "str": str}[str(field.type)]
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"{field.name} is {value!r}")
        if not _BOARD.fullmatch(self.board):
            raise ValueError(f"{self.board!r} is no board's name")
        if not (0 < self.cycles < 1 << 48 and 0 < self.instructions < 1 << 48 and 0 < self.clock_hz < 1 << 40):
            raise ValueError("cycles, instructions and clock_hz are above zero")
        ratio = self.cycles / self.instructions
        if not 0.05 <= ratio <= 100 or not math.isclose(self.cycles_per_instruction, ratio, rel_tol=1e-3):
            raise ValueError(f"{self.cycles} cycles are not {self.cycles_per_instruction} an instruction")
        if not _SHA256.fullmatch(self.encoder_sha256):
            raise ValueError("encoder_sha256 is no SHA-256")
        date.fromisoformat(self.date)
        if self.provenance != PROVENANCE:
            raise ValueError(f"provenance is {self.provenance!r}, not {PROVENANCE!r}")

    @property
    def seconds(self) -> float:
        """One window's time."""
        return self.cycles / self.clock_hz

    @staticmethod
    def make(board: str, cycles: int, instructions: int, clock_hz: int, encoder_sha256: str) -> Measurement:
        """Today's. UsageError where the figures are no measurement of a window."""
        try:
            ratio = round(cycles / instructions, 6)
            return Measurement(
                board, cycles, instructions, ratio, clock_hz, encoder_sha256, date.today().isoformat()
            )  # fmt: skip
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(f"{board} cannot have been measured at this: {error}") from error


def measurements_dir(directory: Path | str | None = None) -> Path:
    """Where the files are: `directory`, else the environment's, else the user's."""
    chosen = directory or os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tinyclap-edge"


def measurement_path(board: str, directory: Path | str | None = None) -> Path:
    """The file of a board. UsageError for a name that no board has."""
    if not _BOARD.fullmatch(board):
        raise UsageError(f"{board!r} is no board's name", "`tinyclap-edge boards` lists them")
    return measurements_dir(directory) / "measured" / f"{board}.json"


def read_measurement(board: str, directory: Path | str | None = None) -> Measurement | None:
    """The measurement of a board, None where there is none. CorruptFile (7) for a file that holds something else."""
    path = measurement_path(board, directory)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        found = _parse(content)
        if found.board != board:
            raise ValueError(f"it is of {found.board}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CorruptFile(f"{path} holds no measurement ({error})", _AGAIN) from error
    return found


def write_measurement(measurement: Measurement, directory: Path | str | None = None) -> Path:
    """Store a board's measurement; it replaces an earlier one, whole or not at all."""
    path = measurement_path(measurement.board, directory)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"schema_version": SCHEMA, **asdict(measurement)}, indent=1) + "\n"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(
            f"cannot write the measurement to {path}: {error.strerror or error}", "name another folder: --measurements"
        ) from error
    return path


def _parse(content: Any) -> Measurement:
    if not isinstance(content, dict) or content.pop("schema_version", None) != SCHEMA:
        raise ValueError(f"it is no table of schema {SCHEMA}")
    names = {field.name for field in fields(Measurement)}
    for name in sorted(set(content) ^ names):
        raise ValueError(f"{name} is {'missing' if name in names else 'not known'}")
    if isinstance(content["cycles_per_instruction"], int):
        content["cycles_per_instruction"] = float(content["cycles_per_instruction"])
    return Measurement(**content)
