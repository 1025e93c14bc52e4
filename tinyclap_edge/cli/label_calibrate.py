"""`labels calibrate`: thresholds that keep a rate of false alarms, set from recordings of the place."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.label_files import describe, read_pack_file, write_file
from tinyclap_edge.cli.output import progress, result, table, verb, warn
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.evaluate.intervals import Share
    from tinyclap_edge.labels.alarms import Calibrated
    from tinyclap_edge.labels.pack import LabelPack


@verb("labels calibrate")
@click.option("--ambient", required=True, type=click.Path(file_okay=False), help="Folder: hours of the place while nothing happens.")  # fmt: skip
@click.option("--false-alarms-per-hour", "per_hour", required=True, type=float, help="What each label may make.")
@click.option("--encoder", required=True, help="The export that the labels are for.")
@click.option("--events", type=click.Path(file_okay=False), help="Folder: recordings that should be heard, in a folder a label, or named after theirs; says what is missed.")  # fmt: skip
@click.option("--pack", type=click.Path(dir_okay=False), help="The pack to calibrate; default: the export's, or the board's.")  # fmt: skip
@click.option("--target", type=click.Choice(["host", "python"]), default="host", show_default=True, help="What computes the encoder here; both give the board's bytes.")  # fmt: skip
@click.option("--port", help="The serial port of a board that gets the thresholds at once.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
@click.option("--out", type=click.Path(dir_okay=False), help="Where to write the pack; with --port it may be left out.")
def calibrate(
    ambient: str,
    per_hour: float,
    encoder: str,
    events: str | None,
    pack: str | None,
    target: str,
    port: str | None,
    baud: int,
    out: str | None,
) -> dict[str, Any]:
    """Set each label's threshold so that it makes at most so many false alarms an hour, in a pack or on a board."""
    from tinyclap_edge.audio import sound_files
    from tinyclap_edge.bundle.listening import hear_ambient, hear_events, label_of
    from tinyclap_edge.bundle.new_label import require_same_encoder
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.bundle.run import prepare
    from tinyclap_edge.device.link_labels import pull, push
    from tinyclap_edge.device.link_monitor import EventSettings
    from tinyclap_edge.device.link_port import open_link
    from tinyclap_edge.labels.alarms import check_rate, choose_thresholds
    from tinyclap_edge.labels.pack import LabelPack

    if not port and not out:
        raise UsageError("where to?", "give --out for a file, or --port of a board")
    quiet = sound_files(ambient, "the place")
    with open_bundle(encoder) as bundle, tempfile.TemporaryDirectory() as work:
        spec, settings = bundle.spec, EventSettings()
        check_rate(per_hour, bundle.hop_frames * spec.hop_samples / spec.sample_rate_hz, settings)
        data = read_pack_file(pack) if pack else (bundle.folder / "labels.tlp").read_bytes()
        if port:
            with open_link(port, baud) as link, progress(f"asking {port}"):
                data, settings = data if pack else pull(link), _settings(link)
        old = LabelPack.from_bytes(data)
        require_same_encoder(old, bundle, encoder)
        loud = sound_files(events, "the events") if events else []
        for file in loud:  # before the long part
            label_of(file, old.names)
        with progress(f"preparing the {target} target"):
            ready = prepare(bundle, target, Path(work))
        with progress("listening to the place", len(quiet)) as advance:
            heard = hear_ambient(ready, old, quiet, advance)
        found = choose_thresholds(heard.streams, old, heard.hours, per_hour, settings)
        new = replace(old, thresholds_q15=found.thresholds_q15)
        with progress("listening to the events", len(loud)) as advance:
            recalled = hear_events(ready, new, loud, heard.ground, settings, advance)
    data = new.to_bytes()
    if port:
        with open_link(port, baud) as link, progress(f"pushing {len(new.names)} labels", len(data)) as advance:
            push(link, data, advance)
    if out:
        write_file(Path(out), data)
    show_calibration(old, found, recalled)
    result(f"{len(new.names)} labels, {found.hours:.2f} h of ambient sound, {out or port}")
    return {
        "path": out,
        "port": port,
        "bytes": len(data),
        "hours": round(found.hours, 4),
        "false_alarms_per_hour": per_hour,
        "shown_at_95_percent": found.allowed is not None,
        "hours_needed": round(found.hours_needed, 2),
        "alarms": {name: int(n) for name, n in zip(new.names, found.alarms, strict=True)},
        "alarms_per_hour_at_most": {name: round(float(n), 4) for name, n in zip(new.names, found.at_most, strict=True)},
        "found": {name: share.to_dict() for name, share in recalled.items()},
        **describe(data),
    }


def show_calibration(old: LabelPack, found: Calibrated, recalled: dict[str, Share]) -> None:
    """A row a label: its threshold before and now, its alarms, and what they say of the rate; then the limits of that."""
    from tinyclap_edge.labels.alarms import poisson_upper

    rows = []
    for i, name in enumerate(old.names):
        if i == old.background:
            rows.append([name, "", "", "none of these", "", ""])
            continue
        share = recalled.get(name)
        heard = f"{share.value * share.n:.0f} of {share.n} ({share.low:.0%} to {share.high:.0%})" if share else ""
        before, now = (int(t[i]) / 32768 for t in (old.thresholds_q15, found.thresholds_q15))
        rows.append([name, f"{before:.3f}", f"{now:.3f}", str(int(found.alarms[i])), f"{found.at_most[i]:.2f}", heard])
    columns = ["label", "threshold", "now", "alarms", "an hour, at most (95 %)", "heard (95 %)"]
    table("", columns if recalled else columns[:-1], rows if recalled else [row[:-1] for row in rows], (1, 2, 3, 4))
    total = int(found.alarms.sum())
    result(f"all labels together: {total} alarms in {found.hours:.2f} h, {total / found.hours:.2g} an hour")
    if found.allowed is None:
        warn(
            f"{found.hours:.2f} h are too few to show {found.per_hour:g} an hour: without an alarm they show "
            f"{poisson_upper(0) / found.hours:.2g} (3 / hours, at 95 %). No threshold was lowered; record {found.hours_needed:.1f} h"
        )


def _settings(link: Any) -> Any:
    """The board's settings of events. A session has begun, or begins here."""
    link.hello()
    return link.settings()
