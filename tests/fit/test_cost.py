"""Costs against images that were really linked and really ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.memory_plan import plan_memory
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.calibrate_code import count_firmware
from tinyclap_edge.fit.calibration_set import random_configurations
from tinyclap_edge.fit.configuration import parse_configuration
from tinyclap_edge.fit.cost import Use, cost_of, static_ram
from tinyclap_edge.fit.measure import compile_project, count_encoder, write_sample_project
from tinyclap_edge.fit.plan import plan_configuration
from tinyclap_edge.fit.sample import sample_graph

LABELS = 5
CASES = (("stm32f4", 0), ("stm32h7", 1), ("esp32c3", 2))
needs_compiler = pytest.mark.skipif(find_zig() is None, reason="no compiler for boards")


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("name", "index"), CASES)
def test_planned_memory_is_what_is_linked(name: str, index: int, tmp_path: Path) -> None:
    board, configuration = find_board(name), random_configurations(3, 404)[index]
    cost = cost_of(configuration, board, Use(0.5, LABELS))
    sample = write_sample_project(
        configuration, board, kernel_isa(board), 7, tmp_path, LABELS, ring_samples=cost.ring.samples
    )
    linked = read_elf(compile_project(sample.folder, board, for_chip=has_port(board)))
    used = linked.bytes_by_region(board.regions, board.name)
    planned = {r.name: r.used for r in cost.regions if r.kind == "ram"}
    assert planned == {name: size for name, size in used.items() if name in planned}
    assert cost.flash_bytes == pytest.approx(linked.flash_bytes, rel=0.01)


@needs_compiler
@pytest.mark.slow
def test_predicted_instructions_are_those_of_the_emulator(tmp_path: Path) -> None:
    board, configuration = find_board("stm32f4"), random_configurations(1, 405, 4_000_000)[0]
    counted = count_encoder(configuration, board, "dsp", 3, tmp_path / "encoder")
    cost = cost_of(configuration, board, Use(0.5, LABELS))
    assert cost.instructions["encoder"] == pytest.approx(counted.total, rel=0.04)


@needs_compiler
@pytest.mark.slow
def test_front_end_and_scores_are_counted_as_they_run(tmp_path: Path) -> None:
    configuration = parse_configuration(
        "phinet:alpha=0.2,t0=2,N=4,se=0,hswish=0,padding=same;mels=48,window_s=0.64,r=40"
    )
    board = find_board("stm32f4")
    sample = write_sample_project(configuration, board, "dsp", 1, tmp_path, LABELS)
    counted = count_firmware(compile_project(sample.folder, board), board, configuration)
    cost = cost_of(configuration, board, Use(0.64, LABELS))
    assert cost.instructions["frontend"] == pytest.approx(counted.logmel, rel=0.04)
    assert cost.instructions["labels"] == pytest.approx(counted.labels, rel=0.25)


@pytest.mark.parametrize("name", ["stm32f4", "stm32h7", "rp2040", "nrf52840", "esp32c3", "mps3-an547"])
def test_what_fit_calls_over_full_is_what_an_export_is_refused_for(name: str) -> None:
    """From rows that leave room to rows that nothing holds, behind the same arena: one place for every byte."""
    board, refused = find_board(name), []
    net = parse_configuration("phinet:alpha=0.2,t0=2,N=4,se=0,hswish=0,padding=same;mels=32,hop_ms=10,window_s=0.64")
    plan = plan_configuration(net, kernel_isa(board))
    for window_s in (0.64, 5, 10, 20, 40, 60):
        configuration = parse_configuration(f"{net.net.arch()};mels=96,hop_ms=10,window_s={window_s:g}")
        cost = cost_of(configuration, board, plan=plan)
        static = static_ram(board, configuration.frontend, configuration.r)
        try:
            memory = plan_memory(board, plan.arena_bytes, static=static, code_bytes=cost.flash.weights)
            homes = {r.name for r in cost.regions if set(r.holds) & {"arena", "stack", "buffers of DMA"}}
            assert cost.over is None and {memory.arena.name, memory.data.name, memory.dma.name} == homes
        except DoesNotFit as no:
            refused.append(window_s)
            assert (
                cost.over is not None
                and f"region {cost.over.name} " in no.fact
                and f"{cost.over.over:,} bytes" in no.fact
            )
    assert 60 in refused and 0.64 not in refused


def test_planning_needs_no_weights() -> None:
    """The planner sees shapes only: zero and random weights give the same places and constants."""
    from tinyclap_edge.fit.plan import plan_graph

    configuration = random_configurations(1, 9, 2_000_000)[0]
    empty, drawn = plan_configuration(configuration, "dsp"), plan_graph(sample_graph(configuration, 5), "dsp")
    assert (empty.arena_bytes, empty.const_bytes, empty.macs) == (drawn.arena_bytes, drawn.const_bytes, drawn.macs)


def test_the_plan_is_the_one_that_the_generator_writes(tmp_path: Path) -> None:
    from tinyclap_export.codegen.library import generate

    configuration = random_configurations(1, 10, 2_000_000)[0]
    library = generate(sample_graph(configuration), tmp_path / "c", isa="rv32", schedule="auto")
    plan = plan_configuration(configuration, "rv32")
    assert plan.schedule == library.schedule and plan.why == library.why
    assert plan.arena_bytes == (library.push_arena_bytes or library.arena_bytes)
    assert [work.step.op.name for work in plan.work] == [layer.name for layer in library.layers]


def test_an_estimate_says_that_it_is_one_and_whose_factor_it_took() -> None:
    board = find_board("rp2040")
    cost = cost_of(parse_configuration("small"), board)
    assert cost.latency.kind == "estimated" and cost.latency.source == board.time.source
    assert cost.latency.low_s < cost.latency.typical_s < cost.latency.high_s


def test_a_board_that_nothing_emulates_says_that_another_core_stands_for_it() -> None:
    cost = cost_of(parse_configuration("small"), find_board("esp32s3"))
    assert any("stands for it" in note for note in cost.notes)


def test_rows_without_end_cost_less_than_windows_one_by_one() -> None:
    configuration = parse_configuration("phinet:alpha=0.3,t0=3,N=5,se=0,hswish=0,padding=same")
    board = find_board("stm32f4")
    window, stream = (cost_of(configuration, board, Use(0.32, 8, continuous)) for continuous in (False, True))
    assert stream.schedule == "continuous"
    assert stream.instructions["encoder"] < 0.3 * window.instructions["encoder"]


def test_a_layer_that_fires_less_than_once_a_hop_costs_its_share_of_a_row() -> None:
    """Not a whole map: every row is computed once, so a hop costs about its share of a window, deep layers too."""
    from tinyclap_edge.fit.instruction_model import machine_of, predict
    from tinyclap_edge.fit.plan_stream import plan_continuous

    configuration = parse_configuration("phinet:alpha=0.4,beta=2,t0=3,N=8,se=0,hswish=0,padding=same;window_s=2.56")
    machine = machine_of(find_board("stm32f4"))
    window = predict(plan_configuration(configuration, machine.isa), machine)
    hop = predict(plan_continuous(configuration, machine.isa, 12), machine)
    shares = {name: hop[name] / window[name] for name in window if name.startswith("block8/") and name in hop}
    assert len(shares) >= 3 and all(0.7 * 12 / 128 < share < 1.4 * 12 / 128 for share in shares.values())
