"""`embed`: a corpus through a teacher into a store, once; and what a store holds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import console, result, say, table, verb, warn
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.frontend.spec import FrontendSpec

LINE_EVERY_S = 10.0  # a plain line of progress, where there is no terminal


class EmbedGroup(click.Group):
    """`embed --teacher ...` is `embed run --teacher ...`; its help shows the options of both."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options that come first are those of `run`."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of `run`, then the subcommands."""
        click.Command.format_options(self.commands["run"], ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group("embed", cls=EmbedGroup, subcommand_metavar="--teacher T --data CORPUS --out STORE | COMMAND ...")
def command() -> None:
    """Embed a corpus by a teacher, once, into a store on disk.

    CORPUS is esc50:PATH, urbansound8k:PATH, tut2017:PATH, tau2020:PATH, openmic:PATH, fsd50k:PATH, audiocaps:PATH,
    clotho:PATH, macs:PATH, audioset:PATH, folder:PATH, webdataset:PATTERN or sounds:COUNT[:SEED].

    Killed at any point, the same line goes on where it stopped.
    """


@verb("embed run")
@click.option("--teacher", required=True, help="A name of `teachers list`, or embeddings:DIR.")
@click.option("--data", required=True, metavar="CORPUS", help="The corpus, for example esc50:data/ESC-50-master.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False), help="The store; a new one, or one to go on with."
)
@click.option(
    "--weights", type=click.Path(), help="The teacher's file or folder; default: what `teachers fetch` brought."
)
@click.option("--split", help="One split of the corpus; default: all of it.")
@click.option(
    "--segment", type=float, metavar="SECONDS", help="One row for each stretch of this length; default: a clip."
)
@click.option(
    "--features", is_flag=False, flag_value="default", metavar="[STUDENT]",
    help="Log-mels for students too: of a student, a front end in .json, or the default one.",
)  # fmt: skip
@click.option("--shard", default="0/1", metavar="I/N", help="Only part i of n: give each a store, then `embed merge`.")
@click.option("--batch", type=click.IntRange(1, 65536), default=16, show_default=True, help="Clips at a time.")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes that read sounds; default: by the processors.")
@click.option("--device", default="cpu", show_default=True, help="Where the teacher runs: cpu, cuda, cuda:1 ...")
def _run(
    teacher: str,
    data: str,
    out: str,
    weights: str | None,
    split: str | None,
    segment: float | None,
    features: str | None,
    shard: str,
    batch: int,
    workers: int | None,
    device: str,
) -> dict[str, Any]:
    """Embed a corpus: the same as without `run`."""
    from tinyclap_edge.data.corpora import open_corpus
    from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus, parts_of
    from tinyclap_edge.teachers.registry import open_teacher

    part = parts_of(shard)
    spec = _front_end(features) if features else None
    corpus = open_corpus(data)
    corpus.clips(split)
    opened = open_teacher(teacher, Path(weights) if weights else None, device)
    if workers is None:
        workers = min(4, max(0, (os.cpu_count() or 1) - 1))
    request = EmbedRequest(opened, corpus, Path(out), split, segment, part, batch, spec, workers)
    with _progress(f"{corpus.card.title} by {opened.card.name}") as advance:
        done = embed_corpus(request, advance)
    for line in corpus.report.sentences():
        warn(line)
    others = {name: why for name, why in done.broken.items() if name not in corpus.report.broken}
    if others:
        name, why = next(iter(others.items()))
        warn(f"{len(others):,} clips could not be read: {name} ({why})")
    rate = f", {done.added / done.seconds:.1f} a second" if done.added and done.seconds > 0 else ""
    result(f"{out}: {done.rows:,} rows, {done.added:,} of them new{rate}")
    return {
        "path": out,
        "teacher": opened.card.name,
        "identity": opened.identity,
        "dim": opened.card.dim,
        "corpus": corpus.spec,
        "rows": done.rows,
        "added": done.added,
        "finished_before": done.finished,
        "missing": list(done.missing),
        "broken": done.broken,
        "seconds": round(done.seconds, 3),
    }


@verb("embed verify")
@click.argument("store", type=click.Path(file_okay=False))
def _verify(store: str) -> dict[str, Any]:
    """Check every hash of a store; name what is damaged (exit code 7)."""
    from tinyclap_edge.data.store.verify import verify_store

    with _progress(f"hashing {store}", "files") as advance:
        found = verify_store(Path(store), advance)
    for name in found.unlisted:
        warn(f"{name} is in no manifest: the rest of a killed run, which the next run takes up or replaces")
    found.require_sound(Path(store))
    result(f"{store}: {found.manifest.rows:,} rows in {found.files} files, {found.bytes:,} bytes, every hash fits")
    return {"path": store, "rows": found.manifest.rows, "files": found.files, "bytes": found.bytes, "damaged": []}


@verb("embed merge")
@click.argument("stores", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.option("--out", required=True, type=click.Path(file_okay=False), help="The store to write, or to add to.")
def _merge(stores: tuple[str, ...], out: str) -> dict[str, Any]:
    """Join stores of one teacher, as the parts of --shard i/n."""
    from tinyclap_edge.data.store.merge import merge_stores

    with _progress("merging", "shards") as advance:
        done = merge_stores([Path(store) for store in stores], Path(out), advance)
    result(f"{out}: {done.rows:,} rows; {done.added} shards added, {done.known} were there")
    return {"path": out, "rows": done.rows, "added": done.added, "known": done.known}


@verb("embed show")
@click.argument("store", type=click.Path(file_okay=False))
def _show(store: str) -> dict[str, Any]:
    """Show whose embeddings a store holds, of which corpora, and what was missing."""
    from tinyclap_edge.data.store import EmbeddingStore

    opened = EmbeddingStore.open(store)
    teacher, manifest = opened.teacher, opened.manifest
    fronts = sorted(p.name.removeprefix("features-") for p in Path(store).glob("features-*") if p.is_dir())
    rows = []
    for index, state in enumerate(manifest.sources):
        held = sum(shard.rows for shard in manifest.shards if shard.source == index)
        segment = f"{state.source.segment_s:g} s" if state.source.segment_s else "clips"
        rows.append(
            [state.source.corpus, state.source.split or "all", segment, f"{held:,}",
             f"{len(state.missing):,}", f"{len(state.broken):,}"]
        )  # fmt: skip
    result(f"teacher {teacher.name}  ·  identity {teacher.identity}  ·  {teacher.dim} dimensions")
    table("", ["corpus", "split", "rows are", "rows", "missing", "broken"], rows, right=(3, 4, 5))
    result(f"{len(opened):,} rows in {len(manifest.shards)} shards; log-mels of {', '.join(fronts) or 'no front end'}")
    return {
        "path": store,
        "teacher": vars(teacher),
        "rows": len(opened),
        "shards": len(manifest.shards),
        "frontends": fronts,
        "sources": [
            {**vars(state.source), "missing": state.missing, "broken": state.broken} for state in manifest.sources
        ],
    }


command.add_command(_run, "run")
command.add_command(_verify, "verify")
command.add_command(_merge, "merge")
command.add_command(_show, "show")


def _front_end(name: str) -> FrontendSpec:
    """The front end that --features names."""
    from tinyclap_edge.frontend.spec import FrontendSpec

    if name in ("default", "student"):
        return FrontendSpec()
    if name.endswith(".json"):
        import json

        path = Path(name)
        if not path.is_file() or path.stat().st_size > 1 << 16:
            raise UsageError(f"there is no front end {name}", "give a .json file with the constants of one")
        try:
            return FrontendSpec.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UsageError(f"{name} is not JSON ({error})") from error
    from tinyclap_edge.students.presets import find_student

    return find_student(name).frontend


@contextmanager
def _progress(what: str, unit: str = "clips") -> Iterator[Callable[[int, int], None]]:
    """advance(done, total): a bar with rate and time to go on a terminal, a line now and then otherwise."""
    shown = console()
    begun, last = time.monotonic(), [time.monotonic()]
    if not shown.is_terminal:
        say(f"{what} ...")

        def line(done: int, total: int) -> None:
            now = time.monotonic()
            if now - last[0] >= LINE_EVERY_S:
                last[0] = now
                rate = done / (now - begun)
                say(f"{what}: {done:,}/{total:,} {unit}, {rate:.1f}/s, {_clock((total - done) / rate)} to go ...")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False), TimeRemainingColumn(),
    ]  # fmt: skip
    with Progress(*columns, console=shown, transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        def draw(done: int, total: int) -> None:
            rate = done / max(1e-9, time.monotonic() - begun)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f} {unit}/s")

        yield draw


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
