"""The loop resumes to the same weights, stops on NaN, and its leaner PhiNet computes the same function."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tinyclap_edge.distill.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from tinyclap_edge.distill.loop import TrainConfig, lean, learning_rate, train  # noqa: E402
from tinyclap_edge.errors import CorruptFile, GateFailed  # noqa: E402
from tinyclap_edge.students.phinet_torch import Student  # noqa: E402

CONFIG = TrainConfig(steps=8, learning_rate=0.05, batch=4, checkpoint_every=4, log_every=4, seed=5)


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2))


def run(net: torch.nn.Module, config: TrainConfig, checkpoint: Path | None, stop_at: int | None = None) -> dict:
    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        if step == stop_at:
            raise KeyboardInterrupt
        x = torch.randn(4, 3, generator=generator)
        return (net(x) - x[:, :2]).pow(2).mean()

    return train(net, loss, config, checkpoint=checkpoint, log=lambda line: None)


def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = run(model(), CONFIG, None)
    with pytest.raises(KeyboardInterrupt):
        run(model(), CONFIG, tmp_path / "run.pt", stop_at=6)
    resumed = run(model(), CONFIG, tmp_path / "run.pt")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    net = model()
    with pytest.raises(GateFailed, match="step 2"):
        train(
            net,
            lambda step, g: net(torch.ones(4, 3)).sum() * (float("nan") if step == 2 else 1.0),
            CONFIG,
            log=lambda line: None,
        )


def test_the_rate_rises_then_falls_to_a_hundredth() -> None:
    config = TrainConfig(steps=100, learning_rate=1.0, warmup=0.1)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(10, config) == pytest.approx(1.0)
    assert learning_rate(99, config) == pytest.approx(0.01, abs=2e-3)


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"x": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CorruptFile):
        load_checkpoint(path)
    assert load_checkpoint(tmp_path / "none.pt") is None


def test_the_lean_student_computes_the_same_function() -> None:
    torch.manual_seed(1)
    student = Student("phinet:alpha=0.334,beta=1,t0=4,N=7,compat=1,padding=same,divisor=4", 16).eval()
    x = torch.randn(2, 1, 32, 64)
    with torch.no_grad():
        before = student(x)
        after = lean(student)(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(before, after, atol=1e-5)
