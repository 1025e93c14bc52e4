"""The written PlatformIO project: its content, its refusals, and its build."""

from __future__ import annotations

import filecmp
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from device.fake_firmware import LABEL_PACK
from device.images import fake_config, fake_parts

from tinyclap_edge.boards import find_board
from tinyclap_edge.device import build as building
from tinyclap_edge.device.build import BuildFailed, build
from tinyclap_edge.device.platformio_project import PROJECT_FILE, write_project
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.errors import DoesNotFit, ToolMissing, UsageError

ZIG = pytest.mark.skipif(find_zig() is None, reason="zig is not installed")
BOARD = find_board("stm32f4")


def test_the_same_inputs_give_the_same_bytes_in_two_directories(tmp_path: Path) -> None:
    parts = fake_parts(tmp_path / "parts")
    for name in ("a", "b"):
        write_project(tmp_path / name, BOARD, parts, fake_config())
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) > 20
    same, different, missing = filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", [str(f) for f in files], shallow=False)
    assert len(same) == len(files) and not different and not missing


def test_the_project_names_no_path_of_the_machine_that_wrote_it(tmp_path: Path) -> None:
    write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())
    for path in (tmp_path / "p").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert str(tmp_path) not in text and sys.prefix not in text, path


def test_the_label_pack_is_in_the_source_byte_for_byte(tmp_path: Path) -> None:
    write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())
    text = (tmp_path / "p" / "src" / "tce_label_pack.c").read_text(encoding="utf-8")
    assert bytes(int(x, 16) for x in re.findall(r"0x([0-9a-f]{2})\b", text)) == LABEL_PACK


def test_an_earlier_project_is_replaced_and_other_content_is_left_alone(tmp_path: Path) -> None:
    parts = fake_parts(tmp_path / "parts")
    write_project(tmp_path / "p", BOARD, parts, fake_config())
    (tmp_path / "p" / "src" / "stale.c").write_text("stale")
    write_project(tmp_path / "p", BOARD, parts, fake_config())
    assert not (tmp_path / "p" / "src" / "stale.c").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="no firmware project"):
        write_project(tmp_path / "mine", BOARD, parts, fake_config())
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_an_arena_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match="region sram"):
        write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts", arena_bytes=1 << 20), fake_config())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["parts"]


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot write"):
        write_project(tmp_path / "file" / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())


@pytest.mark.parametrize(
    "change",
    [{"encoder_id": "e0"}, {"version": 'a"b'}, {"hop_frames": 0}, {"stack_bytes": 1001}, {"input_zero_point": 200}],
)
def test_a_configuration_that_the_firmware_cannot_hold_is_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        fake_config(**change)


@ZIG
def test_pio_run_by_hand_builds_the_project_from_any_directory_and_offline(tmp_path: Path) -> None:
    project = tmp_path / "with a space" / "firmware"
    write_project(project, BOARD, fake_parts(tmp_path / "parts"), fake_config())
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PLATFORMIO_", "TINYCLAP_"))}
    # an address that nobody answers: whatever PlatformIO wanted from the network would fail at once
    environment |= {"HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    environment |= {"ZIG_GLOBAL_CACHE_DIR": str(Path.home() / ".cache" / "zig")}
    command = [sys.executable, "-m", "platformio", "run", "-d", str(project)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # of the megabyte, the first three sectors of 16 KB are kept for vectors and labels that change while it runs
    assert re.search(r"Flash: .* \(used \d+ bytes from 999424 bytes\)", done.stdout)
    assert (project / ".pio" / "build" / "stm32f4" / "firmware.elf").is_file()
    home = tmp_path / ".platformio"  # PlatformIO keeps a note of itself there, but must have installed nothing
    assert not (home / "packages").exists() and not (home / "platforms").exists()


@ZIG
def test_a_build_takes_platform_and_packages_from_the_installation(tmp_path: Path) -> None:
    write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())
    toolbox = tmp_path / "p" / "toolbox"
    starter = next(toolbox.glob("packages/*/scons.py"))
    for path in (starter, *toolbox.glob("platforms/*/platform.py"), toolbox / "platforms" / "other" / "platform.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit('code of an unknown origin was run')\n")
    assert build(tmp_path / "p").elf.is_file()
    assert not (toolbox / "platforms" / "other").exists()


@ZIG
def test_an_over_full_region_is_named_with_its_bytes(tmp_path: Path) -> None:
    parts = fake_parts(tmp_path / "parts", ballast_bytes=(1 << 20) + 100)  # more than const_bytes admits
    write_project(tmp_path / "p", BOARD, parts, fake_config())
    with pytest.raises(DoesNotFit, match=r"region flash \(1,048,576 bytes\) is over-full by [\d,]+ bytes"):
        build(tmp_path / "p")


@ZIG
def test_a_source_that_does_not_compile_is_reported_in_the_compilers_words(tmp_path: Path) -> None:
    write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())
    (tmp_path / "p" / "src" / "broken.c").write_text("int x = undeclared_thing;\n")
    said: list[str] = []
    with pytest.raises(BuildFailed, match="undeclared_thing"):
        build(tmp_path / "p", on_line=said.append)
    assert any("undeclared_thing" in line for line in said)
    assert not any(line.startswith(("CONFIGURATION", "Compiling")) for line in said)


def test_a_missing_compiler_is_found_before_platformio_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path / "p", BOARD, fake_parts(tmp_path / "parts"), fake_config())
    monkeypatch.setattr(building, "find_zig", lambda: None)
    monkeypatch.setattr(building.shutil, "which", lambda _: None)
    monkeypatch.setattr(building.subprocess, "Popen", lambda *_, **__: pytest.fail("PlatformIO was started"))
    with pytest.raises(ToolMissing, match="zig"):
        build(tmp_path / "p")


def test_a_directory_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no firmware project"):
        build(tmp_path)
    (tmp_path / PROJECT_FILE).write_text('{"schema_version": 99}')
    with pytest.raises(UsageError, match="schema 99"):
        build(tmp_path)
