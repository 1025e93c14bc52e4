"""A running board, watched: windows with their labels, and events, for as long as one likes.

    for heard in Watch(link).heard(): ...           # WindowHeard or Event

A board that is reset meanwhile is found again; one that does not listen, or has gone, is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinyclap_edge.device.link import Event, Link, Scores, Status
from tinyclap_edge.device.link_labels import ShownLabel, labels_in_use
from tinyclap_edge.device.link_monitor import SafeMode
from tinyclap_edge.device.link_port import PortStream, Quiet
from tinyclap_edge.errors import DeviceError

QUIET_S = 10.0  # longer than a window takes on any board
_Q15 = 32768.0
_CURES = {
    SafeMode.LABELS: ("no label pack is whole", "push one: `tinyclap-edge labels push labels.tlp --port {}`"),
    SafeMode.FOREIGN: ("its labels are for another encoder", "push a pack of its own: `tinyclap-edge labels push --port {}`"),
    SafeMode.AUDIO: ("no sound comes", "check the microphone: `tinyclap-edge mic-check --port {}`"),
    SafeMode.WATCHDOG: ("its watchdog reset it again and again", "reset it by its button; if it stays, flash it again"),
    SafeMode.SCORE: ("its scores refuse the embedding", "flash it again"),
}  # fmt: skip


@dataclass(frozen=True)
class LabelHeard:
    """A label's smoothed score in a window, and what it must reach; cosines."""

    name: str
    score: float
    threshold: float
    background: bool


@dataclass(frozen=True)
class WindowHeard:
    """One window: every label, in the order of the pack."""

    window: int
    labels: tuple[LabelHeard, ...]


class Watch:
    """Notifications of a board, with names."""

    def __init__(self, link: Link, port: str, quiet_s: float = QUIET_S) -> None:
        self.link, self.port = link, port
        self.restarts = 0
        if isinstance(link.stream, PortStream):
            link.stream.quiet_s = quiet_s

    def heard(self) -> Iterator[WindowHeard | Event]:
        """Without end. DeviceError for a board in safe mode, or one that is gone."""
        while True:
            try:
                self.check()
                yield from self._session()
            except Quiet:
                self.restarts += 1

    def check(self) -> Status:
        """How the board fares; DeviceError (4) says why it does not listen."""
        self.link.hello()
        status = self.link.status()
        if status.safe_mode is not SafeMode.NONE:
            why, cure = _CURES[status.safe_mode]
            raise DeviceError(f"the board on {self.port} does not listen: {why}", cure.format(self.port))
        return status

    def _session(self) -> Iterator[WindowHeard | Event]:
        labels: list[ShownLabel] = []
        changes: int | None = None
        for notice in self.link.notices():
            if not isinstance(notice, Scores):
                yield notice
                continue
            count = len(notice.scores_q15)
            if notice.changes != changes:
                labels, changes = labels_in_use(self.link, count), notice.changes
            yield WindowHeard(
                notice.window,
                tuple(
                    LabelHeard(x.name, float(score) / _Q15, x.threshold, x.background)
                    for x, score in zip(labels, notice.scores_q15, strict=True)
                ),
            )
