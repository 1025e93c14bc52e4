"""Boards of tier C: a project for PlatformIO's registry platform, linted by PlatformIO and run with stand-ins of ESP-IDF."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import expected_windows
from device.images import HOP, WARNINGS, fake_config, fake_parts

from tinyclap_edge.boards import find_board
from tinyclap_edge.device import build as building
from tinyclap_edge.device.build import build
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.platformio_core import platformio_environment
from tinyclap_edge.device.platformio_project import write_project
from tinyclap_edge.device.run_result import parse_console
from tinyclap_edge.device.toolchain import find_host_cc
from tinyclap_edge.errors import DoesNotFit, ToolMissing, UsageError

BOARDS = ("esp32", "esp32s3")
PCM = np.random.default_rng(4).integers(-20000, 20000, 600).astype(np.int16)
FAKE_IDF = Path(__file__).parent / "fake_esp_idf"
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
def test_the_application_partition_ends_where_the_flash_ends(name: str, tmp_path: Path) -> None:
    project = written(tmp_path, name)
    _, _, _, offset, size = (project / "partitions.csv").read_text().splitlines()[1].split(", ")
    assert int(offset, 0) % 0x10000 == 0
    assert int(offset, 0) + int(size, 0) == find_board(name).flash.size_bytes


def test_the_main_task_gets_the_configured_stack(tmp_path: Path) -> None:
    parts, config = fake_parts(tmp_path / "parts"), fake_config(stack_bytes=12288)
    write_project(tmp_path / "p", find_board("esp32s3"), parts, config)
    assert "\nCONFIG_ESP_MAIN_TASK_STACK_SIZE=12288\n" in (tmp_path / "p" / "sdkconfig.defaults").read_text()


@CC
def test_the_project_with_stand_ins_of_esp_idf_hears_what_the_reference_hears(tmp_path: Path) -> None:
    project, program = written(tmp_path), tmp_path / "program"
    sources = [*project.rglob("*.c"), FAKE_IDF / "fake_esp_idf.c"]
    includes = [f"-I{folder}" for folder in (FAKE_IDF, project / "src", *sorted((project / "lib").iterdir()))]
    compiler = find_host_cc()
    assert compiler is not None
    command = [*compiler, "-std=gnu17", *WARNINGS, *includes, *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([str(program)], input=PCM.tobytes(), capture_output=True, timeout=20, check=True)
    lines = ran.stdout.decode("ascii").splitlines()
    asked = [int(line[2:]) for line in lines if re.fullmatch(r"R \d+", line)]
    banner, windows, stack = parse_console("\n".join(line for line in lines if line[:2] != "R "), 0)
    assert banner.board == "esp32s3"
    wanted = expected_windows(PCM, HOP)
    assert len(windows) == len(wanted) > 3
    for found, (embedding, scores) in zip(windows, wanted, strict=True):
        assert (found.embedding == embedding).all() and (found.scores == scores).all()
    assert sum(asked[:-1]) <= PCM.size < sum(asked)  # only the last request finds the sound at its end
    assert stack == 1000


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
    arduino = replace(board, platformio=replace(board.platformio, framework="arduino"))
    with pytest.raises(UsageError, match="arduino"):
        write_project(tmp_path / "p", arduino, parts, fake_config())
    assert not (tmp_path / "p").exists()
