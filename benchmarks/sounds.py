"""How fast the procedural sounds are rendered, scene included: CPU time of one core, so that other work hardly counts."""

from __future__ import annotations

import statistics
import time

from benchmarks.store import MEASURED, save_result
from tinyclap_edge.data.sounds import FAMILIES
from tinyclap_edge.data.sounds.composition import KINDS
from tinyclap_edge.data.sounds.corpus import make_clip

SECONDS, CLIPS = 2.572, 5
TEST_SEED = 70_000_000  # neither training nor an examination uses it


def main() -> None:
    """Write results/sounds.json: CPU milliseconds a clip, by family and over kinds, and the pace against real time."""
    make_clip("family:rain", TEST_SEED)  # imports and filter designs are paid here
    families = {name: _milliseconds(f"family:{name}") for name in sorted(FAMILIES)}
    kinds = [_milliseconds(f"kind:{index}") for index in range(0, KINDS, 16)]
    every = [*families.values(), *kinds]
    save_result(
        "sounds",
        {
            "kind": MEASURED,
            "rate_hz": 16000,
            "seconds": SECONDS,
            "clips": CLIPS * len(every),
            "families_ms": {name: round(value, 2) for name, value in families.items()},
            "kinds_ms": round(statistics.mean(kinds), 2),
            "times_real_time": round(1000 * SECONDS / statistics.mean(every), 1),
            "slowest_times_real_time": round(1000 * SECONDS / max(every), 1),
        },
    )


def _milliseconds(source: str) -> float:
    """Median CPU time of a clip."""
    times = []
    for seed in range(CLIPS):
        started = time.process_time()
        make_clip(source, TEST_SEED + seed, seconds=SECONDS)
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times)
