"""An hour of sound through an emulated board: every window is heard, and its memory stays as it was.

python -m benchmarks.stream [--minutes N]        writes benchmarks/results/stream.json

The firmware of a shipped student listens, behind a serial port as any board, to sound that is given minute by minute, as
fast as the emulator goes. After every minute the board is asked for its counters and memory marks over the link. A dropped
window would show twice: in the board's own counters, and in the number of windows, which follows from the samples.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.exports import exports
from benchmarks.store import EMULATED, save_result
from tinyclap_edge.audio import window_starts
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.build import build
from tinyclap_edge.device.link import Device, Link
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.device.serial_board import EmulatorBoard
from tinyclap_edge.errors import DeviceError, GateFailed

STUDENT, BOARD, MINUTES, SEED = "small", "stm32f4", 60, 6
PATIENCE_S = 300.0  # for one minute of sound, on a PC that has other things to do
_POLL_S = 0.5
_START_TRIES = 60  # of half a second each
_HALF_MAX = 4096  # samples: no half of a double buffer is longer


@dataclass(frozen=True)
class Marks:
    """What the board says after a minute of sound. *_bytes: memory; the rest counts from the board's start."""

    minute: int
    samples: int
    windows: int
    dropped_samples: int
    overruns: int
    missed_windows: int
    damaged_frames: int
    watchdog_resets: int
    stack_bytes: int
    static_bytes: int
    arena_bytes: int


@dataclass(frozen=True)
class Stream:
    """A run. expected_windows: what follows from the samples; sound_s: seconds of sound; run_s: of this PC's time."""

    sound_s: float
    run_s: float
    windows: int
    expected_windows: int
    marks: tuple[Marks, ...]

    @property
    def dropped_windows(self) -> int:
        """By the count of the samples or by the board's own, whichever is worse."""
        return max(self.expected_windows - self.windows, self.marks[-1].missed_windows)

    @property
    def flat(self) -> bool:
        """Whether every memory mark was the same after each minute as after the first."""
        return len({(m.stack_bytes, m.static_bytes, m.arena_bytes) for m in self.marks}) == 1


def minute_of_sound(minute: int, rate_hz: int) -> np.ndarray:
    """(60 * rate_hz,) int16: noise whose loudness wanders from silence to full scale, and a gliding tone."""
    rng = np.random.default_rng([SEED, minute])
    seconds = np.arange(60 * rate_hz) / rate_hz
    loud = np.interp(seconds, np.arange(61), 10 ** rng.uniform(-4, 0, 61))
    glide = np.cumsum(np.interp(seconds, np.arange(61), rng.uniform(60, 6000, 61))) / rate_hz
    mixed = loud * rng.uniform(-1, 1, seconds.size) + np.roll(loud, rate_hz) * np.sin(2 * np.pi * glide)
    return (np.clip(mixed, -1, 1) * 32767).astype(np.int16)


def stream(bundle: Bundle, work: Path, minutes: int, say: Callable[[str], None] = lambda line: None) -> Stream:
    """Let an export listen to `minutes` of sound. DeviceError when it does not come through a minute in PATIENCE_S."""
    rate, sound, marks = bundle.spec.sample_rate_hz, FedSound(), []
    elf = build(bundle.firmware, semihosting=True).elf
    begun = time.monotonic()
    board = EmulatorBoard(bundle.board, elf, sound, work / "labels.flash", bundle.hop_frames)
    with board, open_link(board.port) as link:
        device = link.hello(tries=_START_TRIES)
        for minute in range(1, minutes + 1):
            sound.feed(minute_of_sound(minute, rate))
            marks.append(_after(link, bundle, device, minute))
            say(f"minute {minute}: {marks[-1].windows:,} windows, {time.monotonic() - begun:.0f} s")
    wanted = _windows(marks[-1].samples, bundle)
    return Stream(marks[-1].samples / rate, time.monotonic() - begun, marks[-1].windows, wanted, tuple(marks))


def _windows(samples: int, bundle: Bundle) -> int:
    """Windows that so many samples make."""
    return len(window_starts(samples, bundle.spec, bundle.hop_frames))


def _after(link: Link, bundle: Bundle, device: Device, minute: int) -> Marks:
    """The marks once a minute of sound has been heard, but for a part of the board's double buffer."""
    given = minute * 60 * bundle.spec.sample_rate_hz
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        now = link.status()
        done = now.windows + now.missed_windows
        if now.samples > given - _HALF_MAX and done >= _windows(now.samples - now.dropped_samples, bundle):
            return Marks(
                minute, now.samples, now.windows, now.dropped_samples, now.overruns, now.missed_windows,
                now.damaged_frames, now.watchdog_resets, now.stack_bytes, device.static_bytes, device.arena_bytes,
            )  # fmt: skip
        time.sleep(_POLL_S)
    raise DeviceError(
        f"the emulated board did not come through minute {minute} in {PATIENCE_S:g} s", "is this PC busy? try it again"
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and write results/stream.json. GateFailed when a window was dropped or a mark moved."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description="An hour through a virtual board.")
    parser.add_argument("--minutes", type=int, default=MINUTES)
    options = parser.parse_args(arguments)
    with exports() as export, tempfile.TemporaryDirectory(prefix="tce-stream-") as work:
        bundle = export(STUDENT, BOARD)
        run = stream(bundle, Path(work), options.minutes, lambda line: print(line, file=sys.stderr, flush=True))
        save_result("stream", _result(bundle, run))
    if run.dropped_windows or not run.flat:
        raise GateFailed(f"{run.dropped_windows} windows dropped, memory marks {'' if run.flat else 'not '}flat")


def _result(bundle: Bundle, run: Stream) -> dict[str, Any]:
    encoder = bundle.manifest["encoder"]
    return {
        "kind": EMULATED,
        "student": encoder["student"],
        "encoder": encoder["id"],
        "board": bundle.board.name,
        "title": bundle.board.title,
        "core": bundle.board.core,
        "emulator": "unicorn",
        "hop_s": bundle.hop_frames * bundle.spec.hop_samples / bundle.spec.sample_rate_hz,
        "sound_s": run.sound_s,
        "windows": run.windows,
        "expected_windows": run.expected_windows,
        "dropped_windows": run.dropped_windows,
        "flat": run.flat,
        "times_real_time": round(run.sound_s / run.run_s, 1),
        "marks": [asdict(mark) for mark in run.marks],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
