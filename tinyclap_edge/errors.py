"""Every error a user may meet: one sentence of fact, one hint, one exit code.

The command line renders an error as two lines and exits with its code; no traceback unless --debug is given.
"""

from __future__ import annotations


class TinyclapError(Exception):
    """Base of the family. `fact` says what happened, `hint` what to do about it."""

    exit_code = 1

    def __init__(self, fact: str, hint: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


class GateFailed(TinyclapError):
    """A stated limit (accuracy, regression) was missed."""

    exit_code = 1


class UsageError(TinyclapError):
    """The request itself is wrong: an unknown board, a duplicate label, an impossible value."""

    exit_code = 2


class ToolMissing(TinyclapError):
    """A program or Python package is needed; the hint holds the line that installs it."""

    exit_code = 3


class DeviceError(TinyclapError):
    """No device answers, or the link to it was lost."""

    exit_code = 4


class DoesNotFit(TinyclapError):
    """The encoder or firmware exceeds a memory region; the fact names the region and the bytes."""

    exit_code = 5


class NumbersDiffer(TinyclapError):
    """Two implementations of the same integers disagree."""

    exit_code = 6


class CorruptFile(TinyclapError):
    """A file is damaged, hostile, or not what it claims to be."""

    exit_code = 7
