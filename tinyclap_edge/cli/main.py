"""The command line: a dispatch table, one verb a file.

A verb's module is imported when it runs, so that `--help` answers at once. Whatever a verb raises ends here: one
sentence, one hint, one exit code.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path

import click

from tinyclap_edge import __version__
from tinyclap_edge.cli.output import fail_in_words

VERBS = {
    "boards": "List the boards, or show one: memory, audio, emulator, tier.",
    "doctor": "Check tools and packages; print the line that installs what is missing.",
    "demo": "The whole path once: export, build, emulate, rank, report.",
    "export": "Write encoder, labels, C library and firmware project for a board.",
    "compile": "Turn any int8 .tflite into a C library for a board.",
    "run": "Run an int8 .tflite on this PC or an emulated board; count what it costs.",
    "build": "Build an exported firmware project with PlatformIO.",
    "classify": "Rank the labels for sound files on a target.",
    "bench": "Measure instructions, memory, flash and drift of an export, or of any model.",
    "verify": "Replay an export's golden vectors on a target and compare every byte.",
    "flash": "Write an export's firmware to a board and wait until the board says so.",
    "monitor": "Show what a running board hears, live.",
    "mic-check": "Judge a board's microphone: level, clipping, noise floor.",
    "emulate": "Run an export as a serial board in the emulator, behind a pty.",
    "labels": "Encode label packs, show one, push one to a running board or pull it.",
    "gate": "Train a power gate: on which windows the encoder runs at all.",
    "students": "List students, show what an architecture costs, import or use one.",
    "teachers": "List, show or fetch the models that students learn from.",
    "embed": "Embed a corpus by a teacher, once, into a store on disk.",
    "distill": "Train a student from an embedding store by a named recipe.",
    "reduce": "Shrink a student's embedding: rotate, prune, or train at r.",
    "evaluate": "Examine a student: zero-shot, probe, retrieval, noise, drift.",
    "fit": "Find the students that use a board's memory and time best.",
    "reference": "Remake the reference teacher and students from procedural sounds.",
}


class Verbs(click.Group):
    """Looks a verb up in VERBS and imports its module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which one meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of tinyclap_edge.cli.<verb>."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"tinyclap_edge.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Short help without importing any verb."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verbs for a misspelt one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 2)
            ctx.fail(f"no command {args[0]!r}." + (f" Did you mean {' or '.join(near)}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tinyclap-edge")
def main() -> None:
    """Zero-shot sound recognition on microcontrollers: name sounds in words, get firmware that hears them."""


def run() -> None:
    """Entry point: never a traceback unless --debug is given."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that temporary directories go
    for name in ("stdout", "stderr"):  # None where the shell closed it (`>&-`)
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    try:
        code = main(prog_name="tinyclap-edge", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        sys.exit(fail_in_words(error))
