"""One more label for an export: a row from words, or from a few examples of the sound itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyclap_edge.audio import padded, read_audio
from tinyclap_edge.bundle.manifest import space_id
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import python_stages
from tinyclap_edge.errors import UsageError
from tinyclap_edge.labels.encode import DEFAULT_THRESHOLD, make_pack, quantize_rows
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import to_q15
from tinyclap_edge.students.file import reduce_matrix
from tinyclap_edge.students.presets import find_student

MAX_EXAMPLES = 64


def row_from_words(bundle: Bundle, words: str, student: str | None = None) -> np.ndarray:
    """(r,) int8: `words` in the space of the export, encoded by its own student.

    student: where the export's own is not found by its name. UsageError when it maps words elsewhere.
    """
    encoder = bundle.manifest["encoder"]
    chosen = find_student(student or str(encoder["student"]))
    r, reduction = int(encoder["r"]), encoder["reduction"]
    if space_id(chosen, r, reduction) != encoder["space"]:
        raise UsageError(
            f"the encoder was exported from {encoder['student']}; {chosen.name} maps words elsewhere",
            "give the student file that it was exported from",
        )
    pack = make_pack([words], chosen, reduce_matrix(chosen, r, reduction), encoder["id"], bundle.spec.frontend_id)
    return np.asarray(pack.rows[0])


def row_from_examples(bundle: Bundle, files: Sequence[Path]) -> np.ndarray:
    """(r,) int8: the mean direction of the encoder's embeddings of some recordings, each recording counted once.

    Prototypical networks (arXiv 1703.05175) with one prototype, on the unit sphere. The encoder is the export's own, in
    its own integers. UsageError for no recording, for too many, or for silence.
    """
    if not 1 <= len(files) <= MAX_EXAMPLES:
        raise UsageError(f"{len(files)} examples", f"give 1 to {MAX_EXAMPLES} recordings of the sound")
    pipeline, spec = bundle.pipeline(), bundle.spec
    total = np.zeros(pipeline.labels.dim)
    for file in files:
        pcm = padded(read_audio(file, spec.sample_rate_hz).pcm, spec, bundle.hop_frames, bundle.span_samples)
        if not pcm.any():
            raise UsageError(f"{file} is silent", "record the sound again")
        stages = python_stages(bundle, pipeline, pcm)
        total += _unit(_unit(stages.embeddings.astype(np.float64) - pipeline.output_quant.z).mean(0))
    return np.asarray(quantize_rows(total[None])[0])


def require_same_encoder(pack: LabelPack, bundle: Bundle, where: str) -> None:
    """UsageError unless the pack is for the encoder and front end of the export at `where`."""
    encoder, frontend = bundle.manifest["encoder"]["id"], bundle.spec.frontend_id
    if (pack.encoder_id, pack.frontend_id) != (encoder, frontend):
        raise UsageError(
            f"the labels are for encoder {pack.encoder_id}, {where} has encoder {encoder}",
            "give the export that these labels were made for",
        )


def with_label(
    pack: LabelPack, name: str, row: np.ndarray, threshold: float | None = None, background: bool = False
) -> LabelPack:
    """The pack with one more label at its end; a label of this name is replaced where it stands.

    background: it becomes the row of "none of these"; UsageError where another label is that already.

    row: (dim,) int8. threshold: a cosine; by default that of the other labels (their median), or of the label replaced.
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise UsageError(f"a threshold of {threshold} is no cosine", "it lies between -1 and 1")
    if background and pack.background is not None and pack.names[pack.background] != name:
        raise UsageError(
            f"the pack has a background row already, {pack.names[pack.background]!r}",
            f"replace its row: labels add {pack.names[pack.background]!r} --background ...",
        )
    if row.shape != (pack.dim,):
        raise UsageError(f"the row has {row.size} entries, the pack's have {pack.dim}", "use the export of this pack")
    if name in pack.names:
        at = pack.names.index(name)
        rows, thresholds = pack.rows.copy(), pack.thresholds_q15.copy()
        rows[at] = row
        thresholds[at] = thresholds[at] if threshold is None else to_q15(threshold)
        return replace(pack, rows=rows, thresholds_q15=thresholds, background=at if background else pack.background)
    heard = [int(t) for i, t in enumerate(pack.thresholds_q15) if i != pack.background]
    usual = int(np.median(heard)) if heard else to_q15(DEFAULT_THRESHOLD)
    new = usual if threshold is None else to_q15(threshold)
    return replace(
        pack,
        names=(*pack.names, name),
        rows=np.vstack([pack.rows, row[None]]),
        thresholds_q15=np.append(pack.thresholds_q15, np.int16(new)),
        background=len(pack.names) if background else pack.background,
    )


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row of length 1; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))
