"""A student at r: what is kept, what training makes of it, and the curve that compares the ways."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from evaluate.made_corpus import MadeCorpus
from students.made_student import made_student

torch = pytest.importorskip("torch")

from tinyclap_edge.distill.rows import ArrayRows, Source  # noqa: E402
from tinyclap_edge.errors import UsageError  # noqa: E402
from tinyclap_edge.frontend.spec import FrontendSpec  # noqa: E402
from tinyclap_edge.reduce import curve as curves  # noqa: E402
from tinyclap_edge.reduce.picture import curve_svg  # noqa: E402
from tinyclap_edge.reduce.student import measured_space, reduced_student, with_head  # noqa: E402
from tinyclap_edge.reduce.train import TrainAtR, pooled_maps, train_at_r  # noqa: E402
from tinyclap_edge.students.embed import student_module  # noqa: E402
from tinyclap_edge.students.file import StudentFile, read_student, reduce_matrix, write_student  # noqa: E402

SPEC = FrontendSpec(mel_bins=16, frames=24)


def student() -> StudentFile:
    return made_student("phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,padding=same", 24, SPEC, seed=4)


def rows(count: int = 120, seed: int = 1) -> ArrayRows:
    """A store whose teacher is another student with the same ears."""
    rng = np.random.default_rng(seed)
    slow = rng.normal(size=(count, 6, 4)).repeat(4, axis=1).repeat(4, axis=2)
    logmel = ((slow * 20 - 60) * 256).clip(-25600, 0).astype(np.int16)
    other = made_student("phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,padding=same", 24, SPEC, seed=9)
    x = torch.from_numpy((logmel / 256 + SPEC.offset_db) / SPEC.scale_db).float()[:, None]
    with torch.no_grad():
        targets = student_module(other)(x).numpy()
    source = Source("reference", "0" * 16, "0" * 64)
    return ArrayRows(source, SPEC, [str(i) for i in range(count)], targets, logmel, np.zeros(count, np.float32))


def test_a_reduced_student_says_its_r_and_loses_the_figures_of_another(tmp_path) -> None:
    before = replace(student(), card={"seen": {"accuracy": 0.9}, "float": {"a": 1}})
    after = reduced_student(before, 5, "prune")
    write_student(tmp_path / "r.safetensors", after)
    after = read_student(tmp_path / "r.safetensors")
    assert (after.default_r, after.reduction) == (5, "prune")
    assert "seen" not in after.card and after.card["float"] == {"a": 1}
    kept = np.flatnonzero(reduce_matrix(after, 5).sum(0))
    assert sorted(kept) == sorted(before.order[:5])  # one index set for audio and text
    assert all(np.array_equal(after.tensors[n], before.tensors[n]) for n in before.tensors)


def test_directions_measured_on_a_store_hold_more_of_its_energy() -> None:
    rng = np.random.default_rng(2)
    audio = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 24))
    made = measured_space(student(), audio)
    unit = audio / np.linalg.norm(audio, axis=1, keepdims=True)
    assert np.linalg.norm(unit @ reduce_matrix(made, 3, "rotate").T, axis=1).min() > 0.999
    assert np.linalg.norm(unit @ reduce_matrix(student(), 3, "rotate").T, axis=1).mean() < 0.7


def test_a_new_head_at_r_leaves_the_other_directions_alone() -> None:
    before, matrix = student(), reduce_matrix(student(), 4, "rotate")
    weight = np.random.default_rng(3).normal(size=(4, before.tensors["head.weight"].shape[1]))
    after = with_head(before, matrix, weight, np.arange(4.0))
    assert np.allclose(matrix @ after.tensors["head.weight"], weight, atol=1e-5)
    assert np.allclose(matrix @ after.tensors["head.bias"], np.arange(4.0), atol=1e-5)
    rest = before.rotation[4:]
    assert np.allclose(rest @ after.tensors["head.weight"], rest @ before.tensors["head.weight"], atol=1e-5)


def test_pooled_maps_are_what_the_head_reads() -> None:
    made, store = student(), rows(5)
    x = torch.from_numpy((store.logmel_q8 / 256 + SPEC.offset_db) / SPEC.scale_db).float()[:, None]
    with torch.no_grad():
        whole = student_module(made)(x).numpy()
    head = pooled_maps(made, store) @ made.tensors["head.weight"].T + made.tensors["head.bias"]
    assert np.allclose(head, whole, atol=1e-4)


@pytest.mark.parametrize("whole", [False, True])
def test_training_at_r_comes_nearer_to_the_teacher_than_the_rotation_alone(whole: bool) -> None:
    quick = TrainAtR(steps=120, batch=64, head_rate=0.02, whole_steps=15, whole_batch=32, whole_rate=3e-3)
    made = train_at_r(student(), rows(), 4, whole, quick)
    assert made.after > made.before + 0.1
    assert made.student.default_r == 4 and made.student.card["reduction"]["how"] == "train"
    changed = {n for n, v in made.student.tensors.items() if not np.array_equal(v, student().tensors[n])}
    assert changed == {"head.weight", "head.bias"} or whole


def test_a_store_of_another_space_is_refused() -> None:
    other = replace(rows(10), targets=np.ones((10, 7), np.float32))
    with pytest.raises(UsageError, match="7 entries"):
        train_at_r(student(), other, 4)


def test_a_store_of_another_teacher_or_of_other_weights_of_it_is_refused() -> None:
    with pytest.raises(UsageError, match="the store is of 'reference', made learnt from 'msclap-2022'"):
        train_at_r(replace(student(), teacher="msclap-2022"), rows(10), 4)
    with pytest.raises(UsageError, match=f"made learnt from reference {'1' * 16}"):
        train_at_r(replace(student(), teacher_identity="1" * 16), rows(10), 4)


@pytest.mark.parametrize(("r", "how"), [(0, "rotate"), (25, "rotate"), (4, "fold")])
def test_an_impossible_reduction_is_refused(r: int, how: str) -> None:
    with pytest.raises(UsageError):
        reduced_student(student(), r, how)


def test_the_curve_has_every_way_and_the_whole_space_loses_nothing(monkeypatch) -> None:
    from evaluate.made_corpus import MadeModel

    class Turned(MadeModel):
        """Knows the tones in a space of 24 dimensions, turned at random."""

        turn = np.linalg.qr(np.random.default_rng(8).normal(size=(24, 24)))[0][:8]

        def embed_clips(self, clips, window_s):
            return super().embed_clips(clips, window_s) @ self.turn

        def embed_text(self, texts):
            return super().embed_text(texts) @ self.turn

    monkeypatch.setattr(curves, "examine_student", lambda *_: Turned(dim=24))
    clips = Turned().embed_clips([MadeCorpus().read(c, 1600) for c in MadeCorpus().clips()], None)
    found = curves.reduction_curve(measured_space(student(), clips), MadeCorpus(), (1, 4, 24), lambda s, r: s)
    first, middle, last = found["rows"]
    assert last["rotate"]["value"] == last["prune"]["value"] == last["random"]["value"] == 1.0
    assert middle["rotate"]["value"] == middle["train"]["value"] == 1.0 > first["random"]["value"]
    assert first["rotate"]["value"] < 1.0
    with pytest.raises(UsageError):
        curves.reduction_curve(student(), MadeCorpus(), (4, 99))
    page = curves.curve_markdown(found)
    assert "| r | rotate | prune | train | random |" in page and "| 24 | 100.0 % |" in page
    picture = ElementTree.fromstring(curve_svg(found))
    lines = [e for e in picture.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 4 and all(len(e.attrib["points"].split()) == 3 for e in lines)
