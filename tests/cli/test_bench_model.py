"""`bench MODEL.tflite`: costs by layer of any model, and none without the right bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli.command import cli, refused
from cli.small_models import SOUND, two_of_each
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.engine import model_bench
from tinyclap_edge.engine.model_bench import bench_model
from tinyclap_edge.engine.model_file import read_model
from tinyclap_edge.engine.model_run import ModelRun
from tinyclap_edge.errors import NumbersDiffer

pytestmark = pytest.mark.skipif(find_zig() is None, reason="zig is not installed")


@pytest.mark.parametrize("schedule", ["layers", "rows"])
def test_layers_and_what_stands_between_them_are_the_whole_inference(schedule: str) -> None:
    facts = bench_model(read_model(SOUND), find_board("stm32f4"), schedule=schedule).facts
    layers = facts["layer_table"]
    assert len(layers) == facts["layers"] and all(layer["instructions"] > 0 for layer in layers)
    together = sum(layer["instructions"] for layer in layers) + facts["schedule_glue"]
    assert abs(together - facts["instructions"]) <= len(layers)  # means of two inputs, rounded one by one
    assert sum(layer["macs"] for layer in layers) == facts["live_macs"]


def test_a_wrong_byte_is_exit_code_6(monkeypatch: pytest.MonkeyPatch) -> None:
    right = model_bench.run_model

    def wrong(*arguments, **options) -> ModelRun:
        done = right(*arguments, **options)
        outputs = done.outputs.copy()
        outputs[1, 0] ^= np.int8(1)
        return ModelRun(outputs, done.facts)

    monkeypatch.setattr(model_bench, "run_model", wrong)
    with pytest.raises(NumbersDiffer, match="1 of"):
        bench_model(read_model(SOUND), find_board("stm32f4"))


def test_the_verb_prints_one_object(tmp_path) -> None:
    done = cli("bench", str(SOUND), "--board", "stm32f4", "--json", "--json-path", str(tmp_path / "f.json"))
    data = json.loads(done.stdout)["data"]
    assert data == json.loads((tmp_path / "f.json").read_text()) and data["code_bytes"] > 0 < data["const_bytes"]


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        (("--board", "stm32h7", "--bundle", "x"), 2, "exclude"),
        ((), 2, "emulated board"),
        (("--board", "stm32h7", "--target", "host"), 2, "emulated board"),
        (("--board", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, code: int, fact: str) -> None:
    refused(cli("bench", str(SOUND), *options), code, fact)


def test_a_model_of_two_inputs_is_refused_with_the_verb_that_takes_it(tmp_path) -> None:
    (tmp_path / "two.tflite").write_bytes(write_tflite(two_of_each()))
    refused(cli("bench", str(tmp_path / "two.tflite"), "--board", "stm32f4"), 2, "2 inputs")
