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

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten clips of ESC-50 by the plain teacher."""
    folder = tmp_path_factory.mktemp("store")
    corpus = open_corpus(f"esc50:{esc50(folder / 'ESC-50-master')}")
    embed_corpus(EmbedRequest(PlainTeacher(), corpus, folder / "store"))
    return folder / "store"


@pytest.mark.slow
def test_the_reference_teacher_embeds_procedural_sounds_with_log_mels_for_students(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    args = ("--teacher", "reference", "--data", "sounds:6:1", "--features", "small", "--workers", "0", "--json")
    done = cli("embed", *args, "--out", str(tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["command"], told["data"]["rows"], told["data"]["added"], told["data"]["dim"]) == (
        "embed run",
        6,
        6,
        384,
    )
    for i in (1, 2):
        part = cli("embed", *args, "--out", str(tmp_path / f"p{i}"), "--shard", f"{i}/2")
        assert part.returncode == 0, part.stderr
    merged = cli("embed", "merge", str(tmp_path / "p1"), str(tmp_path / "p2"), "--out", str(tmp_path / "m"))
    assert merged.returncode == 0 and "6 rows" in merged.stdout, merged.stderr

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


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--teacher", "reference", "--data", "esc50:.", "--out", "x"), 2, ["meta/esc50.csv"]),
        (("--teacher", "reference", "--data", "esc51:.", "--out", "x"), 2, ["esc51", "esc50"]),
        (("--teacher", "reference2", "--data", "sounds:4", "--out", "x"), 2, ["reference2", "reference"]),
        (("--teacher", "reference", "--data", "sounds:4", "--out", "x", "--shard", "2of3"), 2, ["i/n"]),
        (("--teacher", "reference", "--data", "sounds:4", "--out", "x", "--features", "huge"), 2, ["huge"]),
        (("verify", "nowhere"), 2, ["no embedding store"]),
        (("merge", "nowhere", "--out", "x"), 2, ["no embedding store"]),
    ],
)
def test_a_wrong_line_is_one_error_and_writes_nothing(
    args: tuple[str, ...], code: int, words: list[str], tmp_path: Path
) -> None:
    refused(cli("embed", *args, cwd=tmp_path), code, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_teacher_is_refused_with_7(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = cli("embed", "--teacher", "reference", "--data", "sounds:2", "--out", str(store), "--workers", "0")
    refused(done, 7, "holds embeddings of plain", "not reference")
