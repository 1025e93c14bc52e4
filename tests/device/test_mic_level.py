"""A microphone is judged by made signals: what is right is called good, and each fault by its name."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.device.mic_level import FULL_SCALE, MicLevel, judge, listen
from tinyclap_edge.errors import UsageError

RATE = 16_000
T = np.arange(RATE) / RATE


def noise(db: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 10 ** (db / 20), RATE)


def tone(db_peak: float, hz: float = 440.0) -> np.ndarray:
    return 10 ** (db_peak / 20) * np.sin(2 * np.pi * hz * T)


def made(signal: np.ndarray) -> np.ndarray:
    return np.clip(np.round(signal * FULL_SCALE), -32768, 32767).astype(np.int16)


def facts(level: MicLevel) -> str:
    return " | ".join(f.fact for f in level.faults)


def test_a_voice_over_a_quiet_room_is_good() -> None:
    found = judge(made(noise(-65) + tone(-12) * (T % 0.5 < 0.2)), RATE)
    assert found.verdict == "good" and not found.faults
    assert found.peak_db == pytest.approx(-12, abs=0.2) and found.floor_db == pytest.approx(-65, abs=1)
    assert found.seconds == 1 and found.clipped == 0 and abs(found.dc) < 1e-3


def test_levels_are_of_full_scale() -> None:
    assert judge(made(tone(0)), RATE).level_db == pytest.approx(-3.01, abs=0.01)
    assert judge(made(np.sign(tone(-6.02))), RATE).level_db == pytest.approx(0, abs=0.01)
    assert judge(made(noise(-40)), RATE).level_db == pytest.approx(-40, abs=0.2)


@pytest.mark.parametrize("value", [0, -1, 32767])
def test_samples_that_are_all_the_same_are_no_microphone(value: int) -> None:
    found = judge(np.full(RATE, value, np.int16), RATE)
    assert found.verdict == "bad" and "no data comes" in facts(found) and len(found.faults) == 1
    assert found.stuck_bits == 16 and found.level_db == -120


def test_a_floating_pin_is_named() -> None:
    found = judge(np.where(T * 100 % 1 < 0.5, 0, -1).astype(np.int16), RATE)
    assert found.verdict == "bad" and "only 2 different values" in facts(found)


def test_a_loud_sound_that_is_cut_off_is_clipped() -> None:
    found = judge(made(tone(6)), RATE)
    assert found.verdict == "bad" and "clipped" in facts(found)
    assert 0.5 < found.clipped < 0.8 and found.longest_clip > 5


def test_one_click_at_the_rail_is_no_clipping() -> None:
    signal = made(noise(-60))
    signal[1000] = 32767
    assert judge(signal, RATE).verdict == "good"


@pytest.mark.parametrize(("dc", "verdict"), [(0.01, "good"), (0.1, "usable"), (-0.1, "usable"), (0.5, "bad")])
def test_a_signal_off_centre_is_told_by_how_much(dc: float, verdict: str) -> None:
    found = judge(made(noise(-50) + dc), RATE)
    assert found.verdict == verdict and found.dc == pytest.approx(dc, abs=1e-3)
    assert verdict == "good" or f"{dc:+.1%}" in facts(found)
    assert found.level_db == pytest.approx(-50, abs=0.3)  # DC is no sound


@pytest.mark.parametrize(("bits", "verdict"), [(2, "good"), (4, "usable"), (8, "bad")])
def test_a_word_that_is_shifted_has_low_bits_that_never_change(bits: int, verdict: str) -> None:
    found = judge(made(noise(-20) * (T % 0.5 < 0.2) + noise(-45, 1)) >> bits << bits, RATE)
    assert found.stuck_bits == bits and found.verdict == verdict


def test_a_noisy_supply_is_heard_in_the_floor() -> None:
    found = judge(made(noise(-25)), RATE)
    assert found.verdict == "usable" and "noise floor is -25" in facts(found)


def test_a_floor_is_what_is_left_between_sounds() -> None:
    found = judge(made(noise(-70) + tone(-6) * (T % 0.25 < 0.2)), RATE)
    assert found.floor_db == pytest.approx(-70, abs=2) and found.verdict == "good"


def test_a_microphone_that_hears_next_to_nothing_is_told_to_be_spoken_to() -> None:
    found = judge(made(noise(-92)), RATE)
    assert found.verdict in ("usable", "bad") and found.faults


def test_too_few_samples_or_another_type_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        judge(np.zeros(100, np.int16), RATE)
    with pytest.raises(UsageError, match="int16"):
        judge(np.zeros(RATE, np.float32), RATE)


def test_a_board_is_listened_to_until_enough_was_heard() -> None:
    class Ring:
        capture_rate_hz, captures = RATE, 0

        def capture(self) -> np.ndarray:
            self.captures += 1
            return np.full(4096, self.captures, np.int16)

    slept: list[float] = []
    pcm, rate = listen(Ring(), 1.0, slept.append)
    assert rate == RATE and len(pcm) == 4 * 4096 and pcm[-1] == 4
    assert slept == [4096 / RATE] * 3
