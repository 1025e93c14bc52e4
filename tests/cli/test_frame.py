"""The command line's frame: exit codes, JSON, help, and errors in two lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.command import cli

ROOT_ENV = {**os.environ, "COLUMNS": "120"}


def test_help_lists_every_verb_without_importing_numpy() -> None:
    code = "import sys; sys.argv = ['tinyclap-edge', '--help']\nfrom tinyclap_edge.cli.main import run\ntry: run()\nexcept SystemExit: print('numpy' in sys.modules)"
    env = {**ROOT_ENV, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env).stdout
    assert "classify" in out
    assert out.rstrip().endswith("False")


def test_json_is_one_object_with_the_promised_keys() -> None:
    done = cli("boards", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(record) == {"schema_version", "tool_version", "command", "status", "data", "warnings"}
    assert (record["command"], record["status"]) == ("boards", "ok")


def test_an_error_is_a_fact_and_a_hint_on_stderr_with_its_exit_code() -> None:
    done = cli("boards", "show", "stm32h77")
    assert done.returncode == 2
    assert done.stdout == ""
    fact, hint = done.stderr.splitlines()
    assert fact == "error: unknown board 'stm32h77'"
    assert hint.startswith("hint: did you mean stm32h7")


def test_an_error_under_json_is_an_object_too() -> None:
    done = cli("boards", "show", "nope", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 2
    assert record["status"] == "error"
    assert record["error"]["exit_code"] == 2


@pytest.mark.parametrize("args", [["bords"], ["boards", "--nope"], ["students", "show"], ["boards", "show", "a", "b"]])
def test_wrong_usage_exits_with_2_and_no_traceback(args: list[str]) -> None:
    done = cli(*args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["boards", "show", "nope", "--json"], "boards show"),
        (["boards", "--json", "show", "nope"], "boards show"),
        (["boards", "show", "a", "b", "--json"], "boards show"),
        (["labels", "show", "--json", "nothing.tlp"], "labels show"),
        (["--json", "boards"], ""),
    ],
)
def test_an_error_names_its_command_as_a_success_does(args: list[str], command: str) -> None:
    done = cli(*args)
    record = json.loads(done.stdout)
    assert done.returncode == 2
    assert (record["command"], record["status"]) == (command, "error")


def test_json_before_a_subcommand_holds_for_it() -> None:
    done = cli("boards", "--json", "show", "stm32f4")
    record = json.loads(done.stdout)
    assert (record["command"], record["data"]["name"]) == ("boards show", "stm32f4")


@pytest.mark.parametrize("args", [[], ["labels"], ["students"]])
def test_nothing_asked_shows_the_help(args: list[str]) -> None:
    done = cli(*args)
    assert done.returncode in (0, 2)  # click's choice, by version
    shown = done.stdout + done.stderr
    assert shown.startswith("Usage: tinyclap-edge")
    assert "error:" not in shown


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (["labels", "encode", "rain", "--student", "small", "--out", ""], "--out"),
        (["classify", "x.wav", "--board", "stm32f4", "--labels", ""], "--labels"),
        (["demo", "--labels", ""], "--labels"),
        (["boards", "show", ""], "BOARD"),
    ],
)
def test_an_empty_value_is_refused_by_name(args: list[str], name: str, tmp_path: Path) -> None:
    done = cli(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert name in done.stderr and "empty" in done.stderr


def test_students_show_prints_the_figures_of_the_published_network() -> None:
    arch = "phinet:alpha=1.5,beta=0.75,t0=6,N=7,compat=1"
    data = json.loads(cli("students", "show", arch, "--input", "1x640x64", "--json").stdout)["data"]
    assert data["params"] == 694_771
    assert data["macs"] == 319_821_120
    assert data["peak_elements"] == 2_662_400
    assert data["output_shape"] == [288, 20, 2]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["phinet:alpha=0"], "alpha"),
        (["phinet:alpha=nan"], "alpha"),
        (["phinet:alpha"], "key=value"),
        (["phinet:alfa=1"], "alfa"),
        (["phinet:N=1.5"], "number"),
        (["resnet:N=1"], "resnet"),
        (["phinet:alpha=1", "--input", "1x0x64"], "--input"),
        (["phinet:alpha=1", "--input", "64"], "--input"),
        (["phinet:alpha=1", "--input", "²x1x1"], "--input"),
        (["phinet:alpha=1,pool=1", "--input", "1x4x4"], "small"),
    ],
)
def test_an_impossible_student_is_refused_in_words(args: list[str], word: str) -> None:
    done = cli("students", "show", *args)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
