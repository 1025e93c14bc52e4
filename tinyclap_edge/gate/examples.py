"""Recordings -> windows to learn a gate from: ambient sound as it is, and events heard over it.

An event alone would give itself away by the silence around it, or by a quieter microphone; so each is mixed, at the
levels of the recordings, with a passage of the ambient sound. To learn from, it is also mixed at lower levels: loud events
stand out by whichever statistic, and a tree learns only from quiet ones which says most. What was recorded together stays in one part: an event's
recording, or 30 s of ambient sound, is learned from, chosen by, or examined on, never two of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from tinyclap_edge.audio import read_audio
from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.native import NativeLogMel
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.statistics import FEATURES, stream_features

PASSAGE_S = 30.0
ACTIVE_WITHIN_DB = 12.0  # windows of a long event recording this much quieter than its loudest row hold no event
PLACES = 8  # mixtures of each event to learn from
QUIETER_DB = 30.0  # ... at levels from that of the recording down to this much less
KEPT_PASSAGES = 400  # of one window each, to mix events with
PARTS = {"learn": 0.4, "choose": 0.4, "examine": 0.2}  # shares of the recordings


@dataclass(frozen=True)
class Part:
    """events, ambient: (n, 20) int32, one row a window; seconds: of ambient sound."""

    events: np.ndarray
    ambient: np.ndarray
    seconds: float


def read_examples(
    events: Sequence[Path],
    ambient: Sequence[Path],
    spec: FrontendSpec,
    seed: int = 0,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Part]:
    """The parts of PARTS. Errors: those of reading; UsageError for silent events, and for too little ambient sound."""
    rng, front = np.random.default_rng(seed), NativeLogMel(spec)
    grounds = _read_ambient(ambient, spec, front, rng, advance)
    parts = {}
    for name, files in _share_out(events, rng).items():
        rows, passages, seconds = grounds[name]
        places = PLACES if name == "learn" else 1
        mixed = []
        for file in files:
            for event in _events(file, spec):
                for place in range(places):
                    gain = 10 ** (-QUIETER_DB / 20 * place / PLACES)
                    heard = _over(event * gain, passages[rng.integers(len(passages))], rng)
                    mixed.append(stream_features(front.frames(heard), spec, spec.frames)[0])
            advance(1)
        parts[name] = Part(np.array(mixed, np.int32).reshape(-1, len(FEATURES)), rows, seconds)
    return parts


def _share_out(items: Sequence, rng: np.random.Generator) -> dict[str, list]:
    """Items by part, at random, each part's share of them."""
    order = [items[i] for i in rng.permutation(len(items))]
    edges = np.rint(np.cumsum([0.0, *PARTS.values()]) * len(items)).astype(int)
    return {name: order[a:b] for name, a, b in zip(PARTS, edges[:-1], edges[1:], strict=True)}


def _read_ambient(
    files: Sequence[Path], spec: FrontendSpec, front: NativeLogMel, rng: np.random.Generator, advance: Callable
) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """By part: features (n, 20) of its windows, some of the windows (m, samples) int16, and seconds.

    To learn from, a window every half window; elsewhere windows that share no sound.
    """
    window = spec.window_total_samples
    passages = []  # (part, file, begin, end): decided before anything is kept
    for file in files:
        samples = read_audio(file, spec.sample_rate_hz).pcm.size
        pieces = max(1, round(samples / (PASSAGE_S * spec.sample_rate_hz)))
        edges = np.linspace(0, samples, pieces + 1).astype(int)
        passages += [(file, int(a), int(b)) for a, b in pairwise(edges) if b - a >= window]
    if len(passages) < 3:
        total = len(passages)
        raise UsageError(
            f"the ambient recordings make {total} passage{'s' * (total != 1)} of {PASSAGE_S:g} s, a gate needs 3",
            "record the place for some minutes, as it sounds when nothing happens",
        )
    part_of = {p: name for name, members in _share_out(passages, rng).items() for p in members}
    rows: dict[str, list] = {name: [] for name in PARTS}
    kept: dict[str, list] = {name: [] for name in PARTS}
    seconds = dict.fromkeys(PARTS, 0.0)
    wanted = max(1, -(-KEPT_PASSAGES // len(passages)))
    for file in files:
        pcm = read_audio(file, spec.sample_rate_hz).pcm
        for passage in (p for p in passages if p[0] == file):
            name, sound = part_of[passage], pcm[passage[1] : passage[2]]
            hop = max(1, spec.frames // 2) if name == "learn" else spec.frames
            rows[name].append(stream_features(front.frames(sound), spec, hop))
            starts = rng.integers(0, sound.size - window + 1, wanted)
            kept[name] += [sound[s : s + window].copy() for s in starts]
            seconds[name] += sound.size / spec.sample_rate_hz
        advance(1)
    return {name: (np.concatenate(rows[name]), np.stack(kept[name]), seconds[name]) for name in PARTS}


def _events(file: Path, spec: FrontendSpec) -> list[np.ndarray]:
    """The event of a recording no longer than a window; of a longer one the windows, side by side, that are not quiet."""
    pcm, window = read_audio(file, spec.sample_rate_hz).pcm, spec.window_total_samples
    if not pcm.any():
        raise UsageError(f"{file} is silent", "give recordings in which the event is heard")
    if pcm.size <= window:
        return [pcm]
    starts = sorted({*range(0, pcm.size - window + 1, window), pcm.size - window})  # the end is heard too
    pieces = [pcm[s : s + window] for s in starts]
    loud = np.array([_loudest(piece, spec.hop_samples) for piece in pieces])
    least = _loudest(pcm, spec.hop_samples) * 10 ** (-ACTIVE_WITHIN_DB / 10)
    return [piece for piece, power in zip(pieces, loud, strict=True) if power >= least] or [pieces[int(loud.argmax())]]


def _loudest(pcm: np.ndarray, hop: int) -> float:
    """Mean power of the loudest `hop` samples."""
    blocks = pcm[: pcm.size // hop * hop].astype(np.float64).reshape(-1, hop)
    return float((blocks**2).mean(1).max())


def _over(event: np.ndarray, ground: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The event somewhere in a window of ambient sound: (samples,) int16."""
    heard = ground.astype(np.float64)
    at = int(rng.integers(0, ground.size - event.size + 1))
    heard[at : at + event.size] += np.rint(event)
    return np.clip(heard, -32768, 32767).astype(np.int16)
