"""What loaded teachers share: windows through a network, the mean over a clip, and an identity."""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.teachers.card import TeacherCard
from tinyclap_edge.teachers.logmel import TeacherFrontend, logmel
from tinyclap_edge.teachers.weights import identity_of
from tinyclap_edge.teachers.windows import check_clips, unit_rows, windows

if TYPE_CHECKING:
    import torch

BATCH, TEXT_BATCH = 32, 64


class WindowedTeacher(ABC):
    """A teacher whose network takes log-mels of one fixed length.

    A subclass sets what stands here, gives `network` and, where words are understood, `text_vectors`. The network runs
    on blocks of one size, the last one filled up: convolutions of another batch size round differently, by 6e-8 on the
    reference teacher, and a clip's embedding shall not depend on its neighbours.
    """

    card: TeacherCard
    frontend: TeacherFrontend
    device: str = "cpu"
    block: int = 1  # windows of one pass on a CPU: more only pays for small networks
    filters: np.ndarray | None = None  # (n_fft / 2 + 1, mel_bins) where the weight file brings its own

    @abstractmethod
    def network(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1, frames, mel_bins) -> (batch, dim)."""

    def text_vectors(self, texts: list[str]) -> torch.Tensor:
        """(n, dim) of any length."""
        raise UsageError(
            f"the teacher {self.card.name} has no text side", "words need a CLAP teacher: `tinyclap-edge teachers list`"
        )

    @abstractmethod
    def weights(self) -> list[tuple[str, torch.Tensor]]:
        """Every tensor in use, by name."""

    @functools.cached_property
    def identity(self) -> str:
        """16 hex digits: see card.Teacher."""
        constants = {"family": self.card.family, **asdict(self.frontend)}
        if self.filters is not None:
            constants["filters"] = np.asarray(self.filters, np.float32).tobytes().hex()
        return identity_of(self.weights(), constants)

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """See card.Teacher."""
        checked = check_clips(clips)
        sums = np.zeros((len(checked), self.card.dim), np.float64)
        spec = self.frontend
        each = ((i, w) for i, clip in enumerate(checked) for w in windows(clip, spec.clip_samples, spec.short))
        while chunk := list(itertools.islice(each, BATCH)):
            vectors = self.embed_logmel(np.stack([self.logmel(window) for _, window in chunk]))
            for (i, _), vector in zip(chunk, unit_rows(vectors), strict=True):
                sums[i] += vector
        return unit_rows(sums)

    def logmel(self, audio: np.ndarray) -> np.ndarray:
        """(frames, mel_bins) float32 of (samples,) audio, with this teacher's constants."""
        return logmel(audio, self.frontend, self.filters)

    def embed_logmel(self, x: np.ndarray) -> np.ndarray:
        """(batch, dim) float32, not of unit length, of log-mels (batch, frames, mel_bins)."""
        import torch

        block = self.block if self.device == "cpu" else BATCH
        out = []
        with torch.inference_mode():
            for part in torch.from_numpy(x)[:, None].split(block):
                filled = torch.nn.functional.pad(part, (0, 0, 0, 0, 0, 0, 0, block - len(part)))
                out.append(self.network(filled.to(self.device)).float().cpu()[: len(part)])
        return torch.cat(out).numpy()

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """See card.Teacher."""
        import torch

        parts = [np.zeros((0, self.card.dim), np.float32)]
        for start in range(0, len(texts), TEXT_BATCH):
            with torch.inference_mode():
                vectors = self.text_vectors(list(texts[start : start + TEXT_BATCH]))
                parts.append(torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy())
        if len(parts) == 1:
            self.text_vectors([""])  # says whether there is a text side at all
        return np.concatenate(parts)
