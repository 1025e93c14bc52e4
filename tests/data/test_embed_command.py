"""`embed` as a user runs it: a store from procedural sounds, its parts, and one clear error for what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli.command import cli, refused
from data.plain_teacher import PlainTeacher
from data.tiny_corpora import esc50

from tinyclap_edge.cli.main import main
from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus
from tinyclap_edge.errors import TinyclapError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten clips of ESC-50 by the plain teacher."""
    folder = tmp_path_factory.mktemp("store")
    corpus = open_corpus(f"esc50:{esc50(folder / 'ESC-50-master')}")
    embed_corpus(EmbedRequest(PlainTeacher(), corpus, folder / "store"))
    return folder / "store"


@pytest.mark.slow
def test_the_reference_teacher_embeds_procedural_sounds_with_log_mels_for_students(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    args = [
        "embed",
        "--teacher",
        "reference",
        "--data",
        "sounds:6:1",
        "--features",
        "small",
        "--workers",
        "0",
        "--json",
    ]
    main([*args, "--out", str(tmp_path / "s")], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["data"]["rows"], told["data"]["added"], told["data"]["dim"]) == (
        "embed run",
        6,
        6,
        384,
    )
    for i in (1, 2):
        main([*args, "--out", str(tmp_path / f"p{i}"), "--shard", f"{i}/2"], standalone_mode=False)
    capsys.readouterr()
    parts = [str(tmp_path / "p1"), str(tmp_path / "p2")]
    main(["embed", "merge", *parts, "--out", str(tmp_path / "m")], standalone_mode=False)
    assert "6 rows" in capsys.readouterr().out

    from tinyclap_edge.data.store import EmbeddingStore
    from tinyclap_edge.students.presets import find_student

    whole, joined = EmbeddingStore.open(tmp_path / "s"), EmbeddingStore.open(tmp_path / "m")
    order = joined.index_of(whole.ids)
    np.testing.assert_allclose(joined.embeddings(order), whole.embeddings(np.arange(6)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(whole.embeddings(np.arange(6)), axis=1), 1, atol=1e-5)
    spec = find_student("small").frontend
    assert whole.features(spec).gather(np.array([0, 5])).shape == (2, spec.frames, spec.mel_bins)
    np.testing.assert_array_equal(joined.features(spec).gather(order), whole.features(spec).gather(np.arange(6)))


def test_verify_and_show_tell_what_a_store_holds(store: Path) -> None:
    done = cli("embed", "verify", str(store), "--json")
    assert json.loads(done.stdout)["data"] == {
        "path": str(store), "rows": 10, "files": 2, "bytes": json.loads(done.stdout)["data"]["bytes"], "damaged": [],
    }  # fmt: skip
    shown = cli("embed", "show", str(store))
    assert "plain" in shown.stdout and "esc50:" in shown.stdout and re.search(r"\b10\b", shown.stdout)


def test_verify_names_what_is_damaged_and_ends_with_7(store: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(store, broken)
    rows = broken / "shard-00000" / "rows.json"
    rows.write_bytes(rows.read_bytes().replace(b"dog", b"cat"))
    refused(cli("embed", "verify", str(broken)), 7, "shard-00000/rows.json has other bytes")


def failure(args: tuple[str, ...]) -> TinyclapError:
    """The error that the command line puts into words, in this process."""
    with pytest.raises(TinyclapError) as error:
        main(["embed", *args], standalone_mode=False)
    return error.value


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--teacher", "reference", "--data", "esc50:."), ["meta/esc50.csv"]),
        (("--teacher", "reference", "--data", "esc51:."), ["esc51", "esc50"]),
        (("--teacher", "reference2", "--data", "sounds:4"), ["reference2", "mean reference"]),
        (("--teacher", "reference", "--data", "sounds:4", "--shard", "2of3"), ["i/n"]),
        (("--teacher", "reference", "--data", "sounds:4", "--features", "huge"), ["huge"]),
        (("--teacher", "reference", "--data", "sounds:4", "--split", "dev"), ["no split 'dev'"]),
        (("--teacher", "reference", "--data", "sounds:4", "--segment", "nan"), ["outside 0.05"]),
        (("merge", "nowhere"), ["no embedding store"]),
    ],
)
def test_a_wrong_line_is_one_error_and_writes_nothing(
    args: tuple[str, ...], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = failure((*args, "--out", "x"))
    assert error.exit_code == 2
    for word in words:
        assert word in f"{error.fact} {error.hint}"
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_teacher_is_refused_with_7(store: Path) -> None:
    pytest.importorskip("torch")
    error = failure(("--teacher", "reference", "--data", "sounds:2", "--out", str(store), "--workers", "0"))
    assert error.exit_code == 7 and "holds embeddings of plain" in error.fact and "not reference" in error.fact
