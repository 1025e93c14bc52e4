"""A gate on disk: one JSON file with the model's C, the front end that it listens through, and what it was seen to do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.evaluate.intervals import Share
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.model import GateModel, parse

FORMAT = "tinyclap-gate/1"
MAX_BYTES = 1 << 20
_KEYS = {"format", "frontend", "model", "miss_rate", "missed", "shut", "ambient_s", "checked_vectors", "versions"}


@dataclass(frozen=True)
class Gate:
    """model: the tree and its C; miss_rate: what was asked for; missed: of the events that were kept apart; shut: of the
    ambient windows that were; ambient_s: seconds of ambient sound in all; versions: what it was made with."""

    model: GateModel
    spec: FrontendSpec
    miss_rate: float
    missed: Share
    shut: Share
    ambient_s: float
    checked_vectors: int
    versions: dict[str, str]

    def to_bytes(self) -> bytes:
        """The file. Equal gates give equal bytes."""
        record = {
            "format": FORMAT,
            "frontend": self.spec.to_dict(),
            "miss_rate": self.miss_rate,
            "missed": asdict(self.missed),
            "shut": asdict(self.shut),
            "ambient_s": self.ambient_s,
            "checked_vectors": self.checked_vectors,
            "versions": self.versions,
            "model": self.model.source.splitlines(),
        }
        return (json.dumps(record, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Gate:
        """Read strictly: its C will be compiled. CorruptFile (7) says what is wrong."""
        if len(data) > MAX_BYTES:
            raise CorruptFile(f"a gate of {len(data):,} bytes is none", f"they have at most {MAX_BYTES:,}")
        try:
            record = json.loads(data.decode("utf-8"), parse_constant=_refuse)
            if not isinstance(record, dict) or record.get("format") != FORMAT:
                raise ValueError(f"it is no {FORMAT}")
            if set(record) != _KEYS:
                raise ValueError(f"its fields are {', '.join(sorted(set(record) ^ _KEYS))} apart from those of a gate")
            versions = {str(k): str(v) for k, v in dict(record["versions"]).items()}
            return cls(
                parse("\n".join(map(str, record["model"])) + "\n"),
                FrontendSpec.from_dict(record["frontend"]),
                _number(record["miss_rate"], 0, 1),
                _share(record["missed"]),
                _share(record["shut"]),
                _number(record["ambient_s"], 0, 1e9),
                int(_number(record["checked_vectors"], 0, 1e9)),
                versions,
            )
        except TinyclapError as error:
            raise CorruptFile(f"the gate is refused: {error.fact}", "train it again") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptFile(f"this is no gate that can be read ({error})", "`gate train` writes one") from error


def read_gate(path: Path | str) -> Gate:
    """The gate in a file. UsageError (2) where there is none, CorruptFile (7) for another kind of file."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no gate {path}", "`tinyclap-edge gate train` writes one")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(
            f"{path} has {path.stat().st_size:,} bytes; a gate has at most {MAX_BYTES:,}",
            "name the file that `gate train --out` wrote",
        )
    try:
        return Gate.from_bytes(path.read_bytes())
    except CorruptFile as error:
        raise CorruptFile(f"{path}: {error.fact}", error.hint) from error


def _share(record: Any) -> Share:
    value, low, high = (_number(record[name], 0, 1) for name in ("value", "low", "high"))
    return Share(value, low, high, int(_number(record["n"], 0, 1e9)))


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r} is outside {low:g}..{high:g}")
    return float(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
