"""A published tinyCLAP checkpoint becomes a student file: same output, fewer parameters, and a loss that is stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from students.rule_weights import fixture, rule_input, rule_state, same_figures

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.students import tinyclap_fold
from tinyclap_edge.students.embed import embed_logmel, student_module
from tinyclap_edge.students.file import StudentFile, read_student, write_student
from tinyclap_edge.students.import_checkpoint import import_checkpoint
from tinyclap_edge.students.registry import student_cost
from tinyclap_edge.students.tinyclap_config import parse_tinyclap
from tinyclap_edge.students.tinyclap_reduce import reduce_imported

torch = pytest.importorskip("torch")
FIGURES = fixture("tinyclap")
RELEASED, SMALL = FIGURES["configurations"]


def write_checkpoint(path: Path, figures: dict, change: dict | None = None) -> Path:
    state = {k: torch.from_numpy(v).float() for k, v in rule_state(figures["keys"]).items()}
    state |= {k: torch.tensor(7) for k, _ in figures["keys"] if k.endswith("num_batches_tracked")}
    assert len(rule_state(figures["keys"])) == figures["n_tensors_filled"]
    for key, value in (change or {}).items():
        state.pop(key) if value is None else state.update({key: value})
    torch.save(state, path)
    return path


@pytest.fixture(scope="module", autouse=True)
def few_sounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tinyclap_fold, "SOUNDS", 4)
        patch.setattr(tinyclap_fold, "HELD_OUT", 1)
        patch.setattr(tinyclap_fold, "CLIP_S", 1.5)
        yield


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("hub") / "some.ckpt", RELEASED)


@pytest.fixture(scope="module")
def imported(checkpoint: Path) -> StudentFile:
    return import_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> StudentFile:
    return import_checkpoint(write_checkpoint(tmp_path_factory.mktemp("hub") / f"{SMALL['name']}.ckpt", SMALL))


def test_the_published_network_has_the_published_size_and_output() -> None:
    assert student_cost(RELEASED["name"], (1, 640, 64)).params == 4_434_547
    assert student_cost(SMALL["name"], (1, 640, 64)).params == SMALL["parameters"]["total"]
    from tinyclap_edge.students.registry import build_student

    names = {"base.bn0.": "norm.", "base.pn_block.": "head.pn_block.", "base._layers.": "body._layers.",
             "projection.": "head."}  # fmt: skip
    module = build_student(RELEASED["name"], 1024).double().eval()
    state = {}
    for key, value in rule_state(RELEASED["keys"]).items():
        theirs = next(n for n in names if key.startswith(n))
        state[names[theirs] + key.removeprefix(theirs)] = torch.from_numpy(value)
    assert not module.load_state_dict(state, strict=False).unexpected_keys
    with torch.no_grad():
        for figures in RELEASED["fingerprints"]:
            found = module(torch.from_numpy(rule_input(figures["input_shape"])))
            same_figures(found.numpy(), figures["embedding"], 1e-8)


def test_an_imported_student_has_half_the_parameters_and_the_published_output(imported: StudentFile) -> None:
    cost = student_cost(imported.arch, (1, 640, 64), imported.dim)
    assert cost.params == 2_041_459 == RELEASED["fold_parameter_effect"]["total_after_fold"]
    assert imported.arch == "tinyclap:alpha=1.5,beta=0.75,t0=6,N=7,head=folded"  # from the shapes alone
    assert (imported.teacher, imported.frontend.sample_rate_hz, imported.frontend.hop_samples) == (
        "msclap-2022", 44100, 320,
    )  # fmt: skip
    for figures in RELEASED["fingerprints"]:
        found = embed_logmel(imported, rule_input(figures["input_shape"])[:, 0].astype(np.float32))
        same_figures(found, figures["embedding"], 1e-5)
        matrix = imported.tensors["head.linear1.weight"].astype(np.float64)
        assert matrix.ravel()[:4] == pytest.approx(figures["folded_matrix"]["first4"], rel=1e-6)


def test_the_last_block_computes_only_what_the_head_reads(imported: StudentFile) -> None:
    """Both savings are those counted from the published code, and a whole map would differ."""
    whole, folded = (
        student_cost(RELEASED["name"], (1, 640, 64)),
        student_cost(imported.arch, (1, 640, 64)),
    )
    saved = FIGURES["macs_saved_at_640_frames"]
    body = saved["last_block"] + saved["pn_block_and_linear1"]
    assert whole.macs - folded.macs == body
    module, figures = student_module(imported), RELEASED["fingerprints"][0]
    with torch.no_grad():
        x = torch.from_numpy(rule_input(figures["input_shape"])).float()
        assert module.map(x).shape == (1, 288, 10, 1)
        same_figures(module.pooled(x).numpy(), figures["pooled"], 1e-5)


def test_every_length_gives_the_same_before_and_after_folding(small: StudentFile, tmp_path: Path) -> None:
    from tinyclap_edge.students.import_checkpoint import LAYOUTS, _read, _renamed
    from tinyclap_edge.students.registry import build_student

    path = write_checkpoint(tmp_path / "x.ckpt", SMALL)
    published = build_student(SMALL["name"], 1024).eval()
    ours = _renamed(_read(path)[0], LAYOUTS[0])
    published.load_state_dict({k: torch.from_numpy(v) for k, v in ours.items()}, strict=False)
    rng = np.random.default_rng(0)
    for frames in (33, 64, 100, 129, 250):
        x = rng.normal(-30, 20, (2, frames, 64)).astype(np.float32)
        with torch.no_grad():
            wanted = published(torch.from_numpy(x)[:, None]).numpy()
        np.testing.assert_allclose(embed_logmel(small, x), wanted, atol=1e-5)


@pytest.mark.parametrize("n", [8, 9])
def test_a_last_block_with_a_skip_is_folded_too(n: int) -> None:
    """Beyond seven blocks the last one has stride 1 and a residual: its skip is read at even positions as well."""
    from tinyclap_edge.students.registry import build_student
    from tinyclap_edge.students.tinyclap_head import fold_head

    arch = f"tinyclap:alpha=0.3,beta=1,t0=3,N={n},wide=40,inner=24"
    torch.manual_seed(n)
    published = build_student(arch, 24).double().eval()
    folded = build_student(arch + ",head=folded", 24).double().eval()
    state = {k: v.numpy() for k, v in published.state_dict().items() if not k.endswith("tracked")}
    folded.load_state_dict({k: torch.from_numpy(v) for k, v in fold_head(state).items()}, strict=False)
    for frames in (60, 75, 127):
        x = torch.randn(2, 1, frames, 64).double()
        with torch.no_grad():
            np.testing.assert_allclose(folded(x).numpy(), published(x).numpy(), atol=1e-5)


@pytest.mark.parametrize("reduction", ["rotate", "prune"])
@pytest.mark.parametrize("r", [256, 40, 500])
def test_a_reduced_student_gives_the_kept_entries(small: StudentFile, reduction: str, r: int, tmp_path: Path) -> None:
    """With LayerNorm's deviation of this very clip instead of the constant, the reduction is exact."""
    from dataclasses import replace

    figures = SMALL["fingerprints"][2]
    x = rule_input(figures["input_shape"])[:, 0].astype(np.float32)
    with torch.no_grad():
        sample = student_module(small).pooled(torch.from_numpy(x)[:, None]).numpy()
    only = replace(small, samples=sample)
    reduced = reduce_imported(only, r, reduction)
    whole = embed_logmel(small, x)
    matrix = reduced.text_projection  # the imported student's own is the identity
    assert reduced.dim == r == matrix.shape[0] and np.allclose(matrix @ matrix.T, np.eye(r), atol=1e-5)
    np.testing.assert_allclose(embed_logmel(reduced, x), whole @ matrix.T, atol=3e-5)
    write_student(tmp_path / "r.safetensors", reduced)
    assert read_student(tmp_path / "r.safetensors").arch == reduced.arch


@pytest.mark.parametrize("reduction", ["rotate", "prune"])
def test_at_256_entries_an_imported_student_has_at_most_1_3_million_parameters(
    imported: StudentFile, reduction: str
) -> None:
    reduced = reduce_imported(imported, 256, reduction)
    assert student_cost(reduced.arch, (1, 640, 64), 256).params == 1_253_491 <= 1_300_000
    loss = reduced.card["imported"]["loss"]
    assert 0.99 < loss["layer_norm_cosine_least"] <= loss["layer_norm_cosine"] <= 1.0000001
    assert (loss["r"], loss["reduction"]) == (256, reduction)
    assert loss["space_cosine"] > (0.9 if reduction == "rotate" else 0.4)


def test_the_stated_loss_is_that_of_the_networks(small: StudentFile) -> None:
    reduced = reduce_imported(small, 64, "rotate")
    rng = np.random.default_rng(1)
    x = rng.normal(-30, 15, (6, 128, 64)).astype(np.float32)
    whole, found = embed_logmel(small, x), embed_logmel(reduced, x)
    exact = whole @ reduced.text_projection.T
    cosines = (exact * found).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(found, axis=1)
    assert cosines.min() > 0.999
    with torch.no_grad():  # the samples that the file carries are those of its own, turned network
        mels = tinyclap_fold.calibration_mels(small.frontend)
        pooled = student_module(reduced).pooled(torch.from_numpy(mels)[:, None]).numpy()
    np.testing.assert_allclose(reduced.samples[:: len(reduced.samples) // 4], pooled, atol=1e-4)
    fold, loss = small.card["imported"]["fold"], reduced.card["imported"]["loss"]
    assert loss["samples"] == len(small.samples) - fold["samples_used"] > 0  # measured on sounds that it has not seen


def test_names_in_shapes_and_files_tell_the_same_configuration(small: StudentFile) -> None:
    assert parse_tinyclap(small.arch).alpha == 0.5 and parse_tinyclap(small.arch).t0 == 4
    assert parse_tinyclap(SMALL["name"]).arch() == "tinyclap:alpha=0.5,beta=1,t0=4,N=7"


def test_missing_tensors_are_named_as_published(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "cut.ckpt", SMALL, {"projection.layer_norm.bias": None})
    with pytest.raises(CorruptFile, match=r"lacks projection\.layer_norm\.bias"):
        import_checkpoint(path)
    path = write_checkpoint(tmp_path / "cut.ckpt", SMALL, {"base._layers.9._layers.4.weight": None})
    with pytest.raises(CorruptFile, match=r"lacks base\._layers\.9\._layers\.4\.weight"):
        import_checkpoint(path)
    path = write_checkpoint(tmp_path / "cut.ckpt", SMALL, {"base.pn_block.weight": None, "base.bn0.bias": None})
    with pytest.raises(CorruptFile, match=r"base\.bn0\.bias"):
        import_checkpoint(path)


def test_a_wrong_shape_or_nan_is_named(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "x.ckpt", SMALL, {"projection.linear1.weight": torch.zeros(1024, 5)})
    with pytest.raises(CorruptFile, match=r"projection\.linear1\.weight has shape"):
        import_checkpoint(path)
    path = write_checkpoint(tmp_path / "x.ckpt", SMALL, {"base.bn0.weight": torch.full((64,), float("nan"))})
    with pytest.raises(CorruptFile, match=r"base\.bn0\.weight holds NaN"):
        import_checkpoint(path)
    with pytest.raises(CorruptFile, match=r"needs \(72, 1, 1, 1\)"):
        import_checkpoint(write_checkpoint(tmp_path / "y.ckpt", SMALL), name=RELEASED["name"])


class Runs:
    """A pickle that writes a file when it is opened carelessly."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (eval, (f"open({self.path!r}, 'w').close()",))


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"base.bn0.weight": Runs(str(tmp_path / "ran"))}, tmp_path / "evil.ckpt")
    with pytest.raises(CorruptFile):
        import_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, checkpoint: Path, share: float) -> None:
    whole = checkpoint.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CorruptFile):
        import_checkpoint(tmp_path / "cut.ckpt")


def test_what_is_no_student_is_said(tmp_path: Path) -> None:
    torch.save({"base.conv_block1.conv1.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "Cnn14.ckpt")
    with pytest.raises(CorruptFile, match="a teacher's encoder"):
        import_checkpoint(tmp_path / "Cnn14.ckpt")
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.ckpt")
    with pytest.raises(CorruptFile, match="no student checkpoint of a known layout"):
        import_checkpoint(tmp_path / "other.ckpt")
    with pytest.raises(UsageError, match="there is no checkpoint"):
        import_checkpoint(tmp_path / "none.ckpt")


def test_an_impossible_r_is_refused(imported: StudentFile) -> None:
    assert reduce_imported(imported, 1024) is imported
    for r in (0, 1025):
        with pytest.raises(UsageError, match="outside"):
            reduce_imported(imported, r)
    with pytest.raises(UsageError, match="rotated head"):
        reduce_imported(reduce_imported(imported, 16), 8)
