"""Log-mels of the published teachers, to the constants of their originals."""

from __future__ import annotations

import numpy as np
import pytest
from teachers.rule_filled import fixture, rule_waveform

from tinyclap_edge.teachers.logmel import logmel, mel_filters
from tinyclap_edge.teachers.registry import find_card
from tinyclap_edge.teachers.windows import check_clips, fill, windows

KNOWN = fixture("frontends")


@pytest.mark.parametrize("name", [n for n in KNOWN if n != "about"])
def test_a_front_end_gives_the_values_of_its_original(name):
    teacher, _, seconds = name.partition(", ")
    spec, known = find_card(teacher).frontend, KNOWN[name]
    clip = rule_waveform(spec.sample_rate_hz, int(float(seconds.removesuffix(" s") or 1) * spec.sample_rate_hz))
    if spec.short == "repeat":
        clip = fill(clip, spec.clip_samples, spec.short)
    x = logmel(clip, spec)
    tolerance = 1e-3 if spec.log == "db" else 2e-4 / spec.scale
    assert x.dtype == np.float32 and list(x.shape) == known["shape_TF"] == [spec.frame_count(len(clip)), spec.mel_bins]
    assert np.abs(x[0, :4] - known["frame0_first4"]).max() < tolerance
    assert np.abs(x[10, :8] - known["frame10_first8"]).max() < tolerance
    assert np.abs(x[10, -4:] - known["frame10_last4"]).max() < tolerance
    assert np.abs(x[-1, :4] - known["last_frame_first4"]).max() < tolerance
    assert abs(x.sum(dtype=float) - known["sum"]) < tolerance * x.size
    assert abs(np.linalg.norm(x.astype(float)) - known["l2"]) < tolerance * np.sqrt(x.size)
    if "filters_sum" in known:
        assert abs(mel_filters(spec).sum() / known["filters_sum"] - 1) < 1e-6


def test_a_clip_shorter_than_one_frame_is_followed_by_silence():
    for name in ("matpac", "msclap-2022"):
        spec = find_card(name).frontend
        assert logmel(np.ones(1, np.float32), spec).shape[0] >= 1


@pytest.mark.parametrize(
    ("short", "wanted"),
    [("tile", [1, 2, 3, 1, 2, 3, 1, 2]), ("repeat", [1, 2, 3, 1, 2, 3, 0, 0]), ("zeros", [1, 2, 3, 0, 0, 0, 0, 0])],
)
def test_a_short_clip_is_filled_as_its_teacher_was_trained(short, wanted):
    assert windows(np.array([1, 2, 3], np.float32), 8, short).tolist() == [wanted]


def test_a_long_clip_is_covered_by_as_few_windows_as_possible_to_its_last_sample():
    clip = np.arange(10, dtype=np.float32)
    assert windows(clip, 4, "tile").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]
    assert windows(clip[:8], 4, "tile").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert windows(clip[:4], 4, "tile").tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    "clip",
    [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.zeros(9, np.int16), np.array([0.1, np.nan], np.float32)],
)
def test_what_is_not_a_mono_clip_is_refused_in_words(clip):
    from tinyclap_edge.errors import UsageError

    with pytest.raises(UsageError, match="clip 1") as caught:
        check_clips([np.zeros(4, np.float32), clip])
    assert caught.value.hint
