"""The attributes that most renderings of a family share, measured from its generator: "mosquito" is high and buzzing.

Descriptions of a family use them. The table is made once by `python -m tinyclap_edge.data.sounds.typical`; a test
holds it to the generators.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from .attributes import VALUES, attribute_values
from .registry import FAMILIES

_TABLE = Path(__file__).with_name("typical.json")
_DRAWS, _MAJORITY = 40, 24  # an attribute counts when 60 % of the draws agree


@cache
def _table() -> dict[str, dict[str, str]]:
    return dict(json.loads(_TABLE.read_text(encoding="utf-8")))


def typical_values(name: str) -> dict[str, str]:
    """Attribute -> value of a family, from the table; attributes that vary are left out."""
    return _table()[name]


def measure(name: str) -> dict[str, str]:
    """The same, rendered anew."""
    counts: dict[str, Counter[str]] = {attribute: Counter() for attribute in VALUES}
    for seed in range(_DRAWS):
        traits = FAMILIES[name].generate(np.random.default_rng([7, seed]), 16000, 2.572).traits
        for attribute, value in attribute_values(traits, None).items():
            counts[attribute][value] += 1
    most = {attribute: count.most_common(1)[0] for attribute, count in counts.items() if count}
    return {attribute: value for attribute, (value, n) in most.items() if n >= _MAJORITY}


if __name__ == "__main__":
    from tinyclap_edge.data.sounds import FAMILIES as every

    _TABLE.write_text(json.dumps({name: measure(name) for name in sorted(every)}, indent=0) + "\n", encoding="utf-8")
