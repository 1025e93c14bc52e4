"""`boards`: what can be built for, and what each board is made of."""

from __future__ import annotations

from typing import Any

import click

from tinyclap_edge.boards import TIERS, Board, find_board, load_boards
from tinyclap_edge.cli.board_ports import ports
from tinyclap_edge.cli.output import result, table, verb


@click.group("boards", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:  # `verb` reads as_json from the context
    """List the boards, or show one of them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_list)


@verb("boards")
def _list() -> list[dict[str, Any]]:
    boards = load_boards()
    rows = [
        [b.name, b.title, b.core, f"{b.clock_hz // 1_000_000} MHz", _kb(b.flash.size_bytes), _ram(b), b.tier]
        for b in boards.values()
    ]
    table("", ["board", "", "core", "clock", "flash", "RAM by region", "tier"], rows, right=(3, 4))
    for tier, meaning in TIERS.items():
        result(f"tier {tier}: {meaning}")
    return [b.to_dict() for b in boards.values()]


@verb("boards list")
def _list_verb() -> list[dict[str, Any]]:
    """List the boards."""
    return _list.callback.__wrapped__()  # type: ignore[union-attr]


@verb("boards show")
@click.argument("board")
def _show(board: str) -> dict[str, Any]:
    """Show one board: memory by region, audio, serial, emulator, power."""
    b = find_board(board)
    result(f"{b.name}: {b.title}\n{b.core} at {b.clock_hz // 1_000_000} MHz, {', '.join(b.isa)}, FPU {b.fpu}")
    rows = [
        [r.name, r.kind, f"0x{r.address:08X}", _kb(r.size_bytes), ", ".join(r.use) or "left to the application"]
        for r in b.regions
    ]
    table("", ["region", "kind", "address", "size", "holds"], rows, right=(3,))
    result(f"audio       {b.audio.kind}, {b.audio.rate_hz} Hz, {b.audio.bits} bits: {b.audio.note}")
    result(f"serial      {b.serial.baud} baud, USB {b.serial.usb or 'none'}: {b.serial.note}")
    pio = b.platformio
    result(f"PlatformIO  {pio.platform}, board {pio.board}, framework {pio.framework or 'none'}")
    result(f"emulator    unicorn {b.emulator.unicorn or 'no'}, QEMU {b.emulator.qemu or 'no'}")
    result(f"tier {b.tier}      {TIERS[b.tier]}")
    result(f"power       {b.power.active_mw_per_mhz:g} mW/MHz active at {b.power.volts:g} V ({b.power.source})")
    t = b.time
    result(f"time        {t.cycles_per_instruction:g} cycles/instruction, {t.low:g} to {t.high:g} ({t.source})")
    return b.to_dict()


command.add_command(_list_verb, "list")
command.add_command(_show, "show")
command.add_command(ports, "ports")


def _kb(size: int) -> str:
    return f"{size >> 20} MB" if size % (1 << 20) == 0 else f"{size >> 10} KB"


def _ram(board: Board) -> str:
    return " + ".join(f"{r.name} {_kb(r.size_bytes)}" for r in board.regions if r.kind == "ram" and r.use)
