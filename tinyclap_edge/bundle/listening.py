"""Recordings of a place and of events through an export's encoder, as a board would hear them: streams of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.audio import read_audio
from tinyclap_edge.bundle.run import Ready
from tinyclap_edge.device.events import EventDetector
from tinyclap_edge.device.link_monitor import EventSettings
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.intervals import Share, wilson
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.prompts import normalise_label
from tinyclap_edge.labels.score import score


@dataclass(frozen=True)
class Ambient:
    """streams: raw scores (windows, labels) int16 of each recording; hours: of sound; ground: a passage to set events in."""

    streams: list[np.ndarray]
    hours: float
    ground: np.ndarray


def hear_ambient(
    ready: Ready, pack: LabelPack, files: Sequence[Path], advance: Callable[[int], None] = lambda steps: None
) -> Ambient:
    """Recordings shorter than a window say nothing and are not counted. UsageError where none is longer."""
    spec = ready.bundle.spec
    streams, samples, ground = [], 0, np.empty(0, np.int16)
    for file in files:
        pcm = read_audio(file, spec.sample_rate_hz).pcm
        if pcm.size >= ready.bundle.span_samples:
            streams.append(stream_scores(ready, pack, pcm))
            samples += pcm.size
            ground = max(ground, pcm, key=len)
        advance(1)
    if not streams:
        raise UsageError(
            f"no ambient recording is as long as a window, {ready.bundle.span_samples / spec.sample_rate_hz:.2f} s",
            "record the place for hours, as it sounds when nothing happens",
        )
    return Ambient(streams, samples / spec.sample_rate_hz / 3600, ground)


def stream_scores(ready: Ready, pack: LabelPack, pcm: np.ndarray) -> np.ndarray:
    """(windows, labels) int16 of `pack`, hop after hop. pcm: (n,) int16, a window or more."""
    stages, _ = ready.run(pcm)
    return score(pack, stages.embeddings, ready.bundle.pipeline().output_quant.z)


def label_of(file: Path, names: Sequence[str]) -> int:
    """The label that an event recording is of: its folder is named so, or its name begins so; `_` is read as a blank.

    UsageError names the file.
    """
    keys = [normalise_label(name.replace("_", " ")) for name in names]
    folder, stem = (normalise_label(text.replace("_", " ")) for text in (file.parent.name, file.stem))
    if folder in keys:
        return keys.index(folder)
    found = [i for i, key in enumerate(keys) if stem.startswith(key)]
    if not found:
        shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
        raise UsageError(
            f"{file} is named after no label of the pack", f"put it into a folder named as its label: {shown}"
        )
    return max(found, key=lambda i: len(keys[i]))


def hear_events(
    ready: Ready,
    pack: LabelPack,
    files: Sequence[Path],
    ground: np.ndarray,
    settings: EventSettings,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Share]:
    """Share of the recordings of each label, by its name, in which that label is an event.

    Each is heard over the ambient sound, a window of which goes before it and follows it.
    """
    spec, found = ready.bundle.spec, {}
    heard: dict[int, list[bool]] = {}
    for file in files:
        label, pcm = label_of(file, pack.names), read_audio(file, spec.sample_rate_hz).pcm
        scores = stream_scores(ready, pack, in_place(pcm, ground, ready.bundle.span_samples))
        detector = EventDetector(pack.thresholds_q15, pack.background, settings)
        heard.setdefault(label, []).append(label in {event for row in scores for event in detector.take(row)})
        advance(1)
    for label, hits in sorted(heard.items()):
        found[pack.names[label]] = wilson(sum(hits), len(hits))
    return found


def in_place(pcm: np.ndarray, ground: np.ndarray, around: int) -> np.ndarray:
    """(n + 2 around,) int16: a recording over the ambient sound, `around` samples of which stand on either side."""
    heard = np.resize(ground, pcm.size + 2 * around).astype(np.int32)
    heard[around : around + pcm.size] += pcm
    return np.clip(heard, -32768, 32767).astype(np.int16)
