"""`verify --target serial`: golden vectors through a board, each stage compared as it is made.

Log-mel and network input are compared by their checksums behind each row, embedding and scores by their bytes. Where the
embedding differs, the encoder's arena is read: of many layers the last rows still lie there. Those whose place a later layer
took cannot be seen over a port; they are named where they may be the cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.layer_watch import Difference, LayerPlace, layer_places, reference_maps
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.device.replay import Replay, Rows, Stage, What, row_checksums

_FUNCTION = re.compile(r"^(?:\w+ )*void (tce_\w+_layer_\w+)\([^)]*\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_SCRATCH = re.compile(r"scratch = arena(?: \+ (\d+))?; /\* (\d+) bytes \*/")


@dataclass(frozen=True)
class Found:
    """What differs first, as far as a port shows it. unseen: layers between it and the last one that is right; gone: of a
    stream, whose earlier rows nobody kept."""

    difference: Difference
    unseen: tuple[str, ...] = ()
    gone: bool = False

    def words(self) -> str:
        """In one clause."""
        if self.gone:
            return f"{self.difference.words()} (or a layer before it in a row that is no longer there)"
        if not self.unseen:
            return self.difference.words()
        some = ", ".join(self.unseen[:3]) + (f" and {len(self.unseen) - 3} more" if len(self.unseen) > 3 else "")
        return f"{self.difference.words()} (or {some} before it, which a port does not show)"


def verify_serial(
    ready: SerialReady, pcm: np.ndarray, wanted: Stages, advance: Callable[[int], None] = lambda windows: None
) -> tuple[int, Found] | None:
    """The first window that differs and where in it, None where every byte is the same. pcm: (n, samples) int16."""
    with ready.session() as (_, _, replay):
        for index, window in enumerate(pcm):
            found = _window(ready, replay, window, wanted, index)
            if found is not None:
                return index, found
            advance(1)
    return None


def _window(ready: SerialReady, replay: Replay, pcm: np.ndarray, wanted: Stages, index: int) -> Found | None:
    assert wanted.logmel_q8 is not None and wanted.inputs is not None
    features, inputs = wanted.logmel_q8[index], wanted.inputs[index]
    difference = _rows(replay, pcm, features, inputs)
    if difference is not None:
        return Found(difference)
    replay.run(Stage.ENCODER)
    count = int(np.count_nonzero(replay.embedding() != wanted.embeddings[index]))
    if count:
        library = ready.bundle.firmware / "lib" / "encoder"
        layers = ready.bundle.manifest["layers"]
        places = layer_places(layers, (library / "tce_encoder.h").read_text(encoding="ascii"))
        spans = written_spans(layers, (library / "tce_encoder.c").read_text(encoding="ascii"))
        maps = reference_maps(ready.bundle.pipeline().encoder, inputs)
        return arena_difference(places, layers, spans, maps, replay.read(What.ARENA)) or Found(
            Difference("embedding", count)
        )
    replay.run(Stage.SCORES)
    count = int(np.count_nonzero(replay.scores() != wanted.scores[index]))
    return Found(Difference("scores", count)) if count else None


def _rows(replay: Replay, pcm: np.ndarray, features: np.ndarray, inputs: np.ndarray) -> Difference | None:
    """Front end, row by row."""
    replay.begin()
    checksums = row_checksums(features), row_checksums(inputs)
    for rows in replay.send(pcm):
        difference = row_difference(replay, rows, features, inputs, checksums)
        if difference is not None:
            return difference
    return None


def row_difference(
    replay: Replay, rows: Rows, features: np.ndarray, inputs: np.ndarray, checksums: tuple[list[int], list[int]]
) -> Difference | None:
    """Whether the newest row's checksums are the reference's. features, inputs: (rows, mels); checksums: theirs."""
    row = rows.count - 1
    if row >= 0 and rows.logmel_crc != checksums[0][row]:
        got = np.frombuffer(replay.read(What.LOGMEL_ROW), "<i2")
        return Difference("log-mel", int(np.count_nonzero(got != features[row])), row)
    if row >= 0 and rows.input_crc != checksums[1][row]:
        held = np.frombuffer(replay.read(What.INPUT), np.int8).reshape(-1, inputs.shape[1])
        return Difference("network input", int(np.count_nonzero(held[row % len(held)] != inputs[row])), row)
    return None


def written_spans(layers: Sequence[Mapping[str, Any]], source: str) -> list[tuple[int, int, int]]:
    """(layer's index, offset, bytes) of everything that layers write into the arena: their output, and the scratch that the
    generated C (tce_encoder.c) names."""
    spans = [(index, int(at), int(size)) for index, layer in enumerate(layers) for at, size in layer["arena_out"]]
    index_of = {str(layer["function"]): index for index, layer in enumerate(layers)}
    for function, body in _FUNCTION.findall(source):
        for at, size in _SCRATCH.findall(body):
            spans.append((index_of.get(function, len(layers)), int(at or 0), int(size)))
    return spans


def arena_difference(
    places: Mapping[str, LayerPlace],
    layers: Sequence[Mapping[str, Any]],
    spans: Sequence[tuple[int, int, int]],
    maps: Mapping[str, np.ndarray],
    arena: bytes,
    again: bool = False,
) -> Found | None:
    """The first layer whose output, as far as it still lies in the arena after a window, is not the reference's.

    places, layers, maps: as layer_watch has them; spans: written_spans'. A layer is passed over where a later one has
    written over it; of a stream (again), where any other one has, since all have run again.
    """
    unseen: list[str] = []
    for index, layer in enumerate(layers):
        place = places.get(str(layer["function"]))
        if place is None or place.tensor not in maps:
            continue
        kept = min(place.depth, place.rows) if place.by_row else place.rows
        begin, end = place.offset, place.offset + kept * place.row_bytes
        if any(
            (later > index or again) and later != index and at < end and begin < at + size for later, at, size in spans
        ):
            unseen.append(place.name)
            continue
        codes = np.ascontiguousarray(maps[place.tensor]).reshape(place.rows, place.row_bytes)
        for row in range(place.rows - kept, place.rows):
            at = place.offset + (row % place.depth if place.by_row else row) * place.row_bytes
            got = np.frombuffer(arena[at : at + place.row_bytes], np.int8)
            count = int(np.count_nonzero(got != codes[row])) if got.shape == codes[row].shape else place.row_bytes
            if count:
                where = Difference("layer", count, row if place.by_row else None, place.name, place.function)
                return Found(where, tuple(unseen))
        unseen.clear()
    return None
