"""PCM in, embedding and scores out: the firmware in an emulator gives the bytes of the integer reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from device.images import compile_project
from tinyclap_export.calibrate import calibrate
from tinyclap_export.codegen.library import generate
from tinyclap_export.graph import Graph
from tinyclap_export.integer import run_integer
from tinyclap_export.quantize import quantize

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.build import BuildResult, build
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.device.platformio_project import FirmwareConfig, FirmwareParts, frontend_sources, write_project
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.device.targets import emulator_target, run_windows
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.quantize import input_multiplier, network_input, quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import score

SPEC = FrontendSpec(mel_bins=32, frames=24)
ENCODER_ID = "0123456789abcdef"
DIM, LABELS, WINDOWS = 12, 5, 6


def small_encoder(rng: np.random.Generator) -> Graph:
    """Strided stem, depthwise, 1x1, mean over the picture, dense head."""
    graph = Graph("small")
    x = graph.add_input("features", (1, SPEC.frames, SPEC.mel_bins, 1))

    def weighted(kind: str, x: str, shape: tuple[int, ...], channels: int, name: str, **attrs: object) -> str:
        fan_in = int(np.prod(shape)) // channels
        w = (rng.normal(size=shape) * 1.5 / np.sqrt(fan_in)).astype(np.float32)
        b = (rng.normal(size=channels) * 0.2).astype(np.float32)
        return graph.add_op(kind, [x, graph.add_const(f"{name}_w", w), graph.add_const(f"{name}_b", b)], name, **attrs)

    x = weighted("CONV_2D", x, (8, 3, 3, 1), 8, "stem", stride=(2, 2), activation="RELU6")
    x = weighted("DEPTHWISE_CONV_2D", x, (1, 3, 3, 8), 8, "depthwise", stride=(2, 2), activation="RELU6")
    x = weighted("CONV_2D", x, (16, 1, 1, 8), 16, "pointwise", activation="RELU6")
    x = graph.add_op("MEAN", [x], "pool", axes=(1, 2), keep_dims=False)
    graph.outputs = [weighted("FULLY_CONNECTED", x, (DIM, 16), DIM, "head")]
    return graph.validate()


class Case:
    """One encoder with its label pack, and what the reference says about some windows of sound."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(11)
        length = SPEC.window_total_samples
        t = np.arange(length) / SPEC.sample_rate_hz
        tones = [3000 * np.sin(2 * np.pi * f * t * (1 + t)) for f in rng.uniform(200, 3000, WINDOWS)]
        noise = rng.normal(size=(WINDOWS, length)) * rng.uniform(1, 2000, (WINDOWS, 1))
        self.pcm = np.clip(np.array(tones) + noise, -32768, 32767).astype(np.int16)
        rows = np.stack([logmel_q8(x, SPEC) for x in self.pcm])  # (windows, frames, mels)
        floats = network_input(rows, SPEC)[..., None]
        graph = small_encoder(rng)
        self.int8 = quantize(graph, calibrate(graph, floats))
        quant = self.int8.tensors[self.int8.inputs[0]].quant
        codes = quantize_features(rows, float(quant.s), quant.z, SPEC)[..., None]
        out_zero = self.int8.tensors[self.int8.outputs[0]].quant.z
        self.embeddings = run_integer(self.int8, codes)
        names = tuple(f"label {i}" for i in range(LABELS))
        label_rows = rng.integers(-100, 101, (LABELS, DIM)).astype(np.int8)
        self.pack = LabelPack(ENCODER_ID, SPEC.frontend_id, names, label_rows, np.zeros(LABELS, np.int16))
        self.scores = score(self.pack, self.embeddings, out_zero)
        library = generate(self.int8, folder / "c")
        multiplier, shift = input_multiplier(float(quant.s), SPEC)
        frontend = frontend_sources(SPEC, folder / "frontend")
        self.layers = [layer.function for layer in library.layers]
        pack = self.pack.to_bytes()
        self.parts = FirmwareParts(library.directory, library.arena_bytes, library.const_bytes, frontend, pack)
        self.config = FirmwareConfig("0.1.0", ENCODER_ID, SPEC.frontend_id, multiplier, shift, quant.z, hop_frames=7)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def built(case: Case, tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    """The project for the STM32H7, built by PlatformIO as a user builds it."""
    project = tmp_path_factory.mktemp("a project") / "firmware"
    write_project(project, find_board("stm32h7"), case.parts, case.config)
    return build(project, semihosting=True)


def test_the_firmware_that_platformio_built_gives_the_bytes_of_the_integer_reference(
    case: Case, built: BuildResult
) -> None:
    result = run_windows(emulator_target(find_board("stm32h7")), built.elf, case.pcm, SPEC)
    check(case, result)
    assert result.ram_bytes == built.ram_bytes
    assert built.ram_bytes["axi"] == -(-case.parts.arena_bytes // 16) * 16


def check(case: Case, result: RunResult) -> None:
    assert (np.stack([w.embedding for w in result.windows]) == case.embeddings).all()
    assert (np.stack([w.scores for w in result.windows]) == case.scores).all()
    if result.instructions is not None:
        assert list(result.instructions.layers) == case.layers
        assert min(result.instructions.layers.values()) > 0 and result.instructions.logmel > 0


def image(case: Case, name: str, folder: Path) -> Path:
    write_project(folder / "project", find_board(name), case.parts, case.config)
    return compile_project(folder / "project", find_board(name))


@pytest.mark.parametrize("name", ["stm32f4", "esp32c3", "rp2040"])
def test_the_firmware_in_unicorn_gives_the_bytes_of_the_integer_reference(
    case: Case, name: str, tmp_path: Path
) -> None:
    result = run_windows(emulator_target(find_board(name)), image(case, name, tmp_path), case.pcm, SPEC)
    check(case, result)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("lib/encoder/tce_encoder_weights.c", r"(_weights\[\d+\] = \{\s*)(-?\d+)", lambda n: ~n),
        ("src/tce_config.h", r"(TCE_INPUT_ZERO_POINT \()(-?\d+)", lambda n: n + 1 if n < 127 else n - 1),
    ],
    ids=["one byte of one weight", "one step of the input's zero point"],
)
def test_one_wrong_byte_in_the_image_is_seen(
    case: Case, file: str, before: str, after: Callable[[int], int], tmp_path: Path
) -> None:
    """The negative control of the tests above: the same comparison, and it fails.

    A weight's lowest bit would be too little to ask: the int8 layers behind the first may round it away.
    """
    board, project = find_board("stm32f4"), tmp_path / "project"
    write_project(project, board, case.parts, case.config)
    text = (project / file).read_text()
    wrong, count = re.subn(before, lambda found: f"{found[1]}{after(int(found[2]))}", text, count=1)
    assert count == 1 and wrong != text
    (project / file).write_text(wrong)
    result = run_windows(emulator_target(board, count=False), compile_project(project, board), case.pcm, SPEC)
    with pytest.raises(AssertionError):
        check(case, result)


@pytest.mark.qemu
def test_the_firmware_on_a_cortex_m55_in_qemu_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
    board = find_board("mps3-an547")
    if not qemu_available(board):
        pytest.skip("qemu-system-arm is not installed")
    check(case, run_windows(emulator_target(board), image(case, board.name, tmp_path), case.pcm, SPEC))


def test_a_stream_gives_one_window_a_hop(case: Case, built: BuildResult) -> None:
    stream = case.pcm.reshape(-1)[:30_000]
    result = emulator_target(find_board("stm32h7"), count=False).run(built.elf, stream)
    quant = case.int8.tensors[case.int8.inputs[0]].quant
    rows = quantize_features(logmel_q8(stream, SPEC), float(quant.s), quant.z, SPEC)
    inputs = [rows[end - SPEC.frames : end] for end in range(SPEC.frames, len(rows) + 1, case.config.hop_frames)]
    expected = run_integer(case.int8, np.stack(inputs)[..., None])
    assert (np.stack([w.embedding for w in result.windows]) == expected).all()
