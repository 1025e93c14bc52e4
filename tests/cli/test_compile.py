"""`compile`: a library that compiles, sizes that are said, a folder that holds nothing of a user's, refusals in words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cli.command import cli, refused
from cli.small_models import SOUND, dense, transposed_map
from tinyclap_export.host import find_compiler, header_macros

from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.engine.library_folder import replacing_library, write_record
from tinyclap_edge.engine.model_file import check_name, library_name
from tinyclap_edge.errors import UsageError

NEEDS_ZIG = pytest.mark.skipif(find_zig() is None, reason="zig is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, str]:
    """The folder of a compiled model, the answer's data, and what a person saw."""
    folder = tmp_path_factory.mktemp("compile")
    out = folder / "lib"
    shown = cli("compile", str(SOUND), "--board", "stm32f4", "--out", str(out))
    assert shown.returncode == 0, shown.stderr
    done = cli("compile", str(SOUND), "--board", "stm32f4", "--out", str(out), "--json")  # replaces the first
    assert [p.name for p in folder.iterdir()] == ["lib"]
    return out, json.loads(done.stdout)["data"], shown.stdout


def test_the_library_is_one_header_a_few_c_files_and_a_manifest(made: tuple[Path, dict, str]) -> None:
    out = made[0]
    assert {p.name for p in out.iterdir()} == {
        "tce_sound.h", "tce_sound.c", "tce_sound_weights.h", "tce_sound_weights.c", "engine", "library.json", "model.json",
    }  # fmt: skip
    assert json.loads((out / "library.json").read_text())["headers"] == "tce_sound.h"


def test_sizes_are_constants_and_equal_the_answer(made: tuple[Path, dict, str]) -> None:
    out, data, _ = made
    macros = header_macros((out / "tce_sound.h").read_text())
    assert macros["TCE_SOUND_ARENA_BYTES"] == data["arena_bytes"]
    assert macros["TCE_SOUND_PUSH_ARENA_BYTES"] == data["push_arena_bytes"] < data["ram_bytes"]
    assert macros["TCE_SOUND_INPUT_BYTES"] == 64 and macros["TCE_SOUND_OUTPUT_BYTES"] == 3
    assert data["const_bytes"] >= macros["TCE_SOUND_CONST_BYTES"]
    assert json.loads((out / "model.json").read_text())["arena_bytes"] == data["arena_bytes"]
    assert data["inputs"] == [{"name": "x", "shape": [1, 8, 8, 1], "scale": pytest.approx(0.05), "zero_point": -3}]


@NEEDS_ZIG
def test_code_and_stack_are_known_without_linking(made: tuple[Path, dict, str]) -> None:
    assert 500 < made[1]["code_bytes"] < 20_000
    assert 16 < made[1]["stack_bytes"] < 2000


def test_a_person_sees_operators_schedule_and_sizes(made: tuple[Path, dict, str]) -> None:
    shown = made[2]
    for words in (
        "4 operators (1 CONV_2D, 1 DEPTHWISE_CONV_2D, 1 FULLY_CONNECTED, 1 MEAN)",
        "schedule ",
        "RAM",
        "code",
    ):
        assert words in shown
    assert shown.endswith("lib\n")


def test_the_c_compiles_with_every_warning_an_error(made: tuple[Path, dict, str], tmp_path: Path) -> None:
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-c"]
    portable = tmp_path / "lib"
    assert cli("compile", str(SOUND), "--board", "rp2040", "--out", str(portable)).returncode == 0
    sources = [*portable.glob("*.c"), *(portable / "engine").glob("*.c")]
    done = subprocess.run(
        [*find_compiler(), *strict, f"-I{portable}", *map(str, sources)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_board_without_a_compiler_here_gets_its_library_and_a_warning(tmp_path: Path) -> None:
    done = cli("compile", str(SOUND), "--board", "esp32s3", "--out", str(tmp_path / "lib"), "--name", "kws", "--json")
    answer = json.loads(done.stdout)
    assert answer["data"]["code_bytes"] is None and "xtensa" in answer["warnings"][0]
    assert (tmp_path / "lib" / "tce_kws.h").is_file()


def test_constants_above_the_flash_are_refused_with_region_bytes_and_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "large.tflite").write_bytes(dense(1100, 1000))
    done = cli("compile", str(tmp_path / "large.tflite"), "--board", "nrf52840", "--out", str(tmp_path / "lib"))
    refused(done, 5, "region flash of nrf52840", "1,048,576", "bytes too many", "boards that hold it: rp2040")
    assert not (tmp_path / "lib").exists()


def test_an_arena_above_the_ram_is_refused_with_region_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "large.tflite").write_bytes(transposed_map(400, 300))
    done = cli("compile", str(tmp_path / "large.tflite"), "--board", "stm32f4", "--out", str(tmp_path / "lib"))
    refused(done, 5, "region sram of stm32f4", "131,072", "bytes too many", "boards that hold it")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--board", "stm32f44"], ("stm32f44", "stm32f4")),
        (["--name", "2fast"], ("2fast",)),
        (["--name", "engine"], ("engine",)),
        (["--name", ""], ("--name", "empty")),
        (["--out", "."], ("current directory",)),
        (["--schedule", "columns"], ("columns",)),
    ],
)
def test_an_impossible_request_is_refused_before_any_work(
    change: list[str], words: tuple[str, ...], tmp_path: Path
) -> None:
    options = {"--board": "stm32f4", "--out": "lib", **dict(zip(change[::2], change[1::2], strict=True))}
    done = cli("compile", str(SOUND), *(word for pair in options.items() for word in pair), cwd=tmp_path)
    refused(done, 2, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["missing.tflite", ".", "/dev/zero"])
def test_what_is_no_file_is_no_model(path: str, tmp_path: Path) -> None:
    refused(cli("compile", path, "--board", "stm32f4", "--out", "lib", cwd=tmp_path), 2)


# -- the folder ----------------------------------------------------------------------------------------------------


def library_at(out: Path) -> None:
    """An earlier library at `out`."""
    with replacing_library(out) as folder:
        (folder / "engine").mkdir()
        (folder / "engine" / "tce_engine.h").write_text("old")
        write_record(folder, {"model": "old"})


def test_a_users_file_in_an_earlier_library_keeps_it_from_being_replaced(tmp_path: Path) -> None:
    library_at(tmp_path / "lib")
    (tmp_path / "lib" / "engine" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"engine/notes\.txt"):
        library_at(tmp_path / "lib")
    assert (tmp_path / "lib" / "engine" / "notes.txt").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["lib"]


@pytest.mark.parametrize("content", [{"thesis.txt": "mine"}, {"model.json": "{}"}, {"model.json": "[" * 100_000}])
def test_a_folder_that_is_no_library_is_left_alone(content: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    for name, text in content.items():
        (tmp_path / "lib" / name).write_text(text)
    with pytest.raises(UsageError, match="no generated library"):
        library_at(tmp_path / "lib")
    assert {p.name for p in (tmp_path / "lib").iterdir()} == set(content)


def test_an_error_on_the_way_leaves_the_earlier_library_and_nothing_else(tmp_path: Path) -> None:
    library_at(tmp_path / "lib")
    before = (tmp_path / "lib" / "model.json").read_text()
    with pytest.raises(ZeroDivisionError), replacing_library(tmp_path / "lib") as folder:
        (folder / "half.c").write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "lib" / "model.json").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["lib"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    library_at(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "model.json").is_file()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib").write_text("mine")
    with pytest.raises(UsageError, match="no directory"):
        library_at(tmp_path / "lib")


@pytest.mark.parametrize(
    ("stem", "name"),
    [("kws", "kws"), ("My-Net v2", "my_net_v2"), ("7seg", "model_7seg"), ("", "model"), ("int", "int_model"),
     ("engine", "engine_model"), ("x" * 90, "x" * 32), ("лес", "model"), ("_a_", "a")],
)  # fmt: skip
def test_a_file_name_becomes_a_c_name(stem: str, name: str) -> None:
    assert library_name(stem) == name == check_name(name)
