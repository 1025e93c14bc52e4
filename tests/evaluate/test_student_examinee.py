"""A student in each of its forms: the same ears, the space it says, and windows of other lengths."""

from __future__ import annotations

import numpy as np
import pytest
from cli.command import cli, refused
from evaluate.made_corpus import MadeCorpus, tone
from students.made_student import made_student

torch = pytest.importorskip("torch")

from tinyclap_edge.errors import UsageError  # noqa: E402
from tinyclap_edge.evaluate import student_examinee, texts  # noqa: E402
from tinyclap_edge.evaluate.examinee import open_examinee  # noqa: E402
from tinyclap_edge.evaluate.run import Request, evaluate  # noqa: E402
from tinyclap_edge.evaluate.student_examinee import FeatureExaminee, examine_student  # noqa: E402
from tinyclap_edge.evaluate.zeroshot import unit  # noqa: E402
from tinyclap_edge.frontend.fixed import logmel_q8  # noqa: E402
from tinyclap_edge.students.embed import student_module  # noqa: E402
from tinyclap_edge.students.file import StudentFile, reduce_matrix  # noqa: E402

RATE = 16_000


def student() -> StudentFile:
    return made_student("phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,padding=same", 24, seed=4)


def sounds(seconds: float = 2.572) -> list[np.ndarray]:
    return [tone(kind, 1, seconds, RATE) for kind in range(4)]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text tower of made-up vectors, one a text."""
    made = lambda teacher, items: np.stack([np.random.default_rng(len(t)).normal(size=384) for t in items])  # noqa: E731
    monkeypatch.setattr(texts, "_raw", made)


def test_the_float_form_is_the_torch_network_on_the_integer_front_end() -> None:
    made, clip = student(), sounds()[0]
    spec = made.frontend
    pcm = np.clip(np.round(clip[: spec.window_total_samples] * 32768), -32768, 32767).astype(np.int16)
    x = (logmel_q8(pcm, spec) / 256 + spec.offset_db) / spec.scale_db
    with torch.no_grad():
        wanted = student_module(made)(torch.from_numpy(x).float()[None, None]).numpy()
    assert np.allclose(examine_student(made).embed_clips([clip], None), unit(wanted), atol=1e-5)


def test_the_reduced_form_turns_sounds_and_words_by_one_matrix(words: None) -> None:
    whole, reduced = examine_student(student()), examine_student(student(), "reduced", 6, "prune")
    matrix = reduce_matrix(student(), 6, "prune")
    assert reduced.dim == 6 and reduced.identity != whole.identity
    assert np.allclose(
        reduced.embed_clips(sounds(), None), unit(whole.embed_clips(sounds(), None) @ matrix.T), atol=1e-5
    )
    assert np.allclose(reduced.embed_text(["a", "bc"]), whole.embed_text(["a", "bc"]) @ matrix.T, atol=1e-6)


def test_the_int8_form_stays_near_the_reduced_one_at_its_own_and_at_another_window(monkeypatch) -> None:
    from tinyclap_edge.evaluate import quantized

    monkeypatch.setattr(quantized, "_compiled", lambda graph: None)  # the integer reference: no compiler needed
    reduced, int8 = (examine_student(student(), form, 8) for form in ("reduced", "int8"))
    for window in (None, 1.0):
        cosine = (unit(reduced.embed_clips(sounds(), window)) * unit(int8.embed_clips(sounds(), window))).sum(1)
        assert cosine.min() > 0.97, window


def test_a_shorter_window_costs_less_and_hears_only_its_part() -> None:
    made = examine_student(student())
    short, whole = made.cost(0.5), made.cost(None)
    assert short["frames"] == 24 and whole["frames"] == 128 and short["macs"] < whole["macs"] / 4
    samples = 23 * 320 + 512  # 24 rows
    clip = np.concatenate([tone(0, 1, 0.6, RATE)[:samples], tone(3, 1, 0.6, RATE)[:samples]])
    parts = made.embed_clips([clip[:samples], clip[samples:]], 0.5)
    assert np.allclose(made.embed_clips([clip], 0.5), parts.mean(0), atol=1e-5)


@pytest.mark.parametrize("window", [0.01, 100.0])
def test_a_window_shorter_than_a_row_or_longer_than_a_minute_is_refused(window: float) -> None:
    with pytest.raises(UsageError, match="outside"):
        examine_student(student()).cost(window)


def test_an_export_keeps_to_its_one_window() -> None:
    made = student()
    fixed = FeatureExaminee(
        "x", "int8", "0" * 16, 8, made.frontend, lambda f: lambda x: x, None, lambda f: {}, one_window=True
    )
    assert fixed.frames(None) == fixed.frames(made.frontend.window_seconds) == 128 and not fixed.speaks
    with pytest.raises(UsageError, match="exported"):
        fixed.frames(1.0)


def test_the_drift_table_goes_from_stage_to_stage(words: None, monkeypatch) -> None:
    from tinyclap_edge.evaluate import quantized

    monkeypatch.setattr(quantized, "_compiled", lambda graph: None)
    made = examine_student(student(), "reduced", 8)
    table = evaluate(made, MadeCorpus(per_class=1, seconds=2.6), Request(("drift",)))["tasks"]["drift"]
    steps = {(s["source"], s["target"]): s for s in table["steps"]}
    assert set(steps) == {("float", "reduced to 8"), ("reduced to 8", "int8")}
    assert "24" in table["left out"]["teacher"]  # its teacher has 384
    assert steps["float", "reduced to 8"]["mean"] < 1 and steps["reduced to 8", "int8"]["mean"] > 0.97


def test_a_form_without_an_int8_graph_is_refused_with_the_reason() -> None:
    from dataclasses import replace

    other = replace(student(), arch="mn10")
    with pytest.raises(UsageError, match="int8"):
        examine_student(other, "int8")
    assert student_examinee.LONGEST_S == 60.0


def test_what_is_no_model_is_an_error_in_words() -> None:
    with pytest.raises(UsageError, match="no student, export or teacher"):
        open_examinee("nonsense")
    refused(cli("evaluate", "small", "--data", "nowhere:1"), 2, "nowhere")
    refused(cli("reduce", "small"), 2, "--r")
    refused(cli("reduce", "small", "--r", "8", "--how", "train", "--out", "x.safetensors"), 2, "store")
