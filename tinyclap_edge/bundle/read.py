"""An exported bundle on disk: a directory, or the one .tce file that holds it. Hostile until checked."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinyclap_export.errors import ExportError
from tinyclap_export.tflite_reader import read_tflite

from tinyclap_edge.boards import Board, find_board
from tinyclap_edge.bundle.continuous import CONTINUOUS, StreamShape, span_samples, stream_shape
from tinyclap_edge.bundle.manifest import GATE, inside, read_manifest, strangers
from tinyclap_edge.bundle.pipeline import IntegerPipeline
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.file import Gate, read_gate
from tinyclap_edge.labels.pack import LabelPack

MAX_BYTES = 256 << 20
MAX_MEMBERS = 2000


@dataclass(frozen=True)
class Bundle:
    """A checked export."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def board(self) -> Board:
        return find_board(self.manifest["board"])

    @property
    def labels(self) -> list[str]:
        return list(self.manifest["labels"])

    @property
    def hop_frames(self) -> int:
        return int(self.manifest["hop_frames"])

    @property
    def schedule(self) -> str:
        """What the code generator was asked for."""
        return CONTINUOUS if self.stream else "auto"

    @cached_property
    def stream(self) -> StreamShape | None:
        """The rows of a continuous encoder, None for one of windows. CorruptFile (7) for an encoder that cannot be one."""
        if self.manifest["encoder"]["schedule"] != CONTINUOUS:
            return None
        try:
            return stream_shape(self.pipeline().encoder)
        except ExportError as error:
            raise CorruptFile(f"manifest.json says {CONTINUOUS}, but {error.fact}", "export it again") from error

    @property
    def span_samples(self) -> int:
        """Samples that the first embedding wants: a window, or what a continuous encoder hears before it."""
        return span_samples(self.stream.first_rows if self.stream else self.spec.frames, self.spec)

    @property
    def firmware(self) -> Path:
        """The PlatformIO project."""
        return self.folder / "firmware"

    @property
    def spec(self) -> FrontendSpec:
        return FrontendSpec.from_dict({k: v for k, v in self.manifest["frontend"].items() if k != "id"})

    @property
    def gate(self) -> Gate | None:
        """The power gate that stands before the encoder, where there is one."""
        return read_gate(self.folder / GATE) if GATE in self.manifest["sha256"] else None

    @property
    def pack(self) -> LabelPack:
        """Its labels: rows, thresholds, and which is the background."""
        return LabelPack.from_bytes((self.folder / "labels.tlp").read_bytes())

    def pipeline(self) -> IntegerPipeline:
        """The integer reference of this export."""
        return IntegerPipeline(self.spec, read_tflite((self.folder / "encoder.tflite").read_bytes()), self.pack)


@contextmanager
def open_bundle(path: Path | str) -> Iterator[Bundle]:
    """The bundle in a directory or .tce file. UsageError (2) where there is none, CorruptFile (7) for a damaged one."""
    path = Path(path)
    if path.is_dir():
        yield _checked(path)
    elif path.is_file():
        with tempfile.TemporaryDirectory(prefix="tce-bundle-") as work:
            members = _extract(path, Path(work))
            bundle = _checked(Path(work))
            foreign = strangers(members, bundle.manifest)
            if foreign:
                raise CorruptFile(f"{path.name} holds {foreign[0]}, which no export wrote", "export it again")
            yield bundle
    else:
        raise UsageError(f"there is no bundle {path}", "`tinyclap-edge export` writes one")


def _extract(path: Path, into: Path) -> list[str]:
    """The names of the members, which are checked for count, size and path before one of them is written."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_BYTES:
                raise CorruptFile(f"{path.name} unpacks to more than a bundle can hold", "it is no export of this tool")
            for member in members:
                if not inside(member.filename) or member.is_dir():
                    raise CorruptFile(f"{path.name} holds the member {member.filename!r}, which leaves its directory")
                if member.compress_type != zipfile.ZIP_STORED:
                    raise CorruptFile(f"{path.name} is compressed", "no export is: export it again")
            for member in members:
                target = into / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(member))
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:  # RuntimeError: encrypted
        raise CorruptFile(f"{path.name} is no .tce file that can be read ({error})", "export it again") from error
    return [member.filename for member in members]


def _checked(folder: Path) -> Bundle:
    manifest = read_manifest(folder)
    for name, wanted in manifest["sha256"].items():
        file = folder / name
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "nothing"
        if found != wanted:
            raise CorruptFile(f"{name} in {folder} is not the file that was exported", "export it again")
    pack = LabelPack.from_bytes((folder / "labels.tlp").read_bytes())
    encoder = manifest["encoder"]
    described = (manifest["labels"], encoder["r"], encoder["id"], manifest["frontend"]["id"])
    if (list(pack.names), pack.dim, pack.encoder_id, pack.frontend_id) != described:
        raise CorruptFile(f"{folder}/manifest.json describes another label pack than labels.tlp", "export it again")
    return Bundle(folder, manifest)
