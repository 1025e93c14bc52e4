"""Corpora in miniature copies of their official layouts: what is listed, under which protocol, and how it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from data.tiny_corpora import LAYOUTS, esc50, folder, sound, table, tone

from tinyclap_edge.data.corpora import label_matrix, list_corpora, open_corpus
from tinyclap_edge.errors import CorruptFile, UsageError


def opened(name: str, root: Path):
    return open_corpus(f"{name}:{LAYOUTS[name](root)}")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_lists_clips_that_can_be_read_and_has_a_card_and_a_drawing(name: str, tmp_path: Path) -> None:
    corpus = opened(name, tmp_path / "corpus")
    clips = corpus.clips()
    assert clips and corpus.report.listed == len(clips) + len(corpus.report.missing)
    assert len({clip.id for clip in clips}) == len(clips)
    assert {clip.split for clip in clips} <= {"", *corpus.card.splits}
    for clip in clips:
        audio = corpus.read(clip, 16000)
        assert audio.dtype == np.float32 and audio.ndim == 1 and 0.04 < audio.size / 16000 < 0.5
        assert 0.1 < np.abs(audio).max() <= 1
    assert corpus.card.protocol and corpus.card.licence and corpus.card.layout
    entry = next(e for e in list_corpora() if e.name == name)
    assert "<- this folder" in entry.layout
    again = open_corpus(corpus.spec)
    assert again.clips() == clips


def test_esc50_has_its_50_classes_by_name_and_five_folds(tmp_path: Path) -> None:
    corpus = opened("esc50", tmp_path / "ESC-50-master")
    assert len(corpus.card.classes) == 50 and list(corpus.card.classes) == sorted(corpus.card.classes)
    assert corpus.card.spoken[7] == "chirping birds"
    clips = corpus.clips()
    assert [clip.fold for clip in clips] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert clips[1].labels == ("chirping_birds",) and clips[1].id == "1-1114-A-14"


def test_urbansound8k_keeps_ten_folds_and_classes_by_id_and_averages_channels(tmp_path: Path) -> None:
    corpus = opened("urbansound8k", tmp_path / "UrbanSound8K")
    clips = corpus.clips()
    assert [clip.fold for clip in clips] == list(range(1, 11))
    assert [clip.labels[0] for clip in clips] == list(corpus.card.classes)
    assert (clips[0].start_s, clips[0].duration_s) == (0.0, None)  # `start` and `end` are times of the original
    stereo = corpus.read(clips[0], 44100)
    np.testing.assert_allclose(stereo, tone(rate=44100, channels=2).mean(1), atol=1e-4)


def test_tut2017_tests_each_development_clip_in_one_fold_and_scores_the_evaluation_set(tmp_path: Path) -> None:
    corpus = opened("tut2017", tmp_path / "data")
    assert corpus.card.splits == ("development", "evaluation") and len(corpus.card.classes) == 15
    development = corpus.clips("development")
    assert [clip.fold for clip in development] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert development[1].labels == ("cafe/restaurant",)
    assert [clip.labels for clip in corpus.clips("evaluation")] == [("tram",), ("home",)]
    alone = open_corpus(f"tut2017:{tmp_path / 'data' / 'TUT-acoustic-scenes-2017-evaluation'}")
    assert alone.card.splits == ("evaluation",) and len(alone.clips()) == 2


def test_tau2020_has_one_split_and_a_device_for_the_breakdown(tmp_path: Path) -> None:
    corpus = opened("tau2020", tmp_path / "tau")
    assert [len(corpus.clips(split)) for split in ("train", "test", "unused")] == [3, 2, 1]
    assert [clip.group for clip in corpus.clips("test")] == ["s4", "c"]


def test_openmic_knows_only_what_was_judged(tmp_path: Path) -> None:
    corpus = opened("openmic", tmp_path / "openmic-2018")
    train, test = corpus.clips("train"), corpus.clips("test")
    assert [clip.labels for clip in train] == [("accordion",), ("drums",)]  # 0.5 is a positive, 0.49 is none
    assert train[0].known == ("accordion", "banjo")
    targets, mask = label_matrix([*train, *test], corpus.card.classes)
    assert mask.sum() == 9 and targets.sum() == 4
    assert not (targets & ~mask).any()
    assert test[0].path == tmp_path / "openmic-2018" / "audio" / "000" / "000139_0.ogg"


def test_fsd50k_has_many_labels_three_splits_and_its_description_as_a_caption(tmp_path: Path) -> None:
    corpus = opened("fsd50k", tmp_path / "FSD50K")
    assert [len(corpus.clips(split)) for split in ("train", "validation", "test")] == [2, 1, 1]
    first = corpus.clips("train")[0]
    assert first.labels == ("Bark", "Dog") and first.captions == ("Big dog. A dog, barking twice.",)
    assert corpus.clips("test")[0].known is None


def test_audiocaps_counts_what_has_left_youtube_and_gathers_captions(tmp_path: Path) -> None:
    corpus = opened("audiocaps", tmp_path / "AudioCaps")
    assert len(corpus.clips("train")) == 2 and corpus.report.missing == ["train/goneGONEgon.wav"]
    assert "1 of 4 files are missing: train/goneGONEgon.wav" in corpus.report.sentences()[0]
    (test,) = corpus.clips("test")
    assert test.captions == ("Rain falls", "Water drips") and test.path and test.path.name == "Y-AheI8Epim4.wav"


def test_clotho_has_five_captions_and_the_usual_names_of_splits(tmp_path: Path) -> None:
    corpus = opened("clotho", tmp_path / "clotho")
    (clip,) = corpus.clips("train")
    assert clip.id == "development/ Ambience Birds.wav" and len(clip.captions) == 5
    assert corpus.card.splits == ("train", "validation", "test")


def test_clotho_tables_in_windows_encoding_are_read(tmp_path: Path) -> None:
    root = LAYOUTS["clotho"](tmp_path / "clotho")
    path = root / "clotho_captions_validation.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    assert open_corpus(f"clotho:{root}").clips("validation")[0].id == "validation/rain é.wav"


def test_macs_labels_are_tags_that_two_annotators_gave(tmp_path: Path) -> None:
    corpus = opened("macs", tmp_path / "MACS")
    assert corpus.card.classes == ("adults_talking", "birds")
    assert corpus.clips()[0].labels == ("adults_talking",) and len(corpus.clips()[0].captions) == 3


def test_audioset_skips_comments_and_names_classes_by_display_name(tmp_path: Path) -> None:
    corpus = opened("audioset", tmp_path / "audioset")
    assert corpus.card.splits == ("balanced_train", "eval")
    first, second = corpus.clips("balanced_train")
    assert first.labels == ("Speech", "Dog") and first.id == "--PJHxphWEs_30"
    assert second.path and second.path.name == "--ZhevVpy1s_50000.flac"
    assert corpus.card.spoken[1] == "male speech, man speaking"


def test_a_folder_takes_labels_from_its_subfolders_and_leaves_hidden_files_out(tmp_path: Path) -> None:
    corpus = opened("folder", tmp_path / "sounds")
    assert [clip.id for clip in corpus.clips()] == ["dog/1.wav", "dog/session 2/2.flac", "rain/3.ogg"]
    assert [clip.labels for clip in corpus.clips()] == [("dog",), ("dog",), ("rain",)]
    sound(tmp_path / "flat" / "a.wav")
    assert open_corpus(f"folder:{tmp_path / 'flat'}").clips()[0].labels == ()


@pytest.mark.parametrize("name", [n for n in LAYOUTS if n not in ("folder", "tut2017")])
def test_a_folder_one_level_too_high_or_too_deep_is_told_which(name: str, tmp_path: Path) -> None:
    root = LAYOUTS[name](tmp_path / "above" / "corpus")
    with pytest.raises(UsageError, match="one level too high") as high:
        open_corpus(f"{name}:{tmp_path / 'above'}")
    assert high.value.hint == f"give {root}"
    deeper = next(p for p in sorted(root.iterdir()) if p.is_dir())
    with pytest.raises(UsageError, match="one level too deep") as deep:
        open_corpus(f"{name}:{deeper}")
    assert deep.value.hint == f"give {root}"


def test_a_folder_without_the_corpus_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no meta/esc50.csv"):
        open_corpus(f"esc50:{tmp_path}")
    with pytest.raises(UsageError, match="not there"):
        open_corpus(f"esc50:{tmp_path / 'nowhere'}")


def test_missing_and_empty_files_are_counted_and_named_and_a_broken_one_when_it_is_read(tmp_path: Path) -> None:
    root = esc50(tmp_path / "ESC-50-master")
    files = sorted((root / "audio").iterdir())
    files[0].unlink()
    files[1].write_bytes(b"")
    files[2].write_bytes(files[3].read_bytes()[:200])
    corpus = open_corpus(f"esc50:{root}")
    clips = corpus.clips()
    assert len(clips) == 8
    with pytest.raises(CorruptFile, match="cut off"):
        corpus.read(clips[0], 16000)
    assert corpus.report.missing == [f"audio/{files[0].name}"]
    assert set(corpus.report.broken) == {files[1].stem, files[2].stem}
    lines = corpus.report.sentences()
    assert "1 of 10 files are missing" in lines[0] and "2 of 10 files are broken" in lines[1]


def test_a_corpus_without_any_of_its_files_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    root = esc50(tmp_path / "ESC-50-master")
    for file in (root / "audio").iterdir():
        file.unlink()
    with pytest.raises(UsageError, match="none of the 10 files is there") as error:
        open_corpus(f"esc50:{root}").clips()
    assert "audio/1-" in error.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("filename,fold", "filename,part"), "no column 'fold'"),
        (lambda text: text.replace("chirping_birds", "parrots"), "label 'parrots'"),
        (lambda text: text.replace("-14.wav,1,", "-14.wav,9,"), "fold 9 of 5"),
        (lambda text: text.replace("-14.wav,1,", "-14.wav,one,"), "not a whole number"),
        (lambda text: text.replace("1-1114-A-14.wav", "../../secret.wav"), "outside of the corpus"),
        (lambda text: text.replace("1-1114-A-14.wav", "1-110-A-0.wav"), "listed twice"),
        (lambda text: text[: text.index("\n") + 12], "columns instead of"),
        (lambda text: "", "no rows"),
    ],
)
def test_a_damaged_table_is_refused_with_its_name(change, words: str, tmp_path: Path) -> None:
    root = esc50(tmp_path / "ESC-50-master")
    path = root / "meta" / "esc50.csv"
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(CorruptFile, match=words):
        open_corpus(f"esc50:{root}").clips()


def test_a_class_id_that_contradicts_its_name_is_refused(tmp_path: Path) -> None:
    root = LAYOUTS["urbansound8k"](tmp_path / "UrbanSound8K")
    path = root / "metadata" / "UrbanSound8K.csv"
    path.write_text(path.read_text().replace(",3,dog_bark", ",4,dog_bark"))
    with pytest.raises(CorruptFile, match="classID 4, class 'dog_bark'"):
        open_corpus(f"urbansound8k:{root}").clips()


def test_openmic_labels_are_the_same_from_its_table_and_from_arrays_with_keys_of_text(tmp_path: Path) -> None:
    root = LAYOUTS["openmic"](tmp_path / "openmic-2018")
    wanted = open_corpus(f"openmic:{root}").clips()
    with np.load(root / "openmic-2018.npz", allow_pickle=True) as stored:
        arrays = dict(stored)
    np.savez(root / "openmic-2018.npz", **{**arrays, "sample_key": arrays["sample_key"].astype("U")})
    (root / "openmic-2018-aggregated-labels.csv").unlink()
    assert open_corpus(f"openmic:{root}").clips() == wanted


def test_pickled_openmic_keys_are_never_executed_and_the_hint_names_the_table(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    root = LAYOUTS["openmic"](tmp_path / "openmic-2018")
    (root / "openmic-2018-aggregated-labels.csv").unlink()
    arrays = {"Y_true": np.zeros((1, 20)), "Y_mask": np.zeros((1, 20)), "sample_key": np.array([Trap()], object)}
    np.savez(root / "openmic-2018.npz", **arrays)
    with pytest.raises(CorruptFile, match="pickle") as error:
        open_corpus(f"openmic:{root}").clips()
    assert "openmic-2018-aggregated-labels.csv" in error.value.hint
    assert not (tmp_path / "sprung").exists()


def test_a_clip_in_both_partitions_is_refused(tmp_path: Path) -> None:
    root = LAYOUTS["openmic"](tmp_path / "openmic-2018")
    table(root / "partitions" / "split01_test.csv", [["000046_0"], ["000139_0"], ["000141_0"]])
    with pytest.raises(CorruptFile, match="000046_0 is in the training partition too"):
        open_corpus(f"openmic:{root}").clips()


@pytest.mark.parametrize(
    ("spec", "words", "hint"),
    [
        ("esc-50:x", "no corpus is called 'esc-50'", "esc50:x"),
        ("data/birds", "no corpus is called", "folder:data/birds"),
        ("esc50", "does not say where", "esc50:PATH"),
        ("sounds:many", "sounds:COUNT", ""),
        ("sounds:0", "0 clips", ""),
        ("sounds:9999999", "9,999,999 clips", ""),
    ],
)
def test_a_wrong_specification_is_refused_with_a_hint(spec: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        open_corpus(spec)
    assert hint in error.value.hint


def test_an_unknown_split_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split 'dev'") as error:
        opened("tau2020", tmp_path / "tau").clips("dev")
    assert "train, test, unused" in error.value.hint
    with pytest.raises(UsageError, match="no split"):
        open_corpus(f"folder:{folder(tmp_path / 'sounds')}").clips("train")


def test_procedural_sounds_are_the_same_for_the_same_seed_and_never_train_on_held_out_families() -> None:
    from tinyclap_edge.data.sounds.folds import SEEN

    corpus = open_corpus("sounds:60:3")
    clips = corpus.clips()
    assert clips == open_corpus("sounds:60:3").clips() != open_corpus("sounds:60:4").clips()
    assert {label for clip in clips for label in clip.labels} <= set(SEEN)
    sorts = [clip.id.partition(":")[0] if " + " not in clip.id else "mixture" for clip in clips]
    assert [sorts.count(sort) for sort in ("family", "kind", "mixture")] == [33, 18, 9]
    assert len({clip.id.rpartition("#")[2] for clip in clips}) == 60
    first = corpus.read(clips[0], 16000)
    np.testing.assert_array_equal(first, open_corpus("sounds:60:3").read(clips[0], 16000))
    assert first.size == 41152 and corpus.read(clips[0], 32000).size == 2 * 41152
    assert set(corpus.clips("related")[0].labels) <= set(corpus.card.classes) - set(SEEN)


def test_what_a_file_holds_is_read_without_rounding_to_16_bits(tmp_path: Path) -> None:
    samples = np.linspace(-0.5, 0.5, 1600) + 1e-6
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    corpus = open_corpus(f"folder:{tmp_path}")
    np.testing.assert_allclose(corpus.read(corpus.clips()[0], 16000), samples, atol=1e-8)
