"""The closed forms against what they stand for: the architecture's own counts, and the engine's planner."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.fit.calibration_set import random_configurations
from tinyclap_edge.fit.closed_forms import Nets, Sums, walk
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.cost import Cost, Use, cost_of
from tinyclap_edge.fit.instruction_model import machine_of

BOARDS = ("stm32f4", "esp32c3", "mps3-an547")


@pytest.fixture(scope="module", params=BOARDS)
def pairs(request: pytest.FixtureRequest) -> list[tuple[Sums, Cost]]:
    """Bounds and exact costs of random configurations on one board."""
    board = find_board(request.param)
    return [(walked(c, request.param), cost_of(c, board, Use(0.5))) for c in random_configurations(3, 31)]


def walked(configuration: Configuration, board: str) -> Sums:
    net, spec = configuration.net, configuration.frontend
    one = [
        np.array([v]) for v in (net.alpha, net.beta, net.t0, net.divisor, spec.frames, spec.mel_bins, configuration.r)
    ]
    return walk(Nets(net.N, net.se, net.hswish, *one), machine_of(find_board(board)))


def test_parameters_and_multiplications_are_those_of_the_architecture(pairs: list[tuple[Sums, Cost]]) -> None:
    for sums, cost in pairs:
        assert (int(sums.params[0]), int(sums.macs[0])) == (cost.params, cost.macs)


def test_the_bound_of_the_arena_is_never_above_the_planner(pairs: list[tuple[Sums, Cost]]) -> None:
    for sums, cost in pairs:
        assert sums.arena_bytes[0] <= cost.arena_bytes, cost.configuration.text()


def test_the_bound_of_the_arena_is_close_where_the_window_is_long() -> None:
    configurations = [c for c in random_configurations(40, 5) if c.frontend.frames >= 120 and not c.net.se][:3]
    for configuration in configurations:
        exact = cost_of(configuration, find_board("stm32f4"), Use(0.5)).arena_bytes
        assert walked(configuration, "stm32f4").arena_bytes[0] >= 0.85 * exact, configuration.text()


def test_weights_are_never_above_what_the_generator_lays_down(pairs: list[tuple[Sums, Cost]]) -> None:
    for sums, cost in pairs:
        assert 0.9 * cost.flash.weights <= sums.const_bytes[0] <= cost.flash.weights


def test_instructions_are_those_of_the_planned_encoder(pairs: list[tuple[Sums, Cost]]) -> None:
    for sums, cost in pairs:
        if not cost.configuration.net.se:
            assert sums.encoder_instructions[0] == pytest.approx(cost.instructions["encoder"], rel=0.02)
