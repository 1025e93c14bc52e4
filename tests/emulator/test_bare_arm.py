"""The bare Cortex-M boards: addresses of the image, clocks that the registers amount to, a cut of power at every operation of
flash, a hanging encoder, sound that an erase swallows. On models; no chip was near."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device.fake_firmware import HANGING_SAMPLE, HOP
from elftools.elf.elffile import ELFFile
from emulator.bare_boards import BoardStream, ProbedBoard, application_image
from serial_boards import pack

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.emulator.peripheral import ResetCause
from tinyclap_edge.device.label_flash import label_flash
from tinyclap_edge.device.link import Link
from tinyclap_edge.device.link_labels import pull, push
from tinyclap_edge.device.link_monitor import ResetCause as Told
from tinyclap_edge.device.link_monitor import Status
from tinyclap_edge.errors import TinyclapError

pytestmark = pytest.mark.slow  # three images are compiled whole

BOARDS = ("stm32f4", "stm32h7", "nrf52840")
WATCHDOG_S = 8.0  # of the project's configuration


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> ProbedBoard:
    made = ProbedBoard(application_image(request.param), request.param)
    made.power_up()
    return made


def link_of(board: ProbedBoard, tries: int = 6) -> Link:
    return Link(BoardStream(board), tries=tries)


def status_of(board: ProbedBoard) -> Status:
    board.line.said.clear()
    link = link_of(board)
    link.hello()
    return link.status()


@pytest.mark.parametrize("name", BOARDS)
def test_every_section_lies_where_the_boards_file_allows_it(name: str) -> None:
    board, slots = find_board(name), label_flash(find_board(name), 0)
    assert slots is not None
    uses = {
        ".text": "code",
        ".rodata": "code",
        ".bss": "data",
        ".stack": "data",
        ".tce_arena": "arena",
        ".tce_dma": "dma",
    }
    with application_image(name).open("rb") as file:
        elf = ELFFile(file)
        sections = {s.name: s for s in elf.iter_sections() if s["sh_flags"] & 2 and s["sh_size"]}
        for section, use in uses.items():
            begin, end = sections[section]["sh_addr"], sections[section]["sh_addr"] + sections[section]["sh_size"]
            homes = [r for r in board.regions if r.address <= begin and end <= r.end]
            assert homes and use in homes[0].use, section
        loads = [(s["p_paddr"], s["p_paddr"] + s["p_filesz"]) for s in elf.iter_segments("PT_LOAD") if s["p_filesz"]]
        assert all(end <= slots.address or begin >= slots.end for begin, end in loads)
        assert min(begin for begin, _ in loads) == board.flash.address
        table = elf.get_section_by_name(".symtab").get_symbol_by_name("tce_vector_table")[0]
        stack, reset = np.frombuffer(_flashed(elf, board.flash.address, 8), "<u4")
    assert table["st_value"] == board.flash.address
    assert any("data" in r.use and r.address < stack <= r.end for r in board.regions)
    assert reset & 1 and board.flash.address < reset < board.flash.end


def _flashed(elf: ELFFile, address: int, count: int) -> bytes:
    for segment in elf.iter_segments("PT_LOAD"):
        if segment["p_paddr"] <= address < segment["p_paddr"] + segment["p_filesz"]:
            return bytes(segment.data()[address - segment["p_paddr"] :][:count])
    raise AssertionError("nothing is flashed there")


def model(board: ProbedBoard, name: str) -> Any:
    return next(p for p in board.machine.peripherals if type(p).__name__ == name)


def test_the_registers_amount_to_the_clocks_that_the_port_speaks_of(board: ProbedBoard) -> None:
    board.run_for(0.2)
    if board.board.name == "nrf52840":
        assert model(board, "Pdm").rate_hz() == 16000
        assert model(board, "Uarte").registers[0x524] == 0x01D7E000  # 115,200 baud, as the specification lists it
        return
    assert model(board, "Rcc").core_hz() == board.board.clock_hz
    assert model(board, "I2s" if board.board.name == "stm32f4" else "Sai").rate_hz() == 16000
    assert abs(model(board, "Usart1" if board.board.name == "stm32f4" else "Usart3").baud() / 115_200 - 1) < 0.01


def test_power_cut_at_every_operation_of_a_push_leaves_the_old_labels_or_the_new(board: ProbedBoard) -> None:
    old, new = pack(2, seed=1).to_bytes(), pack(3, seed=2).to_bytes()
    push(link_of(board), pack(2, seed=3).to_bytes())  # so that both slots have held something
    push(link_of(board), old)
    cells, machine = board.chip.flash.cells, board.machine
    region = board.board.flash
    before = machine.read_memory(region.address, region.size_bytes)
    outcomes = []
    for cut in itertools.count(1):
        machine.write_memory(region.address, before)
        cells.operations, cells.cut_at = 0, cut
        board.line.said.clear()
        board.power_up()
        try:
            push(link_of(board, tries=4), new)  # COMMIT waits where an erase goes on in the background
        except TinyclapError:
            assert machine.dark
        if not machine.dark:
            break
        cells.cut_at, cells.operations = cut + 1, cut  # a second cut, should starting up change anything
        board.line.said.clear()
        board.power_up()
        outcomes.append(pull(link_of(board)))
        assert cells.operations == cut and not machine.dark  # it does not, so there is nothing to cut
    assert set(outcomes) == {old, new} or set(outcomes) == {old}
    assert len(outcomes) >= 5 and pull(link_of(board)) == new
    assert cells.broken_rules == []


def test_the_flash_is_locked_behind_a_push(board: ProbedBoard) -> None:
    push(link_of(board), pack(2, seed=1).to_bytes())
    slots = label_flash(board.board, 0)
    assert slots is not None
    operations = board.chip.flash.cells.operations
    stored = board.chip.flash.store(slots.address, 4, 0)
    assert board.chip.flash.cells.operations == operations and (not stored or board.board.name != "nrf52840")


def test_an_encoder_that_hangs_is_ended_by_the_watchdog_and_the_board_listens_again(board: ProbedBoard) -> None:
    board.run_for(0.2)
    link_of(board).hello()
    began = board.machine.now_s
    board.microphone.broken = False
    board.sound.feed(np.full(40 * HOP, HANGING_SAMPLE, np.int16))
    board.run_for(0.05)
    board.microphone.broken = True
    own_pace, board.machine.instruction_s = board.machine.instruction_s, 1e-6  # to wait for less of this PC's time
    board.run_for(WATCHDOG_S + 0.5)
    board.machine.instruction_s = own_pace
    assert board.machine.reset_causes == [ResetCause.POWER, ResetCause.WATCHDOG]
    assert board.machine.now_s - began > WATCHDOG_S - 0.5
    status = status_of(board)
    assert (status.reset_cause, status.watchdog_resets) == (Told.WATCHDOG, 1)


def test_what_it_knows_of_resets_is_kept_only_until_the_power_goes(board: ProbedBoard) -> None:
    board.run_for(0.2)
    board.machine.reset(ResetCause.WATCHDOG)
    board.run_for(0.3)
    assert status_of(board).watchdog_resets == 1
    board.machine.cut_power()
    board.power_up()
    status = status_of(board)
    assert (status.reset_cause, status.watchdog_resets) == (Told.POWER, 0)


def test_the_port_of_each_board_is_the_folder_that_its_registry_entry_names() -> None:
    from tinyclap_edge.device.bare_ports import port_files

    for name in BOARDS:
        files = port_files(find_board(name))
        assert len({file.name for file in files}) == len(files), "two files of a port would overwrite each other"
        assert {Path("arm/tce_port_arm.c").name, "tce_start.c"} <= {file.name for file in files}
