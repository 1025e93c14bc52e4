"""The virtual RP2040: which models it is made of."""

from __future__ import annotations

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import Chip
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.peripheral import Peripheral
from tinyclap_edge.device.emulator.rp2040_rom import FLASH, BootedCore, BootRom, FlashInterface
from tinyclap_edge.device.emulator.rp2040_sound import Dma, Pio
from tinyclap_edge.device.emulator.rp2040_system import (
    ChipReset,
    Clocks,
    Crystal,
    Pll,
    Resets,
    Timer,
    Uart,
    Watchdog,
)

_ERASE_S, _PROGRAM_S = 45e-3, 0.4e-3  # of a sector and of a page: typical of a W25Q16JV, by its data sheet


def make_chip(board: Board, wire: SerialWire, microphone: Microphone) -> Chip:
    """An RP2040 with the board's flash."""
    sectors = [4096] * (board.flash.size_bytes // 4096)
    rom = BootRom(FlashArray(FLASH, sectors, 256, lambda size: _ERASE_S, _PROGRAM_S))
    crystal = Crystal()
    pll = Pll(crystal)
    clocks = Clocks(crystal, pll)
    power_states = Peripheral(0x40010000)
    watchdog = Watchdog(power_states)
    pio = Pio(clocks, board.audio.rate_hz)
    pins = Peripheral(0x40014000)
    return Chip(
        core=BootedCore(board.clock_hz, rom),
        peripherals=[
            rom,
            FlashInterface(rom),
            Resets(),
            crystal,
            pll,
            clocks,
            power_states,
            pins,
            ChipReset(),
            watchdog,
            Timer(watchdog),
            Uart(wire, clocks),
            pio,
            Dma(pio, microphone),
        ],
        flash=rom,
        vectors=FLASH + 0x100,
    )
