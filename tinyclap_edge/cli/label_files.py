"""Label packs as files: read with a limit, written whole, described for --json."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import CorruptFile, UsageError


def describe(data: bytes) -> dict[str, Any]:
    from tinyclap_edge.labels.pack import LabelPack

    pack = LabelPack.from_bytes(data)
    return {
        "encoder_id": pack.encoder_id,
        "frontend_id": pack.frontend_id,
        "dim": pack.dim,
        "sha256": hashlib.sha256(data).hexdigest(),
        "labels": [
            {"name": name, "threshold": int(q15) / 32768, "background": i == pack.background}
            for i, (name, q15) in enumerate(zip(pack.names, pack.thresholds_q15, strict=True))
        ],
    }


def read_pack_file(file: str) -> bytes:
    """A pack file, refused by its size before it is read."""
    from tinyclap_edge.labels.pack import MAX_BYTES

    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no label pack {file}", "`tinyclap-edge labels encode` writes one")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(
            f"{file} has {path.stat().st_size:,} bytes; a label pack has at most {MAX_BYTES:,}",
            "name the .tlp file of `labels encode`, or an export's labels.tlp",
        )
    return path.read_bytes()


def write_file(path: Path, data: bytes) -> None:
    """Beside it first, then renamed: never half a pack."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path} ({error.strerror})", "choose a directory that may be written") from error
