"""Fixtures that several areas share: one export a board class, built once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from named_sounds import LABELS

settings.register_profile("fuzz", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory):
    """exports(board) -> directory of an export with the student made for it."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.bundle.export import ExportRequest, export_bundle
    from tinyclap_edge.students.presets import find_student

    students = {"stm32h7": "nucleo", "stm32f4": "small", "esp32c3": "esp", "mps3-an547": "small"}
    done: dict[str, Path] = {}

    def export(board: str) -> Path:
        if board not in done:
            request = ExportRequest.make(find_board(board), find_student(students[board]), LABELS)
            done[board] = export_bundle(request, tmp_path_factory.mktemp("export") / board).out
        return done[board]

    return export
