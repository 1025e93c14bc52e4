"""The watch on the layers of a continuous encoder: rows are counted call by call, since their numbers come round.

What lies behind the mean runs once an embedding, everything before it once a row of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tinyclap_export.continuous import Stream, features_made, head_maps, local_maps, rows_made, split_stream
from tinyclap_export.graph import Graph
from tinyclap_export.passes import optimise

from tinyclap_edge.bundle.layer_watch import Difference, LayerPlace, LayerWatch


@dataclass(frozen=True)
class StreamMaps:
    """What the reference holds: by tensor (rows, bytes of a row) before the mean, (embeddings, bytes) from it on."""

    stream: Stream
    local: dict[str, np.ndarray]
    head: dict[str, np.ndarray]

    @property
    def all(self) -> dict[str, np.ndarray]:
        """Both."""
        return self.local | self.head

    def made(self, arrived: int) -> dict[str, int]:
        """Rows of each tensor before the mean that exist after so many rows of input."""
        return rows_made(self.stream, arrived)


def stream_maps(encoder: Graph, inputs: np.ndarray, at: Sequence[int]) -> StreamMaps:
    """Of the graph that is generated. inputs: int8 (rows, mels); at: rows after which embeddings are asked for."""
    stream = split_stream(optimise(encoder)[0])
    local = local_maps(stream, inputs[None, ..., None])
    features, count = local[stream.mean.inputs[0]][0], stream.feature_rows
    ends = [features_made(stream, arrived) for arrived in at]
    head = head_maps(stream, np.stack([features[end - count : end] for end in ends]))
    return StreamMaps(
        stream,
        {name: values[0].reshape(values.shape[1], -1) for name, values in local.items()},
        {name: values.reshape(len(ends), -1) for name, values in head.items() if name not in local},
    )


class StreamWatch(LayerWatch):
    """Compares every call with the reference's row or embedding of that number."""

    def __init__(
        self, places: Mapping[str, LayerPlace], maps: StreamMaps, features: np.ndarray, inputs: np.ndarray
    ) -> None:
        """features: (rows, mels) int16; inputs: (rows, mels) int8."""
        super().__init__(places, {}, features, inputs)
        self._wanted = maps.all
        self._calls: Counter[str] = Counter()

    def span(self, function: str, y: int) -> tuple[int, int] | None:
        place = self.places.get(function)
        self._calls[function] += 1
        if self.found or place is None or self._calls[function] > len(self._wanted.get(place.tensor, ())):
            return None
        return place.offset + (y % place.depth * place.row_bytes if place.by_row else 0), self._bytes(place)

    def called(self, function: str, y: int, codes: bytes) -> None:
        place, number = self.places[function], self._calls[function] - 1
        where = Difference("layer", 0, number if place.by_row else None, place.name, function)
        self._seen.add((function, number))
        self._compare(where, np.frombuffer(codes, np.int8), self._wanted[place.tensor][number])

    @staticmethod
    def _bytes(place: LayerPlace) -> int:
        return place.row_bytes if place.by_row else place.rows * place.row_bytes
