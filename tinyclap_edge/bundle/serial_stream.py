"""A continuous encoder on a port: a stream of sound replayed through a board, row by row, and asked hop after hop.

The board keeps as many rows as a window has; before those are full it is asked to read them (REPLAY of docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from tinyclap_edge.bundle.continuous import embeddings_at, span_samples
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.layer_watch import Difference, layer_places
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.bundle.serial_verify import Found, arena_difference, row_difference, written_spans
from tinyclap_edge.bundle.stream_watch import stream_maps
from tinyclap_edge.device.replay import Replay, Rows, Stage, What, row_checksums


def stream_stops(rows: int, first_rows: int, hop_frames: int, held: int) -> list[tuple[int, bool]]:
    """(rows that have come, whether an embedding is asked for then): so that no more than `held` rows wait to be read."""
    asked = set(embeddings_at(rows, first_rows, hop_frames))
    early = [n for n in range(held, first_rows, held) if n not in asked]
    return sorted([(n, False) for n in early if n <= rows] + [(n, True) for n in asked])


def replay_stream(
    bundle: Bundle, replay: Replay, pcm: np.ndarray, on_rows: Callable[[Rows], bool] = lambda rows: True
) -> Iterator[int]:
    """From the stream's begin: yields the number of rows whenever the encoder has run and has an embedding.

    on_rows: told of every answer; the stream ends where it says False.
    """
    assert bundle.stream is not None
    spec, sent = bundle.spec, 0
    held = replay.begin().rows
    for rows, asked in stream_stops(spec.frame_count(pcm.size), bundle.stream.first_rows, bundle.hop_frames, held):
        end = span_samples(rows, spec)
        for made in replay.go_on(pcm[sent:end], sent):
            if not on_rows(made):
                return
        sent = end
        replay.run(Stage.ENCODER)
        if asked:
            yield rows


def run_serial_stream(ready: SerialReady, pcm: np.ndarray) -> Stages:
    """Embeddings and scores of a stream, hop after hop. Log-mel and network input are not read."""
    embeddings, scores = [], []
    with ready.session() as (_, _, replay):
        for _ in replay_stream(ready.bundle, replay, pcm):
            replay.run(Stage.SCORES)
            embeddings.append(replay.embedding())
            scores.append(replay.scores())
    return Stages(np.stack(embeddings), np.stack(scores))


def verify_serial_stream(
    ready: SerialReady, pcm: np.ndarray, wanted: Stages, advance: Callable[[int], None] = lambda embeddings: None
) -> tuple[int, Found] | None:
    """The first embedding before or in which something differs, and what; None where every byte is the same."""
    features, inputs = wanted.logmel_q8, wanted.inputs
    assert features is not None and inputs is not None
    checksums = row_checksums(features), row_checksums(inputs)
    found: list[Difference] = []

    with ready.session() as (_, _, replay):

        def compare(rows: Rows) -> bool:
            difference = row_difference(replay, rows, features, inputs, checksums)
            found.extend([difference] if difference else [])
            return difference is None

        index = 0
        for rows in replay_stream(ready.bundle, replay, pcm, compare):
            count = int(np.count_nonzero(replay.embedding() != wanted.embeddings[index]))
            if count:
                return index, _layer(ready.bundle, replay, wanted, index, rows) or Found(Difference("embedding", count))
            replay.run(Stage.SCORES)
            count = int(np.count_nonzero(replay.scores() != wanted.scores[index]))
            if count:
                return index, Found(Difference("scores", count))
            index += 1
            advance(1)
    return (index, Found(found[0])) if found else None


def _layer(bundle: Bundle, replay: Replay, wanted: Stages, index: int, rows: int) -> Found | None:
    """The first layer whose newest rows in the arena are not the reference's: what made them so may have left its ring."""
    assert wanted.inputs is not None
    library, layers = bundle.firmware / "lib" / "encoder", bundle.manifest["layers"]
    maps = stream_maps(bundle.pipeline().encoder, wanted.inputs[:rows], [rows])
    made = maps.made(rows)
    places = {
        function: replace(place, rows=made[place.tensor]) if place.by_row and place.tensor in made else place
        for function, place in layer_places(layers, (library / "tce_encoder.h").read_text(encoding="ascii")).items()
    }
    spans = written_spans(layers, (library / "tce_encoder.c").read_text(encoding="ascii"))
    newest = {name: values[: made[name]] for name, values in maps.local.items()} | maps.head
    found = arena_difference(places, layers, spans, newest, replay.read(What.ARENA), again=True)
    return replace(found, gone=True) if found else None
