"""The embedding store: what it holds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.plain_teacher import PlainTeacher
from data.small_store import SPEC, everything, run
from data.tiny_corpora import sound

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store import EmbeddingStore, StoredTeacher, embed
from tinyclap_edge.data.store.verify import verify_store
from tinyclap_edge.errors import CorruptFile, UsageError

pytestmark = pytest.mark.usefixtures("small_shards")


def test_a_row_is_a_clip_with_its_embedding_and_labels(corpus_folder: Path, tmp_path: Path) -> None:
    done = run(corpus_folder, tmp_path / "store", batch=3)
    assert (done.rows, done.added, done.missing, done.broken) == (11, 11, (), {})
    store = EmbeddingStore.open(tmp_path / "store")
    assert len(store) == 11 and [s.rows for s in store.manifest.shards] == [4, 4, 3]
    assert store.teacher == StoredTeacher("plain", "0123456789abcdef", 4)
    corpus = open_corpus(f"folder:{corpus_folder}")
    clips = corpus.clips()
    assert store.ids == [clip.id for clip in clips] and store.rows[0].labels == ("dog",)
    wanted = PlainTeacher().embed_audio([corpus.read(clip, 8000) for clip in clips])
    np.testing.assert_array_equal(store.embeddings(np.arange(11)), wanted)
    picks = np.array([10, 0, 7, 7, 3])
    np.testing.assert_array_equal(store.embeddings(picks), wanted[picks])
    np.testing.assert_array_equal(store.index_of(["rain/01.wav", "dog/00.wav"]), [6, 0])
    with pytest.raises(IndexError):
        store.embeddings(np.array([11]))


def test_a_second_run_embeds_nothing_and_changes_no_byte(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "store", spec=SPEC)
    before, teacher = everything(tmp_path / "store"), PlainTeacher()
    done = run(corpus_folder, tmp_path / "store", teacher, spec=SPEC)
    assert (done.rows, done.added, done.finished, teacher.seen) == (11, 0, 11, [])
    assert everything(tmp_path / "store") == before


def test_new_files_are_appended_and_old_shards_stay(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "store")
    before = everything(tmp_path / "store")
    sound(corpus_folder / "dog" / "000.wav")  # sorts first
    assert run(corpus_folder, tmp_path / "store").added == 1
    after = everything(tmp_path / "store")
    assert all(after[name] == data for name, data in before.items() if name != "manifest.json")
    assert EmbeddingStore.open(tmp_path / "store").ids[-1] == "dog/000.wav"


def test_a_store_of_another_teacher_is_refused_by_name(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "store")
    with pytest.raises(CorruptFile, match=r"holds embeddings of plain \(0123.*not other"):
        run(corpus_folder, tmp_path / "store", PlainTeacher("other"))
    with pytest.raises(CorruptFile, match="other weights of plain"):
        run(corpus_folder, tmp_path / "store", PlainTeacher(identity="fedcba9876543210"))
    with pytest.raises(CorruptFile, match="other weights of plain"):
        EmbeddingStore.open(tmp_path / "store", StoredTeacher("plain", "fedcba9876543210", 4))


def test_a_missing_or_cut_off_shard_is_refused_by_name(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, store := tmp_path / "store")
    lost = store / "shard-00001" / "embeddings.npy"
    data = lost.read_bytes()
    lost.write_bytes(data[:-8])
    with pytest.raises(CorruptFile, match=r"shard-00001/embeddings\.npy has 184 bytes instead of 192"):
        EmbeddingStore.open(store)
    lost.unlink()
    with pytest.raises(CorruptFile, match=r"shard-00001/embeddings\.npy is missing"):
        EmbeddingStore.open(store)
    with pytest.raises(CorruptFile, match=r"shard-00001/embeddings\.npy is missing"):
        run(corpus_folder, store)


def test_verify_names_every_damaged_file_and_what_is_in_no_manifest(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, store := tmp_path / "store", spec=SPEC)
    assert verify_store(store).damaged == []
    folder = f"features-{SPEC.frontend_id}"
    for name in ("shard-00000/embeddings.npy", "shard-00002/rows.json", f"{folder}/shard-00001/logmel.npy"):
        data = bytearray((store / name).read_bytes())
        data[-3] ^= 1
        (store / name).write_bytes(data)
    (store / folder / "shard-00000" / "level_db.npy").unlink()
    (store / "shard-00009").mkdir()
    found = verify_store(store)
    assert dict(found.damaged) == {
        "shard-00000/embeddings.npy": "has other bytes than were written",
        "shard-00002/rows.json": "has other bytes than were written",
        f"{folder}/shard-00000/level_db.npy": "is missing",
        f"{folder}/shard-00001/logmel.npy": "has other bytes than were written",
    }
    assert found.unlisted == ["shard-00009"]
    with pytest.raises(CorruptFile, match="4 of 15 files are damaged: shard-00000/embeddings.npy"):
        found.require_sound(store)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.replace(b'"plain"', b'"other"'), "was changed"),
        (lambda d: d[: len(d) // 2], "is damaged"),
        (lambda d: d.replace(b"tinyclap-store/1", b"tinyclap-store/9"), "not of the form"),
        (lambda d: b"[" * 100_000, "is damaged"),
        (lambda d: b"[]", "not of the form"),
    ],
)
def test_a_damaged_manifest_is_refused(change, words: str, corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, store := tmp_path / "store")
    path = store / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptFile, match=words):
        EmbeddingStore.open(store)


def test_broken_clips_are_named_in_the_store_and_tried_again(corpus_folder: Path, tmp_path: Path) -> None:
    bad, good = corpus_folder / "dog" / "04.wav", (corpus_folder / "dog" / "04.wav").read_bytes()
    bad.write_bytes(good[:300])
    done = run(corpus_folder, store := tmp_path / "store")
    assert done.rows == 10 and list(done.broken) == ["dog/04.wav"] and "cut off" in done.broken["dog/04.wav"]
    assert EmbeddingStore.open(store).manifest.sources[0].broken == done.broken
    before = everything(store)
    assert run(corpus_folder, store).broken == done.broken and everything(store) == before
    bad.write_bytes(good)
    done = run(corpus_folder, store)
    assert (done.added, done.broken) == (1, {})


def test_a_corpus_that_is_broken_throughout_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(CorruptFile, match="no clip .* could be embedded"):
        run(tmp_path / "sounds", tmp_path / "store")


def test_one_store_may_hold_several_corpora(corpus_folder: Path, tmp_path: Path) -> None:
    sound(tmp_path / "more" / "a.wav")
    run(corpus_folder, tmp_path / "store")
    run(tmp_path / "more", tmp_path / "store")
    store = EmbeddingStore.open(tmp_path / "store")
    assert len(store) == 12 and [s.source.corpus for s in store.manifest.sources] == [
        f"folder:{corpus_folder}", f"folder:{tmp_path / 'more'}",
    ]  # fmt: skip
    assert len(store.features(SPEC)) == 12


def test_a_teacher_that_gives_nan_is_stopped_with_the_clip_named(corpus_folder: Path, tmp_path: Path) -> None:
    class Sick(PlainTeacher):
        def embed_audio(self, clips):
            out = super().embed_audio(clips)
            out[np.array([x.size for x in clips]) > 1900] = np.nan  # 0.24 s on
            return out

    with pytest.raises(CorruptFile, match=r"NaN for dog/08\.wav"):
        run(corpus_folder, tmp_path / "store", Sick())
    assert (
        EmbeddingStore.open(tmp_path / "store").ids == [f"dog/{i:02}.wav" for i in (0, 2, 4, 6)]
        or not (tmp_path / "store" / "manifest.json").exists()
    )


def test_a_shard_grows_with_the_store_so_that_a_large_one_has_few(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(embed, "SHARD_ROWS", (2, 8))
    monkeypatch.setattr(embed, "SHARD_SHARE", 4)
    for i in range(30):
        sound(tmp_path / "sounds" / f"{i:02}.wav", seconds=0.02, rate=8000)
    run(tmp_path / "sounds", tmp_path / "store")
    sizes = [s.rows for s in EmbeddingStore.open(tmp_path / "store").manifest.shards]
    assert sizes == [2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 3]


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no embedding store"):
        EmbeddingStore.open(tmp_path)
