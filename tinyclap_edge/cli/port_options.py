"""Which boards a verb talks to: --port, or the connected ones of a hardware map."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tinyclap_edge.errors import TinyclapError, UsageError

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


@dataclass(frozen=True)
class Wired:
    """A board on a port. id: the map's, or the port."""

    id: str
    port: str
    baud: int
    board: str = ""  # "": any
    probe: str = ""
    runner: str = ""


def port_options(function: F) -> F:
    """--port, --baud and --hardware-map."""
    for option in (
        click.option("--hardware-map", type=click.Path(dir_okay=False), help="Boards and their ports, as twister has them."),
        click.option("--baud", type=click.IntRange(300), help="Speed of the port; by default the board's, else 115200."),
        click.option("--port", help="Serial port of the board, for example /dev/ttyACM0."),
    ):  # fmt: skip
        function = option(function)
    return function


def wired(port: str | None, baud: int | None, hardware_map: str | None, board: str | None = None) -> list[Wired]:
    """The boards that are meant: one of --port, else all of that kind in the map; without either, the port that USB says.

    UsageError (2) for both options at once or for neither where the board is not known; DeviceError where no port fits.
    """
    from tinyclap_edge.device.hardware_map import BAUD, choose, read_map

    if port and hardware_map:
        raise UsageError("--port and --hardware-map exclude each other", "give one of them")
    if hardware_map:
        chosen = choose(read_map(hardware_map), board)
        return [
            Wired(d.id, d.serial, baud or d.baud, d.board.name if d.board else "", d.probe, d.runner) for d in chosen
        ]
    if port:
        return [Wired(port, port, baud or _speed(board) or BAUD, board or "")]
    if not board:
        raise UsageError("which port?", "give --port, or --hardware-map; `tinyclap-edge boards ports` lists them")
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.device.board_ports import find_port

    found = find_port(find_board(board))
    return [Wired(found.name, found.name, baud or _speed(board) or BAUD, board)]


def at_once(
    boards: list[Wired], work: Callable[[Wired], R]
) -> tuple[list[tuple[Wired, R]], list[tuple[Wired, TinyclapError]]]:
    """`work` for each board, all at the same time: what it returned, and the boards with the errors where it failed.

    Threads are left behind at Ctrl-C, and end with the program.
    """
    done: dict[int, R] = {}
    failed: dict[int, BaseException] = {}

    ended = [threading.Event() for _ in boards]  # not Thread.join: Ctrl-C in it makes Python take the thread for ended

    def run(index: int) -> None:
        try:
            done[index] = work(boards[index])
        except BaseException as error:
            failed[index] = error
        finally:
            ended[index].set()

    if len(boards) == 1:
        run(0)
    else:
        for index in range(len(boards)):
            threading.Thread(target=run, args=(index,), daemon=True).start()
        for event in ended:
            while not event.wait(0.2):
                pass
    errors = []
    for index, error in sorted(failed.items()):
        if not isinstance(error, TinyclapError):
            raise error
        errors.append((boards[index], error))
    return [(boards[index], result) for index, result in sorted(done.items())], errors


def _speed(board: str | None) -> int:
    from tinyclap_edge.boards import find_board

    return find_board(board).serial.baud if board else 0
