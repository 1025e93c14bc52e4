"""Reading the firmware's text."""

from __future__ import annotations

import pytest

from tinyclap_edge.device.run_result import Banner, parse_console
from tinyclap_edge.errors import DeviceError

BANNER = "TCE 0.1.0 board=b encoder=e frontend=f labels=2\n"


def test_banner_windows_and_end_are_read() -> None:
    banner, windows, stack = parse_console(BANNER + "W 0 E 00ff7f80 S 1,-32767\nEND windows=1 stack=512\n", 0)
    assert banner == Banner("0.1.0", "b", "e", "f", 2) and stack == 512
    assert windows[0].embedding.tolist() == [0, -1, 127, -128] and windows[0].scores.tolist() == [1, -32767]


@pytest.mark.parametrize(
    ("text", "code", "fact"),
    [
        ("", 0, "did not finish"),
        (BANNER, 70, "exit code 70"),
        (BANNER + "END windows=1 stack=1\n", 0, "did not finish"),
        (BANNER + "END windows=0 stack=1\n", 3, "did not finish"),
        ("END windows=0 stack=1\n", 0, "did not finish"),
        (BANNER + "W 1 E 00 S 1,2\n", 0, "window 1 where 0 was due"),
        (BANNER + "W 0 E 00 S 1\nEND windows=1 stack=1\n", 0, "1 scores for 2 labels"),
        (BANNER + "W 0 E 00 S 1,70000\nEND windows=1 stack=1\n", 0, "cannot be read"),
        (BANNER + "W 0 E 000 S 1,2\nEND windows=1 stack=1\n", 0, "cannot be read"),
        ("ERROR labels -7\n", 1, "labels -7"),
    ],
)
def test_anything_else_is_a_device_error_that_says_what_was_seen(text: str, code: int, fact: str) -> None:
    with pytest.raises(DeviceError, match=fact):
        parse_console(text, code)
