"""Training a gate: which recordings are kept apart, what a miss rate takes, and the verb from folders to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from place_sounds import RATE, event, room, write_events, write_room

from tinyclap_edge.audio import sound_files
from tinyclap_edge.cli import output
from tinyclap_edge.cli.gate import command
from tinyclap_edge.errors import GateFailed, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.examples import Part, read_examples
from tinyclap_edge.gate.file import read_gate
from tinyclap_edge.gate.statistics import FEATURES
from tinyclap_edge.gate.train import choose_threshold, events_needed, train_gate

SPEC = FrontendSpec()


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch):
    monkeypatch.setattr(output, "_quiet_json", False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 events, and two minutes of the room."""
    folder = tmp_path_factory.mktemp("place")
    write_events(folder / "events", 24)
    write_room(folder / "ambient", 2)
    return folder


def run(*arguments: str) -> dict:
    done = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    if done.exception:
        raise done.exception
    return json.loads(done.stdout)["data"]


def train(place: Path, out: Path, *more: str) -> dict:
    folders = ("--events", str(place / "events"), "--ambient", str(place / "ambient"))
    return run("train", *folders, "--out", str(out), *more)


def parts_of(events: int, ambient: int, apart: int = 8000, seed: int = 0) -> dict[str, Part]:
    """Windows of 20 statistics whose 19th is `apart` larger in events, in the mean."""
    rng = np.random.default_rng(seed)

    def rows(n: int, more: int) -> np.ndarray:
        out = rng.integers(0, 4000, (n, len(FEATURES))).astype(np.int32)
        out[:, 18] += more
        return out

    return {name: Part(rows(events, apart), rows(ambient, 0), 60.0) for name in ("learn", "choose", "examine")}


def test_recordings_become_a_gate_that_opens_on_events_and_sleeps_in_the_room(place, tmp_path):
    pytest.importorskip("micromlgen")
    shown = train(place, tmp_path / "gate.json", "--miss-rate", "0.1")
    gate = read_gate(tmp_path / "gate.json")
    assert shown["checked_vectors"] == 1000 and shown["missed"]["n"] == 5 and shown["shut"]["n"] > 5
    assert shown["shut"]["value"] > 0.8 and shown["missed"]["value"] <= 0.2
    again = run("show", str(tmp_path / "gate.json"))
    assert again["model"] == gate.model.source and again["missed"] == shown["missed"]
    first = (tmp_path / "gate.json").read_bytes()
    train(place, tmp_path / "gate.json", "--miss-rate", "0.1")
    assert (tmp_path / "gate.json").read_bytes() == first


def test_people_read_shares_with_their_intervals(tmp_path):
    from made_gate import made_gate

    (tmp_path / "gate.json").write_bytes(made_gate().to_bytes())
    done = CliRunner().invoke(command, ["show", str(tmp_path / "gate.json")], standalone_mode=False)
    assert "0.0% to 12.9%" in done.stdout and "crest_range" in done.stdout and "1,000 vectors" in done.stdout
    source = CliRunner().invoke(command, ["show", str(tmp_path / "gate.json"), "--c"], standalone_mode=False)
    assert source.stdout == made_gate().model.source


def test_events_are_mixed_with_the_room_so_that_no_silence_gives_them_away(place):
    parts = read_examples(sound_files(place / "events", "x"), sound_files(place / "ambient", "x"), SPEC)
    least = FEATURES.index("low_most"), FEATURES.index("low_range")
    for part in parts.values():
        quietest = part.events[:, least[0]] - part.events[:, least[1]]
        assert quietest.min() > 0.9 * (part.ambient[:, least[0]] - part.ambient[:, least[1]]).min()
    assert [len(parts[name].events) for name in ("learn", "choose", "examine")] == [80, 9, 5]


def test_a_long_recording_of_events_gives_its_loud_windows(tmp_path):
    sound = room(20, level=10)
    for at in (3, 12):
        sound[at * RATE : (at + 1) * RATE] = event(0)
    (tmp_path / "ev").mkdir()
    for i in range(5):
        soundfile.write(tmp_path / "ev" / f"{i}.wav", sound, RATE)
    write_room(tmp_path / "amb", 2)
    parts = read_examples(sound_files(tmp_path / "ev", "x"), sound_files(tmp_path / "amb", "x"), SPEC)
    assert len(parts["choose"].events) in (4, 6) and len(parts["examine"].events) in (2, 3)


def test_the_threshold_is_that_of_split_conformal_prediction():
    scores = np.linspace(0, 1, 99)
    assert choose_threshold(scores, 0.05) == scores[4]
    assert choose_threshold(scores, 0.01) == scores[0]
    with pytest.raises(UsageError, match="99 events to choose by cannot promise a miss rate of 0.009") as caught:
        choose_threshold(scores, 0.009)
    assert "--miss-rate 0.01" in caught.value.hint


def test_the_miss_rate_is_kept_on_the_average_of_many_gates():
    pytest.importorskip("micromlgen")
    missed = []
    for seed in range(3):
        parts = parts_of(300, 300, apart=1500, seed=seed)
        missed.append(train_gate(parts, 0.1, seed).missed.value)
    assert 0.01 < np.mean(missed) <= 0.14


def test_a_lower_miss_rate_keeps_fewer_windows_shut():
    pytest.importorskip("micromlgen")
    shut = [train_gate(parts_of(400, 400, apart=1500), rate).shut.value for rate in (0.05, 0.4)]
    assert shut[0] < shut[1]


def test_events_like_the_place_itself_give_no_gate():
    pytest.importorskip("micromlgen")
    with pytest.raises(GateFailed, match="look alike"):
        train_gate(parts_of(100, 100, apart=0), 0.01)


@pytest.mark.parametrize(("rate", "needed"), [(0.02, 123), (0.1, 23), (0.5, 3)])
def test_so_many_recordings_a_rate_takes(rate, needed):
    assert events_needed(rate) == needed


@pytest.mark.parametrize("rate", ["0", "-0.1", "0.5", "1", "nan", "inf"])
def test_a_rate_that_no_gate_keeps_is_refused(place, tmp_path, rate):
    with pytest.raises(UsageError, match="cannot be kept"):
        train(place, tmp_path / "gate.json", "--miss-rate", rate)


def test_folders_that_say_too_little_are_refused_and_nothing_is_written(place, tmp_path):
    out, empty = tmp_path / "gate.json", tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="holds no sound file"):
        run("train", "--events", str(empty), "--ambient", str(place / "ambient"), "--out", str(out))
    with pytest.raises(UsageError, match="there is no folder"):
        run("train", "--events", str(place / "events"), "--ambient", str(tmp_path / "absent"), "--out", str(out))
    with pytest.raises(UsageError, match="cannot promise a miss rate of 0.02") as caught:
        train(place, out)
    assert "123 event recordings" in caught.value.hint
    soundfile.write(empty / "short.wav", room(10), RATE)
    with pytest.raises(UsageError, match="a gate needs 3"):
        run("train", "--events", str(place / "events"), "--ambient", str(empty), "--out", str(out))
    soundfile.write(empty / "short.wav", np.zeros(RATE, np.int16), RATE)
    with pytest.raises(UsageError, match="is silent"):
        run("train", "--events", str(empty), "--ambient", str(place / "ambient"), "--out", str(out))
    assert not out.exists()
