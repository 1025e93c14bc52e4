"""What each task of `evaluate` counts, on tones that a model without weights can tell apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluate.made_corpus import CLASSES, MadeCorpus, MadeModel

from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.precision import average_precision, mean_average_precision
from tinyclap_edge.evaluate.prompts import find_prompts
from tinyclap_edge.evaluate.protocols import fold_numbers
from tinyclap_edge.evaluate.report import to_json, to_markdown, write_record
from tinyclap_edge.evaluate.retrieval import recall_at
from tinyclap_edge.evaluate.run import TASKS, Request, evaluate
from tinyclap_edge.evaluate.shifts import ROBUSTNESS, Shift, distort
from tinyclap_edge.evaluate.temporal import parse_windows
from tinyclap_edge.evaluate.windows import cut, mean_over_windows
from tinyclap_edge.fit.accuracy_curve import read_curve

ALL = tuple(TASKS)


def examined(task: str, corpus: MadeCorpus | None = None, model: MadeModel | None = None, **request) -> dict:
    """The table of one task."""
    record = evaluate(model or MadeModel(), corpus or MadeCorpus(), Request((task,), **request))
    return record["tasks"][task]


def test_zero_shot_names_every_tone_by_the_prompt_of_the_corpus() -> None:
    table = examined("zero-shot")
    assert table["accuracy"]["value"] == 1.0 and table["accuracy"]["n"] == 24 and table["prompts"] == ["hear {}"]
    assert table["by fold"] == {"1": 1.0, "2": 1.0, "3": 1.0} and table["chance"] == 0.25


def test_words_that_say_nothing_give_chance() -> None:
    class Mute(MadeModel):
        def embed_text(self, texts):
            return np.ones((len(texts), self.dim), np.float32)

    assert examined("zero-shot", model=Mute())["accuracy"]["value"] == 0.25  # the first class, always


def test_a_probe_never_learns_from_the_fold_that_it_is_scored_on() -> None:
    class Memory(MadeModel):
        """An embedding that says which clip it is and nothing of what is heard."""

        def embed_clips(self, clips, window_s):
            return np.stack([np.random.default_rng(int(abs(c[7]) * 1e7)).standard_normal(64) for c in clips])

    corpus = MadeCorpus(per_class=12)
    assert examined("probe", corpus, Memory())["accuracy"]["value"] < 0.6
    found = examined("probe", corpus)
    assert found["accuracy"]["value"] == 1.0 and set(found["by fold"]) == {"1", "2", "3"}


def test_a_probe_learns_from_the_training_split_where_the_protocol_names_one(monkeypatch) -> None:
    from tinyclap_edge.evaluate import protocols

    monkeypatch.setitem(protocols.PROTOCOLS, "made", protocols.Protocol(scored=("test",), taught=("train",)))
    table = examined("probe", MadeCorpus(splits=True))
    assert table["accuracy"] == {"value": 1.0, "low": table["accuracy"]["low"], "high": 1.0, "n": 12}
    assert "by fold" not in table


def test_several_labels_a_clip_are_scored_by_mean_average_precision() -> None:
    for task in ("zero-shot", "probe"):
        table = examined(task, MadeCorpus(several=True))
        assert table["measure"] == "mAP" and table["mAP"]["value"] > 0.95 and table["mAP"]["classes"] == 4


def test_average_precision_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    scores, targets = rng.normal(size=200), rng.uniform(size=200) < 0.2
    assert average_precision(scores, targets) == pytest.approx(metrics.average_precision_score(targets, scores))


def test_what_nobody_knows_does_not_count() -> None:
    rng = np.random.default_rng(4)
    scores, targets = rng.normal(size=(60, 3)), rng.uniform(size=(60, 3)) < 0.4
    mask = rng.uniform(size=(60, 3)) < 0.5
    before = mean_average_precision(scores, targets, mask, 5).value
    assert mean_average_precision(scores, targets ^ ~mask, mask, 5).value == before
    assert mean_average_precision(scores, targets ^ mask, mask, 5).value != before


def test_retrieval_counts_the_k_nearest_in_both_directions() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    relevant = np.array([[False, True, False], [True, False, False]])
    assert [recall_at(scores, relevant, k).value for k in (1, 2, 3)] == [0.0, 0.5, 1.0]
    for captions, by in ((True, "captions"), (False, "class prompts")):
        table = examined("retrieval", MadeCorpus(captions=captions))
        assert table["by"] == by
        rank = "R@10" if captions else "R@1"  # six clips share each caption, and it belongs to one of them
        assert table["text to audio"][rank]["value"] == table["audio to text"][rank]["value"] == 1.0


def test_noise_costs_more_the_louder_it_is_and_a_shift_costs_nothing() -> None:
    table = examined("robustness", MadeCorpus(per_class=3))
    rows = {row["distortion"]: row for row in table["rows"]}
    assert len(rows) == len(ROBUSTNESS) and rows["clean"]["cosine to clean"] == 1.0
    assert rows["white noise 20 dB"]["cosine to clean"] > rows["white noise 0 dB"]["cosine to clean"]
    assert rows["gain -20 dB"]["cosine to clean"] > 0.999 and rows["shifted by 0.5 s"]["kept"] == 1.0


def test_a_model_without_words_is_tried_by_a_probe_that_learnt_from_clean_clips() -> None:
    table = examined("robustness", MadeCorpus(per_class=3), MadeModel(speaks=False))
    assert table["by"] == "probe" and table["rows"][0]["kept"] == 1.0


def test_noise_has_the_stated_ratio_and_belongs_to_its_clip() -> None:
    audio = (0.1 * np.sin(np.arange(16000) * 0.2)).astype(np.float32)
    ten = Shift("white noise 10 dB", "white", 10)
    noisy = distort(audio, ten, 16000, "a")
    assert 20 * np.log10(audio.std() / (noisy - audio).std()) == pytest.approx(10, abs=0.05)
    assert np.array_equal(noisy, distort(audio, ten, 16000, "a"))
    assert not np.array_equal(noisy, distort(audio, ten, 16000, "b"))


def test_a_clip_is_cut_without_overlap_and_its_end_filled_up() -> None:
    assert cut(np.arange(10.0), 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 0]]
    assert cut(np.ones(401), 200).shape == (2, 200)  # one sample over is no window
    assert cut(np.ones(3), 200).shape == (1, 200)
    mean = mean_over_windows([np.array([1, 0, 0, 5], np.float32)], 2, lambda w: w)
    assert np.allclose(mean, [[0.5, 0.5]])  # each window counts alike, however loud


def test_several_windows_give_the_curve_with_its_costs(tmp_path: Path) -> None:
    record = evaluate(MadeModel(), MadeCorpus(noise=1.0), Request(windows=(0.01, 0.5)))
    rows = record["temporal support"]["rows"]
    assert [row["window_s"] for row in rows] == [0.01, 0.5] and [row["macs"] for row in rows] == [10, 500]
    assert rows[0]["accuracy"]["value"] < rows[1]["accuracy"]["value"]
    write_record(record, tmp_path)
    curve = read_curve(tmp_path / "evaluation.json")  # what `fit --accuracy-curve` takes
    assert curve.accuracy(0.5) == rows[1]["accuracy"]["value"]


@pytest.mark.parametrize("text", ["", "a", "0", "-1,2", "nan", "inf", ",".join(map(str, range(1, 99)))])
def test_windows_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_windows(text)


def test_a_broken_clip_is_counted_and_named_and_the_rest_scored() -> None:
    corpus = MadeCorpus(broken=frozenset({"mid_tone-2"}))
    record = evaluate(MadeModel(), corpus, Request(("zero-shot", "probe")))
    assert record["tasks"]["zero-shot"]["accuracy"]["n"] == record["tasks"]["probe"]["accuracy"]["n"] == 23
    assert "mid_tone-2" in record["corpus"]["trouble"][0]


def test_the_same_examination_gives_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for run in ("a", "b"):
        record = evaluate(MadeModel(), MadeCorpus(), Request(ALL, windows=(0.25, 0.5), forgiving=True))
        files = write_record(record, tmp_path / run)
        texts.append([file.read_bytes() for file in files])
        assert set(record["left out"]) == {"drift"}
    assert texts[0] == texts[1]
    assert json.loads(texts[0][0])["tasks"]["zero-shot"]["accuracy"]["value"] == 1.0
    assert not [p for p in (tmp_path / "a").iterdir() if p.name.endswith(".tmp")]


def test_the_pages_show_every_task_with_its_interval() -> None:
    record = evaluate(MadeModel(), MadeCorpus(), Request(ALL, windows=(0.25, 0.5), forgiving=True))
    page = to_markdown(record)
    for word in ("## zero-shot", "## probe", "R@10", "white noise 0 dB", "0.25 s", "100.0 % [", "Left out: drift"):
        assert word in page
    assert json.loads(to_json(record)) == json.loads(json.dumps(record))


def test_every_clip_is_heard_once_for_all_tasks() -> None:
    model = MadeModel()
    evaluate(model, MadeCorpus(), Request(("zero-shot", "probe", "retrieval")))
    assert model.heard == 24


def test_a_task_that_the_model_cannot_do_is_an_error_unless_all_were_asked_for() -> None:
    with pytest.raises(UsageError):
        evaluate(MadeModel(), MadeCorpus(), Request(("drift",)))
    with pytest.raises(UsageError):
        Request(("triathlon",))


def test_prompts_come_from_a_name_a_sentence_or_a_file(tmp_path: Path) -> None:
    card = MadeCorpus().card
    assert find_prompts("corpus", card).templates == ("hear {}",)
    assert len(find_prompts("ensemble", card).templates) > 5
    assert find_prompts("so {} then", card).templates == ("so {} then",)
    file = tmp_path / "prompts.txt"
    file.write_text("one {}\n\ntwo {}\n", encoding="utf-8")
    assert find_prompts(str(file), card).templates == ("one {}", "two {}")
    for text in ("no place", "{} and {}"):
        file.write_text(text + "\n", encoding="utf-8")
        with pytest.raises(UsageError):
            find_prompts(str(file), card)
    with pytest.raises(UsageError):
        find_prompts("nonsense", card)


def test_clips_without_folds_always_fall_into_the_same_ones() -> None:
    clips = [replace(clip, fold=None) for clip in MadeCorpus(per_class=40).clips()]
    folds = fold_numbers(clips)
    assert set(folds) == {1, 2, 3, 4, 5} and folds[::-1] == fold_numbers(clips[::-1])
    assert len(CLASSES) == 4


def test_every_family_of_the_procedural_sounds_is_taught_to_its_probe() -> None:
    from tinyclap_edge.data.corpora import open_corpus

    clips = open_corpus("sounds:600").clips("fresh")
    folds = fold_numbers(clips)
    for name in {clip.labels[0] for clip in clips}:
        assert len({f for clip, f in zip(clips, folds, strict=True) if clip.labels[0] == name}) > 1, name
