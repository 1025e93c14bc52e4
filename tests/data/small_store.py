"""Embedding a folder of sounds by the plain teacher, and every byte of the store that comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.plain_teacher import PlainTeacher

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store.embed import EmbedRequest, EmbedResult, embed_corpus
from tinyclap_edge.frontend.spec import FrontendSpec

SPEC = FrontendSpec(
    sample_rate_hz=8000, n_fft=256, window_samples=256, hop_samples=128, mel_bins=8, f_max_hz=4000.0, frames=4
)


def run(folder: Path, out: Path, teacher: PlainTeacher | None = None, **options: Any) -> EmbedResult:
    """As `embed --data folder:FOLDER --out OUT`."""
    return embed_corpus(EmbedRequest(teacher or PlainTeacher(), open_corpus(f"folder:{folder}"), out, **options))


def everything(store: Path) -> dict[str, bytes]:
    """Every file but the lock."""
    files = (p for p in store.rglob("*") if p.is_file() and p.name != ".lock")
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in sorted(files)}
