"""`bench`: instructions by layer, memory by region, estimated time, drift, on a target; of an export or any model."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.bench_serial import SerialOptions, bench_boards, show_serial
from tinyclap_edge.cli.output import progress, result, table, verb, warn
from tinyclap_edge.cli.port_options import port_options
from tinyclap_edge.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from tinyclap_edge.bundle.baseline import Comparison

DEFAULT_LIMIT = "2%"


@verb("bench")
@click.argument("model", required=False, type=click.Path())
@click.option("--board", help="Board; not needed with --bundle.")
@click.option("--target", default="emulator", show_default=True, help="python, host, emulator or serial.")
@click.option("--bundle", help="An export; without it one is made on the spot.")
@click.option("--student", help="Without --bundle: small, esp, nucleo, or a .safetensors file.")
@click.option("--labels", help="Without --bundle: sounds in words, separated by commas.")
@click.option("--windows", type=click.IntRange(1, 1000),
              help="Golden windows to run; random inputs for MODEL. By default 2, on serial boards 5.")  # fmt: skip
@port_options
@click.option("--min-seconds", type=click.FloatRange(0, 600), default=10.0, show_default=True,
              help="On serial boards: how long each stage runs on each window, and 10 times at least.")  # fmt: skip
@click.option("--measurements", type=click.Path(file_okay=False),
              help="Folder that keeps what boards were measured at, for `fit`; by default the user's.")  # fmt: skip
@click.option("--schedule", type=click.Choice(["layers", "rows", "auto"]), help="For MODEL; auto by default.")
@click.option(
    "--emulator", "engine", type=click.Choice(["unicorn", "qemu"]), help="Which emulator; unicorn by default."
)
@click.option("--json-path", type=click.Path(dir_okay=False), help="Also write the figures to this file.")
@click.option("--junit-path", type=click.Path(dir_okay=False), help="Also write them as JUnit XML, a case a figure.")
@click.option("--action-path", type=click.Path(dir_okay=False), help="Also write them for github-action-benchmark.")
@click.option("--baseline", type=click.Path(), help="Compare with this file of an earlier --json-path.")
@click.option(
    "--fail-above", help=f"With --baseline: growth of a figure that fails (exit code 1); {DEFAULT_LIMIT} by default."
)
def command(
    model: str | None,
    board: str | None,
    target: str,
    bundle: str | None,
    student: str | None,
    labels: str | None,
    windows: int | None,
    port: str | None,
    baud: int | None,
    hardware_map: str | None,
    min_seconds: float,
    measurements: str | None,
    schedule: str | None,
    engine: str | None,
    json_path: str | None,
    junit_path: str | None,
    action_path: str | None,
    baseline: str | None,
    fail_above: str | None,
) -> dict[str, Any]:
    """Count what one window costs; fail (exit code 6) if a byte differs from the integer reference.

    With MODEL.tflite, any int8 model: instructions, MACs and instructions a MAC by layer, memory and flash. With --target serial, the
    boards on --port or in --hardware-map time themselves.
    """
    from tinyclap_edge.bundle import baseline as earlier
    from tinyclap_edge.bundle import bench_files
    from tinyclap_edge.cli.source import bundle_for

    serial = SerialOptions(port, baud, hardware_map, min_seconds, measurements)
    serial.check(target)
    files = (("--json-path", json_path), ("--junit-path", junit_path), ("--action-path", action_path))
    for option, path in files:
        bench_files.check_folder(option, path)
    if fail_above and not baseline:
        raise UsageError("--fail-above goes with --baseline", "name the file of an earlier --json-path")
    limit = earlier.parse_percent(fail_above or DEFAULT_LIMIT)
    before = earlier.read_baseline(Path(baseline)) if baseline else None
    if before and board:
        earlier.check_place(before, board, target)
    if model is not None:
        if bundle or student or labels:
            raise UsageError("MODEL.tflite and --bundle, --student or --labels exclude each other", "give one of them")
        if not board or target != "emulator":
            raise UsageError("a model is measured on an emulated board", f"tinyclap-edge bench {model} --board stm32h7")
        data = _model(model, board, windows or 2, schedule or "auto", engine)
        return _publish(data, Path(model).stem, files, before, limit)
    if schedule:
        raise UsageError("--schedule goes with MODEL.tflite", "an export has chosen its own")
    if target != "serial":
        data = _export(bundle, board, student, labels, target, windows or 2, engine)
        return _publish(data, data["student"], files, before, limit)
    with bundle_for(bundle, board, student, labels, target, engine) as opened:
        done, failed = bench_boards(opened, serial, windows or 5)
    if len(done) == 1 and not failed:
        return _publish(done[0][1], done[0][1]["student"], files, before, limit)
    records, errors = [], [error for _, error in failed]  # what the other boards measured is written all the same
    for device, data in done:
        apart = tuple((option, _apart(path, device.id)) for option, path in files)
        try:
            records.append({"id": device.id, **_publish(data, data["student"], apart, before, limit)})
        except GateFailed as error:
            warn(f"{device.id}: {error.fact}")
            errors.append(error)
    if errors:
        raise errors[0]
    return {"boards": records}


def _apart(path: str | None, device: str) -> str | None:
    """figures.json -> figures-ID.json: a file for each of several boards."""
    if path is None:
        return None
    word = re.sub(r"[^0-9A-Za-z]+", "-", device).strip("-")
    return str(Path(path).with_stem(f"{Path(path).stem}-{word}"))


def _publish(
    data: dict[str, Any],
    what: str,
    files: tuple[tuple[str, str | None], ...],
    before: dict[str, Any] | None,
    limit: float,
) -> dict[str, Any]:
    """Show the figures, write the files (record, JUnit, action), compare with the baseline: the record. GateFailed (1)."""
    from tinyclap_edge.bundle import baseline as earlier
    from tinyclap_edge.bundle import bench_files
    from tinyclap_edge.bundle.figures import record

    json_path, junit_path, action_path = (path for _, path in files)
    made = record(data, what)
    show = show_serial if data["target"] == "serial" else show_bench if "student" in data else show_model
    show(data)
    if json_path:
        bench_files.write_record(Path(json_path), made)
    if action_path:
        bench_files.write_action(Path(action_path), made)
    comparison = earlier.compare_figures(made, before, limit) if before else None
    if junit_path:
        bench_files.write_junit(Path(junit_path), made, comparison)
    if comparison:
        show_comparison(comparison)
        comparison.require()
    return made


def _export(
    bundle: str | None, board: str | None, student: str | None, labels: str | None, target: str, windows: int,
    engine: str | None,
) -> dict[str, Any]:  # fmt: skip
    from tinyclap_edge.bundle.bench import bench
    from tinyclap_edge.bundle.run import prepare
    from tinyclap_edge.cli.source import bundle_for
    from tinyclap_edge.report.write import update_report

    with bundle_for(bundle, board, student, labels, target, engine) as opened, tempfile.TemporaryDirectory() as work:
        with progress(f"preparing the {target} target"):
            ready = prepare(opened, target, Path(work), engine)
        with progress(f"running {windows} windows on {target}"):
            data = bench(ready, windows)
        if bundle and Path(bundle).is_dir():
            update_report(opened.folder, bench=data)
    return data


def _model(path: str, board: str, samples: int, schedule: str, engine: str | None) -> dict[str, Any]:
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.engine.model_bench import bench_model
    from tinyclap_edge.engine.model_file import read_model

    found = find_board(board)
    with progress(f"running {samples} random inputs on {found.name}"):
        return bench_model(read_model(path), found, samples, schedule, engine).facts


def show_model(facts: dict[str, Any]) -> None:
    """The tables of a model: by layer, then as `run` shows it."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.cli.run import show_run

    if facts["instructions"] is not None:
        _layers(facts["layer_table"])
        result(f"between the layers, deciding which row comes next: {facts['schedule_glue']:,} instructions")
    show_run(facts, {r.name: r.size_bytes for r in find_board(facts["board"]).regions})
    result(f"{facts['samples']} random inputs: every output byte is the integer reference's")


def show_comparison(comparison: Comparison) -> None:
    """Every figure that changed, before and now."""
    changed = [c for c in comparison.changes if c.share]
    for change in changed:
        result(("regression: " if change.regressed else "") + change.words())
    result(f"{len(comparison.changes) - len(changed)} of {len(comparison.changes)} figures are the baseline's")


def _short(name: str) -> str:
    """The first of the names that a converter joined, its end where it is long."""
    first = name.split(";")[0]
    return first if len(first) <= 40 else "…" + first[-39:]


def _layers(layers: list[dict[str, Any]]) -> None:
    rows = [
        [str(i), _short(layer["name"]), layer["kind"].lower(), f"{layer['macs']:,}", f"{layer['instructions']:,}",
         f"{layer['instructions'] / layer['macs']:.2f}" if layer["macs"] else ""]
        for i, layer in enumerate(layers)
    ]  # fmt: skip
    table("", ["", "layer", "kind", "MACs", "instructions", "per MAC"], rows, right=(0, 3, 4, 5))


def show_bench(data: dict[str, Any]) -> None:
    """The tables of a benchmark."""
    if "layers" in data:
        _layers(data["layers"])
        per = data["instructions"]
        result(f"between the layers, deciding which row comes next: {per['schedule']:,} instructions")
        rows = [
            [name, f"{per[name]:,}", f"{per[name] / per['total']:.1%}"] for name in ("frontend", "encoder", "labels")
        ]
        table(
            "",
            [data.get("per", "one window"), "instructions (emulated)", ""],
            [*rows, ["total", f"{per['total']:,}", ""]],
            right=(1, 2),
        )
        e = data["estimate"]
        if data["spread"]["windows"] > 1:
            spread = data["spread"]
            result(
                f"the median of {spread['windows']} windows; they take {spread['least']:,} to {spread['most']:,} instructions"
            )
        result(
            f"time (estimated): {e['typical_s'] * 1e3:.0f} ms, {e['low_s'] * 1e3:.0f} to {e['high_s'] * 1e3:.0f} ms: "
            f"{e['cycles_per_instruction']:g} cycles an instruction at {e['clock_hz'] // 1_000_000} MHz ({e['source']})"
        )
        result(f"energy (estimated): {e['energy_mj']:.3g} mJ ({e['energy_source']})")
    if "gate" in data:
        gate, saved = data["gate"], data["gate"]["time_saved"]
        result(
            f"power gate: {saved['value']:.0%} of the time is saved on ambient sound ({saved['low']:.0%} to "
            f"{saved['high']:.0%}), at a miss rate of {gate['asked_miss_rate']:.1%}; it takes {gate['instructions']:,} instructions"
        )
    if "bytes_by_region" in data:
        rows = [[name, f"{size:,}"] for name, size in data["bytes_by_region"].items()]
        table("", ["region (linked image)", "bytes"], rows, right=(1,))
    if "stack_bytes" in data:
        result(f"stack used (painted): {data['stack_bytes']:,} bytes")
    rows = [
        [f"{d['source']} → {d['target']}", f"{d['mean']:.5f}", f"{d['worst']:.5f}", str(d["n"]),
         "same bytes" if d["identical_bytes"] else ""]
        for d in data["drift"]
    ]  # fmt: skip
    table("", ["drift (cosine)", "mean", "worst", "windows", ""], rows, right=(1, 2, 3))
    parity = data["parity"]
    what = "embeddings" if "per" in data else "windows"
    result(f"{parity['windows']} {what} equal the integer reference byte for byte; digest {parity['digest']}")
