"""Log-mels beside the embeddings, and rows that are segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.plain_teacher import PlainTeacher
from data.small_store import SPEC, everything, run
from data.tiny_corpora import sound

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store import EmbeddingStore
from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.fixed import logmel_q8

pytestmark = pytest.mark.usefixtures("small_shards")


def test_log_mels_may_be_asked_for_later_by_the_same_line(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "at-once", spec=SPEC)
    run(corpus_folder, tmp_path / "later")
    teacher = PlainTeacher()
    assert run(corpus_folder, tmp_path / "later", teacher, spec=SPEC).added == 0 and teacher.seen == []
    assert everything(tmp_path / "later") == everything(tmp_path / "at-once")


def test_segments_are_rows_of_their_own_and_a_clip_is_never_cut_between_shards(
    corpus_folder: Path, tmp_path: Path
) -> None:
    run(corpus_folder, tmp_path / "store", segment_s=0.1, spec=SPEC)
    store = EmbeddingStore.open(tmp_path / "store")
    assert store.ids[:4] == ["dog/00.wav@0", "dog/02.wav@0", "dog/02.wav@0.1", "dog/04.wav@0"]
    assert [row.clip for row in store.rows].count("dog/10.wav") == 3  # 0.30 s
    np.testing.assert_allclose(store.embeddings(store.index_of(["dog/02.wav@0", "dog/02.wav@0.1"]))[:, 3], [0.1, 0.04])
    for shard in store.manifest.shards:
        assert shard.rows >= 4 or shard is store.manifest.shards[-1]
    owners = [{r.clip for r in store.rows[a:b]} for a, b in zip([0, *store._ends], store._ends, strict=False)]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 11
    assert len(store.features(SPEC)) == len(store)
    assert run(corpus_folder, tmp_path / "store", segment_s=0.1).added == 0


def test_log_mels_are_those_of_the_front_end_whether_made_at_once_or_later(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "at-once", spec=SPEC)
    run(corpus_folder, tmp_path / "later")
    now = EmbeddingStore.open(tmp_path / "at-once").features(SPEC)
    later = EmbeddingStore.open(tmp_path / "later").features(SPEC)
    assert (now.frames, now.mels, len(now)) == (4, 8, 11)
    corpus = open_corpus(f"folder:{corpus_folder}")
    for i, clip in enumerate(corpus.clips()):
        audio = corpus.read(clip, 8000)
        pcm = np.rint(audio.astype(np.float64) * 32768).astype(np.int16)
        whole = logmel_q8(np.pad(pcm, (0, -(pcm.size - SPEC.window_total_samples) % SPEC.hop_samples)), SPEC)
        assert now.lengths[i] == len(whole) > 4
        middle = (len(whole) - 4) // 2
        np.testing.assert_array_equal(now.gather(np.array([i]))[0], whole[middle : middle + 4])
        np.testing.assert_array_equal(now.gather(np.array([i]), np.array([1]))[0], whole[1:5])
        assert now.level_db[i] == pytest.approx(10 * np.log10(np.mean(audio**2.0)), abs=1e-3)
    picks = np.array([10, 0, 0, 6])
    np.testing.assert_array_equal(now.gather(picks), later.gather(picks))
    assert now.gather(picks).dtype == np.int16
    folder = f"features-{SPEC.frontend_id}"
    assert {n: d for n, d in everything(tmp_path / "at-once").items() if n.startswith(folder)} == {
        n: d for n, d in everything(tmp_path / "later").items() if n.startswith(folder)
    }
    with pytest.raises(IndexError):
        now.gather(np.array([0]), np.array([100]))


def test_a_clip_shorter_than_a_window_is_filled_with_silence(tmp_path: Path) -> None:
    sound(tmp_path / "sounds" / "a.wav", seconds=0.01, rate=8000)
    run(tmp_path / "sounds", tmp_path / "store", spec=SPEC)
    row = EmbeddingStore.open(tmp_path / "store").features(SPEC).gather(np.array([0]))[0]
    assert (row[-1] == SPEC.floor_q8).all() and (row[0] > SPEC.floor_q8).any()


def test_log_mels_of_a_clip_that_has_gone_are_an_error_that_names_it(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "store")
    (corpus_folder / "rain" / "05.wav").unlink()
    with pytest.raises(UsageError, match=r"no clip rain/05\.wav any more"):
        EmbeddingStore.open(tmp_path / "store").features(SPEC)
