"""`monitor`: what a board hears, live: a bar for each label on a terminal, lines otherwise."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import print_line
from tinyclap_edge.cli.port_options import port_options, wired

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from tinyclap_edge.device.link import Event
    from tinyclap_edge.device.live import LabelHeard, WindowHeard

EVENTS_SHOWN, LABELS_SHOWN, BAR = 5, 20, 40


@click.command("monitor")
@port_options
@click.option("--board", help="The board to look for where no --port is given.")
@click.option("--windows", type=click.IntRange(1), help="End after so many windows; without it, at Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each window and event.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    port: str | None, baud: int | None, hardware_map: str | None, board: str | None, windows: int | None, as_json: bool,
    debug: bool,
) -> None:  # fmt: skip
    """Show the scores and events of a running board as bars, until Ctrl-C."""
    from tinyclap_edge.device.link import Event
    from tinyclap_edge.device.link_port import open_link
    from tinyclap_edge.device.live import Watch
    from tinyclap_edge.errors import UsageError

    boards = wired(port, baud, hardware_map, board)
    if len(boards) > 1:
        ports = " or ".join(f"--port {b.port}" for b in boards)
        raise UsageError(f"the hardware map has {len(boards)} boards that are meant", f"choose one: {ports}")
    chosen = boards[0]
    with open_link(chosen.port, chosen.baud) as link, _screen(as_json, chosen.port) as screen:
        seen = 0
        for heard in Watch(link, chosen.port).heard():
            if isinstance(heard, Event):
                screen.event(heard)
                continue
            screen.window(heard, link.lost_notices)
            seen += 1
            if windows is not None and seen >= windows:
                return


class Lines:
    """One line a window and an event, for pipes and files."""

    def window(self, heard: WindowHeard, lost: int) -> None:
        """The best labels of a window."""
        best = sorted(heard.labels, key=lambda x: -x.score)[:3]
        print_line(f"{heard.window:>6}  " + "  ".join(f"{x.name} {x.score:.3f}" for x in best))

    def event(self, event: Event) -> None:
        """A label that was heard."""
        print_line(f"{event.window:>6}  EVENT {event.name} {event.score:.3f} (threshold {event.threshold:.3f})")


class JsonLines:
    """The same for programs."""

    def window(self, heard: WindowHeard, lost: int) -> None:
        """{"window", "scores": {label: cosine}, "lost"}"""
        scores = {x.name: round(x.score, 5) for x in heard.labels}
        print_line(json.dumps({"window": heard.window, "scores": scores, "lost": lost}, ensure_ascii=False))

    def event(self, event: Event) -> None:
        """{"window", "event": label, "score", "threshold"}"""
        values = {"score": round(event.score, 5), "threshold": round(event.threshold, 5)}
        print_line(json.dumps({"window": event.window, "event": event.name, **values}, ensure_ascii=False))


class Bars:
    """A bar a label, drawn anew at each window."""

    def __init__(self, live: Live, port: str) -> None:
        self._live, self._port = live, port
        self._events: deque[Event] = deque(maxlen=EVENTS_SHOWN)
        self._newest: tuple[WindowHeard, int] | None = None

    def window(self, heard: WindowHeard, lost: int) -> None:
        """Draw it."""
        self._newest = heard, lost
        self._live.update(self._drawn(heard, lost), refresh=True)

    def event(self, event: Event) -> None:
        """Shown below the bars."""
        self._events.append(event)
        if self._newest:
            self._live.update(self._drawn(*self._newest), refresh=True)

    def _drawn(self, heard: WindowHeard, lost: int) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for justify in ("left", "left", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)  # type: ignore[arg-type]
        shown = (
            sorted(heard.labels, key=lambda x: -x.score)[:LABELS_SHOWN]
            if len(heard.labels) > LABELS_SHOWN
            else heard.labels
        )
        for label in shown:
            over = label.score >= label.threshold
            style = "dim" if label.background else "bold green" if over else "cyan"
            note = "none of these" if label.background else ""
            table.add_row(Text(label.name[:32], style=style), Text(bar(label), style=style), f"{label.score:.3f}", note)
        head = f"{self._port}  window {heard.window}" + (f"  {lost} messages lost" if lost else "") + "  (Ctrl-C ends)"
        below = [Text(f"{e.window:>6}  {e.name} {e.score:.3f}", style="bold green") for e in reversed(self._events)]
        return Group(Text(head, style="dim"), table, *below)


def bar(label: LabelHeard, width: int = BAR) -> str:
    """A cosine from 0 to 1 as blocks, with a mark at the threshold."""
    filled = round(width * min(1.0, max(0.0, label.score)))
    cells = list("█" * filled + "·" * (width - filled))
    at = min(width - 1, int(width * label.threshold)) if 0 < label.threshold <= 1 else -1
    if at >= filled:
        cells[at] = "│"
    return "".join(cells)


@contextmanager
def _screen(as_json: bool, port: str) -> Iterator[Any]:
    if as_json or not sys.stdout.isatty():
        yield JsonLines() if as_json else Lines()
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    waiting = Text(f"{port}  waiting for the first window  (Ctrl-C ends)", style="dim")
    with Live(waiting, console=Console(highlight=False, markup=False, emoji=False), auto_refresh=False) as live:
        yield Bars(live, port)
