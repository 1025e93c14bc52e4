"""The machine of a virtual board: one unicorn engine, memory by the board's regions, a chip's models behind their addresses.

    machine = Machine(board, image, chip, wire, microphone)
    machine.power_up()
    machine.run(until_quiet=True)       # in this thread: until the firmware sleeps and nothing is due
    machine.reset_causes                # what every start since then was caused by

Time: executed instructions take the board's cycles each (boards.yaml), a sleeping core's time jumps to what is due next.
While the microphone has nothing to hear, time stands still but for bytes on the line, so whoever feeds it sample by
sample is never late. With `real_time` the board's time does not run ahead of this PC's.
"""

from __future__ import annotations

import time
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import Chip
from tinyclap_edge.device.emulator.engine import load_image, map_memory, new_engine, open_unicorn
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.errors import DeviceError

_PAGE = 0x1000
_SLICE = 20_000  # instructions between two looks at the peripherals: 50 to 400 us of the board's time
_EARLY = 20  # instructions charged for a slice that ended early: the engine does not say how many there were
_NEVER = 0xFFFFFFFE  # an address where the engine shall stop


class Machine:
    """A powered board. `stop` may be called from another thread; all else belongs to the one that runs it."""

    def __init__(
        self,
        board: Board,
        image: ElfImage,
        chip: Chip,
        wire: SerialWire,
        microphone: Microphone,
        real_time: bool = False,
    ) -> None:
        image.bytes_by_region(board.regions, board.name)
        self.board, self.image, self.chip = board, image, chip
        self.wire, self.microphone, self.real_time = wire, microphone, real_time
        self.now_s = 0.0
        self.reset_causes: list[ResetCause] = []
        self.dark = False  # the power has been cut
        self._wanted_reset: ResetCause | None = None
        self._stopping = self._loading = False
        self.instruction_s = board.time.cycles_per_instruction / board.clock_hz
        self._uc = open_unicorn()
        self.engine = new_engine(board, image)
        map_memory(self.engine, board, image)
        self.peripherals: list[Peripheral] = [*chip.core.peripherals, *chip.peripherals]
        self._by_page: dict[int, list[Peripheral]] = {}
        for peripheral in self.peripherals:
            peripheral.board = self
            for page in range(peripheral.base & -_PAGE, peripheral.base + peripheral.size, _PAGE):
                self._by_page.setdefault(page, []).append(peripheral)
        for page in self._by_page:
            self.engine.mmio_map(page, _PAGE, self._load, page, self._store, page)
        self.engine.hook_add(self._uc.UC_HOOK_MEM_WRITE_PROT, self._store_flash)
        chip.flash.cells.board = self
        chip.core.attach(self.engine)

    # What peripherals see of their board.

    def read_memory(self, address: int, count: int) -> bytes:
        """Bytes as a bus master sees them."""
        return bytes(self.engine.mem_read(address, count))

    def write_memory(self, address: int, data: bytes) -> None:
        """Bytes into memory."""
        self.engine.mem_write(address, data)

    def set_line(self, line: int, asserted: bool) -> None:
        """An interrupt line."""
        if not asserted:
            self.chip.core.lines.discard(line)
        elif line not in self.chip.core.lines:
            self.chip.core.lines.add(line)
            self._end_slice()

    def spend(self, seconds: float) -> None:
        """Let time pass; the slice ends where something has become due."""
        self.now_s += seconds
        due = self._due_s()
        if due is not None and due <= self.now_s:
            self._end_slice()

    def pause(self, until_s: float) -> None:
        """Let time pass until `until_s`, or as far as the next thing that is due."""
        due = self._due_s()
        if due is not None and due <= until_s:
            self.now_s = max(self.now_s, due)
            self._end_slice()
        else:
            self.now_s = max(self.now_s, until_s)

    def reset(self, cause: ResetCause) -> None:
        """Reset behind the access that is under way."""
        self._wanted_reset = cause
        self._end_slice()

    def cut_power(self) -> None:
        """Ends the run; `power_up` begins another one with the flash as it was left."""
        self.dark = True
        self._end_slice()

    def _end_slice(self) -> None:
        """Stop where the core stands, as far as that can be done: a load is carried out again when the engine goes on, a
        store must not be, so one that sets something off only does so when the slice ends by itself."""
        if self._loading:
            self.engine.emu_stop()

    # What the owner of the board does.

    def power_up(self) -> None:
        """Memory without content, flash as it is; at first that of the image."""
        if not self.reset_causes:
            for region in self.board.regions:
                if region.kind == "flash":
                    self.engine.mem_write(region.address, b"\xff" * region.size_bytes)
            load_image(self.engine, self.board, self.image)
        for region in self.board.regions:
            if region.kind == "ram":
                self.engine.mem_write(region.address, b"\xa5" * region.size_bytes)
        self.dark = False
        self.wire.power_up()
        self._begin(ResetCause.POWER)

    def run(self, until_quiet: bool = False) -> None:
        """Runs until `stop`, a cut of power or, with `until_quiet`, until the core sleeps and nothing is due."""
        core = self.chip.core
        begun, started = time.monotonic(), self.now_s
        while not self._stopping and not self.dark:
            if self._wanted_reset is not None:
                self._begin(self._wanted_reset)
            self._advance()
            if not core.deliver() and self._asleep and not core.pending():
                self.wire.flush()
                if not self._sleep(until_quiet, begun - started):
                    break
                continue
            self._execute()
        self.wire.flush()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stopping = True
        self.engine.emu_stop()
        self.wire.line.wake()

    def _begin(self, cause: ResetCause) -> None:
        self._wanted_reset, self._asleep = None, False
        self.reset_causes.append(cause)
        for peripheral in self.peripherals:
            peripheral.reset(cause)
        self.chip.core.begin(self.chip.vectors)

    def _execute(self) -> None:
        """One slice: until something is due, an interrupt comes, or the core sleeps."""
        core = self.chip.core
        count = _SLICE
        if core.held_back():
            count = 1  # interrupts are off, a few instructions long: what woke the core is taken behind them
        elif (due := self._due_s()) is not None:
            count = max(1, min(_SLICE, int((due - self.now_s) / self.instruction_s) + 1))
        failure: Exception | None = None
        before = self.now_s
        try:
            self.engine.emu_start(core.program_counter, _NEVER, count=count)
        except self._uc.UcError as error:
            failure = error
        self._asleep = failure is None and core.asleep()
        if failure is not None and not core.returned() and not self.dark:
            raise self._explained(failure)
        early = failure is not None or self._asleep or self.now_s != before
        self.now_s += min(count, _EARLY if early else count) * self.instruction_s

    def _advance(self) -> None:
        self.wire.look(self.now_s)
        for peripheral in self.peripherals:
            due = peripheral.due_s()
            if due is not None and due <= self.now_s:
                peripheral.advance()

    def _due_s(self, silence: bool = False) -> float | None:
        """When the next peripheral does something by itself; in silence only those that then live on."""
        lively = (p for p in self.peripherals if p.IN_SILENCE or not silence)
        return min((due for p in lively if (due := p.due_s()) is not None), default=None)

    def _sleep(self, until_quiet: bool, offset_s: float) -> bool:
        """Lets the time of a sleeping core pass; whether there is anything to wake up for. offset_s: this PC's clock less the board's."""
        due = self._due_s(silence=self.microphone.waits())
        if due is not None and self.real_time:
            ahead = due + offset_s - time.monotonic()
            if ahead > 0 and self.wire.line.wait(ahead):
                self.now_s = max(self.now_s, time.monotonic() - offset_s)
                return True
        if due is not None:
            self.now_s = max(self.now_s, due)
        elif until_quiet:
            return False
        else:
            self.wire.line.wait(None)
        return True

    def _load(self, _engine: Any, offset: int, size: int, page: int) -> int:
        peripheral = self._peripheral(page + offset)
        self._loading = True
        try:
            return peripheral.read(page + offset - peripheral.base, size)
        finally:
            self._loading = False

    def _store(self, _engine: Any, offset: int, size: int, value: int, page: int) -> None:
        peripheral = self._peripheral(page + offset)
        if not self.dark:
            peripheral.write(page + offset - peripheral.base, size, value)

    def _store_flash(self, _engine: Any, _access: int, address: int, size: int, value: int, _user: Any) -> bool:
        return self.dark or self.chip.flash.store(address, size, value & ((1 << 8 * size) - 1))

    def _peripheral(self, address: int) -> Peripheral:
        for peripheral in self._by_page[address & -_PAGE]:
            if peripheral.base <= address < peripheral.base + peripheral.size:
                return peripheral
        raise DeviceError(
            f"the firmware touches 0x{address:08X}, where the virtual {self.board.name} has no peripheral",
            "the model in tinyclap_edge/device/emulator lacks it, or the driver's address is wrong",
        )

    def _explained(self, failure: Exception) -> DeviceError:
        address = self.chip.core.program_counter & ~1
        inside = [f.name for f in self.image.functions if f.address <= address < f.address + max(f.size, 1)]
        return DeviceError(
            f"the firmware stopped at 0x{address:08X} in {inside[0] if inside else 'no function'}: {failure}",
            "an address outside every region is most often a stack overflow: raise `stack_bytes` of the project",
        )
