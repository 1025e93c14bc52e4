"""UF2: an image in blocks of 512 bytes that a chip's boot loader takes as a file on its drive.

    python -m tinyclap_edge.device.uf2 firmware.uf2 /media/me/RPI-RP2

The format is Microsoft's: https://github.com/microsoft/uf2. A drive is known by its INFO_UF2.TXT.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from tinyclap_edge.errors import DeviceError, UsageError

MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
FAMILY_PRESENT = 0x2000
PAYLOAD, BLOCK = 256, 512
INFO = "INFO_UF2.TXT"
_HEADER = struct.Struct("<8I")
MOUNTS = ("/media", "/run/media", "/mnt", "/Volumes")


def uf2_blocks(image: bytes, address: int, family: int) -> bytes:
    """`image` for memory from `address` on, a multiple of 256."""
    if address % PAYLOAD:
        raise UsageError(f"a UF2 image cannot begin at {address:#x}: no multiple of {PAYLOAD}")
    pieces = [image[at : at + PAYLOAD].ljust(PAYLOAD, b"\0") for at in range(0, len(image), PAYLOAD)]
    out = bytearray()
    for index, piece in enumerate(pieces):
        head = (*MAGIC[:2], FAMILY_PRESENT, address + index * PAYLOAD, PAYLOAD, index, len(pieces), family)
        out += _HEADER.pack(*head) + piece.ljust(BLOCK - _HEADER.size - 4, b"\0") + struct.pack("<I", MAGIC[2])
    return bytes(out)


def find_drives(mounts: tuple[str, ...] = MOUNTS) -> list[Path]:
    """Mounted drives of boot loaders."""
    found = []
    for mount in mounts:
        for pattern in ("*", "*/*"):
            found += [path.parent for path in sorted(Path(mount).glob(f"{pattern}/{INFO}"))]
    return found


def find_drive(mounts: tuple[str, ...] = MOUNTS) -> Path:
    """The one drive. DeviceError where there is none, or several."""
    found = find_drives(mounts)
    if not found:
        raise DeviceError(
            "no UF2 drive is mounted", "hold BOOTSEL while you plug the board in, and mount the drive that appears"
        )
    if len(found) > 1:
        raise DeviceError(
            f"several UF2 drives are mounted: {', '.join(map(str, found))}",
            "choose one with --drive, or unplug the others",
        )
    return found[0]


def check_drive(drive: Path) -> None:
    """DeviceError unless a boot loader's drive is mounted there."""
    if not (drive / INFO).is_file():
        raise DeviceError(f"{drive} is no UF2 drive: it holds no {INFO}", "hold BOOTSEL while you plug the board in")


def copy_to_drive(image: Path, drive: Path) -> None:
    """Write the image to the drive, all of it before this returns. OSError where it does not take it."""
    check_drive(drive)
    with (drive / image.name).open("wb") as file:
        file.write(image.read_bytes())
        file.flush()
        os.fsync(file.fileno())


def main(arguments: list[str]) -> int:
    """The upload command: IMAGE DRIVE."""
    image, drive = (Path(argument) for argument in arguments)
    try:
        copy_to_drive(image, drive)
    except DeviceError as error:
        print(f"uf2: {error.fact}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"uf2: cannot write to {drive}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"uf2: {image.name} -> {drive}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
