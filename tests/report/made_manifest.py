"""A manifest of the shape that bundle/export.py makes, of a network with five layers; no figure in it was measured."""

from __future__ import annotations

from typing import Any

_LAYERS = (  # name, kind, MACs, output shape, bytes at offset, first and last step of the output
    ("stem/depthwise", "DEPTHWISE_CONV_2D", 18_432, (64, 32, 1), 2048, 8192, 0, 1),
    ("stem/pointwise", "CONV_2D", 65_536, (64, 32, 8), 16384, 10240, 1, 3),
    ("block0/project", "CONV_2D", 131_072, (64, 32, 8), 16384, 26624, 2, 3),
    ("block0/skip", "ADD", 0, (64, 32, 8), 16384, 26624, 3, 4),
    ("head", "CONV_2D", 512, (1, 1, 64), 64, 0, 4, 5),
)


def made_manifest(labels: list[str] | None = None, board: str = "stm32h7") -> dict[str, Any]:
    layers, tensors = [], [_tensor("logmel", 8192, 0, -1, 0, "logmel", "input")]
    for i, (name, kind, macs, shape, size, offset, first, last) in enumerate(_LAYERS):
        layers.append(
            {
                "index": i,
                "name": name,
                "kind": kind,
                "function": f"tce_encoder_layer_{i:02d}",
                "macs": macs,
                "in_shapes": [],
                "out_shapes": [[1, *shape]],
                "weight_bytes": 100 * i,
                "writes": name,
            }
        )
        storage = "block0/project" if name == "block0/skip" else name
        tensors.append(_tensor(name, size, offset, first, last, storage, "output" if name == "head" else "activation"))
    memory = [("weights and tables", 40_960, "flash", 2 << 20), ("label pack", 376, "flash", 2 << 20)]
    memory += [("encoder's arena", 43_008, "axi", 512 << 10), ("stack", 8192, "dtcm", 128 << 10)]
    return {
        "schema_version": 1,
        "tool_version": "0.1.0",
        "board": board,
        "labels": labels or ["dog barking", "rain", "police siren", "guitar"],
        "hop_frames": 64,
        "encoder": {"id": "d0fb567cdd78a3d4", "student": "made", "arch": "phinet:alpha=1", "teacher": "reference",
                    "dim": 384, "r": 64, "reduction": "rotate", "ranges": "minmax", "params": 4321,
                    "macs": sum(x[2] for x in _LAYERS), "arena_bytes": 43_008, "const_bytes": 40_960,
                    "schedule": "layers", "schedule_reason": "asked for"},
        "frontend": {"id": "030bee8c76c85b17", "sample_rate_hz": 16000, "n_fft": 512, "window_samples": 512,
                     "hop_samples": 320, "mel_bins": 64, "f_min_hz": 50.0, "f_max_hz": 8000.0, "frames": 128},
        "parity": {"windows": 200, "digest": "ef" * 32},
        "lint": {"checks": [{"name": "LiteRT BUILTIN_REF", "samples": 32, "values": 2048, "differing": 0}]},
        "memory": [{"what": w, "bytes": b, "region": r, "share": b / size} for w, b, r, size in memory],
        "drift": [{"source": "teacher", "target": "float", "mean": 0.93, "worst": 0.81, "n": 11, "identical_bytes": None},
                  {"source": "float", "target": "int8", "mean": 0.999, "worst": 0.998, "n": 11, "identical_bytes": None}],
        "layers": layers,
        "tensors": tensors,
    }  # fmt: skip


def _tensor(name: str, size: int, offset: int, first: int, last: int, storage: str, role: str) -> dict[str, Any]:
    return {
        "name": name,
        "size": size,
        "offset": offset,
        "first": first,
        "last": last,
        "storage": storage,
        "role": role,
    }
