"""The ring of sound lasts as long as the encoder lets none in, whatever its schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.fit.configuration import Configuration, parse_configuration
from tinyclap_edge.fit.instruction_model import machine_of, predict
from tinyclap_edge.fit.pace import pace_of
from tinyclap_edge.fit.plan import LAYERS, ROWS, plan_graph
from tinyclap_edge.fit.plan_stream import plan_stream_of
from tinyclap_edge.fit.ring import LEAST_SAMPLES, longest_stretch, ring_of
from tinyclap_edge.fit.sample import sample_graph
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.presets import find_student

BOARD = find_board("stm32f4")
MACHINE = machine_of(BOARD)


@pytest.fixture(scope="module")
def graph():
    student = find_student("small")
    return sample_graph(Configuration(student.config, student.frontend, student.default_r))


def test_rows_keep_the_sound_out_for_the_last_row_and_all_that_it_lets_fire(graph) -> None:
    plan = plan_graph(graph, MACHINE.isa)
    whole = sum(predict(plan, MACHINE).values())
    assert plan.schedule == ROWS
    assert 0.1 * whole < longest_stretch(plan, MACHINE) < 0.5 * whole  # an even share would be 1 of 128


def test_whole_maps_keep_the_sound_out_for_all_of_the_encoder(graph) -> None:
    plan = replace(plan_graph(graph, MACHINE.isa), schedule=LAYERS)
    assert longest_stretch(plan, MACHINE) == sum(predict(plan, MACHINE).values())


def test_a_stream_keeps_the_sound_out_for_less_than_a_window_of_rows_does(graph) -> None:
    window, stream = plan_graph(graph, MACHINE.isa), plan_stream_of(graph, MACHINE.isa, 32)
    assert sum(predict(stream, MACHINE).values()) / 32 < longest_stretch(stream, MACHINE)  # stages fire together
    assert longest_stretch(stream, MACHINE) < longest_stretch(window, MACHINE)


def test_the_ring_holds_what_comes_meanwhile_with_a_frame_and_a_hop() -> None:
    pace, spec = pace_of(BOARD), FrontendSpec()
    a_second = pace.clock_hz / pace.high
    assert ring_of(0.1 * a_second, pace, spec).samples == LEAST_SAMPLES
    for seconds in (0.3, 1.0, 3.0):
        ring = ring_of(seconds * a_second, pace, spec)
        wanted = seconds * spec.sample_rate_hz + spec.window_samples + spec.hop_samples
        assert wanted < ring.samples < 4 * wanted and ring.samples & (ring.samples - 1) == 0
        assert ring.stretch_s == pytest.approx(seconds)


def test_an_encoder_that_keeps_the_sound_out_for_longer_than_any_ring_is_refused() -> None:
    pace = pace_of(BOARD)
    ring = ring_of(20 * pace.clock_hz, pace, FrontendSpec())
    assert "busy for 30.0 s" in ring.too_long("stm32f4") and not ring_of(1, pace, FrontendSpec()).too_long("stm32f4")


def test_an_encoder_of_kernels_that_no_fit_has_gets_a_ring_all_the_same() -> None:
    """Channels that training left dead turn a gate into a plain product: an export of that must not ask for a calibration."""
    configuration = parse_configuration(
        "phinet:alpha=0.2,t0=2,N=4,se=1,hswish=0,padding=same;mels=32,window_s=0.64,r=20"
    )
    plan = plan_graph(sample_graph(configuration), "portable")
    kernels = {"tce_mul_channels_s8": "tce_mul_s8", "tce_mean_add_s8": "tce_mean_add_s8"}
    work = tuple(
        replace(w, step=replace(w.step, kernels=tuple(kernels.get(k, k) for k in w.step.kernels))) for w in plan.work
    )
    known, other = (
        sum(predict(p, machine_of(find_board("rp2040"))).values()) for p in (plan, replace(plan, work=work))
    )
    assert known < other < 3 * known
