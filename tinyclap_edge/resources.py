"""Where the files that travel with the package are: in the wheel beside the code, in a checkout at its root."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from tinyclap_edge.errors import CorruptFile

WHEEL_FIRMWARE, WHEEL_DATA = "_firmware", "_data"


def firmware_dir() -> Path:
    """The folder of the C sources (engine/, frontend/, labels/, ...). CorruptFile when the installation lacks it."""
    return _first(
        [package_dir() / WHEEL_FIRMWARE, package_dir().parent / "firmware"],
        "the firmware sources",
    )


def data_file(name: str) -> Path:
    """A data file by its path relative to the repository root, such as "boards.yaml" or "models/small.safetensors".

    CorruptFile when the installation lacks it.
    """
    return _first([package_dir() / WHEEL_DATA / name, package_dir().parent / name], name)


def package_dir() -> Path:
    """The folder of the installed package. It is never zipped: the C in it must be compiled."""
    return Path(str(resources.files("tinyclap_edge")))


def _first(candidates: list[Path], what: str) -> Path:
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise CorruptFile(f"this installation of tinyclap-edge lacks {what}", "install it again from its wheel")
