"""Who a device is: HELLO's answer, as docs/protocol.md has it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from tinyclap_edge.errors import DeviceError

PROTOCOL = 2
_HELLO = struct.Struct("<IBBH8s8sIIIIHHIIIIII")


@dataclass(frozen=True)
class Device:
    """What a device says of itself in HELLO."""

    protocol: int
    slot: int | None  # the slot whose pack is in use; None: the pack that the firmware was built with
    data_bytes: int  # of a pack in one request
    encoder_id: str
    frontend_id: str
    capacity_bytes: int  # the largest pack it takes; 0: it keeps none
    generation: int
    pack_bytes: int
    pack_checksum: int
    labels: int
    dim: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int  # 0 where it cannot tell
    windows: int
    damaged_frames: int
    label_changes: int
    version: str
    board: str


def read_hello(payload: bytes) -> Device:
    """HELLO's answer. A later protocol may append fields: what lies behind the known ones is not read."""
    if len(payload) < 5 or payload[4] != PROTOCOL:
        spoken = payload[4] if len(payload) > 4 else "none"
        raise DeviceError(
            f"the firmware speaks protocol {spoken}, this tool speaks {PROTOCOL}",
            "export, build and flash the firmware with this version of the tool",
        )
    try:
        _, protocol, slot, data_bytes, encoder, frontend, *numbers = _HELLO.unpack_from(payload)
        version, at = _text(payload, _HELLO.size)
        board, _ = _text(payload, at)
        who: list[Any] = [protocol, slot - 1 if slot else None, data_bytes, encoder.hex(), frontend.hex()]
        return Device(*[*who, *numbers, version, board])
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DeviceError("the device's HELLO is too short or no text", "is this firmware of tinyclap-edge?") from error


def _text(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    if end > len(payload):
        raise IndexError
    return payload[at + 1 : end].decode("utf-8"), end
