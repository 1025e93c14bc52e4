"""Weight files of others: opened without executing anything, and fitted name by name to an architecture of ours.

A torch file is read with weights_only=True and memory-mapped; a pickle that asks for anything but tensors is refused
before it acts. What a file claims is compared with what the architecture needs before a number is used.
"""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyclap_edge.errors import CorruptFile, UsageError

if TYPE_CHECKING:
    import torch

MAX_BYTES = 8 << 30
CONTAINERS = ("model", "state_dict")
# Buffers that follow from the architecture: present or absent by the version that wrote the file.
DERIVED = ("num_batches_tracked", "position_ids", "token_type_ids", "relative_position_index", "attn_mask")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of a .safetensors file or a torch file (a state dict, bare or under "model" or "state_dict").

    A prefix "module." of distributed training is taken off. UsageError (2) where there is no file; CorruptFile (7) for
    one that is damaged, holds code, or holds no tensors.
    """
    if not path.is_file():
        raise UsageError(f"there is no weight file {path}", "`tinyclap-edge teachers fetch NAME` brings published ones")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path.name} is larger than {MAX_BYTES >> 30} GiB", "no known teacher is")
    try:
        loaded = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    except CorruptFile:
        raise
    except Exception as error:  # zipfile, pickle, safetensors and torch raise families of their own
        raise CorruptFile(
            f"{path.name} is not a readable weight file ({_first_line(error)})",
            "it may be cut off or of another kind: fetch or copy it again",
        ) from error
    while isinstance(loaded, Mapping) and (inner := next((k for k in CONTAINERS if _is_map(loaded, k)), None)):
        loaded = loaded[inner]
    import torch

    if not isinstance(loaded, Mapping):
        raise CorruptFile(f"{path.name} holds {type(loaded).__name__}, not weights by name", "it is of another kind")
    tensors = {str(k).removeprefix("module."): v for k, v in loaded.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise CorruptFile(f"{path.name} holds no tensors", "it is of another kind")
    return tensors


def fit(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], prefix: str, file: str, what: str) -> None:
    """Give `module` (built by `skeleton`) its weights: tensors[prefix + name], as float32.

    CorruptFile (7) names what is missing, has another shape, or is not finite; names that the module does not know
    are left alone (published files carry class heads and front ends).
    """
    wanted = {k: v for k, v in module.state_dict().items() if not k.endswith(DERIVED)}
    missing = [prefix + name for name in wanted if prefix + name not in tensors]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CorruptFile(
            f"{file} lacks {missing[0]}{more}", f"it is not a weight file of {what}, or an incomplete one"
        )
    found = {}
    for name, slot in wanted.items():
        value = tensors[prefix + name]
        if tuple(value.shape) != tuple(slot.shape) or not value.is_floating_point():
            raise CorruptFile(
                f"{file}: {prefix + name} is {tuple(value.shape)} {value.dtype}, {what} needs {tuple(slot.shape)} floats",
                "the weights belong to another architecture",
            )
        value = value.float()
        if not value.isfinite().all():
            raise CorruptFile(f"{file}: {prefix + name} holds NaN or infinity", "fetch or copy it again")
        found[name] = value
    module.load_state_dict(found, strict=False, assign=True)
    module.eval().requires_grad_(False)


def skeleton(build: Any, *arguments: Any) -> Any:
    """build(*arguments), an nn.Module whose weights take no memory and no time until `fit` assigns them.

    Weights are allocated by torch.empty, which gives shapes only; small derived buffers are real.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class ShapesOnly(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            if func is torch.empty:
                kwargs["device"] = "meta"
            return func(*args, **kwargs)

    with ShapesOnly():
        return build(*arguments)


def parameters_of(module: torch.nn.Module) -> int:
    """Entries of all trainable tensors."""
    return sum(p.numel() for p in module.parameters())


def identity_of(tensors: Iterable[tuple[str, torch.Tensor]], constants: Mapping[str, Any]) -> str:
    """16 hex digits: SHA-256 over names, shapes and bytes of the weights in use, and over the constants."""
    digest = hashlib.sha256(json.dumps(constants, sort_keys=True).encode())
    for name, value in sorted(tensors):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()[:16]


def _safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(str(path))


def _torch_file(path: Path) -> Any:
    import pickle

    import torch

    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise CorruptFile(f"{path.name} is a compressed archive", "torch writes none; it may be a zip bomb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True if zipped else None)
    except pickle.UnpicklingError as error:
        if any(word in str(error) for word in ("GLOBAL", "Unsupported", "not an allowed", "was not an allowed")):
            raise CorruptFile(
                f"{path.name} asks for code to be run, not only for tensors; nothing of it was executed",
                "a weight file needs no code: get it from its publisher, or save the bare state dict",
            ) from error
        raise


def _is_map(value: Any, key: str) -> bool:
    return isinstance(value.get(key), Mapping)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
