"""Published layouts filled by a rule of sines: what a fingerprint needs, without anyone's weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "teachers"


def fixture(name: str) -> dict:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def filled(keys: dict[str, list[int]], dtype: type = np.float32) -> dict[str, torch.Tensor]:
    """Tensors by the fixtures' `rule.weights`, j counting the keys in their order."""
    return {
        name: torch.from_numpy(_values(name, shape, j).astype(dtype)) for j, (name, shape) in enumerate(keys.items())
    }


def _values(name: str, shape: list[int], j: int) -> np.ndarray:
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    if name.endswith("running_mean"):
        x = 0.05 * np.sin(i + 2 * j)
    elif name.endswith("running_var"):
        x = 1 + 0.2 * np.cos(i) ** 2
    elif len(shape) >= 2:
        i *= 0.7
        i += j
        np.sin(i, out=i)
        i *= np.sqrt(2 * shape[0] / i.size)
        x = i
    elif name.endswith("weight"):
        x = 1 + 0.1 * np.sin(i + j)
    else:
        x = 0.1 * np.cos(i + j)
    return x.reshape(shape)


def rule_input(*shape: int) -> np.ndarray:
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    return (np.sin(0.013 * i) + 0.5 * np.cos(0.0007 * i)).reshape(shape).astype(np.float32)


def rule_waveform(rate: int, samples: int) -> np.ndarray:
    n = np.arange(samples, dtype=np.int64)
    tones = 0.5 * np.sin(2 * np.pi * 440 * n / rate) + 0.25 * np.sin(2 * np.pi * 3000 * n / rate)
    return (tones + 0.05 * np.sin(0.37 * ((n * n) % 1000))).astype(np.float32)


def towers(fixture: dict) -> dict[str, torch.Tensor]:
    """The whole file of an MS CLAP release: each tower filled with its own count, the rest small or zero."""
    tensors: dict[str, torch.Tensor] = {}
    every = expand(fixture["keys"])
    for prefix in ("audio_encoder.", "caption_encoder."):
        own = {
            name.removeprefix(prefix): shape
            for name, shape in every.items()
            if name.startswith(prefix)
            and not name.endswith("num_batches_tracked")
            and not any(part in name for part in fixture["audio_skipped"])
        }
        tensors |= {prefix + name: value for name, value in filled(own).items()}
    return {name: tensors.get(name, torch.zeros(shape)) for name, shape in every.items()}


def expand(keys: dict[str, list[int]]) -> dict[str, list[int]]:
    """GPT-2's blocks 1 to 11 have the names of block 0."""
    out: dict[str, list[int]] = {}
    block = {k: s for k, s in keys.items() if ".h.0." in k}
    for name, shape in keys.items():
        if name.endswith("ln_f.weight"):
            for i in range(1, 12):
                out |= {k.replace(".h.0.", f".h.{i}."): s for k, s in block.items()}
        out[name] = shape
    return out


def agrees(found: np.ndarray, wanted: dict, relative: float = 2e-5, unit: bool = False) -> None:
    """First entries, sum and length of a fingerprint; `unit`: the fingerprint is scaled to unit length first."""
    found = np.asarray(found, np.float64).ravel()
    first = next(np.array(wanted[k]) for k in ("first16", "first8") if k in wanted)
    scale = 1 / wanted["l2"] if unit else 1.0
    size = wanted["l2"] * scale / np.sqrt(found.size)  # the root mean square
    assert np.abs(found[: len(first)] - first * scale).max() < relative * max(size, np.abs(first).max() * scale)
    assert abs(np.linalg.norm(found) - wanted["l2"] * scale) < relative * wanted["l2"] * scale
    assert abs(found.sum() - wanted["sum"] * scale) < relative * np.abs(found).sum()
