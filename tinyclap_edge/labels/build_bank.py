"""`python -m tinyclap_edge.labels.build_bank`: embed the known sound names and write bank.safetensors.

Names: labels/names/*.txt (the classes of AudioSet, ESC-50, UrbanSound8K, and everyday wordings), and the families of
the procedural sounds with their other wordings and prompts, plain and with their acoustics. Needs the [teachers] and
[train] extras. The same text tower gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tinyclap_edge.labels.bank import FORMAT, PATH
from tinyclap_edge.labels.pack import MAX_NAME_BYTES
from tinyclap_edge.labels.prompts import TEMPLATES, EncodeTexts, ensemble, normalise_label

NAMES = Path(__file__).with_name("names")
LISTS = ("audioset", "esc50", "urbansound8k", "everyday")


def read_names(which: str) -> list[str]:
    """The names of one list, as their data set spells them."""
    lines = (NAMES / f"{which}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def wordings(name: str) -> Iterator[str]:
    """A class name, and its parts where it lists several: "Chuckle, chortle" is also "chuckle" and "chortle"."""
    yield name
    yield re.sub(r"\s*\([^)]*\)", "", name)
    for part in re.split(r",(?![^(]*\))", name):
        part = part.strip().removeprefix("and ")
        if part not in ("etc.", "Inside", "Outside"):
            yield part


def family_wordings() -> Iterator[str]:
    """Every way in which the procedural sounds are named."""
    from tinyclap_edge.data.sounds import FAMILIES

    for family in FAMILIES.values():
        for name in (family.name, *family.words, *family.prompts):
            yield name
            yield f"{name}: {family.acoustics}"


def bank_keys() -> list[str]:
    """Every normalised name that a pack can hold, sorted."""
    names = [w for which in LISTS for name in read_names(which) for w in wordings(name)]
    keys = {normalise_label(name) for name in [*names, *family_wordings()]}
    return sorted(key for key in keys if len(key.encode()) <= MAX_NAME_BYTES)


def build(path: Path, encode: EncodeTexts) -> int:
    """Write the bank beside `path` and rename it. Returns the number of names."""
    from safetensors.numpy import save

    keys = bank_keys()
    about = {
        "format": FORMAT,
        "text_tower": "all-MiniLM-L6-v2, Apache-2.0",
        "templates": list(TEMPLATES),
        "keys": keys,
    }
    # one key in the header: safetensors keeps no order among several
    data = save({"embeddings": ensemble(keys, encode).astype(np.float16)}, {"about": json.dumps(about, sort_keys=True)})
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
    return len(keys)


def main() -> None:
    from tinyclap_edge.teachers.text_minilm import TextTower

    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    count = build(path, TextTower().encode)
    print(f"{path.name}: {count} names, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
