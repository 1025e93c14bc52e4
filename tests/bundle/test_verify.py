"""`verify` passes an export that is sound, and names the stage and the layer of one that is not."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.archive import npz_bytes
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.verify import verify
from tinyclap_edge.cli import output
from tinyclap_edge.cli.verify import command
from tinyclap_edge.errors import CorruptFile, NumbersDiffer
from tinyclap_edge.students.presets import find_student

WEIGHTS = "firmware/lib/encoder/tce_encoder_weights.c"


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_quiet_json", False)


@pytest.fixture(scope="module")
def rp2040(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export whose own C this PC compiles: portable kernels, row by row."""
    request = ExportRequest.make(find_board("rp2040"), find_student("esp"), ["rain", "siren"])
    return export_bundle(request, tmp_path_factory.mktemp("verify") / "rp2040").out


def changed(export: Path, copy: Path, file: str, edit: tuple[str, str]) -> Path:
    """A copy of an export with one file edited (pattern, replacement) and its hash made to agree."""
    shutil.copytree(export, copy, ignore=shutil.ignore_patterns(".pio"))
    path = copy / file
    text, count = re.subn(*edit, path.read_text(), count=1)
    assert count == 1, edit
    path.write_text(text)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sha256"][file] = hashlib.sha256(path.read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def weight(layer: int) -> tuple[str, str]:
    """The edit that moves one weight of a layer by one, towards zero."""
    array = rf"(const int8_t tce_encoder_{layer:02d}_weights\[\d+\] = \{{\s*)(-?\d+)"
    return array, r"\g<1>(\g<2> > 0 ? \g<2> - 1 : \g<2> + 1)"


def told(copy: Path, target: str) -> str:
    with open_bundle(copy) as bundle, pytest.raises(NumbersDiffer) as error:
        verify(bundle, target)
    return error.value.fact


@pytest.mark.parametrize("target", ["python", "host", "emulator"])
def test_a_sound_export_passes_on_every_target(exports, target: str) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        data = verify(bundle, target)
        golden = np.load(bundle.folder / "golden.npz")
    assert data["identical"] and data["windows"] == len(golden["pcm"]) == 8
    assert data["stages"]["embeddings"] == golden["embeddings"].size
    assert ("logmel_q8" in data["stages"]) == (target == "python")


@pytest.mark.parametrize("layer", [pytest.param(1, marks=pytest.mark.slow), 14])
def test_a_weight_that_is_off_by_one_is_caught_in_its_layer_by_the_emulator(
    exports, tmp_path: Path, layer: int
) -> None:
    copy = changed(exports("stm32f4"), tmp_path / "copy", WEIGHTS, weight(layer))
    named = json.loads((copy / "manifest.json").read_text())["layers"][layer]
    assert f"layer {named['name']} ({named['function']}) differs in" in told(copy, "emulator")


@pytest.mark.slow
@pytest.mark.parametrize("layer", [3, 22])
def test_a_weight_that_is_off_by_one_is_caught_in_its_layer_on_this_pc(
    rp2040: Path, tmp_path: Path, layer: int
) -> None:
    copy = changed(rp2040, tmp_path / "copy", WEIGHTS, weight(layer))
    named = json.loads((copy / "manifest.json").read_text())["layers"][layer]
    assert f"layer {named['name']} ({named['function']}) differs in" in told(copy, "host")


@pytest.mark.slow
def test_the_export_of_portable_kernels_runs_its_own_c_on_this_pc(rp2040: Path) -> None:
    with open_bundle(rp2040) as bundle:
        assert verify(bundle, "host")["encoder_c"] == "the export's own"


@pytest.mark.parametrize("target", ["host", pytest.param("emulator", marks=pytest.mark.slow)])
def test_a_wrong_table_of_the_front_end_is_named_before_the_layers(exports, tmp_path: Path, target: str) -> None:
    edit = (r"(tce_logmel_log2\[33\] = \{\s*0, )744810", r"\g<1>844810")
    copy = changed(exports("stm32f4"), tmp_path / "copy", "firmware/lib/frontend/tce_logmel_tables.c", edit)
    assert re.search(r"log-mel differs in \d+ values? of row \d+", told(copy, target))


@pytest.mark.slow
def test_a_wrong_zero_point_of_the_input_is_named(exports, tmp_path: Path) -> None:
    edit = (r"(\.?input_zero_point\W+|INPUT_ZERO_POINT \(?)(-?\d+)", r"\g<1>\g<2> + 1")
    copy = changed(exports("stm32f4"), tmp_path / "copy", "firmware/src/tce_config.h", edit)
    assert "network input differs" in told(copy, "emulator")


def test_vectors_of_another_model_are_refused(exports, tmp_path: Path) -> None:
    copy = changed(exports("stm32f4"), tmp_path / "copy", WEIGHTS, ("const", "const"))
    with np.load(copy / "golden.npz") as stored:
        arrays = dict(stored)
    for name, kept in (("scores", arrays["scores"][:, :-1]), ("embeddings", arrays["embeddings"].astype(np.int16))):
        content = npz_bytes(**{**arrays, name: kept})
        (copy / "golden.npz").write_bytes(content)
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["sha256"]["golden.npz"] = hashlib.sha256(content).hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
        with open_bundle(copy) as bundle, pytest.raises(CorruptFile, match="another model"):
            verify(bundle, "python")


def test_vectors_that_the_reference_does_not_give_are_told_apart(exports, tmp_path: Path) -> None:
    copy = changed(exports("stm32f4"), tmp_path / "copy", WEIGHTS, ("const", "const"))
    with np.load(copy / "golden.npz") as stored:
        arrays = {name: values.copy() for name, values in stored.items()}
    arrays["scores"][5, 0] ^= 1
    content = npz_bytes(**arrays)
    (copy / "golden.npz").write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sha256"]["golden.npz"] = hashlib.sha256(content).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert "scores differs in 1 value, in golden window 5" in told(copy, "python")


def test_the_verb_answers_in_json(exports) -> None:
    done = CliRunner().invoke(
        command, [str(exports("stm32f4")), "--target", "python", "--json"], standalone_mode=False
    )  # fmt: skip
    assert done.exception is None, done.exception
    assert json.loads(done.stdout)["data"]["identical"] is True
