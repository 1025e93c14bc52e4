"""An export whose encoder has no end: which rows its embeddings are of, and what a stream of sound gives, in integers.

Every row of log-mel is computed once. An embedding is the head of the mean of the last N rows of features, so that its
window has no edges: nothing is padded but the stream's own beginning. What the last of those features still look at has to
come first: the first embedding is there after `first_rows` rows, more than a window has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tinyclap_export.continuous import features_made, first_embedding, run_continuous, split_stream
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph

from tinyclap_edge.bundle.drift import Step, step
from tinyclap_edge.bundle.encoder import dequantized, embed_int8
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.pipeline import IntegerPipeline
from tinyclap_edge.errors import DoesNotFit, UsageError
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.score import score

CONTINUOUS = "continuous"  # the schedule's name
WINDOWS = "int8, window by window"


@dataclass(frozen=True)
class StreamShape:
    """Rows of log-mel until the first embedding; rows of features in each; rows of log-mel a row of features."""

    first_rows: int
    feature_rows: int
    feature_rate: int


def stream_shape(encoder: Graph) -> StreamShape:
    """Of an encoder that can stream; ExportError (5) names the operator that stands in the way."""
    stream = split_stream(encoder)
    return StreamShape(first_embedding(stream), stream.feature_rows, stream.feature_rate)


def require_streamable(encoder: Graph, student: str) -> StreamShape:
    """The same for an export: DoesNotFit (5) names the layer."""
    try:
        return stream_shape(encoder)
    except ExportError as error:
        raise DoesNotFit(
            f"{student} cannot be exported continuous: {error.fact}",
            "leave out --continuous: the board then computes window by window",
        ) from error


def slow_features(shape: StreamShape, hop_frames: int, spec: FrontendSpec) -> str | None:
    """A warning where embeddings are asked for more often than they change."""
    if hop_frames >= shape.feature_rate:
        return None
    hop_s, changes_s = (rows * spec.hop_samples / spec.sample_rate_hz for rows in (hop_frames, shape.feature_rate))
    return f"a hop of {hop_s:g} s asks more often than this continuous encoder has something new: every {changes_s:g} s"


def embeddings_at(rows: int, first_rows: int, hop_frames: int) -> list[int]:
    """Numbers of rows after which a board gives an embedding, of a stream of `rows`."""
    return list(range(first_rows, rows + 1, hop_frames))


def span_samples(rows: int, spec: FrontendSpec) -> int:
    """Samples that so many rows of log-mel are of."""
    return (rows - 1) * spec.hop_samples + spec.window_samples


def run_stream(pipeline: IntegerPipeline, pcm: np.ndarray, hop_frames: int) -> Stages:
    """(n,) int16 PCM -> every stage of a stream: logmel_q8 and inputs (rows, mels), embeddings hop after hop.

    UsageError for sound that ends before the first embedding.
    """
    spec = pipeline.spec
    features = logmel_q8(pcm, spec)
    first = stream_shape(pipeline.encoder).first_rows
    at = embeddings_at(len(features), first, hop_frames)
    if not at:
        raise UsageError(f"{len(features)} rows of log-mel, the first embedding wants {first}", "a longer recording")
    inputs = pipeline.inputs(features[None])[0]
    embeddings = run_continuous(pipeline.encoder, inputs, at).reshape(len(at), -1)
    return Stages(embeddings, score(pipeline.labels, embeddings, pipeline.output_quant.z), features, inputs)


def beginning(stages: Stages, rows: int, first_rows: int, hop_frames: int) -> Stages:
    """What the first rows of a stream gave."""
    assert stages.logmel_q8 is not None and stages.inputs is not None
    count = len(embeddings_at(rows, first_rows, hop_frames))
    return Stages(stages.embeddings[:count], stages.scores[:count], stages.logmel_q8[:rows], stages.inputs[:rows])


def stream_drift(pipeline: IntegerPipeline, stages: Stages, hop_frames: int) -> Step:
    """How far a stream's embeddings are from those of the windows that their features come from."""
    assert stages.inputs is not None
    stream, spec = split_stream(pipeline.encoder), pipeline.spec
    at = embeddings_at(len(stages.inputs), first_embedding(stream), hop_frames)
    starts = [(features_made(stream, arrived) - stream.feature_rows) * stream.feature_rate for arrived in at]
    kept = [i for i, start in enumerate(starts) if start + spec.frames <= len(stages.inputs)]
    windows = np.stack([stages.inputs[starts[i] : starts[i] + spec.frames] for i in kept])
    before = dequantized(pipeline.encoder, embed_int8(pipeline.encoder, windows))
    return step(WINDOWS, CONTINUOUS, before, dequantized(pipeline.encoder, stages.embeddings[kept]))
