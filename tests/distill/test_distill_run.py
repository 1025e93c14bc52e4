"""A distillation from rows to a student file: what it writes, what it refuses, and what survives an accident."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from made_rows import TINY, made_rows, silent_side  # noqa: E402

from tinyclap_edge.distill.lesson import Run  # noqa: E402
from tinyclap_edge.distill.recipes import Recipe, find_recipe  # noqa: E402
from tinyclap_edge.distill.rows import ArrayRows  # noqa: E402
from tinyclap_edge.distill.run import distill  # noqa: E402
from tinyclap_edge.distill.settings import with_settings  # noqa: E402
from tinyclap_edge.errors import DoesNotFit, GateFailed, UsageError  # noqa: E402
from tinyclap_edge.students.file import read_student  # noqa: E402

SHORT = ("steps=6", "batch=8", "r=8", "checkpoint_every=2", "log_every=3", "learning_rate=0.01")


def recipe(name: str, *settings: str) -> Recipe:
    return with_settings(with_settings(find_recipe(name), SHORT), settings)


def quietly(out: Path, **changes: Any) -> Run:
    return Run(out, TINY, silent_side(), log=lambda line: None, **changes)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("edge", ["crops=2", "consistency=0.5", "mask=0.3", "mixup=0.5", "anchors=16"]),
        ("edge", ["qat_steps=2"]),
        ("tinyclap", ["head_share=0.34"]),
        ("tinyclap", ["precision=bfloat16"]),
        ("ssondo", ["hidden=16", "clusters=4"]),
        ("ssondo", ["hidden=16", "loss=infonce", "sampler=plain"]),
        ("ssondo", ["hidden=16", "loss=kl", "sampler=plain"]),
        ("ssondo", ["hidden=16", "loss=l1", "sampler=plain"]),
        ("ssondo", ["hidden=16", "loss=mse", "sampler=plain", "mixup=0.5"]),
        ("encoder-kd", ["shared=8"]),
        ("encoder-kd", ["shared=8", "loss=mse"]),
    ],
)
def test_every_recipe_writes_a_student_that_reads_back(name: str, settings: list[str], tmp_path: Path) -> None:
    record = distill(recipe(name, *settings), made_rows(60), quietly(tmp_path / "run"))
    student = read_student(tmp_path / "run" / "student.safetensors")
    assert (student.arch, student.dim, student.default_r) == (TINY, 12, 8)
    assert student.card["distilled"]["recipe"]["name"] == name
    assert record["status"] == "done" and 0 <= record["result"]["validation"]["own_first"] <= 1


def test_a_run_learns_what_it_is_shown(tmp_path: Path) -> None:
    losses: list[float] = []
    run = quietly(tmp_path / "run", watch=lambda step: losses.append(step.loss))
    distill(recipe("tinyclap", "steps=40", "checkpoint_every=40", "head_share=0"), made_rows(), run)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_run_json_holds_what_repeats_it_and_the_report_its_curves(tmp_path: Path) -> None:
    rows = made_rows(60)
    distill(recipe("edge", "anchors=8"), rows, quietly(tmp_path / "run", seed=5, command=("distill", "--seed", "5")))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["seed"] == 5 and record["command"] == ["distill", "--seed", "5"]
    assert record["store"]["manifest_sha256"] == rows.source.fingerprint
    assert record["recipe"]["anchors"] == 8 and record["environment"]["torch"] == torch.__version__
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<svg") == 4 and "Loss by step" in page and rows.source.fingerprint in page
    assert list((tmp_path / "run" / "tensorboard").glob("events.*")) or not _has_tensorboard()


def _has_tensorboard() -> bool:
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        return False
    return True


def test_the_last_two_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    distill(recipe("edge"), made_rows(60), quietly(tmp_path / "run"))
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["stage0-00000004.pt", "stage0-00000006.pt", "stage0-best.pt"]


def test_a_folder_with_a_run_is_not_written_over(tmp_path: Path) -> None:
    distill(recipe("edge"), made_rows(60), quietly(tmp_path / "run"))
    with pytest.raises(UsageError, match="holds a run"):
        distill(recipe("edge"), made_rows(60), quietly(tmp_path / "run"))


def test_a_finished_run_resumes_to_the_same_file(tmp_path: Path) -> None:
    distill(recipe("tinyclap"), made_rows(60), quietly(tmp_path / "run"))
    before = (tmp_path / "run" / "student.safetensors").read_bytes()
    distill(recipe("tinyclap"), made_rows(60), quietly(tmp_path / "run", resume=True))
    assert (tmp_path / "run" / "student.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda rows: replace(rows, source=replace(rows.source, identity="1" * 16)), "teacher"),
        (lambda rows: replace(rows, targets=rows.targets[:, :8]), "dimensions"),
        (lambda rows: replace(rows, spec=replace(rows.spec, offset_db=50.0)), "front end"),
        (lambda rows: replace(rows, source=replace(rows.source, fingerprint="cd" * 32)), "store"),
    ],
)
def test_a_checkpoint_of_another_store_is_refused_by_what_differs(change: Any, word: str, tmp_path: Path) -> None:
    rows: ArrayRows = made_rows(60)
    distill(recipe("edge"), rows, quietly(tmp_path / "run"))
    with pytest.raises(UsageError, match=f"with {word} "):
        distill(recipe("edge"), change(rows), quietly(tmp_path / "run", resume=True))


def test_nan_stops_the_run_names_the_clip_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    rows = made_rows(60)
    broken = rows.targets.copy()
    broken[7] = np.nan
    stopped = replace(rows, targets=broken)
    with pytest.raises(GateFailed) as caught:
        distill(recipe("edge", "steps=60", "checkpoint_every=1"), stopped, quietly(tmp_path / "run", seed=3))
    assert "clip-007 (its embedding is not finite)" in caught.value.fact
    kept = list((tmp_path / "run" / "checkpoints").glob("*.pt"))
    assert kept and all(np.isfinite(_weights(path)).all() for path in kept)


def _weights(path: Path) -> np.ndarray:
    state = torch.load(path, weights_only=True)["model"]
    return np.concatenate([value.float().numpy().ravel() for value in state.values()])


def test_a_full_disk_is_one_error_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, []

    def full_from_the_fifth_on(handle: int) -> None:
        calls.append(handle)
        if len(calls) >= 5:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full_from_the_fifth_on)
    with pytest.raises(UsageError, match="No space left on device"):
        distill(recipe("edge"), made_rows(60), quietly(tmp_path / "run"))
    monkeypatch.undo()
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert "stage0-00000002.pt" in names and not any(name.endswith(".tmp") for name in names)
    distill(recipe("edge"), made_rows(60), quietly(tmp_path / "run", resume=True))
    distill(recipe("edge"), made_rows(60), quietly(tmp_path / "whole"))
    assert (tmp_path / "run" / "student.safetensors").read_bytes() == (
        tmp_path / "whole" / "student.safetensors"
    ).read_bytes()


def test_short_memory_halves_what_goes_through_at_once_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyclap_edge.distill.trainee import Trainee

    forward, said = Trainee.forward, []

    def short_of_memory(self: Trainee, x: Any, wanted: Any) -> Any:
        if len(x) > 4:
            raise torch.OutOfMemoryError("made up")
        return forward(self, x, wanted)

    monkeypatch.setattr(Trainee, "forward", short_of_memory)
    run = replace(quietly(tmp_path / "run"), log=said.append)
    distill(recipe("tinyclap", "batch=16"), made_rows(60), run)
    assert sum("memory is short" in line for line in said) == 2  # 16 to 8, 8 to 4, and no further
    assert any("4 clips at once" in line for line in said)
    monkeypatch.setattr(Trainee, "forward", lambda self, x, wanted: forward(self, x[:0], wanted[:0]) if 0 else _none())
    with pytest.raises(DoesNotFit):
        distill(recipe("tinyclap"), made_rows(60), quietly(tmp_path / "other"))


def _none() -> Any:
    raise torch.OutOfMemoryError("made up")


def test_gradients_in_parts_are_those_of_the_whole_batch() -> None:
    """On a student without batch norm, whose statistics are those of a part."""
    from tinyclap_edge.distill.lesson import prepare
    from tinyclap_edge.distill.processes import ALONE

    def gradients(*settings: str) -> list[Any]:
        lesson = prepare(recipe("edge", *settings), made_rows(60), quietly(Path("unused")), ALONE, lambda line: None)
        lesson.task.trainee.eval()  # norms use their running statistics
        lesson.task.backward(0, torch.Generator().manual_seed(0))
        return [p.grad for p in lesson.task.trainee.parameters()]

    for whole, parts in zip(gradients(), gradients("micro_batch=3"), strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


def test_long_clips_are_cropped_anew_for_every_view() -> None:
    from tinyclap_edge.distill.lesson import prepare
    from tinyclap_edge.distill.processes import ALONE

    rows = made_rows(60)
    long = replace(rows, logmel_q8=np.concatenate([rows.logmel_q8, rows.logmel_q8 + 256], 1))
    lesson = prepare(recipe("edge", "crops=2", "distort=no"), long, quietly(Path("unused")), ALONE, lambda line: None)
    x, wanted = lesson.task.batch(0, torch.Generator().manual_seed(1))
    assert x.shape == (2, 4, 32, 16) and wanted.shape == (4, 12)
    assert not torch.equal(x[0], x[1])


def test_distortion_dies_away_over_the_last_share_of_the_steps() -> None:
    from tinyclap_edge.distill.lesson import prepare
    from tinyclap_edge.distill.processes import ALONE

    wanted = recipe("edge", "steps=10", "clean_share=0.5", "fade_out=0.4", "anchors=8")
    task = prepare(wanted, made_rows(60), quietly(Path("unused")), ALONE, lambda line: None).task
    heard_clean = [task.distortion(step).clean_share for step in range(10)]
    assert heard_clean == pytest.approx([0.5] * 6 + [0.625, 0.75, 0.875, 1.0])


def test_a_linear_refit_recovers_a_turned_space() -> None:
    from tinyclap_edge.distill.space import refit_head

    rng = np.random.default_rng(0)
    pooled, head = rng.normal(size=(500, 6)), torch.nn.Linear(6, 4)
    audio = (torch.from_numpy(pooled).float() @ head.weight.T + head.bias).detach().numpy()
    wanted = audio @ rng.normal(size=(4, 5)) + 0.3
    assert refit_head(head, audio, wanted.astype(np.float32), ridge=1e-9) == pytest.approx(1, abs=1e-4)
    again = (torch.from_numpy(pooled).float() @ head.weight.T + head.bias).detach().numpy()
    assert np.allclose(again, wanted, atol=1e-3)


def test_the_last_layer_of_edge_is_refitted_and_held_out_clips_are_nearer(tmp_path: Path) -> None:
    result = distill(recipe("edge", "anchors=8", "steps=20"), made_rows(), quietly(tmp_path / "run"))["result"]
    assert result["refit"]["cosine"] > result["validation"]["cosine"] + 0.01


def test_a_refit_that_leads_away_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scramble(head: torch.nn.Linear, *_: object) -> float:
        with torch.no_grad():
            head.weight.neg_()
        return 1.0

    some = ("edge", "anchors=8", "steps=20")
    plain = distill(recipe(*some, "refit=no"), made_rows(), quietly(tmp_path / "plain"))
    monkeypatch.setattr("tinyclap_edge.distill.run.refit_head", scramble)
    said: list[str] = []
    run = replace(quietly(tmp_path / "scrambled"), log=said.append)
    scrambled = distill(recipe(*some), made_rows(), run)
    assert scrambled["result"]["refit"] == {} and any("taken back" in line for line in said)
    heads = [
        read_student(tmp_path / name / "student.safetensors").tensors["head.weight"] for name in ("plain", "scrambled")
    ]
    assert np.array_equal(*heads) and "refit" not in plain["result"]


def test_embeddings_learnt_through_a_head_want_a_last_layer_that_can_be_refitted(tmp_path: Path) -> None:
    arch = "tinyclap:alpha=0.3,beta=1,t0=3,N=4,wide=40,inner=12"
    run = replace(quietly(tmp_path / "run"), arch=arch, side=replace(silent_side(), speaks=True))
    with pytest.raises(UsageError) as caught:
        distill(recipe("ssondo", "hidden=16"), made_rows(60), run)
    assert "last layer is not linear" in caught.value.fact


def test_one_embedding_for_every_clip_leaves_the_last_layer_as_it_is() -> None:
    from tinyclap_edge.distill.space import refit_head

    head = torch.nn.Linear(6, 4)
    kept = head.weight.clone()
    assert np.isfinite(refit_head(head, np.ones((9, 4), np.float32), np.ones((9, 4), np.float32)))
    assert torch.equal(head.weight, kept)


def test_a_recipe_that_differs_is_told_by_its_settings_alone() -> None:
    from tinyclap_edge.distill.checkpoint import check_claim

    claims = [{"recipe": json.dumps({"name": "edge", "steps": steps, "r": 64})} for steps in (40, 50)]
    with pytest.raises(UsageError) as caught:
        check_claim(*claims, "stage0-00000020.pt")
    assert caught.value.fact == "stage0-00000020.pt was trained with recipe steps=40, this run has steps=50"
