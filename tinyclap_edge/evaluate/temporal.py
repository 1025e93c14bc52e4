"""Temporal support: accuracy against the seconds that one embedding sees (arXiv 2312.14005).

Clips are cut into windows without overlap, the last one filled up, the embeddings averaged; so a short window costs
accuracy and buys memory. Beside each accuracy stand the operations and the working memory of one embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.session import Session
from tinyclap_edge.evaluate.task_probe import probe
from tinyclap_edge.evaluate.task_zeroshot import zero_shot

MAX_WINDOWS = 64


def parse_windows(text: str) -> tuple[float, ...]:
    """ "0.25,0.5,1" -> seconds, rising. UsageError (2) for anything that is no list of positive numbers."""
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise UsageError(f"--window {text!r} is not a list of seconds", "write it like 0.25,0.5,1,2") from None
    if not all(math.isfinite(s) and s > 0 for s in found) or len(found) > MAX_WINDOWS:
        raise UsageError(f"--window {text!r}: every window is a positive number of seconds, {MAX_WINDOWS} at most")
    return tuple(found)


def support_curve(session: Session, windows: Sequence[float]) -> dict[str, Any]:
    """One row a window: the measure by zero-shot, or by a probe where the model has no words, and what it costs."""
    by = "zero-shot" if session.examinee.speaks else "probe"
    rows = []
    for window in windows:
        cost = session.examinee.cost(window)
        table = zero_shot(session, session.hear(window_s=window)) if by == "zero-shot" else probe(session, window)
        measure = table["measure"]
        macs = {"macs_per_second": round(cost["macs"] / window)} if "macs" in cost else {}
        rows.append({**cost, **macs, "window_s": window, measure: table[measure]})
    return {"by": by, "measure": measure, "rows": rows}
