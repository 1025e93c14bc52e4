"""Which layer of an encoder is the first whose bytes are not the integer reference's, whatever its schedule.

A watch is told when a row of log-mel, a row of the network's input or a layer's call is complete, and compares it with
what the reference holds there. In `rows` a layer makes one row a call, into slot row % depth of its ring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinyclap_export.graph import Graph
from tinyclap_export.integer import run_integer
from tinyclap_export.passes import optimise

from tinyclap_edge.errors import CorruptFile


@dataclass(frozen=True)
class Difference:
    """The first values that differ. row: of that stage's map, None where it is compared whole."""

    stage: str  # "log-mel", "network input", "layer", "embedding", "scores"
    values: int
    row: int | None = None
    layer: str = ""
    function: str = ""

    def words(self) -> str:
        """As a sentence's subject, verb and size."""
        what = f"layer {self.layer} ({self.function})" if self.stage == "layer" else self.stage
        count = "1 value" if self.values == 1 else f"{self.values} values"
        return f"{what} differs in {count}" + ("" if self.row is None else f" of row {self.row}")


@dataclass(frozen=True)
class LayerPlace:
    """Where a layer's output lies after a call: [rows][row_bytes] int8 of the tensor, `depth` rows of it in memory."""

    name: str
    function: str
    tensor: str
    rows: int
    row_bytes: int
    depth: int
    offset: int
    by_row: bool


def layer_places(layers: Sequence[Mapping[str, Any]], header: str) -> dict[str, LayerPlace]:
    """Places by function. layers: manifest.json's, or those of a CLibrary as dicts; header: tce_NAME.h's text.

    Left out are functions that only add to a mean's sums, which are no codes: the mean itself follows. CorruptFile
    where a layer is not described as an export describes it.
    """
    by_row = set(re.findall(r"^void (\w+)\(uint8_t \*arena, int32_t y\);", header, re.MULTILINE))
    found = {}
    for layer in layers:
        function = str(layer["function"])
        if layer["kind"] == "MEAN" and function.endswith("_add"):
            continue
        try:
            shape = tuple(int(d) for d in layer["out_shapes"][0])
            offset, size = (int(v) for v in layer["arena_out"][0])
            tensor = str(layer["writes"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CorruptFile(f"manifest.json does not say where {function} writes", "export it again") from error
        rows = shape[1] if len(shape) == 4 else 1
        row_bytes = int(np.prod(shape, dtype=np.int64)) // max(rows, 1)
        depth = size // row_bytes if row_bytes else 0
        if depth < 1 or offset < 0 or (function not in by_row and depth < rows):
            continue  # no call leaves it complete
        found[function] = LayerPlace(
            str(layer["name"]), function, tensor, rows, row_bytes, depth, offset, function in by_row
        )
    return found


def reference_maps(encoder: Graph, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Every activation of one window by tensor name, of the graph that is generated. inputs: (frames, mels) int8."""
    kept = run_integer(optimise(encoder)[0], inputs[None, ..., None], keep=True)
    assert isinstance(kept, dict)
    return {name: values[0] for name, values in kept.items()}


class LayerWatch:
    """Compares what it is shown, in the order of execution; `found` is the first difference."""

    def __init__(
        self, places: Mapping[str, LayerPlace], maps: Mapping[str, np.ndarray], features: np.ndarray, inputs: np.ndarray
    ) -> None:
        """features: (frames, mels) int16; inputs: (frames, mels) int8; maps: see `reference_maps`."""
        self.places = places
        self.found: Difference | None = None
        self._maps = {name: np.ascontiguousarray(values).reshape(-1) for name, values in maps.items()}
        self._features, self._inputs = features, inputs
        self._seen: set[tuple[str, int]] = set()

    def row(self, stage: str, index: int, codes: bytes) -> None:
        """A row of the log-mel (little-endian int16) or of the network's input. Rows behind the window are ignored."""
        wanted = self._features if stage == "log-mel" else self._inputs
        if index < len(wanted):
            got = np.frombuffer(codes, "<i2" if stage == "log-mel" else np.int8)
            self._compare(Difference(stage, 0, index), got, wanted[index])

    def span(self, function: str, y: int) -> tuple[int, int] | None:
        """(offset in the arena, bytes) of what a call has made, None where there is nothing to compare."""
        place = self.places.get(function)
        if self.found or place is None or place.tensor not in self._maps:
            return None
        if not place.by_row:
            return place.offset, place.rows * place.row_bytes
        if not 0 <= y < place.rows or (function, y) in self._seen:  # of the window after this one
            return None
        return place.offset + y % place.depth * place.row_bytes, place.row_bytes

    def called(self, function: str, y: int, codes: bytes) -> None:
        """A call has ended; codes: the bytes of its `span`."""
        place = self.places[function]
        self._seen.add((function, y))
        row = y if place.by_row else None
        start = y * place.row_bytes if place.by_row else 0
        wanted = self._maps[place.tensor][start : start + len(codes)]
        self._compare(Difference("layer", 0, row, place.name, function), np.frombuffer(codes, np.int8), wanted)

    def _compare(self, where: Difference, got: np.ndarray, wanted: np.ndarray) -> None:
        if self.found is None and (got.shape != wanted.shape or not np.array_equal(got, wanted)):
            count = int(np.count_nonzero(got != wanted)) if got.shape == wanted.shape else wanted.size
            self.found = Difference(where.stage, count, where.row, where.layer, where.function)
