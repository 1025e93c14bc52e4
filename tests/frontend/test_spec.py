"""The specification refuses what cannot work, and its identity follows every constant."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend import exact
from tinyclap_edge.frontend.reference import hann, mel_filterbank
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import build_tables, emit_c


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"n_fft": 500}, "n_fft=500"),
        ({"n_fft": 4096}, "n_fft=4096"),
        ({"f_max_hz": 9000}, "half the sample rate"),
        ({"f_min_hz": 8000}, "f_min_hz"),
        ({"mel_bins": 128}, "mel filters"),
        ({"mel_bins": 0}, "mel_bins=0"),
        ({"window_samples": 513}, "window_samples=513"),
        ({"hop_samples": 0}, "hop_samples=0"),
        ({"mel_scale": "bark"}, "mel_scale"),
        ({"floor_db": float("nan")}, "floor_db"),
        ({"floor_db": -99.999}, "1/256"),
        ({"frames": 2.5}, "frames"),
        ({"sample_rate_hz": "16000"}, "sample_rate_hz"),
    ],
)
def test_impossible_values_are_refused_with_the_field_named(changes: dict, fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        FrontendSpec(**changes)


def test_an_unknown_key_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        FrontendSpec.from_dict({"mel_bin": 64})
    assert "mel_bins" in caught.value.hint


def test_a_specification_survives_its_dictionary() -> None:
    spec = FrontendSpec(n_fft=1024, window_samples=1000, mel_bins=40, f_max_hz=7600)
    assert FrontendSpec.from_dict(spec.to_dict()) == spec


def test_whole_numbers_and_floats_of_one_value_are_one_front_end() -> None:
    assert FrontendSpec(f_max_hz=8000, n_fft=512.0).frontend_id == FrontendSpec().frontend_id


def test_the_identity_of_the_default_front_end_never_changes_by_accident() -> None:
    # Encoders and label packs carry it: when this changes, every exported file becomes a stranger to its firmware.
    assert FrontendSpec().frontend_id == "030bee8c76c85b17"


def test_the_identity_follows_every_constant() -> None:
    changes = (
        {"hop_samples": 256},
        {"mel_bins": 63},
        {"f_min_hz": 51},
        {"frames": 127},
        {"floor_db": -99},
        {"scale_db": 21},
        {"window_samples": 400},
        {"mel_scale": "slaney", "mel_bins": 40},
    )
    seen = {FrontendSpec(**change).frontend_id for change in ({}, *changes)}
    assert len(seen) == 1 + len(changes)


@pytest.mark.parametrize("n_fft", [256, 512, 1024, 2048])
def test_decimal_tables_equal_the_definition_to_their_last_bit(n_fft: int) -> None:
    spec = FrontendSpec(n_fft=n_fft, window_samples=n_fft - 31, hop_samples=100, mel_bins=40)
    tables = build_tables(spec)
    assert np.abs(tables.window / 2.0 ** (32 - tables.first_radix.bit_length()) - hann(spec)).max() < 2e-9
    angle = 2 * np.pi * np.arange(1, n_fft // 4) / n_fft
    assert np.abs(tables.split[:, 0] / 2.0**31 - np.cos(angle)).max() < 3e-10
    assert np.abs(tables.split[:, 1] / 2.0**31 - np.sin(angle)).max() < 3e-10
    assert tables.quarters[-1] * 4 == n_fft // 2
    assert len(tables.twiddle) == sum(q - 1 for q in tables.quarters)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_flanks_add_up_to_the_mel_filters(scale: str) -> None:
    spec = FrontendSpec(mel_bins=40, mel_scale=scale)
    tables, weights = build_tables(spec), mel_filterbank(spec)
    rebuilt = np.zeros_like(weights)
    for i, (begin, end) in enumerate(zip(tables.edge, tables.edge[1:], strict=False)):
        for k in range(int(begin), int(end)):
            u = tables.rise[k - int(tables.edge[0])] / 2.0**32
            if i < spec.mel_bins:
                rebuilt[i, k] += u
            if i > 0:
                rebuilt[i - 1, k] += 1 - u
    assert np.abs(rebuilt - weights).max() < 1e-9


def test_cosines_by_decimal_arithmetic_are_exact_at_known_angles() -> None:
    cosines = exact.cosines(12)
    assert [exact.fixed(cosines[k], 30) for k in (0, 2, 3, 4, 6, 9)] == [2**30, 2**29, 0, -(2**29), -(2**30), 0]


def test_the_same_specification_writes_the_same_c_twice(tmp_path) -> None:
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        texts.append([path.read_bytes() for path in emit_c(FrontendSpec(), tmp_path / name)])
    assert texts[0] == texts[1]
    assert FrontendSpec().frontend_id.encode() in texts[0][0]
