"""Weight files that are damaged, hostile or of another kind: refused in one sentence, and nothing of them runs."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from cli.command import cli, refused  # noqa: E402

from tinyclap_edge.errors import CorruptFile, UsageError  # noqa: E402
from tinyclap_edge.teachers.registry import open_teacher  # noqa: E402


class RunsCode:
    """A pickle that touches a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_with_code_is_refused_and_nothing_of_it_runs(tmp_path):
    witness = tmp_path / "ran"
    for name, write in {
        "zipped.pth": lambda path: torch.save({"model": RunsCode(witness)}, path),
        "plain.pth": lambda path: path.write_bytes(pickle.dumps({"model": RunsCode(witness)})),
    }.items():
        write(tmp_path / name)
        with pytest.raises(CorruptFile, match="code to be run") as caught:
            open_teacher("msclap-2022", tmp_path / name)
        assert caught.value.exit_code == 7 and not witness.exists()


def test_files_that_are_no_weights_are_refused(tmp_path):
    torch.save({"model": {"x": torch.zeros(4096)}}, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 100_000)
    torch.save([1, 2], tmp_path / "list.pth")
    for name, data, says in (
        ("cut.pth", whole[:-2000], "not a readable weight file"),
        ("half.pth", whole[: len(whole) // 2], "not a readable weight file"),
        ("empty.pth", b"", "not a readable weight file"),
        ("text.pth", b"hello", "not a readable weight file"),
        ("noise.safetensors", b"\xff" * 64, "not a readable weight file"),
        ("whole.pth", whole, r"lacks audio_encoder\.base\.bn0\.weight and \d+ more"),
        ("bomb.pth", None, "compressed archive"),
        ("list.pth", None, "holds list"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptFile, match=says) as caught:
            open_teacher("msclap-2022", tmp_path / name)
        assert caught.value.hint


def test_matpac_needs_its_position_table(tmp_path):
    torch.save({"pos_embed": torch.zeros(1, 8, 768)}, tmp_path / "w.pt")
    with pytest.raises(CorruptFile, match="pos_embed of shape"):
        open_teacher("matpac", tmp_path / "w.pt")
    with pytest.raises(UsageError, match="there are no weights"):
        open_teacher("matpac", tmp_path / "absent.pt")


def test_the_command_line_says_it_in_one_sentence(tmp_path):
    torch.save({"model": RunsCode(tmp_path / "ran")}, tmp_path / "evil.pth")
    done = cli(
        "teachers", "fetch", "msclap-2022", "--from", str(tmp_path / "evil.pth"), env={"TINYCLAP_HOME": str(tmp_path)}
    )
    assert done.returncode == 7 and "nothing of it was executed" in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.index("MS-PL") < done.stderr.index("error:")  # the licence is shown first
    assert not (tmp_path / "ran").exists() and not (tmp_path / "teachers" / "msclap-2022").exists()
    refused(cli("teachers", "show", "clap"), 2, "no teacher 'clap'")
