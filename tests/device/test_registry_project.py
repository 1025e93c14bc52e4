"""Projects for PlatformIO's registry platforms: linted by PlatformIO, run with stand-ins of ESP-IDF and of Arduino."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import ARENA, ENCODER_ID, FRONTEND_ID, expected_windows, write_parts
from device.images import HOP, WARNINGS, fake_config, fake_parts
from serial_boards import pack

from tinyclap_edge.boards import find_board
from tinyclap_edge.device import build as building
from tinyclap_edge.device.build import build
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.link import Command
from tinyclap_edge.device.link_frames import Frame, encode
from tinyclap_edge.device.platformio_core import platformio_environment
from tinyclap_edge.device.platformio_project import FirmwareParts, write_project
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.errors import DoesNotFit, ToolMissing, UsageError

BOARDS = ("esp32", "esp32s3")
PCM = np.random.default_rng(4).integers(-20000, 20000, 1900).astype(np.int16)
FAKE_IDF = Path(__file__).parent / "fake_esp_idf"
FAKE_ARDUINO = Path(__file__).parent / "fake_arduino"
CC = pytest.mark.skipif(find_host_cc() is None, reason="no C compiler for this PC")


def written(tmp_path: Path, board: str = "esp32s3") -> Path:
    return write_project(tmp_path / "p", find_board(board), fake_parts(tmp_path / "parts"), fake_config()).directory


def pio_config(project: Path, tmp_path: Path, option: str) -> str:
    """`pio project config` with an empty home and no way to the network."""
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    environment = platformio_environment() | nowhere | {"PLATFORMIO_CORE_DIR": str(tmp_path / "core")}
    command = [sys.executable, "-m", "platformio", "project", "config", "-d", str(project), option]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BOARDS)
def test_platformio_finds_nothing_wrong_with_the_configuration(name: str, tmp_path: Path) -> None:
    assert "is free from linting errors" in pio_config(written(tmp_path, name), tmp_path, "--lint")


def test_the_lint_does_see_a_misspelt_option(tmp_path: Path) -> None:
    project = written(tmp_path)
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text().replace("monitor_speed", "monitor_sped"))
    text = pio_config(project, tmp_path, "--lint")
    assert "monitor_sped" in text and "free from" not in text


@pytest.mark.parametrize("name", BOARDS)
def test_platformio_reads_platform_board_and_framework_of_the_board(name: str, tmp_path: Path) -> None:
    project, pio = written(tmp_path, name), find_board(name).platformio
    sections = dict(json.loads(pio_config(project, tmp_path, "--json-output")))
    options = dict(sections[f"env:{name}"])
    assert (options["platform"], options["board"], options["framework"]) == (pio.platform, pio.board, [pio.framework])
    assert (project / options["board_build.partitions"]).is_file()


@pytest.mark.parametrize("name", BOARDS)
def test_the_partitions_are_the_application_and_two_slots_of_labels_up_to_the_end_of_the_flash(
    name: str, tmp_path: Path
) -> None:
    project = written(tmp_path, name)
    rows = [line.split(", ") for line in (project / "partitions.csv").read_text().splitlines()[1:]]
    (_, _, _, offset, size), (label, kind, subtype, start, room) = rows
    assert int(offset, 0) % 0x10000 == 0 and int(offset, 0) + int(size, 0) == int(start, 0)
    assert (label, kind, subtype, int(room, 0)) == ("labels", "data", "0x40", 128 << 10)
    assert int(start, 0) + int(room, 0) == find_board(name).flash.size_bytes


def test_the_main_task_gets_the_configured_stack(tmp_path: Path) -> None:
    parts, config = fake_parts(tmp_path / "parts"), fake_config(stack_bytes=12288)
    write_project(tmp_path / "p", find_board("esp32s3"), parts, config)
    assert "\nCONFIG_ESP_MAIN_TASK_STACK_SIZE=12288\n" in (tmp_path / "p" / "sdkconfig.defaults").read_text()


def esp_idf_program(project: Path, program: Path) -> Path:
    """The project, compiled for this PC with the stand-ins of ESP-IDF."""
    sources = [*project.rglob("*.c"), FAKE_IDF / "fake_esp_idf.c"]
    includes = [f"-I{folder}" for folder in (FAKE_IDF, project / "src", *sorted((project / "lib").iterdir()))]
    compiler = find_host_cc()
    assert compiler is not None
    command = [*compiler, "-std=gnu17", *WARNINGS, *includes, *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def heard(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("W ")]


WANTED = [
    f"W {i} E {e.tobytes().hex()} S {','.join(map(str, s.tolist()))}"
    for i, (e, s) in enumerate(expected_windows(PCM, HOP))
]


@CC
def test_the_project_with_stand_ins_of_esp_idf_hears_what_the_reference_hears(tmp_path: Path) -> None:
    program = esp_idf_program(written(tmp_path), tmp_path / "program")
    ran = subprocess.run([str(program)], input=PCM.tobytes(), cwd=tmp_path, capture_output=True, timeout=20, check=True)
    lines = ran.stdout.decode("ascii")
    assert lines.startswith("TCE 0.1.0 board=esp32s3 encoder=") and "FAKE watched=8000 fed=1" in lines
    assert len(WANTED) > 20 and heard(lines) == WANTED


@CC
def test_under_esp_idf_a_pushed_pack_is_kept_in_its_partition(tmp_path: Path) -> None:
    """The host's frames are written down beforehand: a device answers whatever session it is asked for."""
    folders, new = write_parts(tmp_path / "parts"), pack(20, seed=2).to_bytes()
    parts = FirmwareParts(folders["encoder"], ARENA, 0, folders["frontend"], pack(3).to_bytes())
    project = write_project(tmp_path / "p", find_board("esp32s3"), parts, fake_config()).directory
    program = esp_idf_program(project, tmp_path / "program")
    asked = [(Command.HELLO, struct.pack("<I", 7))]
    asked += [(Command.LABELS_BEGIN, struct.pack("<I", len(new)) + new[-4:] + bytes.fromhex(ENCODER_ID + FRONTEND_ID))]
    asked += [(Command.LABELS_DATA, struct.pack("<I", at) + new[at : at + 256]) for at in range(0, len(new), 256)]
    asked += [(Command.LABELS_COMMIT, b"")]
    frames = [encode(Frame(command, number, payload)) for number, (command, payload) in enumerate(asked)]
    (tmp_path / "uart.bin").write_bytes(b"".join(frames))
    for labels in (3, 20):
        ran = subprocess.run([str(program)], input=b"", cwd=tmp_path, capture_output=True, timeout=20, check=True)
        assert f"frontend={FRONTEND_ID} labels={labels}\n".encode() in ran.stdout, ran.stdout
        (tmp_path / "uart.bin").unlink(missing_ok=True)
    assert new in (tmp_path / "labels.bin").read_bytes()


def cxx() -> list[str]:
    """A C++ compiler for this PC: the C compiler's own, or zig's."""
    found = shutil.which("g++") or shutil.which("clang++")
    return [found] if found else [sys.executable, "-m", "ziglang", "c++"]


@pytest.mark.parametrize("name", [*BOARDS, "esp32c3", "nrf52840"])
def test_platformio_finds_nothing_wrong_with_the_configuration_for_arduino(name: str, tmp_path: Path) -> None:
    project = written(tmp_path, name)
    (project / "platformio.ini").unlink()
    (project / "arduino.ini").rename(project / "platformio.ini")
    assert "is free from linting errors" in pio_config(project, tmp_path, "--lint")
    options = dict(dict(json.loads(pio_config(project, tmp_path, "--json-output")))[f"env:{name}-arduino"])
    pio = find_board(name).platformio
    assert (options["platform"], options["board"], options["framework"]) == (pio.platform, pio.board, ["arduino"])


@CC
@pytest.mark.parametrize("name", ["nrf52840", "esp32"])  # PDM, and I2S
def test_the_project_with_stand_ins_of_arduino_hears_what_the_reference_hears(name: str, tmp_path: Path) -> None:
    project, compiler = written(tmp_path, name), find_host_cc()
    assert compiler is not None
    libraries = [folder for folder in sorted((project / "lib").iterdir()) if folder.name != "port"]  # lib_ignore
    includes = [f"-I{folder}" for folder in (FAKE_ARDUINO, project / "arduino", project / "src", *libraries)]
    sources = [path for folder in (*libraries, project / "src") for path in sorted(folder.glob("*.c"))]
    objects = [tmp_path / f"{i}.o" for i, _ in enumerate(sources)]
    for source, made in zip(sources, objects, strict=True):
        command = [*compiler, "-std=gnu11", *WARNINGS, *includes, "-c", str(source), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    own = [*sorted((project / "arduino").glob("*.cpp")), FAKE_ARDUINO / "fake_arduino.cpp"]
    command = [*cxx(), "-std=gnu++17", *WARNINGS, *includes, *map(str, own), *map(str, objects)]
    done = subprocess.run([*command, "-o", str(tmp_path / "program")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([str(tmp_path / "program")], input=PCM.tobytes(), capture_output=True, timeout=20, check=True)
    lines = ran.stdout.decode("ascii")
    assert lines.startswith(f"TCE 0.1.0 board={name} encoder=")
    # the libraries give whole blocks: what is left of the last one stays with them
    found = heard(lines)
    assert len(found) > 20 and found == WANTED[: len(found)]


@CC
def test_the_same_project_runs_on_this_pc_by_the_host_target(tmp_path: Path) -> None:
    host = HostTarget()
    result = host.run(host.build(written(tmp_path), tmp_path / "program"), PCM)
    assert [w.embedding.tolist() for w in result.windows] == [e.tolist() for e, _ in expected_windows(PCM, HOP)]


def test_the_build_names_the_line_that_builds_it_online_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = written(tmp_path)
    monkeypatch.setattr(building.subprocess, "Popen", lambda *_, **__: pytest.fail("PlatformIO was started"))
    with pytest.raises(ToolMissing, match=r"esp32s3 .* espressif32@\^6, which needs a network") as caught:
        build(project)
    assert caught.value.hint == f"pio run -d {project}"


def test_nothing_of_the_bare_platform_is_in_the_project(tmp_path: Path) -> None:
    names = {path.name for path in written(tmp_path).rglob("*")}
    assert not names & {"toolbox", "linker", "boards", "tce_semihost.c", "tce_memory.c", "string.h"}


def test_an_arena_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match="region dram"):
        write_project(tmp_path / "p", find_board("esp32"), fake_parts(tmp_path / "parts", 1 << 20), fake_config())
    assert not (tmp_path / "p").exists()


def test_a_toolchain_or_framework_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    board, parts = find_board("esp32"), fake_parts(tmp_path / "parts")
    with pytest.raises(UsageError, match="gcc"):
        write_project(tmp_path / "p", board, parts, fake_config(), "gcc")
    other = replace(board, platformio=replace(board.platformio, framework="zephyr"))
    with pytest.raises(UsageError, match="zephyr"):
        write_project(tmp_path / "p", other, parts, fake_config())
    assert not (tmp_path / "p").exists()
