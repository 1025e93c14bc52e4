"""An export whose encoder has no end: a stream's bytes are the same on every target, and what is wrong is named."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_gate import made_gate

from benchmarks.engine_models import engine_model
from benchmarks.store import RESULTS
from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle import export
from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.bench_stream import mean_hop
from tinyclap_edge.bundle.board import emulated_board
from tinyclap_edge.bundle.continuous import StreamShape, embeddings_at, require_streamable, slow_features
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.manifest import GATE
from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.bundle.run import prepare, prepare_pcm
from tinyclap_edge.bundle.serial_stream import stream_stops
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.bundle.serial_verify import Found
from tinyclap_edge.bundle.verify import read_golden, verify, verify_serial_stream
from tinyclap_edge.cli.export import command
from tinyclap_edge.device.run_result import Instructions
from tinyclap_edge.errors import CorruptFile, DoesNotFit, NumbersDiffer, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.presets import find_student

WEIGHTS = "firmware/lib/encoder/tce_encoder_weights.c"
LAYER = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A continuous export whose own C this PC compiles, with golden vectors of three embeddings."""
    request = ExportRequest.make(find_board("rp2040"), find_student("esp"), ("rain", "siren"), continuous=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "parity_count", lambda macs: 4)
        patch.setattr(export, "STORED_WINDOWS", 3)
        return export_bundle(request, tmp_path_factory.mktemp("continuous") / "bundle").out


@pytest.fixture
def bundle(folder: Path):
    with open_bundle(folder) as opened:
        yield opened


def with_wrong_weight(folder: Path, copy: Path) -> tuple[Path, str]:
    """A copy whose layer LAYER has one weight that is off by one, towards zero; and the layer's name."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".pio"))
    array = rf"(const int8_t tce_encoder_{LAYER:02d}_weights\[\d+\] = \{{\s*)(-?\d+)"
    text, count = re.subn(array, r"\g<1>(\g<2> > 0 ? \g<2> - 1 : \g<2> + 1)", (copy / WEIGHTS).read_text(), count=1)
    assert count == 1
    (copy / WEIGHTS).write_text(text)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sha256"][WEIGHTS] = hashlib.sha256((copy / WEIGHTS).read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy, manifest["layers"][LAYER]["name"]


def changed_manifest(folder: Path, copy: Path, **encoder: str) -> Path:
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".pio"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["encoder"] |= encoder
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


# -- what is refused, and what is said ---------------------------------------------------------------------------------


def test_a_gate_before_a_continuous_encoder_is_refused() -> None:
    with pytest.raises(UsageError, match="continuous encoder has none") as caught:
        ExportRequest.make(
            find_board("stm32f4"), find_student("small"), ("rain",), gate=made_gate(), continuous=True
        )  # fmt: skip
    assert "--gate or --continuous" in caught.value.hint


def test_a_student_that_looks_at_the_whole_window_is_refused_with_its_layer() -> None:
    with pytest.raises(DoesNotFit, match=r"gated cannot be exported continuous: .*block1/se/scale \(MUL\)") as caught:
        require_streamable(engine_model("gated"), "gated")
    assert "leave out --continuous" in caught.value.hint


def test_a_hop_shorter_than_a_row_of_features_is_warned_of() -> None:
    shape, spec = StreamShape(221, 4, 32), FrontendSpec()
    assert slow_features(shape, 32, spec) is None
    assert "a hop of 0.32 s" in str(slow_features(shape, 16, spec)) and "every 0.64 s" in str(
        slow_features(shape, 16, spec)
    )


def test_a_manifest_with_a_schedule_of_its_own_or_a_gate_is_refused(folder: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(CorruptFile, match="none of layers, rows, continuous"),
        open_bundle(changed_manifest(folder, tmp_path / "a", schedule="columns")),
    ):
        pass
    copy = changed_manifest(folder, tmp_path / "b")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / GATE).write_text("{}")
    manifest["sha256"][GATE] = hashlib.sha256(b"{}").hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CorruptFile, match="no windows that gate.json could spare"), open_bundle(copy):
        pass


def test_the_help_says_what_was_measured() -> None:
    rows = json.loads((RESULTS / "engine.json").read_text(encoding="utf-8"))
    hop = next(r for r in rows["streams"] if r["model"] == "small")
    window = hop["window_share"] * hop["window_rows"] / hop["hop_rows"]
    said = next(p.help for p in command.params if p.name == "continuous")
    assert f"{hop['hop_rows']} of {hop['window_rows']} rows on a Cortex-M4" in said and hop["core"] == "cortex-m4"
    assert f"{hop['instructions_per_hop'] / 1e6:.1f} instead of {window / 1e6:.1f} million" in said


# -- the pieces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "hop", "held"), [(221, 64, 128), (221, 1, 128), (130, 128, 128), (100, 30, 128)])
def test_no_row_of_a_replay_is_overwritten_before_it_is_read(first: int, hop: int, held: int) -> None:
    stops = stream_stops(700, first, hop, held)
    assert [rows for rows, asked in stops if asked] == embeddings_at(700, first, hop)
    rows = [0, *(rows for rows, _ in stops)]
    assert all(0 < after - before <= held for before, after in pairwise(rows))


def test_a_hop_is_what_two_runs_differ_by() -> None:
    short, long = (Instructions(10 * n, 5, n, 3 * n, {"a": 4 * n, "b": 7}, 2 * n, n) for n in (10, 40))
    hop = mean_hop(long, short, 3)
    assert (hop.logmel, hop.layers, hop.schedule, hop.labels, hop.start) == (30, {"a": 40, "b": 0}, 20, 10, 0)


# -- end to end --------------------------------------------------------------------------------------------------------


def test_the_bundle_says_that_it_is_a_stream_and_keeps_one(bundle: Bundle) -> None:
    assert bundle.manifest["encoder"]["schedule"] == "continuous" and bundle.stream is not None
    assert bundle.manifest["stream"] == {"first_rows": 221, "feature_rows": 4, "feature_rate": 32}
    pcm, golden = read_golden(bundle)
    assert pcm.shape == (3 * bundle.spec.window_total_samples,) and len(golden.embeddings) == 3
    assert bundle.span_samples == 220 * bundle.spec.hop_samples + bundle.spec.window_samples
    drift = bundle.manifest["drift"][-1]
    assert drift["target"] == "continuous" and 0 < drift["mean"] < 0.999  # the reason why it is not the default
    rings = [row["bytes"] for row in bundle.manifest["memory"] if row["what"] == "ring of sound"]
    longer = "#define TCE_RING_SAMPLES 4096 " not in (bundle.firmware / "src" / "tce_config.h").read_text()
    assert bool(rings) == longer  # told where the encoder wants more than any firmware has
    assert "TCE_ENCODER_FIRST_ROWS 221" in (bundle.firmware / "lib" / "encoder" / "tce_encoder.h").read_text()


@pytest.mark.parametrize("target", ["python", "host", pytest.param("emulator", marks=pytest.mark.slow)])
def test_the_golden_stream_has_the_same_bytes_on_every_target(bundle: Bundle, target: str) -> None:
    data = verify(bundle, target)
    assert (
        data["identical"]
        and data["windows"] == 3
        and data["stages"]["embeddings"] == 3 * bundle.manifest["encoder"]["r"]
    )


def test_a_recording_is_heard_to_its_end_and_from_the_first_embedding_on(bundle: Bundle, tmp_path: Path) -> None:
    sound = read_golden(bundle)[0][: bundle.span_samples + 3000]
    pcm = prepare_pcm(bundle, sound)
    assert pcm.size == bundle.span_samples + bundle.hop_frames * bundle.spec.hop_samples
    found = [prepare(bundle, target, tmp_path).run(pcm)[0] for target in ("python", "host")]
    assert len(found[0].embeddings) == 2
    assert np.array_equal(found[0].embeddings, found[1].embeddings) and found[0].digest() == found[1].digest()
    assert prepare_pcm(bundle, sound[:100]).size == bundle.span_samples


@pytest.mark.parametrize("target", ["host", pytest.param("emulator", marks=pytest.mark.slow)])
def test_a_wrong_weight_is_caught_in_its_layer(folder: Path, tmp_path: Path, target: str) -> None:
    copy, name = with_wrong_weight(folder, tmp_path / "copy")
    with open_bundle(copy) as opened, pytest.raises(NumbersDiffer) as error:
        verify(opened, target)
    assert f"layer {name} (" in error.value.fact and "at or before golden embedding" in error.value.fact


def over_a_port(opened: Bundle, work: Path) -> tuple[int, Found] | None:
    pcm, wanted = read_golden(opened)
    with emulated_board(opened, work / "labels.flash") as board:
        ready = prepare(opened, "serial", Path(), port=board.port)
        assert isinstance(ready, SerialReady)
        end = opened.span_samples + opened.hop_frames * opened.spec.hop_samples  # two embeddings
        return verify_serial_stream(ready, pcm[:end], wanted)


@pytest.mark.slow
def test_a_board_on_a_port_is_sent_the_stream(bundle: Bundle, tmp_path: Path) -> None:
    assert over_a_port(bundle, tmp_path) is None


@pytest.mark.slow
def test_a_wrong_weight_is_named_over_the_port(folder: Path, tmp_path: Path) -> None:
    copy, name = with_wrong_weight(folder, tmp_path / "copy")
    with open_bundle(copy) as opened:
        found = over_a_port(opened, tmp_path)
    assert found is not None and found[0] == 0 and found[1].gone
    names = [layer["name"] for layer in json.loads((copy / "manifest.json").read_text())["layers"]]
    assert names.index(found[1].difference.layer) >= names.index(name), found[1]
    assert "(or a layer before it in a row that is no longer there)" in found[1].words()


@pytest.mark.slow
def test_a_benchmark_tells_what_a_hop_costs(bundle: Bundle, tmp_path: Path) -> None:
    data = bench(prepare(bundle, "emulator", tmp_path), 1)
    per = data["instructions"]
    assert data["per"] == "one hop" and data["parity"]["windows"] == 2
    assert sum(layer["instructions"] for layer in data["layers"]) + per["schedule"] == per["encoder"]
    share = bundle.hop_frames / bundle.spec.frames
    assert per["encoder"] / (bundle.manifest["encoder"]["macs"] * share) == pytest.approx(
        data["instructions_per_mac"], abs=0.001
    )
