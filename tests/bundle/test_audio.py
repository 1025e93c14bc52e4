"""Sound files: what would change a recording's meaning is refused, what a person expects to work is converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tinyclap_edge.audio import padded, read_audio, window_starts
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

RATE = 16000


def tone(rate: int, seconds: float = 1.0, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def test_a_16_bit_mono_file_is_read_to_the_bit(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-32768, 32768, RATE).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, RATE, subtype="PCM_16")
    recording = read_audio(tmp_path / "a.wav", RATE)
    assert np.array_equal(recording.pcm, pcm)
    assert recording.notes == ()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_other_rates_are_resampled_and_said(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    recording = read_audio(tmp_path / "a.wav", RATE)
    assert abs(recording.seconds - 1.0) < 0.001
    spectrum = np.abs(np.fft.rfft(recording.pcm[:RATE].astype(float)))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    assert any("resampled" in note for note in recording.notes)


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"])
def test_other_sample_formats_are_converted(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE, subtype=subtype)
    pcm = read_audio(tmp_path / "a.wav", RATE).pcm
    assert abs(int(pcm.max()) - 16384) < 300


def test_stereo_is_averaged_and_said(tmp_path: Path) -> None:
    stereo = np.stack([tone(RATE), np.zeros(RATE)], 1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    recording = read_audio(tmp_path / "a.wav", RATE)
    assert abs(int(recording.pcm.max()) - 8192) < 3
    assert "2 channels averaged to one" in recording.notes


def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 3 * tone(RATE), RATE, subtype="FLOAT")
    pcm = read_audio(tmp_path / "a.wav", RATE).pcm
    assert pcm.max() == 32767 and pcm.min() == -32768


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path: Path, value: float) -> None:
    x = tone(RATE)
    x[100] = value
    soundfile.write(tmp_path / "a.wav", x, RATE, subtype="FLOAT")
    with pytest.raises(CorruptFile, match="NaN or infinite"):
        read_audio(tmp_path / "a.wav", RATE)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "b.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFile, match="cut off"):
        read_audio(tmp_path / "b.wav", RATE)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVE", b"\x00" * 5000, b"not a sound"])
def test_what_is_no_sound_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(CorruptFile):
        read_audio(tmp_path / "a.wav", RATE)


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    with pytest.raises(CorruptFile, match="no samples"):
        read_audio(tmp_path / "a.wav", RATE)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sound file"):
        read_audio(tmp_path / "a.wav", RATE)


@pytest.mark.parametrize("samples", [1, 41152, 41153, 61632, 61633, 100_000])
def test_every_sample_is_heard_by_some_window(samples: int) -> None:
    spec = FrontendSpec()
    pcm = padded(np.ones(samples, np.int16), spec, 64)
    starts = window_starts(pcm.size, spec, 64)
    assert starts[-1] + spec.window_total_samples == pcm.size
    assert pcm.size >= max(samples, spec.window_total_samples)
    assert pcm.sum() == samples


def test_a_file_that_libsndfile_takes_for_headerless_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    with pytest.raises(CorruptFile):
        read_audio(tmp_path / "a.raw", RATE)
