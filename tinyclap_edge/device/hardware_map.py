"""hardware-map.yaml: the boards on a desk or in a lab, in the format of Zephyr's twister.

    - id: "066DFF485550755187"
      platform: stm32h7            # a board of boards.yaml, or the name that Zephyr or PlatformIO has for it
      product: STM32 STLink
      runner: openocd
      serial: /dev/ttyACM0
      baud: 115200
      connected: true

A map of a lab serves as it is: boards that tinyclap-edge does not know are left out, keys that are no twister's are refused
by name, and scripts named in it are never run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tinyclap_edge.boards import Board, find_board, load_boards
from tinyclap_edge.errors import UsageError
from tinyclap_edge.strict_yaml import StrictReader, compose

MAX_BYTES = 1 << 20
BAUD = 115_200
NEEDED = ("id", "platform", "connected")
TEXTS = ("id", "product", "runner", "serial", "probe_id", "notes")
FLAGS = ("connected", "available")
LISTS = ("fixtures", "runner_params")
# Known to twister and accepted, without a use here: how it starts a test.
UNUSED = ("serial_pty", "pre_script", "post_script", "post_flash_script", "script_param", "flash_timeout",
          "flash_with_test", "flash_before")  # fmt: skip
KEYS = (*dict.fromkeys((*NEEDED, *TEXTS, *FLAGS, "baud", *LISTS)), *UNUSED)
# Zephyr's names of boards whose PlatformIO name is another one.
ZEPHYR = {
    "adafruit_feather_stm32f405": "stm32f4",
    "arduino_nano_33_ble": "nrf52840",
    "nrf52840dk": "nrf52840",
    "rpi_pico": "rp2040",
    "rpi_pico2": "rp2350",
    "esp32_devkitc": "esp32",
    "esp32s3_devkitc": "esp32s3",
    "esp32c3_devkitm": "esp32c3",
    "mps3": "mps3-an547",
}


@dataclass(frozen=True)
class MappedBoard:
    """One device of the map."""

    id: str
    platforms: tuple[str, ...]
    connected: bool
    product: str = ""
    runner: str = ""
    serial: str = ""
    baud: int = BAUD
    probe_id: str = ""
    notes: str = ""
    available: bool = True
    fixtures: tuple[str, ...] = ()
    runner_params: tuple[str, ...] = ()

    @property
    def board(self) -> Board | None:
        """The board of boards.yaml that it is; None for one that is not there."""
        for platform in self.platforms:
            name = board_name(platform)
            if name:
                return find_board(name)
        return None

    @property
    def probe(self) -> str:
        """The serial number of its debug probe: twister's `id` where no `probe_id` stands."""
        return self.probe_id or (self.id if self.runner else "")


def board_name(platform: str) -> str | None:
    """'nucleo_h743zi', 'stm32h7' or 'nrf52840dk/nrf52840' -> the board's name here."""
    name = platform.split("/")[0].split("@")[0]
    boards = load_boards()
    if name in boards:
        return name
    plain = re.sub(r"[-_]", "", name.lower())
    for board in boards.values():
        if re.sub(r"[-_]", "", board.platformio.board.lower()) == plain:
            return board.name
    return ZEPHYR.get(name)


def read_map(path: Path | str) -> tuple[MappedBoard, ...]:
    """Every device of a file. UsageError (2) names file, line and what is wrong."""
    path = Path(path)
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise UsageError(f"{path} is larger than a hardware map can be")
    if not path.is_file():
        raise UsageError(f"there is no hardware map {path}", "`tinyclap-edge boards ports --out FILE` writes one")
    try:
        root = compose(path)
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply for a hardware map") from None
    reader = _MapReader(path.name)
    if not isinstance(root, yaml.SequenceNode):
        raise reader.fail(root, "a hardware map is a list of boards", "each begins with `- id:`")
    found = tuple(reader.device(node, i) for i, node in enumerate(root.value))
    ports = [device.serial for device in found if device.connected and device.serial]
    for port in sorted(set(ports)):
        if ports.count(port) > 1:
            raise reader.fail(root, f"{ports.count(port)} connected boards have the port {port}")
    return found


def choose(devices: Iterable[MappedBoard], board: str | None = None) -> list[MappedBoard]:
    """The connected ones, of one kind where `board` names it. UsageError (2) where none is left."""
    devices = list(devices)
    wanted = find_board(board).name if board else None
    here = [d for d in devices if d.connected and d.available and d.board is not None]
    chosen = [d for d in here if wanted is None or (d.board is not None and d.board.name == wanted)]
    if not chosen:
        names = sorted({d.board.name for d in here if d.board}) or ["none that is known here"]
        raise UsageError(
            f"the hardware map has no connected {wanted or 'board'} (connected: {', '.join(names)})",
            "set `connected: true` where one is plugged in, or write it anew: `tinyclap-edge boards ports --out FILE`",
        )
    for device in chosen:
        if not device.serial:
            raise UsageError(f"the hardware map names no port of {device.id}", "add `serial: /dev/...`")
    return chosen


def map_text(devices: Iterable[MappedBoard]) -> str:
    """The file of some devices, as twister writes it."""
    rows = []
    for d in devices:
        row: dict[str, object] = {"connected": d.connected, "id": d.id, "platform": " ".join(d.platforms)}
        row |= {"product": d.product or "unknown", "runner": d.runner or "unknown"}
        row |= {"serial": d.serial} if d.serial else {}
        row |= {"baud": d.baud}
        row |= {"probe_id": d.probe_id} if d.probe_id else {}
        row |= {"available": False} if not d.available else {}
        row |= {"notes": d.notes} if d.notes else {}
        row |= {"fixtures": list(d.fixtures)} if d.fixtures else {}
        row |= {"runner_params": list(d.runner_params)} if d.runner_params else {}
        rows.append(row)
    return yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)


def merged(earlier: Iterable[MappedBoard], connected: Iterable[MappedBoard]) -> list[MappedBoard]:
    """An earlier map with what is connected now, as twister does: what a person wrote stays, absent boards are kept."""
    now: Mapping[tuple[str, str], MappedBoard] = {(d.id, d.product): d for d in connected}
    kept = []
    for device in earlier:
        found = now.get((device.id, device.product))
        changes = {"connected": found is not None, "serial": found.serial if found else ""}
        kept.append(MappedBoard(**{**device.__dict__, **changes}))
    known = {(d.id, d.product) for d in kept}
    return [*kept, *(d for key, d in now.items() if key not in known)]


class _MapReader(StrictReader):
    def device(self, node: yaml.Node, index: int) -> MappedBoard:
        what = f"board {index + 1}"
        found = self.mapping(node, what)
        for name, (_, key) in found.items():
            if name not in KEYS:
                near = difflib.get_close_matches(name, KEYS, 1)
                hint = f"did you mean {near[0]!r}?" if near else "known keys: " + ", ".join(KEYS)
                raise self.fail(key, f"{what}: unknown key {name!r}", hint)
        for name in NEEDED:
            if name not in found:
                raise self.fail(node, f"{what}: the key {name!r} is missing")
        values = {name: value for name, (value, _) in found.items()}
        texts = {name: self.text(values[name], f"{what}: {name}") for name in TEXTS if name in values}
        if not texts["id"]:
            raise self.fail(values["id"], f"{what}: id is empty")
        texts = {k: "" if k in ("product", "runner") and v == "unknown" else v for k, v in texts.items()}
        flags = {name: self.flag(values[name], f"{what}: {name}") for name in FLAGS if name in values}
        lists = {name: self.list_of_text(values[name], f"{what}: {name}") for name in LISTS if name in values}
        baud = self.integer(values["baud"], f"{what}: baud", 300, 12_000_000) if "baud" in values else BAUD
        return MappedBoard(
            platforms=self.platforms(values["platform"], f"{what}: platform"), baud=baud,
            **texts, **flags, **lists,  # type: ignore[arg-type]
        )  # fmt: skip

    def platforms(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """A name, several with spaces between, or a list: twister takes all three."""
        names = (
            self.list_of_text(node, what)
            if isinstance(node, yaml.SequenceNode)
            else tuple(self.text(node, what).split())
        )
        if not names:
            raise self.fail(node, f"{what} is empty")
        return names

    def flag(self, node: yaml.Node, what: str) -> bool:
        value = yaml.SafeLoader("").construct_object(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(value, bool):
            raise self.fail(node, f"{what} must be true or false")
        return value

    def list_of_text(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, f"{what} must be a list")
        return tuple(self.text(item, what) for item in node.value)
