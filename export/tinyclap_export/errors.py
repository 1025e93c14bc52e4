"""What the exporter refuses, with the exit code that a command line should use."""

from __future__ import annotations


class ExportError(Exception):
    """One sentence of fact, one hint. `exit_code`: 2 usage, 5 unsupported or does not fit, 6 numbers differ, 7 corrupt."""

    def __init__(self, fact: str, hint: str = "", exit_code: int = 5) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint
        self.exit_code = exit_code
