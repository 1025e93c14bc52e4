"""WebDataset shards, as the library of that name writes them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from data.tiny_corpora import tone

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.errors import CorruptFile, UsageError


def encoded(hz: float, kind: str = "FLAC") -> bytes:
    held = io.BytesIO()
    soundfile.write(held, tone(hz=hz), 16000, format=kind)
    return held.getvalue()


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of two samples each."""
    webdataset = pytest.importorskip("webdataset")
    for number in range(2):
        with webdataset.TarWriter(str(tmp_path / f"train-{number:04}.tar")) as writer:
            for i in range(2):
                name = f"{number}{i:05}"
                about = {"labels": ["dog", "bark"], "caption": f"a dog, take {name}"}
                writer.write({"__key__": name, "flac": encoded(300 + 100 * i), "json": about})
    return tmp_path


def test_shards_of_the_webdataset_library_give_their_samples_in_order(shards: Path) -> None:
    corpus = open_corpus(f"webdataset:{shards}/train-{{0000..0001}}.tar")
    clips = corpus.clips()
    assert [clip.id for clip in clips] == [
        "train-0000/000000",
        "train-0000/000001",
        "train-0001/100000",
        "train-0001/100001",
    ]
    assert clips[3].labels == ("dog", "bark") and clips[3].captions == ("a dog, take 100001",)
    for clip, hz in zip(clips, (300, 400, 300, 400), strict=True):
        np.testing.assert_allclose(corpus.read(clip, 16000), tone(hz=hz), atol=1e-4)
    assert open_corpus(f"webdataset:{shards}").clips() == clips
    assert open_corpus(f"webdataset:{shards}/train-*.tar").clips() == clips


def test_a_missing_shard_of_a_range_is_counted_and_named(shards: Path) -> None:
    corpus = open_corpus(f"webdataset:{shards}/train-{{0000..0003}}.tar")
    assert len(corpus.clips()) == 4
    assert [Path(name).name for name in corpus.report.missing] == ["train-0002.tar", "train-0003.tar"]


def packed(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_classes_and_captions_may_be_files_of_their_own(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar", {"x.wav": encoded(300, "WAV"), "x.cls": b"10\n", "x.txt": b"a caption\n",
                                "y.wav": encoded(400, "WAV"), "y.cls": b"9"})  # fmt: skip
    corpus = open_corpus(f"webdataset:{tmp_path}/a.tar")
    assert corpus.clips()[0].captions == ("a caption",)
    assert corpus.card.classes == ("9", "10")


def test_names_that_lead_out_of_the_shard_write_nothing(tmp_path: Path) -> None:
    packed(
        tmp_path / "in" if (tmp_path / "in").mkdir() else tmp_path / "in" / "a.tar", {"../../out.flac": encoded(300)}
    )
    corpus = open_corpus(f"webdataset:{tmp_path}/in/a.tar")
    assert corpus.read(corpus.clips()[0], 16000).size == 800
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.tar", "in"]


def test_samples_without_a_sound_and_broken_sounds_are_counted_and_named(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar", {"good.flac": encoded(300), "text.json": b"{}", "bad.flac": b"fLaC nothing"})
    corpus = open_corpus(f"webdataset:{tmp_path}/a.tar")
    assert [clip.id for clip in corpus.clips()] == ["a/good", "a/bad"]
    with pytest.raises(CorruptFile, match="a/bad"):
        corpus.read(corpus.clips()[1], 16000)
    assert set(corpus.report.broken) == {"a/text", "a/bad"}


def test_compressed_cut_off_and_foreign_files_are_refused(tmp_path: Path) -> None:
    packed(tmp_path / "a.tar.gz", {"x.flac": encoded(300)}, "w:gz")
    with pytest.raises(CorruptFile, match="compressed"):
        open_corpus(f"webdataset:{tmp_path}/a.tar.gz")
    whole = packed(tmp_path / "b.tar", {"x.flac": encoded(300), "y.flac": encoded(400)}).read_bytes()
    (tmp_path / "b.tar").write_bytes(whole[: 512 + 300])
    with pytest.raises(CorruptFile, match="not a whole tar"):
        open_corpus(f"webdataset:{tmp_path}/b.tar")
    (tmp_path / "c.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(CorruptFile, match="not a whole tar"):
        open_corpus(f"webdataset:{tmp_path}/c.tar")
    packed(tmp_path / "d.tar", {"x.flac": encoded(300), "x.json": b"{not json"})
    with pytest.raises(CorruptFile, match="a?d/x is not JSON"):
        open_corpus(f"webdataset:{tmp_path}/d.tar")


def test_a_pattern_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no shard matches"):
        open_corpus(f"webdataset:{tmp_path}/*.tar")
    with pytest.raises(UsageError, match="counts no shards"):
        open_corpus(f"webdataset:{tmp_path}/{{5..1}}.tar")
