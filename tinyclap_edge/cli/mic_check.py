"""`mic-check`: what a board's microphone gives, and whether a model can hear with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb
from tinyclap_edge.cli.port_options import port_options, wired

if TYPE_CHECKING:
    import numpy as np

    from tinyclap_edge.device.mic_level import MicLevel


@verb("mic-check")
@port_options
@click.option("--board", help="With --hardware-map, only boards of this kind; without --port, the board to look for.")
@click.option("--seconds", type=click.FloatRange(0.25, 30), default=1.0, show_default=True,
              help="How much to hear: in pieces as long as the board's ring buffer.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False), help="Also write what was heard to this WAV file.")
def command(
    port: str | None, baud: int | None, hardware_map: str | None, board: str | None, seconds: float, out: str | None
) -> dict[str, Any]:
    """Listen through a board's microphone: level, peak, DC, clipping, noise floor, and a verdict (exit code 1 for a bad one).

    Make the sounds that the board is meant for while this runs.
    """
    from dataclasses import asdict

    from tinyclap_edge.device.link_port import open_link
    from tinyclap_edge.device.mic_level import judge, listen
    from tinyclap_edge.errors import GateFailed, UsageError

    boards = wired(port, baud, hardware_map, board)
    if out and len(boards) > 1:
        raise UsageError("--out takes the sound of one board", "choose it with --board or --port")
    checked = []
    for device in boards:
        with open_link(device.port, device.baud) as link, progress(f"listening through {device.port}"):
            pcm, rate = listen(link, seconds)
        level = judge(pcm, rate)
        show(device.port, level)
        if out:
            _write(out, pcm, rate)
            say(f"{out}: {level.seconds:.2f} s")
        checked.append({"port": device.port, "rate_hz": rate, "verdict": level.verdict, **asdict(level)})
    bad = [c for c in checked if c["verdict"] == "bad"]
    if bad:
        first = bad[0]["faults"][0]
        raise GateFailed(f"the microphone on {bad[0]['port']} is bad: {first['fact']}", first["cure"])
    return {"boards": checked}


def show(port: str, level: MicLevel) -> None:
    """The figures, then the verdict with its reasons."""
    rows = [
        ["level", f"{level.level_db:.1f} dBFS", _bar(level.level_db)],
        ["peak", f"{level.peak_db:.1f} dBFS", _bar(level.peak_db)],
        ["noise floor", f"{level.floor_db:.1f} dBFS", _bar(level.floor_db)],
        ["DC", f"{level.dc:+.2%}", "of full scale"],
        ["clipping", f"{level.clipped:.3%}", f"longest {level.longest_clip} samples in a row"],
    ]
    table("", [port, f"{level.seconds:.2f} s", ""], rows, right=(1,))
    result(f"verdict: {level.verdict}")
    for fault in level.faults:
        result(f"  {fault.fact}: {fault.cure}")


def _bar(db: float, floor_db: float = -90.0, width: int = 30) -> str:
    """-90 to 0 dBFS as a bar."""
    filled = round(width * max(0.0, min(1.0, 1 - db / floor_db)))
    return "█" * filled + "·" * (width - filled)


def _write(path: str, pcm: np.ndarray, rate: int) -> None:
    import soundfile

    from tinyclap_edge.errors import UsageError

    try:
        soundfile.write(path, pcm, rate, subtype="PCM_16", format="WAV")
    except (OSError, RuntimeError) as error:  # libsndfile's are RuntimeErrors
        raise UsageError(f"cannot write {path}", "choose a folder that is there and may be written") from error
