"""A made-up card, benchmark and listening, of the shapes that the real ones have; no figure in it was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.data.sounds.attributes import QUERIES
from tinyclap_edge.data.sounds.folds import RANDOM_A, RANDOM_B, RELATED, SEEN
from tinyclap_edge.evaluate.intervals import wilson
from tinyclap_edge.evaluate.shifts import SHIFTS

FOLDS = {"related": (RELATED, 0.68), "random-a": (RANDOM_A, 0.2), "random-b": (RANDOM_B, 0.14)}


def entry(value: float, n: int) -> dict[str, Any]:
    return wilson(round(value * n), n).to_dict()


def examined(level: float) -> dict[str, Any]:
    """What evaluate/harness.py examine returns, with made-up accuracies around `level`."""
    attributes = {a: entry(level * (0.85 if len(v) == 2 else 0.6), 2400) for a, v in QUERIES.items()}
    out: dict[str, Any] = {
        "fresh": {
            "ensemble": entry(level, 2400),
            "single": entry(level - 0.01, 2400),
            "reworded": entry(level - 0.3, 2400),
            "attributes": attributes,
            "retrieval": {"text_to_audio": entry(level - 0.02, 240), "audio_to_text": entry(level - 0.015, 2400)},
            "by family": {name: round(min(1.0, level + 0.02 * np.sin(i)), 4) for i, name in enumerate(SEEN)},
        },
        "second": {"ensemble": entry(level - 0.4, 800), "among themselves": entry(level - 0.25, 800)},
    }
    for name, (families, value) in FOLDS.items():
        value *= level
        out[name] = {
            "ensemble": entry(value - 0.1, 40 * len(families)),
            "reworded": entry(value - 0.05, 40 * len(families)),
            "single": entry(value - 0.12, 40 * len(families)),
            "described": entry(value, 40 * len(families)),
            "described-ensemble": entry(value + 0.02, 40 * len(families)),
            "described, among all": entry(value * 0.6, 40 * len(families)),
            "by family, described": {f: round(value * (0.5 + i / len(families)), 4) for i, f in enumerate(families)},
            "attributes": {a: entry(0.6, 300) for a in QUERIES},
        }
    out["shifts"] = {s.name: entry(level - 0.02 * i, 600) for i, s in enumerate(SHIFTS)}
    return out


def card(teacher: bool = True) -> dict[str, Any]:
    """What reference/finish.py stores in a student."""
    curve = {
        str(r): {"rotate": x, "prune": x - 0.35 / (r / 8), "random": x - 0.5 / (r / 8), "n": 2400}
        for r, x in zip((8, 16, 32, 64, 128, 384), (0.62, 0.88, 0.955, 0.972, 0.973, 0.974), strict=True)
    }
    made = {"float": examined(0.974), "reduced": examined(0.972), "int8": examined(0.971), "curve": curve}
    made["cosine"] = {"teacher to float": 0.93, "reduced to int8": 0.9985}
    if teacher:
        made["teacher"] = examined(0.985)
    return made


def bench(manifest: dict[str, Any]) -> dict[str, Any]:
    """What bundle/bench.py returns for an emulated board."""
    layers = [
        {k: layer[k] for k in ("name", "function", "kind", "macs")}
        | {"instructions": int(layer["macs"] * (3.1 if layer["kind"] == "CONV_2D" else 6.4)) + 900}
        for layer in manifest["layers"]
    ]
    encoder = sum(layer["instructions"] for layer in layers)
    total = encoder + 2_900_000 + 9_000
    return {
        "board": manifest["board"],
        "target": "emulator",
        "engine": "unicorn",
        "parity": {"windows": 2, "digest": "ab" * 32, "identical": True},
        "drift": [*manifest["drift"], {"source": "int8", "target": "C on emulator", "mean": 1.0, "worst": 1.0, "n": 2,
                                       "identical_bytes": True}],
        "stack_bytes": 1832,
        "flash_bytes": 398_004,
        "bytes_by_region": {"flash": 398_004, "dtcm": 31_200, "axi": manifest["encoder"]["arena_bytes"]},
        "toolchain": "zig 0.15.1",
        "instructions": {"total": total, "frontend": 2_900_000, "encoder": encoder, "labels": 9_000},
        "instructions_per_mac": 3.4,
        "layers": layers,
        "estimate": {"typical_s": total * 0.68 / 480e6, "low_s": total * 0.48 / 480e6, "high_s": total * 1.3 / 480e6,
                     "cycles_per_instruction": 0.68, "clock_hz": 480_000_000, "source": "a made-up source",
                     "energy_mj": 21.4, "energy_source": "a made-up data sheet"},
    }  # fmt: skip


def listening(labels: list[str], seconds: dict[str, float], folder: str = "") -> dict[str, Any]:
    """What bundle/classify.py returns; seconds: file name -> length."""
    rng, files = np.random.default_rng(0), []
    for i, (name, length) in enumerate(seconds.items()):
        scores = rng.normal(0.05, 0.06, (max(1, int((length - 2.572) // 1.28) + 1), len(labels)))
        scores[:, i % len(labels)] += 0.5
        means = scores.mean(0)
        files.append(
            {
                "path": folder + name,
                "seconds": length,
                "notes": [],
                "ranking": [{"label": labels[k], "score": round(float(means[k]), 4)} for k in np.argsort(-means)],
                "windows": [
                    {"start_s": round(1.28 * k, 3), "scores": [round(float(v), 4) for v in row]}
                    for k, row in enumerate(scores)
                ],
            }
        )
    count = sum(len(f["windows"]) for f in files)
    return {"board": "stm32h7", "target": "emulator", "labels": labels, "windows": count, "digest": "cd" * 32,
            "files": files}  # fmt: skip
