"""A board that is watched: windows with their labels, events, a reset in between, and why one does not listen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from tinyclap_edge.cli.monitor import Bars, bar
from tinyclap_edge.device import live
from tinyclap_edge.device.link import Event, Scores
from tinyclap_edge.device.link_labels import ShownLabel
from tinyclap_edge.device.link_monitor import SafeMode
from tinyclap_edge.device.link_port import PortStream, Quiet
from tinyclap_edge.device.live import LabelHeard, Watch, WindowHeard
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.errors import DeviceError


class FakeLink:
    """Sessions, each a list of notices; what is no notice is raised."""

    def __init__(self, *sessions: list, safe: SafeMode = SafeMode.NONE) -> None:
        self.sessions, self.safe, self.stream, self.hellos = list(sessions), safe, None, 0

    def hello(self) -> None:
        self.hellos += 1
        if not self.sessions:
            raise DeviceError("no answer to HELLO after 6 tries")

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(safe_mode=self.safe)

    def notices(self) -> Iterator[object]:
        for item in self.sessions.pop(0):
            if isinstance(item, BaseException):
                raise item
            yield item


def scores(window: int, *values: int, changes: int = 0) -> Scores:
    return Scores(window, changes, np.array(values, np.int16))


@pytest.fixture(autouse=True)
def labels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []

    def in_use(link, count: int) -> list[ShownLabel]:
        asked.append(count)
        return [ShownLabel(f"label {i}", 0.25 * i, None, i == 2) for i in range(count)]

    monkeypatch.setattr(live, "labels_in_use", in_use)
    return asked


def test_windows_have_names_and_are_asked_for_them_once(labels: list[int]) -> None:
    event = Event(2, 1, "label 1", 0.5, 0.25)
    heard = Watch(FakeLink([scores(1, 16384, 0), scores(2, 0, 16384), event]), "port").heard()  # type: ignore[arg-type]
    first, second, third = (next(heard) for _ in range(3))
    assert isinstance(first, WindowHeard) and [x.name for x in first.labels] == ["label 0", "label 1"]
    assert first.labels[0].score == 0.5 and first.labels[1].threshold == 0.25 and second.window == 2
    assert third is event and labels == [2]


def test_labels_that_change_are_asked_for_again(labels: list[int]) -> None:
    notices = [scores(1, 1, 2), scores(2, 1, 2, 3, changes=1), scores(3, 3, 2, 1, changes=1)]
    heard = Watch(FakeLink(notices), "port").heard()  # type: ignore[arg-type]
    assert [len(next(heard).labels) for _ in range(3)] == [2, 3, 3] and labels == [2, 3]


def test_a_board_that_was_reset_is_found_again() -> None:
    watch = Watch(FakeLink([scores(1, 5), Quiet()], [scores(0, 6)]), "port")  # type: ignore[arg-type]
    heard = watch.heard()
    assert [next(heard).window, next(heard).window] == [1, 0] and watch.restarts == 1


def test_a_board_that_has_gone_ends_the_watch() -> None:
    heard = Watch(FakeLink([scores(1, 5), Quiet()]), "port").heard()  # type: ignore[arg-type]
    next(heard)
    with pytest.raises(DeviceError, match="no answer to HELLO"):
        next(heard)


@pytest.mark.parametrize("mode", [mode for mode in SafeMode if mode])
def test_a_board_in_safe_mode_says_why_and_what_to_do(mode: SafeMode) -> None:
    with pytest.raises(DeviceError, match="/dev/x does not listen: ") as caught:
        next(Watch(FakeLink([], safe=mode), "/dev/x").heard())  # type: ignore[arg-type]
    assert caught.value.hint and "{" not in caught.value.hint


def test_a_port_that_stays_quiet_says_so_once_a_while() -> None:
    with SerialLine() as line:
        stream = PortStream(line.port, timeout_s=0.01)
        assert stream.read() == b""
        stream.quiet_s = 0.02
        with pytest.raises(Quiet):
            while True:
                stream.read()
        line.send(b"text")
        assert stream.read()
        stream.close()


def test_a_bar_is_as_long_as_the_score_with_a_mark_at_the_threshold() -> None:
    assert bar(LabelHeard("x", 0.5, 0.75, False), 8) == "████··│·"
    assert bar(LabelHeard("x", 1.5, 0.75, False), 8) == "█" * 8
    assert bar(LabelHeard("x", -0.5, -1.0, False), 8) == "·" * 8


def test_bars_show_labels_events_and_lost_messages() -> None:
    from rich.console import Console
    from rich.live import Live

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, markup=False)
    window = WindowHeard(7, (LabelHeard("rain [x]", 0.4, 0.3, False), LabelHeard("nothing", 0.1, 0.0, True)))
    with Live(console=console, auto_refresh=False) as shown:
        bars = Bars(shown, "/dev/x")
        bars.window(window, 3)
        bars.event(Event(7, 0, "rain [x]", 0.4, 0.3))
    text = out.getvalue()
    assert "rain [x]" in text and "none of these" in text and "3 messages lost" in text and "window 7" in text
    assert "rain [x] 0.400" in text
