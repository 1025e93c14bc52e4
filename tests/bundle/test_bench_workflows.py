"""The workflows call verbs and options that exist, on boards that can do it, with actions pinned by major version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tinyclap_edge.boards import find_board
from tinyclap_edge.cli.main import main
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.flash_tools import BOARDS
from tinyclap_edge.device.registry_project import built_by_registry

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "workflows"
WORKFLOWS = ("bench.yml", "boards.yml")


def jobs(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((FOLDER / name).read_text())["jobs"].values())


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name) for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_the_platforms_own_by_major_version(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[\w/-]+@v\d+", action) for action in used), used


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_verb_and_option_exists(name: str) -> None:
    text = "\n".join(step["run"] for step in steps(name) if "run" in step).replace("\\\n", " ")
    calls = re.findall(r"tinyclap-edge ([^\n|]+)", text)
    assert calls
    for call in calls:
        words = call.split()
        command = main.get_command(click.Context(main), words[0])  # type: ignore[attr-defined]
        assert command is not None, call
        known = {option for parameter in command.params for option in parameter.opts}
        assert {w for w in words if w.startswith("--")} <= known, call


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_a_person_types_is_never_pasted_into_a_command(name: str) -> None:
    assert not [step["run"] for step in steps(name) if "${{" in step.get("run", "")]


def test_the_boards_of_the_benchmark_are_emulated_without_a_package_of_the_system() -> None:
    boards = [find_board(board) for job in jobs("bench.yml") for board in job["strategy"]["matrix"]["board"]]
    assert {board.core for board in boards} >= {"cortex-m0plus", "cortex-m4", "cortex-m7", "rv32imc"}
    assert all(board.emulator.unicorn for board in boards)


def test_the_boards_of_the_manual_job_are_those_that_can_be_flashed() -> None:
    trigger = yaml.safe_load((FOLDER / "boards.yml").read_text())[True]  # YAML 1.1 reads `on` so
    boards = trigger["workflow_dispatch"]["inputs"]["board"]["options"]
    assert set(boards) >= {name for name in BOARDS if has_port(find_board(name))}
    assert all(has_port(find_board(name)) or built_by_registry(find_board(name)) for name in boards)


def test_the_benchmark_runs_on_every_push() -> None:
    assert yaml.safe_load((FOLDER / "bench.yml").read_text())[True]["push"] is None
