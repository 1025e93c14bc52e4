"""A benchmark as files for CI, and compared with an earlier one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tinyclap_edge.bundle.baseline import compare_figures, parse_percent, read_baseline
from tinyclap_edge.bundle.bench_files import write_action, write_junit, write_record
from tinyclap_edge.bundle.figures import record
from tinyclap_edge.errors import CorruptFile, GateFailed, UsageError


def measured(**changes: Any) -> dict[str, Any]:
    """What bundle/bench.py returns, for a network of three layers."""
    layers = [
        {"name": "stem", "function": "f0", "kind": "CONV_2D", "macs": 1000, "const_bytes": 50, "instructions": 4000},
        {"name": "pool", "function": "f1", "kind": "MEAN", "macs": 0, "const_bytes": 0, "instructions": 500},
        {"name": "pool", "function": "f2", "kind": "MEAN", "macs": 0, "const_bytes": 8, "instructions": 100},
        {"name": "head", "function": "f3", "kind": "CONV_2D", "macs": 300, "const_bytes": 90, "instructions": 1400},
    ]
    per = {"total": 10_000, "frontend": 3000, "encoder": 6000, "labels": 1000, "schedule": 0}
    base = {
        "board": "stm32f4", "target": "emulator", "engine": "unicorn", "encoder": "ab" * 8, "macs": 1300,
        "instructions": per, "layers": layers, "stack_bytes": 536, "flash_bytes": 40_000,
        "bytes_by_region": {"flash": 40_000, "sram": 20_000},
    }  # fmt: skip
    return copy.deepcopy(base) | changes


def slower(layer: int, by: int) -> dict[str, Any]:
    """The same with more instructions in one layer."""
    data = measured()
    data["layers"][layer]["instructions"] += by
    data["instructions"]["encoder"] += by
    data["instructions"]["total"] += by
    return data


def kept(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / "baseline.json"
    write_record(path, record(data, "small"))
    return path


def compared(folder: Path, now: dict[str, Any], limit: float = 2.0):
    return compare_figures(record(now, "small"), read_baseline(kept(folder, measured())), limit)


def test_every_figure_that_a_change_may_cost_is_listed() -> None:
    figures = {f["name"]: (f["value"], f["unit"]) for f in record(measured(), "small")["figures"]}
    assert figures["front end: instructions"] == (3000, "instructions")
    assert figures["encoder: instructions"] == (6000, "instructions")
    assert figures["scoring: instructions"] == (1000, "instructions")
    assert figures["one window: time (estimated)"] == (round(10_000 * 1.15 / 168e6 * 1e3, 4), "ms")
    assert figures["one window: energy (estimated)"][0] == pytest.approx(10_000 * 1.15 / 168e6 * 0.8 * 168, abs=1e-5)
    assert figures["RAM: sram"] == (20_000, "bytes") and "RAM: flash" not in figures
    assert figures["stack: high-water mark"] == (536, "bytes") and figures["flash"] == (40_000, "bytes")
    assert figures["encoder: multiply-accumulates"] == (1300, "MACs")


def test_the_same_figures_pass_even_at_zero_per_cent(tmp_path: Path) -> None:
    comparison = compared(tmp_path, measured(), 0.0)
    comparison.require()
    assert comparison.regressions() == [] and all(c.share == 0 for c in comparison.changes)


def test_growth_up_to_the_limit_passes_and_above_it_fails_naming_figure_and_layer(tmp_path: Path) -> None:
    compared(tmp_path, slower(3, 120)).require()
    with pytest.raises(GateFailed) as error:
        compared(tmp_path, slower(3, 121)).require()
    assert error.value.exit_code == 1
    assert "encoder: instructions 6,000 -> 6,121 instructions (+2.0%)" in error.value.fact
    assert "the layer that grew most is head, by 121 instructions" in error.value.fact


def test_a_front_end_that_grew_names_no_layer(tmp_path: Path) -> None:
    now = measured()
    now["instructions"] |= {"frontend": 3500, "total": 10_500}
    now["layers"][0]["instructions"] += 3
    with pytest.raises(GateFailed) as error:
        compared(tmp_path, now).require()
    assert "front end: " in error.value.fact and "stem" not in error.value.fact


def test_flash_that_grew_names_the_layer_whose_constants_did(tmp_path: Path) -> None:
    now = measured(flash_bytes=50_000)
    now["layers"][0]["const_bytes"] += 10_000
    with pytest.raises(GateFailed, match="flash 40,000 -> 50,000 bytes.*stem, by 10,000 bytes of constants"):
        compared(tmp_path, now).require()


def test_less_is_no_regression(tmp_path: Path) -> None:
    compared(tmp_path, slower(0, -3000), 0.0).require()


def test_a_retrained_model_of_the_same_layers_may_be_compared(tmp_path: Path) -> None:
    compared(tmp_path, measured(encoder="cd" * 8)).require()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"macs": 1400}, "another model"),
        ({"board": "nrf52840"}, "on the board stm32f4, not on nrf52840"),
        ({"target": "host"}, "on the target emulator, not on host"),
        ({"engine": "qemu"}, "by unicorn, not by qemu"),
        ({"stack_bytes": None}, "stack: high-water mark"),
    ],
)
def test_a_baseline_of_something_else_is_refused_with_the_cure(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError) as error:
        compared(tmp_path, measured(**changes))
    assert says in error.value.fact and "measure a new baseline" in error.value.hint


def test_other_layers_are_another_model_even_with_as_many_macs(tmp_path: Path) -> None:
    now = measured()
    now["layers"][0]["macs"], now["layers"][3]["macs"] = 900, 400
    with pytest.raises(UsageError, match="another model"):
        compared(tmp_path, now)


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        (lambda d: d.update(schema_version=99), UsageError), (lambda d: d.pop("figures"), UsageError),
        (lambda d: d.update(figures=[5]), CorruptFile), (lambda d: d.update(figures="x"), CorruptFile),
        (lambda d: d["figures"][0].update(value=-1), CorruptFile), (lambda d: d.pop("model"), CorruptFile),
        (lambda d: d["figures"][0].update(value=1e999), CorruptFile), (lambda d: d.update(layers=[3]), CorruptFile),
        (lambda d: d["layers"][0].update(instructions=None), CorruptFile),
    ],
)  # fmt: skip
def test_a_baseline_that_no_benchmark_wrote_is_refused(tmp_path: Path, edit: Any, kind: type[Exception]) -> None:
    path = kept(tmp_path, measured())
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(kind, match="--baseline"):
        read_baseline(path)


def test_what_no_benchmark_wrote_is_told_from_another_version(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, said in (("{}", "is no file of `bench --json-path`"), ('{"schema_version": 1}', "is no file of"),
                       ('{"schema_version": 99, "figures": []}', "version 99")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_baseline(path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"schema_version": NaN}'])
def test_a_baseline_that_is_no_table_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(CorruptFile, match="cannot be read"):
        read_baseline(tmp_path / "x.json")
    with pytest.raises(UsageError, match="there is no file"):
        read_baseline(tmp_path / "y.json")


def test_percentages() -> None:
    assert [parse_percent(t) for t in ("2%", " 0.5 %", "0%", "1000%")] == [2.0, 0.5, 0.0, 1000.0]
    for text in ("2", "%", "-1%", "nan%", "1e3%", "two%", "", "1001%", "٢%"):
        with pytest.raises(UsageError, match="no percentage"):
            parse_percent(text)
    with pytest.raises(UsageError) as error:
        parse_percent("2")
    assert error.value.hint == "write --fail-above 2%"


def test_junit_has_a_case_a_figure_and_a_failure_a_regression(tmp_path: Path) -> None:
    now = slower(3, 900)
    comparison = compared(tmp_path, now)
    write_junit(tmp_path / "j.xml", record(now, "a\x00<&\ud800"), comparison)
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == len(record(now, "small")["figures"])
    failures = {case.attrib["name"]: case.find("failure") for case in cases if case.find("failure") is not None}
    assert len(failures) == int(suite.attrib["failures"]) == len(comparison.regressions())
    assert "head" in failures["encoder: instructions"].attrib["message"]  # type: ignore[union-attr]
    assert "front end: instructions" not in failures


def test_the_action_file_is_what_github_action_benchmark_reads(tmp_path: Path) -> None:
    write_action(tmp_path / "a.json", record(measured(), "small"))
    entries = json.loads((tmp_path / "a.json").read_text())
    assert all(set(e) == {"name", "unit", "value", "extra"} and e["value"] >= 0 for e in entries)
    assert len({e["name"] for e in entries}) == len(entries)
    assert entries[0]["name"] == "stm32f4/small: front end: instructions"
