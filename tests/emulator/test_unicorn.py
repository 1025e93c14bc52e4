"""The application on virtual boards: the right windows, honest counts, and clear errors. The parts around it are stand-ins."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import HOP as HOP_SAMPLES
from device.fake_firmware import ROWS, WINDOW, expected_windows
from device.images import HOP, compile_project, fake_config, fake_image, fake_parts

from tinyclap_edge.boards import Board, find_board
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator import unicorn_target
from tinyclap_edge.device.emulator.attribution import phase_map
from tinyclap_edge.device.emulator.counting import NativeCounter, PythonCounter, count_instructions, make_counter
from tinyclap_edge.device.emulator.qemu_target import QemuTarget, qemu_available
from tinyclap_edge.device.emulator.unicorn_target import UnicornTarget
from tinyclap_edge.device.platformio_project import write_project
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.device.targets import emulator_target, run_windows
from tinyclap_edge.errors import CorruptFile, DeviceError, DoesNotFit, ToolMissing, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

PCM = np.random.default_rng(1).integers(-9000, 9000, 1000).astype(np.int16)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One image a core, compiled by zig."""
    names = ("stm32h7", "stm32f4", "esp32c3")
    return {name: fake_image(tmp_path_factory.mktemp(name), find_board(name)) for name in names}


def check(result: RunResult, pcm: np.ndarray, hop: int) -> None:
    expected = expected_windows(pcm, hop)
    assert len(result.windows) == len(expected)
    for window, (embedding, scores) in zip(result.windows, expected, strict=True):
        assert (window.embedding == embedding).all() and (window.scores == scores).all()


@pytest.mark.parametrize("name", ["stm32h7", "stm32f4", "esp32c3"])
def test_every_window_of_a_stream_is_the_twins(images: dict[str, Path], name: str) -> None:
    result = UnicornTarget(find_board(name)).run(images[name], PCM)
    check(result, PCM, HOP)
    assert (result.banner.board, result.banner.labels, result.engine) == (name, 3, "unicorn")
    assert 100 < result.stack_bytes < 1024


@pytest.mark.parametrize("toolchain", ["gcc"])
@pytest.mark.parametrize("name", ["stm32f4", "esp32c3", "rp2040"])
def test_an_image_of_gcc_gives_the_same_windows(name: str, toolchain: str, tmp_path: Path) -> None:
    if not shutil.which(("riscv64-unknown-elf-" if name == "esp32c3" else "arm-none-eabi-") + "gcc"):
        pytest.skip("this gcc is not installed")
    check(UnicornTarget(find_board(name)).run(fake_image(tmp_path, find_board(name), toolchain), PCM), PCM, HOP)


@pytest.mark.qemu
def test_qemu_gives_the_same_windows(images: dict[str, Path]) -> None:
    board = find_board("stm32f4")
    if not qemu_available(board):
        pytest.skip("qemu-system-arm is not installed")
    result = emulator_target(board, "qemu").run(images["stm32f4"], PCM, hop_frames=2)
    check(result, PCM, 2)
    assert result.engine == "qemu" and result.instructions is None


@pytest.mark.parametrize("hop", [1, ROWS, ROWS + 5])
def test_the_hop_can_be_set_for_one_run(images: dict[str, Path], hop: int) -> None:
    check(UnicornTarget(find_board("stm32h7")).run(images["stm32h7"], PCM, hop_frames=hop), PCM, hop)


@pytest.mark.parametrize("samples", [0, WINDOW - 1, WINDOW, WINDOW + (ROWS - 1) * HOP_SAMPLES - 1])
def test_sound_shorter_than_a_window_gives_no_window_and_a_clean_end(images: dict[str, Path], samples: int) -> None:
    result = UnicornTarget(find_board("stm32h7")).run(images["stm32h7"], PCM[:samples])
    assert result.windows == []


def test_independent_windows_are_set_apart_in_the_stream(images: dict[str, Path]) -> None:
    spec = FrontendSpec(n_fft=256, window_samples=WINDOW, hop_samples=HOP_SAMPLES, mel_bins=8, frames=ROWS)
    windows = PCM[: 7 * spec.window_total_samples].reshape(7, -1)
    result = run_windows(UnicornTarget(find_board("stm32h7")), images["stm32h7"], windows, spec)
    for window, pcm in zip(result.windows, windows, strict=True):
        [(embedding, scores)] = expected_windows(pcm, 1)
        assert (window.embedding == embedding).all() and (window.scores == scores).all()


@pytest.mark.parametrize("name", ["stm32h7", "esp32c3"])
def test_the_native_and_the_python_counter_agree(
    images: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = read_elf(images[name])
    if not isinstance(make_counter(image, phase_map(image)), NativeCounter):
        pytest.skip("no compiler for this PC")
    native = UnicornTarget(find_board(name)).run(images[name], PCM).instructions
    monkeypatch.setattr(unicorn_target, "make_counter", PythonCounter)
    assert UnicornTarget(find_board(name)).run(images[name], PCM).instructions == native


def test_instructions_are_attributed_to_layers_kernels_included(images: dict[str, Path]) -> None:
    board = find_board("stm32h7")
    short, long = (UnicornTarget(board).run(images["stm32h7"], PCM[:n], 1).instructions for n in (200, 1000))
    assert list(long.layers) == ["tce_encoder_layer_00_sum", "tce_encoder_layer_01_narrow"]
    # 4 windows against 44; the 48 products of a window are in a kernel that only the first layer calls
    assert short.layers["tce_encoder_layer_01_narrow"] * 11 == long.layers["tce_encoder_layer_01_narrow"]
    assert short.layers["tce_encoder_layer_00_sum"] * 11 == long.layers["tce_encoder_layer_00_sum"] > 44 * 48
    assert short.logmel * 49 == long.logmel * 9
    assert long.total == long.start + long.application + long.logmel + long.encoder + long.labels
    assert short.start == long.start


def test_without_counting_the_windows_are_the_same(images: dict[str, Path]) -> None:
    result = UnicornTarget(find_board("stm32h7"), count=False).run(images["stm32h7"], PCM)
    check(result, PCM, HOP)
    assert result.instructions is None


def test_a_thumb_block_is_counted_by_its_instruction_lengths() -> None:
    code = bytes.fromhex("00bf00f000f8dff804007047")  # nop; bl; ldr.w; bx lr
    assert count_instructions([(0x100, code)], 0x100, 12, thumb=True) == 4
    assert count_instructions([(0x100, code)], 0x100, 6, thumb=True) == 2


def test_an_image_of_another_board_is_refused(images: dict[str, Path]) -> None:
    with pytest.raises(DoesNotFit, match="outside the memory of esp32c3"):
        UnicornTarget(find_board("esp32c3")).run(images["stm32h7"], PCM)


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="no firmware image"):
        UnicornTarget(find_board("stm32h7")).run(tmp_path / "missing.elf", PCM)
    for content in (b"", b"\x7fELF", b"\x7fELF\x01\x01\x01" + bytes(60), b"MZ" * 100):
        (tmp_path / "bad.elf").write_bytes(content)
        with pytest.raises(CorruptFile):
            UnicornTarget(find_board("stm32h7")).run(tmp_path / "bad.elf", PCM)


def broken(tmp_path: Path, board: Board, body: str) -> Path:
    """The fake firmware whose encoder does `body` instead of its work."""
    parts = fake_parts(tmp_path / "parts")
    source = parts.encoder_dir / "tce_encoder.c"
    text = source.read_text()
    source.write_text(text.replace("    tce_encoder_layer_01_narrow(arena);\n}", f"    {body}\n}}"))
    write_project(tmp_path / "project", board, parts, fake_config(stack_bytes=1024))
    return compile_project(tmp_path / "project", board)


@pytest.mark.parametrize("name", ["stm32h7", "esp32c3"])
@pytest.mark.parametrize(
    "body",
    [
        "*(volatile int *)0x70000000 = 1;",  # no memory there
        "*(volatile uint8_t *)(uintptr_t)tce_encoder_run = 1;",  # flash
        "volatile uint8_t deep[8000]; for (int i = 7936; i >= 0; i -= 64) { deep[i] = 1; }",  # a stack of 1024 bytes
    ],
)
def test_a_fault_is_reported_with_its_place(name: str, body: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"stopped at 0x[0-9A-F]{8} in tce_encoder_(run|layer_00_sum)"):
        UnicornTarget(find_board(name)).run(broken(tmp_path, find_board(name), body), PCM)


@pytest.mark.parametrize("name", ["stm32h7", "esp32c3"])
def test_an_illegal_instruction_is_a_device_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="stopped at 0x"):
        UnicornTarget(find_board(name)).run(broken(tmp_path, find_board(name), "__builtin_trap();"), PCM)


def test_firmware_that_never_ends_is_stopped(tmp_path: Path) -> None:
    elf = broken(tmp_path, find_board("stm32h7"), 'for (;;) { __asm__ volatile(""); }')
    with pytest.raises(DeviceError, match=r"longer than 0\.3 s"):
        UnicornTarget(find_board("stm32h7"), timeout_s=0.3).run(elf, PCM)
    if qemu_available(find_board("stm32f4")):
        elf = broken(tmp_path / "qemu", find_board("stm32f4"), 'for (;;) { __asm__ volatile(""); }')
        with pytest.raises(DeviceError, match=r"longer than 0\.5 s"):
            QemuTarget(find_board("stm32f4"), timeout_s=0.5).run(elf, PCM)


def test_a_label_pack_of_another_encoder_stops_the_firmware_by_name(tmp_path: Path) -> None:
    board = find_board("stm32h7")
    write_project(tmp_path / "p", board, fake_parts(tmp_path / "parts"), fake_config(encoder_id="f" * 16))
    with pytest.raises(DeviceError, match="foreign -13"):
        UnicornTarget(board).run(compile_project(tmp_path / "p", board), PCM)


def test_a_board_without_an_emulator_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="esp32s3"):
        emulator_target(find_board("esp32s3"))
    with pytest.raises(UsageError, match="bochs"):
        emulator_target(find_board("stm32h7"), "bochs")


def test_a_missing_emulator_is_named_with_the_line_that_installs_it(
    images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "unicorn", None)
    with pytest.raises(ToolMissing) as caught:
        UnicornTarget(find_board("stm32h7")).run(images["stm32h7"], PCM)
    assert "tinyclap-edge[emu]" in caught.value.hint
