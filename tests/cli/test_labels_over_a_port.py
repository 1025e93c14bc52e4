"""`labels push`, `pull` and `show --port` against a board behind a pty, and every way in which a port is the wrong one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from serial_boards import Firmware, pack

from tinyclap_edge.cli import output
from tinyclap_edge.cli.labels import command
from tinyclap_edge.device import link_port
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.errors import CorruptFile, DeviceError, UsageError


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch):
    monkeypatch.setattr(output, "_quiet_json", False)


@pytest.fixture(scope="module")
def port(tmp_path_factory) -> Iterator[str]:
    """The port of a board that runs on this PC."""
    folder = tmp_path_factory.mktemp("board")
    with Firmware(tmp_path_factory.mktemp("firmware")).on_this_pc(folder) as board:
        yield board.port


@pytest.fixture
def quick(monkeypatch) -> None:
    """A port that does not answer is given up at once."""
    monkeypatch.setattr(PortStream.__init__, "__defaults__", (115_200, 0.01))


def run(*arguments: str) -> dict:
    done = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    if done.exception:
        raise done.exception
    return json.loads(done.stdout)["data"]


def written(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "labels.tlp"
    path.write_bytes(data)
    return str(path)


def test_a_pack_is_pushed_shown_and_pulled_byte_for_byte(port: str, tmp_path: Path) -> None:
    labels, back = pack(17, seed=4), str(tmp_path / "back.tlp")
    pushed = run("push", written(tmp_path, labels.to_bytes()), "--port", port)
    assert pushed["device"]["labels"] == 17 and pushed["device"]["slot"] is not None
    shown = run("show", "--port", port)
    assert [x["name"] for x in shown["labels"]] == list(labels.names)
    assert run("pull", "--port", port, "--out", back)["bytes"] == len(labels.to_bytes())
    assert Path(back).read_bytes() == labels.to_bytes()


def test_people_read_one_line_about_a_push(port: str, tmp_path: Path) -> None:
    file = written(tmp_path, pack(4, seed=5).to_bytes())
    done = CliRunner().invoke(command, ["push", file, "--port", port], standalone_mode=False)
    assert done.exception is None and f"stm32f4 on {port}: 4 labels, " in done.stdout
    again = CliRunner().invoke(command, ["push", file, "--port", port], standalone_mode=False)
    assert "the pack it had already" in again.stdout


def test_a_pack_for_another_encoder_is_refused_by_name(port: str, tmp_path: Path) -> None:
    file = written(tmp_path, pack(3, encoder="00000000000000aa").to_bytes())
    with pytest.raises(UsageError, match=r"encoder 00000000000000aa .* stm32f4 runs encoder e00000000000009f"):
        run("push", file, "--port", port)


def test_a_port_that_is_not_there_or_no_port_at_all_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    file = written(tmp_path, pack(3).to_bytes())
    with pytest.raises(DeviceError, match="there is no port /dev/ttyNOT0"):
        run("push", file, "--port", "/dev/ttyNOT0")
    for wrong in (str(tmp_path / "file"), "/dev/null", str(tmp_path)):
        with pytest.raises(DeviceError, match=f"{wrong} is no serial port"):
            run("push", file, "--port", wrong)


def test_a_port_that_another_program_has_open_is_named_with_the_program(tmp_path: Path) -> None:
    with SerialLine() as line:
        holder = PortStream(line.port)
        with pytest.raises(DeviceError, match=f"{line.port} is in use"):
            run("show", "--port", line.port)
        holder.close()


def test_a_port_without_permission_says_how_to_get_it(monkeypatch) -> None:
    import serial

    def denied(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "Permission denied")

    with SerialLine() as line:
        monkeypatch.setattr(serial, "Serial", denied)
        with pytest.raises(DeviceError, match="no permission") as caught:
            run("show", "--port", line.port)
    assert "dialout" in caught.value.hint


@pytest.mark.parametrize("says", [b"", b"temperature 21.5\r\n", b"\0\x20\xa1 half a frame"])
def test_another_board_on_the_port_ends_in_one_error(quick: None, says: bytes) -> None:
    with SerialLine() as line:
        line.send(says)
        with pytest.raises(DeviceError, match="no answer to HELLO after 6 tries") as caught:
            run("show", "--port", line.port)
    assert "is it this port" in caught.value.hint


def test_a_board_that_is_unplugged_is_a_lost_link(quick: None, monkeypatch) -> None:
    with SerialLine() as line:
        stream = PortStream(line.port)
        monkeypatch.setattr(stream._serial, "read", lambda count: (_ for _ in ()).throw(OSError(5, "I/O error")))
        with pytest.raises(DeviceError, match="the link was lost"):
            link_port.Link(stream).hello()
        stream.close()


def test_a_file_of_two_gigabytes_is_refused_before_it_is_read_and_the_port_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.tlp"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2 << 30)
    started = time.perf_counter()
    with pytest.raises(CorruptFile, match=r"2,147,483,648 bytes; a label pack has at most 281,636") as caught:
        run("push", str(path), "--port", "/dev/ttyNOT0")
    assert "labels.tlp" in caught.value.hint
    assert time.perf_counter() - started < 5


def test_a_damaged_pack_never_reaches_a_port(tmp_path: Path) -> None:
    data = bytearray(pack(3).to_bytes())
    data[50] ^= 1
    with pytest.raises(CorruptFile):
        run("push", written(tmp_path, bytes(data)), "--port", "/dev/ttyNOT0")


def test_show_wants_either_a_file_or_a_port(tmp_path: Path) -> None:
    for arguments in ((), (written(tmp_path, pack(3).to_bytes()), "--port", "/dev/ttyNOT0")):
        with pytest.raises(UsageError, match="which labels"):
            run("show", *arguments)
