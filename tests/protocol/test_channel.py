"""The link at the speed of C over a damaging line; `python -m benchmarks link` runs a million frames of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.link import build_channel, run_channel, wire


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_channel(tmp_path_factory.mktemp("channel") / "channel")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_wrong_is_believed_nothing_is_done_twice_and_everything_arrives(channel: Path, seed: int) -> None:
    counts = run_channel(channel, 60_000, seed)
    assert counts["damaged_frames"] > 5_000 and counts["repeated"] > 5_000
    for what in ("wrong_requests", "wrong_answers", "done_twice", "incomplete"):
        assert counts[what] == 0, what


def test_a_line_without_damage_needs_no_repetition(channel: Path) -> None:
    counts = run_channel(channel, 5_000, damage_ppm=0)
    assert counts["repeated"] == counts["damaged_frames"] == counts["incomplete"] == 0


def test_a_checksum_of_eight_bits_would_be_found_out(tmp_path: Path) -> None:
    counts = run_channel(build_channel(tmp_path / "weak", weak_checksum=True), 60_000)
    assert counts["wrong_requests"] + counts["wrong_answers"] > 0


def test_the_push_of_fifty_labels_of_128_takes_less_than_a_second_and_a_half_at_115200_baud() -> None:
    assert all(row["seconds"] < 1.5 for row in wire())
