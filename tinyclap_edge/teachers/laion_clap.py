"""LAION CLAP through transformers' ClapModel, from a folder in the layout of the hub.

config.json says what to build, preprocessor_config.json the front end, model.safetensors or pytorch_model.bin holds
the weights, tokenizer.json the words. The folder is read here rather than by from_pretrained, so that every missing
or misshapen tensor is an error and no version of transformers decides. Works with transformers 4.50 to 5.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tinyclap_edge.errors import CorruptFile, ToolMissing, UsageError
from tinyclap_edge.teachers.cache import folder_of
from tinyclap_edge.teachers.card import TeacherCard
from tinyclap_edge.teachers.logmel import TeacherFrontend
from tinyclap_edge.teachers.tokens import INSTALL, Tokenizer, find_tokenizer
from tinyclap_edge.teachers.tower import WindowedTeacher
from tinyclap_edge.teachers.weights import fit, parameters_of, read_tensors, skeleton

CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", ("model.safetensors", "pytorch_model.bin")
HUB_NAME = "laion/{}"
LONGEST = 77
UNFUSED = "clap-htsat-unfused"
MAX_PARAMETERS = 2_000_000_000
# What a preprocessor file calls the constants, with the values of the published ones. The class's own defaults differ
# (it starts at 0 Hz and fuses), so that nothing may be left to it.
PREPROCESSOR_DEFAULTS = {
    "sampling_rate": 48000,
    "fft_window_size": 1024,
    "hop_length": 480,
    "feature_size": 64,
    "frequency_min": 50,
    "frequency_max": 14000,
    "max_length_s": 10,
}


class LaionClap(WindowedTeacher):
    """A loaded ClapModel: audio and text features after their projections."""

    def __init__(self, card: TeacherCard, folder: Path, device: str = "cpu") -> None:
        config = _clap_config(folder / CONFIG)
        self.frontend = read_frontend(folder / PREPROCESSOR, config.audio_config.enable_fusion, card)
        weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), folder / WEIGHTS[0])
        tensors = read_tensors(weights)
        model = _build(config)
        fit(model, tensors, "", weights.name, card.title)
        audio = [model.audio_model, model.audio_projection]
        text = [model.text_model, model.text_projection]
        self.card = replace(
            card,
            dim=int(config.projection_dim),
            audio_parameters=sum(map(parameters_of, audio)),
            text_parameters=sum(map(parameters_of, text)),
        )
        self._model, self._folder, self._vocabulary = model.to(device), folder, int(config.text_config.vocab_size)
        self._pad, self._longest = int(config.text_config.pad_token_id), LONGEST
        self.device = device

    def network(self, x: Tensor) -> Tensor:
        longer = torch.zeros(len(x), 1, dtype=torch.bool, device=x.device)
        if self._model.config.audio_config.enable_fusion:
            x = x.repeat(1, 4, 1, 1)  # four views; only the first counts where nothing is longer than a window
        return _features(self._model.get_audio_features(input_features=x, is_longer=longer))

    def text_vectors(self, texts: list[str]) -> Tensor:
        tokens = self._tokenizer(texts)
        ids, mask = (torch.from_numpy(a).to(self.device) for a in (tokens.ids, tokens.mask))
        return _features(self._model.get_text_features(input_ids=ids, attention_mask=mask))

    @functools.cached_property
    def _tokenizer(self) -> Tokenizer:
        found = find_tokenizer(self.card.name, [self._folder], [HUB_NAME.format(self.card.name)])
        return Tokenizer(found, self._longest, self._pad, self._vocabulary)

    def weights(self) -> list[tuple[str, Tensor]]:
        return [*self._model.state_dict().items()]


def read_frontend(path: Path, fusion: bool, card: TeacherCard) -> TeacherFrontend:
    """The constants of preprocessor_config.json, and the published ones where it is absent.

    The fused models were trained on HTK filters without norm, all others on Slaney's. CorruptFile (7) for values that
    make no sense.
    """
    assert card.frontend is not None
    values: dict[str, Any] = dict(PREPROCESSOR_DEFAULTS)
    if path.is_file():
        values |= {k: v for k, v in _json(path).items() if k in PREPROCESSOR_DEFAULTS or k in ("padding", "top_db")}
    for name, low, high in (
        ("sampling_rate", 4000, 192000), ("fft_window_size", 64, 16384), ("hop_length", 1, 16384),
        ("feature_size", 1, 512), ("frequency_min", 0, 96000), ("frequency_max", 1, 96000), ("max_length_s", 1, 60),
    ):  # fmt: skip
        value = values[name]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            raise CorruptFile(f"{path.name}: {name} is {value!r}, outside {low}..{high}", "fetch the teacher again")
    if values.get("padding", "repeatpad") not in ("repeatpad", "repeat") or values.get("top_db") is not None:
        raise CorruptFile(
            f"{path.name}: padding {values.get('padding')!r} with top_db {values.get('top_db')!r} is not supported",
            "published CLAP models use 'repeatpad' and no top_db",
        )
    rate = int(values["sampling_rate"])
    return TeacherFrontend(
        sample_rate_hz=rate,
        n_fft=int(values["fft_window_size"]),
        hop_samples=int(values["hop_length"]),
        mel_bins=int(values["feature_size"]),
        f_min_hz=float(values["frequency_min"]),
        f_max_hz=float(values["frequency_max"]),
        filter_rate_hz=rate,
        mel_scale="htk" if fusion else "slaney",
        area_norm=not fusion,
        clip_samples=int(values["max_length_s"] * rate),
        short="tile" if values.get("padding") == "repeat" else "repeat",
    )


def _clap_config(path: Path) -> Any:
    try:
        from transformers import ClapConfig
    except ImportError as error:
        raise ToolMissing("LAION CLAP needs transformers", f"`{INSTALL}`") from error
    if not path.is_file():
        raise CorruptFile(
            f"{path.parent} holds no {CONFIG}", "give the whole folder of the model, as the hub lays it out"
        )
    try:
        return ClapConfig(**{k: v for k, v in _json(path).items() if k in _CONFIG_KEYS})
    except CorruptFile:
        raise
    except Exception as error:  # transformers checks types in ways that change by version
        raise CorruptFile(f"{path} describes no CLAP model ({error})", "fetch the teacher again") from error


_CONFIG_KEYS = ("text_config", "audio_config", "projection_dim", "projection_hidden_act", "logit_scale_init_value")


def _build(config: Any) -> Any:
    from transformers import ClapModel

    try:
        model = skeleton(ClapModel, config)
    except Exception as error:
        raise CorruptFile(f"{CONFIG} describes no CLAP model ({error})", "fetch the teacher again") from error
    if parameters_of(model) > MAX_PARAMETERS:
        raise CorruptFile(f"{CONFIG} describes {parameters_of(model):,} parameters", "no CLAP model is that large")
    return model


def _features(out: Any) -> Tensor:
    """transformers 4 gives the projected features as a tensor, 5 an output object that holds them."""
    return out if isinstance(out, Tensor) else out.pooler_output


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > 1 << 20:
            raise ValueError("it is larger than 1 MiB")
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        return values
    except ValueError as error:
        raise CorruptFile(f"{path} is not readable JSON ({error})", "fetch the teacher again") from error


def load(card: TeacherCard, weights: Path, device: str = "cpu") -> LaionClap:
    """From the model's folder, or from its weight file with the other files beside it.

    UsageError (2) for a checkpoint of the original package: the same networks under other names, without a config.
    """
    if weights.is_file() and weights.name not in WEIGHTS and not (weights.parent / CONFIG).is_file():
        raise UsageError(
            f"{weights.name} is no file of a ClapModel folder; checkpoints of the laion_clap package are not read",
            f"`tinyclap-edge teachers fetch {card.name}` brings the same model as transformers lays it out",
        )
    return LaionClap(card, weights if weights.is_dir() else weights.parent, device)


def count(card: TeacherCard) -> tuple[int | None, int | None]:
    """Parameters of the audio and the text side: of the fetched config.json, else of the class's own defaults, which
    are the unfused model's. The other models are known once they are fetched."""
    from transformers import ClapConfig

    fetched = folder_of(card.name) / CONFIG
    if fetched.is_file():
        config = _clap_config(fetched)
    elif card.name == UNFUSED:
        config = ClapConfig()
    else:
        return None, None
    model = _build(config)
    audio, text = [model.audio_model, model.audio_projection], [model.text_model, model.text_projection]
    return sum(map(parameters_of, audio)), sum(map(parameters_of, text))
