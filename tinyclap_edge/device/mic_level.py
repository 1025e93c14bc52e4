"""What a microphone gives, judged: level, peak, DC, clipping, noise floor, and the faults that wiring makes.

    found = judge(pcm, rate_hz)         # pcm (n,) int16, half a second or more
    found.verdict, found.faults

Levels are in dB of full scale: 0 dBFS is the root mean square of a full-scale square wave, so a full-scale sine has -3.0.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.device.link import Link
from tinyclap_edge.errors import UsageError

FULL_SCALE = 32768.0
FRAME_S = 0.02  # of the noise floor
FLOOR_PERCENTILE = 10  # speech and most sounds leave one frame in ten quiet
MIN_S = 0.25
SILENCE_DB = -120.0  # what digital silence is shown as
# Limits of the faults. A MEMS microphone's own noise is -90 to -65 dBFS behind I2S or PDM without gain.
DC_LIMIT = 0.05  # of full scale: half a bit of headroom is gone, and a rumble filter is missing
CLIP_LIMIT = 1e-4  # one sample in ten thousand at the rail
CLIP_RUN = 3  # samples at the rail in a row: a loud sound is cut off; one alone may be a click
FLOOR_LIMIT_DB = -35.0  # noise that hides what the model was trained on (0 to 30 dB above it)
QUIET_LIMIT_DB = -75.0
MIN_VALUES = 8  # different values among the samples


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and its cure. grave: the model cannot hear with it."""

    fact: str
    cure: str
    grave: bool = True


@dataclass(frozen=True)
class MicLevel:
    """The figures of a recording. Levels in dBFS, with the DC taken out; dc and clipped as shares."""

    seconds: float
    level_db: float
    peak_db: float
    dc: float  # mean over full scale, -1 to 1
    clipped: float  # share of samples at either rail
    longest_clip: int  # samples in a row
    floor_db: float
    values: int  # different ones
    stuck_bits: int  # lowest bits that never change
    faults: tuple[Fault, ...]

    @property
    def verdict(self) -> str:
        """good, usable (something could be better) or bad (the model cannot hear)."""
        if not self.faults:
            return "good"
        return "bad" if any(f.grave for f in self.faults) else "usable"


def listen(link: Link, seconds: float, sleep: Callable[[float], None] = time.sleep) -> tuple[np.ndarray, int]:
    """(PCM, rate in Hz) of a board, at least so long: its ring buffer as often as that takes, with new sound in it each time.

    The pieces stand behind one another; between two of them sound is missing.
    """
    pieces = [link.capture()]
    rate = link.capture_rate_hz
    while sum(map(len, pieces)) < seconds * rate and len(pieces[-1]):
        sleep(len(pieces[-1]) / rate)
        pieces.append(link.capture())
    return np.concatenate(pieces), rate


def judge(pcm: np.ndarray, rate_hz: int) -> MicLevel:
    """pcm: (n,) int16. UsageError for less than a quarter of a second."""
    if pcm.ndim != 1 or pcm.dtype != np.int16:
        raise UsageError(f"a recording is (n,) int16, not {pcm.shape} {pcm.dtype}")
    if pcm.size < MIN_S * rate_hz:
        raise UsageError(
            f"{pcm.size} samples are too few to judge a microphone", f"capture {math.ceil(MIN_S * rate_hz)} or more"
        )
    x = pcm.astype(np.float64) / FULL_SCALE
    dc = float(x.mean())
    still = x - dc
    rails = (pcm == 32767) | (pcm == -32768)
    bits = int(np.bitwise_or.reduce(pcm.view(np.uint16) ^ pcm.view(np.uint16)[0]))
    found = {
        "seconds": pcm.size / rate_hz,
        "level_db": _db(float(np.sqrt(np.mean(still**2)))),
        "peak_db": _db(float(np.abs(still).max())),
        "dc": dc,
        "clipped": float(rails.mean()),
        "longest_clip": _longest_run(rails),
        "floor_db": _floor(still, rate_hz),
        "values": int(np.unique(pcm).size),
        "stuck_bits": 16 if not bits else (bits & -bits).bit_length() - 1,
    }
    level = MicLevel(**found, faults=())  # type: ignore[arg-type]
    return MicLevel(**found, faults=tuple(_faults(level)))  # type: ignore[arg-type]


def _faults(m: MicLevel) -> list[Fault]:
    """The first group explains everything else, so it stands alone."""
    if m.values == 1:
        what = "zero" if m.dc == 0 else f"{m.dc * FULL_SCALE:.0f}"
        return [Fault(f"every sample is {what}: no data comes from the microphone", "check its data and clock wires, its supply, and the pin that chooses left or right")]  # fmt: skip
    if m.values < MIN_VALUES:
        return [
            Fault(
                f"the samples have only {m.values} different values",
                "the data pin is not the microphone's, or floats: check the wiring",
            )
        ]
    faults = []
    if m.longest_clip >= CLIP_RUN and m.clipped > CLIP_LIMIT:
        share = f"{m.clipped:.2%}" if m.clipped < 0.1 else f"{m.clipped:.0%}"
        faults.append(Fault(f"{share} of the samples are clipped", "less gain, or more distance from the sound"))
    if abs(m.dc) > DC_LIMIT:
        faults.append(Fault(f"the signal is off centre by {m.dc:+.1%} of full scale", "wrong bit alignment of the I2S frame, or a bias that is not the microphone's: check word length and justification", grave=abs(m.dc) > 0.25))  # fmt: skip
    if m.stuck_bits >= 4:
        faults.append(Fault(f"the lowest {m.stuck_bits} bits never change", "the word is shifted: check word length and justification", grave=m.stuck_bits >= 8))  # fmt: skip
    if m.floor_db > FLOOR_LIMIT_DB and not (faults and faults[0].grave):
        faults.append(Fault(f"the noise floor is {m.floor_db:.0f} dBFS", "a noisy supply or clock near the microphone, or a loud room: try again in silence", grave=False))  # fmt: skip
    if m.peak_db < QUIET_LIMIT_DB:
        faults.append(Fault(f"the loudest sample is at {m.peak_db:.0f} dBFS", "speak or clap while it captures; if it stays, the gain is too low", grave=False))  # fmt: skip
    return faults


def _db(share: float) -> float:
    return max(SILENCE_DB, 20 * math.log10(share)) if share > 0 else SILENCE_DB


def _floor(still: np.ndarray, rate_hz: int) -> float:
    """The level of the quiet frames."""
    length = max(1, round(FRAME_S * rate_hz))
    frames = still[: still.size // length * length].reshape(-1, length)
    return _db(float(np.percentile(np.sqrt((frames**2).mean(1)), FLOOR_PERCENTILE)))


def _longest_run(flags: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))
