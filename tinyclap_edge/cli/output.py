"""What a verb says and where: people read stderr, programs read stdout.

`@verb` gives a command its --json and --debug flags. A verb returns its data; with --json they are printed as the
one object {schema_version, tool_version, command, status, data, warnings}, otherwise the verb has shown them itself.
"""

from __future__ import annotations

import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tinyclap_edge import __version__
from tinyclap_edge.errors import TinyclapError, UsageError

SCHEMA_VERSION = 1
_warnings: list[str] = []
_quiet_json = False
_command = ""


class StdoutLost(UsageError):
    """Stdout takes no more, as on a full disk: said on stderr, under --json too."""


def verb(name: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command whose function returns JSON-ready data and prints for people only through this module.

    An empty value (`--out ""`) is refused, whatever it is for; a group's --json holds for the verb.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @click.command(name.split()[-1], **settings)
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
        @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
        @functools.wraps(function)
        def command(as_json: bool, debug: bool, **kwargs: Any) -> None:
            global _quiet_json, _command
            context = click.get_current_context()
            _quiet_json = as_json or bool(context.parent and context.parent.params.get("as_json"))
            _command = name
            _warnings.clear()
            for parameter in context.command.params:
                if kwargs.get(parameter.name or "") == "":
                    raise click.BadParameter("it is empty", context, parameter)
            data = function(**kwargs)
            if _quiet_json:
                _print_json(name, "ok", data)

        return command

    return decorate


def console() -> Any:
    """A rich console on stderr. No markup: what a user wrote is shown letter by letter."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(text: str = "") -> None:
    """A line for a person."""
    if not _quiet_json:
        console().print(text)


def warn(text: str) -> None:
    """A warning: shown, and kept for the JSON object."""
    _warnings.append(text)
    if not _quiet_json:
        console().print("warning: " + text, style="yellow")


def result(text: str) -> None:
    """A line of the answer itself, on stdout, so that it can be piped."""
    if not _quiet_json:
        print_line(text)


def table(title: str, columns: list[str], rows: list[list[str]], right: tuple[int, ...] = ()) -> None:
    """A table on stdout; `right` names the columns to align right."""
    if _quiet_json:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for i, column in enumerate(columns):
        shown.add_column(column, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    terminal = sys.stdout.isatty()
    drawn = io.StringIO()  # printed by `print_line`: rich itself answers a closed pipe with exit code 1
    to = Console(
        file=drawn, force_terminal=terminal or None, width=None if terminal else 160,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    to.print(shown)
    print_line(drawn.getvalue().removesuffix("\n"))


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, a line at start and end otherwise; yields `advance(steps)`."""
    shown = console()
    if _quiet_json or not shown.is_terminal:
        if not _quiet_json:
            shown.print(f"{what} ...")
        yield lambda steps: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()]
    if total is not None:
        columns.insert(3, MofNCompleteColumn())
    with Progress(*columns, console=shown, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


def fail_in_words(error: BaseException) -> int:
    """Print an error as one sentence and one hint (or as JSON), and return its exit code."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # click 8.2 on
        click.echo(error, err=True)
        return 2
    fact, hint, code = _explain(error)
    if (_quiet_json or "--json" in sys.argv) and not isinstance(error, StdoutLost):
        try:
            _print_json(_failed(error), "error", None, {"fact": fact, "hint": hint, "exit_code": code})
        except StdoutLost as lost:
            return fail_in_words(lost)
    else:
        click.echo(f"error: {fact}" + (f"\nhint: {hint}" if hint else ""), err=True)
    return code


def _failed(error: BaseException) -> str:
    """The command that failed, in the words of a success; a command line that is wrong has run none."""
    if isinstance(error, click.UsageError) and error.ctx:
        return error.ctx.command_path.partition(" ")[2]
    return _command


def _explain(error: BaseException) -> tuple[str, str, int]:
    from tinyclap_export.errors import ExportError

    if isinstance(error, (TinyclapError, ExportError)):
        return error.fact, error.hint, error.exit_code
    if isinstance(error, click.exceptions.Exit):
        return "", "", error.exit_code
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "tinyclap-edge"
        return error.format_message(), f"`{command} --help` shows the options", 2
    if isinstance(error, click.ClickException):
        return error.format_message(), "", 2
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted", "", 130
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name!r} is missing", install_line(error.name or ""), 3
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}", "check that the path exists and may be written", 2
    return f"unexpected {type(error).__name__}: {error}", "run it again with --debug and report the traceback", 1


def install_line(package: str) -> str:
    """The pip line that brings a package, by the extra that holds it."""
    extras = {
        "torch": "train",
        "scipy": "train",
        "transformers": "teachers",
        "unicorn": "emu",
        "ziglang": "zig",
        "onnxruntime": "onnx",
    }
    top = package.split(".")[0]
    return f"pip install 'tinyclap-edge[{extras[top]}]'" if top in extras else f"pip install {top}"


def _print_json(command: str, status: str, data: Any, error: Any = None) -> None:
    record = {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "command": command,
        "status": status,
        "data": data,
        "warnings": list(_warnings),
    }
    if error is not None:
        record["error"] = error
    print_line(json.dumps(record, indent=1, ensure_ascii=False, default=_plain))


def print_line(text: str) -> None:
    """A line on stdout. A reader that has left (`| head`) is no error: the verb goes on, and its exit code stands."""
    try:
        click.echo(text)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered would fail again at exit
        if not isinstance(error, BrokenPipeError):
            raise StdoutLost(f"cannot write to stdout ({error.strerror})", "make room where it goes") from error


def _plain(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
