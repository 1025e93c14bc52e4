"""The folder of fetched teachers, and the record of what each file was when it came.

$TINYCLAP_HOME, or ~/.cache/tinyclap-edge; teachers/NAME/ holds the files and fetched.json: for each file its SHA-256,
size and origin. Every use compares the files with it, so that nothing is replaced unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.teachers.card import TeacherCard

HOME_VARIABLE = "TINYCLAP_HOME"
RECORD = "fetched.json"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """One file: sha256 (64 hex digits), bytes, and the address or path that it came from."""

    name: str
    sha256: str
    bytes: int
    origin: str


def home() -> Path:
    """Where everything that is downloaded goes."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".cache" / "tinyclap-edge")


def folder_of(teacher: str) -> Path:
    """The folder of one teacher; it may not exist."""
    return home() / "teachers" / teacher


def read_record(teacher: str) -> dict[str, Fetched]:
    """File name -> what it was when it came; empty where nothing was fetched. CorruptFile (7) for a damaged record."""
    path = folder_of(teacher) / RECORD
    if not path.is_file():
        return {}
    try:
        entries = [Fetched(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["files"]]
        if any(len(bytes.fromhex(e.sha256)) != 32 or Path(e.name).name != e.name for e in entries):
            raise ValueError("a SHA-256 or a name is malformed")
        return {entry.name: entry for entry in entries}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CorruptFile(
            f"{path} is not a readable record ({error})", f"`tinyclap-edge teachers fetch {teacher} --again`"
        ) from error


def write_record(teacher: str, entries: list[Fetched]) -> None:
    """Replace the record whole."""
    path = folder_of(teacher) / RECORD
    temporary = path.with_name(RECORD + ".tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump({"files": [asdict(entry) for entry in entries]}, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def checked_folder(card: TeacherCard) -> Path:
    """The teacher's folder after every file was compared with its pinned or recorded SHA-256.

    ToolMissing (3) where it was not fetched, CorruptFile (7) names the file that changed.
    """
    record = read_record(card.name)
    if not record:
        raise ToolMissing(
            f"the teacher {card.name} has not been fetched",
            f"`tinyclap-edge teachers fetch {card.name}`, or with --from FILE for a file that you have",
        )
    for name, entry in record.items():
        path = folder_of(card.name) / name
        found = sha256_of(path) if path.is_file() else "nothing"
        wanted = next((f.sha256 for f in card.files if f.name == name and f.sha256), entry.sha256)
        if found != wanted:
            raise CorruptFile(
                f"{path} has the SHA-256 {found[:12]}..., it was {wanted[:12]}... when it was fetched"
                if found != "nothing"
                else f"{path} is gone",
                f"`tinyclap-edge teachers fetch {card.name} --again` brings it anew",
            )
    return folder_of(card.name)


def sha256_of(path: Path, advance: Callable[[int], None] = lambda count: None) -> str:
    """64 hex digits; advance(bytes) after each MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(CHUNK):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def hub_cached(repository: str, name: str) -> Path | None:
    """A file in the hub's local cache, where another program has downloaded it; the latest snapshot first."""
    root = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME", Path.home() / ".cache/huggingface")) / "hub"
    snapshots = Path(root) / ("models--" + repository.replace("/", "--")) / "snapshots"
    found = sorted(snapshots.glob(f"*/{name}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return found[0] if found else None
