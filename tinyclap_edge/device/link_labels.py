"""Label packs over the link: push one, pull the one in use, show what it holds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tinyclap_edge.device.link import Command, Device, Link, Refusal, Refused
from tinyclap_edge.device.link_frames import CRC_BYTES, HEADER_BYTES
from tinyclap_edge.errors import CorruptFile, DeviceError, DoesNotFit, TinyclapError, UsageError
from tinyclap_edge.labels.pack import MAX_BYTES, UNBOUND, LabelPack

NO_SCORE = -32768
RESTARTS = 3  # pushes begun anew after the device was reset in the middle


@dataclass(frozen=True)
class ShownLabel:
    """One label of the pack in use. threshold and score are cosines; score is None before the first window."""

    name: str
    threshold: float
    score: float | None
    background: bool


def push(link: Link, data: bytes, advance: Callable[[int], None] = lambda steps: None) -> Device:
    """Write the pack `data` to the device and take it into use; what the device says of itself afterwards.

    Errors: CorruptFile for bytes that are no pack, UsageError for a pack made for another encoder, DoesNotFit,
    DeviceError. On an error the device keeps the labels that it had. advance: called with the bytes of each step.
    """
    pack, checksum = LabelPack.from_bytes(data), int.from_bytes(data[-4:], "little")
    device = link.hello()
    check_fits(device, pack, len(data))
    for _ in range(RESTARTS):
        if (device.pack_bytes, device.pack_checksum) == (len(data), checksum):
            return device  # in use already: the same labels again, or the answer to COMMIT was lost in a reset
        try:
            _write(link, data, checksum, pack, device.data_bytes, advance)
        except Refused as refused:
            if refused.code not in (Refusal.SESSION, Refusal.SEQUENCE, Refusal.STATE):  # of a device that was reset
                raise _explain(refused, len(data)) from refused
        device = link.hello()
    if (device.pack_bytes, device.pack_checksum) == (len(data), checksum):
        return device
    raise DeviceError(
        f"the device started anew {RESTARTS} times during the push",
        "check its power supply; its labels are the old ones",
    )


def _write(link: Link, data: bytes, checksum: int, pack: LabelPack, chunk: int, advance: Callable[[int], None]) -> None:
    ids = bytes.fromhex(pack.encoder_id) + bytes.fromhex(pack.frontend_id)
    link.request(Command.LABELS_BEGIN, struct.pack("<II", len(data), checksum) + ids)
    for at in range(0, len(data), chunk):
        part = data[at : at + chunk]
        link.request(Command.LABELS_DATA, struct.pack("<I", at) + part)
        advance(len(part))
    link.request(Command.LABELS_COMMIT)


def pull(link: Link) -> bytes:
    """The bytes of the pack in use. CorruptFile when what arrives is no pack."""
    device = link.hello()
    for _ in range(RESTARTS):
        data = _read(link, device)
        if data is not None:
            LabelPack.from_bytes(data)
            return data
        device = link.hello()
    raise DeviceError("the device's labels change faster than they can be read", "pull again when nobody pushes")


def _read(link: Link, device: Device) -> bytes | None:
    """The pack that `device` announced, or None when another one took its place meanwhile."""
    if not 0 < device.pack_bytes <= MAX_BYTES:
        raise CorruptFile(f"the device announces a label pack of {device.pack_bytes:,} bytes", "flash it again")
    data = bytearray()
    while len(data) < device.pack_bytes:
        answer = link.request(Command.LABELS_READ, struct.pack("<IH", len(data), device.data_bytes))
        if len(answer) <= 4 or int.from_bytes(answer[:4], "little") != device.pack_checksum:
            return None
        data += answer[4:]
    return bytes(data) if len(data) == device.pack_bytes else None


def show(link: Link) -> tuple[Device, list[ShownLabel]]:
    """Who the device is and the labels in use, with their newest scores."""
    device = link.hello()
    return device, labels_in_use(link, device.labels)


def labels_in_use(link: Link, count: int) -> list[ShownLabel]:
    """The `count` labels of the pack in use, in the session that has begun."""
    labels: list[ShownLabel] = []
    while len(labels) < count:
        answer = link.request(Command.SHOW, struct.pack("<H", len(labels)))
        more = _shown(answer)
        if not more:
            raise DeviceError("the device shows fewer labels than it announced", "ask again")
        labels += more
    return labels[:count]


def _shown(answer: bytes) -> list[ShownLabel]:
    labels, at = [], 4
    try:
        while at < len(answer):
            threshold, score, flags, length = struct.unpack_from("<hhBB", answer, at)
            name = answer[at + 6 : at + 6 + length]
            if len(name) != length:
                raise DeviceError("the device's list of labels is cut off", "ask again")
            heard = None if score == NO_SCORE else score / 32768
            labels.append(ShownLabel(name.decode("utf-8"), threshold / 32768, heard, bool(flags & 1)))
            at += 6 + length
    except (struct.error, UnicodeDecodeError) as error:
        raise DeviceError("the device's list of labels cannot be read", "is its firmware of this version?") from error
    return labels


def check_fits(device: Device, pack: LabelPack, size: int) -> None:
    """Refuse a pack by name before anything is sent: made for another encoder or front end, too large, no flash."""
    if device.encoder_id != pack.encoder_id or device.dim != pack.dim:
        bound = "no encoder in particular" if pack.encoder_id == UNBOUND else f"encoder {pack.encoder_id}"
        raise UsageError(
            f"the pack is for {bound} (r = {pack.dim}), {device.board} runs encoder {device.encoder_id} (r = {device.dim})",
            "encode it for the export that was flashed: `labels encode ... --encoder EXPORT`",
        )
    if device.frontend_id != pack.frontend_id:
        raise UsageError(
            f"the pack is for front end {pack.frontend_id}, {device.board} runs {device.frontend_id}",
            "encode it for the export that was flashed: `labels encode ... --encoder EXPORT`",
        )
    if device.capacity_bytes == 0:
        raise UsageError(
            f"the firmware on {device.board} keeps no labels: it has no flash set aside for them",
            "export again with these labels, build and flash",
        )
    if size > device.capacity_bytes:
        over = size - device.capacity_bytes
        raise DoesNotFit(
            f"the pack has {size:,} bytes, a label slot of {device.board} holds {device.capacity_bytes:,}: {over:,} too many",
            "fewer labels, or shorter names",
        )


def _explain(refused: Refused, size: int) -> TinyclapError:
    """What a refusal in the middle of a push means to a person."""
    if refused.code == Refusal.FLASH:
        return DeviceError(
            f"the device's flash failed at byte {refused.detail:,} of the pack",
            "push again; if it stays, it is worn out",
        )
    if refused.code == Refusal.TOO_LARGE:
        return DoesNotFit(f"the pack has {size:,} bytes, a label slot holds {refused.detail:,}", "fewer labels")
    if refused.code in (Refusal.PACK, Refusal.CHECKSUM):
        return CorruptFile(
            f"the device refuses the pack as it arrived (error {refused.detail})", "push again; the old labels stand"
        )
    return refused


def push_bytes(pack_bytes: int, data_bytes: int = 256) -> int:
    """Bytes on the wire for one push without a repetition, both directions together, at their worst.

    Five exchanges frame the data: HELLO before and after, BEGIN, COMMIT, and one a chunk; each request and each answer
    has two delimiters, header, checksum and one byte of COBS for each 254.
    """
    chunks = -(-pack_bytes // data_bytes)
    hello = _wire(4) + _wire(68 + 2 * 64)
    begin, commit = _wire(24) + _wire(1), _wire(0) + _wire(9)
    data = sum(_wire(4 + min(data_bytes, pack_bytes - i * data_bytes)) + _wire(4) for i in range(chunks))
    return 2 * hello + begin + commit + data


def _wire(payload: int) -> int:
    """A frame's bytes on the wire at their worst."""
    content = HEADER_BYTES + payload + CRC_BYTES
    return 2 + content + 1 + content // 254


def pack_identity(data: bytes) -> str:
    """Eight hex digits that tell one pack from another: its CRC-32, as HELLO has it."""
    return f"{zlib.crc32(data[:-4]):08x}"
