"""manifest.json of a store: whose embeddings, of which corpora, in which shards, with the SHA-256 of every file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinyclap_edge.data.store.disk import FileMark, json_bytes, write_file
from tinyclap_edge.errors import CorruptFile, UsageError

FORMAT = "tinyclap-store/1"
MANIFEST = "manifest.json"
EMBEDDINGS, ROWS = "embeddings.npy", "rows.json"
MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class StoredTeacher:
    """Whose embeddings these are. identity: 16 hex digits of its weights and front end."""

    name: str
    identity: str
    dim: int


@dataclass(frozen=True)
class Source:
    """Where rows come from. corpus: a specification for open_corpus; segment_s: None for whole clips."""

    corpus: str
    split: str | None = None
    segment_s: float | None = None


@dataclass
class SourceState:
    """A source and its trouble: files that are not there, and clips that could not be read, with the reason."""

    source: Source
    missing: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """A finished folder of rows. source: index of its Source; files: by name."""

    name: str
    source: int
    rows: int
    files: dict[str, FileMark]


@dataclass
class Manifest:
    """All that is finished."""

    teacher: StoredTeacher
    sources: list[SourceState] = field(default_factory=list)
    shards: list[Shard] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows in all shards."""
        return sum(shard.rows for shard in self.shards)

    def index_of(self, source: Source) -> int:
        """The index of a source, which is added where it is new."""
        for i, state in enumerate(self.sources):
            if state.source == source:
                return i
        self.sources.append(SourceState(source))
        return len(self.sources) - 1

    def next_name(self) -> str:
        """The name of the shard to come."""
        return f"shard-{len(self.shards):05d}"

    def to_bytes(self) -> bytes:
        """The file, with the hash of the rest of itself."""
        body = {"format": FORMAT, **asdict(self)}
        return json_bytes({**body, "manifest_sha256": FileMark.of_bytes(json_bytes(body)).sha256})

    def write(self, store: Path) -> None:
        """Replace the manifest of `store`, unless it says the same already."""
        data, path = self.to_bytes(), store / MANIFEST
        if not path.is_file() or path.read_bytes() != data:
            write_file(path, data)


def read_manifest(store: Path) -> Manifest:
    """The manifest of a store. UsageError (2) where there is none, CorruptFile (7) where it is damaged."""
    path = store / MANIFEST
    if not path.is_file():
        raise UsageError(f"there is no embedding store in {store}", "`tinyclap-edge embed --out` writes one")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path} has {path.stat().st_size:,} bytes, which no manifest has")
    try:
        record = json.loads(path.read_bytes())
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise CorruptFile(f"{path} is not of the form {FORMAT}", "another version of tinyclap-edge wrote it?")
        mark = record.pop("manifest_sha256", "")
        if FileMark.of_bytes(json_bytes(record)).sha256 != mark:
            raise CorruptFile(f"{path} was changed: it does not fit its own hash", "copy the store again")
        return _parsed(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptFile(f"{path} is damaged ({error})", "copy the store again") from error


def _parsed(record: dict[str, Any]) -> Manifest:
    states = [
        SourceState(Source(**s["source"]), [str(m) for m in s["missing"]], dict(s["broken"])) for s in record["sources"]
    ]
    shards = []
    for number, entry in enumerate(record["shards"]):
        files = {str(name): FileMark(int(f["size"]), str(f["sha256"])) for name, f in entry["files"].items()}
        shard = Shard(str(entry["name"]), int(entry["source"]), int(entry["rows"]), files)
        if shard.name != f"shard-{number:05d}" or set(files) != {EMBEDDINGS, ROWS}:
            raise ValueError(f"shard {number} is called {shard.name!r} and has {len(files)} files")
        if not 0 <= shard.source < len(states) or shard.rows < 1:
            raise ValueError(f"{shard.name} has {shard.rows} rows of source {shard.source}")
        shards.append(shard)
    teacher = record["teacher"]
    return Manifest(StoredTeacher(str(teacher["name"]), str(teacher["identity"]), int(teacher["dim"])), states, shards)
