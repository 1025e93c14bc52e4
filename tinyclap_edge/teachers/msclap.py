"""MS CLAP 2022 (CNN14 and BERT) and 2023 (HTSAT and GPT-2), from the published weight files, without the msclap package.

A file is a torch pickle {"model": state dict} with the towers `audio_encoder` and `caption_encoder`, each a `base` and
a `projection` into 1024 dimensions. Of the front end that is stored with it, 2022 is rebuilt from its constants; in
2023 the file's own mel filters decide, because the released class ignores its configuration. Short clips are tiled as
in training; what the original crops at random is covered by windows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.teachers.cache import folder_of
from tinyclap_edge.teachers.card import TeacherCard
from tinyclap_edge.teachers.cnn14 import EMBEDDING as CNN14_EMBEDDING
from tinyclap_edge.teachers.cnn14 import Cnn14
from tinyclap_edge.teachers.htsat import EMBEDDING as HTSAT_EMBEDDING
from tinyclap_edge.teachers.htsat import Htsat
from tinyclap_edge.teachers.projection import Projection
from tinyclap_edge.teachers.tokens import INSTALL, Tokenizer, find_tokenizer
from tinyclap_edge.teachers.tower import WindowedTeacher
from tinyclap_edge.teachers.weights import fit, parameters_of, read_tensors, skeleton

TEXT_WIDTH = 768


class HtsatBase(nn.Module):
    """HTSAT under the name that the file gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.htsat = Htsat()

    def forward(self, x: Tensor) -> Tensor:
        return self.htsat(x)


class Tower(nn.Module):
    """A base and its projection."""

    def __init__(self, base: Callable[[], nn.Module], width: int) -> None:
        super().__init__()
        self.base = base()
        self.projection = Projection(width)


@dataclass(frozen=True)
class Release:
    """What differs between the two releases.

    filters: the name of the stored mel filters that decide; longest: tokens of a text; pooled: from token ids (n, t)
    and states (n, t, 768) to (n, 768).
    """

    audio: Callable[[], Tower]
    text: Callable[[], Tower]
    filters: str | None
    hub_names: tuple[str, ...]
    longest: int
    vocabulary: int
    suffix: str
    pooled: Callable[[Tensor, Tensor], Tensor]


def _bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig())  # its defaults are bert-base-uncased's


def _gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2Model

    return GPT2Model(GPT2Config())  # its defaults are gpt2's


def _first_token(ids: Tensor, states: Tensor) -> Tensor:
    return states[:, 0]


def _last_token(ids: Tensor, states: Tensor) -> Tensor:
    """At the place that counting the tokens other than 0 gives: id 0, '!', is also what fills up."""
    place = (ids != 0).sum(1) - 1
    return states[torch.arange(len(ids), device=ids.device), place]


RELEASES = {
    "msclap-2022": Release(
        audio=lambda: Tower(Cnn14, CNN14_EMBEDDING),
        text=lambda: Tower(_bert, TEXT_WIDTH),
        filters=None,
        hub_names=("google-bert/bert-base-uncased", "bert-base-uncased"),
        longest=100,
        vocabulary=30522,
        suffix="",
        pooled=_first_token,
    ),
    "msclap-2023": Release(
        audio=lambda: Tower(HtsatBase, HTSAT_EMBEDDING),
        text=lambda: Tower(_gpt2, TEXT_WIDTH),
        filters="audio_encoder.base.htsat.logmel_extractor.melW",
        hub_names=("openai-community/gpt2", "gpt2"),
        longest=77,
        vocabulary=50257,
        suffix=" <|endoftext|>",
        pooled=_last_token,
    ),
}


class MsClap(WindowedTeacher):
    """A loaded MS CLAP. The text side waits for its first use; its names and shapes are checked at once."""

    def __init__(self, card: TeacherCard, weights: Path, device: str = "cpu") -> None:
        assert card.frontend is not None
        release, file = RELEASES[card.family], weights.name
        tensors = read_tensors(weights)
        audio = skeleton(release.audio)
        fit(audio, tensors, "audio_encoder.", file, card.title)
        text = None
        try:
            text = skeleton(release.text)
        except ImportError:
            pass  # no transformers: audio alone works, and embed_text says what is missing
        else:
            fit(text, tensors, "caption_encoder.", file, card.title)
        self.card = replace(
            card, audio_parameters=parameters_of(audio), text_parameters=parameters_of(text) if text else None
        )
        self.frontend, self.device, self._release, self._folder = card.frontend, device, release, weights.parent
        self._audio, self._text = audio.to(device), text
        # as the file has them: a store that was embedded without transformers is of the same teacher as one with it
        self._words = sorted((k, v) for k, v in tensors.items() if k.startswith("caption_encoder.") and _known(k))
        if release.filters in tensors:
            self.filters = _filters(tensors[release.filters], file, card)

    def network(self, x: Tensor) -> Tensor:
        return self._audio.projection(self._audio.base(x))

    def text_vectors(self, texts: list[str]) -> Tensor:
        if self._text is None:
            raise ToolMissing(f"the words of {self.card.name} need transformers", f"`{INSTALL}`")
        tokens = self._tokenizer([text + self._release.suffix for text in texts])
        ids = torch.from_numpy(tokens.ids).to(self.device)
        states = self._text.base(
            input_ids=ids, attention_mask=torch.from_numpy(tokens.mask).to(self.device)
        ).last_hidden_state  # (n, tokens, 768)
        return self._text.projection(self._release.pooled(ids, states))

    @functools.cached_property
    def _tokenizer(self) -> Tokenizer:
        assert self._text is not None
        self._text.to(self.device)
        found = find_tokenizer(self.card.name, [self._folder, folder_of(self.card.name)], self._release.hub_names)
        return Tokenizer(found, self._release.longest, 0, self._release.vocabulary)

    def weights(self) -> list[tuple[str, Tensor]]:
        return [*self._audio.state_dict().items(), *self._words]


def _known(name: str) -> bool:
    """Whether a tensor of the text side is a weight: older files hold position numbers and masks beside them."""
    return not name.endswith(("position_ids", ".attn.bias", ".attn.masked_bias"))


def _filters(value: Tensor, file: str, card: TeacherCard) -> np.ndarray:
    assert card.frontend is not None
    wanted = (card.frontend.n_fft // 2 + 1, card.frontend.mel_bins)
    filters = value.float().numpy()
    if filters.shape != wanted or not np.isfinite(filters).all() or (filters < 0).any():
        raise CorruptFile(
            f"{file}: the mel filters are not {wanted} finite non-negative numbers", "fetch or copy it again"
        )
    return filters


def load(card: TeacherCard, weights: Path, device: str = "cpu") -> MsClap:
    """From the weight file, or from a folder that holds the file by its published name."""
    if weights.is_dir():
        weights = weights / card.files[0].name
    return MsClap(card, weights, device)


def count(card: TeacherCard) -> tuple[int, int | None]:
    """Parameters of the audio and the text side, counted from the architectures; the text side needs transformers."""
    release = RELEASES[card.family]
    audio: Any = skeleton(release.audio)
    try:
        return parameters_of(audio), parameters_of(skeleton(release.text))
    except ImportError:
        return parameters_of(audio), None
