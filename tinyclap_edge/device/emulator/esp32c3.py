"""The virtual ESP32-C3: which models it is made of."""

from __future__ import annotations

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import Chip
from tinyclap_edge.device.emulator.esp32c3_core import Rv32Core
from tinyclap_edge.device.emulator.esp32c3_rom import FLASH, BootRom
from tinyclap_edge.device.emulator.esp32c3_sound import Gdma, I2s
from tinyclap_edge.device.emulator.esp32c3_system import Analog, LowPower, System, SystemTimer, TimerGroup, Uart
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.peripheral import Peripheral

_ERASE_S, _PROGRAM_S = 45e-3, 0.4e-3  # of a sector and of a page: typical of an SPI NOR flash
_BEHIND_MAGIC = 8


def make_chip(board: Board, wire: SerialWire, microphone: Microphone) -> Chip:
    """An ESP32-C3 with the board's flash."""
    flash = board.flash
    rom = BootRom(FlashArray(FLASH, [4096] * (flash.size_bytes // 4096), 256, lambda size: _ERASE_S, _PROGRAM_S))
    view = next(region for region in board.regions if region.kind == "view")
    system = System()
    i2s = I2s(system, board.audio.rate_hz)
    return Chip(
        core=Rv32Core(board.clock_hz, flash, view, rom),
        peripherals=[
            rom,
            Uart(wire, system),
            Peripheral(0x60004000, 0x800),  # GPIO matrix
            LowPower(),
            Peripheral(0x60009000),  # IO MUX
            Analog(rom),
            TimerGroup(),
            SystemTimer(),
            i2s,
            Gdma(i2s, system, microphone),
            system,
        ],
        flash=rom,
        vectors=FLASH + _BEHIND_MAGIC,
    )
