"""`flash`: an export's firmware onto a board, checked before, and asked who it is behind.

Before anything is built: is the tool here, is the port there and free and that board's, does the model fit? Then PlatformIO
builds and uploads, and the board must answer with the identities of the export.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.boards import Board, find_board
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.board_ports import check_port, find_port, wait_for_port, who_is_there
from tinyclap_edge.device.build import build
from tinyclap_edge.device.flash_image import make_image
from tinyclap_edge.device.flash_tools import BOARDS, Choice, Job, choose_tool
from tinyclap_edge.device.flash_upload import check_registry_platform, upload, upload_by_registry
from tinyclap_edge.device.link import Device, Link
from tinyclap_edge.device.platformio_project import read_project
from tinyclap_edge.device.uf2 import check_drive, find_drive
from tinyclap_edge.errors import DeviceError, DoesNotFit, TinyclapError, UsageError

BANNER_S = 30.0
_GRACE_S = 3.0  # an old firmware may answer until the reset
_ASK_S = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Identity:
    """Who a firmware must say that it is."""

    version: str
    board: str
    encoder_id: str
    frontend_id: str

    def differs(self, device: Device) -> str:
        """What is another one, in words; "" where nothing is."""
        for name, what in (
            ("board", "board"),
            ("encoder_id", "encoder"),
            ("frontend_id", "front end"),
            ("version", "version"),
        ):
            found, wanted = getattr(device, name), getattr(self, name)
            if found != wanted:
                return f"{what} {found}, not {wanted}"
        return ""


@dataclass(frozen=True)
class Place:
    """Where a board is. port "": the one port that USB says is the board's."""

    port: str = ""
    baud: int = 0  # 0: the board's
    probe: str = ""
    drive: str = ""
    tool: str | None = None


@dataclass(frozen=True)
class Ready:
    """Everything before the build has been checked."""

    board: Board
    project: Path
    record: dict[str, Any]
    port: str
    baud: int
    choice: Choice | None
    place: Place

    @property
    def identity(self) -> Identity:
        config = self.record["config"]
        return Identity(config["version"], self.board.name, config["encoder_id"], config["frontend_id"])


@dataclass(frozen=True)
class Flashed:
    """A board that runs its new firmware."""

    board: str
    port: str
    tool: str
    image_bytes: int
    device: Device
    seconds: float


def check(project: Path, board: Board, place: Place) -> Ready:
    """Tool, port and size, in this order, before anything is built.

    ToolMissing (3), DeviceError (4) for the port or the wrong board on it, DoesNotFit (5), UsageError (2) for a board
    that cannot be flashed.
    """
    record = read_project(project)
    choice = find_tool(board, place.tool)
    drive = place.drive
    if choice is not None and choice.tool.through == "drive":
        if drive:
            check_drive(Path(drive))
        else:
            drive = str(find_drive())
    baud = place.baud or board.serial.baud
    port = place.port or find_port(board).name
    check_port(port, baud, board)
    found = who_is_there(port, baud)
    if found is not None and found.board != board.name:
        raise DeviceError(
            f"the board on {port} says that it is {found.board}, not {board.name}",
            f"name its port with --port, or flash it as what it is: --board {found.board}",
        )
    check_size(record, board)
    return Ready(board, project, record, port, baud, choice, Place(port, baud, place.probe, drive, place.tool))


def find_tool(board: Board, wanted: str | None) -> Choice | None:
    """As choose_tool; where PlatformIO's own is meant, ToolMissing (3) unless its platform is installed. UsageError for a
    board whose firmware has no drivers of its chip: its image ends at once without an emulator."""
    if board.name in BOARDS and not has_port(board):
        ported = [name for name in BOARDS if has_port(find_board(name))]
        raise UsageError(
            f"the firmware has no drivers for {board.title}: its image runs in the emulator only",
            f"boards that can be flashed: {', '.join(ported)}, and those of tier C; `tinyclap-edge emulate` runs the others",
        )
    choice = choose_tool(board, wanted)
    if choice is None:
        check_registry_platform(board)
    return choice


def check_size(record: dict[str, Any], board: Board) -> None:
    """DoesNotFit (5) where the model alone is larger than the memory that it goes to."""
    regions = {region.name: region for region in board.regions}
    kept = record.get("label_flash") or {}
    slots = int(kept.get("size_bytes", 0)) if isinstance(kept, dict) else 0
    wants = (
        ("code", record["const_bytes"] + record["label_pack_bytes"] + slots, "weights and labels"),
        ("arena", record["arena_bytes"], "the encoder's arena"),
    )
    for use, size, what in wants:
        region = regions[record["placement"][use]]
        if size > region.size_bytes:
            raise DoesNotFit(
                f"{what} need {size:,} bytes, {board.name}'s {region.name} has {region.size_bytes:,}: "
                f"{size - region.size_bytes:,} too many",
                f"`tinyclap-edge fit --board {board.name}` finds students that fit",
            )


def flash(ready: Ready, toolchain: str | None = None, say: Say = lambda text: None, on_line: Say = lambda line: None,
          banner_s: float = BANNER_S) -> Flashed:  # fmt: skip
    """Build, upload, and wait for the board. say: what happens; on_line: what the tools print.

    Errors of `build`; a failed upload as flash_errors has it; DeviceError (4) where no firmware of ours, or another one,
    answers within `banner_s`.
    """
    started = time.monotonic()
    board = ready.board
    if ready.choice is None:
        say(f"building and flashing {board.name} by PlatformIO's {board.platformio.platform}")
        upload_by_registry(ready.project, board, ready.port, on_line)
        size, tool = 0, "platformio"
    else:
        say(f"building {board.name}")
        built = build(ready.project, toolchain, on_line=on_line)
        kind = ready.choice.tool
        image = make_image(built.elf, board, kind.image, ready.choice.detail)
        size, tool = image.bytes_written, kind.name
        say(f"flashing {size:,} bytes ({size / board.flash.size_bytes:.1%} of {board.flash.name}) by {tool}")
        first, *more = image.parts
        job = Job((), "", first.path, first.address, first.offset, ready.port, ready.place.probe, ready.place.drive,
                  more=tuple(more))  # fmt: skip
        upload(ready.project, board, ready.choice, job, built.toolchain, on_line)
    say(f"waiting for {board.name} on {ready.port}")
    device = wait_for_board(ready.port, ready.baud, ready.identity, banner_s)
    return Flashed(board.name, ready.port, tool, size, device, time.monotonic() - started)


def wait_for_board(port: str, baud: int, wanted: Identity, seconds: float = BANNER_S) -> Device:
    """The device that answers on a port within `seconds`, with the identities that are wanted. DeviceError otherwise."""
    deadline = time.monotonic() + seconds
    heard = bytearray()
    other, other_since = "", 0.0
    trouble: TinyclapError | None = None
    while time.monotonic() < deadline:
        try:
            stream = wait_for_port(port, baud, deadline - time.monotonic())
        except DeviceError as error:
            trouble = error
            break
        try:
            device = Link(stream, timeout_s=_ASK_S, on_text=heard.extend).hello(1)
        except DeviceError as error:
            if "protocol" in error.fact:  # a firmware of ours of another time
                other, other_since = error.fact, other_since or time.monotonic()
            else:
                continue
        else:
            other = wanted.differs(device)
            if not other:
                return device
            other_since = other_since or time.monotonic()
        finally:
            stream.close()
        if time.monotonic() - other_since > _GRACE_S:
            break
        time.sleep(0.2)
    if other:
        raise DeviceError(
            f"the firmware that answers on {port} has {other}",
            "is it the port of the board that was flashed? If so, flash it again",
        )
    if trouble is not None:
        raise DeviceError(f"flashed, but {trouble.fact}", trouble.hint)
    said = bytes(heard).decode("utf-8", "replace").strip().splitlines()
    raise DeviceError(
        f"flashed, but no firmware answers on {port} at {baud} baud within {seconds:.0f} s"
        + (f"; it says {said[-1][:80]!r}" if said else ""),
        f"press the board's reset button, then `tinyclap-edge monitor --port {port} --baud {baud}`",
    )
