"""`labels calibrate`: thresholds from a place's own sound, into a pack or onto a running board, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from place_sounds import RATE, event, room, write_room

from tinyclap_edge.bundle.listening import in_place, label_of, stream_scores
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.run import prepare
from tinyclap_edge.cli import output
from tinyclap_edge.cli.labels import command
from tinyclap_edge.device.link_monitor import EventSettings
from tinyclap_edge.device.serial_board import HostBoard
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.labels.alarms import count_alarms
from tinyclap_edge.labels.pack import LabelPack

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch):
    monkeypatch.setattr(output, "_quiet_json", False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One minute of the room, one recording too short to say anything, and two events of two labels."""
    folder = tmp_path_factory.mktemp("place")
    write_room(folder / "ambient", 1)
    soundfile.write(folder / "ambient" / "short.wav", room(1), RATE)
    (folder / "events" / "police siren").mkdir(parents=True)
    soundfile.write(folder / "events" / "police siren" / "1.wav", event(3), RATE)
    soundfile.write(folder / "events" / "dog_barking-1.wav", event(0), RATE)
    return folder


def run(*arguments: str) -> dict:
    done = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    if done.exception:
        raise done.exception
    return json.loads(done.stdout)


def calibrate(export: Path, ambient: Path, rate: str, *more: str) -> dict:
    return run("calibrate", "--encoder", str(export), "--ambient", str(ambient), "--false-alarms-per-hour", rate, *more)


def test_a_pack_is_calibrated_as_a_board_counts_and_what_was_too_little_is_said(exports, place, tmp_path):
    export, out = exports("stm32f4"), tmp_path / "quiet.tlp"
    done = calibrate(export, place / "ambient", "1", "--events", str(place / "events"), "--out", str(out))
    data = done["data"]
    assert data["hours"] == pytest.approx(1 / 60, abs=1e-4) and not data["shown_at_95_percent"]
    assert "too few to show 1 an hour" in done["warnings"][0] and "record 3.0 h" in done["warnings"][0]
    assert set(data["found"]) == {"police siren", "dog barking"} and data["found"]["dog barking"]["n"] == 1
    pack, before = LabelPack.from_bytes(out.read_bytes()), LabelPack.from_bytes((export / "labels.tlp").read_bytes())
    assert (pack.thresholds_q15 >= before.thresholds_q15).all() and pack.names == before.names
    with open_bundle(export) as bundle:
        heard = stream_scores(prepare(bundle, "python", tmp_path), pack, room(60)[: 20 * RATE])
    assert not count_alarms([heard], pack.thresholds_q15, None, EventSettings()).any()
    assert heard.shape == (14, len(pack.names))


def test_with_hours_enough_a_threshold_is_lowered_to_what_the_place_needs(exports, place, tmp_path):
    """A minute is enough for a rate of 200 an hour."""
    data = calibrate(
        exports("stm32f4"), place / "ambient", "200", "--target", "python", "--out", str(tmp_path / "q.tlp")
    )["data"]
    before = LabelPack.from_bytes((exports("stm32f4") / "labels.tlp").read_bytes()).thresholds_q15 / 32768
    assert data["shown_at_95_percent"] and max(data["alarms_per_hour_at_most"].values()) <= 200
    assert any(label["threshold"] < old for label, old in zip(data["labels"], before, strict=True))


def test_people_read_a_row_a_label_and_the_limits(exports, place, tmp_path):
    arguments = ["calibrate", "--encoder", str(exports("stm32f4")), "--ambient", str(place / "ambient")]
    arguments += [
        "--target",
        "python",
        "--false-alarms-per-hour",
        "1",
        "--events",
        str(place / "events"),
        "--out",
        str(tmp_path / "q.tlp"),
    ]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    assert "at most (95 %)" in done.stdout and "all labels together: 0 alarms in 0.02 h" in done.stdout
    assert " of 1 (" in done.stdout and "police siren" in done.stdout


def test_thresholds_reach_a_running_board(exports, place, tmp_path):
    with open_bundle(exports("stm32f4")) as bundle:
        program = prepare(bundle, "host", tmp_path).image
        assert program is not None
        (tmp_path / "board").mkdir()
        with HostBoard(program, tmp_path / "board", room(4)) as board:
            more = ("--target", "python", "--port", board.port)
            data = calibrate(exports("stm32f4"), place / "ambient", "200", *more)["data"]
            shown = run("show", "--port", board.port)["data"]
    assert [x["threshold"] for x in shown["labels"]] == [x["threshold"] for x in data["labels"]]
    assert shown["device"]["generation"] == 1


def test_event_recordings_say_their_label_by_folder_or_by_name():
    names = ("dog", "dog barking", "Rain")
    assert label_of(Path("x/dog_barking-2.wav"), names) == 1
    assert label_of(Path("x/dog 2.wav"), names) == 0
    assert label_of(Path("rain/dog.wav"), names) == 2
    with pytest.raises(UsageError, match="named after no label"):
        label_of(Path("x/cat.wav"), names)


def test_an_event_is_set_into_the_ambient_sound():
    heard = in_place(np.full(10, 30_000, np.int16), np.array([1, 5000, 3], np.int16), 5)
    assert (
        heard.size == 20
        and heard[:5].tolist() == [1, 5000, 3, 1, 5000]
        and heard[5:15].tolist()[:2] == [30_003, 30_001]
    )
    assert heard.max() == 32_767


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "1e6"])
def test_rates_that_cannot_be_are_refused(exports, place, tmp_path, rate):
    with pytest.raises(UsageError):
        calibrate(exports("stm32f4"), place / "ambient", rate, "--out", str(tmp_path / "x.tlp"))
    assert list(tmp_path.iterdir()) == []


def test_folders_and_packs_that_are_none_are_refused_and_nothing_is_written(exports, place, tmp_path):
    export, out, folder = exports("stm32f4"), tmp_path / "x.tlp", tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UsageError, match="holds no sound file"):
        calibrate(export, folder, "1", "--out", str(out))
    with pytest.raises(UsageError, match="where to"):
        calibrate(export, place / "ambient", "1")
    with pytest.raises(UsageError, match="named after no label"):
        calibrate(export, place / "ambient", "1", "--events", str(place / "ambient"), "--out", str(out))
    soundfile.write(folder / "short.wav", room(2), RATE)
    with pytest.raises(UsageError, match=r"as long as a window, 2\.57 s"):
        calibrate(export, folder, "1", "--target", "python", "--out", str(out))
    soundfile.write(folder / "nan.wav", np.full(60_000, np.nan, np.float32), RATE, subtype="FLOAT")
    with pytest.raises(CorruptFile, match="NaN"):
        calibrate(export, folder, "1", "--target", "python", "--out", str(out))
    huge = tmp_path / "huge.tlp"
    with huge.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(CorruptFile, match="2,147,483,648 bytes"):
        calibrate(export, place / "ambient", "1", "--pack", str(huge), "--out", str(out))
    foreign = LabelPack("1" * 16, "2" * 16, ("a",), np.ones((1, 4), np.int8), np.zeros(1, np.int16))
    (tmp_path / "foreign.tlp").write_bytes(foreign.to_bytes())
    with pytest.raises(UsageError, match="the labels are for encoder 1111111111111111"):
        calibrate(export, place / "ambient", "1", "--pack", str(tmp_path / "foreign.tlp"), "--out", str(out))
    assert not out.exists()
