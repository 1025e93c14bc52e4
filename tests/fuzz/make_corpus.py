"""Write the committed corpus of the fuzz targets: python tests/fuzz/make_corpus.py"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from tinyclap_edge.device.link_frames import Frame, encode
from tinyclap_edge.labels.pack import LabelPack

HERE = Path(__file__).parent / "corpus"
ENCODER, FRONTEND = "0102030405060708", "1112131415161718"
IMAGE_CHECKSUM = 0xC520453C  # of the pack in fuzz_device.h
SLOT_BYTES = 1024


def pack(labels: int, dim: int = 1, background: int | None = None) -> bytes:
    """A small pack for the device of the targets."""
    rows = (np.arange(labels * dim).reshape(labels, dim) % 120 + 1).astype(np.int8)
    names = tuple(f"{'é' * (i % 3)}label {i}" for i in range(labels))
    return LabelPack(ENCODER, FRONTEND, names, rows, np.arange(labels, dtype=np.int16), background).to_bytes()


def slot(data: bytes, generation: int) -> bytes:
    """A slot that holds a pack, as tce_label_slots.c writes it with units of 16 bytes."""
    header = struct.pack("<4sHHIIII", b"TLCS", 1, 48, generation, len(data), zlib.crc32(data[:-4]), IMAGE_CHECKSUM)
    header += bytes.fromhex(ENCODER) + bytes.fromhex(FRONTEND) + bytes(4)
    seal = struct.pack("<I", zlib.crc32(header))
    return (header + seal + b"TCOK" + seal + b"\xff" * 8 + data).ljust(SLOT_BYTES, b"\xff")


RAW, RESET, NEXT, SOUND, WINDOW, TIME, BUSY = range(0xF0, 0xF7)  # kinds of records of fuzz_commands.c
ENDLESS, ERASES_IN_BACKGROUND = b"\1", b"\2"  # bodies of RESET


def record(kind: int, body: bytes = b"") -> bytes:
    """A record of fuzz_commands.c; a kind below 0x80 is a frame of this type, with the body's first byte for its number."""
    return bytes([kind, len(body)]) + body


def request(command: int, payload: bytes = b"") -> bytes:
    """A request behind the link."""
    return record(NEXT, bytes([command]) + payload)


HELLO = request(0x01, b"nonc")


def push(data: bytes, firmware: bytes = b"") -> bytes:
    """The records that push a pack of up to 250 bytes, behind a reset into a firmware (RESET's body)."""
    commands = ((0x10, announced(data)), (0x11, bytes(4) + data), (0x12, b""))
    return record(RESET, firmware) + HELLO + b"".join(request(command, payload) for command, payload in commands)


def announced(data: bytes) -> bytes:
    """The payload of LABELS_BEGIN."""
    return struct.pack("<II", len(data), zlib.crc32(data[:-4])) + bytes.fromhex(ENCODER + FRONTEND)


def push_frames(data: bytes, firmware: bytes = b"") -> bytes:
    """The same as frames, then four turns of the application's loop."""
    frames = ((0x01, b"nonc"), (0x10, announced(data)), (0x11, bytes(4) + data), (0x12, b""))
    numbered = (record(kind, bytes([number]) + payload) for number, (kind, payload) in enumerate(frames))
    return record(RESET, firmware) + b"".join(numbered) + record(TIME) * 4


def inputs() -> dict[str, dict[str, bytes]]:
    """Every input by target and name."""
    raw, sealed, right = b"\0", b"\1", b"\3"  # first bytes of fuzz_frames.c and fuzz_pack.c
    hello, data = Frame(1, 0, b"nonc"), Frame(0x11, 255, bytes(range(256)) + bytes(8))
    small, other = pack(2), pack(9, background=3)
    shown = request(0x20, b"\0\0") + request(0x13, struct.pack("<IH", 10, 99)) + record(0x20, b"\x07\0\0")
    half = record(SOUND, np.arange(-8, 8, dtype="<i2").tobytes())
    loud, quiet = record(WINDOW, b"\x7f"), record(WINDOW, b"\x80")
    replayed = request(0x31, struct.pack("<I", 0) + np.arange(16, dtype="<i2").tobytes())
    return {
        "frames": {
            "hello": raw + encode(hello),
            "data": raw + encode(data),
            "text-and-frames": raw + b"TCE 0.1.0\n" + encode(hello) + b"W 0 S 1\n" + encode(data),
            "lost-delimiter": raw + encode(hello)[1:] + encode(hello),
            "cut-off": raw + encode(data)[:100] + encode(hello),
            "too-long": raw + b"\0\xff\xa1" + b"\x7f" * 400,
            "zeros": raw + bytes(40),
            "no-frame": raw + b"\0\x05text\0\x01\x01\0",
            "empty-payload": sealed + b"\x12\x07",
            "longest-payload": sealed + b"\x11\xff" + bytes(range(1, 256)) + bytes(9),
        },
        "pack": {
            "small": raw + small,
            "background": right + other,
            "wide": right + pack(3, 33),
            "wrong-checksum": sealed + small[:40] + b"\x01" + small[41:],
            "cut-off": raw + other[:60],
            "empty": b"",
        },
        "slots": {
            "one": slot(small, 1),
            "two": slot(small, 7) + slot(other, 8),
            "wrapped": slot(small, 0) + slot(other, 0xFFFFFFFF),
            "half": slot(other, 3)[:200],
            "blank": b"",
        },
        "text": {
            "run": b"name%profile%timestamp%db load 4%db 00ff7F80%db print%infer 3 2%results%help%",
            "errors": b"results%db 12%db load 99%db load%infer x%reboot%" + b"x" * 100 + b"%",
            "odd": b"db load 2%db 123%db zz%db 1234567890%\r\ninfer%",
            "noise": b"na\0me%\xff\x01profile%",
        },
        "commands": {
            "push": push(small),
            "frames": record(0x01, b"\0nonc") + record(0x20, b"\1\0\0") * 2 + record(0x02, b"\2") + record(0x12, b"\2"),
            "push-twice": push(small) + push(pack(5)) + shown,
            "show-and-read": HELLO + shown,
            "raw": record(RAW, encode(hello)) + record(RAW, encode(Frame(0x20, 1, b"\0\0"))) * 2,
            "unknown": HELLO + request(0x7E) + record(0x7D, b"\x00") + request(0x05, b"abc"),
            "commit-first": HELLO + request(0x12) + record(RESET) + request(0x12),
            "status-and-settings": HELLO + half + request(0x02) + request(0x03) + request(0x03, b"\x02\x03\x00\x10"),
            "settings-refused": HELLO + request(0x03, b"\x08\0\0\0") + request(0x03, b"\0\0\xff\xff"),
            "notices": HELLO + request(0x04, b"\x03") + loud + quiet + loud + push(pack(4, background=2)) + loud,
            "capture": HELLO + half * 3 + request(0x40, bytes(8)) + request(0x40, struct.pack("<II", 32, 0)),
            "capture-forgotten": HELLO + half + request(0x40, bytes(4) + b"\x08\0\0\0") + record(TIME, b"\0\0\x40\0"),
            "replay": HELLO
            + request(0x30)
            + replayed
            + b"".join(request(0x32, bytes([stage])) for stage in range(3))
            + b"".join(request(0x33, struct.pack("<BIH", what, 1, 99)) for what in range(6)),
            "replay-busy": HELLO + request(0x30) + record(BUSY, encode(hello)) + loud + HELLO + replayed,
            "within-a-window": record(0x01, b"\0nonc") + record(BUSY, encode(Frame(0x30, 1, b""))) + loud + half + loud,
            "push-behind-its-erase": push_frames(small, ERASES_IN_BACKGROUND) + shown + loud,
            "given-up-in-its-erase": push(small, ERASES_IN_BACKGROUND) + push_frames(pack(5), ERASES_IN_BACKGROUND) * 2,
            "endless": record(RESET, ENDLESS) + HELLO + request(0x30) + (replayed + request(0x32, b"\1\2\0")) * 2,
            "measured": record(RAW, b"db load 12%")
            + record(RAW, b"db 0102030405060708090a0b0c%infer 2 1%results%")
            + loud,
        },
    }


def main() -> None:
    for target, files in inputs().items():
        folder = HERE / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
