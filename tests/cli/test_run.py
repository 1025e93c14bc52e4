"""`run`: the bytes of the integer reference on every target, honest figures, sizes planned as they are linked."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cli.command import cli, refused
from cli.small_models import SOUND, dense, rows_for, two_of_each
from tinyclap_export.integer import run_integer
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.device.toolchain import find_toolchain, find_zig
from tinyclap_edge.engine import emulate
from tinyclap_edge.engine.compile_model import generate_library
from tinyclap_edge.engine.emulate import choose_engine, parse_rows
from tinyclap_edge.engine.model_file import read_model
from tinyclap_edge.engine.model_project import NAME, compile_object
from tinyclap_edge.engine.model_run import ModelRun, run_model
from tinyclap_edge.errors import DeviceError, DoesNotFit, UsageError
from tinyclap_edge.resources import firmware_dir

GRAPH = read_tflite(SOUND.read_bytes())
X = rows_for((1, 8, 8, 1), 5)
WANTED = run_integer(GRAPH, X)
MISSING_ZIG = pytest.mark.skipif(find_zig() is None, reason="zig is not installed")


def ran(board: str, **options: str) -> ModelRun:
    return run_model(read_model(SOUND), find_board(board), X.reshape(len(X), -1), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def on_m4() -> ModelRun:
    return ran("stm32f4")


@MISSING_ZIG
@pytest.mark.parametrize("board", ["stm32h7", "stm32u5", "rp2040", "esp32c3"])
def test_every_emulated_core_gives_the_references_bytes_and_its_plan(board: str) -> None:
    done = ran(board)
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["sizes"]["ram_equal"] and done.facts["sizes"]["flash_error"] < 0.01
    assert done.facts["instructions"] > done.facts["macs"]


@MISSING_ZIG
@pytest.mark.qemu
def test_a_cortex_m55_gives_the_references_bytes_with_counted_instructions() -> None:
    if not qemu_available(find_board("mps3-an547")):
        pytest.skip("qemu-system-arm is not installed")
    done = ran("mps3-an547")
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["engine"] == "qemu" and 1000 < done.facts["instructions"] < 1_000_000
    assert done.facts["sizes"]["ram_equal"] and done.facts["sizes"]["flash_error"] < 0.01


@MISSING_ZIG
@pytest.mark.qemu
@pytest.mark.parametrize("plugin", [None, Path("/no/such/plugin.so")])
def test_without_a_counter_qemu_still_gives_the_bytes(plugin: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if not qemu_available(find_board("mps3-an547")):
        pytest.skip("qemu-system-arm is not installed")
    monkeypatch.setattr(emulate, "counter_plugin", lambda: plugin)
    done = ran("mps3-an547")
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["instructions"] is None and done.facts["by_function"] is None


@MISSING_ZIG
@pytest.mark.qemu
def test_qemu_and_unicorn_count_the_same_instructions(on_m4: ModelRun) -> None:
    if not qemu_available(find_board("stm32f4")):
        pytest.skip("qemu-system-arm is not installed")
    other = ran("stm32f4", engine="qemu")
    assert np.array_equal(other.outputs, on_m4.outputs)
    assert other.facts["by_function"] == on_m4.facts["by_function"]


@MISSING_ZIG
def test_static_ram_is_planned_exactly_and_flash_within_a_percent(on_m4: ModelRun) -> None:
    planned, linked = on_m4.facts["sizes"]["planned"], on_m4.facts["sizes"]["linked"]
    assert planned["ram"] == linked["ram"] == on_m4.facts["ram"]
    row = 16  # the runner keeps one row of 8 bytes, and nothing else
    assert linked["ram_bytes"] == -(-on_m4.facts["push_arena_bytes"] // 16) * 16 + row
    assert planned["flash"].keys() == linked["flash"].keys()
    assert abs(planned["flash_bytes"] - linked["flash_bytes"]) <= linked["flash_bytes"] // 100


@pytest.mark.parametrize("schedule", ["layers", "rows"])
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_the_runner_compiles_with_every_warning_an_error(compiler: str, schedule: str, tmp_path: Path) -> None:
    board = find_board("stm32f4")
    if (compiler == "gcc" and not shutil.which("arm-none-eabi-gcc")) or (compiler == "zig" and find_zig() is None):
        pytest.skip(f"{compiler} is not installed")
    tool = find_toolchain(board, compiler)
    library = generate_library(read_model(SOUND), tmp_path / "lib", NAME, "dsp", schedule)
    compile_object(board, library, "0" * 16, tmp_path, tool)  # writes the header of inputs and outputs
    ports = firmware_dir() / "ports"
    folders = (tmp_path, tmp_path / "lib", firmware_dir() / "app", ports, ports / "semihost", ports / "freestanding")
    strict = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-c"]
    command = [*tool.cc, *tool.compile_flags, *strict, *(f"-I{f}" for f in folders)]
    done = subprocess.run(
        [*command, str(firmware_dir() / "model" / "model_main.c")], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@MISSING_ZIG
def test_a_layer_schedule_holds_the_arena_and_nothing_else() -> None:
    done = ran("stm32f4", schedule="layers")
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["schedule"] == "layers" and done.facts["push_arena_bytes"] is None
    assert done.facts["ram_bytes"] == -(-done.facts["arena_bytes"] // 16) * 16


@MISSING_ZIG
def test_the_compilers_deepest_call_bounds_the_painted_stack(on_m4: ModelRun) -> None:
    assert 0 < on_m4.facts["stack_planned_bytes"] < on_m4.facts["stack_bytes"] < 2048


@MISSING_ZIG
def test_instructions_are_those_of_one_inference_whatever_the_number_of_rows(on_m4: ModelRun) -> None:
    model, board = read_model(SOUND), find_board("stm32f4")
    one = run_model(model, board, X[:1].reshape(1, -1)).facts["instructions"]
    assert abs(one - on_m4.facts["instructions"]) < 0.01 * one
    assert sum(on_m4.facts["by_function"].values()) == pytest.approx(on_m4.facts["instructions"], abs=10)


@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed")
def test_an_image_of_gcc_gives_the_same_bytes_and_its_plan() -> None:
    done = ran("stm32f4", toolchain="gcc")
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["toolchain"] == "gcc" and done.facts["sizes"]["ram_equal"]
    assert done.facts["sizes"]["flash_error"] < 0.01 and done.facts["stack_planned_bytes"] is None


def test_the_host_runs_the_portable_c_and_knows_the_boards_sizes() -> None:
    done = ran("stm32f4", target="host")
    assert np.array_equal(done.outputs, WANTED.reshape(len(X), -1))
    assert done.facts["instructions"] is None and done.facts["ram_bytes"] > 0


@MISSING_ZIG
@pytest.mark.parametrize("target", ["host", "emulator"])
def test_several_inputs_and_outputs_have_numbered_arrays(target: str, tmp_path: Path) -> None:
    graph = two_of_each()
    (tmp_path / "m.tflite").write_bytes(write_tflite(graph))
    a, b = rows_for((1, 6, 5, 3), 4, 1), rows_for((1, 6, 5, 3), 4, 2)
    np.savez(tmp_path / "x.npz", inputs=a, inputs_1=b)
    done = cli(
        "run", "m.tflite", "--board", "stm32h7", "--target", target, "--inputs", "x.npz", "--out", "y.npz", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "y.npz") as found:
        top, total = found["outputs"], found["outputs_1"]
    assert top.shape == (4, 1, 3, 3, 3) and total.shape == (4, 1, 6, 5, 3) and total.dtype == np.int8
    padded = np.full((4, 1, 6, 6, 3), -128, np.int8)
    padded[:, :, :, :5] = total
    assert np.array_equal(top, padded.reshape(4, 1, 3, 2, 3, 2, 3).max(axis=(3, 5)))


@MISSING_ZIG
def test_the_answer_holds_what_an_inference_costs(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=X[:, 0])  # without the batch axis: the outputs are without it too
    done = cli("run", str(SOUND), "--board", "stm32f4", "--inputs", "x.npz", "--out", "y.npz", "--json", cwd=tmp_path)
    data = json.loads(done.stdout)["data"]
    assert {"instructions", "ram_bytes", "stack_bytes", "code_bytes", "const_bytes", "macs", "ram", "flash_bytes",
            "schedule", "board", "engine", "encoder"} <= data.keys()  # fmt: skip
    assert data["samples"] == 5 and data["macs"] == GRAPH.macs() and data["engine"] == "unicorn"
    with np.load(tmp_path / "y.npz") as found:
        assert found["outputs"].shape == (5, 3) and np.array_equal(found["outputs"], WANTED)


def test_a_model_above_the_boards_flash_is_refused_with_region_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(dense(1100, 1000))
    with pytest.raises(DoesNotFit, match=r"region flash of stm32f4 has 1,048,576: [\d,]+ bytes too many"):
        run_model(read_model(tmp_path / "m.tflite"), find_board("stm32f4"), rows_for((1100,), 1))


def test_a_board_without_an_emulator_is_refused_with_a_way_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=X)
    done = cli("run", str(SOUND), "--board", "esp32s3", "--inputs", "x.npz", "--out", "y.npz", cwd=tmp_path)
    refused(done, 2, "esp32s3", "--target host")
    with pytest.raises(UsageError, match="qemu has no model"):
        choose_engine(find_board("stm32h7"), "qemu")


@pytest.mark.parametrize(
    ("arrays", "code", "words"),
    [
        ({}, 2, ("no array 'inputs'",)),
        ({"x": X}, 2, ("no array 'inputs'", "it has: x")),
        ({"inputs": X.astype(np.float32)}, 2, ("float32", "int8")),
        ({"inputs": X.view(np.uint8)}, 2, ("uint8",)),
        ({"inputs": X[:0]}, 2, ("0 samples",)),
        ({"inputs": X[0, 0]}, 2, ("shape",)),
        ({"inputs": np.int8(3)}, 2, ("shape",)),
        ({"inputs": X[:, :, :7]}, 2, ("[5, 1, 7, 8, 1]", "[1, 8, 8, 1]")),
        ({"inputs": np.array([{}, 1], dtype=object)}, 7, ("no .npz",)),
    ],
)
def test_inputs_that_do_not_suit_are_refused_in_words(
    arrays: dict, code: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    refused(
        cli("run", str(SOUND), "--board", "stm32f4", "--inputs", "x.npz", "--out", "y.npz", cwd=tmp_path), code, *words
    )
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize(
    ("content", "code"), [(b"", 7), (b"PK\x03\x04" + bytes(40), 7), (b"\x93NUMPY", 7), (b"text", 7)]
)
def test_a_file_that_is_no_npz_is_refused(content: bytes, code: int, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    refused(
        cli("run", str(SOUND), "--board", "stm32f4", "--inputs", "x.npz", "--out", "y.npz", cwd=tmp_path), code, "x.npz"
    )


@pytest.mark.parametrize(("local", "central", "value"), [(6, 8, 1), (8, 10, 97)], ids=["encrypted", "unknown method"])
def test_an_archive_that_cannot_be_unpacked_is_refused(local: int, central: int, value: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=X)
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[local] = data[data.index(b"PK\x01\x02") + central] = value  # in both headers of the one entry
    (tmp_path / "x.npz").write_bytes(data)
    done = cli("run", str(SOUND), "--board", "stm32f4", "--inputs", "x.npz", "--out", "y.npz", cwd=tmp_path)
    refused(done, 7, "no .npz that can be read")


@pytest.mark.parametrize("out", ["missing/y.npz", "."])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(out: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", inputs=X)
    refused(
        cli("run", str(SOUND), "--board", "stm32f4", "--inputs", "x.npz", "--out", out, cwd=tmp_path), 2, "--out y.npz"
    )


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("MODEL b i\nY 0 0a\nEND samples=1 stack=9\n", 0, "1 of 2 rows"),
        ("Y 1 0a\n", 0, "row 1 where 0"),
        ("ERROR inputs -1\n", 1, "stopped: inputs -1"),
        ("", 70, "exit code 70"),
    ],
)
def test_an_image_that_does_not_finish_is_a_device_error(text: str, code: int, word: str) -> None:
    with pytest.raises(DeviceError, match=word):
        parse_rows(text, code, 2)
