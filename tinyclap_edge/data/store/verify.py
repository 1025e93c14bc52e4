"""Every hash of a store, its log-mels included: what is damaged, missing, or not listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tinyclap_edge.data.store.disk import FileMark
from tinyclap_edge.data.store.features import MARK, read_mark
from tinyclap_edge.data.store.manifest import ROWS, Manifest, read_manifest
from tinyclap_edge.errors import CorruptFile


@dataclass
class Verification:
    """What was found. damaged: (file within the store, what is wrong); unlisted: folders that no manifest lists."""

    manifest: Manifest
    files: int = 0
    bytes: int = 0
    damaged: list[tuple[str, str]] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    def require_sound(self, store: Path) -> None:
        """CorruptFile (7) names everything that is damaged."""
        if self.damaged:
            first = "; ".join(f"{file} {what}" for file, what in self.damaged[:5])
            more = f" and {len(self.damaged) - 5} more" if len(self.damaged) > 5 else ""
            raise CorruptFile(
                f"{store}: {len(self.damaged)} of {self.files} files are damaged: {first}{more}",
                "copy them again; a folder features-* may be deleted, it is made anew",
            )


def verify_store(store: Path, progress: Callable[[int, int], None] | None = None) -> Verification:
    """Hash every file of the store. UsageError (2) where there is none, CorruptFile (7) for a damaged manifest."""
    manifest = read_manifest(store)
    found = Verification(manifest)
    checks = [(store / shard.name / f, mark) for shard in manifest.shards for f, mark in shard.files.items()]
    names = {shard.name: shard for shard in manifest.shards}
    for folder in sorted(store.glob("features-*/shard-*")):
        place = folder.relative_to(store).as_posix()
        if folder.name not in names:
            found.unlisted.append(place)
            continue
        try:
            rows, marks = read_mark(folder)
        except CorruptFile:
            found.damaged.append((f"{place}/{MARK}", "cannot be read"))
            found.files += 1
            continue
        if rows != names[folder.name].files[ROWS].sha256:
            found.damaged.append((place, "belongs to other rows"))
        checks += [(folder / name, mark) for name, mark in marks.items()]
    found.unlisted += [p.name for p in sorted(store.glob("shard-*")) if p.name not in names]
    for number, (path, mark) in enumerate(checks, 1):
        what = _trouble(path, mark)
        if what:
            found.damaged.append((path.relative_to(store).as_posix(), what))
        found.files += 1
        found.bytes += mark.size
        if progress:
            progress(number, len(checks))
    return found


def _trouble(path: Path, mark: FileMark) -> str:
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != mark.size:
        return f"has {size:,} bytes instead of {mark.size:,}"
    try:
        return "" if FileMark.of(path) == mark else "has other bytes than were written"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
