"""Miniature copies of the official layouts, with sounds of a few hundredths of a second."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import soundfile
import yaml

RATE = 16000


def tone(seconds: float = 0.05, hz: float = 440.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """(samples,) or (samples, channels) float64."""
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return wave if channels == 1 else np.stack([wave * (i + 1) / channels for i in range(channels)], 1)


def sound(path: Path, seconds: float = 0.05, hz: float = 440.0, rate: int = RATE, channels: int = 1) -> Path:
    """A sound file; its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, hz, rate, channels), rate)
    return path


def table(path: Path, rows: list[list[object]], delimiter: str = ",") -> Path:
    """A table of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = io.StringIO()
    csv.writer(held, delimiter=delimiter, lineterminator="\n").writerows(rows)
    path.write_text(held.getvalue(), encoding="utf-8")
    return path


def esc50(root: Path) -> Path:
    """Ten clips: two classes in each of the five folds."""
    rows: list[list[object]] = [["filename", "fold", "target", "category", "esc10", "src_file", "take"]]
    for fold in range(1, 6):
        for target, name in ((0, "dog"), (14, "chirping_birds")):
            file = f"{fold}-1{fold}{target}-A-{target}.wav"
            rows.append([file, fold, target, name, target == 0, 100 + fold, "A"])
            sound(root / "audio" / file, hz=200 + 40 * fold + target)
    table(root / "meta" / "esc50.csv", rows)
    return root


def urbansound8k(root: Path) -> Path:
    """One clip in each of the ten folds, at mixed rates and channels."""
    rows: list[list[object]] = [["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]]
    names = ["air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot", "jackhammer", "siren", "street_music"]  # fmt: skip
    for fold in range(1, 11):
        label = fold - 1
        file = f"{1000 + fold}-{label}-0-0.wav"
        rows.append([file, 1000 + fold, 2.5, 6.5, 1, fold, label, names[label]])
        sound(root / "audio" / f"fold{fold}" / file, rate=(8000, 44100)[fold % 2], channels=1 + fold % 2)
    table(root / "metadata" / "UrbanSound8K.csv", rows)
    return root


def tut2017(parent: Path) -> Path:
    """Eight development clips, two a fold, and two of the evaluation set, beside each other."""
    development, evaluation = (parent / f"TUT-acoustic-scenes-2017-{part}" for part in ("development", "evaluation"))
    scenes = ("beach", "cafe/restaurant")
    listed = [(f"audio/b{i:03}_0_10.wav", scenes[i % 2], f"b{i:03}") for i in range(8)]
    table(development / "meta.txt", [list(row) for row in listed], "\t")
    for fold in range(1, 5):
        tested = listed[2 * (fold - 1) : 2 * fold]
        setup = development / "evaluation_setup"
        table(setup / f"fold{fold}_evaluate.txt", [list(row[:2]) for row in tested], "\t")
        table(setup / f"fold{fold}_test.txt", [[row[0]] for row in tested], "\t")
        table(setup / f"fold{fold}_train.txt", [list(row[:2]) for row in listed if row not in tested], "\t")
    for file, _, _ in listed:
        sound(development / file, rate=44100, channels=2)
    table(evaluation / "evaluation_setup" / "evaluate.txt", [["audio/1.wav", "tram"], ["audio/2.wav", "home"]], "\t")
    for i in (1, 2):
        sound(evaluation / "audio" / f"{i}.wav", rate=44100, channels=2)
    return parent


def tau2020(root: Path) -> Path:
    """Six clips: three to train on, two to test on, one in neither list."""
    rows: list[list[object]] = [["filename", "scene_label", "identifier", "source_label"]]
    names = [("airport", "a"), ("bus", "a"), ("tram", "b"), ("airport", "s4"), ("bus", "c"), ("park", "s1")]
    for i, (scene, device) in enumerate(names):
        file = f"audio/{scene}-lisbon-{1000 + i}-{i}-{device}.wav"
        rows.append([file, scene, f"lisbon-{1000 + i}", device])
        sound(root / file, rate=44100)
    table(root / "meta.csv", rows, "\t")
    setup = root / "evaluation_setup"
    table(setup / "fold1_train.csv", [["filename", "scene_label"], *(r[:2] for r in rows[1:4])], "\t")
    table(setup / "fold1_evaluate.csv", [["filename", "scene_label"], *(r[:2] for r in rows[4:6])], "\t")
    table(setup / "fold1_test.csv", [["filename"], *(r[:1] for r in rows[4:6])], "\t")
    return root


def openmic(root: Path) -> Path:
    """Four clips, each judged for two or three of the twenty instruments; the .npz with pickled keys, as published."""
    from tinyclap_edge.data.corpora.openmic import CLASSES

    keys = [f"{i:06}_0" for i in (46, 135, 139, 141)]
    likely, known = np.full((4, 20), 0.5), np.zeros((4, 20), bool)
    told: list[list[object]] = [["sample_key", "instrument", "relevance", "num_responses"]]
    for row, judged in enumerate(({0: 0.9, 1: 0.1}, {6: 0.5, 8: 0.49}, {12: 1.0, 0: 0.0, 19: 0.7}, {18: 0.2, 17: 0.3})):
        for column, value in judged.items():
            likely[row, column], known[row, column] = value, True
            told.append([keys[row], CLASSES[column], value, 3])
    table(root / "openmic-2018-aggregated-labels.csv", told)
    objects = np.array(keys, object)
    features = np.zeros((4, 10, 128), np.int8)
    np.savez(root / "openmic-2018.npz", X=features, Y_true=likely, Y_mask=known, sample_key=objects)
    (root / "class-map.json").write_text(json.dumps({name: i for i, name in enumerate(CLASSES)}))
    table(root / "partitions" / "split01_train.csv", [[keys[0]], [keys[1]]])
    table(root / "partitions" / "split01_test.csv", [[keys[2]], [keys[3]]])
    for key in keys:
        sound(root / "audio" / key[:3] / f"{key}.ogg", seconds=0.2)
    return root


def fsd50k(root: Path) -> Path:
    """Three development clips, one of them for validation, and one to evaluate on."""
    truth = root / "FSD50K.ground_truth"
    table(truth / "vocabulary.csv", [[0, "Bark", "/m/05tny_"], [1, "Dog", "/m/0bt9lr"], [2, "Hands", "/m/0k65p"]])
    table(
        truth / "dev.csv",
        [["fname", "labels", "mids", "split"], [11, "Bark,Dog", "/m/05tny_,/m/0bt9lr", "train"],
         [12, "Hands", "/m/0k65p", "val"], [13, "Dog", "/m/0bt9lr", "train"]],
    )  # fmt: skip
    table(truth / "eval.csv", [["fname", "labels", "mids"], [21, "Hands", "/m/0k65p"]])
    info = {"11": {"title": "Big dog", "description": "A dog,\r\n barking twice.", "tags": ["dog"], "license": "CC0"}}
    (root / "FSD50K.metadata").mkdir(parents=True)
    (root / "FSD50K.metadata" / "dev_clips_info_FSD50K.json").write_text(json.dumps(info))
    for part, ids in (("dev", (11, 12, 13)), ("eval", (21,))):
        for number in ids:
            sound(root / f"FSD50K.{part}_audio" / f"{number}.wav", seconds=0.3)
    return root


def audiocaps(root: Path) -> Path:
    """Three training clips, of which one file is missing, and one test clip with two captions."""
    head = ["audiocap_id", "youtube_id", "start_time", "caption"]
    rows = [[91139, "r1nicOVtvkQ", 130, "A woman talks nearby, as water pours"],
            [58146, "ZZlOV0XV4mE", 30, "A dog barks"], [1234, "goneGONEgon", 10, "Nobody heard it"]]  # fmt: skip
    table(root / "train.csv", [head, *rows])
    table(root / "test.csv", [head, [1, "-AheI8Epim4", 30, "Rain falls"], [2, "-AheI8Epim4", 30, "Water drips"]])
    sound(root / "train" / "r1nicOVtvkQ_130.flac")
    sound(root / "train" / "ZZlOV0XV4mE.wav")
    sound(root / "test" / "Y-AheI8Epim4.wav")
    return root


def clotho(root: Path) -> Path:
    """One clip in each split; a file name begins with a space."""
    head = ["file_name", *(f"caption_{i}" for i in range(1, 6))]
    for split, name in (("development", " Ambience Birds.wav"), ("validation", "rain é.wav"), ("evaluation", "c.wav")):
        table(root / f"clotho_captions_{split}.csv", [head, [name, *(f"caption, number {i}" for i in range(1, 6))]])
        sound(root / split / name, seconds=0.4)
    return root


def macs(root: Path) -> Path:
    """Two clips with captions and tags of three annotators."""

    def told(who: int, sentence: str, *tags: str) -> dict[str, object]:
        return {"annotator_id": who, "sentence": sentence, "tags": list(tags)}

    files = [
        {"filename": "airport-lisbon-1000-1-a.wav",
         "annotations": [told(1, "people talk in a hall", "adults_talking", "footsteps"),
                         told(2, "adults talking", "adults_talking"), told(3, "an announcement", "announcement")]},
        {"filename": "park-lyon-2-2-a.wav", "annotations": [told(1, "birds", "birds"), told(2, "bird song", "birds")]},
    ]  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "MACS.yaml").write_text(yaml.safe_dump({"files": files}))
    for record in files:
        sound(root / "data" / str(record["filename"]))
    return root


def audioset(root: Path) -> Path:
    """Two clips of the balanced training set, under two of the usual names, and one to evaluate on."""
    table(root / "class_labels_indices.csv", [["index", "mid", "display_name"], [0, "/m/09x0r", "Speech"],
          [1, "/m/05zppz", "Male speech, man speaking"], [2, "/m/0bt9lr", "Dog"]])  # fmt: skip
    header = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=2\n# YTID, start_seconds, end_seconds, positive_labels\n"
    (root / "balanced_train_segments.csv").write_text(
        header + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/m/0bt9lr"\n--ZhevVpy1s, 50.000, 60.000, "/m/05zppz"\n'
    )
    (root / "eval_segments.csv").write_text(header + '-0RWZT-miFs, 420.000, 430.000, "/m/0bt9lr"\n')
    sound(root / "balanced_train" / "Y--PJHxphWEs.wav")
    sound(root / "balanced_train" / "--ZhevVpy1s_50000.flac")
    sound(root / "eval" / "-0RWZT-miFs.wav")
    return root


def folder(root: Path) -> Path:
    """Two labels, three files, one of them deeper; and things that are no sounds."""
    sound(root / "dog" / "1.wav")
    sound(root / "dog" / "session 2" / "2.flac")
    sound(root / "rain" / "3.ogg", seconds=0.2)
    (root / "notes.txt").write_text("recorded at home")
    sound(root / ".trash" / "4.wav")
    return root


LAYOUTS = {
    make.__name__: make
    for make in (esc50, urbansound8k, tut2017, tau2020, openmic, fsd50k, audiocaps, clotho, macs, audioset, folder)
}
