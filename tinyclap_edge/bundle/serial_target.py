"""The `serial` target: a board on a port, whose firmware must be that of the bundle, and windows replayed through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import WindowsReady
from tinyclap_edge.device.link import Device, Link
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.device.replay import RUN_TRIES, Replay, Stage
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.errors import DeviceError, UsageError

EMULATED_RUN_TRIES = 600


@dataclass(frozen=True)
class SerialReady(WindowsReady):
    """A board that runs the bundle's firmware. advance: called with the samples of each request."""

    port: str = ""
    baud: int = 115_200
    advance: Callable[[int], None] = lambda samples: None

    @contextmanager
    def session(self) -> Iterator[tuple[Device, Link, Replay]]:
        """The board, asked who it is. When this ends it listens again. UsageError without a port; DeviceError for another
        board, firmware or labels."""
        if not self.port:
            raise UsageError(
                "the target serial needs a port", "--port /dev/ttyACM0; `tinyclap-edge boards ports` lists them"
            )
        with open_link(self.port, self.baud) as link:
            device = link.hello()
            check_identity(self.bundle, device, self.port)
            try:
                yield device, link, Replay(link, EMULATED_RUN_TRIES if is_emulated(self.port) else RUN_TRIES)
            finally:
                _listen_again(link)

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        if self.bundle.stream:
            from tinyclap_edge.bundle.serial_stream import run_serial_stream  # which replays through this target

            return run_serial_stream(self, pcm), None
        return super().run(pcm)

    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        """Log-mel and network input are not read here: `verify` compares their checksums row by row."""
        embeddings, scores = [], []
        with self.session() as (_, _, replay):
            for window in windows:
                send_window(replay, window, self.advance)
                replay.run(Stage.ENCODER)
                replay.run(Stage.SCORES)
                embeddings.append(replay.embedding())
                scores.append(replay.scores())
        return Stages(np.stack(embeddings), np.stack(scores)), None


def is_emulated(port: str) -> bool:
    """Whether a port is a pty: what answers there is a program, and its clock no board's."""
    return str(Path(port).resolve()).startswith("/dev/pts/")


def send_window(replay: Replay, pcm: np.ndarray, advance: Callable[[int], None] = lambda samples: None) -> None:
    """One window from its begin, its checksums not looked at."""
    chunk = replay.begin().chunk
    for _ in replay.send(pcm):
        advance(chunk)


def check_identity(bundle: Bundle, device: Device, port: str) -> None:
    """DeviceError (4) unless the board runs this bundle's front end, encoder and labels."""
    manifest = bundle.manifest
    for what, found, wanted in (
        ("board", device.board, bundle.board.name),
        ("encoder", device.encoder_id, manifest["encoder"]["id"]),
        ("front end", device.frontend_id, manifest["frontend"]["id"]),
    ):
        if found != wanted:
            raise DeviceError(
                f"the board on {port} runs the {what} {found}, the bundle has {wanted}",
                "name the port of the right board"
                if what == "board"
                else "write it to the board: `tinyclap-edge flash`",
            )
    own = (bundle.folder / "labels.tlp").read_bytes()
    if (device.pack_bytes, device.pack_checksum) != (len(own), int.from_bytes(own[-4:], "little")):
        raise DeviceError(
            f"the board on {port} has other labels than the bundle ({device.labels}, generation {device.generation})",
            f"push the bundle's: `tinyclap-edge labels push {bundle.folder / 'labels.tlp'} --port {port}`",
        )


def _listen_again(link: Link) -> None:
    try:
        link.hello(2)
    except DeviceError:
        return  # it has gone: what happened before says so
