"""A made place for tests of gate and thresholds: a room that hums and hisses, and sounds that happen in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
SOUNDS = ("dog barking", "doorbell", "glass breaking", "police siren", "car horn")


def room(seconds: float, seed: int = 0, level: float = 60.0) -> np.ndarray:
    """(samples,) int16: a mains hum, a hiss, and a slow swell of both. level: root mean square of the hiss."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    swell = 1 + 0.5 * np.sin(2 * np.pi * t / 17 + rng.uniform(0, 6))
    sound = level * swell * (rng.normal(size=n) + 2 * np.sin(2 * np.pi * 50 * t))
    return np.rint(np.clip(sound, -32768, 32767)).astype(np.int16)


def event(seed: int) -> np.ndarray:
    """(samples,) int16: one of SOUNDS, 1 s, near the microphone."""
    from tinyclap_edge.data.sounds.corpus import make_clip

    return make_clip(f"family:{SOUNDS[seed % len(SOUNDS)]}", seed, RATE, 1.0, scene=False).pcm


def write_events(folder: Path, count: int, first: int = 0) -> Path:
    """A folder of `count` recordings of events."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        soundfile.write(folder / f"event-{seed:04d}.wav", event(seed), RATE)
    return folder


def write_room(folder: Path, minutes: float, seed: int = 0) -> Path:
    """A folder with one recording of the room."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"room-{seed}.wav", room(60 * minutes, seed), RATE)
    return folder
