"""From a published tinyCLAP checkpoint to firmware: `students import FILE --out S && export --student S ...`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from students.rule_weights import fixture, rule_state

torch = pytest.importorskip("torch")

from tinyclap_edge.bundle import calibration, golden  # noqa: E402
from tinyclap_edge.bundle.calibration import calibration_for, load_calibration  # noqa: E402
from tinyclap_edge.bundle.golden import PARITY_WINDOWS, parity_count, parity_windows  # noqa: E402
from tinyclap_edge.bundle.read import open_bundle  # noqa: E402
from tinyclap_edge.bundle.run import compare, prepare  # noqa: E402
from tinyclap_edge.cli import export, output, students  # noqa: E402
from tinyclap_edge.evaluate.examinee import open_examinee  # noqa: E402
from tinyclap_edge.frontend.spec import FrontendSpec  # noqa: E402
from tinyclap_edge.students import tinyclap_fold  # noqa: E402
from tinyclap_edge.teachers import registry  # noqa: E402

SMALL = fixture("tinyclap")["configurations"][1]


def words(texts: list[str]) -> np.ndarray:
    """Stand-ins for the teacher's text side: one vector a text."""
    return np.stack([np.random.default_rng([*map(ord, text)]).normal(size=1024) for text in texts]).astype(np.float32)


@pytest.fixture
def few_and_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_quiet_json", False)
    monkeypatch.setattr(registry, "text_encoder", lambda name, identity: words)
    monkeypatch.setattr(golden, "PARITY_MACS", 1)
    monkeypatch.setattr(calibration, "WINDOWS", 3)
    for name, value in (("SOUNDS", 4), ("HELD_OUT", 1)):
        monkeypatch.setattr(tinyclap_fold, name, value)
    calibration._rendered.cache_clear()


@pytest.mark.slow
def test_a_published_checkpoint_becomes_a_bundle_whose_c_gives_the_references_bytes(
    tmp_path: Path, few_and_quiet: None
) -> None:
    checkpoint, student, out = tmp_path / f"{SMALL['name']}.ckpt", tmp_path / "own.safetensors", tmp_path / "bundle"
    torch.save({k: torch.from_numpy(v).float() for k, v in rule_state(SMALL["keys"]).items()}, checkpoint)
    made = CliRunner().invoke(students.command, ["import", str(checkpoint), "--out", str(student)])
    assert made.exit_code == 0, made.output
    arguments = ["--student", str(student), "--board", "stm32h7", "--labels", "rain, dog", "--out", str(out)]
    done = CliRunner().invoke(export.command, arguments)
    assert done.exit_code == 0, done.output
    assert "own hears 44,100 Hz; stm32h7 is described with 16,000 Hz" in done.output
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["encoder"]["r"] == 256 and manifest["encoder"]["arch"].endswith("head=rotated")
    assert {check["name"]: check["differing"] for check in manifest["lint"]["checks"]} == {
        "integer reference": 0, "LiteRT BUILTIN_REF": 0,
    }  # fmt: skip
    assert manifest["encoder"]["schedule"] == "rows" and manifest["encoder"]["arena_bytes"] < 100_000
    with open_bundle(out) as bundle:
        windows = parity_windows(2, bundle.spec)
        found, _ = prepare(bundle, "host", tmp_path, count=False).run_windows(windows)
        compare(found, bundle.pipeline().run(windows), "host")
    examinee = open_examinee(str(out), student=student)
    assert examinee.embed_text(["rain"]).shape == (1, 256) and not open_examinee(str(out)).speaks


def test_windows_for_a_front_end_are_the_shipped_ones_where_it_hears_them_so() -> None:
    usual = FrontendSpec()
    assert calibration_for(usual) is load_calibration()
    assert calibration_for(FrontendSpec(offset_db=40.0, scale_db=10.0)) is load_calibration()
    short = calibration_for(FrontendSpec(frames=96))
    assert short.teacher is None and np.array_equal(short.logmel_q8, load_calibration().logmel_q8[:, :96])


def test_windows_for_another_front_end_are_rendered_by_it(few_and_quiet: None) -> None:
    spec = FrontendSpec(mel_bins=32, frames=40)
    made = calibration_for(spec)
    assert made.logmel_q8.shape == (3, 40, 32) and made.teacher is None and len(set(made.names)) == 3
    assert made.logmel_q8.std() > 5 * 256  # sounds, not silence


def test_a_very_large_encoder_is_run_on_fewer_windows() -> None:
    assert parity_count(10_000_000) == PARITY_WINDOWS
    assert 8 < parity_count(341_000_000) < PARITY_WINDOWS and parity_count(10**12) == 8
