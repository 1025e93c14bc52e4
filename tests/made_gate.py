"""A gate with one comparison, as `gate train` made it on the place of place_sounds.py: the crest's range."""

from __future__ import annotations

from pathlib import Path

from tinyclap_edge.evaluate.intervals import wilson
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.gate.file import Gate
from tinyclap_edge.gate.model import parse

ONE_SPLIT = Path(__file__).parent / "gate" / "one_split.h"


def made_gate(spec: FrontendSpec | None = None) -> Gate:
    """For the default front end, or another one."""
    model = parse(ONE_SPLIT.read_text(encoding="utf-8"))
    return Gate(
        model, spec or FrontendSpec(), 0.02, wilson(0, 26), wilson(22, 22), 300.0, 1000, {"scikit-learn": "1.9.1"}
    )
