"""The RAM that the row schedule promises for the models that the engine is measured on, everything counted."""

from __future__ import annotations

import pytest
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.rings import plan_rings
from tinyclap_export.codegen.stages import make_program

from benchmarks.engine_models import engine_model

LIMITS_KB = {"phinet_s": 74, "backbone": 96, "small": 24.3, "gated": 82}
MACS = {"phinet_s": 18_446_400, "backbone": 347_115_888, "small": 6_400_512, "gated": 23_959_700}


@pytest.mark.parametrize("name", LIMITS_KB)
def test_rings_maps_and_scratch_stay_within_the_limit(name):
    graph = engine_model(name)
    assert graph.macs() == MACS[name]
    plan = plan_rings(make_program(graph, lower(graph)))
    assert plan.bound_bytes <= plan.push_bytes <= LIMITS_KB[name] * 1024
