"""The serial target: whose board it is, stages compared over a port, layers found in the arena, stages timed."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.figures import figures_of
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.layer_watch import Difference, LayerPlace
from tinyclap_edge.bundle.run import TARGETS
from tinyclap_edge.bundle.serial_bench import bench_serial, keep_measurement, time_stage
from tinyclap_edge.bundle.serial_target import SerialReady, check_identity, is_emulated
from tinyclap_edge.bundle.serial_verify import Found, arena_difference, verify_serial, written_spans
from tinyclap_edge.device.measurements import read_measurement
from tinyclap_edge.device.replay import Rows, Shape, Stage, Ticks, What, row_checksums
from tinyclap_edge.errors import DeviceError, UsageError

RNG = np.random.default_rng(1)
SAMPLES, FRAMES, MELS, DIM, LABELS = 1000, 5, 4, 6, 3
WINDOWS = RNG.integers(-999, 999, (2, SAMPLES)).astype(np.int16)
WANTED = Stages(
    RNG.integers(-128, 128, (2, DIM)).astype(np.int8), RNG.integers(-999, 999, (2, LABELS)).astype(np.int16),
    RNG.integers(-999, 999, (2, FRAMES, MELS)).astype(np.int16), RNG.integers(-128, 128, (2, FRAMES, MELS)).astype(np.int8),
)  # fmt: skip


class FakeReplay:
    """A board that gives the wanted bytes, but for what `wrong` names: (stage, window)."""

    def __init__(self, wrong: tuple[str, int] | None = None, clock_hz: int = 100_000_000) -> None:
        self.wrong, self.clock_hz, self.index = wrong, clock_hz, -1
        self.runs: list[tuple[Stage, int]] = []

    def _off(self, stage: str, values: np.ndarray) -> np.ndarray:
        if self.wrong == (stage, self.index):
            values = values.copy()
            values.reshape(-1)[2 * MELS + 1 if values.size > MELS * 3 else 1] ^= 1
        return values

    def begin(self) -> Shape:
        return Shape(SAMPLES, FRAMES, MELS, DIM, LABELS, 128)

    def send(self, pcm: np.ndarray):
        self.index = next(i for i, window in enumerate(WINDOWS) if np.array_equal(window, pcm))
        assert WANTED.logmel_q8 is not None and WANTED.inputs is not None
        self.logmel = self._off("log-mel", WANTED.logmel_q8[self.index])
        self.inputs = self._off("network input", WANTED.inputs[self.index])
        for row in range(FRAMES):
            self.row = row
            yield Rows(row + 1, row_checksums(self.logmel)[row], row_checksums(self.inputs)[row])

    def run(self, stage: Stage, times: int = 1) -> Ticks:
        self.runs.append((stage, times))
        done, one = min(times, 40), {Stage.FRONTEND: 100, Stage.ENCODER: 10_000, Stage.SCORES: 50}[stage]
        return Ticks(one * done * self.clock_hz // 1_000_000, one * done, done)

    def read(self, what: What) -> bytes:
        return {What.LOGMEL_ROW: self.logmel[self.row].astype("<i2").tobytes(), What.INPUT: self.inputs.tobytes(),
                What.ARENA: bytes(64)}[what]  # fmt: skip

    def embedding(self) -> np.ndarray:
        return self._off("embedding", WANTED.embeddings[self.index])

    def scores(self) -> np.ndarray:
        return self._off("scores", WANTED.scores[self.index])


class FakeReady(SerialReady):
    """A session with a made board."""

    @contextmanager
    def session(self):  # type: ignore[override]
        device = SimpleNamespace(version="0.1.0", arena_bytes=1, static_bytes=2)
        yield device, SimpleNamespace(status=lambda: SimpleNamespace(stack_bytes=1234)), self.replay  # type: ignore[attr-defined]


def ready(replay: FakeReplay, folder: Path = Path(), port: str = "/dev/ttyACM0") -> SerialReady:
    manifest = {"encoder": {"id": "e" * 16, "student": "small", "macs": 10}, "memory": [], "layers": []}
    pipeline = SimpleNamespace(run=lambda pcm: Stages(WANTED.embeddings[: len(pcm)], WANTED.scores[: len(pcm)]))
    spec = SimpleNamespace(frames=FRAMES)
    bundle = SimpleNamespace(
        board=find_board("stm32f4"), manifest=manifest, spec=spec, folder=folder, pipeline=lambda: pipeline, stream=None
    )
    made = FakeReady(bundle, "serial", engine="serial", port=port)  # type: ignore[arg-type]
    object.__setattr__(made, "replay", replay)
    return made


def test_the_four_targets_are_one_registry() -> None:
    assert list(TARGETS) == ["python", "host", "emulator", "serial"]


def test_a_sound_board_passes() -> None:
    seen: list[int] = []
    assert verify_serial(ready(FakeReplay()), WINDOWS, WANTED, seen.append) is None
    assert seen == [1, 1]


@pytest.mark.parametrize("window", [0, 1])
@pytest.mark.parametrize(
    ("stage", "difference"),
    [
        ("log-mel", Difference("log-mel", 1, 2)), ("network input", Difference("network input", 1, 2)),
        ("scores", Difference("scores", 1)),
    ],
)  # fmt: skip
def test_the_first_stage_that_differs_is_named_with_its_row(window: int, stage: str, difference: Difference) -> None:
    assert verify_serial(ready(FakeReplay((stage, window))), WINDOWS, WANTED) == (window, Found(difference))


def layer(function: str, offset: int, size: int) -> dict:
    return {"function": function, "kind": "CONV_2D", "arena_out": [[offset, size]]}


def test_a_layer_is_found_by_the_rows_that_still_lie_in_the_arena() -> None:
    maps = {"a": np.arange(20).reshape(5, 4).astype(np.int8), "b": np.arange(8).reshape(2, 4).astype(np.int8)}
    places = {
        "first": LayerPlace("one", "first", "a", 5, 4, 2, 0, True),
        "second": LayerPlace("two", "second", "b", 2, 4, 2, 8, False),
    }
    layers = [layer("first", 0, 8), layer("second", 8, 8)]
    ring = maps["a"][[4, 3]].tobytes()  # rows 3 and 4 of 5, in the slots of row % 2
    arena = bytearray(ring + maps["b"].tobytes())
    assert arena_difference(places, layers, written_spans(layers, ""), maps, bytes(arena)) is None
    arena[9] ^= 3
    assert arena_difference(places, layers, written_spans(layers, ""), maps, bytes(arena)) == Found(
        Difference("layer", 1, None, "two", "second")
    )
    arena[5] ^= 1
    assert arena_difference(places, layers, written_spans(layers, ""), maps, bytes(arena)) == Found(
        Difference("layer", 1, 3, "one", "first")
    )
    over = [layers[0], layer("second", 4, 8)]  # written over the first one's rows: nothing of it can be said
    assert arena_difference({"first": places["first"]}, over, written_spans(over, ""), maps, bytes(arena)) is None
    over = [layer("first", 8, 4), layers[1]]
    places["first"] = LayerPlace("one", "first", "a", 5, 4, 1, 8, True)
    found = arena_difference(places, over, written_spans(over, ""), maps, bytes(arena))
    assert found is not None and found.unseen == ("one",)
    assert found.words() == "layer two (second) differs in 1 value (or one before it, which a port does not show)"


def test_scratch_of_a_layer_is_what_it_writes_too() -> None:
    source = """TCE_NOINLINE void tce_encoder_layer_01_conv1x1(uint8_t *arena, int32_t y) {
    void *scratch = arena + 1440; /* 272 bytes */
    if (y) {
    }
}
void tce_encoder_layer_00_add(uint8_t *arena) {
    void *scratch = arena; /* 16 bytes */
}
"""
    layers = [layer("tce_encoder_layer_00_add", 0, 8), layer("tce_encoder_layer_01_conv1x1", 8, 8)]
    assert sorted(written_spans(layers, source)) == [(0, 0, 8), (0, 0, 16), (1, 8, 8), (1, 1440, 272)]


def test_a_stage_runs_for_so_long_and_ten_times() -> None:
    slow = FakeReplay()
    ticks = time_stage(slow, Stage.ENCODER, 1.0)  # type: ignore[arg-type]
    assert ticks.microseconds >= 1_000_000 and ticks.times == 120 and ticks.cycles == 120 * 1_000_000
    assert time_stage(FakeReplay(), Stage.SCORES, 0.0).times >= 10  # type: ignore[arg-type]
    still = SimpleNamespace(run=lambda stage, times: Ticks(0, 0, times))
    with pytest.raises(DeviceError, match="clock stands still"):
        time_stage(still, Stage.ENCODER, 1.0)  # type: ignore[arg-type]


@pytest.fixture
def two_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyclap_edge.bundle.serial_bench.parity_windows", lambda count, spec: WINDOWS[:count])


COUNTED = {"instructions": {"total": 1_000_000, "frontend": 1, "encoder": 2, "labels": 3, "schedule": 0}, "layers": []}


@pytest.mark.usefixtures("two_windows")
def test_a_board_is_measured_stage_by_stage_and_kept_for_fit(tmp_path: Path) -> None:
    (tmp_path / "encoder.tflite").write_bytes(b"model")
    board = ready(FakeReplay(), tmp_path)
    data = bench_serial(board, 2, 0.01, counted=COUNTED)
    assert data["seconds"] == pytest.approx(
        {"frontend": 5 * 100e-6, "encoder": 0.01, "labels": 50e-6, "total": 0.01055}
    )
    assert data["cycles"]["total"] == 1_055_000 and data["clock_hz"] == 100_000_000 and data["stack_bytes"] == 1234
    names = {f.name: f.value for f in figures_of(data)}
    assert names["encoder: time (measured)"] == 10 and names["scoring: cycles"] == 5000
    assert names["stack: high-water mark"] == 1234 and not [n for n in names if "time (estimated)" in n]
    path = keep_measurement(board, data, tmp_path)
    kept = read_measurement("stm32f4", tmp_path)
    assert path and kept and kept.cycles_per_instruction == 1.055
    assert kept.encoder_sha256 == hashlib.sha256(b"model").hexdigest()


@pytest.mark.usefixtures("two_windows")
def test_a_program_behind_a_pty_is_no_measurement(tmp_path: Path) -> None:
    board = ready(FakeReplay(), tmp_path, "/dev/pts/7")
    data = bench_serial(board, 1, 0.01, counted=COUNTED)
    assert data["emulated"] and keep_measurement(board, data, tmp_path) is None
    assert "encoder: time (emulated board)" in {f.name for f in figures_of(data)}
    link = tmp_path / "ttyBoard"
    link.symlink_to("/dev/pts/7")
    assert is_emulated(str(link)) and not is_emulated("/dev/ttyACM0")


@pytest.mark.usefixtures("two_windows")
def test_without_a_counter_or_instructions_nothing_is_kept(tmp_path: Path) -> None:
    board = ready(FakeReplay(clock_hz=0), tmp_path)
    data = bench_serial(board, 1, 0.01, counted=COUNTED)
    assert "cycles" not in data and keep_measurement(board, data, tmp_path) is None
    data = bench_serial(ready(FakeReplay(), tmp_path), 1, 0.01)
    assert keep_measurement(board, data, tmp_path) is None


def test_another_board_encoder_front_end_or_labels_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels.tlp").write_bytes(b"pack" + (77).to_bytes(4, "little"))
    manifest = {"encoder": {"id": "e" * 16}, "frontend": {"id": "f" * 16}}
    bundle = SimpleNamespace(manifest=manifest, board=find_board("stm32f4"), folder=tmp_path)
    own = {"board": "stm32f4", "encoder_id": "e" * 16, "frontend_id": "f" * 16, "pack_bytes": 8, "pack_checksum": 77,
           "labels": 3, "generation": 1}  # fmt: skip
    check_identity(bundle, SimpleNamespace(**own), "/dev/x")  # type: ignore[arg-type]
    for change, said in (
        ({"board": "rp2040"}, "runs the board rp2040"), ({"encoder_id": "a" * 16}, "runs the encoder aaaa"),
        ({"frontend_id": "b" * 16}, "runs the front end bbbb"), ({"pack_checksum": 1}, "has other labels than the bundle"),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match=said) as caught:
            check_identity(bundle, SimpleNamespace(**{**own, **change}), "/dev/x")  # type: ignore[arg-type]
        assert caught.value.hint


def test_a_serial_target_without_a_port_says_so() -> None:
    with pytest.raises(UsageError, match="needs a port"), SerialReady(None, "serial").session():  # type: ignore[arg-type]
        pass
