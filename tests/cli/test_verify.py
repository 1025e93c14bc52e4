"""`verify` and `bench --baseline` as a user meets them: one error with its cure, before anything slow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.command import cli, refused


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("nowhere",), 2, ("no bundle nowhere", "export")),
        (("{export}", "--target", "emulatr"), 2, ("python, host, emulator",)),
        (("{export}", "--emulator", "renode"), 2, ("unicorn",)),
    ],
)
def test_what_cannot_be_verified_is_refused(exports, options, code: int, words) -> None:
    args = [str(exports("stm32f4")) if o == "{export}" else o for o in options]
    refused(cli("verify", *args), code, *words)


def test_the_one_file_of_an_export_is_verified_as_its_directory(exports) -> None:
    file = exports("stm32f4") / "small-stm32f4.tce"
    data = json.loads(cli("verify", str(file), "--target", "python", "--json").stdout)["data"]
    assert data["identical"] and data["encoder_c"] is None and data["windows"] == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--fail-above", "2%"), ("--baseline",)),
        (("--baseline", "{file}", "--fail-above", "2"), ("write --fail-above 2%",)),
        (("--baseline", "nothing.json"), ("no file nothing.json", "measure a new baseline")),
        (("--baseline", "{file}"), ("is no file of `bench --json-path`",)),
        (("--junit-path", "no/such/j.xml"), ("--junit-path", "no/such")),
        (("--action-path", "no/such/a.json"), ("--action-path", "no/such")),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused_before_the_export(tmp_path: Path, options, words) -> None:
    (tmp_path / "file.json").write_text("{}")
    args = [str(tmp_path / "file.json") if o == "{file}" else o for o in options]
    done = cli("bench", "--board", "stm32f4", *args, cwd=tmp_path)
    refused(done, 2, *words)
    assert "exporting" not in done.stderr
