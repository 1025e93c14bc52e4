"""Labels for students of other teachers than the reference: the words go through that teacher's own text side."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.errors import ToolMissing, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.encode import encode_labels
from tinyclap_edge.labels.prompts import TEMPLATES
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.teachers import registry


def student_of(teacher: str, text_dim: int = 6) -> StudentFile:
    rng = np.random.default_rng(8)
    projection = rng.normal(size=(4, text_dim)).astype(np.float32)
    return StudentFile(
        "s", "phinet:alpha=1", 4, FrontendSpec(), {}, np.eye(4, dtype=np.float32), np.arange(4, dtype=np.int32),
        projection, np.zeros(4, np.float32), teacher,
    )  # fmt: skip


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCLAP_HOME", str(tmp_path))
    registry.text_encoder.cache_clear()


def test_labels_go_through_the_text_side_of_the_students_teacher(monkeypatch):
    asked = []

    class Clap:
        def embed_text(self, texts):
            asked.extend(texts)
            return unit(np.stack([np.cos(np.arange(6) * len(text)) for text in texts]).astype(np.float32))

    monkeypatch.setattr(registry, "open_teacher", lambda name: {"msclap-2022": Clap()}[name])
    student = student_of("msclap-2022")
    rows = encode_labels(["rain", "dog bark"], student)
    assert len(asked) == 2 * len(TEMPLATES) and asked[0] == "rain"  # the bank's "rain" belongs to another space
    text = unit(Clap().embed_text(asked[: 2 * len(TEMPLATES)]).reshape(2, len(TEMPLATES), 6).mean(1))
    assert np.allclose(rows, unit(text @ student.text_projection.T), atol=1e-5)


def test_a_teacher_that_was_not_fetched_says_how_to_get_it():
    with pytest.raises(
        ToolMissing, match="the labels 'rain' and 1 more need the text encoder of msclap-2022"
    ) as caught:
        encode_labels(["rain", "wind"], student_of("msclap-2022"))
    assert "teachers fetch msclap-2022" in caught.value.hint
    with pytest.raises(ToolMissing, match="the label 'rain' needs the text encoder of msclap-2022") as caught:
        encode_labels(["rain"], student_of("msclap-2022"))
    assert "teachers fetch msclap-2022" in caught.value.hint


@pytest.mark.parametrize("teacher", ["matpac-plus", "embeddings:/data/m2d", "m2d"])
def test_a_student_of_a_teacher_without_words_cannot_have_labels(teacher):
    with pytest.raises(UsageError, match="no text side"):
        encode_labels(["rain"], student_of(teacher))


def test_a_projection_of_another_size_than_the_text_side_is_refused():
    def encode(texts):
        return np.ones((len(texts), 5), np.float32)

    with pytest.raises(UsageError, match="takes 6 entries, that of its teacher 'msclap-2022' gives 5"):
        encode_labels(["rain"], student_of("msclap-2022"), encode=encode)


def test_a_student_that_was_imported_without_a_text_side_says_so():
    with pytest.raises(UsageError, match="'s' has no text side"):
        encode_labels(["rain"], student_of("ssondo", 0))
