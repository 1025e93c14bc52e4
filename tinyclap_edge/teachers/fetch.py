"""Bring a published teacher into the cache: over https, from the hub's local cache, or from files that one has.

Everything is collected in a folder beside its place, hashed on the way, compared with pinned and earlier hashes, and
opened once as the teacher that it should be. Only then does it take its place; until then the earlier files stand.
A download that was cut off goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tinyclap_edge.errors import CorruptFile, ToolMissing, UsageError
from tinyclap_edge.teachers.cache import (
    CHUNK,
    Fetched,
    checked_folder,
    folder_of,
    hub_cached,
    read_record,
    sha256_of,
    write_record,
)
from tinyclap_edge.teachers.card import TeacherCard, TeacherFile

MAX_BYTES = 8 << 30
HUB_HOST = "huggingface.co"
TIMEOUT_S = 60

# progress(file name, bytes since the last call, bytes in all or 0 where unknown)
Progress = Callable[[str, int, int], None]
OpenUrl = Callable[[str, int], Any]  # (url, first byte) -> response with status, headers and read(size)


class NotOffered(ToolMissing):
    """The server does not have this file."""


@dataclass(frozen=True)
class FetchResult:
    """files: what is in the cache now; fresh: names that came this time; left_out: optional files that did not come.

    opened: the teacher was opened as a check (False where torch or transformers is missing).
    """

    folder: Path
    files: tuple[Fetched, ...]
    fresh: tuple[str, ...]
    left_out: tuple[str, ...]
    opened: bool


def fetch(
    card: TeacherCard,
    given: Sequence[Path] = (),
    again: bool = False,
    progress: Progress = lambda name, count, total: None,
    open_url: OpenUrl | None = None,
) -> FetchResult:
    """Bring every file of a card. Files in `given` (or in given folders) are taken instead of being downloaded.

    again: forget what was recorded before. UsageError (2) for a teacher without files; ToolMissing (3) where a download
    fails; CorruptFile (7) for a wrong hash or weights that do not fit; in every case the cache stays as it was.
    """
    if not card.files:
        hint = "name a folder as embeddings:DIR" if card.kind == "embeddings" else "it ships with the package"
        raise UsageError(f"there is nothing to fetch for {card.name}", hint)
    if not given and not again and read_record(card.name):
        folder = checked_folder(card)
        return FetchResult(folder, tuple(read_record(card.name).values()), (), (), True)
    sources = _match(card, given)
    before = {} if again else read_record(card.name)
    folder = folder_of(card.name)
    work = folder.with_name(f".{card.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    try:
        fetched, left_out = _collect(card, sources, before, work, progress, open_url or _open_https)
    except BaseException:
        with contextlib.suppress(OSError):
            work.rmdir()  # where nothing came; what came waits for the next try
        raise
    wanted = {f.instead_of or f.name for f in card.files if not f.optional}
    if absent := wanted - {n for f in fetched for n in (f.name, _file(card, f.name).instead_of)}:
        raise ToolMissing(f"{sorted(absent)[0]} of {card.name} is not offered", "give a file of yours with --from")
    opened = _try(card, work)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in fetched:
        os.replace(work / entry.name, folder / entry.name)
    keep = [e for e in before.values() if e.name not in {f.name for f in fetched} and (folder / e.name).is_file()]
    write_record(card.name, [*fetched, *keep])
    shutil.rmtree(work, ignore_errors=True)
    return FetchResult(folder, tuple(fetched), tuple(f.name for f in fetched), tuple(left_out), opened)


def _collect(
    card: TeacherCard,
    sources: dict[str, Path],
    before: dict[str, Fetched],
    work: Path,
    progress: Progress,
    open_url: OpenUrl,
) -> tuple[list[Fetched], list[str]]:
    """Every file of the card in `work`, compared with its hash; and the names of optional ones that did not come."""
    fetched: list[Fetched] = []
    left_out: list[str] = []
    for file in card.files:
        if file.instead_of in {f.name for f in fetched}:
            continue
        try:
            entry = _bring(file, sources.get(file.name), work, progress, open_url)
        except ToolMissing as error:
            replaced = isinstance(error, NotOffered) and any(f.instead_of == file.name for f in card.files)
            if not replaced and not file.optional:
                raise
            if file.optional:
                left_out.append(file.name)
            continue
        _compare(card, file, entry, before.get(file.name))
        fetched.append(entry)
    return fetched, left_out


def _match(card: TeacherCard, given: Sequence[Path]) -> dict[str, Path]:
    """File name of the card -> the user's file. A single file of another name is taken for the weights."""
    found: dict[str, Path] = {}
    names = [file.name for file in card.files]
    for path in given:
        if path.is_dir():
            inside = {name: path / name for name in names if (path / name).is_file()}
            if not inside:
                raise UsageError(f"{path} holds none of {', '.join(names)}", f"files of {card.name} have these names")
            found |= inside
        elif path.is_file():
            same_kind = [n for n in names if Path(n).suffix == path.suffix and not _file(card, n).optional]
            found[path.name if path.name in names else (same_kind or names)[0]] = path
        else:
            raise UsageError(f"there is no file {path}", f"files of {card.name}: {', '.join(names)}")
    return found


def _bring(file: TeacherFile, given: Path | None, work: Path, progress: Progress, open_url: OpenUrl) -> Fetched:
    to = work / file.name
    source = given or _hub_copy(file)
    if source is not None:
        total = source.stat().st_size
        with source.open("rb") as handle:
            sha256 = _write(iter(lambda: handle.read(CHUNK), b""), to, 0, lambda n: progress(file.name, n, total))
        return Fetched(file.name, sha256, to.stat().st_size, str(source.resolve()))
    url = _address(file.url)
    have = to.stat().st_size if to.is_file() else 0
    try:
        with open_url(url, have) as response:
            if response.status != 206:  # the server starts anew
                have = 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length and length.isdigit() else 0
            if total > MAX_BYTES:
                raise CorruptFile(f"{url} announces {total:,} bytes", f"no known teacher exceeds {MAX_BYTES >> 30} GiB")
            progress(file.name, have, total)
            blocks = iter(lambda: response.read(CHUNK), b"")
            sha256 = _write(blocks, to, have, lambda n: progress(file.name, n, total))
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # the whole file was there already
            return Fetched(file.name, sha256_of(to), have, url)
        kind = NotOffered if error.code in (401, 403, 404) else ToolMissing
        raise kind(f"{url} answers {error.code} {error.reason}", "give a file of yours with --from FILE") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise ToolMissing(
            f"cannot download {url} ({reason})",
            "try again: it goes on where it stopped; or --from FILE for a file of yours",
        ) from error
    if total and to.stat().st_size != total:
        raise ToolMissing(
            f"{url} was cut off after {to.stat().st_size:,} of {total:,} bytes",
            "try again: it goes on where it stopped",
        )
    return Fetched(file.name, sha256, to.stat().st_size, url)


def _write(blocks: Iterable[bytes], to: Path, have: int, advance: Callable[[int], None]) -> str:
    """Append `blocks` after the first `have` bytes, flush to the disk; the SHA-256 of the whole file."""
    digest = hashlib.sha256()
    if have:
        with to.open("rb") as handle:
            while block := handle.read(CHUNK):
                digest.update(block)
    size = have
    with to.open("ab" if have else "wb") as handle:
        for block in blocks:
            size += len(block)
            if size > MAX_BYTES:
                raise CorruptFile(f"{to.name} exceeds {MAX_BYTES >> 30} GiB", "no known teacher is that large")
            handle.write(block)
            digest.update(block)
            advance(len(block))
        handle.flush()
        os.fsync(handle.fileno())
    return digest.hexdigest()


def _compare(card: TeacherCard, file: TeacherFile, entry: Fetched, before: Fetched | None) -> None:
    wanted = file.sha256 or (before.sha256 if before else None)
    if wanted and entry.sha256 != wanted:
        (folder_of(card.name).with_name(f".{card.name}.part") / file.name).unlink(missing_ok=True)
        why = "is pinned" if file.sha256 else "was recorded when it was first fetched"
        raise CorruptFile(
            f"{file.name} from {entry.origin} has the SHA-256 {entry.sha256[:12]}..., {wanted[:12]}... {why}",
            "it is another or a damaged file" + ("" if file.sha256 else "; --again accepts a new release"),
        )


def _try(card: TeacherCard, folder: Path) -> bool:
    """Open the teacher once: weights that do not fit are refused before their hash is trusted."""
    from tinyclap_edge.teachers.registry import open_teacher

    try:
        open_teacher(card.name, folder)
    except ToolMissing:
        return False
    except CorruptFile:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return True


def _file(card: TeacherCard, name: str) -> TeacherFile:
    return next(file for file in card.files if file.name == name)


def _hub_copy(file: TeacherFile) -> Path | None:
    parts = urlsplit(file.url)
    if parts.hostname != HUB_HOST or "/resolve/" not in parts.path:
        return None
    repository, _, rest = parts.path.strip("/").partition("/resolve/")
    return hub_cached(repository, rest.partition("/")[2])


def _address(url: str) -> str:
    """The address, on the mirror that HF_ENDPOINT names."""
    mirror = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return url.replace(f"https://{HUB_HOST}", mirror, 1) if mirror else url


def _open_https(url: str, first: int) -> Any:
    if urlsplit(url).scheme != "https":
        raise UsageError(f"{url} is not an https address", "teachers are only fetched over https")
    headers = {"User-Agent": "tinyclap-edge"} | ({"Range": f"bytes={first}-"} if first else {})
    response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    if urlsplit(response.url).scheme != "https":
        raise ToolMissing(f"{url} leads to {response.url}, which is not https", "give a file of yours with --from FILE")
    return response
