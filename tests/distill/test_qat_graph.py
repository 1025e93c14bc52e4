"""The trainable twin of the export graph: the same float numbers, the same int8 grid, gradients through both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from students.made_student import made_student

torch = pytest.importorskip("torch")

from tinyclap_export.calibrate import calibrate  # noqa: E402
from tinyclap_export.float_run import run_float  # noqa: E402
from tinyclap_export.graph import Graph, Quant  # noqa: E402
from tinyclap_export.quantize import activation_quant, quantize  # noqa: E402
from tinyclap_export.tflite_reader import read_tflite  # noqa: E402
from tinyclap_export.tflite_writer import write_tflite  # noqa: E402

from tinyclap_edge.bundle.calibration import Calibration  # noqa: E402
from tinyclap_edge.bundle.encoder import make_encoder  # noqa: E402
from tinyclap_edge.distill.fake_quant import FakeActivation, FakeWeight  # noqa: E402
from tinyclap_edge.distill.qat import QatConfig, qat, qat_student, useful_ranges  # noqa: E402
from tinyclap_edge.distill.qat_equalise import equalise_hard_swish, equalise_links  # noqa: E402
from tinyclap_edge.distill.qat_graph import QatGraph  # noqa: E402
from tinyclap_edge.distill.qat_record import KEY, read_record, trained_quantisation  # noqa: E402
from tinyclap_edge.errors import CorruptFile, UsageError  # noqa: E402
from tinyclap_edge.frontend.spec import FrontendSpec  # noqa: E402
from tinyclap_edge.students.file import StudentFile, read_student, write_student  # noqa: E402
from tinyclap_edge.students.to_graph import student_graph  # noqa: E402

SPEC = FrontendSpec(mel_bins=16, frames=24)
ARCHS = {
    "relu6": "phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,padding=same",
    "hard-swish and squeeze-excite": "phinet:alpha=0.2,beta=1,t0=3,N=3,padding=same",
    "published padding and pools": "phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,pool=1",
}


def student(arch: str = ARCHS["hard-swish and squeeze-excite"]) -> StudentFile:
    return made_student(arch, 24, SPEC, seed=4)


def heard(count: int = 24) -> np.ndarray:
    """(count, frames, mels, 1) float32 with slow structure, like log-mels."""
    rng = np.random.default_rng(6)
    slow = rng.normal(size=(count, 6, 4)).repeat(4, axis=1).repeat(4, axis=2)
    return (slow + 0.3 * rng.normal(size=(count, 24, 16)))[..., None].astype(np.float32)


def quants(graph: Graph) -> dict[str, Quant]:
    return {name: t.quant for name, t in graph.tensors.items() if t.quant is not None and t.dtype == "int8"}


@pytest.mark.parametrize("sort", ARCHS)
def test_without_rounding_it_is_the_float_graph(sort: str) -> None:
    graph, x = student_graph(student(ARCHS[sort]), 8), heard(6)
    model = QatGraph(graph, quantize(graph, calibrate(graph, x)))
    with torch.no_grad():
        found = model(torch.from_numpy(x), rounded=False)[0].numpy()
    assert np.allclose(found, run_float(graph, x), rtol=1e-4, atol=1e-4)


def test_an_activation_is_rounded_to_the_codes_of_its_quantisation() -> None:
    quant = activation_quant(-0.7, 2.1)
    x = torch.linspace(-1.5, 3.0, 400)
    found = FakeActivation(quant)(x).detach().numpy()
    codes = np.clip(np.rint(x.numpy() / quant.s) + quant.z, -128, 127)
    assert np.allclose(found, (codes - quant.z) * quant.s, atol=1e-6)


def test_gradients_pass_inside_the_range_and_move_its_end_outside() -> None:
    fake = FakeActivation(Quant(0.1, 0))
    x = torch.tensor([0.52, 40.0], requires_grad=True)
    fake(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1.0, 0.0]
    # d/d log s: 0.1 * (rounding error of 5.2 codes) + 0.1 * the last code
    assert fake.log_scale.grad is not None
    assert float(fake.log_scale.grad) == pytest.approx(0.1 * (5 - 5.2) + 0.1 * 127, abs=1e-4)
    assert fake.zero.grad is not None and float(fake.zero.grad) == pytest.approx(-0.1, abs=1e-6)


def test_a_step_of_a_weight_scale_is_a_gain_of_its_channel() -> None:
    weight = FakeWeight(torch.tensor([[1.0, -0.5], [0.02, 0.01]]), torch.tensor([1 / 127, 0.02 / 127]))
    before = weight().detach()
    with torch.no_grad():
        weight.log_gain += torch.tensor([[np.log(2.0)], [0.0]])
    assert torch.allclose(weight(), before * torch.tensor([[2.0], [1.0]]), atol=1e-6)


def test_what_training_found_reaches_the_tflite_file_one_to_one() -> None:
    graph, x = student_graph(student(), 8), heard()
    result = qat(graph, x, 4)
    assert result.losses[0] != result.losses[-1]
    stored = quants(read_tflite(write_tflite(result.int8)))
    learnt = {n: activation_quant(*result.ranges[n]) for n in result.ranges if n in result.int8.tensors}
    names = [t.name for t in result.int8.activations()]
    read = list(read_tflite(write_tflite(result.int8)).activations())
    assert len(names) == len(read) and stored
    for name, tensor in zip(names, read, strict=True):
        assert tensor.quant is not None
        assert tensor.quant.s == learnt[name].s and tensor.quant.z == learnt[name].z, name
    for op in result.int8.ops:
        if op.name in result.weight_scales:
            scale = result.int8.tensors[op.inputs[1]].quant
            assert scale is not None and np.array_equal(scale.scale, result.weight_scales[op.name]), op.name


def test_training_changes_scales_of_every_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = student_graph(student(), 8), heard()
    even = equalise_hard_swish(equalise_links(graph, x), x)
    wide = {n: (24 * low, 24 * high) for n, (low, high) in useful_ranges(even, calibrate(even, x, "mse")).items()}
    monkeypatch.setattr("tinyclap_edge.distill.qat.useful_ranges", lambda graph, found: wide)  # steps have to mend that
    plain, result = quantize(even, wide), qat(graph, x, 6)
    trained = result.int8
    assert result.end > result.start
    moved = [
        n
        for n, q in quants(trained).items()
        if n in plain.tensors and not np.array_equal(q.scale, quants(plain)[n].scale)
    ]
    fixed = [op.outputs[0] for op in trained.ops if op.kind == "LOGISTIC"]
    assert len(moved) > 0.8 * (len(quants(trained)) - len(fixed))
    assert fixed and not set(fixed) & set(moved)  # TFLite prescribes those


def test_a_hard_swish_spends_no_code_below_minus_three() -> None:
    graph = student_graph(student(), 8)
    name = next(op.inputs[0] for op in graph.ops if op.kind == "HARD_SWISH")
    ranges = useful_ranges(graph, {t.name: (-20.0, 5.0) for t in graph.activations()})
    assert ranges[name] == (-3.0, 5.0) and ranges["embedding"] == (-20.0, 5.0)


def test_bias_correction_takes_the_shift_of_the_embedding_away() -> None:
    graph, x = student_graph(student(), 8), heard()
    model = QatGraph(graph, quantize(graph, calibrate(graph, x)))
    with torch.no_grad():
        for fake in model.fakes.values():
            fake.log_scale += np.log(4.0)  # coarse enough to see
        wanted = model(torch.from_numpy(x), rounded=False)[0].mean(0)
        before = model(torch.from_numpy(x))[0].mean(0)
    model.correct_biases(torch.from_numpy(x))
    with torch.no_grad():
        after = model(torch.from_numpy(x))[0].mean(0)
    assert (after - wanted).norm() < 0.6 * (before - wanted).norm()


def test_a_trained_student_exports_the_graph_that_was_trained(tmp_path) -> None:
    before, x = student(), heard()
    found = qat(before, x, 5, r=8, reduction="rotate")
    after = qat_student(before, x, 5, r=8, reduction="rotate")
    write_student(tmp_path / "s.safetensors", after)
    after = read_student(tmp_path / "s.safetensors")
    folded = student_graph(after, 8, "rotate")
    for name, tensor in found.graph.tensors.items():
        if tensor.data is not None and not name.startswith("stem/depthwise/bias"):
            assert np.allclose(folded.constant(name), tensor.data, rtol=2e-5, atol=2e-6), name
    calibration = Calibration(np.rint((x[..., 0] * 20 - 60) * 256).clip(-25600, 32000).astype(np.int16), x, ())
    encoder = make_encoder(after, 8, "rotate", "minmax", calibration)
    for name, quant in quants(found.int8).items():
        tensor = encoder.graph.tensors[name]
        assert tensor.quant is not None and np.array_equal(tensor.quant.scale, quant.scale), name
        if tensor.data is not None:
            assert np.array_equal(tensor.data, found.int8.tensors[name].data), name


def test_another_r_keeps_the_body_and_calibrates_the_head() -> None:
    trained = qat_student(student(), heard(), 2, r=8)
    ranges, scales = trained_quantisation(trained, student_graph(trained, 4), 4, None)
    assert "block1/depthwise" in scales and "head" not in scales and "embedding" not in ranges
    assert "head" in trained_quantisation(trained, student_graph(trained, 8), 8, None)[1]
    assert trained_quantisation(student(), student_graph(student(), 8), 8, None) == ({}, {})


@pytest.mark.parametrize(
    "damage",
    [
        {"ranges": {"logmel": [float("nan"), 1.0]}},
        {"ranges": {"logmel": [0.5, 1.0]}},
        {"weight_scales": {"head": [-1.0]}},
        {"weight_scales": {"head": "wide"}},
        {"r": None},
    ],
)
def test_a_damaged_record_is_refused(damage: dict) -> None:
    trained = qat_student(student(), heard(8), 1, r=8)
    bad = replace(trained, card={**trained.card, KEY: {**trained.card[KEY], **damage}})
    with pytest.raises(CorruptFile):
        read_record(bad)


def test_absurd_requests_are_refused_in_words() -> None:
    for steps, x in ((0, heard(4)), (10**9, heard(4)), (5, heard(4)[:0])):
        with pytest.raises(UsageError):
            qat(student_graph(student(), 8), x, steps)


def test_steps_that_only_shake_what_stands_are_not_kept() -> None:
    graph, said = student_graph(student(), 8), []
    wild = QatConfig(gain_rate=0.5, weight_rate=30.0, bias_rate=30.0)
    result = qat(graph, heard(), 6, config=wild, log=said.append)
    assert result.end == result.start > 0.9 and said[-1].endswith("what they began with is kept")
    x = heard()
    codes = np.asarray(run_float(graph, x)).reshape(len(x), -1)
    found = QatGraph(result.graph, result.int8)
    with torch.no_grad():
        rounded = found(torch.from_numpy(x))[0].flatten(1).numpy()
    cosine = (rounded * codes).sum(1) / np.linalg.norm(rounded, axis=1) / np.linalg.norm(codes, axis=1)
    assert cosine.mean() == pytest.approx(result.start, abs=5e-3)
