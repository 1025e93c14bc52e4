"""The watch sees every layer of a generated encoder, in either schedule, and names the first that is wrong."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tinyclap_export.codegen import CLibrary, generate
from tinyclap_export.passes import optimise

from tinyclap_edge.bundle.layer_watch import LayerWatch, layer_places, reference_maps
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.watched_run import watch_frontend, watch_library
from tinyclap_edge.errors import CorruptFile

LAYER = 21  # where a schedule of rows has made some of its rows before


@pytest.fixture(scope="module")
def encoder(exports):
    """(int8 graph, golden inputs (n, frames, mels))."""
    with open_bundle(exports("stm32f4")) as bundle:
        return bundle.pipeline().encoder, np.load(bundle.folder / "golden.npz")["inputs"]


def made(encoder, folder: Path, schedule: str) -> CLibrary:
    return generate(optimise(encoder[0])[0], folder / "lib", isa="portable", schedule=schedule)


def watch_of(library: CLibrary, encoder, inputs: np.ndarray) -> LayerWatch:
    places = layer_places([asdict(x) for x in library.layers], (library.directory / "tce_encoder.h").read_text())
    return LayerWatch(places, reference_maps(encoder[0], inputs), np.zeros((0, 0), np.int16), inputs)


@pytest.mark.parametrize("schedule", ["rows", "layers"])
def test_a_sound_encoder_is_seen_whole_and_nothing_is_found(encoder, tmp_path: Path, schedule: str) -> None:
    library, inputs = made(encoder, tmp_path, schedule), encoder[1][3]
    watch = watch_of(library, encoder, inputs)
    watch_library(library.directory, tmp_path / "watched", inputs, watch)
    assert watch.found is None
    calls = sum(place.rows if place.by_row else 1 for place in watch.places.values())
    assert len(watch._seen) == calls >= len(watch.places)
    sums_apart = sum(layer.function.endswith("_mean_add") for layer in library.layers)
    assert len(watch.places) == len(library.layers) - sums_apart


@pytest.mark.parametrize("schedule", ["rows", "layers"])
def test_a_wrong_bias_is_named_with_its_layer(encoder, tmp_path: Path, schedule: str) -> None:
    library, inputs = made(encoder, tmp_path, schedule), encoder[1][0]
    layer = library.layers[LAYER]
    weights = library.directory / "tce_encoder_weights.c"
    text, count = re.subn(
        rf"(tce_encoder_{LAYER:02d}_bias\[\d+\] = \{{\s*)(-?\d+)", r"\g<1>\g<2> + 3000", weights.read_text()
    )
    assert count == 1
    weights.write_text(text)
    watch = watch_of(library, encoder, inputs)
    watch_library(library.directory, tmp_path / "watched", inputs, watch)
    assert watch.found is not None and (watch.found.layer, watch.found.function) == (layer.name, layer.function)
    assert watch.found.row == (0 if schedule == "rows" else None) and watch.found.values >= 1


def test_the_front_end_of_an_export_gives_its_golden_rows(exports) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        golden = np.load(bundle.folder / "golden.npz")
        sources, quant = bundle.firmware / "lib" / "frontend", bundle.pipeline().input_quant
        for changed, stage in ((None, None), ("logmel_q8", "log-mel"), ("inputs", "network input")):
            maps = {name: golden[name][1].copy() for name in ("logmel_q8", "inputs")}
            if changed:
                maps[changed][7, 3] += 1
            watch = LayerWatch({}, {}, maps["logmel_q8"], maps["inputs"])
            watch_frontend(sources, bundle.spec, golden["pcm"][1], quant, watch)
            found = watch.found and (watch.found.stage, watch.found.row, watch.found.values)
            assert found == (None if stage is None else (stage, 7, 1))


def test_rows_behind_the_window_are_not_compared() -> None:
    watch = LayerWatch({}, {}, np.zeros((2, 4), np.int16), np.zeros((2, 4), np.int8))
    watch.row("log-mel", 2, b"\x01" * 8)
    assert watch.found is None
    watch.row("log-mel", 1, b"\x01" + b"\0" * 7)
    assert watch.found is not None and (watch.found.row, watch.found.values) == (1, 1)


@pytest.mark.parametrize("missing", ["out_shapes", "arena_out", "writes"])
def test_a_manifest_that_does_not_say_where_a_layer_writes_is_refused(missing: str) -> None:
    layer = {
        "name": "a",
        "function": "f",
        "kind": "ADD",
        "out_shapes": [[1, 2, 2, 2]],
        "arena_out": [[0, 8]],
        "writes": "a",
    }
    assert layer_places([layer], "")["f"].rows == 2
    with pytest.raises(CorruptFile, match="where f writes"):
        layer_places([{k: v for k, v in layer.items() if k != missing}], "")
