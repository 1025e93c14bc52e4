"""Several commands as one, where a tool writes one piece of flash at a time: the next one runs when the one before has done.

python -m tinyclap_edge.device.in_turn st-flash write a.bin 0x08000000 -- st-flash --reset write b.bin 0x0800c000
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence

BETWEEN = "--"


def in_turn(commands: Sequence[Sequence[str]]) -> list[str]:
    """The command line that runs `commands`; of a single one, itself."""
    if len(commands) == 1:
        return list(commands[0])
    words = [word for command in commands for word in (BETWEEN, *command)]
    return [sys.executable, "-m", "tinyclap_edge.device.in_turn", *words[1:]]


def main(arguments: list[str]) -> int:
    """Runs them; the exit status of the first one that fails, else 0."""
    for between, words in itertools.groupby(arguments, lambda word: word == BETWEEN):
        if not between:
            try:
                status = subprocess.run(list(words), check=False).returncode
            except OSError as error:
                print(f"{error.filename}: {error.strerror}", file=sys.stderr)
                return 1
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
