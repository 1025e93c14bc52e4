"""Fetching: hashes pinned or recorded, downloads that go on, files of one's own; the cache is never left half done."""

from __future__ import annotations

import hashlib
import io
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tinyclap_edge.errors import CorruptFile, ToolMissing, UsageError
from tinyclap_edge.teachers.cache import RECORD, checked_folder, folder_of, read_record
from tinyclap_edge.teachers.card import TeacherFile
from tinyclap_edge.teachers.fetch import fetch
from tinyclap_edge.teachers.registry import find_card

SHIPPED = Path(__file__).resolve().parents[2] / "tinyclap_edge" / "models" / "reference" / "teacher.safetensors"
WEIGHTS = SHIPPED.read_bytes()
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
# The only published teacher that is small enough: the reference, as if it were offered for download.
CARD = replace(
    find_card("reference"),
    files=(
        TeacherFile("teacher.safetensors", "https://example.org/teacher.safetensors"),
        TeacherFile("tokenizer.json", "https://example.org/tokenizer.json", optional=True),
    ),
)
PINNED = replace(CARD, files=(replace(CARD.files[0], sha256=SHA256),))


class Server:
    """Answers like a web server that knows byte ranges; `cut` ends the next answers after so many bytes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.cut, self.asked, self.ranges = files, 0, [], True

    def __call__(self, url: str, first: int):
        self.asked.append((url, first))
        data = self.files.get(url.rpartition("/")[2])
        if data is None:
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)  # type: ignore[arg-type]
        if first >= len(data) and first:
            raise urllib.error.HTTPError(url, 416, "Range Not Satisfiable", {}, None)  # type: ignore[arg-type]
        data = data[first if self.ranges else 0 :]
        answer = io.BytesIO(data[: self.cut or None])
        answer.status = 206 if first and self.ranges else 200  # type: ignore[attr-defined]
        answer.headers = {"Content-Length": str(len(data))}  # type: ignore[attr-defined]
        return answer


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCLAP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    return tmp_path / "home"


@pytest.fixture
def server():
    return Server({"teacher.safetensors": WEIGHTS})


def test_the_first_fetch_records_the_hash_and_a_second_one_asks_nobody(server):
    seen = []
    done = fetch(CARD, open_url=server, progress=lambda name, count, total: seen.append((count, total)))
    assert done.opened and done.fresh == ("teacher.safetensors",) and done.left_out == ("tokenizer.json",)
    assert read_record("reference")["teacher.safetensors"].sha256 == SHA256
    assert sum(count for count, _ in seen) == len(WEIGHTS) and seen[-1][1] == len(WEIGHTS)
    asked = len(server.asked)
    again = fetch(CARD, open_url=server)
    assert again.fresh == () and len(server.asked) == asked
    assert checked_folder(CARD) == folder_of("reference")
    assert sorted(path.name for path in folder_of("reference").iterdir()) == [RECORD, "teacher.safetensors"]
    assert [path.name for path in folder_of("reference").parent.iterdir()] == ["reference"]


def test_a_pinned_hash_decides(server):
    assert fetch(PINNED, open_url=server).files[0].sha256 == SHA256
    wrong = replace(PINNED, files=(replace(PINNED.files[0], sha256="0" * 64),))
    with pytest.raises(CorruptFile, match="000000000000... is pinned"):
        fetch(wrong, again=True, open_url=server)
    assert read_record("reference")["teacher.safetensors"].sha256 == SHA256  # what was there still stands


def test_a_file_that_changed_after_the_fetch_is_noticed_at_every_use(server):
    fetch(CARD, open_url=server)
    path = folder_of("reference") / "teacher.safetensors"
    path.write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
    with pytest.raises(CorruptFile, match="when it was fetched") as caught:
        checked_folder(CARD)
    assert "--again" in caught.value.hint
    path.unlink()
    with pytest.raises(CorruptFile, match="is gone"):
        fetch(CARD, open_url=server)
    fetch(CARD, again=True, open_url=server)
    assert checked_folder(CARD)


def test_another_file_than_the_recorded_one_is_refused_and_the_old_one_stands(server, tmp_path):
    fetch(CARD, open_url=server)
    other = tmp_path / "teacher.safetensors"
    other.write_bytes(WEIGHTS + b" ")
    with pytest.raises(CorruptFile, match="recorded when it was first fetched"):
        fetch(CARD, [other], open_url=server)
    assert checked_folder(CARD)
    other.write_bytes(WEIGHTS)
    assert fetch(CARD, [other], open_url=server).files[0].sha256 == SHA256  # the recorded one is welcome


def test_a_download_that_was_cut_off_goes_on_where_it_stopped(server):
    server.cut = 1_000_000
    with pytest.raises(ToolMissing, match="cut off after 1,000,000 of") as caught:
        fetch(CARD, open_url=server)
    assert "goes on where it stopped" in caught.value.hint and not folder_of("reference").exists()
    server.cut = 0
    assert fetch(CARD, open_url=server).files[0].sha256 == SHA256
    assert server.asked[1][1] == 1_000_000


def test_a_server_without_ranges_starts_anew(server):
    server.cut, server.ranges = 1000, False
    with pytest.raises(ToolMissing):
        fetch(CARD, open_url=server)
    server.cut = 0
    assert fetch(CARD, open_url=server).files[0].sha256 == SHA256


def test_a_file_that_is_not_offered_may_have_a_substitute():
    card = replace(
        CARD,
        files=(
            TeacherFile("model.safetensors", "https://example.org/model.safetensors"),
            replace(CARD.files[0], instead_of="model.safetensors"),
        ),
    )
    assert fetch(card, open_url=Server({"teacher.safetensors": WEIGHTS})).fresh == ("teacher.safetensors",)
    with pytest.raises(ToolMissing, match="not offered|answers 404"):
        fetch(card, again=True, open_url=Server({}))


def test_what_is_not_the_teacher_is_not_kept(server):
    server.files["teacher.safetensors"] = b"<html>Please log in</html>"
    with pytest.raises(CorruptFile, match="not a readable teacher"):
        fetch(CARD, open_url=server)
    assert not folder_of("reference").exists()
    server.files["teacher.safetensors"] = WEIGHTS  # nothing of the page is taken for the beginning of a download
    assert fetch(CARD, open_url=server).files[0].sha256 == SHA256


@pytest.mark.parametrize("name", ["teacher.safetensors", "my-own-copy.safetensors", "."])
def test_files_of_ones_own_are_taken_instead(tmp_path, name, server):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / ("teacher.safetensors" if name == "." else name)).write_bytes(WEIGHTS)
    done = fetch(CARD, [folder / name], open_url=server)
    assert done.files[0].sha256 == SHA256 and done.files[0].origin.startswith(str(folder))
    assert [url for url, _ in server.asked] == ["https://example.org/tokenizer.json"]


def test_what_another_program_downloaded_is_used(tmp_path, server):
    url = "https://huggingface.co/some/where/resolve/main/teacher.safetensors"
    card = replace(CARD, files=(replace(CARD.files[0], url=url),))
    snapshot = tmp_path / "hub" / "models--some--where" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "teacher.safetensors").write_bytes(WEIGHTS)
    assert fetch(card, open_url=server).files[0].sha256 == SHA256 and server.asked == []


def test_a_mirror_named_by_the_environment_is_asked(monkeypatch, server):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example.org/")
    url = "https://huggingface.co/some/where/resolve/main/teacher.safetensors"
    fetch(replace(CARD, files=(replace(CARD.files[0], url=url),)), open_url=server)
    assert server.asked[0][0] == "https://mirror.example.org/some/where/resolve/main/teacher.safetensors"


def test_requests_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        fetch(CARD, [tmp_path / "absent"])
    with pytest.raises(UsageError, match="holds none of"):
        fetch(CARD, [tmp_path])
    for name in ("m2d", "reference"):
        with pytest.raises(UsageError, match="nothing to fetch"):
            fetch(find_card(name))
    with pytest.raises(UsageError, match="not an https address"):
        fetch(replace(CARD, files=(TeacherFile("a", "http://example.org/a"),)))


@pytest.mark.parametrize(
    "text",
    ["{", '{"files": [{"name": "x"}]}', '{"files": [{"name": "../x", "sha256": "00", "bytes": 1, "origin": ""}]}'],
)
def test_a_damaged_record_is_corrupt(home, text):
    folder_of("reference").mkdir(parents=True)
    (folder_of("reference") / RECORD).write_text(text)
    with pytest.raises(CorruptFile, match="not a readable record"):
        checked_folder(CARD)


def test_a_full_disk_leaves_what_was_there(server, monkeypatch):
    import errno
    import os

    fetch(CARD, open_url=server)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(os, "fsync", full)
        fetch(CARD, again=True, open_url=server)
    assert checked_folder(CARD)
    assert fetch(CARD, again=True, open_url=server).files[0].sha256 == SHA256
