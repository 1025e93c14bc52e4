"""S-SONDO's backbones are imported too, and what cannot be exported says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from students.made_student import made_student
from students.rule_weights import fixture, rule_input, rule_state, same_figures

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.export import ExportRequest
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.students.embed import embed_logmel
from tinyclap_edge.students.file import FORMAT, FORMAT_1_1, read_student, write_student
from tinyclap_edge.students.import_checkpoint import import_checkpoint

torch = pytest.importorskip("torch")
FIGURES = fixture("families")


def lightning_file(path: Path, name: str) -> Path:
    """The layout of a training checkpoint: backbone and head under a prefix, configuration beside them."""
    state = {
        f"student_model.model.{k}": torch.from_numpy(v).float() for k, v in rule_state(FIGURES[name]["keys"]).items()
    }
    state["student_model.classification_head.mlp.0.weight"] = torch.zeros(1280, 960)
    torch.save({"state_dict": state, "training_config": {"lr": 8e-4}, "epoch": 3}, path)
    return path


def test_an_ssondo_backbone_is_imported_with_its_own_embedding_and_front_end(tmp_path: Path) -> None:
    student = import_checkpoint(lightning_file(tmp_path / "mn.ckpt", "mn10"))
    write_student(tmp_path / "mn.safetensors", student)
    again = read_student(tmp_path / "mn.safetensors")
    assert (again.arch, again.dim, again.teacher, again.frontend.sample_rate_hz) == ("mn10", 960, "ssondo", 32000)
    figures = FIGURES["mn10"]["fingerprints"][0]
    x = rule_input(figures["input_shape"])[:, 0].transpose(0, 2, 1)  # time first, as all our students take it
    decibels = (x * again.frontend.scale_db).astype(np.float32)  # a natural logarithm in the original
    same_figures(embed_logmel(again, decibels), figures["embedding"], 2e-5)
    with pytest.raises(UsageError, match="imported whole"):
        import_checkpoint(tmp_path / "mn.ckpt", r=64)


def test_a_missing_tensor_has_the_publishers_name(tmp_path: Path) -> None:
    state = {k: torch.from_numpy(v).float() for k, v in rule_state(FIGURES["eres2net"]["keys"][:-2]).items()}
    torch.save(state, tmp_path / "e.ckpt")
    with pytest.raises(CorruptFile, match=f"lacks .*{FIGURES['eres2net']['keys'][-1][0]}"):
        import_checkpoint(tmp_path / "e.ckpt")


@pytest.mark.parametrize("arch", ["mn10", "dymn10", "eres2net"])
def test_what_has_no_int8_form_is_refused_in_a_sentence(arch: str) -> None:
    from dataclasses import replace

    student = replace(made_student("phinet:alpha=0.3,t0=2,N=4,compat=1"), arch=arch)
    with pytest.raises(UsageError, match="made cannot be exported: "):
        ExportRequest.make(find_board("stm32h7"), student, ("rain", "dog"))


def test_a_phinet_is_written_in_the_old_format_and_others_in_the_new() -> None:
    from dataclasses import replace

    from tinyclap_edge.students.imported_frontends import TINYCLAP

    student = made_student("phinet:alpha=0.3,t0=2,N=4,compat=1")
    assert student.format == FORMAT
    for change in ({"arch": "mn10"}, {"frontend": TINYCLAP}, {"samples": np.zeros((2, 3), np.float32)}):
        assert replace(student, **change).format == FORMAT_1_1


def test_every_shipped_student_is_written_again_byte_for_byte(tmp_path: Path) -> None:
    from tinyclap_edge.students.presets import MADE_FOR, MODELS, find_student

    for name in MADE_FOR:
        write_student(tmp_path / "x.safetensors", find_student(name))
        assert (tmp_path / "x.safetensors").read_bytes() == (MODELS / f"{name}.safetensors").read_bytes()
