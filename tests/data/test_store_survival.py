"""The embedding store under kills, full disks and a second writer: nothing lost, the same bytes in the end."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from data.plain_teacher import PlainTeacher
from data.small_store import SPEC, everything, run
from data.tiny_corpora import sound

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store import EmbeddingStore, disk, embed
from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus
from tinyclap_edge.data.store.verify import verify_store
from tinyclap_edge.errors import TinyclapError, UsageError

pytestmark = pytest.mark.usefixtures("small_shards")


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
