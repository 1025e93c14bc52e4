"""The engine's measurement is about the models it names, and says so when bytes differ or a board is too small."""

from __future__ import annotations

import hashlib

import pytest
from tinyclap_export.tflite_reader import read_tflite

from benchmarks import engine_tables
from benchmarks.engine import PEER, TITLES, by_kind, inputs_of, model_bytes, weight_bytes
from benchmarks.engine_models import MODELS, engine_model
from benchmarks.store import load_results

MACS = {"phinet_s": 18_446_400, "backbone": 347_115_888, "small": 6_400_512, "gated": 23_959_700}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_its_published_size_and_always_the_same_bytes(name):
    data = model_bytes(name)
    assert read_tflite(data).macs() == MACS[name]
    for row in load_results().get("engine", {}).get("models", []):
        if row["model"] == name:
            assert row["file_sha256"] == hashlib.sha256(data).hexdigest()


def test_every_model_has_a_peer():
    assert set(MODELS) == PEER.keys() == TITLES.keys()


def test_a_row_of_extremes_stands_beside_a_picture():
    graph = engine_model("small")
    picture, extremes = inputs_of(graph)
    assert len(set(picture.tolist())) > 50
    assert set(extremes.tolist()) == {-128, 127}


def test_weights_biases_and_eight_bytes_a_channel():
    graph = engine_model("phinet_s")
    assert weight_bytes(graph) == 332_485 + 8 * 4_686


def test_instructions_are_summed_by_the_kind_of_layer():
    assert by_kind({"tce_m_layer_00_conv1x1": 5, "tce_m_layer_01_add": 7, "tce_m_layer_02_conv1x1": 4}) == {
        "conv1x1": 9,
        "add": 7,
    }


def test_tables_say_which_bytes_differ_and_what_does_not_fit():
    row = {"model": "m", "encoder": "0123456789abcdef", "core": "Cortex-M4", "schedule": "rows", "fits": True,
           "instructions": 2_000_000, "instructions_per_mac": 2.0, "ram_bytes": 1000, "stack_bytes": 24,
           "code_bytes": 5, "const_bytes": 6, "identical": False, "toolchain": "zig", "engine": "unicorn",
           "by_kind": {"conv1x1": 2_000_000}}  # fmt: skip
    model = {"model": "m", "title": "M", "encoder": "0123456789abcdef", "macs": 10**6, "weight_bytes": 2, "tflm_wheel": None,
             "peer": {"Cortex-M4": 5.0, "ram_bytes": 2048}}  # fmt: skip
    small = {"model": "m", "encoder": "0123456789abcdef", "schedule": "layers", "fits": False, "why": "too large"}
    results = {"engine": {"models": [model], "rows": [row], "schedules": [row, small], "peer_source": "measured once"}}
    assert "2.0 M (2.00) **other bytes**" in engine_tables.engine(results)
    assert "**no**" in engine_tables.engine_costs(results)
    assert "too large" in engine_tables.engine_schedules(results)
    assert "1,024" in engine_tables.engine_schedules(results)
    assert "conv1x1 100%" in engine_tables.engine_kinds(results)
