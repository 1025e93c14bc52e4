"""Verbs that talk to boards, asked for what cannot be: one sentence, one cure, the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.command import cli, refused
from click.testing import CliRunner
from serial_boards import built_firmware

from tinyclap_edge.boards import find_board
from tinyclap_edge.cli import board_ports, mic_check, monitor, output, port_options
from tinyclap_edge.cli.port_options import Wired, at_once, wired
from tinyclap_edge.device import board_ports as ports
from tinyclap_edge.device.board_ports import Port, check_port, find_port
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.errors import DeviceError, UsageError

MAP = """\
- {connected: true, id: one, platform: stm32f4, serial: /dev/ttyNOT1, runner: openocd}
- {connected: true, id: two, platform: stm32f4, serial: /dev/ttyNOT2, baud: 9600}
- {connected: true, id: three, platform: rp2040, serial: /dev/ttyNOT3}
"""


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_quiet_json", False)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("monitor", "--port", "/dev/ttyNOT0"), 4, ("there is no port /dev/ttyNOT0",)),
        (("mic-check", "--port", "/dev/null"), 4, ("/dev/null is no serial port",)),
        (("monitor",), 2, ("which port?", "boards ports")),
        (("verify", "none", "--target", "host", "--port", "/dev/x"), 2, ("go with --target serial",)),
        (("bench", "--board", "stm32f4", "--port", "/dev/x"), 2, ("go with --target serial",)),
        (("flash", "none", "--port", "/dev/x"), 2, ("there is no bundle none",)),
        (("flash", "--board", "mps3-an547"), 2, ("no tool flashes mps3-an547",)),
        (("flash", "--board", "stm32l4"), 2, ("no drivers for NUCLEO-L4R5ZI",)),
        (("flash",), 2, ("which board?",)),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    refused(cli(*arguments, env={"PATH": "/nowhere"}), code, *words)


def test_a_port_or_a_map_says_which_boards_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(MAP)
    assert [(d.id, d.port, d.baud) for d in wired(None, None, str(path), "stm32f4")] == [
        ("one", "/dev/ttyNOT1", 115_200), ("two", "/dev/ttyNOT2", 9600)
    ]  # fmt: skip
    assert len(wired(None, None, str(path))) == 3
    assert wired("/dev/x", 9600, None) == [Wired("/dev/x", "/dev/x", 9600)]
    with pytest.raises(UsageError, match="exclude each other"):
        wired("/dev/x", None, str(path))
    done = CliRunner().invoke(monitor.command, ["--hardware-map", str(path)], standalone_mode=False)
    assert isinstance(done.exception, UsageError) and "--port /dev/ttyNOT1 or" in done.exception.hint


def test_boards_are_worked_on_at_the_same_time_and_fail_apart() -> None:
    boards = [Wired(str(i), "", 0) for i in range(3)]
    import threading

    together = threading.Barrier(3, timeout=10)

    def work(device: Wired) -> str:
        together.wait()
        if device.id == "1":
            raise DeviceError("gone")
        return device.id

    done, failed = at_once(boards, work)
    assert [value for _, value in done] == ["0", "2"] and [(d.id, e.fact) for d, e in failed] == [("1", "gone")]
    with pytest.raises(ZeroDivisionError):
        at_once(boards[:1], lambda device: 1 / 0)


def test_the_port_of_a_board_is_found_by_its_usb_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    board = find_board("rp2040")
    here = [Port("/dev/ttyACM0", "2e8a:000a", "Pico", "E66"), Port("/dev/ttyUSB0", "10c4:ea60", "CP2102", "1")]
    monkeypatch.setattr(ports, "connected_ports", lambda: here)
    assert (
        find_port(board).name == "/dev/ttyACM0"
        and port_options.wired(None, None, None, "rp2040")[0].port == "/dev/ttyACM0"
    )
    with pytest.raises(DeviceError, match="no port of nrf52840") as caught:
        find_port(find_board("nrf52840"))
    assert "/dev/ttyACM0 (2e8a:000a, Pico)" in caught.value.hint
    here.append(Port("/dev/ttyACM1", "2e8a:000a", "Pico", "E67"))
    with pytest.raises(DeviceError, match="2 ports can be rp2040's"):
        find_port(board)


def test_a_port_of_another_board_is_told_by_its_usb_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    with SerialLine() as line:
        monkeypatch.setattr(ports, "connected_ports", lambda: [Port(line.port, "2e8a:000a", "Pico", "E66")])
        check_port(line.port, 115_200, find_board("rp2040"))
        with pytest.raises(DeviceError, match="is the port of rp2040 .*, not of stm32f4"):
            check_port(line.port, 115_200, find_board("stm32f4"))


def test_connected_boards_become_a_map_and_keep_what_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = [Port("/dev/ttyACM0", "2e8a:000a", "Pico", "E66"), Port("/dev/ttyS0", "", "", "")]
    monkeypatch.setattr(ports, "connected_ports", lambda: here)
    path = tmp_path / "hardware-map.yaml"
    for platform in ("rp2040", "rpi_pico"):
        done = CliRunner().invoke(board_ports.ports, ["--out", str(path)], standalone_mode=False)
        assert done.exception is None, done.exception
        assert f"platform: {platform}" in path.read_text() and "ttyS0" not in path.read_text()
        path.write_text(path.read_text().replace("platform: rp2040", "platform: rpi_pico"))


def test_a_board_that_answers_says_itself_which_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with built_firmware().on_this_pc(tmp_path) as board:
        monkeypatch.setattr(ports, "connected_ports", lambda: [Port(board.port, "", "", "")])
        found = ports.survey(ask=True)
    assert [(d.platforms, d.serial, d.connected) for d in found] == [(("stm32f4",), board.port, True)]


def test_a_microphone_behind_a_port_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with built_firmware().on_this_pc(tmp_path) as board:
        monkeypatch.setattr("tinyclap_edge.device.mic_level.MIN_S", 0.01)
        arguments = ["--port", board.port, "--seconds", "0.25", "--out", str(tmp_path / "heard.wav"), "--json"]
        done = CliRunner().invoke(mic_check.command, arguments, standalone_mode=False)
    assert done.exception is None, done.exception
    checked = json.loads(done.stdout)["data"]["boards"][0]
    assert checked["peak_db"] > -10 and checked["verdict"] in ("good", "usable")
    assert (tmp_path / "heard.wav").stat().st_size > 1000


def test_a_file_that_cannot_be_written_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with built_firmware().on_this_pc(tmp_path) as board:
        monkeypatch.setattr("tinyclap_edge.device.mic_level.MIN_S", 0.01)
        for out in ("nowhere/heard.wav", "heard.xyz"):
            arguments = ["--port", board.port, "--seconds", "0.25", "--out", str(tmp_path / out)]
            done = CliRunner().invoke(mic_check.command, arguments, standalone_mode=False)
            if out.startswith("nowhere"):
                assert isinstance(done.exception, UsageError) and "cannot write" in done.exception.fact
            else:
                assert done.exception is None and (tmp_path / out).read_bytes().startswith(b"RIFF")


def test_a_port_that_somebody_else_has_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with SerialLine() as line:
        holder = PortStream(line.port)
        for command in (monitor.command, mic_check.command):
            done = CliRunner().invoke(command, ["--port", line.port], standalone_mode=False)
            assert isinstance(done.exception, DeviceError) and "is in use" in done.exception.fact
        holder.close()


@pytest.mark.parametrize("says", [b"", b"temperature 21.5\r\n", b"\0\x20\xa1 half a frame"])
def test_another_device_on_the_port_ends_in_one_error(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    monkeypatch.setattr(PortStream.__init__, "__defaults__", (115_200, 0.01))
    with SerialLine() as line:
        line.send(says)
        for command in (monitor.command, mic_check.command):
            done = CliRunner().invoke(command, ["--port", line.port], standalone_mode=False)
            assert isinstance(done.exception, DeviceError) and "no answer to HELLO" in done.exception.fact
