"""`teachers`: the models that students learn from; what each is, its licence, and how to get it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn


@click.group("teachers")
def command() -> None:
    """List, show or fetch the models that students learn from."""


@verb("teachers list")
def _list() -> list[dict[str, Any]]:
    """List the teachers, with licence and whether they are here."""
    from tinyclap_edge.teachers.registry import list_teachers

    cards = list_teachers()
    rows = [
        [c.name, c.kind, _or_dash(c.dim), _or_dash(c.sample_rate), _window(c.window_s), _state(c.name), c.licence]
        for c in cards
    ]
    columns = ["teacher", "kind", "dim", "Hz", "window", "here", "licence"]
    table("", columns, rows, right=(2, 3, 4))
    return [{**c.to_dict(), "here": _state(c.name)} for c in cards]


@verb("teachers show")
@click.argument("teacher")
def _show(teacher: str) -> dict[str, Any]:
    """Show a teacher: what it is, its parameters, front end, licence and files."""
    from tinyclap_edge.teachers.cache import read_record
    from tinyclap_edge.teachers.embeddings import open_embeddings
    from tinyclap_edge.teachers.registry import FOLDER_PREFIX, find_card, with_parameters

    if teacher.startswith(FOLDER_PREFIX) and teacher != "embeddings:DIR":
        held = open_embeddings(Path(teacher.removeprefix(FOLDER_PREFIX)).expanduser())
        card, record, clips = held.card, {}, len(held.ids)
    else:
        card, clips = with_parameters(find_card(teacher)), None
        record = read_record(card.name)
    unknown = "not known here (needs the [teachers] packages, or fetching)"
    result(f"{card.name}: {card.title}")
    result(f"kind               {card.kind}, {card.dim} dimensions")
    if clips is not None:
        result(f"clips              {clips:,}")
    if card.sample_rate:
        result(f"audio              {card.sample_rate} Hz, window {_window(card.window_s)}")
    if card.family != "embeddings":
        result(f"audio parameters   {_count(card.audio_parameters, unknown)}")
    if card.text:
        result(f"text               {card.text}")
        if card.family != "reference":
            result(f"text parameters    {_count(card.text_parameters, unknown)}")
    if card.frontend:
        f = card.frontend
        result(
            f"front end          n_fft {f.n_fft}, hop {f.hop_samples}, {f.mel_bins} mel {f.f_min_hz:g}-{f.f_max_hz:g} Hz"
            f" ({f.mel_scale}, filters for {f.filter_rate_hz} Hz), {'centred' if f.centred else 'not centred'}, {f.log}"
        )
    result(f"licence            {card.licence}\nsource             {card.source}")
    if card.citation:
        result(f"citation           {card.citation}")
    rows = [
        [f.name, _sha(f.sha256, record.get(f.name)), f"instead of {f.instead_of}" if f.instead_of else f.url]
        for f in card.files
    ]
    if rows:
        table("", ["file", "SHA-256", "from"], rows)
    return {**card.to_dict(), "here": _state(card.name), "clips": clips}


@verb("teachers fetch")
@click.argument("teacher")
@click.option(
    "--from", "given", multiple=True, type=click.Path(path_type=Path), help="A file, or a folder, that you have."
)
@click.option("--again", is_flag=True, help="Fetch anew and forget the hashes that were recorded.")
def _fetch(teacher: str, given: tuple[Path, ...], again: bool) -> dict[str, Any]:
    """Fetch a teacher's files into the cache, checked by SHA-256; its licence is shown first."""
    from tinyclap_edge.teachers.fetch import fetch
    from tinyclap_edge.teachers.registry import find_card

    card = find_card(teacher)
    say(f"{card.title}\nlicence: {card.licence}\nsource: {card.source}")
    with _bytes(f"fetching {card.name}") as advance:
        done = fetch(card, given, again, advance)
    for name in done.left_out:
        warn(f"{name} did not come; audio works without it, words do not")
    if not done.opened:
        warn("the files were not opened as a check: pip install 'tinyclap-edge[teachers]'")
    if not done.fresh:
        say("already here, every SHA-256 as recorded")
    for file in done.files:
        result(f"{done.folder / file.name}  {file.bytes:,} bytes  sha256 {file.sha256}")
    return {
        "teacher": card.name,
        "licence": card.licence,
        "folder": str(done.folder),
        "files": [{"name": f.name, "sha256": f.sha256, "bytes": f.bytes, "origin": f.origin} for f in done.files],
        "fresh": list(done.fresh),
    }


command.add_command(_list, "list")
command.add_command(_show, "show")
command.add_command(_fetch, "fetch")


@contextmanager
def _bytes(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar in MiB; elsewhere a line a file and one every tenth of a large one."""
    from tinyclap_edge.cli.output import console

    if console().is_terminal:
        with progress(what + " (MiB)") as advance:
            seen = [0]

            def on_terminal(name: str, count: int, total: int) -> None:
                seen[0] += count
                advance(seen[0] >> 20)
                seen[0] &= (1 << 20) - 1

            yield on_terminal
        return
    done: dict[str, int] = {}

    def in_lines(name: str, count: int, total: int) -> None:
        before = done.get(name, 0)
        done[name] = before + count
        step = max(total // 10, 16 << 20)
        if name and (before == 0 or done[name] // step > before // step):
            say(f"{name}: {done[name] >> 20} MiB of {total >> 20}" if total >> 20 else f"{name} ...")

    yield in_lines


def _state(name: str) -> str:
    from tinyclap_edge.errors import CorruptFile
    from tinyclap_edge.teachers.cache import read_record
    from tinyclap_edge.teachers.registry import find_card

    card = find_card(name)
    if card.family == "reference":
        return "built in"
    if not card.files:
        return "-"
    try:
        return "fetched" if read_record(card.name) else "no"
    except CorruptFile:
        return "damaged"


def _sha(pinned: str | None, record: Any) -> str:
    if pinned:
        return f"{pinned[:16]}... pinned"
    return f"{record.sha256[:16]}... recorded" if record else "recorded at the first fetch"


def _or_dash(value: int) -> str:
    return str(value) if value else "-"


def _window(seconds: float) -> str:
    return f"{seconds:g} s" if seconds else "any length"


def _count(value: int | None, unknown: str) -> str:
    return f"{value:,}" if value is not None else unknown
