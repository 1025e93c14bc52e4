"""The pages say what is so: tables are those of the results, commands and links exist, nobody's machine shows through."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from benchmarks.pages import outdated, pages, render
from benchmarks.store import ROOT, load_results
from benchmarks.tables import TABLES
from tinyclap_edge.cli.embed import EmbedGroup
from tinyclap_edge.cli.main import VERBS, main

PAGES = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in pages()}
SUFFIXES = {
    ".py",
    ".md",
    ".c",
    ".h",
    ".json",
    ".yaml",
    ".toml",
    ".txt",
    ".ini",
    ".svg",
    ".j2",
    ".log",
    ".cfg",
    ".in",
    "",
}
# Homes and work folders of some machine. Linux's own places (/usr, /tmp, /dev) say nothing about anybody.
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(?:home|root|work|Users|mnt|opt|srv)/\w|\b[A-Z]:\\\\?Users\b")


def test_generated_tables_are_up_to_date_with_the_results() -> None:
    assert outdated(load_results()) == []


def test_a_page_that_was_edited_by_hand_is_found_out() -> None:
    page = "before\n<!-- table:exit-codes -->\n| typed | by hand |\n<!-- /table -->\nafter\n"
    made = render(page, {})
    assert made != page and "typed" not in made and made.startswith("before\n") and made.endswith("\nafter\n")
    assert render(made, {}) == made


def test_a_marker_without_its_partner_or_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="partner"):
        render("<!-- table:exit-codes -->\n", {})
    with pytest.raises(ValueError, match="no table 'nothing'"):
        render("<!-- table:nothing -->\n<!-- /table -->\n", {})


def test_every_table_stands_on_some_page() -> None:
    used = {name for text in PAGES.values() for name in re.findall(r"<!-- table:([\w-]+) -->", text)}
    assert set(TABLES) == used


def command_lines() -> list[tuple[str, str]]:
    """(page, line) of every tinyclap-edge command in indented or fenced code, without prompt and comment."""
    found = []
    for page, text in PAGES.items():
        for line in re.findall(r"^(?:    |\$ )(tinyclap-edge .*)$", text, re.MULTILINE):
            found.append((page, re.sub(r"\s+#.*$", "", line)))
    return found


def commands_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command object that the words name, and what is left of them."""
    context = click.Context(main)
    command = main.get_command(context, words[0])
    assert command is not None, f"no verb {words[0]}"
    rest = words[1:]
    if isinstance(command, EmbedGroup) and rest[:1] and rest[0].startswith("-"):
        rest = ["run", *rest]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"no {words[0]} {rest[0]}"
        command, rest = inner, rest[1:]
    return command, rest


def test_every_verb_that_a_page_names_exists() -> None:
    for page, text in PAGES.items():
        for verb in re.findall(r"`tinyclap-edge ([a-z][a-z-]*)", text):
            assert verb in VERBS, f"{page} names tinyclap-edge {verb}"


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_every_command_line_of_a_page_has_a_verb_and_options_that_exist(page: str, line: str) -> None:
    command, rest = commands_of(shlex.split(line)[1:])
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{page}: {line}"


def test_every_make_target_and_extra_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = set(
        re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text().split("optional-dependencies]")[1], re.M)
    )
    for page, text in PAGES.items():
        for target in re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE):
            assert target in targets, f"{page} names make {target}"
        for listed in re.findall(r"(?:tinyclap-edge|\.)\[([\w,]+)\]", text):
            assert set(listed.split(",")) <= extras, f"{page} names [{listed}]"


def heading_ids(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_resolves(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {link}"
        if anchor:
            assert anchor in heading_ids(target.read_text(encoding="utf-8")), f"{page} links to {link}"


def text_files() -> list[Path]:
    """What the repository tracks, as far as it is text."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.suffix in SUFFIXES and path.is_file()]


def test_no_machine_path_appears_in_a_text_file() -> None:
    for path in text_files():
        found = MACHINE_PATH.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)} holds the path {found[0]!r}"


@pytest.mark.parametrize("root", ["home", "root", "Users"])
def test_the_pattern_of_machine_paths_finds_them_and_leaves_others_alone(root: str) -> None:
    assert MACHINE_PATH.search(f"see /{root}/notes") and MACHINE_PATH.search(f"'/{root}/x'")
    assert not MACHINE_PATH.search(f"tests/{root}/data ../{root}/x ~/{root}/y https://a.org/{root}/b /usr/bin/env")
