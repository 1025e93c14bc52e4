"""manifest.json: what an export is, and the SHA-256 of its files. Nothing in it is believed before it has been read here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.platformio_core import TOOLBOX
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile

SCHEMA = 1
MANIFEST = "manifest.json"
GATE = "gate.json"  # of an export with a power gate
SCHEDULES = ("layers", "rows", "continuous")  # what an export's encoder may have
NEEDED = ("encoder.tflite", "encoder.onnx", "labels.tlp")
# Files of an export without a hash: the manifest itself, what `bench` and `build` write anew.
_UNHASHED_FILES = (MANIFEST, "report.json", "report.md", "report.html")
_UNHASHED_FOLDER = f"firmware/{TOOLBOX}/"
_SHA256 = re.compile(r"[0-9a-f]{64}")

# A type, a list of one form, or a table with at least these keys. Whole numbers pass for float.
_FORM: dict[str, Any] = {
    "schema_version": int,
    "board": str,
    "labels": [str],
    "hop_frames": int,
    "encoder": {
        "id": str, "space": str, "student": str, "arch": str, "teacher": str, "dim": int, "r": int, "reduction": str,
        "ranges": str, "params": int, "macs": int, "arena_bytes": int, "const_bytes": int,
        "schedule": str, "schedule_reason": str,
    },
    "frontend": {"id": str},
    "parity": {"windows": int, "digest": str},
    "sha256": dict.fromkeys(NEEDED, str),
    "memory": [{"what": str, "bytes": int, "region": str, "share": float}],
    "drift": [{"source": str, "target": str, "mean": float, "worst": float, "n": int}],
    "layers": [{"name": str, "function": str, "kind": str, "macs": int}],
}  # fmt: skip


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export, every value that this package uses checked for type and range.

    UsageError (2) where there is none, CorruptFile (7) names what is wrong. Whether the files beside it are those that
    it describes is for the caller to check.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise UsageError(f"{folder} is no export: it has no {MANIFEST}", "`tinyclap-edge export` writes one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptFile(f"{path} cannot be read ({error})", "export it again") from error
    try:
        _check_form(manifest, _FORM, "")
        _check_values(manifest)
    except TinyclapError as error:
        raise CorruptFile(f"{path}: {error.fact}", "export it again with this version") from error
    return dict(manifest)


def file_hashes(tree: Mapping[str, bytes]) -> dict[str, str]:
    """The manifest's `sha256`: of every file of an export that must stay as it is. tree: relative path -> content."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in tree.items() if not _unhashed(name)}


def strangers(names: Iterable[str], manifest: Mapping[str, Any]) -> list[str]:
    """Those of some relative paths that belong to no export with this manifest, sorted."""
    own = {*manifest["sha256"], archive_name(manifest)}
    return sorted(name for name in names if name not in own and not _unhashed(name))


def archive_name(manifest: Mapping[str, Any]) -> str:
    """STUDENT-BOARD.tce, the one file that holds the export."""
    return f"{manifest['encoder']['student']}-{manifest['board']}.tce"


def inside(name: str) -> bool:
    """Whether a relative path stays below the directory that it starts from, on every system."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not set(name) & set("\\:\0")


def space_id(student: StudentFile, r: int, reduction: str) -> str:
    """16 hex digits that name the map from words into an encoder's space: all of the student but its weights.

    A label pack made by another map fits the encoder at best by chance, even where the student's name is the same.
    """
    sha = hashlib.sha256(f"{r} {reduction}".encode())
    for field in fields(student):
        value = getattr(student, field.name)
        if isinstance(value, np.ndarray):
            sha.update(f" {field.name} {value.shape} ".encode() + np.ascontiguousarray(value, "<f4").tobytes())
    return sha.hexdigest()[:16]


def _unhashed(name: str) -> bool:
    return name in _UNHASHED_FILES or name.startswith(_UNHASHED_FOLDER)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check_form(value: Any, form: Any, where: str) -> None:
    kind = form if isinstance(form, type) else type(form)
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits:
        words = {dict: "a table", list: "a list", str: "text", int: "a whole number", float: "a number"}
        raise CorruptFile(f"{where or 'it'} is not {words[kind]}")
    if isinstance(form, list):
        for i, item in enumerate(value):
            _check_form(item, form[0], f"{where}[{i}]")
    elif isinstance(form, dict):
        for key, inner in form.items():
            name = f"{where}.{key}" if where else key
            if key not in value:
                raise CorruptFile(f"{name} is missing")
            _check_form(value[key], inner, name)


def _check_values(manifest: Mapping[str, Any]) -> None:
    if manifest["schema_version"] != SCHEMA:
        raise CorruptFile(f"schema {manifest['schema_version']} is not {SCHEMA}, the one that this version reads")
    for name, digest in manifest["sha256"].items():
        if not inside(name) or not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise CorruptFile(f"sha256 holds {name!r}: {digest!r}")
    encoder, frontend = manifest["encoder"], dict(manifest["frontend"])
    if encoder["id"] != manifest["sha256"]["encoder.tflite"][:16]:
        raise CorruptFile("encoder.id is not that of encoder.tflite")
    if encoder["schedule"] not in SCHEDULES:
        raise CorruptFile(f"encoder.schedule={encoder['schedule']!r} is none of {', '.join(SCHEDULES)}")
    if encoder["schedule"] == "continuous" and GATE in manifest["sha256"]:
        raise CorruptFile(f"a continuous encoder has no windows that {GATE} could spare")
    find_board(manifest["board"])
    identity, spec = frontend.pop("id"), FrontendSpec.from_dict(frontend)
    if identity != spec.frontend_id:
        raise CorruptFile("frontend.id does not belong to its constants")
    if not 1 <= manifest["hop_frames"] <= spec.frames:
        raise CorruptFile(f"hop_frames={manifest['hop_frames']} is outside 1..{spec.frames}")
