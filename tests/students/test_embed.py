"""`students embed`: log-mels and sounds of any length, by any student."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from students.made_student import made_student

from tinyclap_edge.cli.main import main
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.reference import logmel_float
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.embed import clip_windows, embed_logmel, read_logmel
from tinyclap_edge.students.file import write_student
from tinyclap_edge.students.to_graph import student_graph

pytest.importorskip("torch")
ARCH = "phinet:alpha=0.3,beta=1,t0=2,N=4,compat=1,padding=same"
SPEC = FrontendSpec(frames=40)


@pytest.fixture(scope="module")
def student():
    return made_student(ARCH, dim=12, spec=SPEC)


def run(*arguments: object) -> tuple[int, dict]:
    done = CliRunner().invoke(main, ["students", *map(str, arguments), "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout)


def test_a_log_mel_gives_what_the_exported_graph_gives(student) -> None:
    from tinyclap_export.float_run import run_float

    logmel = np.random.default_rng(0).uniform(-90, -10, (5, 40, 64)).astype(np.float32)
    x = (logmel + SPEC.offset_db) / SPEC.scale_db
    np.testing.assert_allclose(
        embed_logmel(student, logmel), run_float(student_graph(student), x[..., None]), atol=1e-4
    )


def test_the_command_writes_embeddings_of_log_mels(student, tmp_path: Path) -> None:
    write_student(tmp_path / "s.safetensors", student)
    logmel = np.random.default_rng(0).uniform(-90, -10, (3, 40, 64))
    np.savez(tmp_path / "x.npz", logmel=logmel)
    code, data = run("embed", tmp_path / "s.safetensors", "--mel", tmp_path / "x.npz", "--out", tmp_path / "y.npz")
    assert code == 0 and data["data"]["rows"] == 3
    found = np.load(tmp_path / "y.npz")["embeddings"]
    assert found.dtype == np.float32 and np.array_equal(found, embed_logmel(student, logmel))


def test_sounds_are_the_mean_over_their_windows(student, tmp_path: Path) -> None:
    write_student(tmp_path / "s.safetensors", student)
    rng, window = np.random.default_rng(1), SPEC.window_total_samples
    for name, samples in (("short", 3000), ("one", window), ("long", 2 * window + 5000)):
        soundfile.write(tmp_path / f"{name}.wav", (rng.normal(0, 3000, samples)).astype(np.int16), 16000)
    files = [tmp_path / f"{n}.wav" for n in ("short", "one", "long")]
    code, _ = run("embed", tmp_path / "s.safetensors", "--audio", *files, "--out", tmp_path / "y.npz")
    found = np.load(tmp_path / "y.npz")
    assert code == 0 and found["files"].tolist() == [str(f) for f in files]
    pcm = soundfile.read(files[2], dtype="int16")[0]
    parts = [pcm[:window], pcm[window : 2 * window], pcm[-window:]]
    wanted = embed_logmel(student, np.stack([logmel_float(p, SPEC) for p in parts])).mean(0)
    np.testing.assert_allclose(found["embeddings"][2], wanted, atol=1e-5)


def test_windows_cover_a_recording_and_no_silence_is_added_to_a_long_one() -> None:
    window, hop = SPEC.window_total_samples, SPEC.hop_samples
    for samples, count in ((1, 1), (window, 1), (window + hop - 1, 1), (window + hop, 2), (3 * window + hop, 4)):
        pcm = np.arange(1, samples + 1).astype(np.int16)
        parts = clip_windows(pcm, SPEC)
        assert len(parts) == count and all(len(p) == window for p in parts)
        assert samples < window or all((p != 0).all() or p[0] == pcm[-window] for p in parts)


def test_another_number_of_mel_bins_is_refused(student) -> None:
    with pytest.raises(UsageError, match=r"not \(n, frames, 64\)"):
        embed_logmel(student, np.zeros((2, 40, 128), np.float32))


def test_bad_files_of_log_mels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(UsageError, match="no file"):
        read_logmel(path)
    for arrays, word in (
        ({"mel": np.zeros((1, 2, 3))}, "no array 'logmel'"),
        ({"logmel": np.zeros((2, 3))}, "not float"),
        ({"logmel": np.zeros((1, 2, 3), int)}, "not float"),
        ({"logmel": np.full((1, 2, 3), np.nan)}, "NaN"),
        ({"logmel": np.array([[[{}]]], object)}, "not a readable"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(CorruptFile, match=word):
            read_logmel(path)
    np.savez(path, logmel=np.zeros((4, 40, 64)))
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:cut])
        with pytest.raises(CorruptFile):
            read_logmel(path)


def test_either_log_mels_or_sounds(student, tmp_path: Path) -> None:
    write_student(tmp_path / "s.safetensors", student)
    for arguments in ((), ("--mel", "x.npz", "--audio", "a.wav"), ("a.wav",)):
        with pytest.raises(UsageError, match="give either"):
            run("embed", tmp_path / "s.safetensors", *arguments, "--out", tmp_path / "y.npz")


def test_a_missing_sound_writes_nothing(student, tmp_path: Path) -> None:
    write_student(tmp_path / "s.safetensors", student)
    with pytest.raises(UsageError, match="no sound file"):
        run("embed", tmp_path / "s.safetensors", "--audio", tmp_path / "none.wav", "--out", tmp_path / "y.npz")
    assert not (tmp_path / "y.npz").exists()


def test_shown_parameters_are_the_published_ones() -> None:
    for name in ("tinyclap", "phinet_alpha_1.50_beta_0.75_t0_6_N_7"):
        done = CliRunner().invoke(main, ["students", "show", name])
        assert done.exit_code == 0 and "4,434,547" in done.stdout
