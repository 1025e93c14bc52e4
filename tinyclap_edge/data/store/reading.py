"""From a clip to what a shard needs of it: its rows, their audio at the teacher's rate, their log-mels. In processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip, Corpus
from tinyclap_edge.data.store.features import log_mel_row
from tinyclap_edge.data.store.rows import Row, cut, rows_of
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

AHEAD = 4  # clips that each process may be ahead
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class LoadedClip:
    """rows, and one of each for them: audio (samples,) float32; features (log-mel, level), empty without a front end.

    trouble: why the clip cannot be read; then there are no rows.
    """

    clip: Clip
    rows: tuple[Row, ...] = ()
    audio: tuple[np.ndarray, ...] = ()
    features: tuple[tuple[np.ndarray, float], ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Reader:
    """How clips are read. rate_hz: the teacher's, None where audio is not needed; spec: None for no log-mels."""

    corpus: Corpus
    rate_hz: int | None
    segment_s: float | None = None
    spec: FrontendSpec | None = None

    def __call__(self, clip: Clip) -> LoadedClip:
        """Read one clip; a broken file is an answer, not an error."""
        if self.rate_hz is None and self.segment_s is None and self.spec is None:  # nobody listens
            return LoadedClip(clip, tuple(rows_of(clip, 0, 1, None)))
        rate = self.rate_hz or (self.spec.sample_rate_hz if self.spec else 16_000)
        try:
            audio = self.corpus.read(clip, rate)
            rows = rows_of(clip, audio.size, rate, self.segment_s)
            features: tuple[tuple[np.ndarray, float], ...] = ()
            if self.spec:
                own = self.spec.sample_rate_hz
                heard = audio if own == rate else self.corpus.read(clip, own)
                features = tuple(log_mel_row(cut(heard, row, own), self.spec) for row in rows)
        except (CorruptFile, UsageError) as error:  # UsageError: the file has gone since it was listed
            return LoadedClip(clip, trouble=error.fact)
        pieces = tuple(cut(audio, row, rate) for row in rows) if self.rate_hz else ()
        return LoadedClip(clip, tuple(rows), pieces, features)


_reader: Reader | None = None  # in a worker process


def read_clips(reader: Reader, clips: Sequence[Clip], workers: int = 0) -> Iterator[LoadedClip]:
    """The clips in their order, whatever `workers` is; 0 reads in this process."""
    if workers < 1 or len(clips) < 2:
        yield from map(reader, clips)
        return
    if reader.spec:
        log_mel_row(np.zeros(1, np.float32), reader.spec)  # compiled once, before the processes part
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    waiting: deque[Future[LoadedClip]] = deque()  # bounded: a slow teacher must not fill the memory with sounds
    try:
        with ProcessPoolExecutor(workers, context, _begin, (reader,)) as pool:
            try:
                for clip in clips:
                    waiting.append(pool.submit(_read, clip))
                    if len(waiting) >= AHEAD * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except BrokenProcessPool as error:
        raise TinyclapError("a process that reads sounds was killed", "is memory short? Try --workers 0") from error


def _begin(reader: Reader) -> None:
    global _reader
    _reader = reader
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a fork keeps the parent's handlers, which would not end it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":  # where a killed parent's fork would wait for work for ever
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _read(clip: Clip) -> LoadedClip:
    assert _reader is not None
    return _reader(clip)
