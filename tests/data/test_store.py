"""The embedding store: what it holds, what it survives, what it refuses."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from data.plain_teacher import PlainTeacher
from data.tiny_corpora import sound

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store import EmbeddingStore, StoredTeacher, disk, embed, features
from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus, parts_of
from tinyclap_edge.data.store.merge import merge_stores
from tinyclap_edge.data.store.verify import verify_store
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec

SPEC = FrontendSpec(
    sample_rate_hz=8000, n_fft=256, window_samples=256, hop_samples=128, mel_bins=8, f_max_hz=4000.0, frames=4
)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four rows, the front end without a compiler, and no waiting for the disk (a kill loses no page)."""
    monkeypatch.setattr(embed, "SHARD_ROWS", (4, 8))
    monkeypatch.setattr(disk.os, "fsync", lambda handle: None)
    monkeypatch.setattr(features, "_front_end", lambda spec: partial(logmel_q8, spec=spec))


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """Eleven sounds of 0.10 to 0.30 s."""
    for i in range(11):
        sound(tmp_path / "sounds" / ("dog", "rain")[i % 2] / f"{i:02}.wav", seconds=0.1 + 0.02 * i, hz=200 + 50 * i)
    return tmp_path / "sounds"


def run(folder: Path, out: Path, teacher: PlainTeacher | None = None, **options):
    return embed_corpus(EmbedRequest(teacher or PlainTeacher(), open_corpus(f"folder:{folder}"), out, **options))


def everything(store: Path) -> dict[str, bytes]:
    """Every file but the lock."""
    files = (p for p in store.rglob("*") if p.is_file() and p.name != ".lock")
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in sorted(files)}


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


def test_log_mels_may_be_asked_for_later_by_the_same_line(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "at-once", spec=SPEC)
    run(corpus_folder, tmp_path / "later")
    teacher = PlainTeacher()
    assert run(corpus_folder, tmp_path / "later", teacher, spec=SPEC).added == 0 and teacher.seen == []
    assert everything(tmp_path / "later") == everything(tmp_path / "at-once")


def test_new_files_are_appended_and_old_shards_stay(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "store")
    before = everything(tmp_path / "store")
    sound(corpus_folder / "dog" / "000.wav")  # sorts first
    assert run(corpus_folder, tmp_path / "store").added == 1
    after = everything(tmp_path / "store")
    assert all(after[name] == data for name, data in before.items() if name != "manifest.json")
    assert EmbeddingStore.open(tmp_path / "store").ids[-1] == "dog/000.wav"


def killed(work: Callable[[], object], at: int) -> bool:
    """Whether `work`, in a process of its own, met its `at`-th event of writing, where it is killed by SIGKILL.

    Events: half of a file is written; a file is; a rename is about to happen; a rename has happened.
    """
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    count = 0

    def event() -> None:
        nonlocal count
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def put(file, data: bytes) -> None:
        file.write(data[: len(data) // 2])
        file.flush()
        event()
        file.write(data[len(data) // 2 :])
        file.flush()
        event()

    def replace(source, target) -> None:
        event()
        rename(source, target)
        event()

    try:
        rename = os.rename
        disk._put, disk.os.replace = put, replace  # type: ignore[assignment]
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_at_any_point_and_started_again_gives_the_bytes_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "SHARD_ROWS", (2, 2))
    for i in range(5):
        sound(tmp_path / "sounds" / f"{i}.wav", seconds=0.08, rate=8000, hz=300 + i)
    run(tmp_path / "sounds", tmp_path / "whole", spec=SPEC)
    wanted = everything(tmp_path / "whole")
    at = 0
    while killed(partial(run, tmp_path / "sounds", store := tmp_path / f"killed-{at}", spec=SPEC), at):
        teacher = PlainTeacher()
        done = run(tmp_path / "sounds", store, teacher, spec=SPEC)
        assert done.rows == 5 and sum(teacher.seen) == done.added
        assert everything(store) == wanted, f"killed at event {at}"
        at += 1
    assert at > 50


def test_a_finished_shard_that_a_kill_kept_out_of_the_manifest_is_not_embedded_again(
    corpus_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    run(corpus_folder, store)
    whole = (store / "manifest.json").read_bytes()
    record = EmbeddingStore.open(store).manifest
    record.shards.pop()
    record.write(store)
    assert (store / "manifest.json").read_bytes() != whole
    teacher = PlainTeacher()
    assert run(corpus_folder, store, teacher).rows == 11 and teacher.seen == []
    assert (store / "manifest.json").read_bytes() == whole


def test_a_full_disk_is_one_error_loses_nothing_and_the_run_goes_on_later(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(corpus_folder, tmp_path / "whole", spec=SPEC)
    wanted = everything(tmp_path / "whole")
    put = disk._put
    for last in range(0, 24, 3):
        written = 0

        def full(file, data: bytes, last: int = last) -> None:
            nonlocal written
            written += 1
            if written > last:
                file.write(data[: len(data) // 3])
                raise OSError(errno.ENOSPC, "No space left on device")
            put(file, data)

        store = tmp_path / f"full-{last}"
        with monkeypatch.context() as patch:
            patch.setattr(disk, "_put", full)
            with pytest.raises(UsageError, match="No space left on device") as error:
                run(corpus_folder, store, spec=SPEC)
        assert "run the same line again" in error.value.hint
        assert not list(store.rglob("*.tmp"))
        if (store / "manifest.json").exists():
            assert not verify_store(store).damaged
        run(corpus_folder, store, spec=SPEC)
        assert everything(store) == wanted


def test_parts_are_disjoint_and_merge_to_the_whole(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "whole", spec=SPEC)
    parts = [tmp_path / f"part-{i}" for i in range(3)]
    for i, part in enumerate(parts):
        run(corpus_folder, part, part=(i, 3), spec=SPEC)
    sets = [set(EmbeddingStore.open(part).ids) for part in parts]
    assert sum(map(len, sets)) == len(set().union(*sets)) == 11
    done = merge_stores(parts, tmp_path / "joined")
    assert (done.rows, done.known) == (11, 0)
    whole, joined = EmbeddingStore.open(tmp_path / "whole"), EmbeddingStore.open(tmp_path / "joined")
    order = joined.index_of(whole.ids)
    np.testing.assert_array_equal(joined.embeddings(order), whole.embeddings(np.arange(11)))
    picks = np.array([9, 2, 5])
    np.testing.assert_array_equal(joined.features(SPEC).gather(order[picks]), whole.features(SPEC).gather(picks))
    assert not verify_store(tmp_path / "joined").damaged
    before = everything(tmp_path / "joined")
    again = merge_stores(parts, tmp_path / "joined")
    assert (again.added, again.known) == (0, done.added) and everything(tmp_path / "joined") == before
    assert run(corpus_folder, tmp_path / "joined").added == 0


def test_counting_parts_from_one_means_the_same_parts(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "a", part=parts_of("0/2"))
    run(corpus_folder, tmp_path / "b", part=parts_of("2/2"))
    assert EmbeddingStore.open(tmp_path / "a").ids == EmbeddingStore.open(tmp_path / "b").ids
    for wrong in ("3/2", "0/0"):
        with pytest.raises(UsageError, match="no part"):
            run(corpus_folder, tmp_path / "c", part=parts_of(wrong))
    for wrong in ("half", "1/2/3", "-1/2", ""):
        with pytest.raises(UsageError, match="is not i/n"):
            parts_of(wrong)


def test_a_merge_refuses_the_same_clip_twice_and_another_teacher(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "a")
    run(corpus_folder, tmp_path / "b", part=(0, 2))
    run(corpus_folder, tmp_path / "c", PlainTeacher("other"))
    with pytest.raises(UsageError, match=r"dog/00\.wav is in .*a and in .*b"):
        merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    with pytest.raises(CorruptFile, match=r"c holds embeddings of other .* not plain"):
        merge_stores([tmp_path / "a", tmp_path / "c"], tmp_path / "joined-2")


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


def test_one_store_may_hold_several_corpora(corpus_folder: Path, tmp_path: Path) -> None:
    sound(tmp_path / "more" / "a.wav")
    run(corpus_folder, tmp_path / "store")
    run(tmp_path / "more", tmp_path / "store")
    store = EmbeddingStore.open(tmp_path / "store")
    assert len(store) == 12 and [s.source.corpus for s in store.manifest.sources] == [
        f"folder:{corpus_folder}", f"folder:{tmp_path / 'more'}",
    ]  # fmt: skip
    assert len(store.features(SPEC)) == 12


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


def test_reading_in_processes_gives_the_same_bytes(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "one", spec=SPEC)
    run(corpus_folder, tmp_path / "two", spec=SPEC, workers=2)
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_two_writers_at_once_are_refused_and_a_killed_one_lets_go(corpus_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    holding, tell = os.pipe()
    child = os.fork()
    if not child:
        with disk.only_writer(tmp_path / "store"):
            os.write(tell, b"x")
            signal.pause()
    os.read(holding, 1)
    try:
        with pytest.raises(UsageError, match="another process is writing"):
            run(corpus_folder, tmp_path / "store")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert run(corpus_folder, tmp_path / "store").rows == 11


def test_a_reading_process_that_is_killed_is_an_error_and_not_a_wait_for_ever(
    corpus_folder: Path, tmp_path: Path
) -> None:
    class Deadly(type(open_corpus(f"folder:{corpus_folder}"))):  # type: ignore[misc]
        def read(self, clip, sample_rate):
            if clip.id == "rain/05.wav":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().read(clip, sample_rate)

    request = EmbedRequest(PlainTeacher(), Deadly(corpus_folder), tmp_path / "store", workers=2)
    with pytest.raises(TinyclapError, match="was killed"):
        embed_corpus(request)


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
