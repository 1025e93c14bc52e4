"""What a verb says and where: people read stderr, programs read stdout.

`@verb` gives a command its --json and --debug flags. A verb returns its data; with --json they are printed as the
one object {schema_version, tool_version, command, status, data, warnings}, otherwise the verb has shown them itself.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tinyclap_edge import __version__
from tinyclap_edge.errors import TinyclapError

SCHEMA_VERSION = 1
_warnings: list[str] = []
_quiet_json = False


def verb(name: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command whose function returns JSON-ready data and prints for people only through this module."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @click.command(name.split()[-1], **settings)
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
        @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
        @functools.wraps(function)
        def command(as_json: bool, debug: bool, **kwargs: Any) -> None:
            global _quiet_json
            _quiet_json = as_json
            _warnings.clear()
            data = function(**kwargs)
            if as_json:
                _print_json(name, "ok", data)

        return command

    return decorate


def console() -> Any:
    """A rich console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str = "") -> None:
    """A line for a person (rich markup allowed)."""
    if not _quiet_json:
        console().print(text)


def warn(text: str) -> None:
    """A warning: shown, and kept for the JSON object."""
    _warnings.append(text)
    if not _quiet_json:
        console().print("warning: " + text, style="yellow", markup=False)


def result(text: str) -> None:
    """A line of the answer itself, on stdout, so that it can be piped."""
    if not _quiet_json:
        click.echo(text)


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
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(shown)


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

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    if total is not None:
        columns.insert(3, MofNCompleteColumn())
    with Progress(*columns, console=shown, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


def fail_in_words(error: BaseException) -> int:
    """Print an error as one sentence and one hint (or as JSON), and return its exit code."""
    fact, hint, code = _explain(error)
    if _quiet_json or "--json" in sys.argv:
        _print_json(" ".join(sys.argv[1:2]), "error", None, {"fact": fact, "hint": hint, "exit_code": code})
    else:
        click.echo(f"error: {fact}", err=True)
        if hint:
            click.echo(f"hint: {hint}", err=True)
    return code


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
    click.echo(json.dumps(record, indent=1, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
