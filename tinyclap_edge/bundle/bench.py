"""`bench`: what one window costs on a target, and whether it gives the reference's bytes.

On an emulator: executed instructions by layer, bytes by region from the linked image, stack by paint, and an
estimated time with the factor that made it. Nothing here is a wall-clock time.
"""

from __future__ import annotations

from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.drift import step
from tinyclap_edge.bundle.encoder import dequantized
from tinyclap_edge.bundle.golden import parity_windows
from tinyclap_edge.bundle.run import Ready, compare
from tinyclap_edge.device.run_result import Instructions, RunResult


def bench(ready: Ready, windows: int) -> dict[str, Any]:
    """Run golden windows. Raises NumbersDiffer (6) when a byte differs from the integer reference."""
    bundle = ready.bundle
    pcm = parity_windows(windows, bundle.spec)
    pipeline = bundle.pipeline()
    wanted = pipeline.run(pcm)
    found, run = ready.run_windows(pcm)
    compare(found, wanted, f"{bundle.board.name} on {ready.target}")
    before, after = (dequantized(pipeline.encoder, e) for e in (wanted.embeddings, found.embeddings))
    drift = [d for d in bundle.manifest["drift"] if d["source"] != "int8"]
    drift.append(step("int8", f"C on {ready.target}", before, after, identical=True).to_dict())
    data: dict[str, Any] = {
        "board": bundle.board.name,
        "encoder": bundle.manifest["encoder"]["id"],
        "target": ready.target,
        "engine": run.engine if run else "numpy",
        "parity": {"windows": windows, "digest": found.digest(), "identical": True},
        "drift": drift,
        "memory": bundle.manifest["memory"],
    }
    if run is not None and run.stack_bytes:
        data["stack_bytes"] = run.stack_bytes
    if ready.built is not None:
        data["flash_bytes"] = ready.built.flash_bytes
        data["bytes_by_region"] = ready.built.bytes_by_region
        data["toolchain"] = ready.built.toolchain
    if run is not None and run.instructions is not None:
        data |= _cost(bundle.board, bundle.manifest, run.instructions, run, windows)
    return data


def _cost(
    board: Board, manifest: dict[str, Any], counted: Instructions, run: RunResult, windows: int
) -> dict[str, Any]:
    frames = manifest["frontend"]["frames"]
    hop_rows = -(-_window_samples(manifest) // manifest["frontend"]["hop_samples"])
    logmel = counted.logmel * frames // (frames + (windows - 1) * hop_rows)  # one window's share of the stream's frames
    per = {
        "frontend": logmel,
        "encoder": counted.encoder // windows,
        "labels": counted.labels // windows,
    }
    total = sum(per.values())
    layers = [
        {
            "name": layer["name"],
            "function": layer["function"],
            "kind": layer["kind"],
            "macs": layer["macs"],
            "instructions": counted.layers.get(layer["function"], 0) // windows,
        }
        for layer in manifest["layers"]
    ]
    typical, low, high = board.estimate_seconds(total)
    power = board.power
    return {
        "instructions": {"total": total, **per, "schedule": counted.schedule // windows},
        "instructions_per_mac": round(per["encoder"] / max(1, manifest["encoder"]["macs"]), 3),
        "layers": layers,
        "estimate": {
            "typical_s": round(typical, 5),
            "low_s": round(low, 5),
            "high_s": round(high, 5),
            "cycles_per_instruction": board.time.cycles_per_instruction,
            "clock_hz": board.clock_hz,
            "source": board.time.source,
            "energy_mj": round(typical * power.active_mw_per_mhz * board.clock_hz / 1e6, 3),
            "energy_source": power.source,
        },
    }


def _window_samples(manifest: dict[str, Any]) -> int:
    spec = manifest["frontend"]
    return int((spec["frames"] - 1) * spec["hop_samples"] + spec["window_samples"])
