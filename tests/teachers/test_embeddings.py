"""embeddings:DIR: one .npz a clip, as S-SONDO keeps them, looked up by clip id."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.teachers.registry import open_teacher


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "window_length_10s" / "embed"
    rng = np.random.default_rng(1)
    for split, names in {"train": ("a", "b"), "eval": ("c", "b")}.items():
        (root / split).mkdir(parents=True)
        for name in names:
            value = rng.normal(size=6).astype(np.float32)
            np.savez(root / split / f"{name}.npz", embed=value, logits=np.zeros(3))
    (root / "train_conf.yml").write_text("x: 1\n")
    return root


def test_clips_are_found_by_path_or_by_name(folder):
    teacher = open_teacher(f"embeddings:{folder}")
    assert teacher.card.kind == "embeddings" and teacher.card.dim == 6
    assert teacher.ids == ["eval/b", "eval/c", "train/a", "train/b"]
    found = teacher.embeddings(["train/b", "a", "eval/b"])
    assert found.dtype == np.float32
    for row, path in zip(found, ("train/b", "train/a", "eval/b"), strict=True):
        assert np.array_equal(row, np.load(folder / f"{path}.npz")["embed"])


def test_several_rows_of_a_clip_stand_for_their_mean(folder):
    value = np.arange(12, dtype=np.float64).reshape(2, 6)
    np.savez(folder / "train" / "d.npz", embed=value)
    assert np.array_equal(open_teacher(f"embeddings:{folder}").embeddings(["d"])[0], value.mean(0))


def test_ids_that_are_absent_or_ambiguous_are_named(folder):
    teacher = open_teacher(f"embeddings:{folder}")
    with pytest.raises(UsageError, match="no embeddings of the clip 'z'") as caught:
        teacher.embeddings(["a", "z"])
    assert "eval/b" in caught.value.hint
    with pytest.raises(UsageError, match="2 embeddings of the clip 'b'"):
        teacher.embeddings(["b"])


def test_there_is_nothing_to_run(folder):
    teacher = open_teacher(f"embeddings:{folder}")
    for call in (lambda: teacher.embed_audio([np.zeros(9, np.float32)]), lambda: teacher.embed_text(["dog"])):
        with pytest.raises(UsageError, match="holds embeddings"):
            call()


def test_the_identity_follows_names_and_contents(folder):
    first = open_teacher(f"embeddings:{folder}").identity
    assert open_teacher(f"embeddings:{folder}").identity == first and len(first) == 16
    np.savez(folder / "train" / "a.npz", embed=np.ones(6, np.float32), logits=np.zeros(3))
    second = open_teacher(f"embeddings:{folder}").identity
    (folder / "train" / "a.npz").rename(folder / "train" / "aa.npz")
    assert len({first, second, open_teacher(f"embeddings:{folder}").identity}) == 3


def test_bad_files_are_named_and_no_pickle_is_loaded(folder):
    class Evil:
        def __reduce__(self):
            return (folder / "ran").touch, ()

    whole = (folder / "train" / "b.npz").read_bytes()
    bad = folder / "train" / "bad.npz"
    for write, says in (
        (lambda: np.savez(bad, logits=np.zeros(6)), "no array 'embed'"),
        (lambda: np.savez(bad, embed=np.array([1.0, np.nan, 0, 0, 0, 0])), "NaN"),
        (lambda: np.savez(bad, embed=np.zeros(5)), "5 entries"),
        (lambda: np.savez(bad, embed=np.zeros(6, np.int64)), "int64"),
        (lambda: np.savez(bad, embed=np.array([{"a": 1}], dtype=object)), "not a readable embedding"),
        (lambda: bad.write_bytes(whole[:100]), "not a readable embedding"),
        (lambda: bad.write_bytes(pickle.dumps(Evil())), "not a readable embedding"),
        (lambda: bad.write_bytes(b""), "not a readable embedding"),
    ):
        bad.unlink(missing_ok=True)
        write()
        with pytest.raises(CorruptFile, match=says) as caught:
            open_teacher(f"embeddings:{folder}").embeddings(["bad"])
        assert "bad.npz" in caught.value.fact
    assert not (folder / "ran").exists()


def test_a_folder_without_embeddings_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        open_teacher(f"embeddings:{tmp_path / 'absent'}")
    with pytest.raises(UsageError, match="neither"):
        open_teacher(f"embeddings:{tmp_path}")


def test_a_store_of_ours_is_such_a_teacher_too(tmp_path):
    pytest.importorskip("torch")
    from tinyclap_edge.data.corpora import open_corpus
    from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus

    reference = open_teacher("reference")
    corpus = open_corpus("sounds:3:7")
    embed_corpus(EmbedRequest(reference, corpus, tmp_path / "store", workers=0))
    held = open_teacher(f"embeddings:{tmp_path / 'store'}")
    assert held.card.dim == 384 and held.identity == reference.identity and len(held.ids) == 3
    clip = next(c for c in corpus.clips(None) if c.id == held.ids[2])
    wanted = reference.embed_audio([corpus.read(clip, 16000)])[0]
    assert np.abs(held.embeddings([held.ids[2]])[0] - wanted).max() < 1e-3  # a store may keep half precision
    with pytest.raises(UsageError, match="no embedding of the clip 'z'"):
        held.embeddings(["z"])
