"""`demo`: the whole path once, on the example recordings."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, verb


@verb("demo")
@click.option("--board", default="stm32h7", show_default=True, help="An emulated board.")
@click.option(
    "--out", default="out/demo", show_default=True, type=click.Path(file_okay=False), help="Directory to write."
)
@click.option("--labels", help="Sounds in words, separated by commas; by default ten of the procedural sounds.")
def command(board: str, out: str, labels: str | None) -> dict[str, Any]:
    """Export for a board, build its firmware, emulate it on the example sounds, and write the report."""
    from tinyclap_edge.audio import read_audio
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.bundle.bench import bench
    from tinyclap_edge.bundle.classify import classify_files
    from tinyclap_edge.bundle.export import ExportRequest, export_bundle
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.bundle.run import prepare
    from tinyclap_edge.cli.bench import show_bench
    from tinyclap_edge.cli.classify import show_ranking
    from tinyclap_edge.cli.export import show_export
    from tinyclap_edge.cli.output import warn
    from tinyclap_edge.cli.source import DEFAULT_LABELS
    from tinyclap_edge.fit.shipped import best_shipped
    from tinyclap_edge.frontend.reference import logmel_float
    from tinyclap_edge.labels.encode import parse_labels
    from tinyclap_edge.report.write import update_report
    from tinyclap_edge.resources import data_file

    found, folder = find_board(board), Path(out)
    request = ExportRequest.make(
        found, best_shipped(found), parse_labels(labels.split(",")) if labels is not None else DEFAULT_LABELS
    )
    with progress(f"exporting {request.student.name} for {board}", ExportRequest.STEPS) as advance:
        exported = export_bundle(request, folder, advance, warn)
    show_export(exported.manifest)
    files = sorted(data_file("examples").glob("*.wav"))
    with open_bundle(folder) as bundle, tempfile.TemporaryDirectory() as work:
        with progress("building the firmware with PlatformIO"):
            ready = prepare(bundle, "emulator", Path(work))
        with progress("counting one window's instructions"):
            cost = bench(ready, 1)
        fast = dataclasses.replace(ready, count=False)
        with progress("the emulated board listens to the examples", len(files)) as advance:
            heard = classify_files(fast, files, advance)
        logmels = {f.stem: logmel_float(read_audio(f, bundle.spec.sample_rate_hz).pcm, bundle.spec) for f in files}
        with progress("writing the report"):
            update_report(folder, bench=cost, listening=heard, logmels=logmels)
    show_bench(cost)
    show_ranking(heard, 3)
    result(f"report: {folder / 'report.html'}")
    say("everything above was emulated or estimated on this PC; no board was measured")
    return {"manifest": exported.manifest, "bench": cost, "listening": heard, "report": str(folder / "report.html")}
