"""An export with a power gate, end to end: silence runs no encoder, events are still found, and every target agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_gate import made_gate
from named_sounds import LABELS
from place_sounds import RATE, event, room

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.classify import heard
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.gating import keep_shut
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.bundle.run import HostReady, prepare
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.device.serial_board import HostBoard
from tinyclap_edge.device.targets import emulator_target
from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.students.presets import find_student

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory):
    """An export for an STM32F405 with a gate and a background row."""
    board, student = find_board("stm32f4"), find_student("small")
    request = ExportRequest.make(board, student, LABELS, background="silence", gate=made_gate())
    with open_bundle(export_bundle(request, tmp_path_factory.mktemp("gated") / "bundle").out) as bundle:
        yield bundle


@pytest.fixture(scope="module")
def emulated(gated: Bundle, tmp_path_factory: pytest.TempPathFactory):
    """Its firmware, built, in the emulator."""
    return prepare(gated, "emulator", tmp_path_factory.mktemp("work"))


def stream() -> np.ndarray:
    """Twelve seconds of the room, in the sixth of which a police siren is heard."""
    sound = room(12, seed=9)
    sound[5 * RATE : 6 * RATE] = np.clip(sound[5 * RATE : 6 * RATE].astype(int) + event(3), -32768, 32767)
    return sound


def test_the_bundle_holds_gate_and_background_row(gated: Bundle) -> None:
    assert gated.gate == made_gate()
    assert gated.labels[-1] == "silence" and gated.pack.background == len(LABELS)
    source = gated.firmware / "lib" / "gate" / "tce_gate_model.h"
    assert source.read_text(encoding="utf-8") == made_gate().model.source
    assert any(row["what"] == "gate's columns" and row["bytes"] == 1280 for row in gated.manifest["memory"])


def test_silence_runs_no_encoder_and_an_event_is_still_found(emulated, tmp_path: Path) -> None:
    stages, run = emulated.run(stream())
    zero = emulated.bundle.pipeline().output_quant.z
    shut = (stages.embeddings == zero).all(1)
    assert shut.tolist() == [True, True, False, False, False, True, True, True]
    assert not stages.scores[shut].any()
    wanted, _ = prepare(emulated.bundle, "python", tmp_path).run(stream())
    assert np.array_equal(stages.embeddings, wanted.embeddings) and np.array_equal(stages.scores, wanted.scores)

    silent, quiet = emulated.run(room(6, seed=4))
    assert len(silent.embeddings) == 3 and quiet.instructions.encoder == 0
    assert run.instructions.encoder > 0

    pack = emulated.bundle.pack
    siren = LABELS.index("police siren")
    ungated = emulated.bundle.pipeline().run(windows_of(emulated.bundle, stream()))
    best = int(ungated.scores[:, siren].max())
    eager = LabelPack(
        pack.encoder_id, pack.frontend_id, pack.names, pack.rows,
        np.where(np.arange(len(pack.names)) == siren, best // 2, 32767).astype(np.int16),
    )  # fmt: skip
    assert heard(eager, stages.scores) == heard(eager, ungated.scores) == ["police siren"]


def test_status_counts_the_windows_on_which_the_gate_stayed_shut(gated: Bundle, tmp_path: Path) -> None:
    host = prepare(gated, "host", tmp_path)
    assert isinstance(host, HostReady) and host.image is not None
    shut = int((host.run(stream())[0].embeddings == gated.pipeline().output_quant.z).all(1).sum())
    with HostBoard(host.image, tmp_path, stream()) as board, open_link(board.port) as link:
        link.hello()
        status = next(s for _ in range(1000) if (s := link.status()).windows == 8)
    assert 0 < shut < 8 and status.shut_windows == shut


def windows_of(bundle: Bundle, pcm: np.ndarray) -> np.ndarray:
    """(n, samples) int16: what a stream's windows are."""
    hop, length = bundle.hop_frames * bundle.spec.hop_samples, bundle.spec.window_total_samples
    return np.stack([pcm[s : s + length] for s in range(0, pcm.size - length + 1, hop)])


def test_a_target_that_gives_no_log_mel_back_is_gated_alike(gated: Bundle) -> None:
    windows = windows_of(gated, stream())[1:4]
    stages = gated.pipeline().run(windows)
    near = keep_shut(gated, stages, windows)
    far = keep_shut(gated, Stages(stages.embeddings, stages.scores), windows)
    assert near.digest() == far.digest() != stages.digest()


def test_golden_windows_are_examined_whatever_the_gate_says(emulated) -> None:
    quiet = room(2.572, seed=4)[None, : emulated.bundle.spec.window_total_samples]
    found, run = emulated.run_windows(quiet)
    assert run.instructions.encoder > 0
    assert np.array_equal(found.embeddings, emulated.bundle.pipeline().run(quiet).embeddings)


def test_bench_says_what_the_gate_saves(emulated) -> None:
    data = bench(emulated, 1)
    gate, per = data["gate"], data["instructions"]
    hop = emulated.bundle.hop_frames / emulated.bundle.spec.frames
    always = per["frontend"] * hop + per["encoder"] + per["labels"]
    assert gate["asked_miss_rate"] == 0.02 and gate["shut"]["n"] == 22
    assert 0 < gate["instructions"] < 0.02 * always
    assert gate["time_saved"]["value"] == pytest.approx((per["encoder"] - gate["instructions"]) / always, abs=1e-3)
    assert gate["time_saved"]["low"] < gate["time_saved"]["value"] <= gate["time_saved"]["high"]


def test_a_hop_within_the_window_stands_behind_the_gate_and_a_longer_one_does_not(emulated) -> None:
    board = emulated.bundle.board
    behind = emulator_target(board).run(emulated.image, room(2.6, seed=4), emulated.bundle.spec.frames)
    apart = emulator_target(board).run(emulated.image, room(2.6, seed=4), emulated.bundle.spec.frames + 1)
    assert behind.instructions and apart.instructions
    assert behind.instructions.encoder == 0 and apart.instructions.encoder > 0


def test_a_gate_for_another_front_end_is_refused(tmp_path: Path) -> None:
    other = made_gate(FrontendSpec(mel_bins=40))
    with pytest.raises(UsageError, match="the gate listens through front end"):
        ExportRequest.make(find_board("stm32f4"), find_student("small"), LABELS, gate=other)
