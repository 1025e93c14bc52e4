"""The reference teacher as a registry entry: the shipped audio tower behind the front end that it was trained on.

The network and its training are in teachers/reference.py and tinyclap_edge/reference.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.torch_logmel import LogMel
from tinyclap_edge.teachers.card import TeacherCard
from tinyclap_edge.teachers.logmel import TeacherFrontend
from tinyclap_edge.teachers.reference import ReferenceTeacher, load_teacher, normalise
from tinyclap_edge.teachers.text_minilm import TextTower
from tinyclap_edge.teachers.tower import WindowedTeacher
from tinyclap_edge.teachers.weights import identity_of, parameters_of

SHIPPED = Path(__file__).resolve().parents[1] / "models" / "reference" / "teacher.safetensors"


class BuiltIn(WindowedTeacher):
    """The reference teacher; its front end is a FrontendSpec, the same as its students'."""

    block = 16  # 2.9 ms a window of one core, where windows one by one take 6.7 ms

    def __init__(self, card: TeacherCard, weights: Path, device: str = "cpu") -> None:
        self._model, about = load_teacher(weights)
        try:
            self.spec = FrontendSpec.from_dict(about["frontend"])
        except Exception as error:
            raise CorruptFile(
                f"{weights.name} names no front end ({error})", "`reference build` makes it anew"
            ) from error
        self._logmel = LogMel(self.spec)
        self.frontend = frontend_of(self.spec)
        self.card = replace(
            card,
            sample_rate=self.spec.sample_rate_hz,
            window_s=self.spec.window_seconds,
            audio_parameters=parameters_of(self._model.audio),
            frontend=self.frontend,
        )
        self.device = device
        self._model.to(device)

    @functools.cached_property
    def identity(self) -> str:
        """16 hex digits: see card.Teacher."""
        return identity_of(self.weights(), {"family": self.card.family, "frontend": self.spec.frontend_id})

    def logmel(self, audio: np.ndarray) -> np.ndarray:
        """(frames, mel_bins) float32 dB of (samples,) audio."""
        with torch.inference_mode():
            return self._logmel(torch.from_numpy(audio)[None])[0].numpy()

    def network(self, x: Tensor) -> Tensor:
        return self._model(normalise(x[:, 0]))

    def text_vectors(self, texts: list[str]) -> Tensor:
        vectors = torch.from_numpy(self._tower.encode(texts)).to(self.device)
        return self._model.project_text(vectors)

    @functools.cached_property
    def _tower(self) -> TextTower:
        return TextTower(device=self.device)

    def weights(self) -> list[tuple[str, Tensor]]:
        return [*self._model.state_dict().items()]


def frontend_of(spec: FrontendSpec) -> TeacherFrontend:
    """The same constants in a teacher's record; short clips are followed by silence, as `classify` does."""
    return TeacherFrontend(
        sample_rate_hz=spec.sample_rate_hz,
        n_fft=spec.n_fft,
        hop_samples=spec.hop_samples,
        mel_bins=spec.mel_bins,
        f_min_hz=spec.f_min_hz,
        f_max_hz=spec.f_max_hz,
        filter_rate_hz=spec.sample_rate_hz,
        centred=False,
        mel_scale=spec.mel_scale,
        area_norm=False,
        floor=10.0 ** (spec.floor_db / 10),
        clip_samples=spec.window_total_samples,
        short="zeros",
    )


def load(card: TeacherCard, weights: Path, device: str = "cpu") -> BuiltIn:
    """From teacher.safetensors, or a folder that holds it."""
    return BuiltIn(card, weights / SHIPPED.name if weights.is_dir() else weights, device)


def count(card: TeacherCard) -> tuple[int, None]:
    """Parameters of the audio tower; its text side is MiniLM, frozen, and one matrix."""
    return parameters_of(ReferenceTeacher().audio), None
