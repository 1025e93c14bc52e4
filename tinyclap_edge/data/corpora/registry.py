"""The corpora by name, and what opens one: "esc50:PATH", "folder:PATH", "webdataset:PATTERN", "sounds:COUNT[:SEED]"."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from tinyclap_edge.data.corpora.clip import Corpus
from tinyclap_edge.errors import UsageError


@dataclass(frozen=True)
class CorpusEntry:
    """One loader. place: what follows the colon; its module's docstring draws the folders."""

    name: str
    title: str
    module: str
    loader: str
    place: str = "PATH"

    def open(self, place: str) -> Corpus:
        """The corpus at `place`. UsageError (2) or CorruptFile (7) where it is not one."""
        make: Callable[[str], Corpus] = getattr(import_module(f"tinyclap_edge.data.corpora.{self.module}"), self.loader)
        return make(place)

    @property
    def layout(self) -> str:
        """The module's docstring: the official tree and the protocol."""
        return (import_module(f"tinyclap_edge.data.corpora.{self.module}").__doc__ or "").strip()


CORPORA = {
    entry.name: entry
    for entry in (
        CorpusEntry("esc50", "ESC-50", "esc50", "Esc50"),
        CorpusEntry("urbansound8k", "UrbanSound8K", "urbansound8k", "UrbanSound8K"),
        CorpusEntry("tut2017", "TUT Acoustic Scenes 2017", "tut2017", "Tut2017"),
        CorpusEntry("tau2020", "TAU Urban Acoustic Scenes 2020 Mobile", "tau2020", "Tau2020Mobile"),
        CorpusEntry("openmic", "OpenMIC-2018", "openmic", "OpenMic"),
        CorpusEntry("fsd50k", "FSD50K", "fsd50k", "Fsd50k"),
        CorpusEntry("audiocaps", "AudioCaps", "audiocaps", "AudioCaps"),
        CorpusEntry("clotho", "Clotho 2.1", "clotho", "Clotho"),
        CorpusEntry("macs", "MACS", "macs", "Macs"),
        CorpusEntry("audioset", "AudioSet", "audioset", "AudioSet"),
        CorpusEntry("folder", "A folder of sounds", "folder", "Folder"),
        CorpusEntry("webdataset", "WebDataset tar shards", "tar_shards", "TarShards", "PATTERN"),
        CorpusEntry("sounds", "Procedural sounds", "procedural", "ProceduralSounds", "COUNT[:SEED]"),
    )
}


def list_corpora() -> tuple[CorpusEntry, ...]:
    """Every loader, in the order of the documentation."""
    return tuple(CORPORA.values())


def open_corpus(spec: str) -> Corpus:
    """The corpus that "NAME:PLACE" names. UsageError (2) for an unknown name or a place that holds no such corpus."""
    name, colon, place = spec.partition(":")
    if name not in CORPORA:
        near = difflib.get_close_matches(name.lower(), CORPORA, 1)
        hint = f"did you mean {near[0]}:{place or CORPORA[near[0]].place}?" if near else f"one of {', '.join(CORPORA)}"
        if not colon and ("/" in spec or "." in spec):
            hint = f"for a plain folder write folder:{spec}"
        raise UsageError(f"no corpus is called {name!r}", hint)
    entry = CORPORA[name]
    if not place:
        raise UsageError(f"{spec!r} does not say where the corpus is", f"write {name}:{entry.place}")
    return entry.open(place)
