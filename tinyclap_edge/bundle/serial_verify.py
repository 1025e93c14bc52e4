"""`verify --target serial`: golden vectors through a board, each stage compared as it is made.

Log-mel and network input are compared by their checksums behind each row, embedding and scores by their bytes. Where the
embedding differs, the encoder's arena is read: of most layers the last rows still lie there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.layer_watch import Difference, LayerPlace, layer_places, reference_maps
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.device.replay import Replay, Stage, What, row_checksums


def verify_serial(
    ready: SerialReady, pcm: np.ndarray, wanted: Stages, advance: Callable[[int], None] = lambda windows: None
) -> tuple[int, Difference] | None:
    """The first window that differs and where in it, None where every byte is the same. pcm: (n, samples) int16."""
    with ready.session() as (_, _, replay):
        for index, window in enumerate(pcm):
            found = _window(ready, replay, window, wanted, index)
            if found is not None:
                return index, found
            advance(1)
    return None


def _window(ready: SerialReady, replay: Replay, pcm: np.ndarray, wanted: Stages, index: int) -> Difference | None:
    assert wanted.logmel_q8 is not None and wanted.inputs is not None
    features, inputs = wanted.logmel_q8[index], wanted.inputs[index]
    difference = _rows(replay, pcm, features, inputs)
    if difference is not None:
        return difference
    replay.run(Stage.ENCODER)
    count = int(np.count_nonzero(replay.embedding() != wanted.embeddings[index]))
    if count:
        library = ready.bundle.firmware / "lib" / "encoder" / "tce_encoder.h"
        layers = ready.bundle.manifest["layers"]
        places = layer_places(layers, library.read_text(encoding="ascii"))
        maps = reference_maps(ready.bundle.pipeline().encoder, inputs)
        return arena_difference(places, layers, maps, replay.read(What.ARENA)) or Difference("embedding", count)
    replay.run(Stage.SCORES)
    count = int(np.count_nonzero(replay.scores() != wanted.scores[index]))
    return Difference("scores", count) if count else None


def _rows(replay: Replay, pcm: np.ndarray, features: np.ndarray, inputs: np.ndarray) -> Difference | None:
    """Front end, row by row."""
    replay.begin()
    logmel, network = row_checksums(features), row_checksums(inputs)
    done = 0
    for rows in replay.send(pcm):
        for row in range(done, rows.count):
            if row == rows.count - 1 and rows.logmel_crc != logmel[row]:
                got = np.frombuffer(replay.read(What.LOGMEL_ROW), "<i2")
                return Difference("log-mel", int(np.count_nonzero(got != features[row])), row)
            if row == rows.count - 1 and rows.input_crc != network[row]:
                got = np.frombuffer(replay.read(What.INPUT), np.int8).reshape(inputs.shape)[row]
                return Difference("network input", int(np.count_nonzero(got != inputs[row])), row)
        done = rows.count
    return None


def arena_difference(
    places: Mapping[str, LayerPlace], layers: Sequence[Mapping[str, Any]], maps: Mapping[str, np.ndarray], arena: bytes
) -> Difference | None:
    """The first layer whose output, as far as it still lies in the arena after a window, is not the reference's.

    places, layers, maps: as layer_watch has them. A layer is passed over where a later one has written over it.
    """
    spans = [(index, *map(int, span)) for index, layer in enumerate(layers) for span in layer["arena_out"]]
    for index, layer in enumerate(layers):
        place = places.get(str(layer["function"]))
        if place is None or place.tensor not in maps:
            continue
        kept = min(place.depth, place.rows) if place.by_row else place.rows
        begin, end = place.offset, place.offset + kept * place.row_bytes
        if any(later > index and at < end and begin < at + size for later, at, size in spans):
            continue
        codes = np.ascontiguousarray(maps[place.tensor]).reshape(place.rows, place.row_bytes)
        for row in range(place.rows - kept, place.rows):
            at = place.offset + (row % place.depth if place.by_row else row) * place.row_bytes
            got = np.frombuffer(arena[at : at + place.row_bytes], np.int8)
            count = int(np.count_nonzero(got != codes[row])) if got.shape == codes[row].shape else place.row_bytes
            if count:
                return Difference("layer", count, row if place.by_row else None, place.name, place.function)
    return None
