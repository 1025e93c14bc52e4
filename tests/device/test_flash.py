"""`flash`: everything is checked before the build, the tool is run by PlatformIO, and the board must say who it is.

A desk stands in for hardware: a program named openocd that "flashes" by telling the desk, which then runs the image as
an emulated board behind the same port.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from serial_boards import built_firmware

from tinyclap_edge.boards import find_board
from tinyclap_edge.cli.flash import command
from tinyclap_edge.device import flash as flashing
from tinyclap_edge.device import flash_upload
from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.build import BuildResult
from tinyclap_edge.device.chip_board import ChipBoard
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.flash import Identity, Place, check, check_size, find_tool, flash, wait_for_board
from tinyclap_edge.device.flash_image import flat_parts
from tinyclap_edge.device.flash_tools import BOARDS, TOOLS, Choice, Job, choose_tool
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.device.platformio_project import read_project
from tinyclap_edge.device.serial_board import EmulatorBoard
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.device.uf2 import BLOCK, INFO, copy_to_drive, find_drive, uf2_blocks
from tinyclap_edge.device.uf2 import main as uf2_main
from tinyclap_edge.errors import DeviceError, DoesNotFit, ToolMissing, UsageError

BOARD = find_board("stm32f4")
OPENOCD = """#!/bin/sh
echo "$@" > {desk}/arguments
[ -f {desk}/says ] && cat {desk}/says && exit 1
for word in "$@"; do
  case "$word" in program*) echo "$word" | sed 's/program {{\\(.*\\)}} verify.*/\\1/' > {desk}/image.new; mv {desk}/image.new {desk}/image;; esac
done
while [ ! -f {desk}/done ]; do sleep 0.05; done
"""


class Desk:
    """A board's port, and somebody who flashes what openocd is given."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, folder / "ttyBoard"
        program = folder / "bin" / "openocd"
        program.parent.mkdir()
        program.write_text(OPENOCD.format(desk=folder))
        program.chmod(0o755)
        self._empty = SerialLine()  # a board without firmware
        self._point(self._empty.port)
        self._board: ChipBoard | EmulatorBoard | None = None
        self.chip = False  # whether images are those of the chip, with its drivers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _point(self, port: str) -> None:
        fresh = self.folder / "fresh"
        fresh.symlink_to(port)
        fresh.replace(self.port)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            if (self.folder / "image").is_file() and self._board is None:
                elf = Path((self.folder / "image").read_text().strip())
                kind = ChipBoard if self.chip else EmulatorBoard
                self._board = kind(BOARD, elf, FedSound(), self.folder / "labels.flash")
                self._board.__enter__()
                self._point(self._board.port)
                (self.folder / "done").touch()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        if self._board is not None:
            self._board.stop()
        self._empty.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(flashing, "_GRACE_S", 0.2)
    monkeypatch.setattr(PortStream.__init__, "__defaults__", (115_200, 0.05))
    yield made
    made.close()


@pytest.fixture
def no_platformio(monkeypatch: pytest.MonkeyPatch) -> None:
    """The upload command is run at once, and the image was built before: PlatformIO takes seconds."""
    elf = built_firmware().elf

    def run(arguments, project, environment, on_line):
        command = environment[flash_upload.UPLOAD_VARIABLE].replace("$$", "$")
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        return done.returncode, "Uploading firmware.elf\n" + done.stdout + done.stderr

    monkeypatch.setattr(flashing, "build", lambda *_, **__: BuildResult(elf, 1, {}, {}, "zig", 0.0))
    monkeypatch.setattr(flash_upload, "run_platformio", run)


def ready(desk: Desk):
    return check(built_firmware().project, BOARD, Place(port=str(desk.port), tool="openocd"))


def test_a_board_is_flashed_and_says_who_it_is(desk: Desk, no_platformio: None) -> None:
    said: list[str] = []
    done = flash(ready(desk), say=said.append, banner_s=20)
    assert (done.board, done.tool, done.device.encoder_id) == ("stm32f4", "openocd", "e00000000000009f")
    parts = flat_parts(read_elf(built_firmware().elf), BOARD)
    assert done.image_bytes == sum(len(part.data) for part in parts)
    arguments = (desk.folder / "arguments").read_text()
    assert (
        "interface/stlink.cfg" in arguments and "target/stm32f4x.cfg" in arguments and "verify reset exit" in arguments
    )
    assert [line.split()[0] for line in said] == ["building", "flashing", "waiting"]


def test_a_firmware_with_other_identities_is_no_success(desk: Desk, no_platformio: None) -> None:
    checked = ready(desk)
    other = json.loads(json.dumps(checked.record))
    other["config"]["encoder_id"] = "00000000000000aa"
    with pytest.raises(DeviceError, match="has encoder e00000000000009f, not 00000000000000aa"):
        flash(replace(checked, record=other), banner_s=20)


def test_a_tool_that_fails_is_explained(desk: Desk, no_platformio: None) -> None:
    (desk.folder / "says").write_text("Error: open failed\n** OpenOCD init failed **\n")
    with pytest.raises(DeviceError, match="openocd finds no debug probe"):
        flash(ready(desk))


def test_silence_behind_the_upload_is_no_success(desk: Desk) -> None:
    wanted = Identity("0.1.0", "stm32f4", "e" * 16, "f" * 16)
    with pytest.raises(DeviceError, match="no firmware answers on .* at 115200 baud") as caught:
        wait_for_board(str(desk.port), 115_200, wanted, 0.3)
    assert "monitor --port" in caught.value.hint
    with pytest.raises(DeviceError, match="flashed, but there is no port /dev/ttyNOT0"):
        wait_for_board("/dev/ttyNOT0", 115_200, wanted, 0.3)


def test_the_wrong_board_on_the_port_is_named_before_anything_is_built(
    desk: Desk, no_platformio: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    flash(ready(desk), banner_s=20)
    (desk.folder / "bin" / "st-flash").write_text("")
    (desk.folder / "bin" / "st-flash").chmod(0o755)
    with pytest.raises(DeviceError, match="says that it is stm32f4, not stm32h7"):
        check(built_firmware().project, find_board("stm32h7"), Place(port=str(desk.port), tool="stlink"))


def test_a_port_that_is_gone_busy_or_no_port_is_told_before_the_build(desk: Desk) -> None:
    project = built_firmware().project
    with pytest.raises(DeviceError, match="there is no port /dev/ttyNOT0"):
        check(project, BOARD, Place(port="/dev/ttyNOT0", tool="openocd"))
    holder = PortStream(str(desk.port))
    with pytest.raises(DeviceError, match="is in use"):
        ready(desk)
    holder.close()
    with pytest.raises(DeviceError, match="/dev/null is no serial port"):
        check(project, BOARD, Place(port="/dev/null", tool="openocd"))


def test_a_tool_that_is_missing_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="openocd is not installed") as caught:
        choose_tool(BOARD, "openocd")
    assert caught.value.hint == "apt-get install openocd"
    with pytest.raises(ToolMissing, match="openocd and stlink are not installed"):
        choose_tool(BOARD)
    with pytest.raises(UsageError, match="'esptool' does not flash stm32f4"):
        choose_tool(BOARD, "esptool")
    with pytest.raises(UsageError, match="no tool flashes mps3-an547"):
        choose_tool(find_board("mps3-an547"))


def test_a_board_whose_chip_has_no_drivers_is_not_flashed(desk: Desk) -> None:
    with pytest.raises(UsageError, match="no drivers for NUCLEO-L4R5ZI") as caught:
        find_tool(find_board("stm32l4"), "openocd")
    assert "stm32f4, stm32h7, nrf52840, rp2040" in caught.value.hint


def test_a_model_that_is_too_large_is_told_by_its_bytes() -> None:
    record = read_project(built_firmware().project)
    with pytest.raises(DoesNotFit, match="the encoder's arena need 131,073 bytes, .* 1 too many"):
        check_size({**record, "arena_bytes": 131_073}, BOARD)
    with pytest.raises(DoesNotFit, match="weights and labels"):
        check_size({**record, "const_bytes": 2 << 20}, BOARD)


@pytest.mark.parametrize("board", BOARDS)
def test_every_tool_of_every_board_has_a_command_with_the_image(board: str) -> None:
    for name, detail in BOARDS[board].items():
        job = Job(("tool",), detail, Path("/x/firmware.elf"), 0x08000000, 0, "/dev/ttyX", "PROBE", "/drive", 115_200)
        command = TOOLS[name].command(job)
        assert any("/x/firmware.elf" in word for word in command), command
        assert TOOLS[name].through != "port" or "/dev/ttyX" in command
        assert TOOLS[name].through != "probe" or any("PROBE" in word for word in command)
        assert TOOLS[name].through != "drive" or "/drive" in command


def test_uf2_blocks_hold_the_image_in_order() -> None:
    image = bytes(range(256)) * 2 + b"end"
    blocks = uf2_blocks(image, 0x10000000, 0xE48BFF56)
    assert len(blocks) == 3 * BLOCK
    got = b""
    for index in range(3):
        block = blocks[index * BLOCK : (index + 1) * BLOCK]
        words = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 32, 4)]
        assert words == [0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * index, 256, index, 3, 0xE48BFF56]
        assert block[-4:] == (0x0AB16F30).to_bytes(4, "little")
        got += block[32 : 32 + 256]
    assert got == image.ljust(768, b"\0")
    with pytest.raises(UsageError, match="no multiple of 256"):
        uf2_blocks(image, 0x10000001, 0)


def test_the_one_drive_of_a_boot_loader_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mounts = (str(tmp_path),)
    with pytest.raises(DeviceError, match="no UF2 drive is mounted"):
        find_drive(mounts)
    drive = tmp_path / "me" / "RPI-RP2"
    drive.mkdir(parents=True)
    (drive / INFO).write_text("Board-ID: RPI-RP2")
    assert find_drive(mounts) == drive
    image = tmp_path / "firmware.uf2"
    image.write_bytes(b"x" * 512)
    copy_to_drive(image, drive)
    assert (drive / "firmware.uf2").read_bytes() == b"x" * 512
    assert uf2_main([str(image), str(tmp_path)]) == 1 and "is no UF2 drive" in capsys.readouterr().err
    (tmp_path / "OTHER").mkdir()
    (tmp_path / "OTHER" / INFO).write_text("")
    with pytest.raises(DeviceError, match="several UF2 drives"):
        find_drive(mounts)


@pytest.mark.slow
def test_platformio_builds_and_uploads_the_chips_own_image(desk: Desk) -> None:
    desk.chip = True
    said: list[str] = []
    done = flash(ready(desk), on_line=said.append, banner_s=120)
    assert done.device.board == "stm32f4" and any(line.startswith("Uploading") for line in said)
    assert (desk.folder / "image").read_text().strip().endswith(".pio/build/stm32f4/firmware.elf")


def test_the_verb_flashes_the_boards_of_a_map_and_names_the_one_that_it_could_not(
    desk: Desk, no_platformio: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = SimpleNamespace(board=BOARD, firmware=built_firmware().project)
    monkeypatch.setattr("tinyclap_edge.cli.source.bundle_for", lambda *_: nullcontext(opened))
    hardware_map = desk.folder / "hardware-map.yaml"
    hardware_map.write_text(
        f"- {{connected: true, id: here, platform: stm32f4, serial: {desk.port}, runner: openocd, probe_id: P7}}\n"
        "- {connected: true, id: gone, platform: stm32f4, serial: /dev/ttyNOT9, runner: openocd}\n"
    )
    arguments = ["x", "--hardware-map", str(hardware_map), "--timeout", "20"]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert isinstance(done.exception, DeviceError), done.exception
    assert done.exception.fact == "1 of 2 boards are not flashed; gone: there is no port /dev/ttyNOT9"
    assert f"stm32f4 on {desk.port} runs encoder e00000000000009f" in done.stdout
    assert "adapter serial P7" in (desk.folder / "arguments").read_text()


def test_a_chip_that_does_not_answer_is_tried_again_at_115200_baud(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(arguments, project, environment, on_line):
        ran.append(environment[flash_upload.UPLOAD_VARIABLE])
        return (
            1,
            "Uploading firmware.elf\nA fatal error occurred: Failed to connect to ESP32-C3: No serial data received.",
        )

    monkeypatch.setattr(flash_upload, "run_platformio", run)
    choice = Choice(TOOLS["esptool"], ("esptool",), "esp32c3")
    job = Job((), "", Path("a b$.bin"), 0x42000000, 0, "/dev/ttyUSB0")
    said: list[str] = []
    with pytest.raises(DeviceError, match="the chip on /dev/ttyUSB0 does not answer") as caught:
        flash_upload.upload(Path(), find_board("esp32c3"), choice, job, None, said.append)
    assert "hold BOOT" in caught.value.hint and said == ["no answer; once more at 115200 baud"]
    assert ["--baud 460800" in ran[0], "--baud 115200" in ran[1], len(ran)] == [True, True, 2]
    assert ran[0].endswith("write-flash 0x0 'a b$$.bin'")  # a dollar is SCons' own
