"""The front ends that imported students were trained with, as one FrontendSpec each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from students.rule_weights import fixture

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.reference import logmel_float
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import build_tables
from tinyclap_edge.students.imported_frontends import SSONDO, TINYCLAP

FIGURES = fixture("frontends")
CASES = [("msclap2022", TINYCLAP), ("ssondo_student", SSONDO)]


def rule_pcm(rate: int) -> np.ndarray:
    n = np.arange(rate)
    x = 0.5 * np.sin(2 * np.pi * 440 * n / rate) + 0.25 * np.sin(2 * np.pi * 3000 * n / rate)
    x += 0.05 * np.sin(0.37 * ((n * n) % 1000))
    return np.round(x * 32768).astype(np.int16)


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_log_mels_equal_the_published_ones(name: str, spec: FrontendSpec) -> None:
    figures = FIGURES[name]
    found = (logmel_float(rule_pcm(spec.sample_rate_hz), spec) + spec.offset_db) / spec.scale_db
    assert list(found.shape) == figures["shape_TF"]
    for row, key in ((0, "frame0_first4"), (10, "frame10_first8"), (-1, "last_frame_first4")):
        np.testing.assert_allclose(found[row, : len(figures[key])], figures[key], atol=5e-3)  # int16 samples
    np.testing.assert_allclose(found[10, -4:], figures["frame10_last4"], atol=5e-3)  # int16 samples
    np.testing.assert_allclose(np.linalg.norm(found), figures["l2"], rtol=1e-5)


@pytest.mark.parametrize(("name", "spec"), CASES)
def test_torch_computes_the_same(name: str, spec: FrontendSpec) -> None:
    torch = pytest.importorskip("torch")
    from tinyclap_edge.frontend.torch_logmel import LogMel

    pcm = rule_pcm(spec.sample_rate_hz)
    found = LogMel(spec)(torch.from_numpy(pcm.astype(np.float32) / 32768)[None])[0]
    np.testing.assert_allclose(found.numpy(), logmel_float(pcm, spec), atol=0.01)


def test_a_board_computes_the_same_levels_less_a_constant_for_each_band() -> None:
    pcm = rule_pcm(TINYCLAP.sample_rate_hz)
    plain = TINYCLAP.plain
    assert plain.plain is plain and plain != TINYCLAP
    ours = logmel_float(pcm, plain) + TINYCLAP.shift_db()
    centred = logmel_float(pcm[160 - 512 % 160 :], TINYCLAP)  # only to have frames that both see
    assert centred.shape[1] == ours.shape[1]
    whole = logmel_float(pcm, dataclasses.replace(TINYCLAP, centred=False))
    np.testing.assert_allclose(ours, whole, atol=1e-9)


def test_the_integer_front_end_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UsageError, match="no centred frames"):
        build_tables(TINYCLAP)
    assert build_tables(TINYCLAP.plain).window.shape == (1024,)


def test_old_records_are_written_as_before_and_new_ones_come_back() -> None:
    assert (
        "centred" not in FrontendSpec().to_dict() and FrontendSpec.from_dict(FrontendSpec().to_dict()) == FrontendSpec()
    )
    for spec in (TINYCLAP, SSONDO):
        assert FrontendSpec.from_dict(spec.to_dict()) == spec and spec.frontend_id != spec.plain.frontend_id


@pytest.mark.parametrize("change", [{"mel_norm": "area"}, {"power": 2}, {"centred": 1}, {"power_offset": -1.0}])
def test_unknown_conventions_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        dataclasses.replace(FrontendSpec(), **change)
