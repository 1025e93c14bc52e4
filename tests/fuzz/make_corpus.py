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


def request(kind: int, body: bytes) -> bytes:
    """A record of fuzz_commands.c."""
    return bytes([kind, len(body)]) + body


def push(data: bytes) -> bytes:
    """The records that push a pack of up to 256 bytes, which goes as raw bytes since a record is shorter than a frame."""
    ids = bytes.fromhex(ENCODER + FRONTEND)
    begin = b"\x10" + struct.pack("<II", len(data), zlib.crc32(data[:-4])) + ids
    chunk = request(2, b"\x11" + struct.pack("<I", 0) + data)
    return request(1, b"") + request(2, b"\x01nonc") + request(2, begin) + chunk + request(2, b"\x12")


def inputs() -> dict[str, dict[str, bytes]]:
    """Every input by target and name."""
    raw, sealed, right = b"\0", b"\1", b"\3"  # first bytes of fuzz_frames.c and fuzz_pack.c
    hello, data = Frame(1, 0, b"nonc"), Frame(0x11, 255, bytes(range(256)) + bytes(8))
    small, other = pack(2), pack(9, background=3)
    shown = request(2, b"\x20\0\0") + request(2, b"\x13" + struct.pack("<IH", 10, 99)) + request(0x20, b"\x07\0\0")
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
            "push-twice": push(small) + push(pack(5)) + shown,
            "show-and-read": request(2, b"\x01nonc") + shown,
            "raw": request(0, encode(hello)) + request(0, encode(Frame(0x20, 1, b"\0\0"))) * 2,
            "unknown": request(2, b"\x01nonc") + request(2, b"\x7e") + request(0x99, b"\x00"),
            "commit-first": request(2, b"\x01nonc") + request(2, b"\x12") + request(1, b"") + request(2, b"\x12"),
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
