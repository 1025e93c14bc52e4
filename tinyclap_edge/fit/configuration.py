"""What `fit` chooses: a PhiNet, the log-mel that it hears through, and the size of its embedding; as data and as text.

    phinet:alpha=0.5,beta=0.75,t0=6,N=7,padding=same;rate=16000,mels=64,hop_ms=20,window_s=2.56,r=64

Whatever stands behind the semicolon is the front end and r; what is left out is the reference front end's.
"""

from __future__ import annotations

import difflib
import functools
import math
from dataclasses import dataclass

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.phinet_config import PhiNetConfig, blocks, parse_arch

FRAME_S = 0.032  # of one frame; the FFT is the next power of two
REFERENCE_HOP_MS, REFERENCE_WINDOW_S, REFERENCE_R = 20.0, 2.56, 64
REFERENCE_RATE_HZ, REFERENCE_MELS = 16000, 64
F_MIN_HZ, F_MAX_HZ = 50.0, 14000.0  # of the filters; half the sample rate where that is less


@dataclass(frozen=True)
class Configuration:
    """One student on paper. r: entries of the embedding."""

    net: PhiNetConfig
    frontend: FrontendSpec
    r: int

    def __post_init__(self) -> None:
        if not 1 <= self.r <= 1024:
            raise UsageError(f"r={self.r} is outside 1..1024", "an embedding has 1 to 1024 entries")

    @property
    def window_s(self) -> float:
        """Seconds between the first and the last frame of a window, one hop more."""
        return self.frontend.frames * self.frontend.hop_samples / self.frontend.sample_rate_hz

    @property
    def hop_ms(self) -> float:
        """Milliseconds between two rows."""
        return 1e3 * self.frontend.hop_samples / self.frontend.sample_rate_hz

    def text(self) -> str:
        """The canonical text; `parse_configuration` reads it back."""
        spec = self.frontend
        return (
            f"{self.net.arch()};rate={spec.sample_rate_hz},mels={spec.mel_bins},hop_ms={self.hop_ms:g},"
            f"window_s={self.window_s:g},r={self.r}"
        )


def receptive_rows(net: PhiNetConfig) -> int:
    """Log-mel rows that one row of the last feature map sees: half before its own time, half after it."""
    rows, jump = 3, 1
    if not net.conv2d_input:
        jump = net.stem_stride
    for block in blocks(net):
        if block.pool_before:
            rows, jump = rows + jump, 2 * jump
        rows, jump = rows + (block.kernel - 1) * jump, jump * block.stride
        if block.pool_after:
            rows, jump = rows + jump, 2 * jump
    return rows


@functools.lru_cache(maxsize=4096)
def make_frontend(rate_hz: int, mels: int, hop_ms: float, window_s: float) -> FrontendSpec:
    """The log-mel of these numbers: frames of 32 ms, filters from 50 Hz to half the rate, at most 14 kHz.

    UsageError for numbers that make no front end, as filters that hold no bin of the FFT.
    """
    for name, value in (("hop_ms", hop_ms), ("window_s", window_s)):
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name}={value:g} is no length of time", "give a positive number")
    samples, hop = round(rate_hz * FRAME_S), round(rate_hz * hop_ms / 1e3)
    frames = round(window_s * 1e3 / hop_ms)
    if frames < 1:
        raise UsageError(f"a window of {window_s:g} s is shorter than one hop of {hop_ms:g} ms")
    n_fft = 256
    while n_fft < samples:
        n_fft *= 2
    try:
        return FrontendSpec(
            sample_rate_hz=rate_hz, n_fft=n_fft, window_samples=samples, hop_samples=hop, mel_bins=mels,
            f_min_hz=F_MIN_HZ, f_max_hz=min(F_MAX_HZ, rate_hz / 2), frames=frames,
        )  # fmt: skip
    except UsageError as error:
        said = f"it follows from rate={rate_hz}, mels={mels}, hop_ms={hop_ms:g}, window_s={window_s:g}"
        raise UsageError(error.fact, error.hint or said) from None


def parse_configuration(text: str) -> Configuration:
    """Read a configuration, or the name or path of a student file. UsageError (2) for what it does not say well."""
    if not text.startswith("phinet:"):
        from tinyclap_edge.students.presets import find_student

        student = find_student(text)
        return Configuration(student.config, student.frontend, student.default_r)
    arch, _, rest = text.partition(";")
    values: dict[str, float] = {
        "rate": REFERENCE_RATE_HZ, "mels": REFERENCE_MELS, "hop_ms": REFERENCE_HOP_MS,
        "window_s": REFERENCE_WINDOW_S, "r": REFERENCE_R,
    }  # fmt: skip
    for part in filter(None, rest.split(",")):
        key, _, raw = part.partition("=")
        key = key.strip()
        if key not in values:
            near = difflib.get_close_matches(key, values, 1)
            hint = f"did you mean {near[0]!r}?" if near else "front end and r: " + ", ".join(values)
            raise UsageError(f"configuration: unknown key {key!r}", hint)
        try:
            values[key] = float(raw)
        except ValueError:
            raise UsageError(f"configuration: {key}={raw!r} is not a number") from None
        if not math.isfinite(values[key]) or (key in ("rate", "mels", "r") and values[key] % 1):
            raise UsageError(f"configuration: {key}={raw!r} is no such number")
    spec = make_frontend(int(values["rate"]), int(values["mels"]), values["hop_ms"], values["window_s"])
    return checked(Configuration(parse_arch(arch), spec, int(values["r"])))


def least_rows(net: PhiNetConfig) -> int:
    """The shortest window, in rows: half a receptive field. In a shorter one every feature would see padding on both
    sides. (The shipped students' 187 rows reach over their window's 128 on one side.)"""
    return (receptive_rows(net) + 1) // 2


def checked(configuration: Configuration) -> Configuration:
    """The same; UsageError (2) where the window is too short for the receptive field, see `least_rows`."""
    rows, frames = least_rows(configuration.net), configuration.frontend.frames
    if rows > frames:
        need = rows * configuration.hop_ms / 1e3
        raise UsageError(
            f"a window of {configuration.window_s:g} s has {frames} rows, half the receptive field of this network {rows}",
            f"take a window of {need:.3g} s or more, or fewer blocks than N={configuration.net.N}",
        )
    return configuration
