"""Sound files -> mono int16 PCM at the front end's rate, and PCM -> windows.

libsndfile reads the formats, soxr resamples. What would silently change the meaning of a recording (a cut-off file,
NaN samples, nothing but silence of length zero) is refused; what a person would expect to work (stereo, 24 bits,
8 or 96 kHz) is converted, and said.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

MAX_SECONDS = 4 * 3600
MAX_SAMPLES = 1 << 29  # of all channels: what unpacks must fit a PC's memory
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64")


@dataclass(frozen=True)
class Recording:
    """pcm: (samples,) int16 at rate_hz; notes: what was converted on the way."""

    path: Path
    pcm: np.ndarray
    rate_hz: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.pcm.size / self.rate_hz


def read_audio(path: Path | str, rate_hz: int) -> Recording:
    """Read any file that libsndfile knows. Raises UsageError (2) for a missing file, CorruptFile (7) for a bad one."""
    mono, notes = read_mono(path, rate_hz)
    scaled = np.rint(np.clip(mono.astype(np.float64), -1.0, 32767 / 32768) * 32768)
    return Recording(Path(path), scaled.astype(np.int16), rate_hz, notes)


def read_mono(path: Path | str, rate_hz: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """As `read_audio`, before rounding to 16 bits: (samples,) float32 at rate_hz, and what was converted on the way."""
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no sound file {path}", "name a WAV, FLAC, OGG or MP3 file")
    if path.stat().st_size == 0:
        raise CorruptFile(f"{path} is empty (0 bytes)", "record it again")
    _refuse_cut_off_wav(path)
    try:
        info = soundfile.info(str(path))
        if not MIN_RATE_HZ <= info.samplerate <= MAX_RATE_HZ:
            raise CorruptFile(f"{path} claims a sample rate of {info.samplerate} Hz", "its header is damaged")
        if info.frames > MAX_SECONDS * info.samplerate:
            raise CorruptFile(f"{path} claims {info.frames / info.samplerate / 3600:.1f} hours", "split it into parts")
        if info.frames * info.channels > MAX_SAMPLES:
            raise CorruptFile(f"{path} unpacks to {info.frames * info.channels:,} samples", "split it into parts")
        samples, source_rate = soundfile.read(str(path), dtype="float32", always_2d=True)  # (frames, channels)
    except (
        soundfile.LibsndfileError,
        TypeError,
        ValueError,
    ) as error:  # TypeError: a name that libsndfile takes for raw
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise CorruptFile(
            f"{path} is not a sound file that can be read ({reason})",
            "WAV, FLAC, OGG and MP3 are understood",
        ) from error
    if samples.size == 0:
        raise CorruptFile(f"{path} holds no samples", "record it again")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise CorruptFile(f"{path} holds {bad} samples that are NaN or infinite", "write it again as 16-bit PCM")
    notes = []
    if samples.shape[1] > 1:
        notes.append(f"{samples.shape[1]} channels averaged to one")
    mono = samples.mean(axis=1)
    if source_rate != rate_hz:
        import soxr

        notes.append(f"resampled from {source_rate} to {rate_hz} Hz")
        if source_rate < rate_hz:
            notes.append(f"nothing above {source_rate // 2} Hz is in it")
        mono = soxr.resample(mono, source_rate, rate_hz, quality="HQ")
    return mono, tuple(notes)


def sound_files(folder: Path | str, what: str) -> list[Path]:
    """The sound files below a folder, by name, in an order that does not change; `what` says what they are in errors.

    UsageError (2) where there is no such folder, or no sound file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", f"give a folder with recordings of {what}")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise UsageError(f"{folder} holds no sound file", f"put recordings of {what} there: WAV, FLAC, OGG or MP3")
    return files


def window_starts(samples: int, spec: FrontendSpec, hop_frames: int, span: int | None = None) -> list[int]:
    """First sample of each full window; a recording shorter than one window still gives one.

    span: samples that the first embedding wants, by default a window's.
    """
    extra = samples - (span or spec.window_total_samples)
    return list(range(0, max(extra, 0) + 1, hop_frames * spec.hop_samples))


def padded(pcm: np.ndarray, spec: FrontendSpec, hop_frames: int, span: int | None = None) -> np.ndarray:
    """`pcm` with silence appended until the last hop fills a window, so that no sound at the end is lost. span: as above."""
    hop, span = hop_frames * spec.hop_samples, span or spec.window_total_samples
    extra = max(pcm.size - span, 0)
    total = span + -(-extra // hop) * hop
    return np.concatenate([pcm, np.zeros(total - pcm.size, np.int16)])


def _refuse_cut_off_wav(path: Path) -> None:
    """A RIFF file whose data chunk promises more bytes than follow was cut off; libsndfile would read on silently."""
    with path.open("rb") as file:
        size = path.stat().st_size
        if file.read(4) not in (b"RIFF", b"RF64"):
            return
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, length = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"data":
                here = file.tell()
                if length not in (0, 0xFFFFFFFF) and here + length > size:
                    raise CorruptFile(
                        f"{path} is cut off: its header promises {length} bytes of sound, {size - here} follow",
                        "copy it again",
                    )
                return
            file.seek(length + length % 2, 1)
