"""boards.yaml -> Board: what a board is made of, read strictly.

A file of boards comes from outside as often as not, so every mapping becomes a typed record: an unknown key, a wrong
type or an impossible value is refused with file, line and the nearest name.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from tinyclap_edge.errors import UsageError
from tinyclap_edge.resources import data_file
from tinyclap_edge.strict_yaml import StrictReader, compose

CORES = [
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "rv32imc",
    "rv32imac",
    "xtensa-lx6",
    "xtensa-lx7",
]
ISA = [
    "thumb",
    "thumb2",
    "dsp",
    "mve",
    "fpv4-sp-d16",
    "fpv5-sp-d16",
    "fpv5-d16",
    "rv32i",
    "m",
    "a",
    "c",
    "xtensa",
    "fpu-sp",
    "mac16",
    "pie",
]
USES = ("code", "labels", "arena", "data", "dma", "ram_code", "label_ram")
UNICORN_MODELS = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32")
QEMU_MACHINES = ("netduinoplus2", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "virt")
TIERS = {
    "A": "emulated: QEMU models this machine",
    "B": "bare image at the real memory map, on a virtual board",
    "C": "vendor framework through PlatformIO's registry: linted only",
}


@dataclass(frozen=True)
class Sectors:
    """How a flash is erased and programmed."""

    runs: tuple[tuple[int, int], ...]  # (sectors, bytes of each), from the region's first byte on; an erase clears one
    program_bytes: int  # what is programmed at once
    source: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of every sector, in order."""
        return tuple(size for count, size in self.runs for _ in range(count))


@dataclass(frozen=True)
class Region:
    """One block of memory. `use` says what the firmware may place there; see the head of boards.yaml."""

    name: str
    kind: str  # "flash" or "ram"
    address: int
    size_bytes: int
    use: tuple[str, ...]
    sectors: Sectors | None = None  # of flash that may keep labels

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Audio:
    """Where sound comes from on the board."""

    kind: str  # "i2s", "pdm", "analog" or "feed"
    rate_hz: int
    bits: int
    note: str


@dataclass(frozen=True)
class Serial:
    """The port a person would use; `usb` is vendor:product in hex, empty where there is none."""

    baud: int
    usb: str
    note: str


@dataclass(frozen=True)
class PlatformIO:
    """The registry platform of the board's vendor framework."""

    platform: str
    board: str
    framework: str


@dataclass(frozen=True)
class Emulator:
    """What can run its firmware here; empty strings where nothing can."""

    unicorn: str
    qemu: str


@dataclass(frozen=True)
class Power:
    """Typical active power of the chip."""

    active_mw_per_mhz: float
    volts: float
    source: str


@dataclass(frozen=True)
class Time:
    """Cycles an instruction, to estimate time from counted instructions; low and high bound the error."""

    cycles_per_instruction: float
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class Board:
    """One board; see the head of boards.yaml for the meaning of each field."""

    name: str
    title: str
    core: str
    isa: tuple[str, ...]
    fpu: str
    clock_hz: int
    regions: tuple[Region, ...]
    audio: Audio
    serial: Serial
    platformio: PlatformIO
    emulator: Emulator
    tier: str
    power: Power
    time: Time

    @property
    def arch(self) -> str:
        """The instruction-set architecture: 'arm', 'riscv' or 'xtensa'."""
        return {"c": "arm", "r": "riscv", "x": "xtensa"}[self.core[0]]

    @property
    def emulated(self) -> bool:
        """Whether some emulator here runs its firmware."""
        return bool(self.emulator.unicorn or self.emulator.qemu)

    @property
    def flash(self) -> Region:
        """The region that code and constants go to."""
        return next(r for r in self.regions if "code" in r.use)

    def regions_for(self, use: str) -> list[Region]:
        """Regions that may hold `use`, largest first."""
        return sorted((r for r in self.regions if use in r.use), key=lambda r: -r.size_bytes)

    def estimate_seconds(self, instructions: int) -> tuple[float, float, float]:
        """(typical, low, high) seconds for a number of executed instructions: an estimate, by `time`."""
        per = instructions / self.clock_hz
        return per * self.time.cycles_per_instruction, per * self.time.low, per * self.time.high

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self) | {"arch": self.arch, "emulated": self.emulated}


@functools.lru_cache(maxsize=8)
def load_boards(path: Path | str | None = None) -> dict[str, Board]:
    """Every board of a file (the package's own by default), by name."""
    path = Path(path) if path else data_file("boards.yaml")
    root = compose(path)
    reader = _BoardReader(path.name)
    return {name: reader.board(name, node) for name, (node, _) in reader.mapping(root, "the file").items()}


def find_board(name: str, path: Path | str | None = None) -> Board:
    """The board called `name`; an unknown one is answered with the nearest names."""
    boards = load_boards(path)
    if name in boards:
        return boards[name]
    near = difflib.get_close_matches(name.lower(), boards, 3, 0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "`tinyclap-edge boards` lists them"
    raise UsageError(f"unknown board {name!r}", hint)


class _BoardReader(StrictReader):
    """Turns the nodes of a board file into boards."""

    def region(self, node: yaml.Node, board: str) -> Region:
        f = self.fields(node, f"{board}: region", ["name", "kind", "address", "size", "use"], ("sectors",))
        name = self.text(f["name"], f"{board}: region name")
        what = f"{board}: region {name}"
        region = Region(
            name,
            self.text(f["kind"], what, ("flash", "ram", "view")),
            self.integer(f["address"], what, 0, 2**32 - 1),
            self.size(f["size"], what),
            self.words(f["use"], what, USES),
            self.sectors(f["sectors"], f"{what}: sectors") if "sectors" in f else None,
        )
        if region.end > 2**32:
            raise self.fail(node, f"{what} ends beyond 32 bits of address")
        if region.kind == "flash" and set(region.use) - {"code", "labels"}:
            raise self.fail(node, f"{what}: flash cannot hold the arena, data or buffers")
        if "labels" in region.use and region.sectors is None:
            raise self.fail(node, f"{what} may keep labels, but its sectors are not given")
        if region.sectors and sum(region.sectors.sizes) != region.size_bytes:
            raise self.fail(node, f"{what}: its sectors add up to {sum(region.sectors.sizes):,} bytes")
        return region

    def sectors(self, node: yaml.Node, what: str) -> Sectors:
        f = self.fields(node, what, ["erase", "program", "source"])
        runs = []
        for word in self.text(f["erase"], what).split():
            match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,3})KB", word)
            if not match:
                raise self.fail(f["erase"], f"{what}: {word!r} is no run of sectors", "write it like 4x16KB 7x128KB")
            runs.append((int(match[1]), int(match[2]) << 10))
        unit = self.integer(f["program"], what, 1, 256)
        if unit & unit - 1:
            raise self.fail(f["program"], f"{what}: {unit} bytes at once are no power of two")
        return Sectors(tuple(runs), unit, self.text(f["source"], what))

    def board(self, name: str, node: yaml.Node) -> Board:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise self.fail(node, f"{name!r} is no board name", "lower-case letters, digits and '-'")
        keys = [
            "title",
            "core",
            "isa",
            "fpu",
            "clock_hz",
            "regions",
            "audio",
            "serial",
            "platformio",
            "emulator",
            "tier",
            "power",
            "time",
        ]
        f = self.fields(node, name, keys)
        if not isinstance(f["regions"], yaml.SequenceNode):
            raise self.fail(f["regions"], f"{name}: regions must be a list")
        regions = tuple(self.region(item, name) for item in f["regions"].value)
        self.check_regions(name, f["regions"], regions)
        audio = self.fields(f["audio"], f"{name}: audio", ["kind", "rate_hz", "bits", "note"])
        serial = self.fields(f["serial"], f"{name}: serial", ["baud", "usb", "note"])
        pio = self.fields(f["platformio"], f"{name}: platformio", ["platform", "board", "framework"])
        emulator = self.fields(f["emulator"], f"{name}: emulator", ["unicorn", "qemu"])
        power = self.fields(f["power"], f"{name}: power", ["active_mw_per_mhz", "volts", "source"])
        time = self.fields(f["time"], f"{name}: time", ["cycles_per_instruction", "low", "high", "source"])
        cpi, low, high = (self.number(time[k], f"{name}: {k}", 0.1, 20) for k in list(time)[:3])
        if not low <= cpi <= high:
            raise self.fail(
                f["time"], f"{name}: cycles_per_instruction {cpi:g} is outside its own bounds {low:g}..{high:g}"
            )
        return Board(
            name=name,
            title=self.text(f["title"], f"{name}: title"),
            core=self.text(f["core"], f"{name}: core", CORES),
            isa=self.words(f["isa"], f"{name}: isa", ISA),
            fpu=self.text(f["fpu"], f"{name}: fpu", ("none", "single", "double")),
            clock_hz=self.integer(f["clock_hz"], f"{name}: clock_hz", 1_000_000, 2_000_000_000),
            regions=regions,
            audio=Audio(
                self.text(audio["kind"], f"{name}: audio", ("i2s", "pdm", "analog", "feed")),
                self.integer(audio["rate_hz"], f"{name}: audio rate", 8000, 192000),
                self.integer(audio["bits"], f"{name}: audio bits", 8, 32),
                self.text(audio["note"], f"{name}: audio note"),
            ),
            serial=Serial(
                self.integer(serial["baud"], f"{name}: baud", 300, 12_000_000),
                self.text(serial["usb"], f"{name}: usb"),
                self.text(serial["note"], f"{name}: serial note"),
            ),
            platformio=PlatformIO(*(self.text(pio[k], f"{name}: {k}") for k in ("platform", "board", "framework"))),
            emulator=Emulator(
                self.text(emulator["unicorn"], f"{name}: unicorn", ("", *UNICORN_MODELS)),
                self.text(emulator["qemu"], f"{name}: qemu", ("", *QEMU_MACHINES)),
            ),
            tier=self.text(f["tier"], f"{name}: tier", tuple(TIERS)),
            power=Power(
                self.number(power["active_mw_per_mhz"], f"{name}: power", 0, 100),
                self.number(power["volts"], f"{name}: volts", 0, 24),
                self.text(power["source"], f"{name}: power source"),
            ),
            time=Time(cpi, low, high, self.text(time["source"], f"{name}: time source")),
        )

    def check_regions(self, name: str, node: yaml.Node, regions: tuple[Region, ...]) -> None:
        by_address = sorted(regions, key=lambda r: r.address)
        for a, b in itertools.pairwise(by_address):
            if a.end > b.address:
                raise self.fail(node, f"{name}: regions {a.name} and {b.name} overlap")
        if len({r.name for r in regions}) != len(regions):
            raise self.fail(node, f"{name}: two regions have the same name")
        for use in ("code", "arena", "data"):
            if not any(use in r.use for r in regions):
                raise self.fail(node, f"{name}: no region may hold {use!r}", "give one of them that use")
