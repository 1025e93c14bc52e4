"""The front end in one record: every constant between the microphone and the network. docs/frontend.md explains it."""

from __future__ import annotations

import difflib
import functools
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tinyclap_edge.errors import UsageError

MEL_SCALES = ("htk", "slaney")
MEL_NORMS = ("peak", "slaney")
POWERS = ("full_scale", "raw")
Q8 = 256  # features are int16 in 1/256 dB


@dataclass(frozen=True)
class FrontendSpec:
    """A log-mel front end. Frames are not centred and nothing is padded: frame t covers [t*hop, t*hop + window).

    The window is a periodic Hann of `window_samples`, followed by zeros up to `n_fft`. UsageError on values that make
    no sense together. The last four fields say how imported students were trained; boards and the integer front end
    know only their defaults (`plain`, and `shift_db` for what then has to be added).
    """

    sample_rate_hz: int = 16000
    n_fft: int = 512  # 256, 512, 1024 or 2048
    window_samples: int = 512
    hop_samples: int = 320
    mel_bins: int = 64
    f_min_hz: float = 50.0
    f_max_hz: float = 8000.0
    mel_scale: str = "htk"  # or "slaney"; triangles with straight flanks in Hz
    frames: int = 128  # rows of one network input
    floor_db: float = -100.0  # quieter bins are reported as this
    offset_db: float = 60.0  # network input x = (dB + offset_db) / scale_db
    scale_db: float = 20.0
    mel_norm: str = "peak"  # triangles of peak 1; "slaney": of area 1 in Hz
    power: str = "full_scale"  # a full-scale sine has power 1; "raw": |FFT|^2 of samples in [-1, 1)
    power_offset: float = 0.0  # added to each mel energy before the logarithm
    centred: bool = False  # frame t is centred at t*hop, the recording reflected by half a window at both ends

    def __post_init__(self) -> None:
        _check_types(self)
        if self.n_fft not in (256, 512, 1024, 2048):
            raise UsageError(f"n_fft={self.n_fft} is not supported", "use a power of two: 256, 512, 1024 or 2048")
        for name, low, high in (
            ("sample_rate_hz", 4000, 96000),
            ("window_samples", 16, self.n_fft),
            ("hop_samples", 1, self.window_samples),
            ("mel_bins", 1, 256),
            ("frames", 1, 8192),
            ("floor_db", -120.0, -20.0),
            ("offset_db", -120.0, 120.0),
            ("scale_db", 0.01, 1000.0),
            ("power_offset", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # also refuses NaN
                raise UsageError(f"{name}={value} is outside {low}..{high}")
        if not 0 <= self.f_min_hz < self.f_max_hz:
            raise UsageError(f"f_min_hz={self.f_min_hz} is not within 0..f_max_hz={self.f_max_hz}")
        if self.f_max_hz > self.sample_rate_hz / 2:
            raise UsageError(
                f"f_max_hz={self.f_max_hz} is above half the sample rate ({self.sample_rate_hz / 2:g} Hz)",
                f"use f_max_hz={self.sample_rate_hz / 2:g} or a higher sample_rate_hz",
            )
        for name, known in (("mel_scale", MEL_SCALES), ("mel_norm", MEL_NORMS), ("power", POWERS)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name}={getattr(self, name)!r} is unknown", f"use one of {', '.join(known)}")
        for name in ("floor_db", "offset_db"):
            if getattr(self, name) * Q8 % 1:
                raise UsageError(f"{name}={getattr(self, name)} is not a multiple of 1/256 dB")
        _check_filters(self)

    @property
    def window_total_samples(self) -> int:
        """Samples that one network input of `frames` rows covers."""
        if self.centred:
            return (self.frames - 1) * self.hop_samples
        return (self.frames - 1) * self.hop_samples + self.window_samples

    @property
    def window_seconds(self) -> float:
        """Seconds that one network input covers."""
        return self.window_total_samples / self.sample_rate_hz

    @property
    def floor_q8(self) -> int:
        """The floor in 1/256 dB."""
        return int(self.floor_db * Q8)

    @property
    def offset_q8(self) -> int:
        """The network's offset in 1/256 dB."""
        return int(self.offset_db * Q8)

    @property
    def frontend_id(self) -> str:
        """16 hex digits that name this front end: SHA-256 over every constant and every byte of its tables."""
        from tinyclap_edge.frontend.tables import frontend_id  # the tables need the spec first

        return frontend_id(self)

    def frame_count(self, samples: int) -> int:
        """Whole frames in a recording of `samples` samples."""
        if self.centred:
            return 1 + samples // self.hop_samples if samples else 0
        return max(0, 1 + (samples - self.window_samples) // self.hop_samples)

    def to_dict(self) -> dict[str, Any]:
        """Every constant, ready for JSON; the fields of imported students only where they are used."""
        values = asdict(self)
        return {k: v for k, v in values.items() if k not in PLAIN or v != PLAIN[k]}

    @property
    def plain(self) -> FrontendSpec:
        """The nearest front end that boards compute; add `shift_db` to its levels. The same one where it is plain.

        What is lost is the reflection at the ends of a clip, `power_offset`, and a floor below -120 dB.
        """
        if all(getattr(self, name) == value for name, value in PLAIN.items()):
            return self
        lowest = max(-120.0, math.ceil((self.floor_db - max(self.shift_db())) * Q8) / Q8)
        return replace(self, **PLAIN, floor_db=lowest)

    def shift_db(self) -> list[float]:
        """What each mel bin's level is above that of `plain`, in dB: constants, where no floor is met."""
        from tinyclap_edge.frontend.reference import band_gain

        return [float(10 * math.log10(gain)) for gain in band_gain(self)]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrontendSpec:
        """The reverse of `to_dict`; absent keys keep their defaults, unknown ones are a UsageError."""
        if not isinstance(values, dict):
            raise UsageError(f"a front end is a table of constants, not {type(values).__name__}")
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                raise UsageError(f"front end: unknown key {key!r}", f"did you mean {near[0]!r}?" if near else "")
        return cls(**values)


KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number"}
PLAIN: dict[str, Any] = {"mel_norm": "peak", "power": "full_scale", "power_offset": 0.0, "centred": False}


def _check_types(spec: FrontendSpec) -> None:
    """Whole numbers become int and levels float, so that 8000 and 8000.0 give one record and one frontend_id."""
    for field in fields(spec):
        value = getattr(spec, field.name)
        wanted: type = {"int": int, "float": float, "str": str, "bool": bool}[str(field.type)]
        if wanted in (str, bool) and isinstance(value, wanted):
            continue
        usable = wanted not in (str, bool) and isinstance(value, (int, float)) and not isinstance(value, bool)
        if not usable or not math.isfinite(value) or (wanted is int and value != int(value)):
            raise UsageError(f"front end: {field.name}={value!r} is not {KINDS[wanted]}")
        object.__setattr__(spec, field.name, wanted(value))


@functools.lru_cache(maxsize=64)
def _check_filters(spec: FrontendSpec) -> None:
    """Refuses filters so narrow that no FFT bin lies within them: such an output would be the floor for ever."""
    from tinyclap_edge.frontend.reference import mel_filterbank

    empty = [m for m, row in enumerate(mel_filterbank(spec)) if row.max() < 2.0**-16]
    if empty:
        raise UsageError(
            f"{len(empty)} of {spec.mel_bins} mel filters (the first is {empty[0]}) hold no bin of a "
            f"{spec.n_fft}-point FFT at {spec.sample_rate_hz} Hz",
            "use fewer mel_bins, a larger n_fft or a higher f_min_hz",
        )
