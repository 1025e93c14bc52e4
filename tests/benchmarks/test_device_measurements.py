"""The measurements of the device side find what they look for, and their short forms hold what the long ones promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from link_native import pack_bytes

from benchmarks import device_tables, fuzz
from benchmarks.fuzz import Record, Slice, added, recorded
from benchmarks.fuzz_targets import TARGETS, files_under_test, fuzzing_compiler, sources_sha256
from benchmarks.label_updates import LABELS, LIMIT_S, build_cuts, cut_power, damage, full_pack, time_pushes
from benchmarks.store import load_results
from benchmarks.stream import Marks, Stream, minute_of_sound, stream
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.labels.pack import LabelPack


@pytest.mark.slow
def test_a_minute_of_sound_loses_no_window_and_moves_no_mark(exports, tmp_path: Path) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        run = stream(bundle, tmp_path, 1)
    assert run.windows == run.expected_windows > 30 and run.dropped_windows == 0 and run.flat
    mark = run.marks[-1]
    assert (mark.dropped_samples, mark.overruns, mark.missed_windows, mark.watchdog_resets) == (0, 0, 0, 0)
    assert 0 < mark.stack_bytes < 2048


def test_a_lost_window_and_a_mark_that_moves_would_be_seen() -> None:
    mark = Marks(1, 960_000, 45, 0, 0, 0, 0, 0, 800, 20_000, 18_000)
    run = Stream(60.0, 1.0, 45, 45, (mark, replace(mark, minute=2)))
    assert run.flat and run.dropped_windows == 0
    assert not replace(run, marks=(mark, replace(mark, stack_bytes=808))).flat
    assert replace(run, windows=44).dropped_windows == 1
    assert replace(run, marks=(replace(mark, missed_windows=2),)).dropped_windows == 2


def test_the_sound_of_the_stream_is_loud_quiet_and_the_same_every_time() -> None:
    first = minute_of_sound(1, 16_000)
    levels = np.abs(first.reshape(60, -1).astype(np.float64)).mean(1)
    assert first.size == 960_000 and levels.max() > 100 * levels.min()
    assert np.array_equal(first, minute_of_sound(1, 16_000)) and not np.array_equal(first, minute_of_sound(2, 16_000))


@pytest.mark.slow
def test_a_push_of_fifty_labels_of_128_takes_under_a_second_and_a_half_of_the_boards_time(exports) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        rows = time_pushes(bundle)
    assert rows[0]["seconds"] < LIMIT_S
    for row in rows:
        assert row["seconds"] > row["wire_s"] > 0.7  # the line is not faster than its baud


def test_a_full_pack_is_fifty_labels_of_128_entries() -> None:
    pack = LabelPack.from_bytes(full_pack(12, 1))
    assert (len(pack.names), pack.dim) == (LABELS, 128) == (50, 128)
    assert {len(name) for name in pack.names} == {12} and len({full_pack(12, seed) for seed in range(3)}) == 3


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_cuts(tmp_path_factory.mktemp("cuts") / "label_cuts")


@pytest.mark.parametrize("geometry", [(512, 4, 4, 0), (1024, 1, 256, 0), (2048, 1, 32, 2048)])
def test_cut_power_leaves_the_old_pack_or_the_new_one(cuts: Path, tmp_path: Path, geometry) -> None:
    packs = pack_bytes(6, seed=1), pack_bytes(12, seed=2), pack_bytes(7, seed=3)
    found = cut_power(cuts, tmp_path, packs, geometry)
    assert found["first"]["cuts"] >= 4 and found["second"]["cuts"] >= 4 * found["first"]["cuts"] - 4
    for outcome in (found["first"], found["second"]):
        assert outcome["neither"] == outcome["repaired"] == 0
        assert outcome["old"] + outcome["new"] == outcome["cuts"]
    assert found["broken_rules"] == 0


def test_a_small_pack_is_accepted_whole_and_in_no_other_form(cuts: Path, tmp_path: Path) -> None:
    data = pack_bytes(4, seed=1)
    found = damage(cuts, tmp_path, data)
    assert found["whole_accepted"] == 1 and found["truncations"] == len(data) and found["flips"] == 8 * len(data)
    assert found["truncations_accepted"] == found["flips_accepted"] == 0


def test_executions_add_up_and_begin_again_with_other_sources() -> None:
    record = Record("aa")
    for deep in (False, True):
        record = added(record, Slice(1000, 0.5, None), deep, "19", "address", "2026-11-21")
    assert (record.executions, record.deep_executions, record.slices, record.findings) == (2000, 1000, 2, 0)
    assert added(record, Slice(7, 0.1, "a crash"), False, "19", "address", "2026-11-22").findings == 1
    results = {"fuzz": {"targets": {"pack": vars(record)}}}
    assert recorded(results, "pack", "aa") == record and recorded(results, "pack", "bb") == Record("bb")
    assert recorded(results, "frames", "aa").executions == 0


@pytest.mark.parametrize(
    ("says", "code", "executions", "found"),
    [
        ("stat::number_of_executed_units: 1234", 0, 1234, False),
        ("libFuzzer: run interrupted; exiting\nstat::number_of_executed_units: 55", 72, 55, False),
        ("ERROR: AddressSanitizer: heap-buffer-overflow", 77, 0, True),
        ("runtime error: signed integer overflow", 1, 0, True),
    ],
)
def test_a_fuzzer_that_fails_is_a_finding_and_one_that_was_stopped_is_not(
    tmp_path: Path, monkeypatch, says: str, code: int, executions: int, found: bool
) -> None:
    monkeypatch.setattr(fuzz, "FOUND", tmp_path / "found")
    program = tmp_path / "fuzzer"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{says}' >&2\nexit {code}\n")
    program.chmod(0o755)
    run = fuzz.run_slice(program, "frames", 10, 1, 1, False)
    assert run.executions == executions and (run.finding is not None) is found
    assert not found or says in str(run.finding)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_hashed_is_what_is_compiled(target: str) -> None:
    try:
        compiler = fuzzing_compiler()
    except ToolMissing:
        pytest.skip("libFuzzer comes with clang")
    files = files_under_test(target, compiler)
    names = {path.as_posix().split("/firmware/")[1] for path in files}
    assert set(TARGETS[target].sources) <= names and any(name.endswith(".h") for name in names)
    assert sources_sha256(files) != sources_sha256(files[1:])


@pytest.mark.parametrize("measurement", device_tables.BY_MEASUREMENT)
def test_every_table_renders_its_committed_result(measurement: str) -> None:
    results = load_results()
    if measurement not in results:
        pytest.skip("not measured yet")
    for made in device_tables.BY_MEASUREMENT[measurement].values():
        assert made(results).count("\n") >= 2


def test_nothing_was_lost_accepted_or_found_in_the_committed_results() -> None:
    results = load_results()
    if "label_updates" in results:
        found = results["label_updates"]
        assert found["damage"]["flips_accepted"] == found["damage"]["truncations_accepted"] == 0
        assert all(row[which]["neither"] == 0 for row in found["cuts"] for which in ("first", "second"))
    for row in results.get("fuzz", {}).get("targets", {}).values():
        assert row["findings"] == 0
    if "stream" in results:
        assert results["stream"]["dropped_windows"] == 0 and results["stream"]["flat"]
    assert all(row["identical"] for row in results.get("verify", {}).get("rows", []))
