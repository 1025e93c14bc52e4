"""Writes report.json, report.md and report.html of an export, and brings them up to date when more was measured.

report.json holds everything that the other two show; they are drawn from it alone, so that writing it again from
itself gives the same bytes. Nothing here reads a clock.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.report import accuracy, listening_plots, markdown, memory_plots, plots, tables

SCHEMA = 1
SECTIONS = ("manifest", "card", "bench", "listening", "logmels")
_TEMPLATE = Path(__file__).with_name("report.html.j2")


@dataclass(frozen=True)
class Section:
    """One chapter: sentences, then pictures (title, <svg>, caption), then tables."""

    title: str
    text: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str, str], ...] = ()
    tables: tuple[tables.Table, ...] = ()
    pairs: tuple[tuple[str, str, str], ...] = ()  # as pictures, but two a row where there is room
    gallery: tuple[tuple[str, str, str], ...] = ()  # examples, two a row: (file, best label, <svg>)


def write_report(
    folder: Path,
    manifest: Mapping[str, Any],
    card: Mapping[str, Any],
    listening: Mapping[str, Any] | None = None,
    bench: Mapping[str, Any] | None = None,
    logmels: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write the three files into `folder`. manifest: bundle/export.py; card: the student's measured accuracies;
    listening: bundle/classify.py; bench: bundle/bench.py; logmels: recording's name without suffix -> (frames, mels)
    float dB, the first eight are kept."""
    sections = {"manifest": manifest, "card": card, "bench": bench, "listening": listening, "logmels": logmels}
    _write(Path(folder), {"schema_version": SCHEMA, **{k: _stored(k, v) for k, v in sections.items() if v is not None}})


def update_report(folder: Path, **sections: Any) -> None:
    """Replace sections of an export's report (see write_report; None removes one) and write all three files again.

    A benchmark that counted instructions stays when the new one counted none (one on the PC, say).
    UsageError where there is no report, CorruptFile where report.json cannot be read.
    """
    unknown = set(sections) - set(SECTIONS)
    if unknown:
        raise TypeError(f"a report has no section {', '.join(sorted(unknown))}")
    path = Path(folder) / "report.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["manifest"]["encoder"]["id"]
    except OSError as error:
        raise UsageError(f"{folder} holds no report.json", "`tinyclap-edge export` writes one") from error
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFile(f"{path.name} is not a report", "export again") from error
    new, old = sections.get("bench"), data.get("bench")
    if new and old and old.get("instructions") and not new.get("instructions"):
        del sections["bench"]
    fresh = {k: _stored(k, v) for k, v in sections.items() if v is not None}
    kept = {k: v for k, v in data.items() if k in SECTIONS and k not in sections}
    ordered = {k: (fresh | kept)[k] for k in SECTIONS if k in fresh or k in kept}
    _write(Path(folder), {"schema_version": SCHEMA, **ordered})


def report_sections(data: Mapping[str, Any]) -> list[Section]:
    """What a report says, in reading order."""
    manifest, card, bench = data["manifest"], data.get("card") or {}, data.get("bench")
    found: list[Section] = []
    if data.get("listening") or data.get("logmels"):
        found.append(_heard(data))
    found.append(_accuracy(card, manifest, bench))
    map_ = memory_plots.memory_map(manifest, bench)
    arena = memory_plots.arena_over_time(manifest)
    memory = (
        (
            "Memory by region",
            map_,
            "A bar is one region of the board at its full size; regions that hold nothing are left out.",
        ),
        ("The arena while the layers run", arena, "A box is a tensor: its bytes at their place, while layers need it."),
    )
    found.append(Section("Memory", pictures=memory, tables=tuple(tables.memory(manifest, bench))))
    cost: list[tables.Table] = []
    text: tuple[str, ...] = ()
    if bench and bench.get("instructions"):
        cost += tables.instructions(manifest, bench)
    else:
        text = ("No instructions were counted yet: `bench` counts them and completes this report.",)
    cost.append(tables.layers(manifest, bench))
    picture = ("Cost by layer", plots.cost_by_layer(manifest, bench), "")
    found.append(Section("Cost", text, (picture,), tuple(cost)))
    steps = (bench or {}).get("drift") or manifest.get("drift") or []
    found.append(Section("Exactness", tables=(tables.parity(manifest, bench), tables.drift(steps))))
    found.append(Section("What this is", tables=(tables.identity(manifest),)))
    return found


def _heard(data: Mapping[str, Any]) -> Section:
    listening = data.get("listening")
    gallery = listening_plots.examples(data["manifest"], listening, data.get("logmels") or {})
    text = [
        "Above: the log-mel that the encoder sees. Below: the score of each label in each window, as a cosine; "
        "the window's best label is outlined."
    ]
    shown = (tables.listening(listening),) if listening else ()
    return Section("What it heard", tuple(text if gallery else ()), tables=shown, gallery=tuple(gallery))


def _accuracy(card: Mapping[str, Any], manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> Section:
    e = accuracy.examined(card, manifest, bench)
    encoder = manifest["encoder"]
    if not e.forms:
        return Section("Accuracy", ("This student's file carries no measured accuracies.",))
    text = [accuracy.PROCEDURAL, "Intervals are 95 %, n is the number of trials."]
    other = accuracy.examined_encoder(card)
    if other not in (None, encoder["id"]):
        text.append(
            f"Reduced and int8 were examined with the student's own settings (encoder {other}); this export has others "
            f"(r = {encoder['r']}, {encoder['reduction']}, {encoder['ranges']}), and its accuracy was not measured."
        )
    elif manifest["encoder"].get("schedule") == "continuous":
        text.append(
            "These are accuracies of windows. This export computes a stream, whose embeddings differ from theirs "
            "(the drift table says how far); its accuracy was not measured."
        )
    elif e.emulated:
        text.append(
            "Emulated equals int8 because the bytes are equal: the emulated board gave the integer reference's "
            f"embeddings and scores on {bench['parity']['windows'] if bench else 0} windows."
        )
    pictures = [
        (
            "What it recognises",
            plots.accuracies(e),
            "Bars are 95 % intervals; figures on the right are int8. Fold A and B: random unseen families.",
        )
    ]
    if "Shifts" in accuracy.lines(e):
        pictures.append(
            ("What distortion does", plots.shifts(e), "Seen families by name, distorted before the front end.")
        )
    found = accuracy.tables(e)
    curve = accuracy.curve(card, encoder["r"])
    if curve:
        pictures.append(("Accuracy against embedding size", plots.size_curve(card, encoder["r"]), curve.note))
        found.insert(-1 if found and found[-1].folded else len(found), curve)
    return Section("Accuracy", tuple(text), tables=tuple(found), pairs=tuple(pictures))


def headline(data: Mapping[str, Any]) -> list[tables.Cell]:
    """The few figures on top: (title in `text`, "figure|addition" in `detail`, tag)."""
    manifest, card, bench = data["manifest"], data.get("card") or {}, data.get("bench") or {}
    encoder, per = manifest["encoder"], bench.get("per", "one window")
    out = []
    seen = accuracy.Examined(card).at("int8", "fresh", "ensemble")
    if seen:
        n = f"{100 * seen['low']:.1f}–{100 * seen['high']:.1f}, n = {seen['n']:,}"
        out.append(tables.Cell("seen families, int8", f"{tables.percent(seen['value'])}|{n}", tables.MEASURED))
    estimate = bench.get("estimate")
    if estimate:
        span = f"{tables.milliseconds(estimate['low_s'])} to {tables.milliseconds(estimate['high_s'])}"
        out.append(
            tables.Cell(f"time, {per}", f"{tables.milliseconds(estimate['typical_s'])}|{span}", tables.ESTIMATED)
        )
    if bench.get("instructions"):
        total = f"{bench['instructions']['total'] / 1e6:.1f} M|{per}, front end included"
        out.append(tables.Cell("instructions", total, tables.EMULATED))
    out.append(tables.Cell("arena", f"{tables.size(encoder['arena_bytes'])}|activations in RAM", tables.CALCULATED))
    flash, what = bench.get("flash_bytes"), "the whole image"
    if flash is None:
        flash, what = encoder["const_bytes"], "weights and tables"
    out.append(tables.Cell("flash", f"{tables.size(flash)}|{what}", tables.CALCULATED))
    out.append(
        tables.Cell("MACs", f"{encoder['macs'] / 1e6:.1f} M|{encoder['params']:,} parameters", tables.CALCULATED)
    )
    return out


def render_markdown(data: Mapping[str, Any]) -> str:
    """report.md."""
    manifest = data["manifest"]
    title = f"# {markdown.escape(manifest['encoder']['student'])} on {markdown.escape(manifest['board'])}"
    parts = [title, "", markdown.escape(accuracy.PROCEDURAL), "", "Every figure says where it comes from:", ""]
    parts += [f"- `{tag}`: {meaning}" for tag, meaning in tables.TAGS.items()]
    parts += ["", "The plots are in report.html, beside this file.", ""]
    for section in report_sections(data):
        single = len(section.tables) == 1 and section.tables[0].title == section.title
        parts += [] if single else [f"## {section.title}", ""]
        texts = [t for t in section.text if t != accuracy.PROCEDURAL] if not section.gallery else []
        parts += [line for text in texts for line in (markdown.escape(text), "")]
        parts += [markdown.render(t, 2 if single else 3) for t in section.tables]
    return "\n".join(parts).rstrip() + "\n"


def render_html(data: Mapping[str, Any]) -> str:
    """report.html: one file, no script, nothing from anywhere else."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        manifest=data["manifest"],
        headline=headline(data),
        sections=report_sections(data),
        tags=tables.TAGS,
        procedural=accuracy.PROCEDURAL,
    )


def _write(folder: Path, data: dict[str, Any]) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    data = json.loads(text)  # what a later update will read: the same figures, the same bytes
    files = {"report.json": text, "report.md": render_markdown(data), "report.html": render_html(data)}
    for name, content in files.items():  # all three exist before the first one is replaced
        (folder / f".{name}.tmp").write_text(content, encoding="utf-8", newline="\n")
    for name in files:
        os.replace(folder / f".{name}.tmp", folder / name)


def _stored(section: str, value: Any) -> Any:
    if section == "logmels":
        kept = list(value.items())[: listening_plots.MOST]
        return {name: db if isinstance(db, Mapping) else listening_plots.pack_logmel(db) for name, db in kept}
    plain = _plain(value)
    if section == "listening":  # a report may travel: it holds no path of the machine that made it
        plain["files"] = [f | {"path": PurePath(f["path"]).name} for f in plain["files"]]
    return plain


def _plain(value: Any) -> Any:
    """JSON's own types; what is no finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
