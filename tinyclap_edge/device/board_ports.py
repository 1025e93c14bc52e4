"""Which serial port a board is on: those that are connected, by their USB identity, and whether one can be opened."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.boards import Board, load_boards
from tinyclap_edge.device.hardware_map import BAUD, MappedBoard
from tinyclap_edge.device.link import Device, Link
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.errors import DeviceError, TinyclapError

# Debug probes' USB vendors, as twister's runner of a board.
_RUNNERS = {0x0483: "openocd", 0x1366: "openocd", 0x0D28: "pyocd", 0x303A: "esp32", 0x10C4: "esp32", 0x2E8A: "uf2"}


@dataclass(frozen=True)
class Port:
    """A serial port that is connected. usb: "vid:pid" in hex, "" for one that is not on USB."""

    name: str
    usb: str
    product: str
    serial_number: str

    @property
    def boards(self) -> tuple[str, ...]:
        """Boards with this USB identity."""
        return tuple(b.name for b in load_boards().values() if self.usb and b.serial.usb == self.usb)

    def words(self) -> str:
        """As a list shows it."""
        return f"{self.name} ({', '.join(filter(None, (self.usb, self.product))) or 'not on USB'})"


def connected_ports() -> list[Port]:
    """Serial ports of this PC, by name."""
    from serial.tools import list_ports

    found = [_port(p) for p in list_ports.comports()]
    return sorted(found, key=lambda p: p.name)


def _port(found: Any) -> Port:
    usb = f"{found.vid:04x}:{found.pid:04x}" if found.vid is not None else ""
    product = found.product or (found.description if found.description != "n/a" else "") or ""
    return Port(str(found.device), usb, str(product), str(found.serial_number or ""))


def find_port(board: Board) -> Port:
    """The one connected port that can be the board's. DeviceError where there is none or several."""
    ports = connected_ports()
    own = [p for p in ports if board.name in p.boards]
    listed = "connected: " + ", ".join(p.words() for p in ports) if ports else "no serial port is connected"
    if not own:
        wanted = f" (USB {board.serial.usb})" if board.serial.usb else ""
        raise DeviceError(
            f"no port of {board.name}{wanted} is connected",
            f"name one with --port; {listed}; some USB cables carry power only",
        )
    if len(own) > 1:
        raise DeviceError(
            f"{len(own)} ports can be {board.name}'s: {', '.join(p.words() for p in own)}", "choose one with --port"
        )
    return own[0]


def check_port(port: str, baud: int, board: Board | None = None) -> None:
    """DeviceError (4) unless the port is there, may be opened, is free, and can be the board's by its USB identity."""
    PortStream(port, baud, 0.1).close()
    if board is None or not board.serial.usb:
        return
    here = next((p for p in connected_ports() if p.name == os.path.realpath(port) or p.name == port), None)
    others = [name for name in here.boards if name != board.name] if here else []
    if here and others and board.name not in here.boards:
        raise DeviceError(
            f"{port} is the port of {' or '.join(others)} (USB {here.usb}), not of {board.name}",
            "name the port of the board, or the board that is there",
        )


def who_is_there(port: str, baud: int, tries: int = 2) -> Device | None:
    """Who answers HELLO on a port; None where nothing of ours does."""
    stream = PortStream(port, baud)
    try:
        return Link(stream).hello(tries)
    except DeviceError:
        return None
    finally:
        stream.close()


def wait_for_port(port: str, baud: int, seconds: float) -> PortStream:
    """The port, opened, as soon as it is there: behind a reset USB needs its time. DeviceError of the last try."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return PortStream(port, baud)
        except DeviceError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


def survey(ask: bool) -> list[MappedBoard]:
    """The connected ports as entries of a hardware map. ask: open each and send HELLO to learn which board it is."""
    found = []
    for port in connected_ports():
        if not port.usb and not ask:
            continue  # a PC's own ports
        device = None
        if ask:
            try:
                device = who_is_there(port.name, BAUD)
            except TinyclapError:
                device = None  # busy or not permitted: it is listed by what USB says
        if not port.usb and device is None:
            continue
        platforms = (device.board,) if device else port.boards or ("unknown",)
        runner = _RUNNERS.get(int(port.usb.split(":")[0], 16), "") if port.usb else ""
        found.append(
            MappedBoard(port.serial_number or port.name, platforms[:1] if device or len(platforms) == 1 else ("unknown",), True,
                        port.product, runner, _stable_name(port.name), BAUD, notes=_notes(port, platforms))
        )  # fmt: skip
    return found


def _notes(port: Port, platforms: tuple[str, ...]) -> str:
    return f"{port.usb} is {' or '.join(platforms)}" if len(platforms) > 1 else ""


def _stable_name(port: str) -> str:
    """The name under /dev/serial/by-id, which stays when boards are plugged in in another order."""
    folder = Path("/dev/serial/by-id")
    for link in sorted(folder.iterdir()) if folder.is_dir() else ():
        if os.path.realpath(link) == os.path.realpath(port):
            return str(link)
    return port
