"""Model cards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from report import made_card
from students.made_student import made_student

from tinyclap_edge.report.card import facts_of, main, model_card, write_cards
from tinyclap_edge.students.file import write_student


def test_a_card_opens_with_front_matter_that_hugging_face_reads():
    head = yaml.safe_load(model_card("small", made_card.card()).split("---\n")[1])
    assert head["license"] == "apache-2.0" and head["library_name"] == "tinyclap-edge" and "clap" in head["tags"]


def test_a_card_gives_every_form_with_intervals_and_says_what_the_sounds_are():
    text = model_card("small", made_card.card(), shipped=True)
    for form in (
        "teacher `measured`",
        "float `measured`",
        "reduced `measured`",
        "int8 `measured`",
        "emulated (= int8)",
    ):
        assert form in text
    assert "They say nothing about real recordings." in text
    assert "white noise 0 dB" in text and "random fold B" in text


def test_only_a_shipped_student_has_emulated_accuracies():
    assert "emulated (= int8)" not in model_card("mine", made_card.card())


def test_a_student_without_accuracies_says_so():
    assert model_card("small", {}).endswith("carries no measured accuracies.\n")


def test_cards_are_written_beside_the_students_and_among_the_documents(tmp_path, capsys):
    models, docs = tmp_path / "models", tmp_path / "docs"
    models.mkdir()
    student = replace(
        made_student("phinet:alpha=0.334,beta=3,t0=2,N=4,compat=1,padding=same,divisor=4"), card=made_card.card()
    )
    write_student(models / "tiny.safetensors", student)
    (models / "teacher.safetensors").write_bytes(b"no student")
    assert main(["--models", str(models), "--docs", str(docs)]) == 0
    assert [p.name for p in docs.iterdir()] == ["tiny.md"]
    text = (models / "tiny.md").read_text(encoding="utf-8")
    assert text == (docs / "tiny.md").read_text(encoding="utf-8")
    assert student.arch in text and facts_of(student).frontend_id in text
    write_cards(models, docs)
    assert text == (models / "tiny.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [None, b"cut off"])
def test_no_student_or_a_broken_one_is_an_error(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "bad.safetensors").write_bytes(content)
    assert main(["--models", str(tmp_path), "--docs", str(tmp_path / "docs")]) == (2 if content is None else 7)
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
