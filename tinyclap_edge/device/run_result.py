"""What a run of the firmware gives back, and how its console text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from tinyclap_edge.errors import DeviceError

_BANNER = re.compile(r"TCE (\S+) board=(\S+) encoder=(\S+) frontend=(\S+) labels=(\d+)")
_WINDOW = re.compile(r"W (\d+) E ([0-9a-f]+) S (-?\d+(?:,-?\d+)*)")
_LABELS = re.compile(r"LABELS (\d+)")
_END = re.compile(r"END windows=(\d+) stack=(\d+)")


@dataclass(frozen=True)
class Banner:
    """The firmware's first line: who it is."""

    version: str
    board: str
    encoder: str
    frontend: str
    labels: int


@dataclass(frozen=True)
class WindowResult:
    """One window of sound: the encoder's output and the score of each label."""

    embedding: np.ndarray  # (r,) int8
    scores: np.ndarray  # (labels,) int16, cosine in Q15


@dataclass(frozen=True)
class Instructions:
    """Executed instructions, counted by an emulator, apart for what they were spent on."""

    total: int
    start: int  # reset and memory initialisation
    application: int  # main loop, port, text output
    logmel: int
    layers: dict[str, int]  # by layer function, in layer order
    schedule: int  # of the encoder, outside its layers: which row comes next
    labels: int

    @property
    def encoder(self) -> int:
        """All layers, and what calls them."""
        return sum(self.layers.values()) + self.schedule


@dataclass(frozen=True)
class RunResult:
    """One run over one stream of PCM."""

    banner: Banner
    windows: list[WindowResult]
    stack_bytes: int
    instructions: Instructions | None  # None where the target does not count
    ram_bytes: dict[str, int] = field(default_factory=dict)  # by region, from the image
    engine: str = ""  # "unicorn", "qemu"
    seconds: float = 0.0  # wall time on the host


def command_line(hop_frames: int | None) -> str:
    """The firmware's command line: a program name, then settings."""
    return "firmware" if hop_frames is None else f"firmware hop={hop_frames}"


def parse_console(text: str, exit_code: int | None) -> tuple[Banner, list[WindowResult], int]:
    """Banner, windows and stack bytes from the firmware's text.

    DeviceError when the firmware reports an error, ends without its END line, or prints windows out of order.
    """
    lines = text.splitlines()
    for line in lines:
        if line.startswith("ERROR "):
            raise DeviceError(
                f"the firmware stopped: {line.removeprefix('ERROR ')}", "export the project again, then build it"
            )
    banner: Banner | None = None
    labels = 0  # in use; a push over the link changes their number
    windows: list[WindowResult] = []
    for line in lines:
        if match := _BANNER.fullmatch(line):
            banner = Banner(match[1], match[2], match[3], match[4], int(match[5]))
            labels = banner.labels
        elif match := _LABELS.fullmatch(line):
            labels = int(match[1])
        elif match := _WINDOW.fullmatch(line):
            if int(match[1]) != len(windows):
                raise DeviceError(f"the firmware printed window {match[1]} where {len(windows)} was due")
            windows.append(_window(match, labels if banner else None))
        elif match := _END.fullmatch(line):
            if banner is None or exit_code != 0 or int(match[1]) != len(windows):
                break
            return banner, windows, int(match[2])
    tail = " | ".join(lines[-2:]) or "no text at all"
    raise DeviceError(f"the firmware did not finish (exit code {exit_code}); its last words: {tail}", _hint(exit_code))


def _window(match: re.Match[str], labels: int | None) -> WindowResult:
    try:
        embedding = np.frombuffer(bytes.fromhex(match[2]), dtype=np.int8)
        scores = np.array([int(word) for word in match[3].split(",")], dtype=np.int16)
    except (ValueError, OverflowError) as error:
        raise DeviceError(f"the firmware's line of window {match[1]} cannot be read: {error}") from error
    if labels is not None and len(scores) != labels:
        raise DeviceError(f"window {match[1]} has {len(scores)} scores for {labels} labels")
    return WindowResult(embedding, scores)


def _hint(exit_code: int | None) -> str:
    if exit_code == 70:
        return "a CPU fault: most often the stack is too small (`stack_bytes` of the project)"
    return "is the image built for this board?"
