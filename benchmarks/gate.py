"""The power gate: what it misses and spares in a made place, that its C is scikit-learn's tree, and what it costs a board.

The place is a room with a mains hum and a hiss that swell and fade; in it five sounds happen, near and far. Recordings are
kept apart as `gate train` keeps them apart, so that the shares are of sound that no gate has seen.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.exports import LABELS
from benchmarks.store import EMULATED, MEASURED, save_result
from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.run import prepare
from tinyclap_edge.data.sounds.corpus import make_clip
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.examples import Part, read_examples
from tinyclap_edge.gate.file import Gate
from tinyclap_edge.gate.train import Trained, train_gate
from tinyclap_edge.students.presets import find_student

SOUNDS = ("dog barking", "doorbell", "glass breaking", "police siren", "car horn")
EVENTS, MINUTES, SEED = 320, 20, 0
FARTHEST_DB = 40.0  # events are between so much quieter than near the microphone, and near it
RATES = (0.02, 0.05, 0.1)
BUILT_RATE = 0.02  # the gate that is put before encoders
BOARDS = (("small", "stm32f4"), ("esp", "esp32c3"))


def room(seconds: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) int16: a hum of 50 Hz and a hiss, which swell and fade within half a minute."""
    n = round(seconds * rate_hz)
    t = np.arange(n) / rate_hz
    swell = 1 + 0.5 * np.sin(2 * np.pi * (t / rng.uniform(10, 30) + rng.uniform()))
    level = 60.0 * swell * 10 ** rng.uniform(-0.3, 0.3)
    return np.rint(level * (rng.normal(size=n) + 2 * np.sin(2 * np.pi * 50 * t))).astype(np.int16)


def write_place(folder: Path, rate_hz: int) -> tuple[list[Path], list[Path]]:
    """Recordings of events, one second each, and of the room, a minute each."""
    rng = np.random.default_rng(SEED)
    events, ambient = [], []
    for i in range(EVENTS):
        clip = make_clip(f"family:{SOUNDS[i % len(SOUNDS)]}", i, rate_hz, 1.0, scene=False).pcm
        gain = 10 ** (-rng.uniform(0, FARTHEST_DB) / 20)
        events.append(folder / f"event-{i:04d}.wav")
        soundfile.write(events[-1], np.rint(clip * gain).astype(np.int16), rate_hz)
    for i in range(MINUTES):
        ambient.append(folder / f"room-{i:02d}.wav")
        soundfile.write(ambient[-1], room(60, rate_hz, rng), rate_hz)
    return events, ambient


def rate_row(made: Trained) -> dict[str, Any]:
    """What one gate does on the recordings kept apart; vectors: on which its C equals scikit-learn, or train_gate had raised."""
    return {
        "asked": made.miss_rate,
        "missed": made.missed.to_dict(),
        "shut": made.shut.to_dict(),
        "comparisons": len(made.model.splits),
        "vectors": made.vectors,
    }


def board_row(student: str, board: str, gate: Gate, work: Path) -> dict[str, Any]:
    """Emulated instructions of one hop by part, and the share that the gate saves on ambient sound."""
    request = ExportRequest.make(find_board(board), find_student(student), LABELS, gate=gate)
    with open_bundle(export_bundle(request, work / board).out) as bundle:
        data = bench(prepare(bundle, "emulator", work / f"{board}-run"), 1)
        per, hop = data["instructions"], bundle.hop_frames / bundle.spec.frames
        return {
            "board": board,
            "title": bundle.board.title,
            "student": student,
            "encoder": bundle.manifest["encoder"]["id"],
            "frontend": round(per["frontend"] * hop),
            "gate": data["gate"]["instructions"],
            "encoder_instructions": per["encoder"],
            "labels": per["labels"],
            "time_saved": data["gate"]["time_saved"],
        }


def main() -> None:
    """Measure and write results/gate.json."""
    spec = FrontendSpec()
    with tempfile.TemporaryDirectory(prefix="tce-gate-") as folder:
        work = Path(folder)
        parts: dict[str, Part] = read_examples(*write_place(work, spec.sample_rate_hz), spec, SEED)
        made = {rate: train_gate(parts, rate, SEED) for rate in RATES}
        built = made[BUILT_RATE]
        gate = Gate(
            built.model, spec, BUILT_RATE, built.missed, built.shut, built.ambient_s, built.vectors, built.versions
        )
        boards = [board_row(student, board, gate, work) for student, board in BOARDS]
    save_result(
        "gate",
        {
            "kind": {"rates": MEASURED, "boards": EMULATED},
            "events": EVENTS,
            "ambient_minutes": MINUTES,
            "farthest_db": FARTHEST_DB,
            "seed": SEED,
            "versions": built.versions,
            "rates": [rate_row(made[rate]) for rate in RATES],
            "built_rate": BUILT_RATE,
            "boards": boards,
        },
    )


if __name__ == "__main__":
    main()
