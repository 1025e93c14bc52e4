"""The verb `fit`: what it prints, and the exit codes of what it refuses."""

from __future__ import annotations

import json

import pytest
from cli.command import cli, refused

ARCH = "phinet:alpha=0.25,beta=1,t0=3,N=5,se=0,hswish=0,padding=same"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--ram", "0"), 2, ("--ram",)),
        (("--ram", "nan"), 2, ("--ram",)),
        (("--flash", "1e6"), 2, ("--flash", "leave the option away")),
        (("--window", "two"), 2, ("--window",)),
        (("--window", "0.1", "--hop", "0.1"), 2, ("receptive field", "0.22 s or more")),
        (("--window", "100"), 2, ("--window: 100 s", "at most 60 s")),
        (("--latency-ms", "0"), 2, ("--latency-ms: 0 ms", "at most 3,600,000 ms")),
        (("--hop", "nan"), 2, ("--hop", "more than 0")),
        (("--labels", "0"), 2, ("--labels 0",)),
        (("--explain", "phinet:alpha=0.5;window_s=1e9"), 2, ("frames", "window_s=1e+09")),
        (("--explain", "phinet:alpha=0.5,se=1", "--continuous"), 5, ("cannot stream",)),
        (("--window", "1", "--hop", "3"), 2, ("a hop is at most one window",)),
        (("--explain", "phinet:alfa=2"), 2, ("alpha",)),
        (("--accuracy-curve", "absent.json"), 2, ("evaluate --window",)),
        (("--rank", "absent.json"), 2, ("no predictor",)),
        (("--picture", "a.svg"), 2, ("--accuracy-curve",)),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(options: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    refused(cli("fit", "--board", "stm32f4", *options), code, *words)


def test_limits_are_looked_at_before_anything_is_announced() -> None:
    assert "fitting" not in cli("fit", "--board", "stm32f4", "--ram", "0").stderr


def test_what_a_stream_is_said_to_spend_is_of_a_hop() -> None:
    done = cli("fit", "--board", "stm32f4", "--explain", ARCH, "--continuous", "--hop", "0.32")
    assert done.returncode == 0 and "instructions of a hop" in " ".join(done.stdout.split())


def test_explaining_prints_regions_peak_and_an_estimate_with_its_source() -> None:
    done = cli("fit", "--board", "stm32f4", "--explain", ARCH)
    assert done.returncode == 0, done.stderr
    for word in ("sram", "peak:", "time (estimated)", "pqm4", "arena of"):
        assert word in done.stdout


def test_explaining_as_json_is_one_object_with_every_byte() -> None:
    done = cli("fit", "--board", "esp32c3", "--explain", ARCH, "--json")
    data = json.loads(done.stdout)["data"]
    assert data["fits"] and data["ram_bytes"] == sum(r["used"] for r in data["regions"] if r["kind"] == "ram")
    assert data["latency"]["kind"] == "estimated"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--board", "stm32f4", "--student", "small"), ("--student and --board",)),
        (("--board", "stm32f5"), ("stm32f4",)),
    ],
)
def test_distill_takes_a_board_or_a_student(options: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(cli("distill", "--recipe", "edge", "--store", "absent", "--out", "absent", *options), 2, *words)


@pytest.mark.slow
def test_what_distill_trains_for_a_board_is_what_fit_recommends() -> None:
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.cli.distill import _recommended
    from tinyclap_edge.fit.configuration import parse_configuration
    from tinyclap_edge.fit.cost import cost_of

    arch, spec, r = _recommended("rp2040")
    text = f"{arch};rate={spec.sample_rate_hz},mels={spec.mel_bins},hop_ms=20,window_s=2.56,r={r}"
    cost = cost_of(parse_configuration(text), find_board("rp2040"))
    assert cost.over is None and 0.5 < cost.load <= 1
