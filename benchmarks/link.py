"""The link: a million frames over a line that damages one byte in a thousand, and the bytes that a push of labels takes.

The line is simulated by link_channel.c around the firmware's own code; random numbers are seeded, so the counts repeat.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.store import MEASURED, save_result
from tinyclap_edge.device.link_labels import push_bytes
from tinyclap_edge.device.toolchain import ZIG_INSTALL, find_host_cc
from tinyclap_edge.errors import ToolMissing
from tinyclap_edge.resources import firmware_dir

FRAMES, SEED, DAMAGE_PPM = 1_000_000, 1, 1000
BAUD = 115_200
LABELS, DIM, NAME_BYTES = 50, 128, (12, 64)
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


def build_channel(out: Path, weak_checksum: bool = False) -> Path:
    """Compile the simulation. weak_checksum: its negative control, with 8 bits in place of the CRC."""
    compiler = find_host_cc()
    if compiler is None:
        raise ToolMissing("no C compiler for this PC is installed", ZIG_INSTALL)
    folder = firmware_dir() / "protocol"
    names = ["tce_cobs.c", "tce_frame.c", "tce_link.c", *([] if weak_checksum else ["tce_crc32.c"])]
    sources = [str(Path(__file__).with_name("link_channel.c")), *(str(folder / name) for name in names)]
    weak = ["-DWEAK_CHECKSUM"] if weak_checksum else []
    subprocess.run([*compiler, *FLAGS, *weak, f"-I{folder}", *sources, "-o", str(out)], check=True)
    return out


def run_channel(program: Path, frames: int, seed: int = SEED, damage_ppm: int = DAMAGE_PPM) -> dict[str, int]:
    """What link_channel prints."""
    command = [str(program), str(frames), str(seed), str(damage_ppm)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def wire() -> list[dict[str, float]]:
    """Bytes and seconds of one push on the wire, answers included, for short and for the longest names."""
    rows = []
    for name in NAME_BYTES:
        pack = 32 + LABELS * (12 + DIM) + -(-LABELS * name // 4) * 4 + 4
        total = push_bytes(pack)
        rows.append({"name_bytes": name, "pack_bytes": pack, "wire_bytes": total, "seconds": total * 10 / BAUD})
    return rows


def main() -> None:
    """Measure and write results/link.json."""
    with tempfile.TemporaryDirectory() as work:
        counts = run_channel(build_channel(Path(work) / "channel"), FRAMES)
    save_result(
        "link",
        {
            "kind": MEASURED,
            "damage_per_million_bytes": DAMAGE_PPM,
            "seed": SEED,
            "channel": counts,
            "baud": BAUD,
            "labels": LABELS,
            "dim": DIM,
            "push": wire(),
        },
    )


if __name__ == "__main__":
    main()
