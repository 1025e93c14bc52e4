"""The gate's statistics: the C and NumPy give the same integers, and they say what their names promise."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from place_sounds import event, room

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.check import NativeGate
from tinyclap_edge.gate.model import parse
from tinyclap_edge.gate.statistics import COLUMNS, FEATURES, columns, statistics, stream_features

SPEC = FrontendSpec()
MODEL = Path(__file__).with_name("one_split.h").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> NativeGate:
    return NativeGate(parse(MODEL), tmp_path_factory.mktemp("gate"))


def c_columns(native: NativeGate, rows_q8: np.ndarray, floor_q8: int) -> np.ndarray:
    """(T, 5) uint16, one call a row."""
    out = np.zeros((len(rows_q8), len(COLUMNS)), np.uint16)
    for row, kept in zip(np.ascontiguousarray(rows_q8, np.int16), out, strict=True):
        native.library.tce_gate_columns(
            ctypes.c_void_p(row.ctypes.data), ctypes.c_int32(row.size), ctypes.c_int32(floor_q8),
            ctypes.c_void_p(kept.ctypes.data),
        )  # fmt: skip
    return out


def c_features(native: NativeGate, rows: np.ndarray, oldest: int) -> np.ndarray:
    """(20,) int32 of a ring of columns."""
    ring = np.ascontiguousarray(rows, np.uint16)
    out = np.zeros(len(FEATURES), np.int32)
    native.library.tce_gate_features(
        ctypes.c_void_p(ring.ctypes.data), ctypes.c_int32(len(ring)), ctypes.c_int32(oldest),
        ctypes.c_void_p(out.ctypes.data),
    )  # fmt: skip
    return out


@pytest.mark.parametrize("mels", [4, 5, 63, 64, 256])
def test_columns_are_the_same_integers_in_c_for_any_row(native, mels):
    rng = np.random.default_rng(mels)
    spec = FrontendSpec(mel_bins=mels, n_fft=2048, window_samples=2048) if mels == 256 else FrontendSpec(mel_bins=mels)
    extremes = np.array([np.full(mels, spec.floor_q8), np.full(mels, 32767)])
    rows = np.concatenate([rng.integers(spec.floor_q8, 32768, (200, mels)), extremes]).astype(np.int16)
    assert np.array_equal(c_columns(native, rows, spec.floor_q8), columns(rows, spec))


@pytest.mark.parametrize("count", [1, 2, 7, 128, 8192])
def test_features_are_the_same_integers_in_c_wherever_the_ring_begins(native, count):
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 1 << 16, (count, len(COLUMNS))).astype(np.uint16)
    wanted = statistics(rows[None])[0]
    for oldest in {0, count // 3, count - 1}:
        assert np.array_equal(c_features(native, np.roll(rows, oldest, axis=0), oldest), wanted)


def test_the_compiled_gate_hears_sound_as_the_twin_does(native):
    sound = room(20, seed=3)
    sound[60_000:76_000] += event(0) // 4
    rows = logmel_q8(sound, SPEC)
    wanted = stream_features(rows, SPEC, 64)
    ring = c_columns(native, rows, SPEC.floor_q8)
    found = [c_features(native, ring[s : s + SPEC.frames], 0) for s in range(0, len(rows) - SPEC.frames + 1, 64)]
    assert np.array_equal(np.array(found), wanted) and len(wanted) == 14
    assert np.array_equal(native.opens(wanted), parse(MODEL).opens(wanted))


def test_statistics_say_what_their_names_promise():
    rows = np.zeros((1, 4, 5), np.uint16)
    rows[0, :, 0] = (3, 9, 9, 6)
    values = dict(zip(FEATURES, statistics(rows)[0].tolist(), strict=True))
    assert [values[f"low_{s}"] for s in ("mean", "most", "range", "change")] == [6, 9, 6, 3]
    assert sum(values.values()) == 24
    level = np.full((1, 64), SPEC.floor_q8, np.int16)
    level[0, 60] += 1600
    assert columns(level, SPEC).tolist() == [[0, 0, 0, 100, 1575]]


def test_a_stream_shorter_than_a_window_has_no_features():
    assert stream_features(np.zeros((127, 64), np.int16), SPEC, 64).shape == (0, len(FEATURES))


def test_a_front_end_of_three_bins_has_no_four_bands():
    with pytest.raises(UsageError, match="4 mel bins"):
        columns(np.zeros((1, 3), np.int16), FrontendSpec(mel_bins=3))
