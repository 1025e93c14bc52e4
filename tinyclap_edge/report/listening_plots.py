"""What the board heard: the log-mel of a recording, and below it the scores of the best labels as time passes."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from tinyclap_edge.report.svg import Drawing, heat_image, shorten, ticks
from tinyclap_edge.report.tables import hop_seconds

MOST = 8  # examples in a report
LANES = 5
RANGE_DB = 70.0  # below the loudest bin
_STEP_DB, _FLOOR_DB = 0.5, -100.0


def pack_logmel(db: np.ndarray) -> dict[str, Any]:
    """(frames, mels) float dB -> JSON: half decibels above -100 dB in a byte, base64."""
    levels = np.clip(np.rint((np.asarray(db, np.float64) - _FLOOR_DB) / _STEP_DB), 0, 255).astype(np.uint8)
    data = base64.b64encode(levels.tobytes()).decode("ascii")
    return {
        "frames": levels.shape[0],
        "mels": levels.shape[1],
        "step_db": _STEP_DB,
        "floor_db": _FLOOR_DB,
        "data": data,
    }


def unpack_logmel(packed: Mapping[str, Any]) -> np.ndarray:
    """(frames, mels) float64 dB."""
    levels = np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["frames"], packed["mels"])
    return levels * packed["step_db"] + packed["floor_db"]


def examples(
    manifest: Mapping[str, Any], heard: Mapping[str, Any] | None, logmels: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """(file, its best label or "", drawing) of the first MOST recordings."""
    files = {PurePath(f["path"]).stem: f for f in (heard or {}).get("files", ())}
    names = [*files, *(n for n in logmels if n not in files)]
    out = []
    for name in names[:MOST]:
        file = files.get(name)
        best = file["ranking"][0]["label"] if file and file["ranking"] else ""
        db = unpack_logmel(logmels[name]) if name in logmels else None
        labels = heard["labels"] if heard else []
        out.append((file["path"] if file else name, best, _example(name, manifest, file, labels, db)))
    return out


def _example(
    name: str, manifest: Mapping[str, Any], file: Mapping[str, Any] | None, labels: list[str], db: np.ndarray | None
) -> str:
    frontend = manifest["frontend"]
    rate, hop = frontend["sample_rate_hz"], frontend["hop_samples"]
    span = ((frontend["frames"] - 1) * hop + frontend["window_samples"]) / rate
    windows = file["windows"] if file else []
    shown = [r["label"] for r in file["ranking"][:LANES]] if file else []
    seconds = len(db) * hop / rate if db is not None else span
    if file:
        seconds = max(seconds, file["seconds"], windows[-1]["start_s"] + span if windows else 0.0)
    width, left, right, top = 520.0, 128.0, 6.0, 6.0
    picture = 128.0 if db is not None else 0.0
    lane = 22.0
    foot = top + picture + 10 + lane * len(shown)
    drawing = Drawing(width, foot + 20, f"Log-mel of {name}, and scores over time")

    def at(t: float) -> float:
        return left + (width - left - right) * t / seconds

    if db is not None:
        drawing.image(left, top, at(len(db) * hop / rate) - left, picture, heat_image(_levels(db)))
        for hz in (250, 1000, 4000):
            y = top + picture * (1 - _mel_place(hz, frontend))
            drawing.text(left - 8, y + 4, f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz", "small", "end")
            drawing.line(left - 5, y, left, y, "axis")
    _lanes(drawing, at, top + picture + 10, lane, windows, shown, labels, span, hop_seconds(manifest))
    for t in ticks(0, seconds, 5):
        anchor = "start" if t == 0 else "end" if t > 0.97 * seconds else "middle"
        drawing.text(at(t), foot + 14, f"{t:g} s", "small", anchor)
    return drawing.render()


def _lanes(
    drawing: Drawing,
    at: Any,
    top: float,
    lane: float,
    windows: list[Mapping[str, Any]],
    shown: list[str],
    labels: list[str],
    span: float,
    hop: float,
) -> None:
    """A lane a label, a field a window around the window's middle: the stronger its colour, the higher the score."""
    if not windows:
        return
    scores = np.array([w["scores"] for w in windows], np.float64)  # (windows, labels)
    strongest = max(float(scores.max()), 1e-9)
    for i, label in enumerate(shown):
        y, column = top + lane * i, labels.index(label)
        drawing.text(120, y + 14, shorten(label, 118), "label strong" if i == 0 else "label", "end", label)
        for k, window in enumerate(windows):
            start = window["start_s"] + (span - hop) / 2
            begin = 0.0 if k == 0 else start
            end = window["start_s"] + span if k == len(windows) - 1 else start + hop
            value, won = float(scores[k, column]), int(np.argmax(scores[k])) == column
            tip = f"{label}: {value:.2f} in {window['start_s']:.2f} to {window['start_s'] + span:.2f} s"
            wide = at(end) - at(begin)
            alpha = 0.06 + 0.94 * max(0.0, value / strongest) ** 1.5
            drawing.rect(at(begin) + 0.75, y + 0.75, wide - 1.5, lane - 1.5, "won" if won else "heat", tip, alpha, 3)
            if wide >= 34:
                text = f"{value:.2f}"
                middle = (at(begin) + at(end)) / 2
                drawing.text(middle, y + 15, text, "small strong" if won else "small", "middle", tip)


def _levels(db: np.ndarray) -> np.ndarray:
    """(mels, frames) uint8, high frequencies on top, the loudest bin 255 and RANGE_DB below it 0."""
    top = float(db.max())
    scaled = np.clip((db - top) / RANGE_DB + 1, 0, 1)
    return np.rint(255 * scaled).astype(np.uint8).T[::-1]


def _mel_place(hz: float, frontend: Mapping[str, Any]) -> float:
    """Where a frequency lies between the lowest and the highest mel band, 0 to 1 (HTK mel scale)."""
    low, here, high = (math.log10(1 + f / 700) for f in (frontend["f_min_hz"], hz, frontend["f_max_hz"]))
    return (here - low) / (high - low)
