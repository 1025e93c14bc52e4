"""Robustness: the same clips with noise, shifted or at another gain, scored as the clean ones are."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.evaluate.session import Session
from tinyclap_edge.evaluate.shifts import ROBUSTNESS
from tinyclap_edge.evaluate.task_probe import fit_probe, score_probe
from tinyclap_edge.evaluate.task_zeroshot import zero_shot
from tinyclap_edge.evaluate.zeroshot import unit


def robustness(session: Session) -> dict[str, Any]:
    """Of each distortion the measure, what it keeps of the clean one, and the cosine to the clean embedding.

    Scored zero-shot; a model without a text side by a probe that learnt from clean clips.
    """
    clean = session.hear()
    probes = None if session.examinee.speaks else fit_probe(session)
    rows: list[dict[str, Any]] = []
    for distortion in ROBUSTNESS:
        heard = session.hear(distortion=distortion)
        table = zero_shot(session, heard) if probes is None else score_probe(session, probes, heard)
        measure = table["measure"]
        cosine = float((unit(heard.vectors) * unit(clean.vectors)).sum(1).mean())
        rows.append({"distortion": distortion.name, measure: table[measure], "cosine to clean": round(cosine, 4)})
    first = rows[0][measure]["value"]
    for row in rows:
        row["kept"] = round(row[measure]["value"] / first, 4) if first else 0.0
    return {"by": "zero-shot" if probes is None else "probe", "measure": measure, "rows": rows}


def hardest_noise(result: dict[str, Any]) -> float:
    """The measure at 0 dB white noise."""
    row = next(r for r in result["rows"] if r["distortion"] == "white noise 0 dB")
    return float(np.float64(row[result["measure"]]["value"]))
