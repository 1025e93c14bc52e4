"""Render the example recordings of this folder: eight families of the sound library, the ground truth in the file name.

    python examples/make_examples.py [FOLDER]

16 kHz, mono, int16 WAV, 2.572 to 6 s, each a near scene with a quiet background. Neither training nor evaluation
uses these seeds, so no student has heard these renderings; the families it has. The same command writes the same bytes.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

from tinyclap_edge.data.sounds.corpus import CLIP_SECONDS, make_clip
from tinyclap_edge.data.sounds.scene import SceneSettings

EXAMPLES: tuple[tuple[str, float], ...] = (  # family, seconds
    ("dog barking", 4.0),
    ("glass breaking", CLIP_SECONDS),
    ("police siren", 6.0),
    ("rain", 5.0),
    ("doorbell", CLIP_SECONDS),
    ("car engine", 4.0),
    ("guitar", 4.0),
    ("clock ticking", 5.0),
)
FIRST_SEED = 9_000_000
SCENE = SceneSettings(near_snr_db=(25.0, 40.0), near_peak_dbfs=(-14.0, -6.0), second_share=0.0)


def write_examples(folder: Path) -> list[Path]:
    """Write every example into `folder` (made if it is missing) and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed, (family, seconds) in enumerate(EXAMPLES, FIRST_SEED):
        clip = make_clip(f"family:{family}", seed, seconds=seconds, scene=SCENE, near=True)
        path = folder / f"{family.replace(' ', '_')}.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(clip.rate)
            out.writeframes(clip.pcm.astype("<i2").tobytes())
        paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write_examples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent):
        print(written)
