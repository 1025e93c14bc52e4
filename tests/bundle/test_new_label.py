"""`labels add`: a row from words or from recordings, in a pack that an export's encoder understands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinyclap_edge.bundle.new_label import row_from_examples, row_from_words, with_label
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.cli import output
from tinyclap_edge.cli.labels import command
from tinyclap_edge.errors import UsageError
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.resources import data_file


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch):
    monkeypatch.setattr(output, "_quiet_json", False)


def a_pack(background: int | None = None) -> LabelPack:
    rows = np.array([[127, 0, 1], [-127, 2, 3], [5, 127, 0]], np.int8)
    return LabelPack("1" * 16, "2" * 16, ("a", "b", "c"), rows, np.array([100, 300, 200], np.int16), background)


def test_a_label_joins_at_the_end_with_the_threshold_of_the_others():
    row = np.array([0, 0, 127], np.int8)
    pack = with_label(a_pack(), "d", row)
    assert pack.names == ("a", "b", "c", "d") and (pack.rows[3] == row).all()
    assert pack.thresholds_q15.tolist() == [100, 300, 200, 200]
    assert with_label(a_pack(background=0), "d", row).thresholds_q15[3] == 250
    assert with_label(a_pack(), "d", row, 0.5).thresholds_q15[3] == 16384
    LabelPack.from_bytes(pack.to_bytes())


def test_a_label_of_the_same_name_is_replaced_where_it_stands():
    row = np.array([0, 0, 127], np.int8)
    pack = with_label(a_pack(background=2), "b", row)
    assert pack.names == ("a", "b", "c") and (pack.rows[1] == row).all()
    assert pack.thresholds_q15.tolist() == [100, 300, 200] and pack.background == 2


@pytest.mark.parametrize("row", [np.zeros(3, np.int8), np.ones(4, np.int8), np.full(3, -128, np.int8)])
def test_a_row_that_is_none_is_refused(row):
    with pytest.raises(UsageError):
        with_label(a_pack(), "d", row)


def test_words_give_the_row_that_an_export_with_them_has(exports):
    with open_bundle(exports("stm32f4")) as bundle:
        pack = LabelPack.from_bytes((bundle.folder / "labels.tlp").read_bytes())
        for i in (0, len(pack.names) - 1):
            assert (row_from_words(bundle, pack.names[i]) == pack.rows[i]).all()
        with pytest.raises(UsageError, match="maps words elsewhere"):
            row_from_words(bundle, "rain", "nucleo")


def test_a_row_from_recordings_is_nearest_to_those_recordings(exports, tmp_path: Path):
    names = ("dog_barking", "rain", "police_siren")
    files = [data_file(f"examples/{name}.wav") for name in names]
    with open_bundle(exports("stm32f4")) as bundle:
        rows = np.stack([row_from_examples(bundle, [file]) for file in files]).astype(np.float64)
        both = row_from_examples(bundle, files[:2]).astype(np.float64)
        with pytest.raises(UsageError, match="0 examples"):
            row_from_examples(bundle, [])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert (cosines[~np.eye(3, dtype=bool)] < 0.9).all()
    to_both = unit @ both / np.linalg.norm(both)
    assert to_both[:2].min() > to_both[2] and to_both[:2].min() > cosines[0, 1]


def test_add_writes_a_pack_that_the_export_accepts(exports, tmp_path: Path):
    out, siren = tmp_path / "more.tlp", str(data_file("examples/police_siren.wav"))
    export = str(exports("stm32f4"))
    done = CliRunner().invoke(
        command, ["add", "my siren", "--audio", siren, "--encoder", export, "--out", str(out), "--json"],
        standalone_mode=False,
    )  # fmt: skip
    assert done.exception is None, done.exception
    labels = json.loads(done.stdout)["data"]["labels"]
    assert labels[-1]["name"] == "my siren" and LabelPack.from_bytes(out.read_bytes()).names[-1] == "my siren"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--text", "x", "--audio", "y.wav", "--out", "o"), "words and recordings"),
        ((), "where to"),
    ],
)
def test_add_wants_one_source_and_one_place(arguments, says):
    done = CliRunner().invoke(command, ["add", "a", "--encoder", "nowhere", *arguments], standalone_mode=False)
    assert isinstance(done.exception, UsageError) and says in done.exception.fact


def test_a_background_row_is_added_once_and_replaced_under_its_name():
    row = np.array([0, 0, 127], np.int8)
    pack = with_label(a_pack(), "room", row, background=True)
    assert pack.background == 3 and pack.names[3] == "room"
    again = with_label(pack, "room", -row, background=True)
    assert again.background == 3 and (again.rows[3] == -row).all()
    assert with_label(a_pack(), "b", row, background=True).background == 1
    with pytest.raises(UsageError, match="a background row already, 'room'"):
        with_label(pack, "b", row, background=True)
    assert LabelPack.from_bytes(pack.to_bytes()).background == 3


def test_recordings_may_follow_one_another_behind_audio(exports, tmp_path: Path):
    out = tmp_path / "more.tlp"
    audio = [str(data_file(f"examples/{name}.wav")) for name in ("rain", "police_siren")]
    arguments = ["add", "this place", "--background", "--audio", *audio, "--encoder", str(exports("stm32f4"))]
    done = CliRunner().invoke(command, [*arguments, "--out", str(out)], standalone_mode=False)
    assert done.exception is None, done.exception
    pack = LabelPack.from_bytes(out.read_bytes())
    assert pack.names[-1] == "this place" and pack.background == len(pack.names) - 1
    with open_bundle(exports("stm32f4")) as bundle:
        assert (pack.rows[-1] == row_from_examples(bundle, [Path(file) for file in audio])).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("my", "bell", "--text", "x"), "one name too many"),
        (("--audio", "a.wav", "b.wav", "bell"), "the name comes first"),
    ],
)
def test_add_says_which_word_is_out_of_place(arguments, says):
    done = CliRunner().invoke(command, ["add", *arguments, "--encoder", "x", "--out", "o"], standalone_mode=False)
    assert isinstance(done.exception, UsageError) and says in done.exception.fact + done.exception.hint
