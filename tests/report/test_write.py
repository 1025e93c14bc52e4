"""report.json, report.md and report.html of an export."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report import made_card
from report.made_manifest import made_manifest

from tinyclap_edge.data.sounds.attributes import QUERIES
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.report.accuracy import ATTRIBUTE_ANSWERS, PROCEDURAL
from tinyclap_edge.report.listening_plots import pack_logmel, unpack_logmel
from tinyclap_edge.report.write import update_report, write_report

FILES = ("report.json", "report.md", "report.html")
LENGTHS = {"rain.wav": 5.0, "dog_barking.wav": 2.572}


def logmels() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {Path(name).stem: rng.uniform(-90, -10, (round(s * 50), 64)) for name, s in LENGTHS.items()}


def full(folder: Path, **change) -> dict[str, str]:
    manifest = made_manifest()
    sections = {
        "listening": made_card.listening(manifest["labels"], LENGTHS, "/some/machine/"),
        "bench": made_card.bench(manifest),
        "logmels": logmels(),
        "card": made_card.card(),
    } | change
    folder.mkdir(exist_ok=True)
    write_report(folder, sections.pop("manifest", manifest), sections.pop("card"), **sections)
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


class Page(HTMLParser):
    """Collects tags and attributes, and fails on tags that do not nest."""

    VOID = ("meta", "link", "br", "img", "hr", "rect", "line", "polyline", "polygon", "circle", "image")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID or tag in ("rect", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_same_inputs_give_the_same_bytes_in_two_directories(tmp_path):
    assert full(tmp_path / "a") == full(tmp_path / "b")


def test_sections_added_later_give_the_bytes_of_a_report_written_at_once(tmp_path):
    whole = full(tmp_path / "a")
    manifest = made_manifest()
    late = tmp_path / "b"
    late.mkdir()
    write_report(late, manifest, made_card.card())
    before = (late / "report.html").read_text(encoding="utf-8")
    update_report(late, bench=made_card.bench(manifest))
    update_report(late, listening=made_card.listening(manifest["labels"], LENGTHS), logmels=logmels())
    assert before != whole["report.html"]
    assert {name: (late / name).read_text(encoding="utf-8") for name in FILES} == whole
    assert sorted(p.name for p in late.iterdir()) == sorted(FILES)


def test_counted_instructions_are_replaced_only_by_counted_instructions(tmp_path):
    manifest = made_manifest()
    counted = made_card.bench(manifest)
    uncounted = {k: v for k, v in counted.items() if k not in ("instructions", "layers", "estimate")} | {
        "target": "python"
    }
    write_report(tmp_path, manifest, made_card.card(), bench=uncounted)
    for new, kept in (
        (counted, counted),
        (uncounted, counted),
        (counted | {"engine": "other"}, counted | {"engine": "other"}),
    ):
        update_report(tmp_path, bench=new)
        assert json.loads((tmp_path / "report.json").read_text())["bench"] == json.loads(json.dumps(kept))


def test_the_page_stands_alone_without_scripts_or_links(tmp_path):
    html = full(tmp_path / "a")["report.html"]
    page = Page(html)
    assert not [t for t, _ in page.seen if t in ("script", "link", "iframe", "a", "object", "embed")]
    for tag, attributes in page.seen:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href"):
                assert (value or "").startswith("data:image/png;base64,")
    assert "url(" not in html and "@import" not in html and "http:" not in html and "https:" not in html


def test_every_drawing_is_well_formed_and_says_what_it_shows(tmp_path):
    html = full(tmp_path / "a")["report.html"]
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    titles = [ET.fromstring(d).get("aria-label") or "" for d in drawings]
    for wanted in (
        "Log-mel of rain",
        "Memory by region",
        "The arena",
        "Cost by layer",
        "Accuracy against embedding size",
    ):
        assert any(t.startswith(wanted) for t in titles), wanted
    assert not re.search(r'"-?(nan|inf)', html)


def test_hostile_labels_and_file_names_stay_text(tmp_path):
    evil = '<script>alert(1)</script> | `x` [y](http://z.example) \x07 & "q"'
    manifest = made_manifest(labels=[evil, "rain"])
    heard = made_card.listening(manifest["labels"], {"<img src=x>.wav": 3.0})
    made = full(tmp_path / "a", manifest=manifest, listening=heard, logmels={})
    assert not [t for t, _ in Page(made["report.html"]).seen if t in ("script", "img", "a")]
    assert "<script" not in made["report.md"].replace(r"\<script", "")
    assert "](http" not in made["report.md"].replace(r"\](http", "")
    rows = [line for line in made["report.md"].splitlines() if line.startswith("| \\<img")]
    assert len(rows) == 1 and len(re.findall(r"(?<!\\)\|", rows[0])) == 5


def test_accuracies_carry_n_an_interval_and_their_origin_for_every_form(tmp_path):
    made = full(tmp_path / "a")
    table = made["report.md"].split("### Seen families")[1].split("###")[0]
    for form in ("teacher", "float", "reduced", "int8"):
        assert f"{form} `measured`" in table
    assert "emulated (= int8) `emulated`" in table
    share = made_card.card()["int8"]["fresh"]["ensemble"]
    text = f"{100 * share['value']:.1f} % ({100 * share['low']:.1f}–{100 * share['high']:.1f})"
    assert table.count(text) == 2  # int8, and emulated
    assert "2,400" in table and "in other words" in table
    for heading in (
        "Families that neither",
        "Attribute queries",
        "Retrieval, R@1",
        "Shifts",
        "Accuracy against embedding",
    ):
        assert f"### {heading}" in made["report.md"].replace("\\", "")
    for name in ("report.md", "report.html"):
        assert PROCEDURAL.split(",")[0] in made[name]


def test_without_an_emulated_run_there_is_no_emulated_accuracy(tmp_path):
    assert (
        "`emulated`" not in full(tmp_path / "a", bench=None)["report.md"].split("## Accuracy")[1].split("## Memory")[0]
    )


def test_a_card_of_another_encoder_is_not_passed_off_as_this_one(tmp_path):
    made = full(tmp_path / "a", card=made_card.card() | {"encoder": {"id": "another"}})["report.md"]
    assert "its accuracy was not measured" in made
    assert "= int8" not in made


def test_a_student_without_accuracies_gets_a_report_that_says_so(tmp_path):
    made = full(tmp_path / "a", card={}, bench=None, listening=None, logmels=None)
    assert "carries no measured accuracies" in made["report.html"]
    assert "carries no measured accuracies" in made["report.md"]


def test_no_path_of_the_machine_enters_a_report(tmp_path):
    assert all("/some/machine" not in text for text in full(tmp_path / "a").values())


def test_a_log_mel_survives_storage_within_a_quarter_of_a_decibel():
    db = np.random.default_rng(1).uniform(-100, 20, (40, 64))
    back = unpack_logmel(json.loads(json.dumps(pack_logmel(db))))
    assert back.shape == db.shape and np.abs(back - db).max() <= 0.25 + 1e-9


def test_figures_that_are_no_numbers_become_null_and_a_dash(tmp_path):
    manifest = made_manifest()
    manifest["drift"][0]["mean"] = float("nan")
    made = full(tmp_path / "a", manifest=manifest, bench=None)
    assert json.loads(made["report.json"], parse_constant=pytest.fail)["manifest"]["drift"][0]["mean"] is None


def test_updating_what_is_no_report_is_one_clear_error(tmp_path):
    with pytest.raises(UsageError, match=r"holds no report\.json"):
        update_report(tmp_path, bench={})
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(CorruptFile, match="is not a report"):
        update_report(tmp_path, bench={})
    full(tmp_path)
    with pytest.raises(TypeError, match="no section photographs"):
        update_report(tmp_path, photographs={})


def test_chance_of_attribute_queries_is_that_of_their_answers():
    assert {name: len(answers) for name, answers in QUERIES.items()} == ATTRIBUTE_ANSWERS
